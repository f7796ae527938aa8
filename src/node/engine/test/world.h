/* SPDX-License-Identifier: Apache-2.0
 *
 * world: a real engine in a temporary data directory with a busybox image, for the tests of this folder. Needs root.
 */
#pragma once

#include "base/core/buf.h"
#include "base/core/err.h"
#include "node/engine/engine.h"

#include <sys/types.h>

struct world {
	char data[64];
	struct loop *loop;
	struct engine *e;
	struct launcher *launcher;
	struct engine_listener *listener;
	struct loop_timer *watchdog, *tick;
	bool (*until)(struct world *w);
	const char *id; /* what `until` looks at */
	bool timed_out;
	unsigned n_events[ENGINE_EV_IMAGE + 1];
	/* output of world_output() */
	struct buf out, notices;
	bool log_ended;
	size_t log_stop_after; /* pause when so many bytes came, 0 = never */
	bool log_paused;
	/* results of imports and globs */
	bool answered;
	struct err error;
	char **paths;
};

/* What a main begins with: it may be the launcher's. False: there is nothing to be done. */
bool world_begin(int argc, char **argv);
int world_lock_file(const char *data); /* opens it */
/* The parent of a process; init's is the monitor. */
pid_t world_parent_of(pid_t pid);
void world_open(struct world *w, const char *data, int lock_fd); /* data NULL = a new directory with the image in it */
void world_close(struct world *w, bool remove);
/* Turns the loop until the condition holds; fails the test after 60 s. */
void world_until(struct world *w, bool (*until)(struct world *w));
const struct engine_container *world_run(struct world *w, const char *spec); /* asserts success */
int world_try(struct world *w, const char *spec, struct err *err);	     /* engine_run's return */
const struct engine_container *world_wait_end(struct world *w, const char *id);
const struct engine_container *world_wait_started(struct world *w, const char *id);
/* Runs to its end and gives the container. */
const struct engine_container *world_run_to_end(struct world *w, const char *spec);
/* Reads the log into w->out (stdout and stderr as they come). */
void world_output(struct world *w, const char *id, int64_t tail, bool follow);
int world_log(void *ctx, int stream, int64_t time_ms, const void *data, size_t n);
/* A root filesystem with busybox and its commands, as a tar. */
void world_tar(struct buf *out);
void world_import(struct world *w, const void *tar, size_t n);
