/* SPDX-License-Identifier: Apache-2.0
 *
 * ignore: .dockerignore files and the patterns of --exclude.
 *
 *   # comment        only as the first character of a line; empty lines do nothing; blanks around a pattern go away
 *   a/b  /a/b/       relative to the root of the context, with or without slashes at the ends; ".." cannot leave the root
 *   *  ?  [a-z]      within one component; a backslash takes the meaning away from the next character
 *   **               any number of components
 *   !pattern         takes files back in; the last line that matches decides
 *
 * A pattern matches a path and everything below it. Each pattern is an automaton of its own: the time for a path is its length times the
 * length of the pattern at the most, whatever the pattern.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct ignore;

#define IGNORE_BYTES_MAX (1u << 20)
#define IGNORE_PATTERNS_MAX 10000u
#define IGNORE_PATTERN_LENGTH_MAX 4096u

/* The text of an ignore file; `name` for errors ("FILE:LINE: ..."). */
int ignore_parse(const char *text, size_t n, const char *name, struct ignore **ret, struct err *err);
/* The lines of it that are patterns, without blanks around them; the caller's, NULL for none. For who leaves out what they match by himself. */
char **ignore_patterns(const char *text, size_t n);
/* A list of patterns in the same form; NULL-terminated. */
int ignore_new(char *const *patterns, struct ignore **ret, struct err *err);
struct ignore *ignore_free(struct ignore *i);
static inline void ignore_freep(struct ignore **i)
{
	ignore_free(*i);
}

/* Whether the path ("a/b", relative, clean) or one of its parents is ignored, by the order of the patterns. */
bool ignore_match(const struct ignore *i, const char *path);

/* The same for a walk, where each directory remembers which patterns matched it: one bit a pattern. A directory's result is what its
 * entries get as `above` (NULL at the root). `ret` is filled (ignore_words() words; may be NULL for a file). */
size_t ignore_words(const struct ignore *i);
bool ignore_match_below(const struct ignore *i, const char *path, const uint64_t *above, uint64_t *ret);

/* An ignored directory need not be walked when no ! pattern can take back what is below it. */
bool ignore_may_include_below(const struct ignore *i, const char *dir);
