/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/dotenv.h"

#include "base/core/buf.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "face/compose/interpolate.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct reader {
	struct dotenv *d;
	const char *p;
	int line;
	struct map known; /* name -> owned value */
};

__attribute__((format(printf, 2, 3))) static int fail(struct reader *r, const char *fmt, ...)
{
	char text[DOTENV_WHY_MAX - 32];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	(void)snprintf(r->d->why, sizeof r->d->why, "line %d: %s", r->line, text);
	return -EINVAL;
}

/* How much of the rest of the line an error shows. */
static size_t shown(const char *p)
{
	size_t n = strcspn(p, "\r\n");

	return n < 20 ? n : 20;
}

static int fail_in(struct reader *r, int line, const char *why)
{
	r->line = line;
	return fail(r, "%s", why);
}

static void skip_line(struct reader *r)
{
	r->p += strcspn(r->p, "\n");
	if (*r->p) {
		r->p++;
		r->line++;
	}
}

static void skip_blanks(struct reader *r)
{
	while (*r->p == ' ' || *r->p == '\t' || *r->p == '\r')
		r->p++;
}

static const char *lookup(void *ctx, const char *name)
{
	struct reader *r = ctx;
	/* what the caller knows wins, as in Compose: the shell before the file */
	const char *outside = r->d->lookup ? r->d->lookup(r->d->ctx, name) : NULL;

	return outside ? outside : map_get(&r->known, name);
}

static int expand(struct reader *r, const char *text, struct buf *out)
{
	struct interpolate in = {.lookup = lookup, .ctx = r, .lone = true};

	return interpolate_text(&in, text, out) < 0 ? fail(r, "%s", in.why) : 0;
}

/* "\0ddd", three octal digits: that character. False for anything else, and for NUL. */
static bool take_octal(struct reader *r, struct buf *out)
{
	const char *p = r->p + 1;
	unsigned c = 0;

	if (strspn(p, "01234567") < 4)
		return false;
	for (int i = 1; i < 4; i++)
		c = c * 8 + (unsigned)(p[i] - '0');
	if (*p != '0' || c == 0 || c > 0xff)
		return false;
	if (c >= 0x80)
		buf_addc(out, (char)(0xc0 | c >> 6));
	buf_addc(out, (char)(c < 0x80 ? c : 0x80 | (c & 0x3f)));
	r->p += 4;
	return true;
}

/* r->p is on the backslash; afterwards on the last byte of the sequence. One that means nothing stays as it is. */
static void take_escape(struct reader *r, struct buf *out)
{
	static const char from[] = "nrtabfv\"\\", to[] = "\n\r\t\a\b\f\v\"\\";
	const char *at = strchr(from, r->p[1]);

	if (take_octal(r, out))
		return;
	r->p++;
	if (*r->p == '$') {
		buf_adds(out, "$$");
	} else if (at) {
		buf_addc(out, to[at - from]);
	} else {
		buf_addc(out, '\\');
		buf_addc(out, *r->p);
	}
	r->line += *r->p == '\n';
}

/* Only \' means something, and a backslash takes the character after it along. */
static int read_single(struct reader *r, struct buf *out)
{
	int opened = r->line;

	for (r->p++; *r->p && *r->p != '\''; r->p++) {
		if (*r->p == '\\' && r->p[1]) {
			r->p++;
			if (*r->p != '\'')
				buf_addc(out, '\\');
		}
		r->line += *r->p == '\n';
		buf_addc(out, *r->p);
	}
	if (!*r->p)
		return fail_in(r, opened, "a single quote is not closed");
	r->p++;
	return 0;
}

static int read_double(struct reader *r, struct buf *out)
{
	struct buf raw = BUF_LIMIT(DOTENV_BYTES_MAX);
	int error, opened = r->line;

	for (r->p++; *r->p && *r->p != '"'; r->p++) {
		if (*r->p == '\\' && r->p[1]) {
			take_escape(r, &raw);
			continue;
		}
		r->line += *r->p == '\n';
		buf_addc(&raw, *r->p);
	}
	if (!*r->p) {
		buf_free(&raw);
		return fail_in(r, opened, "a double quote is not closed");
	}
	r->p++;
	error = expand(r, buf_str(&raw), out);
	buf_free(&raw);
	return error;
}

static void cut_comment(char *value)
{
	/* a value may begin with # */
	for (char *c = value; *c; c++) {
		if (*c == '#' && c > value && isspace((unsigned char)c[-1])) {
			*c = '\0';
			return;
		}
	}
}

static int read_bare(struct reader *r, struct buf *out)
{
	size_t n = strcspn(r->p, "\n");
	mem_cleanup char *value = mem_strndup(r->p, n);

	r->p += n;
	if (!r->d->raw)
		cut_comment(value);
	n = strlen(value);
	while (n && (value[n - 1] == '\r' || (!r->d->raw && isspace((unsigned char)value[n - 1]))))
		value[--n] = '\0';
	return r->d->raw ? buf_add(out, value, n) : expand(r, value, out);
}

static int read_value(struct reader *r, struct buf *out)
{
	bool quoted = !r->d->raw && (*r->p == '\'' || *r->p == '"');
	int error;

	if (!quoted)
		return read_bare(r, out);
	error = *r->p == '\'' ? read_single(r, out) : read_double(r, out);
	if (error)
		return error;
	skip_blanks(r);
	if (*r->p && *r->p != '\n' && *r->p != '#')
		return fail(r, "more text after the closing quote");
	return 0;
}

static void keep(struct reader *r, const char *name, const char *value)
{
	free(map_put(&r->known, name, mem_strdup(value)));
	r->d->set(r->d->ctx, name, value);
}

/* The name, up to '=', ':' or the end of the line; r->p is on that. */
static int read_name(struct reader *r, char **ret)
{
	const char *start;

	if (strncmp(r->p, "export", 6) == 0 && (r->p[6] == ' ' || r->p[6] == '\t')) {
		r->p += 7;
		skip_blanks(r);
	}
	start = r->p;
	while (isalnum((unsigned char)*r->p) || (*r->p && strchr("_.-[]", *r->p)))
		r->p++;
	if (r->p == start)
		return fail(r, "no name of a variable at \"%.*s\"", (int)shown(start), start);
	*ret = mem_strndup(start, (size_t)(r->p - start));
	skip_blanks(r);
	return 0;
}

static int read_entry(struct reader *r)
{
	mem_cleanup char *name = NULL;
	struct buf value = BUF_LIMIT(DOTENV_BYTES_MAX);
	int error = read_name(r, &name);

	if (error)
		return error;
	if (!*r->p || *r->p == '\n' || *r->p == '#') {
		r->d->set(r->d->ctx, name, NULL);
		skip_line(r);
		return 0;
	}
	if (*r->p != '=' && *r->p != ':')
		return fail(r, "\"=\" is needed after %s, not \"%.*s\"", name, (int)shown(r->p), r->p);
	r->p++;
	if (!r->d->raw)
		while (*r->p == ' ' || *r->p == '\t')
			r->p++;
	error = read_value(r, &value);
	if (error == 0) {
		keep(r, name, buf_str(&value));
		skip_line(r);
	}
	buf_free(&value);
	return error;
}

int dotenv_parse(struct dotenv *d, const char *text)
{
	struct reader r = {.d = d, .p = text, .line = 1, .known = MAP_INIT};
	int error = 0;

	d->why[0] = '\0';
	if (strncmp(r.p, "\xef\xbb\xbf", 3) == 0)
		r.p += 3;
	while (!error && *r.p) {
		skip_blanks(&r);
		if (*r.p == '#' || *r.p == '\n' || !*r.p)
			skip_line(&r);
		else
			error = read_entry(&r);
	}
	for (struct map_slot *s = NULL; (s = map_next(&r.known, s));)
		free(s->value);
	map_free(&r.known);
	return error;
}
