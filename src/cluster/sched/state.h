/* SPDX-License-Identifier: Apache-2.0
 *
 * state: the structs behind sched.h and the doors between the files of this folder. Not included from outside.
 *
 * Compactness: an instance that has not started yet has no memory of its own. Those are the indexes [next_fresh,
 * n) of a task, all in the state `fresh_state`. An instance gets its record, in a page of PAGE_SIZE, when its
 * first attempt starts; since fresh instances start in order, the indexes below next_fresh have one. Above it only
 * those have one that a person took out of the queue (`ahead`, n_ahead of them, never next_fresh itself).
 *
 * Cost: what waits for resources is kept by shape (request and banned nodes): all instances of a shape fit or do not
 * fit alike. A shape that found no node is `blocked` until a node gets more free room that it fits into, so a step
 * looks at the shapes and never at the tasks or instances that wait behind their heads.
 */
#pragma once

#include "base/core/counts.h"
#include "base/core/map.h"
#include "cluster/sched/sched.h"
#include "cluster/sched/where.h"

struct buf;

#define PAGE_SIZE 64
#define ATTEMPTS_KEPT 16
#define LOST_MAX 5	      /* losses in a row that do not use up a try */
#define ERROR_TEXT_MAX 1024   /* bytes kept of an attempt's error */
#define NAME_TEXT_MAX 256     /* bytes of a job's or task's name with the NUL */
#define NODES_MAX 100000      /* nodes ever seen */
#define NODE_LIVE_MAX 65536   /* attempts on one node, whatever they ask for */
#define DEPS_MAX 1000000      /* edges of one job */
#define RESET_AFTER_MS 10000  /* a service that ran this long starts its restart delays anew */
#define RETRY_MAX_MS 3600000  /* longest delay before a try */
#define TAKERS_MAX 16	      /* tasks for which room is made at the same time */
#define NOT_LISTED UINT32_MAX /* position of what is in no list or heap */

enum kill {
	KILL_NONE,
	KILL_CANCELLED,
	KILL_WALLTIME,
	KILL_JOB_ENDED,
	KILL_GANG,
	KILL_DRAINED,
	KILL_PREEMPTED,
	KILL_RESTARTED,
	KILL_FINISHED,
	KILL_FAILED,
	KILL_N
};
enum dep_state { DEP_OPEN, DEP_MET, DEP_DEAD, DEP_STATE_N };
enum {
	MET_STARTED = 1 << SCHED_DEP_STARTED,
	MET_HEALTHY = 1 << SCHED_DEP_HEALTHY,
	MET_COMPLETED = 1 << SCHED_DEP_COMPLETED
};
#define MET_ALL (MET_STARTED | MET_HEALTHY | MET_COMPLETED)

struct attempt {
	int64_t sent_ms, started_ms, ended_ms, warned_ms;
	char *error;
	uint32_t epoch, node;
	int32_t exit_code;
	uint8_t outcome, kill;
	bool ended : 1, healthy : 1, oom : 1;
};

/* A number of something that the whole cluster has. */
struct licence {
	char *name;
	uint32_t pos;
	bool known; /* somebody has set it */
	bool over;  /* it was set below what is in use */
	bool held;  /* for sched.hold or sched.takers ... */
	uint64_t total, used;
	uint64_t spare; /* ... but for so many, which are left over even then */
};

struct need {
	struct licence *licence;
	uint32_t n;
};

/* A counter of a node. */
struct stock {
	char name[COUNTS_NAME_MAX];
	uint32_t total, used;
	uint32_t others; /* so many more of `total` are in use by what is of no job (SCHED_FACT_GPUS_BY_HAND) */
	uint32_t spare;	 /* of a held node: so many are left over even then */
};

/* All that asks for the same and may not go to the same nodes. */
struct shape {
	char *key; /* in sched.by_shape */
	uint64_t cpu_milli, memory;
	uint32_t slots;
	uint8_t topology;
	bool gang, exclusive;
	int64_t walltime_ms; /* 0 = nobody knows when it ends */
	struct tenant *tenant;
	struct selection *selection; /* NULL = all nodes; a reference */
	struct selection *image;     /* nodes that have it, or NULL; a reference */
	struct selection **data;     /* nodes that have each; references */
	size_t n_data;
	struct probe *probe;	 /* or NULL; a reference */
	uint64_t probed;	 /* a cache: sched.changes when nobody was left to be asked by it */
	struct quota *quotas[2]; /* of the user and the project, or NULL */
	struct task *owner;	 /* what it serves alone, when its topology, gang or exclusive ask for it; or NULL */
	struct need *needs;	 /* licences, by their numbers */
	size_t n_needs;
	const struct counts *wants; /* counters of the node, or NULL */
	uint64_t wanted;	    /* the bits of their names, counter.c */
	uint32_t gpus;
	uint64_t hopeless; /* a cache: sched.changes when no reservation was found for it */
	bool blocked;	   /* a cache: no node fits now */
	bool limited;	   /* a cache: blocked, and by a limit: no node would help */
	uint32_t *banned;  /* node numbers, ascending */
	size_t n_banned;
	size_t refs, pos;    /* place in sched.shapes */
	struct item **items; /* heap of the tasks that wait with this shape */
	size_t n_items, cap_items;
};

/* The instances of one task that wait with one shape. */
struct item {
	struct job *job;
	struct task *task;
	struct shape *shape;
	uint32_t *heap; /* indexes below next_fresh, smallest first */
	size_t n, cap;
	uint32_t pos;	   /* in shape->items */
	struct item *next; /* of task->others */
};

struct instance {
	struct attempt *attempts; /* the last ATTEMPTS_KEPT; only the last one can be live */
	struct shape *shape;	  /* own reference when nodes are banned, else NULL */
	int64_t next_try_ms;
	uint32_t index, epoch;
	uint32_t tries;	 /* failures (tasks), restarts (services) since the start or the last resume */
	uint32_t delays; /* restart delays in a row (services) */
	uint32_t live_pos, node_pos, timer_pos; /* in job->live, node->live, sched.timers */
	uint8_t state, lost, n_attempts, cap_attempts;
	bool started, healthy; /* counted in n_started, n_healthy of the task */
	bool ahead;	       /* has a record though it is above next_fresh */
};

struct dep {
	uint32_t task;
	uint8_t condition, state;
	bool required;
};

struct edge {
	uint32_t task, dep; /* task's deps[dep] waits for the owner of this edge */
};

struct task {
	char *name;
	bool service, expand, healthcheck, elsewhere, gang, preemptible, home;
	uint8_t on_error, restart;
	uint32_t idx, attempts, restart_max, count, max_running;
	int64_t delay_ms, walltime_ms;
	double backoff;
	struct dep *deps;
	struct edge *out;
	size_t n_deps, n_out, cap_out, unmet;

	bool ready;	/* dependencies satisfied */
	bool expanding; /* SCHED_ACT_EXPAND was given and not answered */
	bool expanded;	/* n is known */
	bool in_error;	/* its expansion failed and waits for a resume */
	bool ended;
	uint8_t final, met, fresh_state;
	int32_t exit_code; /* of the first failure that used up the tries, 0 = none */
	char *failure;	   /* what that was */
	uint32_t n, next_fresh, n_ahead, n_started, n_healthy;
	uint32_t counts[SCHED_TASK_ABORTED + 1];
	int64_t started_ms, ended_ms;
	struct instance **pages;
	struct item base, *others;
	struct wish *wish;     /* NULL = none */
	struct group **groups; /* that it is in */
	size_t n_groups, cap_groups;
};

struct live {
	struct task *task;
	struct instance *instance;
};

struct job {
	char *id, *name;
	struct task *tasks;
	size_t n_tasks, n_instances, n_ended;
	int32_t exit_with, priority;
	uint64_t seq; /* order of submission */
	struct tenant *tenant;
	struct quota *quotas[2]; /* of the user and the project, or NULL */
	uint32_t max_running;
	int64_t start_at_ms, deadline_ms; /* 0 = none */
	bool early;			  /* start_at has not come: in sched.starts */
	int64_t submitted_ms, started_ms, ended_ms;
	bool paused;
	bool ending; /* live attempts are being killed, nothing starts; `final` is set */
	bool ended;
	bool touched; /* in sched.touched */
	uint8_t final;
	int32_t exit_code;
	char *reason;
	size_t n_expanding, n_in_error; /* tasks */
	size_t counts[SCHED_TASK_ABORTED + 1];
	struct live *live;
	size_t n_live, cap_live;
	struct node *home; /* where the files of its tasks with a home are, NULL = nowhere yet. See home.c */
	size_t n_home;	   /* their instances that are live or finished */
	uint32_t *queue;   /* tasks whose dependents are to be looked at */
	size_t n_queue, cap_queue;
};

struct node {
	char *name;
	struct facts facts;
	bool up;
	bool closed; /* takes nothing new */
	bool shrunk; /* came back smaller than what runs on it */
	uint32_t slots, pos;
	uint64_t price; /* the fact of that name, in millionths */
	uint64_t cpu_milli, memory;
	uint64_t slots_used, cpu_used, memory_used;
	struct stock *stocks; /* by name */
	size_t n_stocks, cap_stocks;
	uint64_t stocked;			    /* the bits of those of which some are free */
	uint64_t slots_else, cpu_else, memory_else; /* in use by what is of no job (NODE_USE) */
	struct live *live;			    /* in no order */
	size_t n_live, cap_live;
	size_t n_asked;				       /* by probes, without an answer */
	size_t n_preemptible, n_dying;		       /* of what is live: may be taken; is being killed */
	struct task *exclusive;			       /* all that is live is of this task, and nothing else may come */
	bool held, alone;			       /* for sched.hold or sched.takers, for one of them alone ... */
	uint64_t spare_slots, spare_cpu, spare_memory; /* ... but for this, which is left over even then */
};

struct order_block;
struct order {
	struct order_block **blocks; /* none is empty */
	size_t n_blocks, cap_blocks, n;
};

struct order_key {
	uint64_t free_slots, price;
	uint32_t pos;
};

/* A place in the order; {0} is the beginning. Valid until the order changes. */
struct order_at {
	size_t block;
	uint32_t index;
};

/* The reservation: the first item that waits for room and can get it some day. See hold.c. */
struct hold {
	struct item *item; /* NULL: none */
	int64_t at_ms;	   /* when it should start, INT64_MAX = nobody knows */
	uint32_t *nodes;   /* numbers */
	size_t n_nodes, cap_nodes;
};

/* Those for whom room was made. See claim.c. */
struct place {
	uint32_t node, copies;
};

struct taker {
	struct item *item;
	struct place *places;
	size_t n, cap;
	uint64_t copies; /* of all places */
};

/* What a node has free. */
struct room {
	uint64_t slots, cpu_milli, memory;
};

struct tenant {
	char *name;
	uint64_t used, live; /* thousandths of a slot: times milliseconds, and now */
	int64_t since_ms;    /* up to when `used` is right */
};

struct band {
	int32_t priority;
	size_t live;
};

/* What a user or a project may have, and has. */
struct quota {
	char *name;
	uint64_t caps[SCHED_QUOTA_N], used[SCHED_QUOTA_N];
	bool set;  /* some cap is */
	bool held; /* for sched.takers, but for what is spare even then */
	uint64_t spare[SCHED_QUOTA_N];
	size_t refs; /* jobs that are remembered */
};

struct timer {
	int64_t at_ms;
	struct job *job;
	struct task *task;
	struct instance *instance;
};

struct sched {
	int64_t now_ms; /* the latest time an event brought */
	uint64_t next_seq;
	struct job **jobs; /* by seq */
	size_t n_jobs, cap_jobs;
	struct map by_id;
	struct node **nodes; /* by number, in the order they came */
	size_t n_nodes, cap_nodes;
	struct map by_node;
	struct order order; /* nodes that are up, fewest free slots first, then the cheapest, then by number */
	struct shape **shapes;
	size_t n_shapes, cap_shapes;
	struct map by_shape;
	struct selection **selections;
	size_t n_selections, cap_selections;
	uint64_t last_selection, last_probe;
	struct probe **probes;
	size_t n_probes, cap_probes;
	struct map by_probe;
	struct map by_selection, by_group, by_domain;
	struct parts *parts[PARTS_MAX];
	size_t n_parts;
	uint64_t parts_asked;
	struct hold hold; /* its nodes: those of the takers, if there are any */
	struct taker takers[TAKERS_MAX];
	size_t n_takers;
	bool replan;		 /* takers have lost their claims in this step */
	struct tenant **tenants; /* in the order they came, for ever */
	size_t n_tenants, cap_tenants;
	struct map by_tenant;
	struct licence **licences; /* by number, in the order they came */
	size_t n_licences, cap_licences;
	struct map by_licence;
	struct band *bands; /* preemptible attempts that are live, lowest priority first */
	size_t n_bands, cap_bands;
	size_t n_preempted;    /* live, and killed for that */
	struct quota **quotas; /* by name */
	size_t n_quotas, cap_quotas;
	struct quota *everybody; /* the one for users without their own, or NULL */
	struct job **starts;	 /* that are early, the latest first */
	size_t n_starts, cap_starts;
	uint64_t changes;     /* of what can ever be free: nodes that come, go, open and close, services */
	struct timer *timers; /* heap */
	size_t n_timers, cap_timers;
	struct job **touched;
	size_t n_touched, cap_touched;
	struct sched_action *actions;
	size_t n_actions, cap_actions;
};

/* How an attempt ended, as EXITED or the loss of a node tells it. */
struct ending {
	enum sched_outcome outcome;
	int32_t exit_code;
	bool oom;
	const char *error;
};

/* sched.c */
struct sched_action *sched_act(struct sched *s, enum sched_action_type type, const struct job *j);
void sched_touch(struct sched *s, struct job *j);
int64_t sched_later(int64_t ms, int64_t delay_ms); /* sum that does not overflow */

/* check.c */
bool sched_name_ok(const char *name, size_t size);

/* node.c */
struct node *sched_node_add(struct sched *s, const char *name);
uint64_t sched_node_free_slots(const struct node *n);
uint64_t sched_node_free_cpu(const struct node *n);
uint64_t sched_node_free_memory(const struct node *n);
struct room sched_node_room(const struct node *n);
void sched_node_up(struct sched *s, struct node *n, uint32_t slots, uint64_t cpu_milli, uint64_t memory,
		   const struct counts *counters);
void sched_node_down(struct sched *s, struct node *n);
/* A copy of what is live on it, by job, task and index; the caller frees. NULL when there is nothing. */
struct live *sched_node_live(const struct node *n);
void sched_node_close(struct sched *s, struct node *n, bool closed);
void sched_node_empty(struct sched *s, struct node *n);
void sched_node_tell(struct sched *s, struct node *n, struct facts *facts); /* takes them */
void sched_node_use(struct sched *s, struct node *n, uint64_t slots, uint64_t cpu_milli, uint64_t memory);
/* The request of the instance's attempt, taken from the node or given back. Taking fails (false) only on overflow. */
bool sched_node_take(struct sched *s, struct node *n, struct task *t, struct instance *i);
void sched_node_release(struct sched *s, struct node *n, struct task *t, struct instance *i);
/* pass: the reservation does not count. */
bool sched_node_fits(const struct sched *s, const struct node *n, const struct shape *sh, bool pass);
/* Could be free for it some day, if nobody else were there. */
bool sched_node_allows(const struct node *n, const struct shape *sh);

/* order.c */
struct order_at sched_order_find(const struct order *o, const struct order_key *k); /* the first not before */
struct node *sched_order_next(const struct order *o, struct order_at *at);	    /* NULL at the end */
void sched_order_insert(struct order *o, struct node *n);
void sched_order_remove(struct order *o, const struct node *n);		   /* before its free slots change */
struct node *sched_order_prev(const struct order *o, struct order_at *at); /* from {n_blocks, 0} down */
/* The first or (last) the last node that fits. */
struct node *sched_order_best(const struct order *o, const struct sched *s, const struct shape *sh, bool pass);
struct node *sched_order_emptiest(const struct order *o, const struct sched *s, const struct shape *sh, bool pass);
bool sched_order_precedes(const struct node *a, const struct node *b);
void sched_order_free(struct order *o);

/* shape.c */
struct shape *sched_shape_get(struct sched *s, const struct shape *like); /* a reference to the one like it */
struct shape *sched_shape_ban(struct sched *s, const struct shape *sh, uint32_t node);
void sched_shape_drop(struct sched *s, struct shape *sh);
bool sched_shape_bans(const struct shape *sh, uint32_t node);

/* gang.c */
struct pick {
	struct node *node;
	uint32_t n;
};
/* How many more of them the free room of the node takes, at most `most`. */
uint32_t sched_gang_copies(const struct sched *s, const struct node *n, const struct shape *sh, uint32_t most,
			   bool pass);
/* Nodes for all that waits of the item, the caller frees; NULL when there are not enough. */
struct pick *sched_gang_find(const struct sched *s, const struct item *it, bool pass, size_t *ret_n);
/* It takes nodes that have its image and data before others: not where there are to be few nodes. */
bool sched_gang_goes_to_data(const struct shape *sh);
bool sched_gang_whole(const struct task *t); /* nothing of it is live or delayed: what waits may start together */
uint32_t sched_gang_size(const struct item *it);

/* hold.c */
bool sched_hold_find(struct sched *s, struct item *it); /* makes it the reservation; false: there will never be room */
int64_t sched_hold_when(const struct sched *s, const struct item *it); /* if nothing came before; INT64_MAX: unknown */
void sched_hold_remove(struct sched *s, struct node *n);
void sched_hold_drop(struct sched *s);			    /* and all claims; takers look for places anew */
void sched_hold_clear(struct sched *s);			    /* they do not */
const struct item *sched_hold_first(const struct sched *s); /* for which something is kept, or NULL */
void sched_hold_put(struct sched *s, struct item *it, int64_t at_ms);
void sched_hold_add(struct sched *s, struct node *n);
bool sched_hold_ends_before(const struct sched *s, const struct shape *sh);
void sched_hold_keep(struct licence *l, uint64_t spare);
bool sched_hold_wants(const struct shape *sh);				      /* licences or quotas that are held */
void sched_hold_take(struct sched *s, struct node *n, const struct item *it); /* one of it starts there */

/* claim.c */
struct taker *sched_claim_of(const struct sched *s, const struct item *it); /* NULL: it is none */
struct taker *sched_claim_add(struct sched *s, struct item *it);	    /* fewer than TAKERS_MAX are there */
void sched_claim_place(struct sched *s, struct taker *t, struct node *n, uint32_t copies);
void sched_claim_keep(struct quota *q, enum sched_quota what, uint64_t spare);
/* For how many copies that ask so something is kept there; n NULL: everywhere. */
uint64_t sched_claim_copies(const struct sched *s, const struct shape *sh, const struct node *n);
void sched_claim_use(struct sched *s, const struct item *it, struct node *n); /* one of it starts there */
void sched_claim_leave(struct sched *s, const struct item *it);		      /* it waits no longer */
/* What nobody had killed has ended there; before: what was free on the node. */
void sched_claim_freed(struct node *n, const struct shape *sh, const struct room *before);
void sched_claim_clear(struct sched *s); /* part of sched_hold_clear() */

/* place.c */
bool sched_task_may_start(const struct task *t);      /* as its gang and max_running say */
void sched_place_job(struct sched *s, struct job *j); /* all its tasks, after a change of what may start */
bool sched_item_before(const struct item *a, const struct item *b);
bool sched_item_goes_before(const struct item *a, const struct item *b); /* also of one task */
uint32_t sched_item_head(const struct item *it);			 /* its smallest index; it must have one */
struct item *sched_item_find(const struct task *t, uint32_t index);	 /* where that waits; NULL: nowhere */
bool sched_item_passes(const struct sched *s, const struct item *it);	 /* what is held is not held against it */
bool sched_item_could_start(const struct sched *s, const struct item *it);
void sched_place_push(struct sched *s, struct task *t, struct instance *i); /* it is PENDING again */
void sched_place_pull(struct sched *s, struct task *t, uint32_t index);	    /* it is not any more; or a fresh one */
void sched_place_update(struct sched *s,
			struct task *t); /* after a change of what may start: fresh instances, pause, end */
void sched_place_clear(struct sched *s, struct task *t);
void sched_place_freed(struct sched *s, const struct node *n);
void sched_place_wake(struct sched *s); /* all shapes are looked at again */
void sched_place_wake_asking(struct sched *s, const struct tally *about);
void sched_place_run(struct sched *s);

/* share.c */
struct tenant *sched_tenant_get(struct sched *s, const char *name);
void sched_share_settle(struct sched *s);
void sched_share_take(struct sched *s, struct tenant *t, const struct shape *sh);
void sched_share_release(struct sched *s, struct tenant *t, const struct shape *sh);
int sched_share_compare(const struct tenant *a, const struct tenant *b);
void sched_share_free(struct sched *s);

/* why.c */
void sched_why_bytes(struct buf *b, uint64_t bytes);
void sched_why_count(struct buf *b, uint64_t n, const char *name); /* units of a counter, or how much it is */

/* why_busy.c: of a node that is large enough and selected. */
uint64_t sched_why_missing(const struct node *n, const struct shape *sh); /* more = farther from fitting now */
/* Which nodes have its image and its data, and what the others cost; a gang goes there first. */
void sched_why_place(const struct sched *s, const struct shape *sh, bool gang, struct buf *b);
/* Some nodes have it and some have not. */
bool sched_cost_tells_apart(const struct sched *s, const struct selection *sel);
/* What a node costs that has not got an image of so many bytes, or one volume or space that is read: in slots. */
uint64_t sched_cost_image(uint64_t bytes);
uint64_t sched_cost_data(void);
void sched_why_busy(const struct node *nearest, size_t n_busy, const struct shape *sh, struct buf *b);

/* preempt.c */
void sched_preempt_count(struct sched *s, const struct task *t, int change); /* one more or less of it is live */
/* Takes room for those that find none, if they stand before that item (NULL: whoever), and claims it for them. True: something was taken. */
bool sched_preempt_run(struct sched *s, const struct item *before);
bool sched_preempt_wants(const struct sched *s); /* for the invariants: it would take more */
bool sched_preempt_makes_room(const struct sched *s, const struct item *it); /* what was taken ends, and is enough */

/* counter.c */
void sched_counter_init(struct shape *sh, const struct counts *wants); /* points at them */
void sched_counter_set(struct node *n, const struct counts *totals);
void sched_counter_told(struct node *n); /* its facts have changed: what others have in use */
uint32_t sched_counter_others(const struct node *n, const char *name, uint32_t total);
bool sched_counter_over(const struct node *n); /* more of one are in use than there are */
void sched_counter_take(struct node *n, const struct shape *sh);
void sched_counter_release(struct node *n, const struct shape *sh);
bool sched_counter_fits(const struct node *n, const struct shape *sh);	 /* free now */
bool sched_counter_allows(const struct node *n, const struct shape *sh); /* in all */
bool sched_counter_spares(const struct node *n, const struct shape *sh); /* beside what is held */
/* For how many copies, `most` at the most, enough is free or spare. */
uint64_t sched_counter_copies(const struct node *n, const struct shape *sh, uint64_t most, bool spare);
int sched_counter_compare(const struct shape *a, const struct shape *b); /* any order, by what they want */
/* A plan's own account of what is free of what the shape wants; negative: more are in use than there are. */
void sched_counter_room(const struct node *n, const struct shape *sh, int64_t room[static SCHED_WANTS_MAX]);
void sched_counter_gain(const struct shape *sh, const struct shape *ends, int64_t room[static SCHED_WANTS_MAX]);
uint64_t sched_counter_room_for(const struct shape *sh, const int64_t room[static SCHED_WANTS_MAX], uint64_t most);
void sched_counter_use(const struct shape *sh, int64_t room[static SCHED_WANTS_MAX], uint64_t copies);
/* The node is held: nothing of its counters yet; so many copies of the shape; as a snapshot says (false: it cannot be). */
void sched_counter_unkeep(struct node *n);
void sched_counter_keep(struct node *n, const struct shape *sh, const int64_t room[static SCHED_WANTS_MAX],
			uint64_t copies);
bool sched_counter_keep_one(struct node *n, const char *name, uint32_t spare);
bool sched_counter_kept(const struct stock *st);
void sched_counter_spend(struct node *n, const struct shape *sh); /* what starts there takes what is spare */
void sched_counter_give(struct node *n, const struct shape *sh, uint32_t copies); /* so many more are spare */
int64_t sched_counter_left(const struct node *n, const char *name); /* negative: more are in use than there are */
/* The first of which the node has too few in all, and how many that is; NULL: there are enough. */
const struct count *sched_counter_short(const struct node *n, const struct shape *sh, uint32_t *ret_all);
uint32_t sched_counter_free(const struct node *n, const char *name, uint32_t *ret_all);
uint64_t sched_counter_nearness(const struct node *n, const struct shape *sh); /* more: it has more of what is wanted */

/* licence.c */
struct licence *sched_licence_get(struct sched *s, const char *name);
struct need *sched_licence_needs(struct sched *s, const struct sched_need *names, size_t n); /* the caller frees */
uint32_t sched_licence_of(const struct shape *sh, const struct licence *l);		     /* how many a copy takes */
void sched_licence_take(const struct shape *sh);
void sched_licence_release(struct sched *s, const struct shape *sh);
bool sched_licence_allows(const struct sched *s, const struct shape *sh, uint32_t copies, bool pass);
void sched_licence_set(struct sched *s, const char *name, uint64_t total);
bool sched_licence_why(const struct sched *s, const struct shape *sh, uint32_t copies, bool pass, struct buf *b);
int sched_licence_admit(const struct sched *s, const struct sched_task_spec *t, struct err *err);
void sched_licence_free(struct sched *s);

/* quota.c */
bool sched_quota_name_ok(const char *name);
void sched_quota_join(struct sched *s, struct job *j, const char *project); /* the job is there */
void sched_quota_ended(struct job *j);					    /* has ended */
void sched_quota_leave(struct sched *s, struct job *j);			    /* is forgotten */
void sched_quota_take(const struct shape *sh);				    /* one copy starts */
void sched_quota_release(struct sched *s, const struct shape *sh);
/* So many more at once; pass: what is kept does not count. */
bool sched_quota_allows(const struct sched *s, const struct shape *sh, uint32_t copies, bool pass);
void sched_quota_request(uint64_t ret[static SCHED_QUOTA_N], const struct shape *sh); /* what one copy takes */
uint64_t sched_quota_cap(const struct sched *s, const struct quota *q, enum sched_quota what);
void sched_quota_set(struct sched *s, const char *name, const uint64_t caps[static SCHED_QUOTA_N]);
bool sched_quota_why(const struct sched *s, const struct shape *sh, uint32_t copies, bool pass,
		     struct buf *b); /* false: it allows */
void sched_quota_free(struct sched *s);

/* timer.c */
void sched_timer_start(struct sched *s, struct job *j); /* it is early */
void sched_timer_unstart(struct sched *s, struct job *j);
void sched_timer_set(struct sched *s, struct task *t, struct instance *i, int64_t at_ms);
void sched_timer_unset(struct sched *s, struct instance *i);
void sched_timer_fire(struct sched *s);

/* retry.c */
int64_t sched_retry_delay(const struct task *t, uint32_t failures);
bool sched_retry_next(const struct task *t, struct instance *i, bool success, int64_t ran_ms, int64_t *ret_delay_ms);

/* job.c */
struct job *sched_job_new(struct sched *s, const struct sched_job_spec *spec);
struct job *sched_job_free(struct sched *s, struct job *j);
struct job *sched_job_find(const struct sched *s, const char *id);
bool sched_job_may_start(const struct job *j);
void sched_job_end(struct sched *s, struct job *j, enum sched_job_state final, enum kill why, int32_t exit_code,
		   const char *reason);
void sched_job_settle(struct sched *s, struct job *j);
void sched_job_cancel(struct sched *s, struct job *j);
void sched_job_pause(struct sched *s, struct job *j);
void sched_job_resume(struct sched *s, struct job *j);
void sched_job_forget(struct sched *s, struct job *j);
void sched_job_begin(struct sched *s, struct job *j);			   /* start_at has come */
void sched_job_fail(struct sched *s, struct job *j, const struct task *t); /* on_error: cancel */
enum sched_job_state sched_job_state_of(const struct job *j);
/* A copy of the live list in (task, index) order, the caller frees. */
struct live *sched_job_live(const struct job *j);

/* hand.c: what a person says of one copy, or of all of a task */
void sched_hand_finish(struct sched *s, struct job *j, uint32_t task, uint32_t index, enum sched_as as, bool waiting);
void sched_hand_restart(struct sched *s, struct job *j, uint32_t task, uint32_t index);
void sched_hand_blame(struct task *t, const struct instance *i, enum sched_as as); /* why the task did not end well */
void sched_hand_error_gone(struct task *t);
void sched_hand_expand_again(struct sched *s, struct job *j, struct task *t);

/* why_select.c: after a reason that concerns the nodes it selects, or as the reason when it selects none */
struct buf;
void sched_why_select(const struct sched *s, const struct shape *sh, struct buf *b);

/* workflow.c */
void sched_workflow_begin(struct sched *s, struct job *j);
void sched_workflow_look(struct sched *s, struct job *j, struct task *t);
void sched_workflow_run(struct sched *s, struct job *j);
void sched_workflow_ask(struct sched *s, struct job *j, struct task *t);
void sched_workflow_expanded(struct sched *s, struct job *j, struct task *t, uint32_t count, const char *error);
void sched_workflow_skip(struct sched *s, struct job *j, struct task *t);
void sched_workflow_rest(struct sched *s, struct job *j, struct task *t,
			 enum sched_task_state fresh);		     /* never starts */
void sched_workflow_size(struct job *j, struct task *t, uint32_t n); /* n is known */

/* instance.c */
struct instance *sched_instance_at(const struct task *t, uint32_t index); /* NULL for a fresh one */
struct instance *sched_instance_open(struct task *t);			  /* the record of next_fresh, which moves on */
struct instance *sched_instance_ahead(struct task *t, uint32_t index);	  /* of any fresh one, out of its turn */
uint32_t sched_instance_past(const struct task *t);			  /* no index from here on has a record */
uint32_t sched_instance_n_fresh(const struct task *t);			  /* how many have none */
void sched_instance_move(struct job *j, struct task *t, uint8_t from, uint8_t to, uint32_t n);
void sched_instance_set(struct job *j, struct task *t, struct instance *i, enum sched_task_state state);
void sched_instance_start(struct sched *s, struct job *j, struct task *t, struct instance *i, struct node *n);
void sched_instance_started(struct sched *s, struct job *j, struct task *t, struct instance *i);
void sched_instance_warned(struct sched *s, struct job *j, struct task *t, struct instance *i);
void sched_instance_health(struct sched *s, struct job *j, struct task *t, struct instance *i, bool healthy);
void sched_instance_end(struct sched *s, struct job *j, struct task *t, struct instance *i, const struct ending *e);
void sched_instance_kill(struct sched *s, struct job *j, struct task *t, struct instance *i, enum kill why);
void sched_instance_retry(struct sched *s, struct job *j, struct task *t,
			  struct instance *i); /* pending, fresh tries */
/* By hand: that is how it ended, whatever it was; it is not live and in no list. */
void sched_instance_settle(struct sched *s, struct job *j, struct task *t, struct instance *i, enum sched_as as);
void sched_instance_rekill(struct sched *s, struct instance *i,
			   enum kill why); /* it is being killed, and that is why */
void sched_instance_pend(struct sched *s, struct job *j, struct task *t, struct instance *i);
void sched_instance_drop(struct sched *s, struct instance *i);
struct attempt *sched_instance_last(const struct instance *i); /* NULL when it has none */
struct attempt *sched_instance_live(const struct instance *i); /* NULL when the last one has ended */
struct attempt *sched_instance_push(struct instance *i);
void sched_live_add(struct job *j, struct task *t, struct instance *i);
const struct shape *sched_instance_shape(const struct task *t, const struct instance *i);
const char *sched_kill_text(enum kill k); /* NULL for KILL_NONE */
