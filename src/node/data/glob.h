/* SPDX-License-Identifier: Apache-2.0
 *
 * glob: patterns for relative paths. Within a component: `*` any run of characters, `?` one, `[a-z]` one of a set (`[!a-z]` or `[^a-z]`
 * one that is not in it), `\x` the character x itself; a component `**` stands for any number of components, none included. A leading dot
 * is a character like any other. Bytes are compared, not characters of a language. Time is at worst the product of the lengths.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err;

#define GLOB_BYTES_MAX 4096
#define GLOB_PARTS_MAX 128

struct glob {
	char *text; /* owns the parts */
	const char *parts[GLOB_PARTS_MAX];
	size_t n;
	bool wild; /* false: matches one path only */
};

/* The pattern without "." components and doubled or trailing slashes. -EINVAL when it is not well formed or could leave its directory. */
int glob_parse(const char *pattern, struct glob *ret, struct err *err);
void glob_free(struct glob *g);

bool glob_match(const struct glob *g, const char *path);
/* True when something below the directory `path` could match. */
bool glob_below(const struct glob *g, const char *path);
