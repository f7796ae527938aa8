/* SPDX-License-Identifier: Apache-2.0
 *
 * draft: a layer while a step writes it: a directory of its own, and the view of what is below it. A directory that the view has is made in
 * the draft with the owner, mode, time and attributes that it has there, so that the layer changes nothing but what the step means.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

struct err;

struct draft {
	int view; /* -1: the root is empty */
	int dir;  /* of the layer's fs/ */
};

struct draft_owner {
	uid_t uid;
	gid_t gid;
};

/* What a plain path is now, in the draft or else in the view: 1, 0 = nothing, or a negative errno. */
int draft_stat(const struct draft *d, const char *plain, struct stat *ret, struct err *err);

/* Makes the directories of a plain path where they are missing: those of the view as they are there, others with mode 0755 and this owner.
 * Returns a descriptor of the last one in the draft; *ret_view (may be NULL) gets one of it in the view, or -1; *ret_made whether the
 * last one is new to both. -ENOTDIR when something else is in the way. */
int draft_mkdirs(const struct draft *d, const char *plain, const struct draft_owner *owner, int *ret_view,
		 bool *ret_made, struct err *err);

/* One directory in (dir, view), as above. */
int draft_mkdir(int dir, int view, const char *name, const struct draft_owner *owner, int *ret_view, bool *ret_made,
		struct err *err);

/* Owner of an open file, or (fd of the directory, name) of a link. A user namespace has not every number: then 0. */
int draft_own(int fd, const char *name, uid_t uid, gid_t gid, struct err *err);
/* The attributes that an image may have: user.* but overlay's, and file capabilities. */
int draft_copy_attributes(int from, int to, struct err *err);
