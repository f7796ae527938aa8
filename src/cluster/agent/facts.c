/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/agent/facts.h"

#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "cluster/agent/disk.h"
#include "cluster/agent/holdings.h"
#include "cluster/agent/numa.h"
#include "node/engine/engine.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define IMAGES_MAX 500
#define ID_DIGITS 16
#define CPUINFO_MAX (4u << 20)

/* The features that programs are compiled for or need, by the kernel's names, not all two hundred. */
static const char *const flags[] = {"sse4_2",	"popcnt",   "avx",	"avx2",	    "fma",	"f16c",
				    "bmi2",	"avx512f",  "avx512bw", "avx512dq", "avx512vl", "avx512_vnni",
				    "avx_vnni", "amx_tile", "amx_bf16", "amx_int8", "aes",	"pclmulqdq",
				    "sha_ni",	"rdrand",   "vmx",	"svm",	    "asimd",	"asimddp",
				    "sve",	"sve2",	    "atomics",	"sha2",	    "crc32",	NULL};

/* The value of the first line that begins with one of the keys ("flags", on ARM "Features"); to the end of the line. */
static const char *cpu_line(const char *text, const char *key, size_t *ret_n)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, strlen(key)) && strchr("\t :", line[strlen(key)])) {
			line += strcspn(line, ":");
			*ret_n = strcspn(line, "\n");
			return line;
		}
	}
	return NULL;
}

static bool has_word(const char *words, size_t n, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = words; (p = memmem(p, n - (size_t)(p - words), word, len)); p += len) {
		bool begins = p > words && p[-1] == ' ', ends = p + len == words + n || p[len] == ' ';

		if (begins && ends)
			return true;
	}
	return false;
}

static void add_cpu(yyjson_mut_doc *d, yyjson_mut_val *o, const char *cpuinfo)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(d, o, "cpu_flags");
	size_t n = 0;
	const char *words = cpu_line(cpuinfo, "flags", &n);

	if (!words)
		words = cpu_line(cpuinfo, "Features", &n);
	for (const char *const *flag = flags; words && *flag; flag++) {
		if (has_word(words, n, *flag))
			yyjson_mut_arr_add_str(d, list, *flag);
	}
}

static unsigned sockets(const char *cpuinfo)
{
	static const char key[] = "\nphysical id";
	uint64_t seen = 0;

	for (const char *p = cpuinfo; (p = strstr(p, key)); p += sizeof key - 1) {
		unsigned long id = strtoul(p + strcspn(p, ":") + 1, NULL, 10);

		seen |= (uint64_t)1 << (id % 64);
	}
	return seen ? (unsigned)__builtin_popcountll(seen) : 1;
}

/* All of a small file of the kernel, "" when there is none. */
static char *text_of(const char *path)
{
	fd_cleanup int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	size_t n;

	return fd >= 0 && fd_read_all(fd, CPUINFO_MAX, &text, &n) == 0 ? text : mem_strdup("");
}

struct images {
	yyjson_mut_doc *d;
	yyjson_mut_val *list, *ids;
};

/* With the beginning of its digest: the name may mean another one some day. */
static void add_image(void *ctx, const char *name, const char *id, uint64_t bytes)
{
	static const char prefix[] = "sha256:";
	struct images *to = ctx;

	if (yyjson_mut_obj_size(to->list) >= IMAGES_MAX)
		return;
	yyjson_mut_obj_add(to->list, yyjson_mut_strcpy(to->d, name), yyjson_mut_uint(to->d, bytes));
	if (id && !strncmp(id, prefix, sizeof prefix - 1) && strlen(id) >= sizeof prefix - 1 + ID_DIGITS)
		yyjson_mut_obj_add(to->ids, yyjson_mut_strcpy(to->d, name),
				   yyjson_mut_strncpy(to->d, id + sizeof prefix - 1, ID_DIGITS));
}

/* How many there are, and what the largest has. */
static void add_numa(yyjson_mut_doc *d, yyjson_mut_val *o)
{
	fd_cleanup int dir = numa_open();
	struct cores usable;
	struct numa_map map;
	uint64_t cores = 0, memory = 0;

	cores_usable(&usable);
	numa_read(dir, &usable, &map);
	for (unsigned k = 0; k < map.n; k++) {
		cores = map.nodes[k].cores > cores ? map.nodes[k].cores : cores;
		memory = map.nodes[k].memory > memory ? map.nodes[k].memory : memory;
	}
	yyjson_mut_obj_add_uint(d, o, "numa", map.n);
	yyjson_mut_obj_add_uint(d, o, "numa_cores", cores);
	yyjson_mut_obj_add_uint(d, o, "numa_memory", memory);
}

static void add_holdings(yyjson_mut_doc *d, yyjson_mut_val *o, const struct holdings *h)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(d, o, "data");

	for (char *const *name = holdings_names(h); name && *name; name++)
		yyjson_mut_arr_add_strcpy(d, list, *name);
}

static void add_disk(yyjson_mut_doc *d, yyjson_mut_val *o, const struct disk *disk)
{
	if (disk->total)
		yyjson_mut_obj_add_uint(d, o, "disk", disk->total);
	if (disk->all)
		yyjson_mut_obj_add_uint(d, o, "disk_free", disk->free);
}

char *facts_json(const struct facts_number *n, const struct disk *disk, const char *spaces, struct engine *e,
		 const struct holdings *h)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(d);
	mem_cleanup char *cpuinfo = text_of("/proc/cpuinfo");
	struct images images;
	struct utsname u = {.sysname = ""};

	yyjson_mut_doc_set_root(d, o);
	uname(&u);
	yyjson_mut_obj_add_str(d, o, "version", BERTH_VERSION);
	yyjson_mut_obj_add_strcpy(d, o, "kernel", u.release);
	yyjson_mut_obj_add_strcpy(d, o, "arch", u.machine);
	yyjson_mut_obj_add_uint(d, o, "cores", n->cores);
	add_numa(d, o);
	yyjson_mut_obj_add_uint(d, o, "sockets", sockets(cpuinfo));
	yyjson_mut_obj_add_uint(d, o, "gpus", n->gpus);
	if (n->gpus)
		yyjson_mut_obj_add_uint(d, o, "gpus_by_hand", n->gpus_by_hand);
	add_disk(d, o, disk);
	if (*spaces)
		yyjson_mut_obj_add_strcpy(d, o, "spaces", spaces);
	add_cpu(d, o, cpuinfo);
	add_holdings(d, o, h);
	images.d = d;
	images.list = yyjson_mut_obj_add_obj(d, o, "images");
	images.ids = yyjson_mut_obj_add_obj(d, o, "image_ids");
	engine_each_image(e, add_image, &images);
	return json_text(d, false, NULL);
}
