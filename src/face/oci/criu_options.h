/* SPDX-License-Identifier: Apache-2.0
 *
 * criu_options: what checkpoint and restore both take. Each has a `struct values` with the member `image`.
 */
#pragma once

#include "node/oci/criu_image.h"

#define CRIU_TEXT(name, field, arg, help)                                                                              \
	{                                                                                                              \
		name, 0, OPTION_TEXT, offsetof(struct values, field), arg, help                                        \
	}
#define CRIU_FLAG(name, field, help)                                                                                   \
	{                                                                                                              \
		name, 0, OPTION_FLAG, offsetof(struct values, field), NULL, help                                       \
	}

#define CRIU_COMMON                                                                                                    \
	CRIU_TEXT("image-path", image.image_path, "DIR", "where the image files are (default: checkpoint)"),           \
	    CRIU_TEXT("work-path", image.work_path, "DIR", "where the log of criu goes"),                              \
	    CRIU_TEXT("manage-cgroups-mode", image.manage_cgroups, "MODE", "soft (default), full, strict or ignore"),  \
	    CRIU_FLAG("tcp-established", image.tcp_established, "open connections are allowed"),                       \
	    CRIU_FLAG("ext-unix-sk", image.ext_unix, "sockets that lead out of the container are allowed"),            \
	    CRIU_FLAG("shell-job", image.shell_job, "it may use a terminal of ours"),                                  \
	    CRIU_FLAG("file-locks", image.file_locks, "file locks are allowed"),                                       \
	    CRIU_FLAG("auto-dedup", image.auto_dedup, "remove what a parent image has twice"),                         \
	    CRIU_FLAG("lazy-pages", image.lazy_pages, "memory follows when it is used, from a page server"),           \
	{                                                                                                              \
		"empty-ns", 0, OPTION_LIST, offsetof(struct values, image.empty_ns), "NAMESPACE",                      \
		    "leave out what is in a namespace: network"                                                        \
	}
