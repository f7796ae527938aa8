/* SPDX-License-Identifier: Apache-2.0
 *
 * detached: a function in a process that nobody waits for: it outlives its caller, and is never its zombie.
 */
#pragma once

struct err;

/* Runs fn(ctx) in a new process, with everything of this one that fn does not close; it ends with fn. 0, also where SIGCHLD is ignored; a negative errno when
 * there is no process to be had. `what` completes "start ...". The caller has one thread. */
int detached_start(void (*fn)(void *ctx), void *ctx, const char *what, struct err *err);
