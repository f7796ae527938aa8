/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_point: the places that mounts of a RUN need in its root and that must not be in its layer: /proc where an image has none,
 * /run/secrets/x, /etc/resolv.conf. They are made in the draft before the container starts, and the directory that holds each of them stays
 * open: afterwards they are removed by (that descriptor, name), if they are still what was made and empty. Whatever the step did to paths
 * meanwhile, nothing else is removed (row B2).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "node/build/draft.h"

struct exec_points {
	struct exec_point *list;
	size_t n, cap;
	int root; /* the draft; borrowed */
};
#define EXEC_POINTS_INIT                                                                                               \
	{                                                                                                              \
		.list = NULL                                                                                           \
	}

/* Makes the missing part of `path` (absolute, in the container). */
int exec_point_make(struct exec_points *p, const struct draft *d, const char *path, bool dir, struct err *err);
/* Removes what was made, the last first, and frees. */
void exec_points_clear(struct exec_points *p);
