/* SPDX-License-Identifier: Apache-2.0
 *
 * build_place: a temporary directory with src/ (a context), view/ and fs/ (a draft) for the tests of copies, and helpers that make and look at
 * files in them.
 */
#pragma once

#include <stdbool.h>

#include "node/build/copy.h"

struct build_place {
	char path[64];
	int dir, src, view, fs;
};

void build_place_make(struct build_place *p);
void build_place_remove(struct build_place *p);

/* Makes directories on the way. */
void build_place_file(int at, const char *path, const char *text, unsigned mode);
void build_place_dir(int at, const char *path, unsigned mode);
void build_place_link(int at, const char *path, const char *target);

/* What `path` is: its text, "-> target", "dir", "fifo", "" when it is not there. A static buffer. */
const char *build_place_look(int at, const char *path);
unsigned build_place_mode(int at, const char *path);

/* COPY of the patterns (NULL-terminated) with c->dest; the error's code, positive, or 0. */
int build_place_copy(const struct build_place *p, const struct copy *c, const char *const *patterns,
		     const struct ignore *ignore);
