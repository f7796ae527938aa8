/* SPDX-License-Identifier: Apache-2.0
 *
 * etcd_lib: a real etcd for a test, on the loopback of a network namespace of the test's own: no port meets another one's. It dies with the test.
 */
#pragma once

#include "base/core/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct loop;

struct etcd_server {
	char dir[64];
	pid_t pid;
	const char *const *extra; /* arguments, NULL-terminated */
};

/* Once, at first: false when there is no etcd, or no namespace, and why is told. */
bool etcd_lib_possible(void);
void etcd_lib_start(struct etcd_server *e); /* with its old data, if there is any */
void etcd_lib_kill(struct etcd_server *e);
void etcd_lib_free(struct etcd_server *e);

/* One call, waited for. Returns 0 or a negative errno; the answer is in *answer if that is not NULL. */
int etcd_lib_call(const char *url, const char *method, const struct buf *m, struct buf *answer);
/* Keys that begin with the prefix. */
size_t etcd_lib_count(const char *url, const char *prefix);
