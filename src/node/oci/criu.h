/* SPDX-License-Identifier: Apache-2.0
 *
 * criu: runs criu(8) and asks it for one thing, a dump or a restore, over the socket of "criu swrk", as runc and crun do. The program is taken
 * from a fixed list of folders and has a clean environment. The numbers of fields below are those of criu's rpc.proto.
 */
#pragma once

#include "base/core/buf.h"

#include <stdbool.h>
#include <sys/types.h>

struct err;
struct cgroup_box;

enum criu_request { CRIU_DUMP = 1, CRIU_RESTORE = 2, CRIU_PRE_DUMP = 13 };

/* Fields of criu_opts. */
enum criu_option {
	CRIU_IMAGES_DIR_FD = 1,
	CRIU_PID = 2,
	CRIU_LEAVE_RUNNING = 3,
	CRIU_EXT_UNIX_SK = 4,
	CRIU_TCP_ESTABLISHED = 5,
	CRIU_EVASIVE_DEVICES = 6,
	CRIU_SHELL_JOB = 7,
	CRIU_FILE_LOCKS = 8,
	CRIU_LOG_LEVEL = 9,
	CRIU_LOG_FILE = 10,
	CRIU_PAGE_SERVER = 11, /* message: 1 address, 2 port */
	CRIU_NOTIFY_SCRIPTS = 12,
	CRIU_ROOT = 13,
	CRIU_PARENT_IMG = 14,
	CRIU_TRACK_MEM = 15,
	CRIU_AUTO_DEDUP = 16,
	CRIU_WORK_DIR_FD = 17,
	CRIU_LINK_REMAP = 18,
	CRIU_EXT_MNT = 23, /* message: 1 key, 2 value */
	CRIU_MANAGE_CGROUPS = 24,
	CRIU_CG_ROOT = 25, /* message: 1 controllers, 2 path */
	CRIU_RST_SIBLING = 26,
	CRIU_INHERIT_FD = 27, /* message: 1 key, 2 descriptor */
	CRIU_MANAGE_CGROUPS_MODE = 34,
	CRIU_EXTERNAL = 37,
	CRIU_EMPTY_NS = 38,
	CRIU_JOIN_NS = 39, /* message: 1 type, 2 path */
	CRIU_FREEZE_CGROUP = 44,
	CRIU_TCP_SKIP_IN_FLIGHT = 46,
	CRIU_LAZY_PAGES = 48,
	CRIU_ORPHAN_PTS_MASTER = 50,
	CRIU_CONFIG_FILE = 51,
	CRIU_TCP_CLOSE = 52,
	CRIU_LSM_PROFILE = 53,
	CRIU_LSM_MOUNT_CONTEXT = 63,
	CRIU_NETWORK_LOCK = 64,
};

#define CRIU_FDS_MAX 4

struct criu {
	const char *path; /* of criu_find() */
	struct buf opts;
	int fds[CRIU_FDS_MAX]; /* it has them as CRIU_FIRST_FD and so on */
	size_t n_fds;
	bool stdio;		   /* it has our standard descriptors, for what it restores; else none */
	struct cgroup_box *cgroup; /* where it works; NULL = where we are */
	const char *root,
	    *place; /* it sees the folder `root` at `place`, in a mount namespace of its own; NULL: it has ours */
	int image_dir, log_dir; /* the folders that its options name; its log is in the second */
	const char *log;
	void *ctx;
	/* Called at its notifications ("setup-namespaces", ...), with what it has to give; the descriptor (or -1) is the callee's. */
	int (*notify)(void *ctx, const char *what, pid_t pid, int fd, struct err *err);
};

#define CRIU_FIRST_FD 4
#define CRIU_NONE                                                                                                      \
	{                                                                                                              \
		.image_dir = -1, .log_dir = -1                                                                         \
	}

/* -ENOTSUP when it is not installed. *ret: its path, static. */
int criu_find(const char **ret, struct err *err);

/* A message of two texts, or of a text and a number. */
void criu_add_pair(struct criu *c, enum criu_option option, const char *first, const char *second);
void criu_add_count(struct criu *c, enum criu_option option, const char *first, int second);

/* Until it is done. *ret_pid: the first process that was restored, which is our child; 0 for a dump. When it fails: with the first error in
 * its log, or with what it has against this machine ("criu check"). */
int criu_run(struct criu *c, enum criu_request request, pid_t *ret_pid, struct err *err);
void criu_free(struct criu *c); /* the descriptors are the caller's */
