/* SPDX-License-Identifier: Apache-2.0
 *
 * devhook: programs of the machine's administrator that a device brings along (Container Device Interface, "hooks"): they make links and caches in the
 * container for the maker's libraries. They come from the administrator's files alone and stand beside the spec in the order, never in it: no request can name one.
 *
 * Where they run (runtime-spec config.md): prestart, createRuntime, poststart and poststop as children of the monitor; createContainer in the container's namespaces
 * before its root is entered; startContainer is a program of the container's own, of its image perhaps, and has no more rights than that. Each has
 * 5 minutes unless it says otherwise: the monitor waits for it. On standard input they get the state; its `bundle` is a directory with the config.json
 * of runtime-spec as far as hooks read it (process, root, hostname, annotations) and the root, which is mounted there in the container's mount namespace
 * until it is entered. So for createRuntime it is below /proc/PID/root.
 */
#pragma once

#include "node/runtime/hook.h"

#include <stdbool.h>
#include <sys/types.h>
#include <yyjson.h>

struct err;
struct order;
struct rt_box_attr;
struct rt_process_attr;

#define DEVHOOK_MAX 256

struct devhooks {
	struct rt_hooks of[RT_HOOK_TYPES];
	size_t n;
};

/* A list of {hookName, path, args, env, timeout} as CDI has them (NULL = none); strings are borrowed from it. -EINVAL, -E2BIG name the member;
 * *ret is empty then. */
int devhook_read(yyjson_val *list, struct devhooks *ret, struct err *err);
void devhook_free(struct devhooks *h);

/* Of one life. */
struct devhook_life {
	const struct order *order;
	const struct rt_process_attr *process; /* for startContainer; during the start */
	int dir;			       /* the container's, the caller's */
	int root;			       /* where the root is to be mounted (rt_spec.root_fd), or -1 */
	char *bundle;			       /* absolute path; NULL = there are no hooks */
};
#define DEVHOOK_LIFE_NULL                                                                                              \
	{                                                                                                              \
		.dir = -1, .root = -1                                                                                  \
	}

/* Makes the bundle when the order has hooks; does nothing otherwise. */
int devhook_open(struct devhook_life *l, const struct order *o, int dir, struct err *err);
/* What is called during the start; `l` and `process` must live as long as that. */
void devhook_set(struct devhook_life *l, const struct rt_process_attr *process, struct rt_box_attr *box);
/* The container is to end when this fails (runtime.md, "Lifecycle"). */
int devhook_poststart(const struct devhook_life *l, pid_t pid, struct err *err);
/* After its end; runs all of them. The first failure is in *err (negative errno), the others are not told. Removes the bundle. */
int devhook_close(struct devhook_life *l, struct err *err);
