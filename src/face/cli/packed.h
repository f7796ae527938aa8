/* SPDX-License-Identifier: Apache-2.0
 *
 * packed: what is written and sent at the same time: a thread writes into a pipe (a tar of files), the caller's thread reads it (the body of a request).
 */
#pragma once

struct err;

struct packed {
	int (*write)(void *what, int fd, struct err *err); /* in the thread; leaves fd open */
	void *what;
	int (*send)(void *ctx, int fd, struct err *err);
	void *ctx;
};

/* The error of write, if it has one of its own, else the result of send. SIGPIPE is ignored meanwhile. */
int packed_send(const struct packed *how, struct err *err);
