/* SPDX-License-Identifier: Apache-2.0
 *
 * lifecycle: what can be done with a container that exists (runtime-spec runtime.md, "Operations").
 */
#pragma once

#include "node/oci/container.h"
#include "node/runtime/resources.h"

struct oci_container {
	int dir;
	struct oci_state *state;
	enum oci_status status;
	struct rt_box box;	   /* pidfd -1: it has ended */
	struct cgroup_box *cgroup; /* NULL: none */
};

#define OCI_CONTAINER_NONE                                                                                             \
	{                                                                                                              \
		.dir = -1, .box = {.pid = -1, .pidfd = -1 }                                                            \
	}

/* Finds it and how it is. -ENOENT. With `lock` nobody else changes it until it is closed. Whatever it returns: it must be closed. */
int oci_open(const struct oci_runtime *rt, const char *id, bool lock, struct oci_container *ret, struct err *err);
void oci_close(struct oci_container *c);

int oci_start(const struct oci_runtime *rt, const char *id, struct err *err);
/* To the first process or, with `all`, to all of them. A container that has ended: -ESRCH "container not running". */
int oci_kill(const struct oci_runtime *rt, const char *id, int signal, bool all, struct err *err);
/* One that has not ended is refused (-EBUSY) without `force`, and killed with it; then a missing one is success. */
int oci_delete(const struct oci_runtime *rt, const char *id, bool force, struct err *err);
int oci_pause(const struct oci_runtime *rt, const char *id, struct err *err);
int oci_resume(const struct oci_runtime *rt, const char *id, struct err *err);
/* Changes its limits; device rules stay. */
int oci_update(const struct oci_runtime *rt, const char *id, const struct rt_resources *resources, struct err *err);

/* Its cgroups, or -ENOTSUP "container ... has no cgroups". */
int oci_cgroups(const struct oci_container *c, struct err *err);
