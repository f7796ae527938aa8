/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/cdi_yaml.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* What stands behind "- " in a line is a line of its own, which begins further right. */
struct line {
	size_t indent, number;
	const char *at, *end;
};

struct reader {
	yyjson_mut_doc *d;
	const char *what;
	struct err *err;
	struct line *lines;
	size_t n, now; /* lines; the one that is read */
	size_t depth, nodes;
};

static yyjson_mut_val *read_block(struct reader *r);
static yyjson_mut_val *read_value(struct reader *r, const char **at, const char *end, bool flow);

/* NULL, so that it can be returned. */
static void *fail(const struct reader *r, int code, const char *text)
{
	size_t number = r->now < r->n ? r->lines[r->now].number : r->n > 0 ? r->lines[r->n - 1].number : 1;

	(void)err_set(r->err, code, "%s, line %zu: %s", r->what, number, text);
	return NULL;
}

static yyjson_mut_val *made(struct reader *r, yyjson_mut_val *v)
{
	return ++r->nodes > CDI_YAML_NODES_MAX ? fail(r, E2BIG, "more values than are read") : v;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && is_blank(*at))
		at++;
	return at;
}

/* The end of a line, or a comment, which has a blank before it. */
static bool is_over(const char *begin, const char *at, const char *end)
{
	return at == end || (*at == '#' && (at == begin || is_blank(at[-1])));
}

static const struct line *line_of(const struct reader *r)
{
	return r->now < r->n ? &r->lines[r->now] : NULL;
}

/* ---- lines ---- */

static int add_line(struct reader *r, const char *at, const char *end, size_t number)
{
	const char *first = at;
	bool document = end - at >= 3 && !strncmp(at, "---", 3) && is_over(at, skip_blanks(at + 3, end), end);

	while (first < end && *first == ' ')
		first++;
	if (is_over(at, skip_blanks(first, end), end) || (document && r->n == 0))
		return 0;
	while (is_blank(end[-1]))
		end--;
	r->lines[r->n] = (struct line){.indent = (size_t)(first - at), .number = number, .at = first, .end = end};
	r->now = r->n++;
	if (*first == '\t')
		fail(r, EINVAL, "a tab is no indentation");
	else if (document || *at == '%' || (end - at == 3 && !strncmp(at, "...", 3)))
		fail(r, EINVAL, "one document without directives is read");
	else
		return 0;
	return -EINVAL;
}

static int split(struct reader *r, const char *text, size_t n)
{
	const char *stop = text + n;
	size_t number = 1, count = 2;

	for (const char *p = text; p < stop; p++)
		count += *p == '\n';
	r->lines = mem_new_n(struct line, count);
	for (const char *at = text; at < stop; number++) {
		const char *end = memchr(at, '\n', (size_t)(stop - at));
		const char *next = end ? end + 1 : stop;

		end = end ? end : stop;
		if (end > at && end[-1] == '\r')
			end--;
		if (add_line(r, at, end, number) < 0)
			return -EINVAL;
		at = next;
	}
	r->now = 0;
	return 0;
}

/* ---- words ---- */

static bool unescape(struct buf *b, char c)
{
	static const char from[] = "ntr0abefv\"\\/ ", to[] = "\n\t\r\0\a\b\033\f\v\"\\/ ";
	const char *p = c ? strchr(from, c) : NULL;

	if (!p || !to[p - from])
		return false;
	buf_addc(b, to[p - from]);
	return true;
}

/* *at: behind the first quote, afterwards behind the last. */
static char *read_quoted(struct reader *r, const char **at, const char *end, char quote)
{
	buf_cleanup struct buf b = BUF_LIMIT(1u << 20);

	for (; *at < end; (*at)++) {
		if (**at == quote && quote == '\'' && *at + 1 < end && (*at)[1] == '\'')
			(*at)++;
		else if (**at == quote)
			break;
		if (**at != '\\' || quote == '\'') {
			buf_addc(&b, **at);
			continue;
		}
		if (++*at == end || !unescape(&b, **at))
			return fail(r, EINVAL, "this \\ in a text is not read");
	}
	if (*at == end)
		return fail(r, EINVAL, "a text has no quote at its end; it must stand in one line");
	(*at)++;
	return mem_strdup(buf_str(&b));
}

static bool ends_plain(const char *begin, const char *at, const char *end, bool flow)
{
	if (is_over(begin, at, end) || (flow && strchr(",[]{}", *at)))
		return true;
	return *at == ':' && (at + 1 == end || is_blank(at[1]) || (flow && strchr(",[]{}", at[1])));
}

static const char *plain_end(const char *at, const char *end, bool flow)
{
	const char *p = at;

	while (!ends_plain(at, p, end, flow))
		p++;
	while (p > at && is_blank(p[-1]))
		p--;
	return p;
}

/* 0 and 010, which is octal, 17, -3. What is too large is a text. */
static bool read_number(struct reader *r, const char *word, yyjson_mut_val **ret)
{
	const char *digits = word + (*word == '-' || *word == '+');
	int base = digits[0] == '0' && digits[1] ? 8 : 10;
	long long v;
	char *end;

	if (!isdigit((unsigned char)*digits))
		return false;
	errno = 0;
	v = strtoll(word, &end, base);
	if (*end || errno)
		return false;
	*ret = v < 0 ? yyjson_mut_sint(r->d, v) : yyjson_mut_uint(r->d, (uint64_t)v);
	return true;
}

static yyjson_mut_val *plain_value(struct reader *r, const char *word)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
	static const char *const bools[] = {"false", "true", "False", "True", "FALSE", "TRUE"};
	yyjson_mut_val *v;

	for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++) {
		if (!strcmp(word, nulls[i]))
			return made(r, yyjson_mut_null(r->d));
	}
	for (size_t i = 0; i < sizeof bools / sizeof *bools; i++) {
		if (!strcmp(word, bools[i]))
			return made(r, yyjson_mut_bool(r->d, i % 2 == 1));
	}
	return made(r, read_number(r, word, &v) ? v : yyjson_mut_strcpy(r->d, word));
}

static yyjson_mut_val *read_plain(struct reader *r, const char **at, const char *end, bool flow)
{
	const char *stop = plain_end(*at, end, flow);
	mem_cleanup char *word = mem_strndup(*at, (size_t)(stop - *at));

	if (strchr("&*!|>%@`?", *word) && *word && (*word != '?' || !word[1]))
		return fail(r, EINVAL, "anchors, aliases, tags and texts of several lines are not read");
	*at = stop;
	return plain_value(r, word);
}

/* ---- maps and lists in one line ---- */

static int put(struct reader *r, yyjson_mut_val *map, const char *key, yyjson_mut_val *v)
{
	if (!v)
		return -EINVAL;
	if (yyjson_mut_obj_size(map) >= CDI_YAML_KEYS_MAX)
		return fail(r, E2BIG, "a map with more keys than are read"), -E2BIG;
	if (yyjson_mut_obj_get(map, key))
		return fail(r, EINVAL, "the same key stands twice in a map"), -EINVAL;
	yyjson_mut_obj_add(map, yyjson_mut_strcpy(r->d, key), v);
	return 0;
}

/* "key:", with or without quotes; NULL = there is none, an error only where one was begun. */
static char *read_key(struct reader *r, const char **at, const char *end, bool flow)
{
	const char *p = *at;
	char *key = NULL;

	if (p < end && (*p == '"' || *p == '\'')) {
		p++;
		key = read_quoted(r, &p, end, **at);
	} else {
		p = plain_end(p, end, flow);
		key = mem_strndup(*at, (size_t)(p - *at));
	}
	p = skip_blanks(p, end);
	if (key && p < end && *p == ':' && (p + 1 == end || is_blank(p[1]) || flow)) {
		*at = skip_blanks(p + 1, end);
		return key;
	}
	free(key);
	return NULL;
}

static int read_item(struct reader *r, yyjson_mut_val *list, const char **at, const char *end)
{
	mem_cleanup char *key = NULL;
	yyjson_mut_val *v;

	if (yyjson_mut_is_arr(list)) {
		v = read_value(r, at, end, true);
		return v && yyjson_mut_arr_append(list, v) ? 0 : -EINVAL;
	}
	key = read_key(r, at, end, true);
	if (!key)
		return fail(r, EINVAL, "a map needs \"key: value\""), -EINVAL;
	return put(r, list, key, read_value(r, at, end, true));
}

/* *at: behind the bracket. */
static yyjson_mut_val *read_flow(struct reader *r, const char **at, const char *end, char close)
{
	yyjson_mut_val *list = made(r, close == ']' ? yyjson_mut_arr(r->d) : yyjson_mut_obj(r->d));

	if (!list)
		return NULL;
	if (r->depth >= CDI_YAML_DEPTH_MAX)
		return fail(r, E2BIG, "lists and maps in each other are too many");
	r->depth++;
	for (*at = skip_blanks(*at, end); *at < end && **at != close; *at = skip_blanks(*at, end)) {
		if (read_item(r, list, at, end) < 0)
			return NULL;
		*at = skip_blanks(*at, end);
		if (*at < end && **at == ',')
			(*at)++;
		else if (*at < end && **at != close)
			return fail(r, EINVAL, "a list or map in one line needs \",\" between its values");
	}
	if (*at == end)
		return fail(r, EINVAL, "a list or map has no end; it must stand in one line");
	(*at)++;
	r->depth--;
	return list;
}

static yyjson_mut_val *read_value(struct reader *r, const char **at, const char *end, bool flow)
{
	const char first = *at < end ? **at : '\0';
	mem_cleanup char *word = NULL;

	if (first == '[' || first == '{') {
		(*at)++;
		return read_flow(r, at, end, first == '[' ? ']' : '}');
	}
	if (first != '"' && first != '\'')
		return read_plain(r, at, end, flow);
	(*at)++;
	word = read_quoted(r, at, end, first);
	return word ? made(r, yyjson_mut_strcpy(r->d, word)) : NULL;
}

/* ---- maps and lists by indentation ---- */

/* What is left of the line from `at` on is one value. */
static yyjson_mut_val *read_rest(struct reader *r, const char *at)
{
	const char *begin = at, *end = line_of(r)->end;
	yyjson_mut_val *v = read_value(r, &at, end, false);

	if (!v)
		return NULL;
	if (!is_over(begin, skip_blanks(at, end), end))
		return fail(r, EINVAL, "more than one value");
	r->now++;
	return v;
}

static bool is_item(const struct line *l)
{
	return *l->at == '-' && (l->at + 1 == l->end || is_blank(l->at[1]));
}

/* What the lines below say, further right than `indent`. */
static yyjson_mut_val *read_below(struct reader *r, size_t indent, bool item_may_follow)
{
	const struct line *next;

	r->now++;
	next = line_of(r);
	if (next && (next->indent > indent || (item_may_follow && next->indent == indent && is_item(next))))
		return read_block(r);
	return made(r, yyjson_mut_null(r->d));
}

static int read_list_item(struct reader *r, yyjson_mut_val *list, size_t indent)
{
	struct line *l = &r->lines[r->now];
	const char *at = skip_blanks(l->at + 1, l->end);
	yyjson_mut_val *v;

	if (is_over(l->at, at, l->end)) {
		v = read_below(r, indent, false);
	} else {
		l->indent += (size_t)(at - l->at);
		l->at = at;
		v = read_block(r);
	}
	return v && yyjson_mut_arr_append(list, v) ? 0 : -EINVAL;
}

static int read_member(struct reader *r, yyjson_mut_val *map, size_t indent)
{
	const struct line *l = line_of(r);
	const char *at = l->at;
	mem_cleanup char *key = read_key(r, &at, l->end, false);

	if (!key)
		return r->err && r->err->code ? -EINVAL : (fail(r, EINVAL, "\"key: value\" is needed"), -EINVAL);
	return put(r, map, key, is_over(l->at, at, l->end) ? read_below(r, indent, true) : read_rest(r, at));
}

static yyjson_mut_val *read_lines(struct reader *r, bool list)
{
	const size_t indent = line_of(r)->indent;
	yyjson_mut_val *v = made(r, list ? yyjson_mut_arr(r->d) : yyjson_mut_obj(r->d));
	const struct line *l;

	while (v && (l = line_of(r)) && l->indent >= indent) {
		if (l->indent > indent)
			return fail(r, EINVAL, "the indentation fits nothing above it");
		if (is_item(l) != list)
			break;
		if ((list ? read_list_item(r, v, indent) : read_member(r, v, indent)) < 0)
			return NULL;
	}
	return v;
}

static bool begins_map(struct reader *r, const struct line *l)
{
	const char *at = l->at;
	struct err *err = r->err;
	mem_cleanup char *key = NULL;

	r->err = NULL;
	key = strchr("[{", *at) ? NULL : read_key(r, &at, l->end, false);
	r->err = err;
	return key != NULL;
}

static yyjson_mut_val *read_block(struct reader *r)
{
	const struct line *l = line_of(r);
	yyjson_mut_val *v;

	if (r->depth >= CDI_YAML_DEPTH_MAX)
		return fail(r, E2BIG, "lists and maps in each other are too many");
	r->depth++;
	if (is_item(l) || begins_map(r, l))
		v = read_lines(r, is_item(l));
	else
		v = read_rest(r, l->at);
	r->depth--;
	return v;
}

yyjson_doc *cdi_yaml_parse(const char *text, size_t n, const char *what, struct err *err)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	struct reader r = {.d = d, .what = what, .err = err};
	yyjson_mut_val *root = NULL;
	mem_cleanup char *json = NULL;
	size_t len;

	if (memchr(text, '\0', n))
		(void)err_set(err, EINVAL, "%s: a NUL is no text", what);
	else if (split(&r, text, n) == 0)
		root = r.n > 0 ? read_block(&r) : yyjson_mut_null(d);
	if (root && r.now < r.n)
		root = fail(&r, EINVAL, "the indentation fits nothing above it");
	free(r.lines);
	if (!root)
		return NULL;
	yyjson_mut_doc_set_root(d, root);
	json = yyjson_mut_write(d, 0, &len);
	if (json)
		return yyjson_read(json, len, 0);
	(void)err_set(err, EINVAL, "%s: this is no UTF-8", what);
	return NULL;
}
