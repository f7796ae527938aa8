/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/template.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "face/cli/table.h"
#include "face/cli/text.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* What is between a pair of braces. */
struct action {
	const char *text; /* for messages */
	size_t n;
	char verb[8];	/* "" = none */
	char path[256]; /* ".A.B", or "" for a text */
	char literal[256];
};

/* ---- reading ---- */

static int bad(const struct action *a, struct err *err)
{
	return err_set(err, EINVAL,
		       "--format: \"{{%.*s}}\" is not understood; write {{.Name}}, {{json .}}, {{upper .Name}} or "
		       "{{len .Name}}",
		       a->n > 100 ? 100 : (int)a->n, a->text);
}

/* "\t" and the like. */
static char unescape(char c)
{
	return c == 't' ? '\t' : c == 'n' ? '\n' : c;
}

static bool read_literal(const char *p, const char *end, char *out, size_t cap)
{
	size_t n = 0;

	for (p++; p < end && *p != '"' && n + 1 < cap; p++) {
		if (*p == '\\' && p + 1 < end)
			out[n++] = unescape(*++p);
		else
			out[n++] = *p;
	}
	out[n] = '\0';
	return p + 1 == end;
}

static bool read_verb(struct action *a, const char *p, size_t n)
{
	static const char *const verbs[] = {"json", "upper", "lower", "len"};

	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		if (strlen(verbs[i]) == n && memcmp(verbs[i], p, n) == 0) {
			memcpy(a->verb, p, n);
			a->verb[n] = '\0';
			return true;
		}
	}
	return false;
}

static int read_action(const char *text, size_t n, struct action *ret, struct err *err)
{
	const char *p = text, *end = text + n;
	size_t word;

	*ret = (struct action){.text = text, .n = n};
	while (p < end && *p == ' ')
		p++;
	while (end > p && end[-1] == ' ')
		end--;
	if (p < end && *p == '"')
		return read_literal(p, end, ret->literal, sizeof ret->literal) ? 0 : bad(ret, err);
	word = strcspn(p, " .}");
	if (word > 0 && (p + word > end || !read_verb(ret, p, word)))
		return bad(ret, err);
	for (p += word; p < end && *p == ' ';)
		p++;
	if (p == end || *p != '.' || (size_t)(end - p) >= sizeof ret->path)
		return bad(ret, err);
	for (const char *c = p; c < end; c++) {
		if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
			return bad(ret, err);
	}
	memcpy(ret->path, p, (size_t)(end - p));
	return 0;
}

/* ---- values ---- */

static yyjson_val *find(yyjson_val *row, const char *path)
{
	while (row && *path == '.' && path[1]) {
		size_t n = strcspn(path + 1, ".");

		row = yyjson_obj_getn(row, path + 1, n);
		path += 1 + n;
	}
	return row;
}

/* As Go prints it. */
static void add_value(struct buf *out, yyjson_val *v, int depth)
{
	mem_cleanup char *text = NULL;
	yyjson_val *key, *one;
	size_t i, n;

	if (yyjson_is_str(v)) {
		buf_adds(out, yyjson_get_str(v));
	} else if (depth < 8 && yyjson_is_arr(v)) {
		buf_addc(out, '[');
		yyjson_arr_foreach (v, i, n, one) {
			if (i > 0)
				buf_addc(out, ' ');
			add_value(out, one, depth + 1);
		}
		buf_addc(out, ']');
	} else if (depth < 8 && yyjson_is_obj(v)) {
		buf_adds(out, "map[");
		yyjson_obj_foreach (v, i, n, key, one) {
			buf_printf(out, "%s%s:", i > 0 ? " " : "", yyjson_get_str(key));
			add_value(out, one, depth + 1);
		}
		buf_addc(out, ']');
	} else {
		text = yyjson_val_write(v, 0, NULL);
		buf_adds(out, text ? text : "");
	}
}

static void add_json(struct buf *out, yyjson_val *v)
{
	mem_cleanup char *text = yyjson_val_write(v, 0, NULL);

	buf_adds(out, text ? text : "null");
}

static void add_cased(struct buf *out, yyjson_val *v, bool upper)
{
	size_t at = out->len;

	add_value(out, v, 0);
	for (; at < out->len; at++)
		out->data[at] =
		    (char)(upper ? toupper((unsigned char)out->data[at]) : tolower((unsigned char)out->data[at]));
}

static int add_action(struct buf *out, const struct action *a, yyjson_val *row, struct err *err)
{
	yyjson_val *v = find(row, a->path);

	if (!*a->path)
		buf_adds(out, a->literal);
	else if (!v)
		return err_set(err, EINVAL, "--format: there is no \"%s\" here", a->path);
	else if (!strcmp(a->verb, "json"))
		add_json(out, v);
	else if (!strcmp(a->verb, "len"))
		buf_printf(out, "%zu", yyjson_get_len(v));
	else if (*a->verb)
		add_cased(out, v, *a->verb == 'u');
	else
		add_value(out, v, 0);
	return 0;
}

/* The title of a column: the last name of the path, as docker's users know it. */
static int add_title(struct buf *out, const struct action *a, yyjson_val *row, struct err *err)
{
	static const char *const titles[][2] = {
	    {"CPUPerc", "CPU %"},	 {"MemPerc", "MEM %"},	      {"MemUsage", "MEM USAGE / LIMIT"},
	    {"NetIO", "NET I/O"},	 {"BlockIO", "BLOCK I/O"},    {"RunningFor", "CREATED"},
	    {"CreatedSince", "CREATED"}, {"CreatedAt", "CREATED AT"}, {"LocalVolumes", "LOCAL VOLUMES"},
	};
	const char *dot = strrchr(a->path, '.'), *name = dot ? dot + 1 : a->literal;

	(void)row;
	(void)err;
	for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
		if (!strcmp(titles[i][0], name))
			return buf_adds(out, titles[i][1]);
	}
	for (; *name; name++)
		buf_addc(out, (char)toupper((unsigned char)*name));
	return 0;
}

/* ---- rows ---- */

typedef int (*action_fn)(struct buf *out, const struct action *a, yyjson_val *row, struct err *err);

static int walk(struct buf *out, const char *format, yyjson_val *row, action_fn fn, struct err *err)
{
	while (*format) {
		const char *end = strncmp(format, "{{", 2) == 0 ? strstr(format + 2, "}}") : NULL;
		struct action a;
		int r;

		if (*format == '\\' && format[1]) {
			buf_addc(out, unescape(format[1]));
			format += 2;
			continue;
		}
		if (strncmp(format, "{{", 2) != 0) {
			buf_addc(out, *format++);
			continue;
		}
		if (!end)
			return err_set(err, EINVAL, "--format: \"%.100s\" has no end: }}", format);
		r = read_action(format + 2, (size_t)(end - format) - 2, &a, err);
		if (r == 0)
			r = fn(out, &a, row, err);
		if (r < 0)
			return r;
		format = end + 2;
	}
	return 0;
}

int template_add(struct buf *out, const char *format, yyjson_val *row, struct err *err)
{
	if (!strcmp(format, "json")) {
		add_json(out, row);
		return 0;
	}
	return walk(out, format, row, add_action, err);
}

static void add_cells(struct table *t, char *text, size_t columns)
{
	for (size_t i = 0; i < columns; i++) {
		char *end = text + strcspn(text, "\t");
		bool last = *end == '\0' || i + 1 == columns;

		*end = '\0';
		table_cell(t, text);
		text = last ? end : end + 1;
	}
}

static int print_table(const char *format, yyjson_val *rows, struct err *err)
{
	struct table_column columns[TABLE_COLUMNS_MAX + 1] = {{.title = NULL}};
	struct table *t cleanup_with(table_freep) = NULL;
	buf_cleanup struct buf titles = BUF_INIT;
	yyjson_val *row;
	size_t i, max, n = 0;
	int r = walk(&titles, format, NULL, add_title, err);

	for (char *at = titles.data, *end; r == 0 && at && n < TABLE_COLUMNS_MAX; at = end) {
		columns[n++].title = at;
		end = strchr(at, '\t');
		if (end)
			*end++ = '\0';
	}
	if (r < 0)
		return r;
	t = table_new(columns);
	yyjson_arr_foreach (rows, i, max, row) {
		buf_cleanup struct buf line = BUF_INIT;

		r = walk(&line, format, row, add_action, err);
		if (r < 0)
			return r;
		buf_adds(&line, "");
		add_cells(t, line.data, n);
	}
	table_print(t);
	return 0;
}

int template_print(const char *format, yyjson_val *rows, struct err *err)
{
	yyjson_val *row;
	size_t i, n;

	if (strncmp(format, "table ", 6) == 0)
		return print_table(format + 6, rows, err);
	yyjson_arr_foreach (rows, i, n, row) {
		buf_cleanup struct buf line = BUF_INIT;
		int r = template_add(&line, format, row, err);

		if (r < 0)
			return r;
		text_raw_line(stdout, buf_str(&line), line.len);
	}
	return 0;
}
