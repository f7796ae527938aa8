/* SPDX-License-Identifier: Apache-2.0
 *
 * words: a command line in one string becomes words by the quoting rules of the shell (blanks, '..', "..", \),
 * without expanding anything. That is what Compose does with `command` and `entrypoint` as strings.
 */
#pragma once

#include <stdbool.h>

struct arena;
struct strings;

/* False with *ret_why (static text) for an open quote or a backslash at the end. */
bool words_split(struct arena *a, const char *text, struct strings *ret, const char **ret_why);
