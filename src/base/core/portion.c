/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/portion.h"

#include "base/core/clock.h"
#include "base/core/loop.h"
#include "base/core/mem.h"

#include <stdlib.h>

struct portion {
	struct loop_timer *turn;
	size_t n, at;
	void (*fn)(void *ctx, size_t i);
	void (*done)(void *ctx);
	void *ctx;
};

static void on_turn(void *ctx)
{
	struct portion *p = ctx, gone = *p;
	int64_t until = clock_mono_ms() + PORTION_MS;

	while (p->at < p->n) {
		p->fn(p->ctx, p->at++);
		if (clock_mono_ms() >= until)
			break;
	}
	if (p->at < p->n) {
		/* Not 0: libuv 1.44 calls a timer that is due at once again before it looks at descriptors. */
		loop_timer_arm(p->turn, 1);
		return;
	}
	portion_free(p);
	gone.done(gone.ctx);
}

struct portion *portion_new(struct loop *l, size_t n, void (*fn)(void *ctx, size_t i), void (*done)(void *ctx),
			    void *ctx)
{
	struct portion *p = mem_new(struct portion);

	*p = (struct portion){.turn = loop_timer_new(l, on_turn, p), .n = n, .fn = fn, .done = done, .ctx = ctx};
	loop_timer_arm(p->turn, 0);
	return p;
}

struct portion *portion_free(struct portion *p)
{
	if (!p)
		return NULL;
	loop_timer_free(p->turn);
	free(p);
	return NULL;
}
