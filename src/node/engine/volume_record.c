/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/volume_record.h"

#include "base/core/err.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/json.h"

#include <string.h>
#include <unistd.h>

struct volume *volume_free(struct volume *v)
{
	if (!v)
		return NULL;
	free(v->name);
	free(v->path);
	mem_strv_free(v->labels);
	mem_strv_free(v->options);
	free(v);
	return NULL;
}

void volumes_free(struct volume **v)
{
	for (struct volume **one = v; one && *one; one++)
		volume_free(*one);
	free(v);
}

static int read_pairs(yyjson_val *root, const char *key, char ***ret, struct err *err)
{
	yyjson_val *pairs = yyjson_obj_get(root, key), *k, *v;
	size_t i, n;

	if (pairs && !yyjson_is_obj(pairs))
		return err_set(err, EINVAL, "%s: an object is needed", key);
	yyjson_obj_foreach (pairs, i, n, k, v) {
		mem_cleanup char *pair =
		    yyjson_is_str(v) ? mem_printf("%s=%s", yyjson_get_str(k), yyjson_get_str(v)) : NULL;

		if (!pair)
			return err_set(err, EINVAL, "%s: a string is needed", key);
		mem_strv_add(ret, pair);
	}
	return 0;
}

static int read_members(yyjson_val *root, struct volume *v, struct err *err)
{
	int r = yyjson_is_obj(root) ? 0 : err_set(err, EINVAL, "an object is needed");

	if (r == 0)
		r = read_pairs(root, "labels", &v->labels, err);
	if (r == 0)
		r = read_pairs(root, "options", &v->options, err);
	if (r == 0)
		r = json_opt_bool(root, "anonymous", &v->anonymous, err);
	return r < 0 ? r : json_opt_int(root, "created_ms", 0, INT64_MAX, &v->created_ms, err);
}

int volume_record_read(int dir, const char *name, struct volume *ret, struct err *err)
{
	mem_cleanup char *file = mem_printf("%s.json", name), *text = NULL;
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct err why = ERR_INIT;
	size_t n;
	int r = dir < 0 ? -ENOENT : fs_read(dir, file, VOLUME_RECORD_MAX, &text, &n, &why);

	if (r == -ENOENT)
		return 0;
	if (r == 0) {
		doc = json_parse(text, n, VOLUME_RECORD_MAX, file, &why);
		r = doc ? read_members(yyjson_doc_get_root(doc), ret, &why) : -EINVAL;
	}
	return r < 0 ? err_set(err, EIO, "the record of volume \"%s\": %s", name, why.text) : 0;
}

static void add_pairs(yyjson_mut_doc *d, const char *key, char *const *list)
{
	yyjson_mut_val *o = list ? yyjson_mut_obj_add_obj(d, yyjson_mut_doc_get_root(d), key) : NULL;

	for (; list && *list; list++) {
		const char *equal = strchr(*list, '=');
		size_t n = equal ? (size_t)(equal - *list) : strlen(*list);

		yyjson_mut_obj_add(o, yyjson_mut_strncpy(d, *list, n), yyjson_mut_strcpy(d, equal ? equal + 1 : ""));
	}
}

int volume_record_write(int dir, const struct volume *v, struct err *err)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	mem_cleanup char *file = mem_printf("%s.json", v->name), *text = NULL;
	yyjson_mut_val *root = yyjson_mut_obj(d);
	size_t n;

	yyjson_mut_doc_set_root(d, root);
	yyjson_mut_obj_add_sint(d, root, "created_ms", v->created_ms);
	if (v->anonymous)
		yyjson_mut_obj_add_bool(d, root, "anonymous", true);
	add_pairs(d, "labels", v->labels);
	add_pairs(d, "options", v->options);
	text = json_text(d, false, &n);
	return fs_write_atomic(dir, file, text, n, 0600, false, err);
}

void volume_record_remove(int dir, const char *name)
{
	static const char *const ends[] = {"json", "new", "lock"};

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		mem_cleanup char *file = mem_printf("%s.%s", name, ends[i]);

		(void)unlinkat(dir, file, 0);
	}
}
