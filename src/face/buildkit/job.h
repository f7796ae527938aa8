/* SPDX-License-Identifier: Apache-2.0
 *
 * job: one build by its reference: the calls that wait for it, who watches it, and its process (solve.h). Clients call Control.Solve and, when they drive
 * the frontend themselves, LLBBridge.Solve and Return, all with the same reference; Control.Status may come before any of them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/wire/rpc.h"

struct job;
struct jobs;
struct loop;
struct message;

#define JOBS_MAX 64

struct jobs_options {
	struct loop *loop;
	int data; /* descriptor of the data directory */
	/* The connection of a session, or NULL. */
	struct rpc *(*session)(void *ctx, const char *id);
	/* What copies of its directories are kept by, or NULL. */
	const char *(*key)(void *ctx, const char *id);
	void (*made)(void *ctx, const char *names); /* an image has these names now, with commas between */
	void (*idle)(void *ctx);		    /* the last job is gone, and all was told */
	void *ctx;
};

struct jobs *jobs_new(const struct jobs_options *o);
/* There is none left; takes NULL. */
struct jobs *jobs_free(struct jobs *j);
/* All are told to end; `idle` follows. */
void jobs_drop(struct jobs *j);
bool jobs_any(const struct jobs *j); /* or words of one that are not out yet */

/* A session has come: builds that wait for it begin. */
void jobs_session(struct jobs *j, const char *id);

/* Each takes the call over and answers it. host: who asks may use the host's network. */
void job_solve(struct jobs *j, struct rpc_stream *call, struct message *m, bool host);
void job_bridge(struct jobs *j, struct rpc_stream *call, const char *ref, struct message *m);
/* A build of POST /build: its words go to `fd` (trace.h); context: its files as a tar, or -1: then they come from the session. Both are taken over. And the
 * end of such a one. */
void job_cancel(struct jobs *j, const char *ref);
void job_trace(struct jobs *j, int fd, int context, struct message *m, bool host);
void job_return(struct jobs *j, struct rpc_stream *call, const char *ref, const char *failure);
/* Control.Prune: what was not used for so many seconds (0 = everything), down to so many bytes. */
void job_prune(struct jobs *j, struct rpc_stream *call, int64_t unused_s, uint64_t keep);
/* Control.DiskUsage. */
void job_usage(struct jobs *j, struct rpc_stream *call);
void job_watch(struct jobs *j, struct rpc_stream *call, const char *ref);
