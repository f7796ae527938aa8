/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_limits: what a RUN inherits from the process of its step: ulimits and the processors it may run on. The process takes them on right before
 * the container is started, and is rid of them after it: it needs descriptors of its own.
 */
#pragma once

#include "node/build/build.h"

#include <sched.h>
#include <sys/resource.h>

enum { EXEC_LIMITS_MAX = 64 };

struct exec_limit {
	int resource;
	struct rlimit wanted, own;
};

struct exec_limits {
	struct exec_limit list[EXEC_LIMITS_MAX];
	size_t n, set; /* the first `set` hold */
	bool bound;
	cpu_set_t cpus, own_cpus;
};
#define EXEC_LIMITS_NULL                                                                                               \
	{                                                                                                              \
		.n = 0                                                                                                 \
	}

/* -EINVAL: the text names what is wrong. */
int exec_limits_read(const struct build_limits *b, struct exec_limits *ret, struct err *err);
/* The kernel's refusal names the limit; what was set by then is undone by exec_limits_leave(), as after success. */
int exec_limits_enter(struct exec_limits *l, struct err *err);
void exec_limits_leave(struct exec_limits *l);
