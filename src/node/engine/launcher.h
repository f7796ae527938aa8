/* SPDX-License-Identifier: Apache-2.0
 *
 * launcher: the small process that forks everything the daemon must not do itself. The daemon sends it one message for each child: a type, some
 * texts and some descriptors. The launcher never answers: a child answers on a descriptor that came with its message, and its end is the end of that
 * descriptor. A launcher that dies is started again; its workers die with it, monitors do not.
 *
 * Inside (this header): the message and the children's entry points. Outside: launcher_start() and launcher_main() in engine.h.
 */
#pragma once

#include "node/engine/engine.h"

#define LAUNCHER_ARGS_MAX 4
#define LAUNCHER_MSG_MAX 16384

enum launcher_type {
	LAUNCHER_MONITOR, /* args: id, number of the life, name; fds: container directory, connection to the daemon */
	LAUNCHER_CLEANUP, /* args: id; fds: reply. Kills what a dead monitor left */
	LAUNCHER_IMPORT,  /* fds: reply, tar, directory to unpack in */
	LAUNCHER_SWEEP,	  /* fds: reply. Removes what is in the trash */
	LAUNCHER_GLOB,	  /* args: directory, pattern, limit; fds: reply */
	LAUNCHER_USAGE,	  /* fds: reply. Counts what everything takes on the disk */
	LAUNCHER_TOOL,	  /* fds: reply, request, input, output, life */
	LAUNCHER_PULL,	  /* args: data directory, image; fds: reply. Runs `berth pull` */
	LAUNCHER_N_TYPES,
};

/* ---- the daemon's side (launch.c) ---- */

/* Puts the launcher on the loop: sending does not block any more, and a dead launcher is replaced. */
int launcher_attach(struct launcher *l, struct loop *loop, struct err *err);
void launcher_detach(struct launcher *l);
/* Sends, or queues when the launcher is busy. The descriptors are taken in every case. */
int launcher_send(struct launcher *l, enum launcher_type type, const char *const *args, const int *fds, size_t n_fds,
		  struct err *err);
pid_t launcher_pid(const struct launcher *l);

/* ---- the launcher's side ---- */

struct launcher_job {
	int data_dir; /* descriptor */
	int lock_fd;  /* -1 = none */
	bool can_limit_pids;
	enum uplink_kind uplink;
	int netns; /* a prepared network namespace for a monitor, or -1 */
	const char *args[LAUNCHER_ARGS_MAX];
	size_t n_args;
	int fds[8];
	size_t n_fds;
};

/* Bodies of the children. They never return. Workers die with the launcher. */
_Noreturn void monitor_main(struct launcher_job *job);
_Noreturn void worker_cleanup(struct launcher_job *job);
_Noreturn void worker_import(struct launcher_job *job);
_Noreturn void worker_sweep(struct launcher_job *job);
_Noreturn void worker_glob(struct launcher_job *job);
_Noreturn void worker_usage(struct launcher_job *job);
_Noreturn void worker_tool(struct launcher_job *job);
_Noreturn void worker_pull(struct launcher_job *job);
