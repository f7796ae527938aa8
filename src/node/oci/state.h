/* SPDX-License-Identifier: Apache-2.0
 *
 * state: what is written down about a container, in <root>/<id>/ (mode 0700):
 *
 *   state.json    who it is and which process it has; appears when there is a process
 *   config.json   a copy of the bundle's configuration: a bundle may change or go while its container runs
 *   filter        the compiled system call filter, for exec
 *   start         the socket at which a created container waits for its start; gone when it has started
 *
 * The directory is opened once and then used by descriptor. Whoever changes it holds its lock. A process is named by its pid and its start
 * time; the pid alone is never trusted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct oci_annotation;

#define OCI_STATE_MAX (8u << 20)
#define OCI_ID_MAX 1024

enum oci_status { OCI_CREATING, OCI_CREATED, OCI_RUNNING, OCI_PAUSED, OCI_STOPPED };
extern const char *const oci_status_names[]; /* "creating" ... */

struct oci_state {
	const char *version, *id, *bundle, *rootfs;
	const char *created; /* RFC 3339 with nanoseconds */
	const char *cgroup;  /* cgroup_box_text(); "" = none */
	pid_t pid;	     /* 0 = none yet */
	uint64_t start_time;
	uid_t owner;
	bool creating;		  /* still in the hands of `create` */
	bool shared_pid;	  /* no pid namespace of its own: killing its first process leaves the others */
	bool poststart, poststop; /* has hooks of these kinds */
	const struct oci_annotation *annotations;
	size_t n_annotations;
	void *owned; /* of oci_state_read(); NULL when the strings are somebody else's */
};

/* runc's rule: letters, digits and "_+-." ; not "." or "..". -EINVAL. */
int oci_id_check(const char *id, struct err *err);

/* The directory of all containers; made when it is missing. */
int oci_root_open(const char *root, bool make, struct err *err);

/* Makes the directory of a new container and locks it: -EEXIST when there is one. Returns its descriptor. */
int oci_state_make(const char *root, const char *id, struct err *err);
/* Opens it: -ENOENT ("container ... does not exist"). With `lock` it waits for others, a bounded time (-EBUSY). */
int oci_state_open(const char *root, const char *id, bool lock, struct err *err);
/* Lets others in. A descriptor of ours may live on in a child that waits for its start, so closing is not enough. */
void oci_state_unlock(int dir);

/* Writes state.json, whole or not at all. */
int oci_state_write(int dir, const struct oci_state *s, struct err *err);
/* -ENOENT when there is none. The caller frees the result. */
int oci_state_read(int dir, struct oci_state **ret, struct err *err);
struct oci_state *oci_state_free(struct oci_state *s); /* takes NULL, returns NULL */
static inline void oci_state_freep(struct oci_state **s)
{
	*s = oci_state_free(*s);
}

/* Removes the directory and all in it. */
int oci_state_remove(const char *root, const char *id, struct err *err);

/* Calls fn for each container of the root, in order of their names; a root that is missing has none. Stops when fn returns != 0. */
int oci_state_each(const char *root, int (*fn)(void *ctx, const char *id, struct err *err), void *ctx, struct err *err);

/* The state as runtime-spec has it (runtime.md, "State"), for hooks and listeners: one line. The caller frees it. */
char *oci_state_json(const struct oci_state *s, enum oci_status status, pid_t pid);
/* The same as `state` (pretty) and `list` show it, with rootfs, created and owner, as runc and crun have it. */
char *oci_state_show(const struct oci_state *s, enum oci_status status, bool pretty);

/* Writes the present time as state.created wants it. */
#define OCI_TIME_MAX 40
char *oci_time_now(char text[static OCI_TIME_MAX]);
