/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/yaml_text.h"

#include "base/core/buf.h"
#include "base/wire/json.h"
#include "face/compose/scalar.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define INDENT 2

/* Line breaks of Unicode, the byte order mark and control characters (U+0080 to U+009F): only in quotes. */
static bool is_odd(const unsigned char *p)
{
	return (*p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0) ||
	       (p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9)) ||
	       (p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf);
}

static bool has_odd(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if (is_odd(p))
			return true;
	return false;
}

/* What some parser takes for null, a boolean, a number, a date or a number of base 60. */
static bool looks_typed(const char *text)
{
	static const char *const words[] = {"~",    "null",  "y",    "n",     "yes",   "no",   "on", "off",
					    "true", "false", ".inf", "-.inf", "+.inf", ".nan", "<<", "="};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcasecmp(text, words[i]) == 0)
			return true;
	return (isdigit((unsigned char)*text) || strchr("+-.", *text)) &&
	       text[strspn(text, "0123456789abcdefABCDEFxXoO_.:+-tTzZ ")] == '\0';
}

static bool can_be_plain(const char *text)
{
	size_t n = strlen(text);

	return n && !strchr("-?:,[]{}#&*!|>'\"%@` ", *text) && text[n - 1] != ' ' && text[n - 1] != ':' &&
	       !strpbrk(text, "\n\t") && !strstr(text, ": ") && !strstr(text, " #") && !has_odd(text) &&
	       !looks_typed(text);
}

static bool can_be_block(const char *text)
{
	return strchr(text, '\n') && *text != ' ' && *text != '\n' && *text != '\t' && !has_odd(text);
}

/* The JSON form is a double-quoted scalar of YAML, but for characters that JSON leaves as they are. */
static void add_quoted(struct buf *out, const char *text)
{
	buf_addc(out, '"');
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_printf(out, "\\%c", *p);
		else if (*p == '\n')
			buf_adds(out, "\\n");
		else if (*p == '\t')
			buf_adds(out, "\\t");
		else if (is_odd(p) && *p < 0x80)
			buf_printf(out, "\\x%02x", (unsigned)*p);
		else if (is_odd(p) && *p == 0xc2)
			buf_printf(out, "\\x%02x", (unsigned)*++p);
		else if (is_odd(p)) {
			buf_printf(out, "\\u%04x",
				   ((unsigned)p[0] & 15u) << 12 | ((unsigned)p[1] & 63u) << 6 | (p[2] & 63u));
			p += 2;
		} else
			buf_addc(out, (char)*p);
	}
	buf_addc(out, '"');
}

static void add_blanks(struct buf *out, size_t n)
{
	buf_printf(out, "%*s", (int)n, "");
}

static void add_block(struct buf *out, const char *text, size_t indent)
{
	size_t n = strlen(text), length;
	const char *keep = text[n - 1] != '\n' ? "-" : n > 1 && text[n - 2] == '\n' ? "+" : "";

	buf_printf(out, "|%s\n", keep);
	for (const char *p = text; *p; p += length + (p[length] == '\n')) {
		length = strcspn(p, "\n");
		if (length)
			add_blanks(out, indent);
		buf_add(out, p, length);
		buf_addc(out, '\n');
	}
}

static void add_key(struct buf *out, const char *key)
{
	if (can_be_plain(key))
		buf_adds(out, key);
	else
		add_quoted(out, key);
	buf_addc(out, ':');
}

static void add_text(struct buf *out, const char *text, size_t indent)
{
	if (can_be_block(text)) {
		add_block(out, text, indent);
		return;
	}
	if (can_be_plain(text))
		buf_adds(out, text);
	else
		add_quoted(out, text);
	buf_addc(out, '\n');
}

static void add_number(struct buf *out, yyjson_val *v)
{
	char *text = yyjson_val_write(v, 0, NULL);

	buf_printf(out, "%s\n", text ? text : "0");
	free(text);
}

static void add_map(struct buf *out, yyjson_val *map, size_t indent, bool here);
static void add_list(struct buf *out, yyjson_val *list, size_t indent);

/* What follows "key:" (a blank, or a new line and deeper) or "-". `indent` is that of the lines below. */
static void add_value(struct buf *out, yyjson_val *v, size_t indent, bool in_list)
{
	if (yyjson_is_obj(v) && yyjson_obj_size(v)) {
		buf_addc(out, in_list ? ' ' : '\n');
		add_map(out, v, indent, in_list);
	} else if (yyjson_is_arr(v) && yyjson_arr_size(v)) {
		buf_addc(out, '\n');
		add_list(out, v, indent);
	} else {
		buf_addc(out, ' ');
		if (yyjson_is_str(v))
			add_text(out, yyjson_get_str(v), indent);
		else if (yyjson_is_ctn(v))
			buf_adds(out, yyjson_is_obj(v) ? "{}\n" : "[]\n");
		else if (yyjson_is_num(v))
			add_number(out, v);
		else
			buf_printf(out, "%s\n", yyjson_is_null(v) ? "null" : yyjson_is_true(v) ? "true" : "false");
	}
}

/* `here`: the first key stands in this very line. */
static void add_map(struct buf *out, yyjson_val *map, size_t indent, bool here)
{
	yyjson_val *key, *v;
	size_t i, max;

	yyjson_obj_foreach (map, i, max, key, v) {
		if (i || !here)
			add_blanks(out, indent);
		add_key(out, yyjson_get_str(key));
		add_value(out, v, indent + INDENT, false);
	}
}

static void add_list(struct buf *out, yyjson_val *list, size_t indent)
{
	yyjson_val *v;
	size_t i, max;

	yyjson_arr_foreach (list, i, max, v) {
		add_blanks(out, indent);
		buf_addc(out, '-');
		add_value(out, v, indent + INDENT, true);
	}
}

void yaml_text(struct yyjson_val *root, struct buf *out)
{
	if (yyjson_is_obj(root) && yyjson_obj_size(root))
		add_map(out, root, 0, false);
	else if (yyjson_is_arr(root) && yyjson_arr_size(root))
		add_list(out, root, 0);
	else {
		add_value(out, root, INDENT, false);
		buf_drop(out, 1);
	}
}
