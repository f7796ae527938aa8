/* SPDX-License-Identifier: Apache-2.0
 *
 * interrupt: long work that Ctrl-C ends at any point. It runs in a process of its own, which SIGINT, SIGTERM and SIGHUP kill with all that it
 * started; what it leaves its parent tidies up.
 */
#pragma once

#include "base/core/child.h"

struct image_store;

/* The results of child_run(); -ECANCELED: interrupted. What fn printed is flushed. */
int interrupt_run(child_fn *fn, void *ctx, const char *what, struct err *err);
/* The same for work on the store; what a killed one leaves there is collected. */
int interrupt_run_on(struct image_store *s, child_fn *fn, void *ctx, const char *what, struct err *err);
/* The exit status of a command for such a result: CLI_INTERRUPTED for -ECANCELED, everything else as it is. */
int interrupt_status(int r, struct err *err);
