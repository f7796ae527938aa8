/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_mounts: the mounts of one RUN: those of --mount, and the files that every step gets (/etc/hosts, /etc/resolv.conf, heredoc scripts).
 * All sources are descriptors that were resolved inside the stage, context or cache they come from (rows B1, B5). What they need is made
 * below the snapshot's extra/, which goes before the layer is made.
 */
#pragma once

#include "node/build/build_impl.h"
#include "node/runtime/rt.h"

struct exec_mounts {
	struct build *build;
	struct snapshot *snapshot;
	const struct plan_step *step;
	const char *resolv_conf;
	struct rt_mount *list;
	bool *dirs; /* of the list: the source is a directory */
	size_t n, cap, cap_dirs;
	int *held; /* locks, mounts and layers that must live as long as the container */
	size_t n_held, cap_held;
	char **env;    /* secrets and the agent's socket as variables */
	char **secret; /* files of extra/ to be removed as soon as they are mounted */
	unsigned next_name;
};

int exec_mounts_make(struct exec_mounts *m, struct err *err);
/* What must not stay on the disk longer than it takes to mount it. */
void exec_mounts_started(struct exec_mounts *m);
void exec_mounts_free(struct exec_mounts *m);
