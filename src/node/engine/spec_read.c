/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/spec_parts.h"

#include "base/core/err.h"
#include "base/core/guard.h"
#include "base/core/mem.h"
#include "base/wire/json.h"

#include <string.h>

static int read_strv(yyjson_val *obj, const struct spec_member *m, char ***ret, struct err *err)
{
	int r = json_opt_strv(obj, m->name, ret, err);

	if (r == 0 && m->max && mem_strv_len(*ret) > (size_t)m->max)
		return err_set(err, E2BIG, "%s: %zu entries; the limit is %lld", m->name, mem_strv_len(*ret),
			       (long long)m->max);
	return r;
}

static int check_pairs(yyjson_val *v, const struct spec_member *m, struct err *err)
{
	yyjson_val *key, *val;
	size_t i, n;

	yyjson_obj_foreach (v, i, n, key, val) {
		if (!yyjson_is_str(val))
			return err_set(err, EINVAL, "%s: \"%s\" is not a string", m->name, yyjson_get_str(key));
	}
	return 0;
}

static int keep(yyjson_val *obj, const struct spec_member *m, yyjson_val **ret, struct err *err)
{
	yyjson_val *v = yyjson_obj_get(obj, m->name);
	bool list = m->kind == SPEC_ARR;

	if (!v || yyjson_is_null(v))
		return 0;
	if (list ? !yyjson_is_arr(v) : !yyjson_is_obj(v))
		return err_set(err, EINVAL, "%s: %s is needed, not %s", m->name, list ? "a list" : "an object",
			       yyjson_get_type_desc(v));
	if (m->max && yyjson_get_len(v) > (size_t)m->max)
		return err_set(err, E2BIG, "%s: %zu entries; the limit is %lld", m->name, yyjson_get_len(v),
			       (long long)m->max);
	*ret = v;
	return m->kind == SPEC_PAIRS ? check_pairs(v, m, err) : 0;
}

static int read_member(yyjson_val *obj, const struct spec_member *m, char *base, struct err *err)
{
	void *to = base + m->offset;

	switch (m->kind) {
	case SPEC_STR:
		return json_opt_str(obj, m->name, to, err);
	case SPEC_INT:
		return json_opt_int(obj, m->name, m->min, m->max, to, err);
	case SPEC_BOOL:
		return json_opt_bool(obj, m->name, to, err);
	case SPEC_STRV:
		return read_strv(obj, m, to, err);
	case SPEC_PAIRS:
	case SPEC_OBJ:
	case SPEC_ARR:
		return keep(obj, m, to, err);
	case SPEC_OTHER:
		break;
	}
	return 0;
}

static const struct spec_member *find_member(const struct spec_member *table, const char *name)
{
	for (; table->name; table++) {
		if (!strcmp(table->name, name))
			return table;
	}
	return NULL;
}

int spec_read_members(yyjson_val *obj, const struct spec_member *table, void *base, struct err *err)
{
	yyjson_val *key, *val;
	size_t i, n;

	if (!yyjson_is_obj(obj))
		return err_set(err, EINVAL, "an object is needed, not %s", yyjson_get_type_desc(obj));
	yyjson_obj_foreach (obj, i, n, key, val) {
		const struct spec_member *m = find_member(table, yyjson_get_str(key));
		int r;

		if (!m && !RT_GUARD(R19)) /* attack row R19 */
			continue;
		if (!m)
			return err_set(err, EINVAL, "unknown member \"%s\"", yyjson_get_str(key));
		/* A look-up finds the first: any other one would be read by some and not by others. */
		if (yyjson_obj_get(obj, m->name) != val)
			return err_set(err, EINVAL, "member \"%s\" appears twice", m->name);
		r = read_member(obj, m, base, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int spec_read_list(yyjson_val *obj, const struct spec_list *l, const struct spec *s, void *ret_items, size_t *ret_n,
		   struct err *err)
{
	yyjson_val *list = yyjson_obj_get(obj, l->name), *v;
	size_t i, n;
	char *items;

	if (!list || yyjson_is_null(list))
		return 0;
	if (!yyjson_is_arr(list))
		return err_set(err, EINVAL, "%s: a list is needed, not %s", l->name, yyjson_get_type_desc(list));
	n = yyjson_arr_size(list);
	if (n > l->limit)
		return err_set(err, E2BIG, "%s: %zu entries; the limit is %zu", l->name, n, l->limit);
	if (n == 0)
		return 0;
	items = mem_zalloc(n, l->size);
	/* The caller frees what is there, after a failure as well. */
	memcpy(ret_items, &items, sizeof items);
	yyjson_arr_foreach (list, i, n, v) {
		++*ret_n;
		if (l->fn(s, v, items + i * l->size, err) < 0)
			return err_wrap(err, "%s.%zu", l->name, i);
	}
	return 0;
}

int spec_check_target(const char *target, struct err *err)
{
	const char *p = target;
	bool named = false;

	if (!target)
		return err_set(err, ENOENT, "target is missing");
	if (*target != '/')
		return err_set(err, EINVAL, "target \"%s\" is not an absolute path", target);
	if (strlen(target) > 4000)
		return err_set(err, E2BIG, "target is longer than 4000 bytes");
	while (*p) {
		size_t n;

		p += strspn(p, "/");
		n = strcspn(p, "/");
		if (n == 2 && !strncmp(p, "..", 2))
			return err_set(err, EINVAL, "target \"%s\" holds \"..\"", target);
		named |= n > 0 && !(n == 1 && *p == '.');
		p += n;
	}
	return named ? 0 : err_set(err, EINVAL, "target \"%s\" is the root of the container", target);
}
