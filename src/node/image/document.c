/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/document.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/image/guard.h"
#include "node/image/ref.h"

#include <string.h>
#include <strings.h>

typedef int (*compare_fn)(const char *a, const char *b);

static bool is_twice(yyjson_val *obj, yyjson_val *key, compare_fn compare)
{
	const char *name = yyjson_get_str(key);
	yyjson_val *other, *val;
	size_t i, max;

	yyjson_obj_foreach (obj, i, max, other, val) {
		if (other == key)
			return false;
		if (compare(yyjson_get_str(other), name) == 0)
			return true;
	}
	return false;
}

static int check(yyjson_val *obj, const char *what, size_t limit, compare_fn compare, struct err *err)
{
	size_t max, i, n = yyjson_obj_size(obj);
	yyjson_val *key, *val;

	if (!yyjson_is_obj(obj))
		return err_set(err, EINVAL, "%s: an object is needed", what);
	if (n > limit)
		return err_set(err, E2BIG, "%s has %zu keys; the limit is %zu", what, n, limit);
	yyjson_obj_foreach (obj, i, max, key, val) {
		if (yyjson_get_len(key) != strlen(yyjson_get_str(key)))
			return err_set(err, EINVAL, "%s: a key has a NUL in it", what);
		if (IMAGE_GUARD(I6) && is_twice(obj, key, compare))
			return err_set(err, EINVAL, "%s has the key \"%.100s\" twice", what, yyjson_get_str(key));
	}
	return 0;
}

int document_keys(yyjson_val *obj, const char *what, struct err *err)
{
	return check(obj, what, DOCUMENT_KEYS_MAX, strcasecmp, err);
}

int document_map(yyjson_val *obj, const char *what, struct err *err)
{
	return check(obj, what, DOCUMENT_MAP_MAX, strcmp, err);
}

int document_text(yyjson_val *obj, const char *key, size_t limit, const char **ret, struct err *err)
{
	yyjson_val *v = yyjson_obj_get(obj, key);
	int r = json_opt_str(obj, key, ret, err);

	if (r < 0 || !*ret || !yyjson_is_str(v))
		return r;
	if (yyjson_get_len(v) > limit)
		return err_set(err, E2BIG, "%s is %zu bytes long; the limit is %zu", key, yyjson_get_len(v), limit);
	if (strlen(*ret) != yyjson_get_len(v))
		return err_set(err, EINVAL, "%s has a NUL in it", key);
	return 0;
}

static int check_string(const char *key, const char *s, size_t n, struct err *err)
{
	if (strlen(s) != n)
		return err_set(err, EINVAL, "%s: a string has a NUL in it", key);
	if (n >= DOCUMENT_STRING_MAX)
		return err_set(err, E2BIG, "%s: a string is %zu bytes long; the limit is %u", key, n,
			       DOCUMENT_STRING_MAX - 1);
	if (!strcmp(key, "Env") && (*s == '=' || !strchr(s, '=')))
		return err_set(err, EINVAL, "Env: \"%.100s\" is not NAME=value", s);
	return 0;
}

int document_list(yyjson_val *obj, const char *key, char ***ret, struct err *err)
{
	yyjson_val *v = yyjson_obj_get(obj, key), *item;
	size_t i, max;

	if (!v || yyjson_is_null(v))
		return 0;
	if (!yyjson_is_arr(v))
		return err_set(err, EINVAL, "%s: a list is needed", key);
	if (yyjson_arr_size(v) > DOCUMENT_STRINGS_MAX)
		return err_set(err, E2BIG, "%s has %zu strings; the limit is %u", key, yyjson_arr_size(v),
			       DOCUMENT_STRINGS_MAX);
	yyjson_arr_foreach (v, i, max, item) {
		if (!yyjson_is_str(item))
			return err_set(err, EINVAL, "%s: a string is needed in its place %zu", key, i + 1);
		if (check_string(key, yyjson_get_str(item), yyjson_get_len(item), err) < 0)
			return err ? -err->code : -EINVAL;
	}
	return json_opt_strv(obj, key, ret, err);
}

int document_pairs(yyjson_val *obj, const char *key, char ***ret, struct err *err)
{
	yyjson_val *v = yyjson_obj_get(obj, key), *name, *value;
	cleanup_with(mem_strv_freep) char **list = NULL;
	size_t i, max;
	int r;

	if (!v || yyjson_is_null(v))
		return 0;
	r = document_map(v, key, err);
	if (r < 0)
		return r;
	yyjson_obj_foreach (v, i, max, name, value) {
		mem_cleanup char *pair = NULL;

		if (!yyjson_is_str(value))
			return err_set(err, EINVAL, "%s: the value of \"%.100s\" must be a string", key,
				       yyjson_get_str(name));
		if (check_string(key, yyjson_get_str(value), yyjson_get_len(value), err) < 0)
			return err ? -err->code : -EINVAL;
		pair = mem_printf("%s=%s", yyjson_get_str(name), yyjson_get_str(value));
		mem_strv_add(&list, pair);
	}
	*ret = mem_take(list);
	return 0;
}

int document_digest(yyjson_val *obj, const char *key, const char **ret, struct err *err)
{
	const char *digest = NULL;
	int r = document_text(obj, key, 71, &digest, err);

	if (r < 0)
		return r;
	if (!digest || !ref_is_digest(digest))
		return err_set(err, EINVAL, "the digest is not \"sha256:\" and 64 lower-case hexadecimal digits");
	*ret = digest + 7;
	return 0;
}
