/* SPDX-License-Identifier: Apache-2.0
 *
 * One pass from left to right; ${V:-word} reads its word by the same function, up to the closing brace.
 */
#include "node/build/shell_word.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/build/expand.h"

#include <string.h>

struct scan {
	const struct shell_word *s;
	const char *p;
	char escape;
	bool raw_escapes;
	int depth;
	struct err *err;
};

/* What the result goes to: text, and when `split` also words. */
struct out {
	struct buf text;
	bool split;
	struct buf word;
	char **words;
	size_t n, cap;
};

#define OUT_INIT                                                                                                       \
	{                                                                                                              \
		.text = BUF_LIMIT(SHELL_WORD_MAX), .word = BUF_LIMIT(SHELL_WORD_MAX)                                   \
	}

static void out_free(struct out *o)
{
	buf_free(&o->text);
	buf_free(&o->word);
	for (size_t i = 0; i < o->n; i++)
		free(o->words[i]);
	free(o->words);
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void out_end_word(struct out *o)
{
	if (!o->word.len || o->n > SHELL_WORD_WORDS)
		return;
	mem_grow(&o->words, &o->cap, o->n + 1);
	o->words[o->n++] = buf_take(&o->word);
	o->words[o->n] = NULL;
}

/* Text that is no place to split. */
static void out_raw(struct out *o, const char *text, size_t n)
{
	buf_add(&o->text, text, n);
	if (o->split)
		buf_add(&o->word, text, n);
}

/* Text whose blanks split words. */
static void out_plain(struct out *o, const char *text, size_t n)
{
	buf_add(&o->text, text, n);
	for (size_t i = 0; o->split && i < n; i++) {
		if (is_blank(text[i]))
			out_end_word(o);
		else
			buf_addc(&o->word, text[i]);
	}
}

static int scan_to(struct scan *s, char stop, bool raw_escapes, struct out *o);
static int scan_dollar(struct scan *s, struct buf *out);

static int scan_single_quote(struct scan *s, struct out *o)
{
	const char *end = strchr(s->p + 1, '\'');

	if (!end)
		return err_set(s->err, EINVAL, "a single quote (') is not closed");
	if (s->s->raw_quotes)
		out_raw(o, s->p, (size_t)(end + 1 - s->p));
	else
		out_raw(o, s->p + 1, (size_t)(end - s->p - 1));
	s->p = end + 1;
	return 0;
}

/* The escape character within double quotes: it takes the meaning of ", $ and itself; otherwise it is text. */
static void scan_quoted_escape(struct scan *s, struct buf *out)
{
	s->p++;
	if (s->raw_escapes)
		buf_addc(out, s->escape);
	if (!*s->p)
		return;
	if (*s->p == '"' || *s->p == '$' || *s->p == s->escape)
		buf_addc(out, *s->p++);
	else
		buf_addc(out, s->escape);
}

static int scan_double_quote(struct scan *s, struct out *o)
{
	buf_cleanup struct buf text = BUF_LIMIT(SHELL_WORD_MAX);
	int r = 0;

	s->p++;
	if (s->s->raw_quotes)
		buf_addc(&text, '"');
	while (r == 0 && *s->p != '"') {
		if (!*s->p)
			return err_set(s->err, EINVAL, "a double quote (\") is not closed");
		if (*s->p == '$')
			r = scan_dollar(s, &text);
		else if (*s->p == s->escape)
			scan_quoted_escape(s, &text);
		else
			buf_addc(&text, *s->p++);
	}
	if (r < 0)
		return r;
	s->p++;
	if (s->s->raw_quotes)
		buf_addc(&text, '"');
	o->text.full = o->text.full || text.full;
	out_raw(o, buf_str(&text), text.len);
	return 0;
}

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The length of the name at p: a word, a number, or one of the shell's special parameters. */
static size_t name_length(const char *p)
{
	size_t n = 0;

	if (is_digit(*p)) {
		while (is_digit(p[n]))
			n++;
		return n;
	}
	if (*p && strchr("@*#?-$!", *p))
		return 1;
	while (name_char(p[n]) || is_digit(p[n]))
		n++;
	return n;
}

static const char *look_up(struct scan *s, const char *name, size_t n)
{
	const char *value = s->s->lookup ? s->s->lookup(s->s->ctx, name, n) : NULL;

	if (s->s->used)
		s->s->used(s->s->ctx, name, n, value != NULL);
	return value;
}

/* A nested word, as text of its own. */
static int scan_nested(struct scan *s, char stop, bool raw, struct buf *ret)
{
	struct out cleanup_with(out_free) o = OUT_INIT;
	int r;

	if (s->depth >= SHELL_WORD_DEPTH)
		return err_set(s->err, E2BIG, "${} is nested more than %d times", SHELL_WORD_DEPTH);
	s->depth++;
	r = scan_to(s, stop, raw, &o);
	s->depth--;
	if (r == 0 && buf_add(ret, buf_str(&o.text), o.text.len) < 0)
		return err_set(s->err, E2BIG, "${} becomes longer than %u bytes", SHELL_WORD_MAX);
	return r;
}

/* What stands behind the name in ${name...}. */
struct substitution {
	const char *name;
	size_t n;
	bool colon;
	char op;
	const char *word;
};

static int substitute_error(struct scan *s, const struct substitution *u, bool set)
{
	const char *why = *u->word ? u->word : set ? "it must not be empty" : "it must be set";

	return err_set(s->err, EINVAL, "variable %.*s: %s", (int)(u->n > 200 ? 200 : u->n), u->name, why);
}

static int substitute(struct scan *s, const struct substitution *u, struct buf *out)
{
	const char *value = look_up(s, u->name, u->n), *word = u->word;
	bool there = value && (!u->colon || *value), longest = *word && *word == u->op;

	if (!value && s->s->keep_unset)
		return buf_printf(out, "${%.*s%s%c%s}", (int)u->n, u->name, u->colon ? ":" : "", u->op, word);
	switch (u->op) {
	case '-':
		return buf_adds(out, there ? value : word);
	case '+':
		return buf_adds(out, there ? word : "");
	case '?':
		return there ? buf_adds(out, value) : substitute_error(s, u, value != NULL);
	default: /* # and % */
		return expand_trim(out, value ? value : "", word + longest, u->op == '%', longest, s->err);
	}
}

/* s->p stands at the operator. */
static int scan_modified(struct scan *s, const char *name, size_t n, struct buf *out)
{
	buf_cleanup struct buf word = BUF_LIMIT(SHELL_WORD_MAX);
	struct substitution u = {.name = name, .n = n, .colon = *s->p == ':'};
	bool pattern;
	int r;

	s->p += u.colon;
	u.op = *s->p;
	pattern = u.op == '#' || u.op == '%';
	if (!u.op || !strchr("-+?#%", u.op) || (pattern && u.colon))
		return err_set(s->err, EINVAL, "${%.*s%s%.1s...}: there is no such substitution",
			       (int)(n > 200 ? 200 : n), name, u.colon ? ":" : "", s->p);
	s->p++;
	r = scan_nested(s, '}', pattern, &word);
	if (r < 0)
		return r;
	u.word = buf_str(&word);
	return substitute(s, &u, out);
}

static int scan_replace(struct scan *s, const char *name, size_t n, struct buf *out)
{
	buf_cleanup struct buf pattern = BUF_LIMIT(SHELL_WORD_MAX);
	buf_cleanup struct buf with = BUF_LIMIT(SHELL_WORD_MAX);
	const char *value;
	bool all = s->p[1] == '/';
	int r;

	s->p += 1 + all;
	r = scan_nested(s, '/', true, &pattern);
	if (r == 0)
		r = scan_nested(s, '}', true, &with);
	if (r < 0)
		return r;
	value = look_up(s, name, n);
	if (!value && s->s->keep_unset)
		return buf_printf(out, "${%.*s/%s%s/%s}", (int)n, name, all ? "/" : "", buf_str(&pattern),
				  buf_str(&with));
	return expand_replace(out, value ? value : "", buf_str(&pattern), buf_str(&with), all, s->err);
}

static int scan_brace(struct scan *s, struct buf *out)
{
	const char *name = s->p, *value;
	size_t n;

	if (!*name)
		return err_set(s->err, EINVAL, "\"${\" has no closing }");
	if (*name == '{' || *name == '}' || *name == ':')
		return err_set(s->err, EINVAL, "\"${%c\": the name of a variable is needed behind ${", *name);
	n = name_length(name);
	s->p += n;
	if (*s->p == '/')
		return scan_replace(s, name, n, out);
	if (*s->p != '}')
		return *s->p ? scan_modified(s, name, n, out)
			     : err_set(s->err, EINVAL, "\"${%.200s\" has no closing }", name);
	s->p++;
	value = look_up(s, name, n);
	if (!value && s->s->keep_unset)
		return buf_printf(out, "${%.*s}", (int)n, name);
	return value ? buf_adds(out, value) : 0;
}

static int scan_name(struct scan *s, struct buf *out)
{
	const char *name = s->p, *value;
	size_t n = name_length(name);

	if (!n)
		return buf_addc(out, '$');
	s->p += n;
	value = look_up(s, name, n);
	if (!value && s->s->keep_unset)
		return buf_printf(out, "$%.*s", (int)n, name);
	return value ? buf_adds(out, value) : 0;
}

/* s->p stands at '$'. */
static int scan_dollar(struct scan *s, struct buf *out)
{
	int r;

	s->p++;
	if (*s->p == '{') {
		s->p++;
		r = scan_brace(s, out);
	} else {
		r = scan_name(s, out);
	}
	return r < 0 && out->full ? err_set(s->err, E2BIG, "the text becomes longer than %u bytes", SHELL_WORD_MAX) : r;
}

static int scan_variable(struct scan *s, struct out *o)
{
	buf_cleanup struct buf value = BUF_LIMIT(SHELL_WORD_MAX);
	int r = scan_dollar(s, &value);

	if (r < 0)
		return r;
	out_plain(o, buf_str(&value), value.len);
	return 0;
}

/* "<<  EOF" is one word: it may be the beginning of a heredoc. */
static void scan_less(struct scan *s, struct out *o)
{
	size_t n = 1;

	if (s->p[1] == '<')
		for (n = 2; s->p[n] == ' ' || s->p[n] == '\t' || s->p[n] == '\r'; n++)
			;
	out_raw(o, s->p, n);
	s->p += n;
}

static void scan_escape(struct scan *s, struct out *o)
{
	if (s->raw_escapes)
		out_raw(o, s->p, 1);
	s->p++;
	if (*s->p)
		out_raw(o, s->p++, 1);
}

static int scan_one(struct scan *s, struct out *o)
{
	if (*s->p == '$')
		return scan_variable(s, o);
	if (*s->p == '\'' && !s->s->no_quotes)
		return scan_single_quote(s, o);
	if (*s->p == '"' && !s->s->no_quotes)
		return scan_double_quote(s, o);
	if (*s->p == '<')
		scan_less(s, o);
	else if (*s->p == s->escape)
		scan_escape(s, o);
	else
		out_plain(o, s->p++, 1);
	return 0;
}

/* Up to `stop` (which is passed over), or to the end when it is 0. */
static int scan_to(struct scan *s, char stop, bool raw_escapes, struct out *o)
{
	bool before = s->raw_escapes;
	int r = 0;

	s->raw_escapes = raw_escapes;
	while (r == 0 && *s->p && (!stop || *s->p != stop))
		r = scan_one(s, o);
	s->raw_escapes = before;
	if (r < 0)
		return r;
	if (stop && !*s->p)
		return err_set(s->err, EINVAL, "\"${\" has no closing %c", stop);
	s->p += stop != 0;
	out_end_word(o);
	if (o->text.full || o->word.full)
		return err_set(s->err, E2BIG, "the text becomes longer than %u bytes", SHELL_WORD_MAX);
	if (o->n > SHELL_WORD_WORDS)
		return err_set(s->err, E2BIG, "the text has more than %u words", SHELL_WORD_WORDS);
	return 0;
}

static int scan_all(const struct shell_word *w, const char *text, struct out *o, struct err *err)
{
	struct scan s = {.s = w, .p = text, .escape = w->escape ? w->escape : '\\', .err = err};

	if (strlen(text) > SHELL_WORD_MAX)
		return err_set(err, E2BIG, "the text is longer than %u bytes", SHELL_WORD_MAX);
	return scan_to(&s, '\0', w->raw_escapes, o);
}

int shell_word_expand(const struct shell_word *s, const char *text, char **ret, struct err *err)
{
	struct out cleanup_with(out_free) o = OUT_INIT;
	int r = scan_all(s, text, &o, err);

	if (r == 0)
		*ret = o.text.data ? buf_take(&o.text) : mem_strdup("");
	return r;
}

int shell_word_split(const struct shell_word *s, const char *text, char ***ret, struct err *err)
{
	struct out cleanup_with(out_free) o = OUT_INIT;
	int r;

	o.split = true;
	r = scan_all(s, text, &o, err);
	if (r < 0)
		return r;
	*ret = o.words ? mem_take(o.words) : mem_new(char *);
	o.n = 0;
	return 0;
}
