/* SPDX-License-Identifier: Apache-2.0
 *
 * taking: the nodes as they would be when all that is killed has ended and some running copies had been killed, too; and who these are.
 * Items come one after the other, the first in the queue first: what one of them gets the next ones do not have. Nothing of the
 * state changes by it. See preempt.c, for which alone this is.
 */
#pragma once

#include "cluster/sched/state.h"

#define LIMITS_MAX (SCHED_NEEDS_MAX + 2 * SCHED_QUOTA_N)

struct victim {
	struct live live;
	uint32_t seat;
	bool other;	/* in the way of what needs the node alone, or apart */
	bool useful;	/* has of what is short: a licence, or the quota */
	bool picked;	/* for that */
	uint32_t taken; /* for the item with that number; 0: for none */
};

/* A node; seats have the numbers of the nodes. */
struct seat {
	struct node *node;
	struct room room;		   /* free, or will be */
	int64_t counters[SCHED_WANTS_MAX]; /* the same, by the list of the item */
	bool shut;			   /* not for the item */
	bool tight;			   /* it fits nobody more: not looked at again for the item */
	size_t others;			   /* in the way */
	size_t first, n, n_up;		   /* victims; those of a lower priority than the item */
};

/* So many copies of the item get a place there. */
struct claimed {
	struct item *item;
	uint32_t seat, copies;
};

/* What copies use of a licence, or of a quota. */
struct limit {
	const struct licence *licence;
	const struct quota *quota;
	enum sched_quota what;
	int64_t each, have; /* of the item; free, or will be. have can be below 0 */
};

struct taking {
	const struct sched *s;
	struct item *item; /* for which places are looked for, and its number, from 1 */
	uint32_t number;
	const struct shape *shape;
	struct seat *seats;
	struct victim *victims;
	size_t n_victims, cap_victims;
	const struct shape **ending; /* of all that is killed or taken */
	size_t n_ending, cap_ending;
	struct claimed *claims;
	size_t n_claims, cap_claims;
	struct limit limits[LIMITS_MAX];
	size_t n_limits;
	size_t taken; /* victims */
};

void taking_make(struct taking *t, const struct sched *s);
void taking_free(struct taking *t);
/* Places for so many copies of the item: those that are free or will be, then those of whom it may take. Of a gang all or none. Returns how
 * many there are; they are claimed. */
uint32_t taking_find(struct taking *t, struct item *it, uint32_t want);
void taking_claim(struct taking *t, struct item *it, uint32_t seat, uint32_t copies); /* it has them already */
/* The same of a counter of a node. */
uint32_t taking_spare_counter(const struct taking *t, uint32_t seat, const char *name);
uint64_t taking_claimed(const struct taking *t, const struct item *it); /* copies */
/* What is left of it beside the claims, when all that is killed or taken has ended. */
uint64_t taking_spare(const struct taking *t, const struct licence *l, const struct quota *q, enum sched_quota what);
