/* SPDX-License-Identifier: Apache-2.0
 *
 * netpool: network namespaces made ahead of need. Making one takes the kernel longer than all else in a start together; a resident process
 * can do it while nobody waits. Each is new, has its loopback up, is used by one container and never comes back.
 *
 * Not for a container with a user namespace of its own, which must own its network namespace; nor for a process in a user namespace, which may
 * not go back to the network namespace that it comes from.
 */
#pragma once

#include <stddef.h>

struct err;

#define NETPOOL_MAX 64

struct netpool {
	int fds[NETPOOL_MAX];
	size_t n, want; /* want 0 = no pool */
};

/* Takes one out: a descriptor of the caller, or -1 when there is none. */
int netpool_take(struct netpool *p);
/* Makes one, if fewer than `want` are there: 1 it did, 0 the pool is full. The calling process must have one thread; it is in another network
 * namespace for a moment. On failure the pool wants no more (want = 0) and is used up. */
int netpool_fill_one(struct netpool *p, struct err *err);
/* Takes the calling process to a new one, for good. */
int netpool_enter(struct err *err);
/* Closes all. */
void netpool_clear(struct netpool *p);
