/* SPDX-License-Identifier: Apache-2.0
 *
 * child: a function in a process of its own, whose result the caller waits for. What it reads is often hostile: fn confines itself first, and
 * its result is judged, not believed.
 */
#pragma once

struct err;

typedef int child_fn(void *ctx, struct err *err);

/* Forks (the process has one thread) and waits. The result is fn's: a negative errno with its text, or a number. The child is the leader of a
 * process group, all of which is killed at the end, or when stop_fd (-1 = none) becomes readable: -ECANCELED then. It dies with its parent.
 * `what` completes "the process that ...". */
int child_run(child_fn *fn, void *ctx, int stop_fd, const char *what, struct err *err);
