/* SPDX-License-Identifier: Apache-2.0
 *
 * portion: many things that each take a moment (a rename, a sync), done on the loop a few at a time, so that everybody else is served in between.
 */
#pragma once

#include <stddef.h>

struct loop;
struct portion;

#define PORTION_MS 5 /* of one turn of the loop; one thing is always done */

/* fn(ctx, 0) ... fn(ctx, n - 1), from the next turn on, then done(ctx), once, when the portion has gone already. fn must not free the portion. */
struct portion *portion_new(struct loop *l, size_t n, void (*fn)(void *ctx, size_t i), void (*done)(void *ctx),
			    void *ctx);
/* Before done(): the rest is left, and nothing is called any more. Takes NULL, returns NULL. */
struct portion *portion_free(struct portion *p);
