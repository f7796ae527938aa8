/* SPDX-License-Identifier: Apache-2.0
 *
 * where: what is known of a node (facts), and which nodes a task wants by it (selections). Behind state.h.
 *
 * A selection is shared by all tasks with the same text, compiled once, and asked once for each node: the answer is kept until the node's
 * facts or its size change. So a million jobs with the same text cost one evaluation a node.
 */
#pragma once

#include "base/core/expr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct node;
struct sched;

struct fact {
	const char *name, *value; /* in facts.text */
};

struct facts {
	char *raw;  /* as it came; NULL = nothing */
	char *text; /* the same, cut into words */
	struct fact *list;
	size_t n, cap;
};

struct selection {
	char *text; /* its key in sched.by_selection */
	struct expr *expr;
	uint64_t number; /* of its own, for the keys of shapes */
	size_t refs, pos;
	uint8_t *answers; /* two bits a node */
	size_t n_answers; /* bytes */
};

/* facts.c */
int sched_facts_parse(const char *raw, struct facts *ret, struct err *err); /* -EINVAL; *ret starts as {0} */
void sched_facts_free(struct facts *f);
const char *sched_facts_get(const struct facts *f, const char *name); /* NULL: not said */

/* selection.c */
struct selection *sched_selection_get(struct sched *s, const char *text); /* a reference; the text has been checked */
void sched_selection_drop(struct sched *s, struct selection *sel);	  /* takes NULL */
bool sched_selection_has(struct selection *sel, const struct node *n);
bool sched_selection_asks(const struct selection *sel, const struct node *n); /* asked anew, for the invariants */
bool sched_selection_part(const struct selection *sel, size_t part, const struct node *n);
void sched_selection_forget(struct sched *s, const struct node *n); /* what was answered for it */
/* What the node says under a name, in the buffer when it has to be made; NULL: nothing. */
const char *sched_node_fact(const struct node *n, const char *name, char buffer[static 32]);
