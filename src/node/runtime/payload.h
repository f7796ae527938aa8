/* SPDX-License-Identifier: Apache-2.0
 *
 * payload: from a process of ours that stands in the container to the user's program, the same way for a start and for an exec.
 */
#pragma once

#include "node/runtime/rt.h"
#include "node/runtime/user.h"

struct err;

struct payload {
	char *const *argv, *const *env;
	struct user user;
	uint64_t caps;
	bool no_filter;
	int talk;	   /* where a failure is told; must be above 2 */
	int cwd;	   /* directory to start in (payload_open_cwd), for early.c; the others are there already */
	bool death_signal; /* die with the parent, which holds the other end of talk */

	/* Of an OCI configuration or the like, else NULL: then caps and no_filter are not read, payload_confine() is not called. */
	const struct rt_process_attr *attr;
	const struct rt_box_attr *box; /* for its start_container hook; NULL in an exec */
	int terminal;		       /* with attr->terminal */
	int listener;		       /* with attr->filter->notify */
	const char *listener_state;
};

/* Whom attr names; the home directory comes from the container's passwd, "/" if that cannot be read. */
int payload_user(const struct rt_process_attr *attr, int root, struct user *ret, struct err *err);

/* Whether the program is there at all: -ENOENT or -EACCES as its exec would say. The caller stands in the container. */
int payload_find(const char *name, char *const *env, struct err *err);

/* Opens the working directory below the root (made when missing) for payload_enter_cwd. Returns its descriptor. */
int payload_open_cwd(int root, const char *cwd, struct err *err);

/* The same, but one that is missing is an error: what joins a container finds it as it is. */
int payload_find_cwd(int root, const char *cwd, struct err *err);
/* Goes there and makes sure that it is inside the root (CVE-2024-21626). */
int payload_enter_cwd(int cwd, struct err *err);

/* Puts the three descriptors on 0, 1 and 2; -1 is /dev/null of the directory `dev`. Pipes become the user's, so that /dev/stdout can be opened
 * by a user who is not root (not possible in a user namespace, which does not own them). All descriptors from 3 on are left alone. */
int payload_stdio(const int fds[static 3], int dev, const struct user *user, struct err *err);

/* What cannot be undone and is common to init and payload: bounding set, no_new_privs, filter. */
int payload_confine(const struct payload *p, struct err *err);

/* Becomes the user and the program. On failure tells talk and exits with 126 or 127. */
_Noreturn void payload_exec(const struct payload *p);
