/* SPDX-License-Identifier: Apache-2.0
 *
 * nearest: the word that a misspelt one was meant to be.
 */
#pragma once

#include <stddef.h>

/* The option with the fewest changed letters, when these are few (a third of the word, three at the most); letters of both cases are equal.
 * NULL when none is near, and for words of more than 60 bytes. `next` gives the i-th option, NULL at the end. */
const char *nearest_word(const char *word, const char *(*next)(void *ctx, size_t i), void *ctx);
