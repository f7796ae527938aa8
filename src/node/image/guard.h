/* SPDX-License-Identifier: Apache-2.0
 *
 * guard: names the lines that hold an attack of an image off, by its row ("I1" ...). IMAGE_GUARD(I1) is the constant true, and what stands behind a
 * guard that is out is no part of the program.
 *
 * Only the test test/attack_test.c builds these files otherwise: there the environment variable BERTH_UNGUARDED names rows ("I1 I3") whose guards are
 * out, so that the test can show that the attack bites without them.
 */
#pragma once

#include <stdbool.h>

#ifndef RT_UNGUARDED

#define IMAGE_GUARD(row) true
#define image_naive_open(root, path, flags) (-1)

#else

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline bool image_guard_is_in(const char *row)
{
	const char *out = getenv("BERTH_UNGUARDED");

	return !out || !strstr(out, row);
}
#define IMAGE_GUARD(row) image_guard_is_in(#row)

/* Below a root by path, as one would who knows nothing of links. */
static inline int image_naive_open(int root, const char *path, int flags)
{
	char whole[4200];
	int fd;

	snprintf(whole, sizeof whole, "/proc/self/fd/%d/%s", root, path);
	fd = open(whole, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

#endif
