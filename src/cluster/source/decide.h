/* SPDX-License-Identifier: Apache-2.0
 *
 * decide: what is to be done with the nodes of all sources now. Pure: what is goes in, wishes come out; no clock, no I/O, no memory of its own. Whoever calls it
 * carries the wishes out (cluster/server/sources.c) and asks again when something has changed, or at decision.next_ms.
 *
 * Rules (test/decide_test.c tells each, and a random fleet in virtual time holds the server to them):
 * - A source has never more than source_spec_limit() machines, those that are being made or destroyed counted.
 * - A machine with work on it is never destroyed: it is drained first, and goes when nothing is live there. (A drain may have a deadline of its own.)
 * - What waits is offered to the sources by order, price and name. What machines that are coming or idle will take is not asked for twice, and what no machine
 *   of a source could hold is not asked of it. A source that has just failed is passed over until its pause has ended; the next one is asked meanwhile.
 * - Nodes go in the reverse order. One that is idle stays as long as something waits that it could hold, so that nothing is made and destroyed in turn.
 * - A locked node stays as it is: somebody has a reason.
 */
#pragma once

#include "cluster/source/source_spec.h"

enum machine_state {
	MACHINE_CREATING,   /* its call runs */
	MACHINE_JOINING,    /* made; its agent has not come yet */
	MACHINE_UP,	    /* its node is there */
	MACHINE_DRAINING,   /* it is to go, and takes nothing new */
	MACHINE_DESTROYING, /* its call runs, or will be tried again */
	MACHINE_FAILED,	    /* there is none; its index is free again at retry_ms */
	MACHINE_N_STATES
};
extern const char *const machine_states[MACHINE_N_STATES];

struct decide_machine {
	enum machine_state state;
	uint32_t index;	  /* from 1 */
	uint32_t live;	  /* attempts on it */
	uint32_t slots;	  /* of its node, 0 = not known yet */
	bool locked;	  /* by somebody */
	bool lost;	  /* its node */
	int64_t since_ms; /* in this state, or lost */
	int64_t idle_ms;  /* since when nothing is live there */
	int64_t retry_ms; /* FAILED */
};

struct decide_source {
	const struct source_spec *spec;
	const struct decide_machine *machines; /* by index */
	size_t n;
	bool paused;	  /* nothing is made or released */
	bool leaving;	  /* everything has to go */
	int64_t retry_ms; /* nothing is made before */
	int64_t grown_ms; /* when the last machine was made */
};

/* So many copies wait, each of which needs this. */
struct decide_demand {
	uint32_t slots;
	uint64_t memory, count;
	const struct counts *counters; /* of the node, NULL = none */
};

struct decide_state {
	int64_t now_ms;
	const struct decide_source *sources;
	size_t n;
	const struct decide_demand *demand;
	size_t n_demand;
	uint64_t slots, free, running; /* of all nodes that are up and open; attempts */
};

enum decide_wish_type {
	DECIDE_CREATE, /* machine `index` */
	DECIDE_DRAIN,  /* and, with deadline_ms, end there what runs then */
	DECIDE_KEEP,   /* it is draining, and is needed after all */
	DECIDE_DESTROY,
};

struct decide_wish {
	enum decide_wish_type type;
	size_t source;
	uint32_t index;
	int64_t deadline_ms; /* from now, 0 = none */
	const char *why;     /* static text */
};

struct decision {
	struct decide_wish *wishes;
	size_t n, cap;
	int64_t next_ms;  /* ask again then at the latest; INT64_MAX = only when something changes */
	uint32_t *wanted; /* by source: how many nodes its policy wants */
	int *trouble;	  /* by source: -ERANGE when its formula gives no number, else 0 */
};

void decide(const struct decide_state *in, struct decision *ret);
void decision_free(struct decision *d);
