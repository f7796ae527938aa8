/* SPDX-License-Identifier: Apache-2.0
 *
 * user: who the payload is. "uid", "name", "uid:gid", "name:group" in every mix, names from the container's own /etc/passwd and /etc/group,
 * which are read as foreign data: regular files of at most 1 MiB, below the root's descriptor.
 *
 * A text of digits is that number and nothing else, never a name, and must be at most 2147483647: no overflow can make it 0.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct err;

#define USER_GROUPS_MAX 256
#define USER_FILE_MAX (1u << 20)
#define USER_HOME_MAX 256

struct user {
	uid_t uid;
	gid_t gid;
	gid_t groups[USER_GROUPS_MAX]; /* the primary group is always the first of them */
	size_t n_groups;
	char home[USER_HOME_MAX]; /* from passwd, or "/" */
};

/* Pure: `passwd` and `group` are the texts of the files ("" when missing); `text` NULL means root. -EINVAL for a malformed user,
 * -ENOENT for a name that the files do not have, -E2BIG for more than USER_GROUPS_MAX groups. Malformed lines of the files are skipped. */
int user_find(const char *text, const char *passwd, const char *group, struct user *ret, struct err *err);

/* The same, reading the files below the directory descriptor `root`. */
int user_find_in(int root, const char *text, struct user *ret, struct err *err);
/* More groups, names or numbers, for a user that was found. NULL = none. */
int user_add_groups(char *const *groups, const char *group, struct user *u, struct err *err);
int user_add_groups_in(int root, char *const *groups, struct user *u, struct err *err);
