/* SPDX-License-Identifier: Apache-2.0
 *
 * sim: the scheduler in a small world of virtual time. The world has a server (sched and its log), nodes with
 * agents and containers, and messages between them that are late, lost, or there twice. It knows on its own what
 * must hold and asks the scheduler only about what it cannot know.
 *
 *   main.c   the runs, the end of a run
 *   server.c steps, the log, restarts
 *   node.c   agents and containers
 *   jobs.c   random jobs
 *   limits.c quotas, and what counts against them
 *   count.c  counters of nodes
 *   place.c  what nodes say of themselves, and where tasks may run by that
 *   probe.c  probes, and what nodes answer
 *   model.c  the world's own book of attempts: what is live where, what has finished
 */
#pragma once

#include "base/core/counts.h"
#include "cluster/sched/sched.h"

#include <stdbool.h>
#include <stdint.h>

#define SIM_NODES 5
#define SIM_TASKS 8
#define SIM_DEPS 3
#define SIM_RULES 2
#define SIM_COPIES 24 /* instances of a task at most */
#define SIM_TRACES 64
#define SIM_OWNERS 3
#define SIM_LICENCES 2
#define SIM_COUNTERS 2
#define SIM_PROBES 2

/* What the world knows of one instance. */
struct sim_instance {
	uint32_t epoch; /* of the last START */
	uint32_t node;
	bool ended;			/* the server knows the end of that attempt */
	uint64_t start_step;		/* in which it was started */
	bool killed;			/* the server sent a KILL for it */
	bool preempted;			/* that one for a job of higher priority, or by hand to start again */
	bool by_hand;			/* that one to be taken as finished */
	bool finished;			/* ended with success: must never start again */
	bool out;			/* taken as failed or cancelled by hand: neither must this */
	bool running;			/* a container runs somewhere */
	bool told;			/* STARTED or more has reached the server */
	bool begun;			/* some attempt of it has started, as the server knows */
	bool healthy;			/* as the server knows; stays when it ends with success */
	uint32_t refuse[SIM_NODES + 1]; /* highest epoch that the agent of each node has seen */
};

struct sim_task {
	struct sim_instance instances[SIM_COPIES];
	uint32_t n_finished;
	bool all_begun, all_healthy; /* at some moment */
	bool closed;		     /* all of it was taken by hand */
};

struct sim_job {
	char id[SCHED_ID_MAX];
	struct sched_job_spec spec;
	struct sched_task_spec specs[SIM_TASKS];
	struct sched_dep deps[SIM_TASKS][SIM_DEPS];
	struct sched_need needs[SIM_TASKS][SIM_LICENCES];
	struct counts counters[SIM_TASKS];
	struct sched_rule rules[SIM_TASKS][SIM_RULES];
	char targets[SIM_TASKS][SIM_RULES][24];
	char names[SIM_TASKS][16];
	struct sim_task tasks[SIM_TASKS];
	bool ended, forgotten, services, paused;
	uint32_t live; /* instances */
};

struct sim_container {
	struct sched_attempt_id id;
	bool running, started, healthy;
	bool dead; /* `exit` is what the agent reports until it is acknowledged */
	struct sched_event exit;
};

/* What a node has been asked by a probe, and has answered. */
struct sim_answer {
	bool asked, said, yes;
	int64_t asked_ms, said_ms; /* of the server's clock */
};

struct sim_node {
	char name[16];
	uint32_t number, slots;
	uint32_t kind; /* zone and speed, place.c */
	uint64_t cpu_milli, memory;
	uint32_t slots_used; /* by the model */
	uint64_t cpu_used, memory_used;
	uint32_t counters[SIM_COUNTERS], counters_used[SIM_COUNTERS]; /* "gpu" and another one */
	uint32_t by_hand;					      /* "gpu" that somebody has who is no job */
	bool up;						      /* as the server sees it */
	bool connected;						      /* messages pass */
	uint64_t connection;
	struct sim_container *containers;
	size_t n, cap;
	struct sim_answer answers[SIM_PROBES]; /* as the server knows */
};

enum sim_message_type {
	SIM_START,	/* server -> agent */
	SIM_KILL,	/* server -> agent */
	SIM_FACT,	/* agent -> server: `event` */
	SIM_CREATED,	/* in the agent: the container runs */
	SIM_GONE,	/* in the agent: the container ends with `event` */
	SIM_ANSWER,	/* to the server: the answer to EXPAND */
	SIM_COMES_BACK, /* a node connects again */
	SIM_TIMES_OUT,	/* the server gives up a node */
};

struct sim_message {
	enum sim_message_type type;
	int64_t at_ms;
	uint64_t order, connection; /* of a broken connection: lost */
	uint32_t node;
	struct sched_attempt_id id;
	struct sched_event event;
};

/* What happened: an event as it was (put into words only when something fails), or a text. */
struct sim_trace {
	int64_t at_ms;
	struct sched_event event;
	char text[160]; /* empty: the event */
};

/* Who has a quota: as the scheduler was told, and what the world sees in use. */
struct sim_owner {
	uint64_t caps[SCHED_QUOTA_N], used[SCHED_QUOTA_N];
};

struct sim {
	uint64_t seed, random;
	int64_t now_ms;
	int64_t server_ms; /* its clock, which never goes back */
	uint64_t steps, want_steps, order, connection;
	bool calm; /* no failures any more */
	struct sched *s;
	struct sched_event *log;
	uint64_t *log_sums; /* of the actions of each event */
	size_t n_log, cap_log, cap_sums;
	struct sim_message *messages;
	size_t n_messages, cap_messages;
	struct sim_job **jobs;
	size_t n_jobs, cap_jobs, n_open;
	struct sim_owner owners[SIM_OWNERS];
	uint64_t licences[SIM_LICENCES], licences_used[SIM_LICENCES];
	struct sim_node nodes[SIM_NODES + 1]; /* the last one joins when all is calm */
	bool preempted_now;		      /* by the step; from a job of that priority: */
	bool preempted_end;		      /* the event ended an attempt that was preempted */
	int32_t preempted_priority;
	uint64_t preempted, starts, restarts, replays, downs, dups, lost;
	struct sim_trace trace[SIM_TRACES]; /* a ring, for a report */
	uint64_t n_traces;
};

/* main.c */
uint64_t sim_random(struct sim *w);
uint32_t sim_below(struct sim *w, uint32_t n); /* 0 .. n - 1 */
bool sim_chance(struct sim *w, uint32_t per_mille);
void sim_fail(struct sim *w, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));
void sim_trace(struct sim *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_trace_event(struct sim *w, const struct sched_event *e);
void sim_post(struct sim *w, struct sim_message m, int64_t delay_ms);

/* jobs.c */
struct sim_job *sim_job_new(struct sim *w);
struct sim_job *sim_job_find(struct sim *w, const char *id);

/* server.c */
void sim_step(struct sim *w, struct sched_event e);
void sim_restart(struct sim *w);
void sim_resync(struct sim *w, struct sim_node *n);

/* node.c */
void sim_node_message(struct sim *w, struct sim_message *m);
void sim_node_connect(struct sim *w, struct sim_node *n);
void sim_node_disconnect(struct sim *w, struct sim_node *n);
void sim_node_trouble(struct sim *w, struct sim_node *n); /* something random goes wrong there */
void sim_node_down(struct sim *w, struct sim_node *n);	  /* the server has waited long enough */
void sim_node_ack(struct sim *w, struct sim_node *n, const struct sched_attempt_id *id);
void sim_node_report(struct sim *w, struct sim_node *n); /* all that is not acknowledged, again */

/* limits.c */
void sim_limits_init(struct sim *w);
size_t sim_licence(const char *name);						    /* its place in sim.licences */
void sim_limits_needs(struct sim *w, struct sim_job *j, struct sched_task_spec *t); /* random licences */
void sim_limits_change(struct sim *w);						    /* one at random */
void sim_limits_lift(struct sim *w);						    /* all of them */
void sim_limits_event(struct sim *w, const struct sched_event *e);
void sim_limits_start(struct sim *w, struct sim_job *j, const struct sched_task_spec *t);
void sim_limits_end(struct sim *w, struct sim_job *j, const struct sched_task_spec *t);

/* count.c */
void sim_count_init(struct sim *w, struct sim_node *n);				  /* random ones */
const char *sim_count_text(const struct sim_node *n);				  /* as the agent says it */
void sim_count_wish(struct sim *w, struct sim_job *j, struct sched_task_spec *t); /* random ones */
void sim_count_plenty(struct sim_node *n);
bool sim_count_allows(const struct sched_task_spec *t, const struct sim_node *n);
void sim_count_start(struct sim *w, const struct sim_job *j, const struct sched_task_spec *t, struct sim_node *n);
void sim_count_end(const struct sched_task_spec *t, struct sim_node *n);
uint64_t sim_count_copies(const struct sched_task_spec *t, const int64_t have[static SIM_COUNTERS], uint64_t most);
void sim_count_free(const struct sim_node *n, int64_t ret[static SIM_COUNTERS]);
void sim_count_gain(const struct sched_task_spec *t, int64_t have[static SIM_COUNTERS]);

/* preempt.c */
void sim_preempt_kill(struct sim *w, const struct sched_action *a);
void sim_preempt_after(struct sim *w, const struct sched_event *e); /* after the step */

/* place.c */
#define SIM_KINDS 6
#define SIM_BY_HAND 4 /* at most one less */
const char *sim_place_facts(const struct sim_node *n);
void sim_place_wish(struct sim *w, struct sim_job *j, uint32_t task);
bool sim_place_selects(const struct sched_task_spec *t, const struct sim_node *n);
void sim_place_check(struct sim *w, const struct sim_job *j, uint32_t task, const struct sim_node *n); /* at a start */

/* probe.c */
void sim_probe_wish(struct sim *w, struct sched_task_spec *t);
void sim_probe_ask(struct sim *w, const struct sched_action *a); /* the action, in the book */
void sim_probe_send(struct sim *w, struct sim_node *n, const char *probe);
bool sim_probe_selects(const struct sched_task_spec *t, const struct sim_node *n);
void sim_probe_event(struct sim *w, const struct sched_event *e); /* before the step */
void sim_probe_resync(struct sim *w, struct sim_node *n);
void sim_probe_check(struct sim *w, const struct sched_task_spec *t, const struct sim_node *n); /* at a start */

/* model.c */
struct sim_instance *sim_instance(struct sim *w, const struct sched_attempt_id *id, struct sim_job **ret_job);
void sim_model_event(struct sim *w, const struct sched_event *e); /* before the step */
void sim_model_action(struct sim *w, const struct sched_action *a);
void sim_model_after(struct sim *w, const struct sched_event *e);
void sim_model_check(struct sim *w); /* after the step */
