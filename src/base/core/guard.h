/* SPDX-License-Identifier: Apache-2.0
 *
 * guard: names the lines that hold an attack off, by its row in tests/attack ("R1" ...). RT_GUARD(R3) is the constant true, and what stands
 * behind a guard that is out is no part of the program.
 *
 * Only berth-unguarded, the program for the attack tests that is never installed, is another one: there the environment variable
 * BERTH_UNGUARDED names a row whose guards are out, so that the tests can show that the attack bites without them.
 */
#pragma once

#include <stdbool.h>

#ifndef RT_UNGUARDED

#define RT_GUARD(row) true
#define RT_GUARDS(row, other) true /* both are in */
#define guard_env(env) (env)
#define guard_naive_open(root, path, flags) (-1)
#define guard_naive_mkdirs(root, path) (-1)
#define guard_naive_file(root, path) (-1)
#define guard_naive_remove(root, path, dir) ((void)(root), (void)(path), (void)(dir))

#else

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static inline bool guard_is_in(const char *row)
{
	const char *out = getenv("BERTH_UNGUARDED");

	return !out || strcmp(out, row) != 0;
}
#define RT_GUARD(row) guard_is_in(#row)
#define RT_GUARDS(row, other) (guard_is_in(#row) && guard_is_in(#other))
#define guard_env(env) ((void)(env), environ) /* the variable reaches the launcher */

/* Below a root by path, as one would who knows nothing of links. */
static inline int guard_naive_open(int root, const char *path, int flags)
{
	char whole[4200];
	int fd;

	snprintf(whole, sizeof whole, "/proc/self/fd/%d/%s", root, path);
	fd = open(whole, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static inline int guard_naive_mkdirs(int root, const char *path)
{
	char whole[4200];
	int start = snprintf(whole, sizeof whole, "/proc/self/fd/%d/", root);

	snprintf(whole + start, sizeof whole - (size_t)start, "%s", path + strspn(path, "/"));
	for (char *p = strchr(whole + start, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		(void)mkdir(whole, 0755);
		*p = '/';
	}
	(void)mkdir(whole, 0755);
	return guard_naive_open(root, path, O_RDONLY | O_DIRECTORY);
}

static inline int guard_naive_file(int root, const char *path)
{
	char whole[4200], above[4096];
	char *name;
	int fd;

	snprintf(above, sizeof above, "%s", path);
	name = strrchr(above, '/');
	if (name) {
		*name = '\0';
		fd = guard_naive_mkdirs(root, above);
		if (fd >= 0)
			close(fd);
	}
	snprintf(whole, sizeof whole, "/proc/self/fd/%d/%s", root, path);
	fd = open(whole, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	return fd < 0 ? -errno : fd;
}

static inline void guard_naive_remove(int root, const char *path, bool dir)
{
	char whole[4200];

	snprintf(whole, sizeof whole, "/proc/self/fd/%d/%s", root, path);
	(void)(dir ? rmdir(whole) : unlink(whole));
}

#endif
