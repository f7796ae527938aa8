/* SPDX-License-Identifier: Apache-2.0
 *
 * restore: the start of a container from the files of a checkpoint, in the place of rt_start().
 */
#pragma once

#include <sys/types.h>

struct cgroup_box;
struct criu_image;
struct err;
struct oci_bundle;
struct rt_box;

struct restore {
	const struct criu_image *image;
	const struct oci_bundle *bundle; /* prepared */
	struct cgroup_box *cgroup;	 /* or NULL */
	int dir;			 /* of the container's state */
	void *ctx;
	int (*create_runtime)(void *ctx, pid_t pid,
			      struct err *err); /* when there are namespaces, before there is a process in them */
};

/* *ret: the first process, a child of ours, and the master end of its terminal if it has one. What failed has left no process. */
int oci_revive(const struct restore *r, struct rt_box *ret, struct err *err);
