/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "face/docker/docker_private.h"

#include <string.h>

#define FILTERS_BYTES_MAX 65536u
#define VALUES_MAX 256 /* of all filters: each is asked of every object of a list */

static int check_values(const char *key, yyjson_val *values, struct err *err)
{
	size_t i, n;
	yyjson_val *v;

	if (yyjson_is_obj(values))
		return 0;
	if (!yyjson_is_arr(values))
		return err_set(err, EINVAL, "filters: \"%.100s\" must be a list or a map", key);
	yyjson_arr_foreach (values, i, n, v) {
		if (!yyjson_is_str(v))
			return err_set(err, EINVAL, "filters: the values of \"%.100s\" must be strings", key);
	}
	return 0;
}

int docker_filters_parse(const char *text, struct docker_filters *ret, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	size_t i, n, all = 0;
	yyjson_val *key, *values;

	ret->doc = NULL;
	if (!text || !*text)
		return 0;
	doc = json_parse(text, strlen(text), FILTERS_BYTES_MAX, "filters", err);
	if (!doc)
		return err ? -err->code : -EINVAL;
	if (!yyjson_is_obj(yyjson_doc_get_root(doc)))
		return err_set(err, EINVAL, "filters: a map is needed");
	yyjson_obj_foreach (yyjson_doc_get_root(doc), i, n, key, values) {
		if (check_values(yyjson_get_str(key), values, err) < 0)
			return -EINVAL;
		all += yyjson_get_len(values);
	}
	if (all > VALUES_MAX)
		return err_set(err, EINVAL, "filters: %zu values; the limit is %d", all, VALUES_MAX);
	ret->doc = doc;
	doc = NULL;
	return 0;
}

void docker_filters_free(struct docker_filters *f)
{
	yyjson_doc_free(f->doc);
	f->doc = NULL;
}

const char *docker_filter(const struct docker_filters *f, const char *key, size_t nth)
{
	yyjson_val *values = yyjson_obj_get(yyjson_doc_get_root(f->doc), key);
	size_t i, n;
	yyjson_val *k, *v;

	if (yyjson_is_arr(values))
		return yyjson_get_str(yyjson_arr_get(values, nth));
	yyjson_obj_foreach (values, i, n, k, v) {
		if (yyjson_is_true(v) && nth-- == 0)
			return yyjson_get_str(k);
	}
	return NULL;
}

int docker_filters_check(const struct docker_filters *f, const char *const *keys, struct err *err)
{
	size_t i, n;
	yyjson_val *key, *values;

	yyjson_obj_foreach (yyjson_doc_get_root(f->doc), i, n, key, values) {
		const char *const *k = keys;

		while (*k && strcmp(*k, yyjson_get_str(key)) != 0)
			k++;
		if (!*k)
			return err_set(err, EINVAL, "invalid filter '%.100s'", yyjson_get_str(key));
	}
	return 0;
}
