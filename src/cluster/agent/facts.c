/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/agent/facts.h"

#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/json.h"

#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>

#define FILE_MAX (64u << 10)

/* One line of a file of the kernel; NULL when there is none. The caller frees. */
static char *line_of(const char *path)
{
	fd_cleanup int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	size_t n;

	if (fd < 0 || fd_read_all(fd, FILE_MAX, &text, &n) < 0)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

/* "0-3,8" -> 5 */
static unsigned count_list(const char *list)
{
	unsigned n = 0;

	while (list && *list) {
		char *end;
		unsigned long from = strtoul(list, &end, 10), to = *end == '-' ? strtoul(end + 1, &end, 10) : from;

		if (end == list || to < from)
			break;
		n += (unsigned)(to - from + 1);
		list = *end == ',' ? end + 1 : NULL;
	}
	return n;
}

/* The features that programs are compiled for, not all two hundred. */
static void add_cpu(yyjson_mut_doc *d, yyjson_mut_val *o)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(d, o, "cpu_flags");

#if defined(__x86_64__)
	static const char *const names[] = {"sse4_2", "avx", "avx2", "fma", "avx512f", "aes"};
	const bool has[] = {__builtin_cpu_supports("sse4.2"),  __builtin_cpu_supports("avx"),
			    __builtin_cpu_supports("avx2"),    __builtin_cpu_supports("fma"),
			    __builtin_cpu_supports("avx512f"), __builtin_cpu_supports("aes")};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (has[i])
			yyjson_mut_arr_add_str(d, list, names[i]);
	}
#else
	(void)list;
#endif
}

char *facts_json(unsigned cores)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(d);
	mem_cleanup char *numa = line_of("/sys/devices/system/node/online");
	struct utsname u = {.sysname = ""};
	unsigned nodes = count_list(numa);

	yyjson_mut_doc_set_root(d, o);
	uname(&u);
	yyjson_mut_obj_add_str(d, o, "version", BERTH_VERSION);
	yyjson_mut_obj_add_strcpy(d, o, "kernel", u.release);
	yyjson_mut_obj_add_strcpy(d, o, "arch", u.machine);
	yyjson_mut_obj_add_uint(d, o, "cores", cores);
	yyjson_mut_obj_add_uint(d, o, "numa", nodes ? nodes : 1);
	add_cpu(d, o);
	return json_text(d, false, NULL);
}
