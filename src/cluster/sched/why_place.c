/* SPDX-License-Identifier: Apache-2.0
 *
 * Which nodes have what a waiting task needs there, image and data, and what another one costs: it is a preference, so only where room comes to be
 * decides, but people ask why it did not come there.
 */
#include "cluster/sched/state.h"

#include "base/core/buf.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAMES_MAX 3
#define MIB ((uint64_t)1 << 20)

/* "node n1 has", "nodes n1, n2, n3 and 5 more have" */
static void add_holders(const struct sched *s, struct selection *sel, struct buf *b)
{
	size_t n = 0;

	buf_printf(b, "; node%s ", sel->n_yes == 1 ? "" : "s");
	for (size_t k = 0; k < s->n_nodes && n < NAMES_MAX; k++) {
		if (sched_selection_has(sel, s->nodes[k]))
			buf_printf(b, "%s%s", n++ ? ", " : "", s->nodes[k]->name);
	}
	if (sel->n_yes > n)
		buf_printf(b, " and %zu more", sel->n_yes - n);
	buf_adds(b, sel->n_yes == 1 ? " has " : " have ");
}

static void add_slots(struct buf *b, uint64_t slots)
{
	buf_printf(b, "counts as %" PRIu64 " slots", slots);
}

static void add_image(const struct sched *s, const struct shape *sh, bool gang, struct buf *b)
{
	uint64_t bytes = sched_selection_bytes(s, sh->image);

	add_holders(s, sh->image, b);
	buf_adds(b, "its image, elsewhere ");
	if (bytes) {
		sched_why_bytes(b, bytes < MIB ? bytes : bytes / MIB * MIB);
		buf_adds(b, " have to come first");
	} else {
		buf_adds(b, "it has to come first");
	}
	if (gang)
		return;
	buf_adds(b, ", which ");
	add_slots(b, sched_cost_image(bytes));
}

/* "has(volume.db)": the part between the brackets */
static void add_data(const struct sched *s, struct selection *sel, bool gang, struct buf *b)
{
	size_t n = strlen(sel->text), head = strlen("has(");

	add_holders(s, sel, b);
	buf_printf(b, "%.*s", (int)(n > head ? n - head - 1 : 0), sel->text + head);
	if (gang)
		return;
	buf_adds(b, ", another node ");
	add_slots(b, sched_cost_data());
}

void sched_why_place(const struct sched *s, const struct shape *sh, bool gang, struct buf *b)
{
	if (sh->image && sched_cost_tells_apart(s, sh->image))
		add_image(s, sh, gang, b);
	for (size_t k = 0; k < sh->n_data; k++) {
		if (sched_cost_tells_apart(s, sh->data[k]))
			add_data(s, sh->data[k], gang, b);
	}
	if (gang && sched_cost_has_places(s, sh))
		buf_adds(b, "; it goes there first");
}
