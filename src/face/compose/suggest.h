/* SPDX-License-Identifier: Apache-2.0
 *
 * suggest: the nearest known word to a wrong one, by edit distance with transpositions.
 */
#pragma once

#include <stddef.h>

/* Keeps the best of the words shown to it. `struct suggest s = {.wrong = "imgae"};` suggest_try() for each, s.best. */
struct suggest {
	const char *wrong;
	const char *best; /* NULL = none near: 1 letter, a third, or half behind 4 equal ones may differ */
	size_t distance;
};

void suggest_try(struct suggest *s, const char *word);
/* "" or "; did you mean \"image\"?" in `text`. Returns text. */
#define SUGGEST_TEXT_MAX 160
const char *suggest_text(const struct suggest *s, char text[static SUGGEST_TEXT_MAX]);
