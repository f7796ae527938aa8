/* SPDX-License-Identifier: Apache-2.0
 *
 * wall_timer: calls once the clock on the wall shows a time, and whenever somebody sets that clock. For durations take loop_timer, which does not care.
 */
#pragma once

#include "base/core/loop.h"

#include <stdint.h>

struct err;
struct wall_timer;

/* fn(ctx) also comes after the clock was set, however long before the time: look at the clock, and arm it again. */
int wall_timer_new(struct loop *l, loop_fn fn, void *ctx, struct wall_timer **ret, struct err *err);
void wall_timer_arm(struct wall_timer *t, int64_t wall_ms); /* INT64_MAX: only when the clock is set */
struct wall_timer *wall_timer_free(struct wall_timer *t);
