/* SPDX-License-Identifier: Apache-2.0
 *
 * solver: the process of one build (solve.h), seen from the loop of those who wait for it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/wire/json.h"

struct err;
struct loop;
struct rpc;
struct solver;

struct solver_hooks {
	/* A message of Control.Status; 1 = no more until solver_resume(). */
	int (*status)(void *ctx, const char *data, size_t n);
	/* Once; the solver is gone afterwards. answer: {"response": {...}}; with an error {"details": {...}} (excerpt.h), {} or NULL. */
	void (*end)(void *ctx, yyjson_val *answer, const struct err *err);
	/* The connection of the client's session, or NULL. */
	struct rpc *(*session)(void *ctx);
};

/* request: JSON. context: what the process gets through its standard input before it asks (solve.h), or -1; it stays the caller's. */
int solver_new(struct loop *l, int data, const char *request, int context, const struct solver_hooks *hooks, void *ctx,
	       struct solver **ret, struct err *err);
void solver_resume(struct solver *s);
/* The process is told to end; no hook but `end` is called. */
void solver_stop(struct solver *s);
