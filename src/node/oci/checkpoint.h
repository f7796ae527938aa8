/* SPDX-License-Identifier: Apache-2.0
 *
 * checkpoint: writes a running container to image files and ends it, by criu(8), which is run as a program: from a fixed list of folders,
 * with a clean environment. It is asked first whether it can work on this machine, so that a container is not touched when it cannot.
 */
#pragma once

#include "node/oci/container.h"

struct oci_checkpoint {
	const char *id;
	const char *image_path, *work_path, *parent_path; /* NULL: "checkpoint" here; the image path; none */
	const char *manage_cgroups;			  /* soft, full, strict, ignore */
	bool leave_running, tcp_established, tcp_skip_in_flight, ext_unix, shell_job, file_locks, link_remap, pre_dump,
	    auto_dedup;
};

int oci_dump(const struct oci_runtime *rt, const struct oci_checkpoint *o, struct err *err);

/* Whether criu is there and works here: -ENOTSUP with what it said. *ret: its path, static. */
int oci_criu_find(const char **ret, struct err *err);
