/* SPDX-License-Identifier: Apache-2.0
 *
 * licence: counters of the whole cluster that copies take while they run, wherever that is. Known by number, in the order they
 * came, for ever. One that is set below what is in use ends nothing. The reservation (hold.c) keeps licences as it keeps
 * nodes: what stands behind it takes what is spare even then, or ends before.
 */
#include "cluster/sched/state.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct licence *sched_licence_get(struct sched *s, const char *name)
{
	struct licence *l = map_get(&s->by_licence, name);

	if (l)
		return l;
	l = mem_new(struct licence);
	l->name = mem_strdup(name);
	l->pos = (uint32_t)s->n_licences;
	mem_grow(&s->licences, &s->cap_licences, s->n_licences);
	s->licences[s->n_licences++] = l;
	map_put(&s->by_licence, l->name, l);
	return l;
}

static int need_compare(const void *a, const void *b)
{
	const struct need *x = a, *y = b;

	return x->licence->pos < y->licence->pos ? -1 : x->licence->pos > y->licence->pos;
}

struct need *sched_licence_needs(struct sched *s, const struct sched_need *names, size_t n)
{
	struct need *needs = n ? mem_new_n(struct need, n) : NULL;

	for (size_t k = 0; k < n; k++)
		needs[k] = (struct need){.licence = sched_licence_get(s, names[k].name), .n = names[k].n};
	if (n)
		qsort(needs, n, sizeof *needs, need_compare);
	return needs;
}

static uint64_t left(const struct licence *l)
{
	return l->used < l->total ? l->total - l->used : 0;
}

/* ---- taking ---- */

void sched_licence_take(const struct shape *sh)
{
	for (size_t k = 0; k < sh->n_needs; k++)
		sh->needs[k].licence->used += sh->needs[k].n;
}

uint32_t sched_licence_of(const struct shape *sh, const struct licence *l)
{
	for (size_t k = 0; k < sh->n_needs; k++) {
		if (sh->needs[k].licence == l)
			return sh->needs[k].n;
	}
	return 0;
}

/* Those that waited for it are looked at again. */
static void wake(struct sched *s, const struct licence *l)
{
	for (size_t k = 0; k < s->n_shapes; k++) {
		struct shape *sh = s->shapes[k];

		if (sh->limited && sched_licence_of(sh, l))
			sh->blocked = sh->limited = false;
	}
}

void sched_licence_release(struct sched *s, const struct shape *sh)
{
	for (size_t k = 0; k < sh->n_needs; k++) {
		struct licence *l = sh->needs[k].licence;

		l->used -= sh->needs[k].n;
		l->over = l->used > l->total;
		wake(s, l);
	}
}

/* ---- the limit ---- */

static uint64_t spare_for(const struct sched *s, const struct shape *sh, const struct need *n)
{
	return n->licence->spare + sched_claim_copies(s, sh, NULL) * n->n;
}

/* The first of which too few are left. pass: the reservation does not count. */
static const struct need *short_of(const struct sched *s, const struct shape *sh, uint32_t copies, bool pass)
{
	for (size_t k = 0; k < sh->n_needs; k++) {
		const struct licence *l = sh->needs[k].licence;
		uint64_t want = (uint64_t)sh->needs[k].n * copies;

		if (want > left(l) ||
		    (!pass && l->held && want > spare_for(s, sh, &sh->needs[k]) && !sched_hold_ends_before(s, sh)))
			return &sh->needs[k];
	}
	return NULL;
}

bool sched_licence_allows(const struct sched *s, const struct shape *sh, uint32_t copies, bool pass)
{
	return !short_of(s, sh, copies, pass);
}

void sched_licence_set(struct sched *s, const char *name, uint64_t total)
{
	struct licence *l = sched_licence_get(s, name);

	l->known = total != SCHED_NO_LIMIT;
	l->total = l->known ? total : 0;
	l->over = l->used > l->total;
	/* What is held was planned with another number. */
	if (l->held)
		sched_hold_drop(s);
	s->changes++;
	wake(s, l);
}

void sched_licence_free(struct sched *s)
{
	for (size_t k = 0; k < s->n_licences; k++) {
		free(s->licences[k]->name);
		free(s->licences[k]);
	}
	free(s->licences);
	map_free(&s->by_licence);
}

/* ---- looking ---- */

int sched_licence_at(const struct sched *s, size_t position, struct sched_licence_view *ret)
{
	const struct licence *l = position < s->n_licences ? s->licences[position] : NULL;

	if (!l)
		return -ENOENT;
	*ret = (struct sched_licence_view){.name = l->name, .known = l->known, .total = l->total, .used = l->used};
	return 0;
}

bool sched_licence_why(const struct sched *s, const struct shape *sh, uint32_t copies, bool pass, struct buf *b)
{
	const struct need *n = short_of(s, sh, copies, pass);
	uint64_t want = n ? (uint64_t)n->n * copies : 0;

	if (!n)
		return false;
	if (!n->licence->known) {
		buf_printf(b, "needs the licence \"%s\", which nobody has set (berth licence set)", n->licence->name);
		return true;
	}
	buf_printf(b, "needs %" PRIu64 " of the licence \"%s\"; %" PRIu64 " of %" PRIu64 " are in use", want,
		   n->licence->name, n->licence->used, n->licence->total);
	if (want > n->licence->total)
		buf_adds(b, ", there will never be enough");
	else if (want <= left(n->licence))
		buf_printf(b, ", the rest is kept for \"%s\" of job %s, which stands before it",
			   sched_hold_first(s)->task->name, sched_hold_first(s)->job->id);
	return true;
}

/* ---- at submit ---- */

int sched_licence_admit(const struct sched *s, const struct sched_task_spec *t, struct err *err)
{
	for (size_t k = 0; k < t->n_licences; k++) {
		const struct licence *l = map_get(&s->by_licence, t->licences[k].name);
		uint64_t want = (uint64_t)t->licences[k].n * (t->gang && !t->expand ? t->count : 1);

		if (!l || !l->known)
			return err_set(err, EINVAL, "task \"%s\": there is no licence \"%s\" (berth licence ls)",
				       t->name, t->licences[k].name);
		if (want > l->total)
			return err_set(err, EINVAL,
				       "task \"%s\": needs %" PRIu64 " of the licence \"%s\", the cluster has %" PRIu64,
				       t->name, want, l->name, l->total);
	}
	return 0;
}
