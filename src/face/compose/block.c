/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/block.h"

#include "face/compose/arena.h"

#include <stdint.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* What may follow an indicator up to the end of its line: digit and sign in any order, blanks, a remark. */
static bool read_rest(struct block *b, const char *p, const char *end)
{
	b->chomp = BLOCK_CLIP;
	b->indent = 0;
	for (; p < end && !is_blank(*p) && *p != '\r' && *p != '\n'; p++) {
		if (*p >= '1' && *p <= '9' && !b->indent)
			b->indent = (size_t)(*p - '0');
		else if ((*p == '-' || *p == '+') && b->chomp == BLOCK_CLIP)
			b->chomp = *p == '-' ? BLOCK_STRIP : BLOCK_KEEP;
		else
			return false;
	}
	while (p < end && is_blank(*p))
		p++;
	return p == end || *p == '\r' || *p == '\n' || (*p == '#' && is_blank(p[-1]));
}

bool block_header(struct block *b, const char *before, size_t n)
{
	const char *end = before + n;

	for (const char *p = before; p < end; p++) {
		if (*p == '#' && (p == before || is_blank(p[-1]) || p[-1] == '\n')) {
			while (p < end && *p != '\n')
				p++;
			if (p == end)
				break;
		}
		if (*p == (b->folded ? '>' : '|') && read_rest(b, p + 1, end))
			return true;
	}
	return false;
}

struct line {
	const char *text;
	size_t n;     /* without indentation and break */
	bool has_end; /* a break follows */
};

struct lines {
	const char *p, *end;
	size_t indent;
};

static size_t spaces(const char *p, const char *end)
{
	const char *start = p;

	while (p < end && *p == ' ')
		p++;
	return (size_t)(p - start);
}

static const char *line_end(const char *p, const char *end)
{
	while (p < end && *p != '\n' && *p != '\r')
		p++;
	return p;
}

static const char *skip_break(const char *p, const char *end)
{
	if (p < end && *p == '\r' && p + 1 < end && p[1] == '\n')
		return p + 2;
	return p < end ? p + 1 : p;
}

static bool next_line(struct lines *l, struct line *ret)
{
	const char *end = line_end(l->p, l->end);
	size_t lead = spaces(l->p, end);

	if (l->p == l->end)
		return false;
	if (lead > l->indent)
		lead = l->indent;
	ret->text = l->p + lead;
	ret->n = (size_t)(end - ret->text);
	ret->has_end = end < l->end;
	l->p = skip_break(end, l->end);
	return true;
}

/* The indentation of the first line with more than blanks; of blocks without one, the widest. */
static size_t find_indent(const char *p, const char *end)
{
	size_t widest = 0;

	while (p < end) {
		const char *stop = line_end(p, end);
		size_t lead = spaces(p, stop);

		if (p + lead < stop)
			return lead;
		widest = lead > widest ? lead : widest;
		p = skip_break(stop, end);
	}
	return widest;
}

struct writer {
	char *out;
	size_t breaks;	/* that wait to be written: the end of the last line and the empty lines after it */
	bool any;	/* a line with text was written */
	bool last_more; /* and that was indented further, so the breaks around it stay */
};

static void put_breaks(struct writer *w, size_t n)
{
	for (; n > 0; n--)
		*w->out++ = '\n';
	w->breaks = 0;
}

/* Folding: one break between two lines of text is a blank, of more the first goes. */
static void put_folded_breaks(struct writer *w, bool more)
{
	if (!w->any || w->last_more || more)
		put_breaks(w, w->breaks);
	else if (w->breaks == 1)
		*w->out++ = ' ';
	else if (w->breaks)
		put_breaks(w, w->breaks - 1);
	w->breaks = 0;
	w->last_more = more;
}

static void put_line(struct writer *w, const struct line *l, bool folded)
{
	if (l->n) {
		if (folded)
			put_folded_breaks(w, is_blank(l->text[0]));
		else
			put_breaks(w, w->breaks);
		memcpy(w->out, l->text, l->n);
		w->out += l->n;
		w->any = true;
	}
	w->breaks += l->has_end;
}

char *block_text(struct arena *a, const struct block *b, const char *raw, size_t n, size_t *ret_len)
{
	struct lines lines = {.p = raw, .end = raw + n, .indent = b->indent ? b->indent : find_indent(raw, raw + n)};
	char *text = arena_alloc(a, n + 1);
	struct writer w = {.out = text};
	struct line line;

	while (next_line(&lines, &line))
		put_line(&w, &line, b->folded);
	if (b->chomp == BLOCK_KEEP)
		put_breaks(&w, w.breaks);
	else if (b->chomp == BLOCK_CLIP && w.any && w.breaks)
		put_breaks(&w, 1);
	*w.out = '\0';
	*ret_len = (size_t)(w.out - text);
	return text;
}
