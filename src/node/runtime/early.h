/* SPDX-License-Identifier: Apache-2.0
 *
 * early: the payload's process, started before its container is ready. It does at once what needs nothing of the container (loopback up,
 * bounding set, no_new_privs, filter: about a third of a millisecond) while init mounts, then sleeps until it is let go. Until its exec it
 * lives in init's memory and descriptor table, as after vfork(2).
 */
#pragma once

#include "node/runtime/payload.h"

#include <stdbool.h>
#include <stdint.h>

struct err;

enum { EARLY_BUSY = -1, EARLY_READY = 1 };

struct early {
	uint32_t go; /* futex: it may go on */
	int32_t
	    alive; /* futex: EARLY_BUSY, EARLY_READY when it has done its part; cleared by the kernel at its exec or end */
	pid_t pid;
	bool loopback;
	uint64_t caps; /* the bounding set to keep */
	bool no_filter;
	int error;		/* errno of its part, 0 = all went well */
	const char *what;	/* that failed */
	struct payload payload; /* to be filled in before early_release() */
};

/* Starts it; *e must stay where it is. In a build with the address sanitizer, which cannot follow a shared memory, nothing is started here
 * and all is done by early_release(). Returns the pid, 0 in such a build, or a negative errno. */
pid_t early_start(struct early *e, struct err *err);

/* Waits until it has done its part: from then on it touches no descriptor. */
void early_wait(struct early *e);

/* Lets it go and waits until it has become its program. Returns its pid, or 0 where early_start() gave it. -ECANCELED: it has ended before;
 * why, it has told over the payload's channel, unless it was killed. (With the address sanitizer nobody waits for that.) */
pid_t early_release(struct early *e, struct err *err);
