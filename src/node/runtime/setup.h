/* SPDX-License-Identifier: Apache-2.0
 *
 * setup: what the parent (create.c) and the child (init.c) of one start share, and the topics they call. The parent prepares everything that
 * needs descriptors of its own mount namespace (root and volumes, as mounts that are attached nowhere yet); the child attaches them in the
 * new namespaces. Every function here returns 0 or a negative errno with *err set, and leaves what it opened in the struct: setup_free()
 * closes it.
 */
#pragma once

#include "node/runtime/cgroup.h"
#include "node/runtime/rt.h"
#include "node/runtime/rt_attr.h"
#include "node/runtime/user.h"

#include <stdbool.h>
#include <stdint.h>

struct setup {
	const struct rt_spec *spec;
	int idmap;	    /* user namespace that idmapped mounts take their map from, or -1 */
	int root;	    /* the mount of the root */
	bool root_writable; /* mount points can be made in it */
	bool
	    borrows; /* devices cannot be made, the host's are used: then its /dev must stay in sight until the root is there */
	int *
	    volumes; /* one detached mount for each of spec->mounts, or of spec->box->mounts (-1: the child makes it) */
	int talk;    /* the child's end of the channel to the parent */
	int talk_parent;	   /* the parent's end */
	int status[2];		   /* pipe: init's report of the payload's wait status */
	int proc, sys, dev;	   /* mounts that the child made */
	int cgroup;		   /* version 2 directory to start in, or -1 */
	struct cgroup_doors doors; /* version 1 directories to go into */
	int shown[CGROUP_TREES];   /* mounts of the cgroups that the container is to see, or -1 */
	int cwd;		   /* the payload's working directory */
	int *nodes;		   /* bundle: mounts of device nodes (bundle_devices.c), or NULL */
	int terminal;		   /* the payload's end of its terminal, or -1 */
	struct user user;
};

struct step {
	const char *what; /* "mount the root"; NULL: the error tells all */
	int (*run)(struct setup *s, struct err *err);
};

/* Runs the steps in order until one fails; its error starts with its `what`. */
int setup_run(struct setup *s, const struct step *steps, size_t n, struct err *err);
/* Our own init comes first. */
bool setup_has_init(const struct rt_spec *spec);
struct setup *setup_new(const struct rt_spec *spec);
struct setup *setup_free(struct setup *s); /* takes NULL, returns NULL */

/* What a child tells its parent on the channel, one packet each. No message and the end of the channel: exec succeeded. */
enum setup_message_type {
	SETUP_FAILED = 1, /* the last one */
	SETUP_TERMINAL,	  /* with the master end of the payload's terminal */
	SETUP_HOOKS,	  /* all but pivot_root is done: time for limits and hooks; the child waits for a word */
	SETUP_WAITING,	  /* complete, waits at the gate; the last one */
	SETUP_RUNNING,	  /* from init: the payload has become its program */
};
struct setup_message {
	int32_t type;
	int32_t fault; /* enum rt_fault */
	int32_t code;
	char text[1000];
};
void setup_tell_failure(int talk, enum rt_fault fault, const struct err *err);
int setup_tell(int talk, enum setup_message_type type, int fd, struct err *err); /* fd -1 = none */
/* Waits for one message: its type (a failure too), 0 at the end of the channel. *ret_fd is the caller's, -1 if none came. */
int setup_receive(int talk, struct setup_message *ret, int *ret_fd, struct err *err);
/* Takes a SETUP_FAILED apart: the child's error. */
int setup_failed(const struct setup_message *m, enum rt_fault *ret_fault, struct err *err);
/* Waits until the channel closes; a terminal on its way goes to *ret_terminal (NULL: none is expected). 1 after SETUP_RUNNING; 0 without a word:
 * who spoke has become the program, or was killed; or the child's error and fault. */
int setup_hear(int talk, int *ret_terminal, enum rt_fault *ret_fault, struct err *err);

/* parent: rootfs.c, mounts.c, ns.c */
int ns_prepare_idmap(struct setup *s, struct err *err);
/* A user namespace with these maps, for idmapped mounts only: a descriptor. */
int ns_open_map(const struct rt_id_map *uid, size_t n_uid, const struct rt_id_map *gid, size_t n_gid, struct err *err);
int ns_map_users(struct setup *s, pid_t pid, struct err *err);
uint64_t ns_clone_flags(const struct rt_spec *spec);
int rootfs_prepare(struct setup *s, struct err *err);
int rootfs_send(struct setup *s, struct err *err);
int mounts_prepare(struct setup *s, struct err *err);
/* cgroup_show.c: behind the parent's cgroup_make_v1(), and for the child where /sys is in its place. */
void cgroup_show_prepare(struct setup *s, const char *cgroup);
int cgroup_show_attach(struct setup *s, struct err *err);

/* child, in this order */
int ns_become_root(struct setup *s, struct err *err);
int rootfs_leave_host(struct setup *s, struct err *err); /* mounts of our own from here on */
int rootfs_receive(struct setup *s, struct err *err);	 /* the mount that rootfs_send() sends */
int rootfs_attach(struct setup *s, struct err *err);
int rootfs_attach_in_place(struct setup *s, struct err *err); /* over the directory itself, where hooks look for it */
/* Without the root (s->root < 0) these three stand over the host's directories of the same names until mounts_place() */
int mounts_kernel(struct setup *s, struct err *err); /* /proc and /sys */
int devices_make(struct setup *s, struct err *err);  /* /dev */
int masks_apply(struct setup *s, struct err *err);
int mounts_place(struct setup *s, struct err *err);
int mounts_attach(struct setup *s, struct err *err);   /* volumes */
int ns_names(struct setup *s, struct err *err);	       /* host name, session keyring */
int ns_join_network(struct setup *s, struct err *err); /* the prepared one, if any */
int ns_loopback(struct setup *s, struct err *err);
int rootfs_enter(struct setup *s, struct err *err);

/* Both kinds of a start (create.c and bundle_create.c). */
/* Puts the n descriptors (-1: left out) at `first` and the numbers after it, close-on-exec, and closes everything above. 0, 1 and 2 and those
 * below `first` stay. */
int setup_keep(int *const *fds, size_t n, int first, struct err *err);
int setup_open_channels(struct setup *s, struct err *err);
int setup_say(struct setup *s, const char *word, struct err *err); /* the parent's words to the child */
int mounts_put_kernel(struct setup *s, int mount, const char *name, mode_t mode, struct err *err);
int mounts_check_target(int root, int place, const char *path, struct err *err);
int mounts_open_target(int root, const char *path, bool is_dir, struct err *err);
