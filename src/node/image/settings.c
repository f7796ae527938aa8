/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/settings.h"

#include "base/core/err.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/image/manifest.h"
#include "node/image/store.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define NAME "settings.json"
#define BYTES_MAX 65536u

static const struct {
	const char *key;
	int64_t least, most;
	size_t at;
} members[] = {
    {"bytes", 1, INT64_MAX, offsetof(struct image_store, limits.bytes)},
    {"files", 1, INT64_MAX, offsetof(struct image_store, limits.files)},
    {"ratio", 1, 1000000, offsetof(struct image_store, limits.ratio)},
    {"depth", 1, 2048, offsetof(struct image_store, limits.depth)},
    {"window", 1024, 2ll << 30, offsetof(struct image_store, limits.window)},
    {"layers", 1, MANIFEST_LAYERS_MAX, offsetof(struct image_store, layers_max)},
};
#define N_MEMBERS (sizeof members / sizeof *members)

static int check_names(yyjson_val *root, struct err *err)
{
	yyjson_val *key, *val;
	size_t i, max;

	yyjson_obj_foreach (root, i, max, key, val) {
		size_t n = 0;

		while (n < N_MEMBERS && strcmp(members[n].key, yyjson_get_str(key)) != 0)
			n++;
		if (n == N_MEMBERS)
			return err_set(err, EINVAL, "there is no setting \"%.100s\"", yyjson_get_str(key));
	}
	return yyjson_is_obj(root) ? 0 : err_set(err, EINVAL, "an object is needed");
}

static int parse(struct image_store *s, yyjson_val *root, struct err *err)
{
	int r = check_names(root, err);

	for (size_t i = 0; r == 0 && i < N_MEMBERS; i++) {
		int64_t value = 0;

		r = json_opt_int(root, members[i].key, members[i].least, members[i].most, &value, err);
		if (r == 0 && value)
			*(uint64_t *)((char *)s + members[i].at) = (uint64_t)value;
	}
	return r;
}

int settings_read(struct image_store *s, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	mem_cleanup char *text = NULL;
	struct stat st;
	size_t n;
	int r;

	s->layers_max = MANIFEST_LAYERS_MAX;
	if (fstatat(s->root, NAME, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	r = fs_read(s->root, NAME, BYTES_MAX, &text, &n, err);
	if (r < 0)
		return r;
	doc = json_parse(text, n, BYTES_MAX, "images/" NAME, err);
	if (!doc)
		return err ? -err->code : -EINVAL;
	r = parse(s, yyjson_doc_get_root(doc), err);
	return r < 0 && err ? err_wrap(err, "images/" NAME) : r;
}
