/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/nearest.h"

#include <string.h>
#include <strings.h>

#define LENGTH_MAX 60u

static int lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Letters to change, to add, to take away, or neighbours to swap. */
static size_t distance(const char *a, const char *b)
{
	size_t m[LENGTH_MAX + 1][LENGTH_MAX + 1], na = strlen(a), nb = strlen(b);

	for (size_t i = 0; i <= na; i++)
		m[i][0] = i;
	for (size_t j = 0; j <= nb; j++)
		m[0][j] = j;
	for (size_t i = 1; i <= na; i++) {
		for (size_t j = 1; j <= nb; j++) {
			int c = lower(a[i - 1]), d = lower(b[j - 1]);

			m[i][j] = least(least(m[i - 1][j], m[i][j - 1]) + 1, m[i - 1][j - 1] + (c != d));
			if (i > 1 && j > 1 && c == lower(b[j - 2]) && lower(a[i - 2]) == d)
				m[i][j] = least(m[i][j], m[i - 2][j - 2] + 1);
		}
	}
	return m[na][nb];
}

const char *nearest_word(const char *word, const char *(*next)(void *ctx, size_t i), void *ctx)
{
	const char *best = NULL, *option;
	size_t n = strlen(word), limit = n < 6 ? 1 : least(n / 3, 3);

	if (!n || n > LENGTH_MAX)
		return NULL;
	for (size_t i = 0; (option = next(ctx, i)) != NULL; i++) {
		size_t d;

		if (!*option || strlen(option) > LENGTH_MAX || !strcasecmp(option, word))
			continue;
		d = distance(word, option);
		if (d > limit || d >= strlen(option))
			continue;
		best = option;
		if (d < 2)
			break;
		limit = d - 1;
	}
	return best;
}
