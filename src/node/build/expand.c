/* SPDX-License-Identifier: Apache-2.0
 *
 * A pattern is pieces of fixed length with stars between them. Each piece is looked for behind the one before, once: when the leftmost place
 * of a piece does not lead to a match, no later one does. So the time is at most the length of the value times that of the pattern.
 */
#include "node/build/expand.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define STAR UINT32_MAX
#define ANY (UINT32_MAX - 1)
#define NONE SIZE_MAX

/* Characters of a text and where each begins; at[n] is its length. */
struct chars {
	uint32_t *c;
	size_t *at, n;
};

static void chars_free(struct chars *s)
{
	free(s->c);
	free(s->at);
}

/* Bytes of the character at p. */
static size_t char_length(const unsigned char *p)
{
	size_t n = *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : *p >= 0xc2 ? 2 : 1;

	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 1;
	return n;
}

static void chars_read(struct chars *s, const char *text)
{
	size_t length = strlen(text);

	s->c = mem_new_n(uint32_t, length + 1);
	s->at = mem_new_n(size_t, length + 1);
	s->n = 0;
	for (size_t at = 0; at < length;) {
		const unsigned char *p = (const unsigned char *)text + at;
		size_t n = char_length(p);

		for (size_t i = 0; i < n; i++)
			s->c[s->n] = s->c[s->n] << 8 | p[i]; /* unique is enough */
		s->at[s->n++] = at;
		at += n;
	}
	s->at[s->n] = length;
}

static void reverse(uint32_t *v, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		uint32_t c = v[i];

		v[i] = v[n - 1 - i];
		v[n - 1 - i] = c;
	}
}

/* Turns the characters of a pattern into pieces, in place. */
static int pattern_read(struct chars *p, const char *pattern, struct err *err)
{
	size_t n = 0;

	if (strlen(pattern) > EXPAND_PATTERN_MAX)
		return err_set(err, E2BIG, "a pattern in ${} is longer than %u bytes", EXPAND_PATTERN_MAX);
	chars_read(p, pattern);
	for (size_t i = 0; i < p->n; i++) {
		uint32_t c = p->c[i], next = i + 1 < p->n ? p->c[i + 1] : 0;

		if (c == '\\' && (next == '}' || next == '/'))
			continue;
		if (c == '\\') {
			if (next != '*' && next != '?' && next != '\\')
				return err_set(
				    err, EINVAL,
				    "pattern \"%s\" in ${}: a backslash stands before one of * ? \\ } / only", pattern);
			c = next;
			i++;
		} else if (c == '*') {
			c = STAR;
		} else if (c == '?') {
			c = ANY;
		}
		p->c[n++] = c;
	}
	p->n = n;
	return 0;
}

static bool piece_at(const uint32_t *piece, size_t m, const struct chars *s, size_t pos)
{
	if (m > s->n - pos)
		return false;
	for (size_t i = 0; i < m; i++)
		if (piece[i] != ANY && piece[i] != s->c[pos + i])
			return false;
	return true;
}

static size_t piece_first(const uint32_t *piece, size_t m, const struct chars *s, size_t from)
{
	for (size_t pos = from; pos <= s->n; pos++)
		if (piece_at(piece, m, s, pos))
			return pos;
	return NONE;
}

static size_t piece_last(const uint32_t *piece, size_t m, const struct chars *s, size_t from)
{
	for (size_t pos = s->n + 1; pos > from; pos--)
		if (piece_at(piece, m, s, pos - 1))
			return pos - 1;
	return NONE;
}

static size_t piece_length(const struct chars *p, size_t from)
{
	size_t m = 0;

	while (from + m < p->n && p->c[from + m] != STAR)
		m++;
	return m;
}

/* The end of the shortest or longest match of the pattern that begins at `start`, or NONE. */
static size_t match_end(const struct chars *p, const struct chars *s, size_t start, bool longest)
{
	size_t i = piece_length(p, 0), end = start + i;

	if (!piece_at(p->c, i, s, start))
		return NONE;
	while (i < p->n) {
		size_t m = piece_length(p, ++i), at;
		bool last = i + m == p->n;

		at = last && longest ? piece_last(p->c + i, m, s, end) : piece_first(p->c + i, m, s, end);
		if (at == NONE)
			return NONE;
		end = at + m;
		i += m;
	}
	return end;
}

static int check_value(const char *value, struct err *err)
{
	if (strlen(value) > EXPAND_VALUE_MAX)
		return err_set(err, E2BIG, "a value of more than %u bytes cannot be matched with a pattern",
			       EXPAND_VALUE_MAX);
	return 0;
}

int expand_trim(struct buf *out, const char *value, const char *pattern, bool at_end, bool longest, struct err *err)
{
	struct chars cleanup_with(chars_free) p = {0};
	struct chars cleanup_with(chars_free) s = {0};
	int r = check_value(value, err);
	size_t end;

	if (r == 0)
		r = pattern_read(&p, pattern, err);
	if (r < 0)
		return r;
	chars_read(&s, value);
	if (at_end) {
		reverse(p.c, p.n);
		reverse(s.c, s.n);
	}
	end = match_end(&p, &s, 0, longest);
	if (end == NONE)
		end = 0;
	if (at_end)
		return buf_add(out, value, s.at[s.n - end]);
	return buf_adds(out, value + s.at[end]);
}

/* One round: what is before the match, and the replacement. Returns where to go on, or NONE when there is no match. */
static size_t replace_one(struct buf *out, const char *value, const struct chars *p, const struct chars *s, size_t from,
			  const char *with)
{
	size_t start = piece_first(p->c, piece_length(p, 0), s, from), end;

	end = start == NONE ? NONE : match_end(p, s, start, true);
	if (end == NONE)
		return NONE;
	buf_add(out, value + s->at[from], s->at[start] - s->at[from]);
	buf_adds(out, with);
	if (end == start && end < s->n) { /* an empty match: the next one begins behind a character */
		buf_add(out, value + s->at[end], s->at[end + 1] - s->at[end]);
		end++;
	} else if (end == start) {
		return NONE;
	}
	return end;
}

int expand_replace(struct buf *out, const char *value, const char *pattern, const char *with, bool all, struct err *err)
{
	struct chars cleanup_with(chars_free) p = {0};
	struct chars cleanup_with(chars_free) s = {0};
	int r = check_value(value, err);
	size_t from = 0;

	if (r == 0)
		r = pattern_read(&p, pattern, err);
	if (r < 0)
		return r;
	chars_read(&s, value);
	do {
		size_t next = replace_one(out, value, &p, &s, from, with);

		if (next == NONE)
			break;
		from = next;
	} while (all && from < s.n && !out->full);
	buf_adds(out, value + s.at[from]);
	return out->full ? err_set(err, E2BIG, "${} becomes too long") : 0;
}
