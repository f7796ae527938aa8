/* SPDX-License-Identifier: Apache-2.0
 *
 * bundle: a bundle's configuration and everything it names, opened: its root, the sources of bind mounts, namespaces to join, the seccomp
 * listener; and its system call filter, compiled. What comes out is a finished rt_box_attr.
 *
 * A bundle and the host paths in its configuration are the administrator's; nothing below its root filesystem is touched here.
 */
#pragma once

#include "node/oci/config.h"
#include "node/oci/listener.h"

struct err;

struct oci_bundle {
	int dir, root;
	char *path, *rootfs; /* absolute */
	char *text;	     /* of the configuration, as it was read */
	size_t n;
	struct oci_config *config;
	struct rt_process_attr process; /* the configuration's, with the filter */
	struct rt_box_attr box;		/* the configuration's, with what was opened */
	struct rt_fs *mounts;
	struct rt_filter filter;
	struct listener listener;
};

#define OCI_BUNDLE_NONE                                                                                                \
	{                                                                                                              \
		.dir = -1, .root = -1, .listener = LISTENER_NONE                                                       \
	}

/* Reads and parses `file` ("config.json") of the bundle at `path`. Whatever it returns: `b` must be closed. */
int oci_bundle_open(struct oci_bundle *b, const char *path, const char *file, struct err *err);
/* Checks the process, as it has to be there for a start. */
int oci_bundle_check(const struct oci_bundle *b, struct err *err);
/* Opens what it names and compiles the filter. */
int oci_bundle_prepare(struct oci_bundle *b, struct err *err);
void oci_bundle_close(struct oci_bundle *b);

/* Compiles a profile into *ret; NULL gives an empty one. It owns its code. */
int oci_bundle_filter(const struct seccomp_profile *p, struct rt_filter *ret, struct err *err);
