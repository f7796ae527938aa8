/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/config.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/image/document.h"
#include "node/image/guard.h"
#include "node/image/platform.h"
#include "node/image/ref.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define CONFIG_TYPE "application/vnd.oci.image.config.v1+json"
#define LAYER_TYPE "application/vnd.oci.image.layer.v1.tar"
static yyjson_mut_val *descriptor(yyjson_mut_doc *doc, const char *type, const char *hex, uint64_t size)
{
	yyjson_mut_val *d = yyjson_mut_obj(doc);
	mem_cleanup char *digest = mem_printf("sha256:%s", hex);

	yyjson_mut_obj_add_str(doc, d, "mediaType", type);
	yyjson_mut_obj_add_strcpy(doc, d, "digest", digest);
	yyjson_mut_obj_add_uint(doc, d, "size", size);
	return d;
}

char *config_manifest_text(const char *config_hex, size_t config_size, const struct image_unpacked *u, size_t *ret_len)
{
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc), *layers = yyjson_mut_arr(doc);

	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_int(doc, root, "schemaVersion", 2);
	yyjson_mut_obj_add_str(doc, root, "mediaType", MANIFEST_TYPE);
	yyjson_mut_obj_add_val(doc, root, "config", descriptor(doc, CONFIG_TYPE, config_hex, config_size));
	yyjson_mut_arr_append(layers, descriptor(doc, LAYER_TYPE, u->diff_id, u->tar_size));
	yyjson_mut_obj_add_val(doc, root, "layers", layers);
	return json_text(doc, false, ret_len);
}

/* RFC 3339, as clock_format() writes it and with the fractions and offsets that others use. A time that cannot be read is 0. */
static int64_t parse_time(const char *text)
{
	int year, month, day, hour, minute, second, used = 0, off_h = 0, off_m = 0;
	int64_t ms = 0, scale = 100;
	struct tm tm;

	if (!text ||
	    sscanf(text, "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute, &second, &used) != 6)
		return 0;
	text += used;
	if (*text == '.') {
		for (text++; *text >= '0' && *text <= '9'; text++, scale /= 10)
			ms += (*text - '0') * scale;
	}
	if ((*text == '+' || *text == '-') && sscanf(text + 1, "%2d:%2d", &off_h, &off_m) != 2)
		return 0;
	tm = (struct tm){.tm_year = year - 1900,
			 .tm_mon = month - 1,
			 .tm_mday = day,
			 .tm_hour = hour,
			 .tm_min = minute,
			 .tm_sec = second};
	off_m += 60 * off_h;
	return ((int64_t)timegm(&tm) - (*text == '-' ? -off_m : off_m) * 60) * 1000 + ms;
}

static int parse_diff_ids(yyjson_val *root, struct image_info *i, struct err *err)
{
	yyjson_val *rootfs = yyjson_obj_get(root, "rootfs"), *ids = yyjson_obj_get(rootfs, "diff_ids"), *id;
	const char *type = NULL;
	size_t at, max;
	int r = document_keys(rootfs, "rootfs", err);

	if (r == 0)
		r = document_text(rootfs, "type", 255, &type, err);
	if (r < 0)
		return r;
	if (!type || strcmp(type, "layers") != 0 || !yyjson_is_arr(ids) || yyjson_arr_size(ids) == 0)
		return err_set(err, EINVAL, "rootfs has no layers");
	if (yyjson_arr_size(ids) > CONFIG_LAYERS_MAX)
		return err_set(err, E2BIG, "rootfs has more than %u layers", CONFIG_LAYERS_MAX);
	yyjson_arr_foreach (ids, at, max, id) {
		if (!yyjson_is_str(id) || yyjson_get_len(id) != 71 || !ref_is_digest(yyjson_get_str(id)))
			return err_set(err, EINVAL,
				       "the digest of layer %zu is not \"sha256:\" and 64 lower-case "
				       "hexadecimal digits",
				       at + 1);
		mem_strv_add(&i->layers, yyjson_get_str(id) + 7);
	}
	return 0;
}

static bool has_control(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	}
	return false;
}

static int parse_run(yyjson_val *root, struct image_info *i, struct err *err)
{
	const char *dir = NULL, *user = NULL, *stop = NULL;
	yyjson_val *c = yyjson_obj_get(root, "config");
	int r;

	if (!c || yyjson_is_null(c))
		return 0;
	r = document_keys(c, "config", err);
	if (r < 0 || (r = document_list(c, "Env", &i->env, err)) < 0 ||
	    (r = document_list(c, "Entrypoint", &i->entrypoint, err)) < 0 ||
	    (r = document_list(c, "Cmd", &i->cmd, err)) < 0 ||
	    (r = document_text(c, "WorkingDir", 4095, &dir, err)) < 0 ||
	    (r = document_text(c, "User", 255, &user, err)) < 0 ||
	    (r = document_text(c, "StopSignal", 31, &stop, err)) < 0)
		return r;
	if (dir && *dir && *dir != '/')
		return err_set(err, EINVAL, "the working directory \"%.100s\" is not an absolute path", dir);
	if ((dir && has_control(dir)) || (user && has_control(user)) || (stop && has_control(stop)))
		return err_set(err, EINVAL, "WorkingDir, User or StopSignal has control characters in it");
	i->working_dir = mem_strdup(dir && *dir ? dir : NULL);
	i->user = mem_strdup(user && *user ? user : NULL);
	i->stop_signal = mem_strdup(stop && *stop ? stop : NULL);
	return 0;
}

/* ---- what an image says about its surroundings: kept as far as it can be meant, the rest is passed over ---- */

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (!path[n] || path[n] == '/');
}

/* A volume at "/" would hide the image, one at /proc the kernel; ".." may mean another place once links are followed (CVE-2022-23648). */
static bool volume_ok(const char *path)
{
	mem_cleanup char *slashed = mem_printf("%s/", path);

	if (!IMAGE_GUARD(I9))
		return true;
	return *path == '/' && path[strspn(path, "/.")] && !strstr(slashed, "/../") && !strstr(slashed, "/./") &&
	       !strstr(path, "//") && strlen(path) < 4096 && !has_control(path) && !is_below(path, "/proc") &&
	       !is_below(path, "/sys") && !is_below(path, "/dev");
}

/* PORT[-PORT][/tcp|udp|sctp] */
static bool port_ok(const char *text)
{
	char *end;
	unsigned long from = *text >= '0' && *text <= '9' ? strtoul(text, &end, 10) : 0, to = from;

	if (from == 0)
		return false;
	if (*end == '-' && end[1] >= '0' && end[1] <= '9')
		to = strtoul(end + 1, &end, 10);
	return from <= to && to <= 65535 &&
	       (!*end || !strcmp(end, "/tcp") || !strcmp(end, "/udp") || !strcmp(end, "/sctp"));
}

static int get_keys(yyjson_val *c, const char *key, bool (*ok)(const char *), char ***ret, struct err *err)
{
	yyjson_val *map = yyjson_obj_get(c, key), *name, *val;
	size_t i, max;
	int r;

	if (!map || yyjson_is_null(map))
		return 0;
	r = document_map(map, key, err);
	if (r < 0)
		return r;
	yyjson_obj_foreach (map, i, max, name, val) {
		if (ok(yyjson_get_str(name)))
			mem_strv_add(ret, yyjson_get_str(name));
	}
	return 0;
}

#define OWN_LABELS "io.berth."

/* Labels of our own name space would be taken for ours (CVE-2026-53488). */
static int get_labels(yyjson_val *c, struct image_info *i, struct err *err)
{
	cleanup_with(mem_strv_freep) char **all = NULL;
	int r = document_pairs(c, "Labels", &all, err);

	for (char **l = all; r == 0 && l && *l; l++) {
		if (strncmp(*l, OWN_LABELS, strlen(OWN_LABELS)) != 0)
			mem_strv_add(&i->labels, *l);
	}
	return r;
}

static int parse_surroundings(yyjson_val *root, struct image_info *i, struct err *err)
{
	yyjson_val *c = yyjson_obj_get(root, "config");
	int r;

	if (!c || yyjson_is_null(c))
		return 0;
	r = get_keys(c, "Volumes", volume_ok, &i->volumes, err);
	if (r == 0)
		r = get_keys(c, "ExposedPorts", port_ok, &i->exposed_ports, err);
	return r < 0 ? r : get_labels(c, i, err);
}

static int parse_platform(yyjson_val *root, struct image_info *i, struct err *err)
{
	const char *architecture = NULL, *variant = NULL;
	char text[PLATFORM_TEXT_MAX];
	struct platform p;
	int r = document_text(root, "architecture", 255, &architecture, err);

	if (r == 0)
		r = document_text(root, "variant", 255, &variant, err);
	if (r == 0)
		r = platform_set(&p, "linux", architecture, variant, err);
	if (r == 0)
		i->platform = mem_strdup(platform_text(&p, text));
	return r;
}

int config_parse(const char *text, size_t n, struct image_info **ret, struct err *err)
{
	struct err own = ERR_INIT;
	json_doc_cleanup yyjson_doc *doc =
	    json_parse(text, n, CONFIG_BYTES_MAX, "the image config", err = err ? err : &own);
	cleanup_with(image_info_freep) struct image_info *i = mem_new(struct image_info);
	yyjson_val *root = yyjson_doc_get_root(doc);
	const char *created = NULL, *os = NULL;
	int r;

	if (!doc)
		return -err->code;
	r = document_keys(root, "the image config", err);
	if (r == 0)
		r = document_text(root, "os", 255, &os, err);
	if (r == 0)
		r = document_text(root, "created", 255, &created, err);
	if (r < 0)
		return r;
	if (!os || strcmp(os, "linux") != 0)
		return err_set(err, EINVAL, "the image is for \"%.50s\", not for linux", os ? os : "");
	r = parse_diff_ids(root, i, err);
	if (r == 0)
		r = parse_run(root, i, err);
	if (r == 0)
		r = parse_surroundings(root, i, err);
	if (r == 0)
		r = parse_platform(root, i, err);
	if (r < 0)
		return r;
	i->created_ms = parse_time(created);
	*ret = mem_take(i);
	return 0;
}

/* config.md, "architecture": the names of the Go language */
static const char *architecture(const struct utsname *host)
{
	static const char *const names[][2] = {
	    {"x86_64", "amd64"}, {"aarch64", "arm64"}, {"i686", "386"}, {"armv7l", "arm"}, {"ppc64le", "ppc64le"},
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!strcmp(host->machine, names[i][0]))
			return names[i][1];
	}
	return host->machine;
}

static void add_run(yyjson_mut_doc *doc, yyjson_mut_val *root, const struct image_import_options *o)
{
	yyjson_mut_val *c = yyjson_mut_obj(doc);

	yyjson_mut_obj_add_val(doc, root, "config", c);
	json_add_strv(doc, c, "Env", o->env);
	json_add_strv(doc, c, "Entrypoint", o->entrypoint);
	json_add_strv(doc, c, "Cmd", o->cmd);
	if (o->working_dir)
		yyjson_mut_obj_add_strcpy(doc, c, "WorkingDir", o->working_dir);
	if (o->user)
		yyjson_mut_obj_add_strcpy(doc, c, "User", o->user);
}

static void add_rootfs(yyjson_mut_doc *doc, yyjson_mut_val *root, const char *diff_id)
{
	yyjson_mut_val *rootfs = yyjson_mut_obj(doc), *ids = yyjson_mut_arr(doc);
	mem_cleanup char *digest = mem_printf("sha256:%s", diff_id);

	yyjson_mut_obj_add_str(doc, rootfs, "type", "layers");
	yyjson_mut_arr_add_strcpy(doc, ids, digest);
	yyjson_mut_obj_add_val(doc, rootfs, "diff_ids", ids);
	yyjson_mut_obj_add_val(doc, root, "rootfs", rootfs);
}

/* In Docker's words: a layer of which the history says nothing would be taken for that of another step. */
static void add_history(yyjson_mut_doc *doc, yyjson_mut_val *root, const char *created)
{
	yyjson_mut_val *step = yyjson_mut_arr_add_obj(doc, yyjson_mut_obj_add_arr(doc, root, "history"));

	yyjson_mut_obj_add_str(doc, step, "created", created);
	yyjson_mut_obj_add_str(doc, step, "comment", "Imported from -");
}

/* Without zeros at the end of the fraction, as programs in Go write a time: the config keeps its digest when one of them copies the image. */
static char *short_time(int64_t ms, char text[static CLOCK_TEXT_MAX])
{
	size_t n;

	clock_format(ms, text);
	n = strlen(text) - 1;
	while (text[n - 1] == '0')
		n--;
	if (text[n - 1] == '.')
		n--;
	memcpy(text + n, "Z", 2);
	return text;
}

int config_text(const struct image_unpacked *u, const struct image_import_options *o, int64_t created_ms, char **ret,
		size_t *ret_len, struct err *err)
{
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	cleanup_with(image_info_freep) struct image_info *check = NULL;
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	mem_cleanup char *text = NULL;
	char created[CLOCK_TEXT_MAX];
	struct utsname host;
	int r;

	if (uname(&host) < 0)
		return err_sys(err, errno, "ask for the machine's architecture");
	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_strcpy(doc, root, "created", short_time(created_ms, created));
	yyjson_mut_obj_add_strcpy(doc, root, "architecture", architecture(&host));
	yyjson_mut_obj_add_str(doc, root, "os", "linux");
	if (o)
		add_run(doc, root, o);
	add_rootfs(doc, root, u->diff_id);
	add_history(doc, root, created);
	text = json_text(doc, false, ret_len);
	/* What we write must be readable by what we read; this is the check of the options, too. */
	r = config_parse(text, *ret_len, &check, err);
	if (r == 0)
		*ret = mem_take(text);
	return r;
}
