/* SPDX-License-Identifier: Apache-2.0
 *
 * oom: news that a container has run out of the memory it may have, when it happens.
 */
#pragma once

#include "node/runtime/rt.h"

struct oom {
	int fd; /* readable: something happened, which oom_look() tells; -1 = nobody watches */
	bool v2;
	uint64_t kills; /* as counted when we looked last */
};
#define OOM_NULL                                                                                                       \
	{                                                                                                              \
		.fd = -1                                                                                               \
	}

/* Of a container that runs. -ENOTSUP, -ENOENT and others when its memory cannot be watched. */
int oom_watch(const struct rt_box *box, struct oom *ret, struct err *err);
/* After fd became readable: whether the kernel kills, or has killed, another process of it for memory. */
bool oom_look(const struct rt_box *box, struct oom *o);
void oom_close(struct oom *o);
