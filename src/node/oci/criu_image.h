/* SPDX-License-Identifier: Apache-2.0
 *
 * criu_image: what dump and restore have in common: where the files are, the options that are handed on, and the parts of a container
 * that are no part of its image because the host has them: mounts of host directories, namespaces that were joined, files that lie outside
 * and are open as standard descriptors. Those are named alike by both; restore says what stands for each.
 */
#pragma once

#include "node/oci/criu.h"

#include <stddef.h>

struct err;
struct oci_config;

/* NULL, 0 or false: not given. */
struct criu_image {
	const char *image_path, *work_path; /* NULL: "checkpoint" here; the image path */
	const char *parent_path;
	const char *manage_cgroups; /* soft (default), full, strict, ignore */
	const char *page_server;    /* ADDRESS:PORT */
	const char *lsm_profile, *lsm_mount_context;
	char **empty_ns; /* "network" */
	bool tcp_established, tcp_close, tcp_skip_in_flight, ext_unix, shell_job, file_locks, link_remap, auto_dedup,
	    lazy_pages;
};

struct criu_dirs {
	int image, work;
};
#define CRIU_DIRS_NONE                                                                                                 \
	{                                                                                                              \
		-1, -1                                                                                                 \
	}

/* Opens the folders (made, when `make`; that for work always) and adds them and all options. `log`: static. */
int criu_image_open(const struct criu_image *i, bool make, const char *log, struct criu *c, struct criu_dirs *dirs,
		    struct err *err);
void criu_image_close(struct criu_dirs *dirs);
/* -EINVAL for words that criu or we do not know. */
int criu_image_check(const struct criu_image *i, struct err *err);

/* Where a mount of the configuration is in its root, links resolved; `root` is the one of a container that runs, or a bare one, whose path is
 * `prefix`. The caller frees it. */
int criu_image_place(int root, const char *prefix, const char *target, char **ret, struct err *err);

/* The annotation org.criu.config, as runc and crun have it: a file with more options. */
void criu_image_config(const struct oci_config *config, struct criu *c);

/* Which standard descriptors of the process came from outside: three names as criu knows them ("pipe:[7]", "file[1f:2a]"), else paths. */
int criu_image_stdio(pid_t pid, char *names[static 3], struct err *err);
int criu_image_write_stdio(int image, char *const names[static 3], struct err *err);
int criu_image_read_stdio(int image, char *names[static 3], struct err *err);
bool criu_image_is_outside(const char *name);
