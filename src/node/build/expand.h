/* SPDX-License-Identifier: Apache-2.0
 *
 * expand: the patterns of ${V#p} ${V##p} ${V%p} ${V%%p} ${V/p/r} ${V//p/r}. '*' is any text, '?' one character (of UTF-8; a byte that is none
 * counts as one); a backslash before '*', '?' or itself takes their meaning, before '}' and '/' it goes away, before anything else it is an error.
 */
#pragma once

#include <stdbool.h>

struct buf;
struct err;

#define EXPAND_PATTERN_MAX 1024u
#define EXPAND_VALUE_MAX (64u << 10)

/* Adds the value without the shortest (or longest) match at its beginning (or end). -EINVAL: a bad pattern; -E2BIG. */
int expand_trim(struct buf *out, const char *value, const char *pattern, bool at_end, bool longest, struct err *err);
/* Adds the value with the first match (or all) replaced. A match is the leftmost and there the longest one. */
int expand_replace(struct buf *out, const char *value, const char *pattern, const char *with, bool all,
		   struct err *err);
