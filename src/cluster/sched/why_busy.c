/* SPDX-License-Identifier: Apache-2.0
 *
 * Why no node has room now that would do when it is empty: how many there are, which is nearest to fitting, and what of it is missing there.
 */
#include "cluster/sched/state.h"

#include "base/core/buf.h"

#include <inttypes.h>

struct resource {
	uint64_t need, free, all;
	const char *counter; /* NULL: the others */
};

enum { SLOTS, CPU, MEMORY, COUNTERS };
#define N_RESOURCES (COUNTERS + SCHED_WANTS_MAX)

/* How many there are. */
static size_t measure(const struct node *n, const struct shape *sh, struct resource ret[static N_RESOURCES])
{
	ret[SLOTS] = (struct resource){sh->slots, sched_node_free_slots(n), n->slots, NULL};
	ret[CPU] = (struct resource){sh->cpu_milli, sched_node_free_cpu(n), n->cpu_milli, NULL};
	ret[MEMORY] = (struct resource){sh->memory, sched_node_free_memory(n), n->memory, NULL};
	for (size_t k = 0; sh->wants && k < sh->wants->n; k++) {
		const struct count *c = &sh->wants->list[k];
		uint32_t all, left = sched_counter_free(n, c->name, &all);

		ret[COUNTERS + k] = (struct resource){c->n, left, all, c->name};
	}
	return COUNTERS + (sh->wants ? sh->wants->n : 0);
}

/* In thousandths of what is needed. */
static uint64_t missing_of(const struct resource *r)
{
	if (r->free >= r->need)
		return 0;
	return r->need > UINT64_MAX / 1000 ? (r->need - r->free) / (r->need / 1000)
					   : (r->need - r->free) * 1000 / r->need;
}

uint64_t sched_why_missing(const struct node *n, const struct shape *sh)
{
	struct resource r[N_RESOURCES];
	uint64_t sum = 0;
	size_t all = measure(n, sh, r);

	for (size_t k = 0; k < all; k++)
		sum += missing_of(&r[k]);
	return sum;
}

static void add_one(struct buf *b, size_t kind, const struct resource *r)
{
	const uint64_t mib = 1 << 20;

	if (r->counter) {
		sched_why_count(b, r->free, r->counter);
		buf_adds(b, " of ");
		sched_why_count(b, r->all, r->counter);
		buf_printf(b, " %s", r->counter);
	} else if (kind == SLOTS) {
		buf_printf(b, "%" PRIu64 " of %" PRIu64 " slot%s", r->free, r->all, r->all == 1 ? "" : "s");
	} else if (kind == CPU) {
		buf_printf(b, "%g of %g CPU%s", (double)r->free / 1000, (double)r->all / 1000,
			   r->all == 1000 ? "" : "s");
	} else {
		sched_why_bytes(b, r->free < mib ? r->free : r->free / mib * mib);
		buf_adds(b, " of ");
		sched_why_bytes(b, r->all < mib ? r->all : r->all / mib * mib);
		buf_adds(b, " memory");
	}
}

static bool add_missing(struct buf *b, const struct node *n, const struct shape *sh)
{
	struct resource r[N_RESOURCES];
	const char *sep = " has ";
	size_t all = measure(n, sh, r);

	for (size_t k = 0; k < all; k++) {
		if (r[k].free >= r[k].need)
			continue;
		buf_adds(b, sep);
		add_one(b, k, &r[k]);
		sep = " and ";
	}
	if (sep[1] != 'a')
		return false;
	buf_adds(b, " free");
	return true;
}

/* Where nothing of it is missing, somebody is in the way. */
static const char *in_the_way(const struct node *n, const struct shape *sh)
{
	if (n->exclusive && n->exclusive != sh->owner)
		return " is used by a task that is to be alone there";
	if (sh->exclusive)
		return " is in use, and the task is to be alone there";
	if (sh->topology == SCHED_TOPO_APART)
		return " runs a copy of the task, and they are to be apart";
	return " runs as many copies as a node may";
}

void sched_why_busy(const struct node *n, size_t n_busy, const struct shape *sh, struct buf *b)
{
	buf_adds(b, "; ");
	if (n_busy > 1)
		buf_printf(b, "none of %zu nodes that would do has room, the nearest: ", n_busy);
	buf_printf(b, "node %s", n->name);
	if (!add_missing(b, n, sh))
		buf_adds(b, in_the_way(n, sh));
}
