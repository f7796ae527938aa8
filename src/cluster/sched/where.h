/* SPDX-License-Identifier: Apache-2.0
 *
 * where: what is known of a node (facts), which nodes a task wants by it (selections), and whom it wants near or apart (wishes). Behind
 * state.h.
 *
 * A selection is shared by all tasks with the same text, compiled once, and asked once for each node: the answer is kept until the node's
 * facts or its size change. So a million jobs with the same text cost one evaluation a node.
 */
#pragma once

#include "base/core/expr.h"
#include "base/core/map.h"
#include "cluster/sched/sched.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct node;
struct sched;

struct buf;
struct job;
struct task;

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
	bool counted; /* every node is asked at once, and the number of those that it is true of is right */
	size_t n_yes;
	uint8_t *answers; /* two bits a node */
	size_t n_answers; /* bytes */
};

/* ---- who is where ----
 * A group is a set of tasks that somebody asks about: a task of a job, or all of the jobs of a name. A domain tells nodes apart: each for
 * itself, or by the value of a label. A tally counts what is live of a group by the values of a domain. It is kept up to date by every
 * start and end, so that a question about a node is one look. */

struct domain {
	char *label;	   /* its key in sched.by_domain; "node": each node is a value ... */
	bool by_node;	   /* ... which this says */
	struct map values; /* value -> number from 1; 0 is "not said" */
	uint32_t n_values;
	uint32_t *of_node; /* by the node's number */
	size_t n_of_node;
	uint32_t *first; /* by value: the number + 1 of a node that has it, 0 = none ... */
	size_t n_first;
	uint32_t *next;	     /* ... and by the node's number that of another one */
	struct parts *parts; /* by value, a cache; NULL: none. Not where each node is a value */
	size_t refs;
};

#define PARTS_MAX 16 /* at a time: every start and end goes through all of them */

#define PARTS_LAST 63 /* what has so many copies, or more */

/* The nodes that are up, by their value of a domain or by the copies of a group that it has (parts.c). */
struct parts {
	struct domain *domain;
	struct tally *tally;  /* whose copies count; NULL: by value */
	struct order *orders; /* as sched.order; those of the values above have no node */
	size_t n;
	uint64_t asked; /* sched.parts_asked, then */
};

struct tally {
	struct tally *next; /* of the group */
	struct group *group;
	struct domain *domain;
	uint32_t *counts; /* by value */
	size_t n_counts;
	uint64_t total;
	struct parts *parts; /* by copies, a cache, where the domain has many values; NULL: none */
	size_t refs;
};

struct group {
	char *key; /* in sched.by_group: "#JOB NUMBER/TASK", "JOB NAME/TASK" or "JOB NAME/" and a star */
	struct tally *tallies;
	size_t refs; /* of tallies and of tasks in it */
};

struct rule {
	char *to, *within; /* as submitted */
	struct tally *tally;
	uint32_t weight; /* 0 = must be */
	bool apart;	 /* not where they are; else: where they are */
	bool own;	 /* the task itself is among them */
};

/* What a task asks for beyond room and selection. */
struct wish {
	uint32_t per_node;    /* copies on one node, 0 = no limit */
	struct tally *copies; /* its own, by node; NULL without a limit */
	struct rule *rules;
	size_t n_rules;
	char **spread; /* labels whose values get the same number of copies, the first one first */
	struct tally *spread_by[SCHED_SPREADS_MAX];
	size_t n_spread;
};

/* ---- probes ---- */

enum probe_state { PROBE_NONE, PROBE_ASKED, PROBE_NO, PROBE_YES };

struct answer {
	int64_t at_ms; /* when it came, or was asked for */
	char *text;    /* of a no */
	uint8_t state;
};

/* A test that is run on nodes, and their answers. */
struct probe {
	char *name; /* "KEY@AGE", its key in sched.by_probe */
	int64_t age_ms;
	uint64_t number; /* of its own, for the keys of shapes */
	size_t refs, pos;
	struct answer *answers; /* by the node's number */
	size_t n_answers;
	size_t n_asked;
	int64_t due_ms; /* no answer ends before */
};

/* probe.c */
enum sched_fit;
struct shape;
struct probe *sched_probe_get(struct sched *s, const char *key, int64_t age_ms); /* a reference */
void sched_probe_drop(struct sched *s, struct probe *p);			 /* takes NULL */
bool sched_probe_fits(const struct probe *p, const struct node *n);		 /* the node said yes */
void sched_probe_forget(struct sched *s, struct node *n); /* it goes: who knows what comes back */
/* It will say this of itself: an answer that was given with another image of the same name is none any more. */
void sched_probe_moved(struct sched *s, struct node *n, const struct facts *facts);
void sched_probe_answer(struct sched *s, const char *name, const char *node, enum sched_fit fit, const char *text);
void sched_probe_put(struct sched *s, struct probe *p, uint32_t node, enum probe_state state, int64_t at_ms,
		     const char *text); /* from a snapshot */
void sched_probe_expire(struct sched *s);
void sched_probe_run(struct sched *s); /* asks */
int64_t sched_probe_next_ms(const struct sched *s);
bool sched_probe_sound(const struct sched *s); /* for the invariants */
/* "2 nodes: probe said no: TEXT; 1 node is asked by its probe", after sep; or nothing. */
void sched_probe_why(const struct sched *s, const struct shape *sh, const char *sep, struct buf *b);

/* tally.c */
uint32_t sched_domain_value(const struct domain *d, const struct node *n); /* 0 = not said */
uint32_t sched_tally_at(const struct tally *t, const struct node *n, bool *ret_said);
struct tally *sched_tally_get(struct sched *s, const char *key, const char *within);
void sched_tally_drop(struct sched *s, struct tally *t); /* takes NULL */
void sched_tally_join(struct sched *s, struct task *t);	 /* the groups that are there */
void sched_tally_leave(struct sched *s, struct task *t);
void sched_tally_count(struct sched *s, const struct node *n, const struct task *t, bool comes);
/* Around a change of the node's facts: what is live there is counted out, and in again where it is then. */
void sched_tally_out(struct sched *s, const struct node *n);
void sched_tally_in(struct sched *s, const struct node *n);
void sched_tally_free(struct sched *s);
bool sched_tally_sound(const struct sched *s); /* every count is that of what is live, for the invariants */

uint32_t sched_domain_first(const struct domain *d, uint32_t value); /* its first node's number + 1, 0 = none */
void sched_domain_meet(struct sched *s, const struct node *n);	     /* once, before it says anything */

/* parts.c. A node stands in the parts as long as in sched.order: what moves it there moves it here. */
void sched_parts_ask(struct sched *s, struct tally *t);			    /* makes them, if that is worth it */
struct parts *sched_parts_of(const struct sched *s, const struct tally *t); /* NULL: not made */
void sched_parts_insert(struct sched *s, struct node *n);
void sched_parts_remove(struct sched *s, const struct node *n); /* before anything of it changes */
/* The other nodes of a value, whose copies have changed. */
void sched_parts_move(struct sched *s, struct parts *p, uint32_t value, const struct node *but, uint32_t before,
		      uint32_t after);
void sched_parts_drop(struct sched *s, struct parts *p); /* takes NULL */
bool sched_parts_sound(const struct sched *s);
void sched_parts_free(struct sched *s);

/* wish.c */
struct sched_task_spec;
void sched_wish_init(struct sched *s, struct task *t, const struct sched_task_spec *spec); /* its job is in the list */
void sched_wish_free(struct sched *s, struct task *t);
bool sched_wish_allows(const struct task *t, const struct node *n);		       /* for one more copy, now */
uint32_t sched_wish_copies(const struct task *t, const struct node *n, uint32_t most); /* per_node */
bool sched_wish_asks(const struct task *t, const struct tally *about);
/* "has 2 of at most 2 copies": what forbids it, or nothing. */
void sched_wish_refusal(const struct task *t, const struct node *n, struct buf *b);

/* home.c */
struct shape;
bool sched_home_is(const struct sched_task_spec *spec); /* the spec asks for one, and its shape allows it */
void sched_home_move(struct job *j, uint8_t from, uint8_t to, size_t n); /* of a task with a home, between states */
void sched_home_start(struct sched *s, struct job *j, const struct task *t, struct node *n); /* before it does */
void sched_home_end(struct sched *s, struct job *j); /* after an attempt has ended: what is left may be nothing */
bool sched_home_is_open(const struct shape *sh); /* it is of a job that has several tasks and chooses its home now */
/* Large enough and selected for all that would have to run there. */
bool sched_home_serves(const struct job *j, const struct node *n);
/* Asked before its attempt has ended: it is not the only one. */
bool sched_home_ties(const struct job *j, const struct task *t);
bool sched_home_allows(const struct task *t, const struct node *n);
bool sched_home_sound(const struct job *j);		  /* for the invariants */
void sched_home_why(const struct task *t, struct buf *b); /* another node would do, but for that */

/* cost.c */
struct shape;
bool sched_cost_matters(const struct sched *s,
			const struct shape *sh); /* not every node that fits is as good as the next one */
void sched_cost_prepare(struct sched *s, const struct shape *sh); /* before many questions: they are answered faster */
/* Where its image and all of its data are, as far as that tells nodes apart; for gangs, which choose many nodes at once. */
enum sched_cost_place { SCHED_COST_ANYWHERE, SCHED_COST_THERE, SCHED_COST_ELSEWHERE };
bool sched_cost_has_places(const struct sched *s, const struct shape *sh);
bool sched_cost_is_at(const struct sched *s, const struct shape *sh, const struct node *n, enum sched_cost_place which);
struct node *sched_cost_best(const struct sched *s, const struct shape *sh, bool pass);
bool sched_cost_sound(const struct sched *s, const struct shape *sh,
		      bool pass); /* the best one is what looking at every node finds */

/* facts.c */
int sched_facts_parse(const char *raw, struct facts *ret, struct err *err); /* -EINVAL; *ret starts as {0} */
void sched_facts_free(struct facts *f);
const char *sched_facts_get(const struct facts *f, const char *name); /* NULL: not said */

/* selection.c */
struct selection *sched_selection_get(struct sched *s, const char *text); /* a reference; the text has been checked */
/* Of nodes that have the image; NULL for a name that no expression can hold. */
struct selection *sched_selection_image(struct sched *s, const char *image);
struct selection *sched_selection_data(struct sched *s, const char *name); /* the same for "volume.NAME" and its kin */
/* The name of the fact that "has(NAME)" asks for; the caller frees. */
char *sched_selection_fact(const struct selection *sel);
uint64_t sched_selection_bytes(const struct sched *s,
			       struct selection *sel);		   /* of that image, as a node that has it says */
void sched_selection_drop(struct sched *s, struct selection *sel); /* takes NULL */
bool sched_selection_has(struct selection *sel, const struct node *n);
bool sched_selection_asks(const struct selection *sel, const struct node *n); /* asked anew, for the invariants */
bool sched_selection_part(const struct selection *sel, size_t part, const struct node *n);
void sched_selection_forget(struct sched *s, const struct node *n); /* what was answered for it */
/* What the node says under a name, in the buffer when it has to be made; NULL: nothing. */
const char *sched_node_fact(const struct node *n, const char *name, char buffer[static 32]);
