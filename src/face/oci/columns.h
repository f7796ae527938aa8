/* SPDX-License-Identifier: Apache-2.0
 *
 * columns: a table for `list` as runc writes it: columns at least 12 wide, three blanks between, nothing escaped (programs read it).
 */
#pragma once

#include <stddef.h>

struct buf;

#define COLUMNS_MAX 8

struct columns {
	size_t n, width[COLUMNS_MAX];
	char **cells; /* NULL-terminated, row by row */
};

void columns_start(struct columns *c, size_t n, const char *const *titles);
void columns_add(struct columns *c, const char *const *cells); /* copies n cells */
void columns_print(const struct columns *c, struct buf *out);
void columns_end(struct columns *c);
