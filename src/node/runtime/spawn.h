/* SPDX-License-Identifier: Apache-2.0
 *
 * spawn: runs another program (a hook, ps, criu) and waits for it. It gets a clean environment, no descriptor but the three standard ones,
 * default signals, and a process group of its own. What it says is collected up to a limit; the rest is thrown away, so that it can
 * neither fill our memory nor wait for us. A grandchild that keeps its output open is not waited for.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct err;
struct buf;

struct spawn {
	const char *path; /* absolute */
	char *const *args, *const *env;
	const char *cwd;	   /* NULL = where we are */
	const char *input;	   /* all that its standard input has; NULL = nothing */
	int timeout_ms;		   /* -1 = none; when it is over, the group is killed: -ETIMEDOUT */
	int (*prepare)(void *ctx); /* in the new process, just before the exec: 0 or a negative errno; NULL = nothing */
	void *ctx;
	struct buf *out; /* takes standard output and standard error; its limit counts, the last bytes are kept */
};

/* Returns the exit code, 128 + signal, or a negative errno with *err set (-ENOENT, -EACCES ... when it cannot be executed). */
int spawn_run(const struct spawn *s, struct err *err);
