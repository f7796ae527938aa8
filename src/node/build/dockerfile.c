/* SPDX-License-Identifier: Apache-2.0
 *
 * The lines of the file: directives, comments, continuations, and the bodies of heredocs.
 */
#include "node/build/dockerfile_parts.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"

#include <string.h>
#include <strings.h>

struct reader {
	struct dockerfile *d;
	const char *p, *end; /* what is not read yet */
	unsigned line;	     /* number of the line that was read last */
	bool directives;     /* they may still come */
	struct keep_list comments;
	unsigned seen; /* directives, by bit */
	struct err *err;
};

/* A line without its end. */
struct line {
	const char *p;
	size_t n;
	size_t whole; /* with its end */
};

static bool next_line(struct reader *r, struct line *ret)
{
	const char *nl;

	if (r->p == r->end)
		return false;
	nl = memchr(r->p, '\n', (size_t)(r->end - r->p));
	ret->p = r->p;
	ret->whole = (size_t)((nl ? nl + 1 : r->end) - r->p);
	ret->n = ret->whole;
	while (ret->n && (ret->p[ret->n - 1] == '\n' || ret->p[ret->n - 1] == '\r'))
		ret->n--;
	r->p += ret->whole;
	r->line++;
	return true;
}

static void trim_left(struct line *l)
{
	for (; l->n && dockerfile_blank(*l->p); l->p++)
		l->n--;
}

static bool is_comment(const struct line *l)
{
	struct line t = *l;

	trim_left(&t);
	return t.n && *t.p == '#';
}

/* "name = value" behind '#': the pieces, or false. */
static bool read_directive(struct reader *r, const char *text, char **ret_name, char **ret_value)
{
	const char *p = text, *end;
	size_t n;

	while ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (p > text && *p >= '0' && *p <= '9'))
		p++;
	end = p;
	while (dockerfile_blank(*p))
		p++;
	if (end == text || *p != '=')
		return false;
	do
		p++;
	while (dockerfile_blank(*p));
	for (n = strlen(p); n && dockerfile_blank(p[n - 1]);)
		n--;
	*ret_name = keep_strn(&r->d->keep, text, (size_t)(end - text));
	*ret_value = keep_strn(&r->d->keep, p, n);
	return n > 0;
}

static int set_directive(struct reader *r, const char *name, char *value)
{
	struct dockerfile *d = r->d;
	static const char *const names[] = {"syntax", "escape", "check"};
	unsigned which = 0;

	while (which < 3 && strcasecmp(names[which], name) != 0)
		which++;
	if (which == 3)
		return 0;
	if (r->seen & 1u << which)
		return DOCKERFILE_ERR(d, r->line, r->err, EINVAL, "the directive %s was given before: once is enough",
				      names[which]);
	r->seen |= 1u << which;
	if (which == 0)
		d->syntax = value;
	else if (which == 2) {
		d->check = value;
		d->check_line = r->line;
	} else if (!strcmp(value, "`") || !strcmp(value, "\\"))
		d->escape = *value;
	else
		return DOCKERFILE_ERR(d, r->line, r->err, EINVAL,
				      "escape=%.20s: only \\ or ` can be the escape character", value);
	return 1;
}

/* A comment line outside of an instruction: a directive, or words about what follows. */
static int take_comment(struct reader *r, const struct line *l)
{
	struct dockerfile *d = r->d;
	struct line t = *l;
	char *text, *name, *value;

	trim_left(&t);
	if (r->line == 1 && t.n > 1 && t.p[1] == '!')
		return 0;
	t.p++;
	t.n--;
	trim_left(&t);
	while (t.n && dockerfile_blank(t.p[t.n - 1]))
		t.n--;
	text = keep_strn(&d->keep, t.p, t.n);
	if (r->directives) {
		int found = read_directive(r, text, &name, &value) ? set_directive(r, name, value) : 0;

		if (found != 0)
			return found < 0 ? found : 0;
		r->directives = false;
	}
	if (!*text)
		r->comments = (struct keep_list){0};
	else
		keep_list_add(&d->keep, &r->comments, text);
	return 0;
}

/* Cuts the escape character at the end of the line off; false when there is none that counts (one that is escaped does not). */
static bool cut_continuation(struct line *l, char escape)
{
	size_t n = l->n;

	while (n && (l->p[n - 1] == ' ' || l->p[n - 1] == '\t'))
		n--;
	if (!n || l->p[n - 1] != escape || (n > 1 && l->p[n - 2] == escape))
		return false;
	l->n = n - 1;
	return true;
}

/* Adds the lines that follow one which goes on. */
static int read_continuation(struct reader *r, struct buf *text)
{
	struct dockerfile *d = r->d;
	bool more = true, empty = false;
	struct line l;

	while (more && next_line(r, &l)) {
		struct line t = l;

		trim_left(&t);
		if (is_comment(&l))
			continue;
		if (!t.n) {
			empty = true;
			continue;
		}
		more = cut_continuation(&l, d->escape);
		buf_add(text, l.p, l.n);
	}
	if (text->full)
		return DOCKERFILE_ERR(d, r->line, r->err, E2BIG, "an instruction is longer than %u bytes",
				      DOCKERFILE_LINE_MAX);
	if (empty)
		d->empty[d->n_empty++] = r->line;
	return 0;
}

static int read_heredoc(struct reader *r, struct dockerfile_heredoc *h, unsigned start)
{
	const char *from = r->p;
	struct line l;

	while (next_line(r, &l)) {
		const char *before = l.p;

		for (; h->chomp && l.n && *l.p == '\t'; l.p++)
			l.n--;
		if (l.n == strlen(h->name) && !memcmp(l.p, h->name, l.n)) {
			h->content = keep_strn(&r->d->keep, from, (size_t)(before - from));
			return 0;
		}
	}
	return DOCKERFILE_ERR(r->d, start, r->err, EINVAL,
			      "the heredoc \"%.200s\" has no end: a line with only that word is missing", h->name);
}

static int add_instruction(struct reader *r, const char *text, unsigned start)
{
	struct dockerfile *d = r->d;
	struct dockerfile_instruction *i;
	int ret;

	if (d->n == DOCKERFILE_INSTRUCTIONS_MAX)
		return DOCKERFILE_ERR(d, start, r->err, E2BIG, "more than %u instructions",
				      DOCKERFILE_INSTRUCTIONS_MAX);
	mem_grow(&d->instructions, &d->cap, d->n);
	i = &d->instructions[d->n++];
	i->line = start;
	i->comments = keep_list_end(&d->keep, &r->comments);
	r->comments = (struct keep_list){0};
	ret = dockerfile_split(d, text, 0, i, r->err);
	if (ret == 0)
		ret = dockerfile_find_heredocs(d, i, r->err);
	for (size_t k = 0; ret == 0 && k < i->n_heredocs; k++)
		ret = read_heredoc(r, &i->heredocs[k], start);
	i->end_line = r->line;
	if (i->trigger) {
		i->trigger->heredocs = i->heredocs;
		i->trigger->n_heredocs = i->n_heredocs;
		i->trigger->end_line = r->line;
		i->trigger->comments = i->comments;
	}
	return ret;
}

/* One instruction with its continuations and heredocs. */
static int read_instruction(struct reader *r, struct line *l)
{
	buf_cleanup struct buf text = BUF_LIMIT(DOCKERFILE_LINE_MAX);
	unsigned start = r->line;
	bool more = cut_continuation(l, r->d->escape);
	int ret = 0;

	buf_add(&text, l->p, l->n);
	if (text.full)
		return DOCKERFILE_ERR(r->d, r->line, r->err, E2BIG, "an instruction is longer than %u bytes",
				      DOCKERFILE_LINE_MAX);
	if (more)
		ret = read_continuation(r, &text);
	if (ret < 0 || !buf_str(&text)[strspn(buf_str(&text), " \t\v\f\r")])
		return ret;
	return add_instruction(r, buf_str(&text), start);
}

static int read_all(struct reader *r)
{
	struct line l;
	int ret = 0;

	while (ret == 0 && next_line(r, &l)) {
		if (is_comment(&l)) {
			ret = take_comment(r, &l);
			continue;
		}
		r->directives = false;
		trim_left(&l);
		if (l.n)
			ret = read_instruction(r, &l);
		if (ret == 0 && !keep_ok(&r->d->keep))
			ret = DOCKERFILE_ERR(r->d, r->line, r->err, E2BIG, "%s", "the file is too large");
	}
	if (ret == 0 && !r->d->n)
		ret = err_set(r->err, EINVAL, "%s: there is no instruction in it: a Dockerfile begins with FROM",
			      r->d->name);
	return ret;
}

static int check_bytes(const struct dockerfile *d, const char *text, size_t n, struct err *err)
{
	const char *nul = memchr(text, '\0', n);
	unsigned line = 1;

	if (n > DOCKERFILE_BYTES_MAX)
		return err_set(err, E2BIG, "%s: more than %u bytes", d->name, DOCKERFILE_BYTES_MAX);
	for (const char *p = text; nul && p < nul; p++)
		line += *p == '\n';
	return nul ? DOCKERFILE_ERR(d, line, err, EINVAL, "%s", "a NUL character: this is no text file") : 0;
}

int dockerfile_parse(const char *text, size_t n, const char *name, struct dockerfile **ret, struct err *err)
{
	struct dockerfile *d __attribute__((cleanup(dockerfile_freep))) = mem_new(struct dockerfile);
	struct reader r = {.d = d, .directives = true, .err = err};
	int result;

	d->name = keep_str(&d->keep, name);
	d->escape = '\\';
	text = text ? text : "";
	result = check_bytes(d, text, n, err);
	if (result < 0)
		return result;
	if (n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		text += 3;
		n -= 3;
	}
	d->empty = keep_new_n(&d->keep, unsigned, n / 4 + 1); /* such an instruction has 4 bytes at least */
	r.p = text;
	r.end = r.p + n;
	result = read_all(&r);
	if (result == 0)
		*ret = mem_take(d);
	return result;
}

struct dockerfile *dockerfile_free(struct dockerfile *d)
{
	if (!d)
		return NULL;
	keep_free(&d->keep);
	free(d->instructions);
	free(d);
	return NULL;
}
