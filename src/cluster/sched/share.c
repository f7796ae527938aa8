/* SPDX-License-Identifier: Apache-2.0
 *
 * share: what each tenant has used, halved every HALF_LIFE. Of equal priority, jobs of the tenant that has used least
 * go first. Whole numbers only: the order must be the same on every machine that replays the log. What runs now counts
 * as if it had run for HORIZON already, so that a burst is shared, too.
 */
#include "cluster/sched/state.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

#define HALF_LIFE_MS ((int64_t)24 * 3600 * 1000)
#define STEPS_PER_HALF 8
#define STEP_MS (HALF_LIFE_MS / STEPS_PER_HALF)
#define KEEP_PER_STEP 983 /* of 1072: about 2^(-1/8) */
#define KEEP_OF 1072
#define STEPS_MAX (64 * STEPS_PER_HALF) /* nothing is left after as many */
#define HORIZON_MS 60000
#define USED_MAX ((uint64_t)1 << 62)

struct tenant *sched_tenant_get(struct sched *s, const char *name)
{
	struct tenant *t = map_get(&s->by_tenant, name ? name : "");

	if (t)
		return t;
	t = mem_new(struct tenant);
	t->name = mem_strdup(name ? name : "");
	t->since_ms = s->now_ms;
	mem_grow(&s->tenants, &s->cap_tenants, s->n_tenants);
	s->tenants[s->n_tenants++] = t;
	map_put(&s->by_tenant, t->name, t);
	return t;
}

static uint64_t weight(const struct shape *sh)
{
	return (uint64_t)sh->slots * 1000 + (sh->cpu_milli < UINT32_MAX ? sh->cpu_milli : UINT32_MAX) + 1;
}

static void add(struct tenant *t, int64_t ms)
{
	uint64_t more;

	if (__builtin_mul_overflow(t->live, (uint64_t)ms, &more) || more > USED_MAX - t->used)
		t->used = USED_MAX;
	else
		t->used += more;
}

/* Brings `used` up to now: time passes in steps, at the end of each a part is forgotten. */
static void settle(struct tenant *t, int64_t now_ms)
{
	for (int n = 0; t->since_ms / STEP_MS < now_ms / STEP_MS && n < STEPS_MAX; n++) {
		int64_t edge = (t->since_ms / STEP_MS + 1) * STEP_MS;

		add(t, edge - t->since_ms);
		t->used = t->used / KEEP_OF * KEEP_PER_STEP + t->used % KEEP_OF * KEEP_PER_STEP / KEEP_OF;
		t->since_ms = edge;
	}
	if (t->since_ms / STEP_MS < now_ms / STEP_MS)
		t->since_ms = now_ms;
	add(t, now_ms - t->since_ms);
	t->since_ms = now_ms;
}

void sched_share_settle(struct sched *s)
{
	for (size_t k = 0; k < s->n_tenants; k++)
		settle(s->tenants[k], s->now_ms);
}

void sched_share_take(struct sched *s, struct tenant *t, const struct shape *sh)
{
	settle(t, s->now_ms);
	t->live += weight(sh);
}

void sched_share_release(struct sched *s, struct tenant *t, const struct shape *sh)
{
	settle(t, s->now_ms);
	t->live -= weight(sh);
}

/* Negative: a has used less. */
int sched_share_compare(const struct tenant *a, const struct tenant *b)
{
	__extension__ typedef unsigned __int128 wide;
	wide x = a->used + (wide)a->live * HORIZON_MS, y = b->used + (wide)b->live * HORIZON_MS;

	return x < y ? -1 : x > y;
}

void sched_share_free(struct sched *s)
{
	for (size_t k = 0; k < s->n_tenants; k++) {
		free(s->tenants[k]->name);
		free(s->tenants[k]);
	}
	free(s->tenants);
	map_free(&s->by_tenant);
}
