/* SPDX-License-Identifier: Apache-2.0 */
#include "node/oci/reader.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/oci/pool.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define KEY_SHOWN 100 /* bytes of a name in a place */

/* ---- the place ---- */

int reader_fail_at(struct reader *rd, int code, const char *file, int line, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof text, fmt, ap) < 0)
		*text = '\0';
	va_end(ap);
	return err_set_at(rd->err, code, file, line, "%s%s%s", rd->place, rd->len ? ": " : "", text);
}

/* By hand: a reader takes a step for each value, and printf would cost more than all the rest. What does not fit is cut. */
static void put(struct reader *rd, const char *s, size_t n)
{
	for (; n-- > 0 && *s && rd->len < sizeof rd->place - 1; s++)
		rd->place[rd->len++] = *s;
	rd->place[rd->len] = '\0';
}

size_t reader_enter(struct reader *rd, const char *name)
{
	size_t mark = rd->len;

	if (mark)
		put(rd, ".", 1);
	put(rd, name, KEY_SHOWN);
	return mark;
}

size_t reader_enter_index(struct reader *rd, size_t i)
{
	char text[32], *p = text + sizeof text - 1;
	size_t mark = rd->len;

	*p = '\0';
	*--p = ']';
	do {
		*--p = (char)('0' + i % 10);
		i /= 10;
	} while (i);
	*--p = '[';
	put(rd, p, sizeof text);
	return mark;
}

size_t reader_enter_key(struct reader *rd, const char *key)
{
	size_t mark = rd->len;

	put(rd, "[\"", 2);
	put(rd, key, KEY_SHOWN);
	put(rd, "\"]", 2);
	return mark;
}

void reader_leave(struct reader *rd, size_t mark)
{
	rd->len = mark;
	rd->place[mark] = '\0';
}

static int wrong_type(struct reader *rd, const char *wanted, yyjson_val *v)
{
	return reader_fail(rd, EINVAL, "%s is needed, not %s", wanted, yyjson_get_type_desc(v));
}

/* ---- the check of a whole document ---- */

#define FEW 16

static int check_nul(struct reader *rd, yyjson_val *str)
{
	if (strlen(yyjson_get_str(str)) != yyjson_get_len(str))
		return reader_fail(rd, EINVAL, "a text with a NUL character in it");
	return 0;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The key that appears twice, or NULL. */
static const char *find_twin(const char **keys, size_t n)
{
	if (n > FEW) {
		qsort(keys, n, sizeof *keys, compare_keys);
		for (size_t i = 1; i < n; i++) {
			if (!strcmp(keys[i - 1], keys[i]))
				return keys[i];
		}
		return NULL;
	}
	for (size_t i = 1; i < n; i++) {
		for (size_t j = 0; j < i; j++) {
			if (!strcmp(keys[i], keys[j]))
				return keys[i];
		}
	}
	return NULL;
}

static int check_keys(struct reader *rd, yyjson_val *obj)
{
	size_t n = yyjson_obj_size(obj), i, max;
	mem_cleanup const char **many = n > FEW ? mem_new_n(const char *, n) : NULL;
	const char *few[FEW], **keys = many ? many : few, *twin;
	yyjson_val *key, *val;

	yyjson_obj_foreach (obj, i, max, key, val) {
		int r = check_nul(rd, key);

		if (r < 0)
			return r;
		keys[i] = yyjson_get_str(key);
	}
	twin = find_twin(keys, n);
	return twin ? reader_fail(rd, EINVAL, "member \"%.100s\" appears twice", twin) : 0;
}

static int check_members(struct reader *rd, yyjson_val *obj)
{
	int r = check_keys(rd, obj);
	yyjson_val *key, *val;
	size_t i, n;

	if (r < 0)
		return r;
	yyjson_obj_foreach (obj, i, n, key, val) {
		size_t mark = reader_enter(rd, yyjson_get_str(key));

		r = reader_check(rd, val);
		if (r < 0)
			return r;
		reader_leave(rd, mark);
	}
	return 0;
}

static int check_elements(struct reader *rd, yyjson_val *arr)
{
	yyjson_val *val;
	size_t i, n;

	yyjson_arr_foreach (arr, i, n, val) {
		size_t mark = reader_enter_index(rd, i);
		int r = reader_check(rd, val);

		if (r < 0)
			return r;
		reader_leave(rd, mark);
	}
	return 0;
}

/* json_parse() has limited the depth. */
int reader_check(struct reader *rd, yyjson_val *v)
{
	if (yyjson_is_obj(v))
		return check_members(rd, v);
	if (yyjson_is_arr(v))
		return check_elements(rd, v);
	return yyjson_is_str(v) ? check_nul(rd, v) : 0;
}

/* ---- values ---- */

int reader_str(struct reader *rd, yyjson_val *v, const char **ret)
{
	if (!yyjson_is_str(v))
		return wrong_type(rd, "a string", v);
	*ret = yyjson_get_str(v);
	return 0;
}

static int read_str(struct reader *rd, yyjson_val *v, const struct reader_member *m, void *to)
{
	const char *s = NULL;
	int r = reader_str(rd, v, &s);

	if (r < 0)
		return r;
	if (!*s)
		return m->required ? reader_fail(rd, EINVAL, "is empty") : 0;
	if (m->kind == READER_PATH && *s != '/')
		return reader_fail(rd, EINVAL, "\"%.200s\" is not an absolute path", s);
	*(const char **)to = s;
	return 0;
}

static int read_int(struct reader *rd, yyjson_val *v, const struct reader_member *m, int64_t *ret)
{
	if (!yyjson_is_int(v))
		return wrong_type(rd, "a whole number", v);
	if (yyjson_is_uint(v) && yyjson_get_uint(v) > INT64_MAX)
		return reader_fail(rd, EINVAL, "%llu is not between %lld and %lld",
				   (unsigned long long)yyjson_get_uint(v), (long long)m->min, (long long)m->max);
	if (yyjson_get_sint(v) < m->min || yyjson_get_sint(v) > m->max)
		return reader_fail(rd, EINVAL, "%lld is not between %lld and %lld", (long long)yyjson_get_sint(v),
				   (long long)m->min, (long long)m->max);
	*ret = yyjson_get_sint(v);
	return 0;
}

static int read_u32(struct reader *rd, yyjson_val *v, const struct reader_member *m, uint32_t *ret)
{
	int64_t n;
	int r = read_int(rd, v, m, &n);

	if (r == 0)
		*ret = (uint32_t)n;
	return r;
}

static int read_u64(struct reader *rd, yyjson_val *v, uint64_t *ret)
{
	if (!yyjson_is_int(v))
		return wrong_type(rd, "a whole number", v);
	if (!yyjson_is_uint(v))
		return reader_fail(rd, EINVAL, "%lld is negative", (long long)yyjson_get_sint(v));
	*ret = yyjson_get_uint(v);
	return 0;
}

static int read_bool(struct reader *rd, yyjson_val *v, bool *ret)
{
	if (!yyjson_is_bool(v))
		return wrong_type(rd, "true or false", v);
	*ret = yyjson_get_bool(v);
	return 0;
}

static int refuse(struct reader *rd, yyjson_val *v)
{
	if (yyjson_is_ctn(v) && unsafe_yyjson_get_len(v) == 0)
		return 0;
	return reader_fail(rd, ENOTSUP, "this runtime cannot do it");
}

/* ---- lists and maps ---- */

static int check_size(struct reader *rd, size_t n, size_t max)
{
	return n > max ? reader_fail(rd, E2BIG, "%zu entries; the limit is %zu", n, max) : 0;
}

static int open_list(struct reader *rd, yyjson_val *v, size_t max)
{
	if (!yyjson_is_arr(v))
		return wrong_type(rd, "a list", v);
	return check_size(rd, yyjson_arr_size(v), max);
}

int reader_strv(struct reader *rd, yyjson_val *v, size_t max, char *const **ret)
{
	int r = open_list(rd, v, max);
	const char **strv;
	yyjson_val *e;
	size_t i, n;

	if (r < 0)
		return r;
	strv = pool_new_n(rd->pool, const char *, yyjson_arr_size(v) + 1);
	yyjson_arr_foreach (v, i, n, e) {
		size_t mark = reader_enter_index(rd, i);

		r = reader_str(rd, e, &strv[i]);
		if (r < 0)
			return r;
		reader_leave(rd, mark);
	}
	*ret = (char *const *)strv;
	return 0;
}

int reader_list(struct reader *rd, yyjson_val *v, size_t max, size_t size, reader_fn *fn, void **ret, size_t *ret_n)
{
	int r = open_list(rd, v, max);
	char *items;
	yyjson_val *e;
	size_t i, n;

	if (r < 0)
		return r;
	items = pool_alloc(rd->pool, yyjson_arr_size(v), size);
	yyjson_arr_foreach (v, i, n, e) {
		size_t mark = reader_enter_index(rd, i);

		r = fn(rd, e, items + i * size);
		if (r < 0)
			return r;
		reader_leave(rd, mark);
	}
	*ret = items;
	*ret_n = yyjson_arr_size(v);
	return 0;
}

int reader_map(struct reader *rd, yyjson_val *v, size_t max, size_t size, reader_entry_fn *fn, void **ret,
	       size_t *ret_n)
{
	yyjson_val *key, *e;
	size_t i, n;
	char *items;
	int r;

	if (!yyjson_is_obj(v))
		return wrong_type(rd, "an object", v);
	r = check_size(rd, yyjson_obj_size(v), max);
	if (r < 0)
		return r;
	items = pool_alloc(rd->pool, yyjson_obj_size(v), size);
	yyjson_obj_foreach (v, i, n, key, e) {
		size_t mark = reader_enter_key(rd, yyjson_get_str(key));

		r = fn(rd, yyjson_get_str(key), e, items + i * size);
		if (r < 0)
			return r;
		reader_leave(rd, mark);
	}
	*ret = items;
	*ret_n = yyjson_obj_size(v);
	return 0;
}

/* ---- objects ---- */

static int read_value(struct reader *rd, yyjson_val *v, const struct reader_member *m, char *base)
{
	void *to = base + m->at;

	switch (m->kind) {
	case READER_STR:
	case READER_PATH:
		return read_str(rd, v, m, to);
	case READER_BOOL:
		return read_bool(rd, v, to);
	case READER_INT:
		return read_int(rd, v, m, to);
	case READER_U32:
		return read_u32(rd, v, m, to);
	case READER_U64:
		return read_u64(rd, v, to);
	case READER_STRV:
		return reader_strv(rd, v, (size_t)m->max, to);
	case READER_CUSTOM:
		return m->fn(rd, v, to);
	case READER_TABLE:
		return reader_object(rd, v, m->table, to);
	case READER_LIST:
		return reader_list(rd, v, (size_t)m->max, m->size, m->fn, to, (size_t *)(void *)(base + m->n_at));
	case READER_MAP:
		return reader_map(rd, v, (size_t)m->max, m->size, m->entry_fn, to, (size_t *)(void *)(base + m->n_at));
	case READER_REFUSE:
		return refuse(rd, v);
	}
	return 0;
}

/* *ret = NULL: not known. */
static int find_member(struct reader *rd, const struct reader_member *table, const char *name,
		       const struct reader_member **ret)
{
	const struct reader_member *alike = NULL;

	*ret = NULL;
	for (; table->name; table++) {
		if (strcasecmp(table->name, name) != 0)
			continue;
		if (!strcmp(table->name, name)) {
			*ret = table;
			return 0;
		}
		alike = table;
	}
	return alike ? reader_fail(rd, EINVAL, "member \"%s\" has to be written \"%s\"", name, alike->name) : 0;
}

static int check_required(struct reader *rd, yyjson_val *obj, const struct reader_member *table)
{
	for (; table->name; table++) {
		yyjson_val *v;

		if (!table->required)
			continue;
		v = yyjson_obj_get(obj, table->name);
		if (!v || yyjson_is_null(v)) {
			reader_enter(rd, table->name);
			return reader_fail(rd, EINVAL, "is missing");
		}
	}
	return 0;
}

int reader_object(struct reader *rd, yyjson_val *v, const struct reader_member *table, void *base)
{
	yyjson_val *key, *val;
	size_t i, n;

	if (!yyjson_is_obj(v))
		return wrong_type(rd, "an object", v);
	yyjson_obj_foreach (v, i, n, key, val) {
		const struct reader_member *m;
		int r = find_member(rd, table, yyjson_get_str(key), &m);
		size_t mark;

		if (r < 0)
			return r;
		if (!m || yyjson_is_null(val))
			continue;
		mark = reader_enter(rd, m->name);
		r = read_value(rd, val, m, base);
		if (r < 0)
			return r;
		reader_leave(rd, mark);
	}
	return check_required(rd, v, table);
}

int reader_index_of(const char *const *names, const char *name)
{
	for (int i = 0; names[i]; i++) {
		if (!strcmp(names[i], name))
			return i;
	}
	return -1;
}
