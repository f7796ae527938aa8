/* SPDX-License-Identifier: Apache-2.0
 *
 * container: makes and starts containers of bundles (runtime-spec runtime.md, "Lifecycle"). What can be done with them later stands in
 * lifecycle.h and process.h.
 */
#pragma once

#include "node/oci/state.h"
#include "node/runtime/rt.h"

#include <stdbool.h>

struct err;
struct cgroup_box;
struct criu_image;

/* The runtime as a command line sets it up. */
struct oci_runtime {
	const char *root; /* where the states are */
	bool root_given;  /* by the user, not by default */
	bool no_cgroups;  /* containers stay in the cgroups of the caller */
	bool inside;	  /* we are in a user namespace made for this container, and it needs no other */
	void (*warn)(const char *text);
};

/* What `create` and `run` are asked for. */
struct oci_request {
	const char *id;
	const char *bundle, *config; /* directory, and the file in it */
	const char *console_socket, *pidfd_socket, *pid_file;
	unsigned preserve_fds; /* from 3 on */
	unsigned listen_fds;   /* so many of them are for socket activation (sd_listen_fds(3)) */
	bool no_pivot, no_new_keyring;
	bool detach, keep, no_subreaper; /* run */
	const struct criu_image *image;	 /* restore: it goes on from there, instead of its program's start */
};

/* Makes the container, up to "created". */
int oci_create(const struct oci_runtime *rt, const struct oci_request *o, struct err *err);
/* Both at once. With `detach` 0; else it stays until the container has ended, deletes it and returns its exit code. */
int oci_run(const struct oci_runtime *rt, const struct oci_request *o, struct err *err);
/* The same for a container that `checkpoint` has written to files. Of its hooks prestart, createRuntime and poststop are called, as by runc: what
 * runs in the container's own namespaces has happened. */
int oci_restore(const struct oci_runtime *rt, const struct oci_request *o, struct err *err);

/* What `create`, `run`, `exec` and `restore` do with the process that they made: the pid file, whole or not at all. */
int oci_pid_file(const char *path, pid_t pid, struct err *err);
