/* SPDX-License-Identifier: Apache-2.0 */
#include "face/docker/shape.h"

#include "base/core/err.h"

#include <string.h>

static int wrong(const struct shape *s, const char *where, const char *want, yyjson_val *v, struct err *err)
{
	return err_set(err, EINVAL, "%s.%s: %s is needed, not %s", where, s->name, want, yyjson_get_type_desc(v));
}

static int check_strings(const struct shape *s, const char *where, yyjson_val *v, struct err *err)
{
	size_t i, n;
	yyjson_val *item;

	if (!yyjson_is_arr(v))
		return wrong(s, where, "a list of strings", v, err);
	yyjson_arr_foreach (v, i, n, item) {
		if (!yyjson_is_str(item))
			return wrong(s, where, "a list of strings", item, err);
	}
	return 0;
}

static int check_map(const struct shape *s, const char *where, yyjson_val *v, struct err *err)
{
	size_t i, n;
	yyjson_val *key, *item;

	if (!yyjson_is_obj(v))
		return wrong(s, where, "a map", v, err);
	yyjson_obj_foreach (v, i, n, key, item) {
		if (s->kind == SHAPE_MAP && !yyjson_is_str(item))
			return wrong(s, where, "a map of strings", item, err);
	}
	return 0;
}

static int check(const struct shape *s, const char *where, yyjson_val *v, struct err *err)
{
	switch (s->kind) {
	case SHAPE_STR:
		return yyjson_is_str(v) ? 0 : wrong(s, where, "a string", v, err);
	case SHAPE_INT:
		if (yyjson_is_uint(v) && yyjson_get_uint(v) > INT64_MAX)
			return err_set(err, EINVAL, "%s.%s: the number is too large", where, s->name);
		return yyjson_is_int(v) ? 0 : wrong(s, where, "a whole number", v, err);
	case SHAPE_BOOL:
		return yyjson_is_bool(v) ? 0 : wrong(s, where, "true or false", v, err);
	case SHAPE_WORDS:
		return yyjson_is_str(v) ? 0 : check_strings(s, where, v, err);
	case SHAPE_STRV:
		return check_strings(s, where, v, err);
	case SHAPE_LIST:
		return yyjson_is_arr(v) ? 0 : wrong(s, where, "a list", v, err);
	case SHAPE_MAP:
	case SHAPE_SET:
	case SHAPE_OBJ:
		return check_map(s, where, v, err);
	}
	return 0;
}

static yyjson_mut_val *absent_value(yyjson_mut_doc *d, const struct shape *s)
{
	json_doc_cleanup yyjson_doc *doc = NULL;

	if (!s->absent)
		return NULL;
	doc = yyjson_read(s->absent, strlen(s->absent), 0);
	return yyjson_val_mut_copy(d, yyjson_doc_get_root(doc));
}

static yyjson_mut_val *set_value(yyjson_mut_doc *d, const struct shape *s, yyjson_val *v)
{
	size_t i, n;
	yyjson_val *key, *item;
	yyjson_mut_val *copy;

	if (s->kind == SHAPE_WORDS && yyjson_is_str(v)) {
		copy = yyjson_mut_arr(d);
		yyjson_mut_arr_add_strcpy(d, copy, yyjson_get_str(v));
		return copy;
	}
	if (s->kind != SHAPE_SET)
		return yyjson_val_mut_copy(d, v);
	copy = yyjson_mut_obj(d);
	yyjson_obj_foreach (v, i, n, key, item) {
		yyjson_mut_obj_add(copy, yyjson_val_mut_copy(d, key), yyjson_mut_obj(d));
	}
	return copy;
}

int shape_copy(yyjson_mut_doc *d, yyjson_mut_val *into, yyjson_val *from, const struct shape *table, const char *where,
	       struct err *err)
{
	if (from && !yyjson_is_null(from) && !yyjson_is_obj(from))
		return err_set(err, EINVAL, "%s: an object is needed, not %s", where, yyjson_get_type_desc(from));
	for (const struct shape *s = table; s->name; s++) {
		yyjson_val *v = json_member(from, s->name);
		yyjson_mut_val *copy;

		if (v && !yyjson_is_null(v)) {
			if (check(s, where, v, err) < 0)
				return -EINVAL;
			if (yyjson_get_len(v) > SHAPE_ENTRIES_MAX && yyjson_is_ctn(v))
				return err_set(err, E2BIG, "%s.%s: %zu entries; the limit is %d", where, s->name,
					       yyjson_get_len(v), SHAPE_ENTRIES_MAX);
			copy = set_value(d, s, v);
		} else {
			copy = absent_value(d, s);
		}
		if (copy)
			yyjson_mut_obj_add(into, yyjson_mut_str(d, s->name), copy);
	}
	return 0;
}

bool shape_is_set(yyjson_val *v)
{
	if (yyjson_is_str(v) || yyjson_is_ctn(v))
		return yyjson_get_len(v) > 0;
	if (yyjson_is_int(v))
		return yyjson_get_sint(v) != 0;
	return yyjson_is_true(v);
}

void shape_pass(yyjson_mut_doc *d, yyjson_mut_val *spec, yyjson_val *from, const struct shape *table)
{
	for (const struct shape *s = table; s->name; s++) {
		yyjson_val *v = s->spec ? yyjson_obj_get(from, s->name) : NULL;

		if (shape_is_set(v))
			yyjson_mut_obj_add(spec, yyjson_mut_str(d, s->spec), yyjson_val_mut_copy(d, v));
	}
}

const char *shape_text(yyjson_val *obj, const char *name)
{
	const char *s = yyjson_get_str(yyjson_obj_get(obj, name));

	return s ? s : "";
}

int64_t shape_number(yyjson_val *obj, const char *name)
{
	return yyjson_get_sint(yyjson_obj_get(obj, name));
}
