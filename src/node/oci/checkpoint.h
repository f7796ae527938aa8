/* SPDX-License-Identifier: Apache-2.0
 *
 * checkpoint: writes a running container to image files and ends it, by criu(8). When that fails the container runs on.
 */
#pragma once

#include "node/oci/container.h"
#include "node/oci/criu_image.h"

struct oci_checkpoint {
	const char *id;
	struct criu_image image;
	bool leave_running, pre_dump;
	int status_fd; /* gets one byte when the page server is ready; -1 = none */
};

int oci_dump(const struct oci_runtime *rt, const struct oci_checkpoint *o, struct err *err);
