/* SPDX-License-Identifier: Apache-2.0
 *
 * client: what lies with somebody else who asks for the build (BuildKit's sessions): directories, secrets, agents of ssh. Each is asked for when a step
 * needs it; secrets and agents in the process of that step.
 *
 * The context "local:NAME", and so a named one, is the directory NAME of the client.
 */
#pragma once

#include <stddef.h>

struct err;

#define BUILD_CLIENT_LOCAL "local:"

struct build_client {
	/* The text of one file below a directory: *ret is the caller's. -ENOENT without a text: there is none. */
	int (*file)(void *ctx, const char *dir, const char *path, size_t limit, char **ret, size_t *ret_n,
		    struct err *err);
	/* Writes a tar of the directory into a file, without what the patterns of an ignore file (ignore.h) leave out. paths: no more than these is needed,
	 * and what links on the way lead to; NULL = everything. kept: a directory with an earlier copy in "fs", of which what is the same stays
	 * and is not in the tar, and all else is removed; it becomes the caller's new copy by the tar, and the file "next" its "list". -1 = there
	 * is none. */
	int (*tree)(void *ctx, const char *dir, char *const *patterns, char *const *paths, int kept, int file,
		    struct err *err);
	/* As secret_read(). */
	int (*secret)(void *ctx, const char *id, char **ret, size_t *ret_n, struct err *err);
	/* As secret_agent(): the path of a socket, which is made in the directory `dir`. */
	int (*agent)(void *ctx, const char *id, int dir, char **ret, struct err *err);
	const char *key; /* a secret of the client's: copies of its directories are kept under it; NULL = none are */
	void *ctx;
};
