/* SPDX-License-Identifier: Apache-2.0
 *
 * trace: a build as clients before buildx see it (POST /build?version=2): a line of JSON for each message of Control.Status, and at the end the image or the
 * error. Source: moby api/server/backend/build, docker/cli command/image/build_buildkit.go of 20.10.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err;
struct loop;
struct trace;

struct trace_hooks {
	void (*drain)(void *ctx); /* after trace_status() gave 1 */
	void (*gone)(void *ctx);  /* nobody reads any more: trace_end() frees it */
	void (*over)(void *all);  /* after trace_end(): its last words are out, or nobody hears them */
	void *ctx, *all;
};

/* Takes the descriptor over. quiet: nothing is told but the image. */
int trace_new(struct loop *l, int fd, bool quiet, const struct trace_hooks *hooks, struct trace **ret, struct err *err);
/* 1 = the reader is slow. */
int trace_status(struct trace *t, const char *message, size_t n);
/* id: of the image, or NULL; failure: why there is none, or NULL. What waits is still sent; the trace is gone for the caller. Takes NULL. */
void trace_end(struct trace *t, const char *id, const char *failure);
