/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 64
#define PREFIX_MIN 4

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

static bool same(char a, char b)
{
	if (a == '-')
		a = '_';
	if (b == '-')
		b = '_';
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Optimal string alignment: insert, delete, replace, swap two neighbours. Three rows are enough. */
static size_t distance(const char *a, size_t la, const char *b, size_t lb)
{
	size_t rows[3][WORD_MAX + 1];

	for (size_t j = 0; j <= lb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *now = rows[i % 3], *up = rows[(i + 2) % 3], *upup = rows[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t cost = same(a[i - 1], b[j - 1]) ? 0 : 1;

			now[j] = min3(up[j] + 1, now[j - 1] + 1, up[j - 1] + cost);
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]) &&
			    upup[j - 2] + 1 < now[j])
				now[j] = upup[j - 2] + 1;
		}
	}
	return rows[la % 3][lb];
}

static size_t common_prefix(const char *a, const char *b)
{
	size_t n = 0;

	while (a[n] && same(a[n], b[n]))
		n++;
	return n;
}

void suggest_try(struct suggest *s, const char *word)
{
	size_t la = strlen(s->wrong), lb = strlen(word), d, limit, prefix;

	if (la == 0 || la > WORD_MAX || lb == 0 || lb > WORD_MAX)
		return;
	d = distance(s->wrong, la, word, lb);
	prefix = common_prefix(s->wrong, word);
	if (prefix >= PREFIX_MIN && prefix == la)
		d = 1; /* a word that was cut off */
	limit = (la > lb ? la : lb) / (prefix >= PREFIX_MIN ? 2 : 3);
	if (limit == 0)
		limit = 1;
	if (d > limit || d >= lb || (s->best && d >= s->distance))
		return;
	s->best = word;
	s->distance = d;
}

const char *suggest_text(const struct suggest *s, char text[static SUGGEST_TEXT_MAX])
{
	text[0] = '\0';
	if (s->best)
		(void)snprintf(text, SUGGEST_TEXT_MAX, "; did you mean \"%s\"?", s->best);
	return text;
}
