/* SPDX-License-Identifier: Apache-2.0
 *
 * process: one more process in a container (exec), and which processes there are (ps).
 */
#pragma once

#include "node/oci/container.h"

/* NULL, empty or false = as the configuration says. */
struct oci_exec {
	const char *id;
	const char *process; /* a file with all of it (config.json's "process"), instead of args */
	char *const *args;
	const char *cwd, *user; /* "uid[:gid]" */
	char *const *env;	/* added */
	char *const *caps;	/* added */
	char *const *gids;	/* added */
	const char *selinux, *apparmor;
	char *const *cgroups; /* "[controller:]path" below the container's */
	bool tty, no_new_privs, detach, ignore_paused;
	const char *console_socket, *pidfd_socket, *pid_file;
	unsigned preserve_fds;
};

/* Returns the exit code of the process, 0 with `detach`. */
int oci_exec(const struct oci_runtime *rt, const struct oci_exec *o, struct err *err);

/* All processes, in our pid namespace; the list is the caller's (free). */
int oci_pids(const struct oci_runtime *rt, const char *id, pid_t **ret, size_t *ret_n, struct err *err);

/* "1000:100" as user and group; the group stays when there is none. Digits only, each at the most 4294967294 (attack row R11). */
int oci_user_parse(const char *text, uid_t *uid, gid_t *gid, struct err *err);
/* The one cgroup that "[controller:]path" arguments name. *ret is a part of them; "" = none. */
int oci_cgroup_parse(char *const *args, const char **ret, struct err *err);
