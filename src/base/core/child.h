/* SPDX-License-Identifier: Apache-2.0
 *
 * child: a function in a process of its own, whose result the caller waits for or fetches later. What it reads is often hostile: fn confines itself first, and
 * its result is judged, not believed.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct err;

typedef int child_fn(void *ctx, struct err *err);

/* Forks (the process has one thread) and waits. The result is fn's: a negative errno with its text, or a number. The child is the leader of a
 * process group, all of which is killed at the end, or when stop_fd (-1 = none) becomes readable: -ECANCELED then. It dies with its parent.
 * `what` completes "the process that ...". */
int child_run(child_fn *fn, void *ctx, int stop_fd, const char *what, struct err *err);

/* The same in two steps. ctx must stay until the end. */
struct child {
	pid_t pid; /* 0 = none */
	int fd;	   /* readable when it has ended: for poll(2) */
};

int child_start(child_fn *fn, void *ctx, const char *what, struct child *ret, struct err *err);
bool child_has_ended(const struct child *c);
/* Waits for its end, as child_run() does. */
int child_end(struct child *c, int stop_fd, const char *what, struct err *err);
/* Ends it, if there is one; its result is nobody's. */
void child_kill(struct child *c);
