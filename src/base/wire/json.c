/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire/json.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"

#include <math.h>
#include <string.h>
#include <strings.h>

/* yyjson does not recurse when it reads, but its users do: refuse depth before any of them sees the document. */
static bool too_deep(const char *text, size_t n)
{
	bool in_string = false;
	size_t depth = 0;

	for (size_t i = 0; i < n; i++) {
		if (in_string) {
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				in_string = false;
		} else if (text[i] == '"') {
			in_string = true;
		} else if (text[i] == '[' || text[i] == '{') {
			if (++depth > JSON_DEPTH_MAX)
				return true;
		} else if (text[i] == ']' || text[i] == '}') {
			depth -= depth > 0;
		}
	}
	return false;
}

static void line_and_column(const char *text, size_t pos, size_t *ret_line, size_t *ret_col)
{
	size_t line = 1, start = 0;

	for (size_t i = 0; i < pos; i++) {
		if (text[i] == '\n') {
			line++;
			start = i + 1;
		}
	}
	*ret_line = line;
	*ret_col = pos - start + 1;
}

yyjson_doc *json_parse(const char *text, size_t n, size_t limit, const char *what, struct err *err)
{
	yyjson_read_err read_err;
	yyjson_doc *doc;
	size_t line, col;

	if (n > limit) {
		err_set(err, E2BIG, "%s is %zu bytes long; the limit is %zu", what, n, limit);
		return NULL;
	}
	if (too_deep(text, n)) {
		err_set(err, E2BIG, "%s is nested deeper than %d levels", what, JSON_DEPTH_MAX);
		return NULL;
	}
	doc = yyjson_read_opts((char *)text, n, YYJSON_READ_NOFLAG, NULL, &read_err);
	if (doc)
		return doc;
	line_and_column(text, read_err.pos < n ? read_err.pos : n, &line, &col);
	err_set(err, EINVAL, "%s is not valid JSON: line %zu, column %zu: %s", what, line, col, read_err.msg);
	return NULL;
}

yyjson_doc *json_parse_kept(const char *text, size_t n, size_t limit, const char *what, struct err *err)
{
	yyjson_doc *doc = json_parse(text, n, limit, what, err), *smaller;
	size_t before, used;

	if (!doc)
		return NULL;
	/* The document and its values are one piece of memory, sized by a guess from the text; values name each other by distances. */
	before = (size_t)((char *)doc->root - (char *)doc);
	used = before + doc->val_read * sizeof *doc->root;
	smaller = realloc(doc, used);
	if (!smaller)
		return doc;
	smaller->root = (yyjson_val *)(void *)((char *)smaller + before);
	return smaller;
}

static int get(yyjson_val *obj, const char *key, yyjson_val **ret, struct err *err)
{
	yyjson_val *v = yyjson_obj_get(obj, key);

	if (!v || yyjson_is_null(v))
		return err_set(err, ENOENT, "%s is missing", key);
	*ret = v;
	return 0;
}

static int wrong_type(struct err *err, const char *key, const char *needed, yyjson_val *v)
{
	return err_set(err, EINVAL, "%s: %s is needed, not %s", key, needed, yyjson_get_type_desc(v));
}

static void fold(yyjson_val *obj, const char *name)
{
	size_t n = strlen(name), i, max;
	yyjson_val *key, *value;

	if (yyjson_obj_get(obj, name))
		return;
	yyjson_obj_foreach (obj, i, max, key, value) {
		(void)value;
		if (yyjson_get_len(key) == n && !strncasecmp(yyjson_get_str(key), name, n)) {
			/* As long as it was: in its place, so that it depends on nobody else's text. */
			memcpy((char *)(uintptr_t)yyjson_get_str(key), name, n);
			return;
		}
	}
}

void json_fold(yyjson_val *obj, const char *const *names)
{
	for (; *names; names++)
		fold(obj, *names);
}

yyjson_val *json_member(yyjson_val *obj, const char *name)
{
	fold(obj, name);
	return yyjson_obj_get(obj, name);
}

int json_get_str(yyjson_val *obj, const char *key, const char **ret, struct err *err)
{
	yyjson_val *v;
	int r = get(obj, key, &v, err);

	if (r < 0)
		return r;
	if (!yyjson_is_str(v))
		return wrong_type(err, key, "a string", v);
	if (strlen(yyjson_get_str(v)) != yyjson_get_len(v))
		return err_set(err, EINVAL, "%s: a string may not hold a NUL byte", key);
	*ret = yyjson_get_str(v);
	return 0;
}

int json_get_int(yyjson_val *obj, const char *key, int64_t min, int64_t max, int64_t *ret, struct err *err)
{
	yyjson_val *v;
	int64_t n;
	int r = get(obj, key, &v, err);

	if (r < 0)
		return r;
	if (!yyjson_is_int(v))
		return wrong_type(err, key, "a whole number", v);
	if (yyjson_is_uint(v) && yyjson_get_uint(v) > INT64_MAX)
		return err_set(err, EINVAL, "%s: %llu is not within %lld and %lld", key,
			       (unsigned long long)yyjson_get_uint(v), (long long)min, (long long)max);
	n = yyjson_get_sint(v);
	if (n < min || n > max)
		return err_set(err, EINVAL, "%s: %lld is not within %lld and %lld", key, (long long)n, (long long)min,
			       (long long)max);
	*ret = n;
	return 0;
}

int json_get_i32(yyjson_val *obj, const char *key, int32_t *ret, struct err *err)
{
	int64_t n = 0;
	int r = json_get_int(obj, key, INT32_MIN, INT32_MAX, &n, err);

	if (r == 0)
		*ret = (int32_t)n;
	return r;
}

int json_get_u32(yyjson_val *obj, const char *key, uint32_t *ret, struct err *err)
{
	int64_t n = 0;
	int r = json_get_int(obj, key, 0, UINT32_MAX, &n, err);

	if (r == 0)
		*ret = (uint32_t)n;
	return r;
}

int json_get_u64(yyjson_val *obj, const char *key, uint64_t *ret, struct err *err)
{
	int64_t n = 0;
	int r = json_get_int(obj, key, 0, INT64_MAX, &n, err);

	if (r == 0)
		*ret = (uint64_t)n;
	return r;
}

int json_get_num(yyjson_val *obj, const char *key, double *ret, struct err *err)
{
	yyjson_val *v;
	int r = get(obj, key, &v, err);

	if (r < 0)
		return r;
	if (!yyjson_is_num(v) || !isfinite(yyjson_get_num(v)))
		return wrong_type(err, key, "a number", v);
	*ret = yyjson_get_num(v);
	return 0;
}

int json_get_bool(yyjson_val *obj, const char *key, bool *ret, struct err *err)
{
	yyjson_val *v;
	int r = get(obj, key, &v, err);

	if (r < 0)
		return r;
	if (!yyjson_is_bool(v))
		return wrong_type(err, key, "true or false", v);
	*ret = yyjson_get_bool(v);
	return 0;
}

int json_get_arr(yyjson_val *obj, const char *key, yyjson_val **ret, struct err *err)
{
	yyjson_val *v;
	int r = get(obj, key, &v, err);

	if (r < 0)
		return r;
	if (!yyjson_is_arr(v))
		return wrong_type(err, key, "a list", v);
	*ret = v;
	return 0;
}

int json_get_obj(yyjson_val *obj, const char *key, yyjson_val **ret, struct err *err)
{
	yyjson_val *v;
	int r = get(obj, key, &v, err);

	if (r < 0)
		return r;
	if (!yyjson_is_obj(v))
		return wrong_type(err, key, "an object", v);
	*ret = v;
	return 0;
}

int json_get_strv(yyjson_val *obj, const char *key, char ***ret, struct err *err)
{
	char **v = NULL;
	yyjson_val *arr, *item;
	size_t i, n;
	int r = json_get_arr(obj, key, &arr, err);

	if (r < 0)
		return r;
	v = mem_new_n(char *, yyjson_arr_size(arr) + 1);
	yyjson_arr_foreach (arr, i, n, item) {
		if (!yyjson_is_str(item) || strlen(yyjson_get_str(item)) != yyjson_get_len(item)) {
			mem_strv_free(v);
			return wrong_type(err, key, "a list of strings", item);
		}
		v[i] = mem_strdup(yyjson_get_str(item));
	}
	*ret = v;
	return 0;
}

/* A missing key leaves the default in place. */
static int optional(int r, struct err *err)
{
	if (r != -ENOENT)
		return r;
	err_clear(err);
	return 0;
}

int json_opt_str(yyjson_val *obj, const char *key, const char **inout, struct err *err)
{
	return optional(json_get_str(obj, key, inout, err), err);
}

int json_opt_int(yyjson_val *obj, const char *key, int64_t min, int64_t max, int64_t *inout, struct err *err)
{
	return optional(json_get_int(obj, key, min, max, inout, err), err);
}

int json_opt_num(yyjson_val *obj, const char *key, double *inout, struct err *err)
{
	return optional(json_get_num(obj, key, inout, err), err);
}

int json_opt_bool(yyjson_val *obj, const char *key, bool *inout, struct err *err)
{
	return optional(json_get_bool(obj, key, inout, err), err);
}

int json_opt_strv(yyjson_val *obj, const char *key, char ***inout, struct err *err)
{
	return optional(json_get_strv(obj, key, inout, err), err);
}

char *json_text(yyjson_mut_doc *doc, bool pretty, size_t *ret_len)
{
	yyjson_write_flag flags = YYJSON_WRITE_ALLOW_INVALID_UNICODE;
	size_t n = 0;
	char *text;

	if (pretty)
		flags |= YYJSON_WRITE_PRETTY_TWO_SPACES;
	text = yyjson_mut_write(doc, flags, &n);
	if (!text)
		abort();
	if (ret_len)
		*ret_len = n;
	return text;
}

/* Length of the UTF-8 sequence at s (Unicode 15, table 3-7), 0 when it is not one. */
static size_t utf8_len(const unsigned char *s, size_t n)
{
	size_t len = s[0] < 0x80		   ? 1
		     : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
		     : (s[0] & 0xf0) == 0xe0	   ? 3
		     : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
						   : 0;

	if (len == 0 || len > n)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f))
		return 0;
	if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

void json_quote(struct buf *out, const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;

	buf_addc(out, '"');
	while (n > 0) {
		size_t len = utf8_len(p, n);

		if (len == 0)
			buf_adds(out, "\xef\xbf\xbd");
		else if (*p == '"' || *p == '\\')
			buf_printf(out, "\\%c", *p);
		else if (*p < 0x20)
			buf_printf(out, "\\u%04x", *p);
		else
			buf_add(out, p, len);
		p += len ? len : 1;
		n -= len ? len : 1;
	}
	buf_addc(out, '"');
}

void json_add_strv(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key, char *const *v)
{
	yyjson_mut_val *arr;

	if (!v)
		return;
	arr = yyjson_mut_arr(doc);
	for (; *v; v++)
		yyjson_mut_arr_add_strcpy(doc, arr, *v);
	yyjson_mut_obj_add_val(doc, obj, key, arr);
}
