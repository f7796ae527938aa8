/* SPDX-License-Identifier: Apache-2.0
 *
 * sched: the scheduler's decisions, pure. sched_step(state, event) -> actions. No socket, clock, file, thread or
 * randomness; time comes inside the event. The state is exactly the result of the events in their order, so
 * replaying a log gives the same state and the same actions.
 *
 * Words: a job has tasks (also the services of a job are "tasks" here, with `service` set); a task has instances
 * (its replicas, at least one unless its expansion came out empty); an instance has attempts, numbered by `epoch`
 * from 1. An instance has at most one live attempt. A report that carries an old epoch is ignored.
 *
 * The rules (test/stories/ tells each of them):
 * - Dependencies hold over all instances of a task: started = each has started once; healthy = all healthy at the same
 *   time, or ended with success while healthy (without a health check: started); completed = all finished. A task that
 *   is faulty under on_error: continue satisfies all three. Once met, a dependency stays met. One that cannot be met
 *   any more skips the task if it is required, and is ignored if not.
 * - on_error when the tries are used up: continue (faulty, the others go on), suspend (in error until a resume), pause
 *   (the same, and nothing new starts), cancel (the job's live attempts are killed, the rest is skipped, it fails).
 * - A pause by hand is that of `pause`: nothing of the job starts until it is resumed, what runs goes on, tries included.
 * - An exit after a KILL for "cancelled" or "job ended" makes the instance ABORTED; after "walltime" it is a failed
 *   try, whatever the exit code.
 * - An attempt that was killed because its node is to be empty starts again at once, when it has ended.
 * - A lost attempt starts again at once, 5 times in a row; the sixth counts as a failure.
 * - Services start again by their policy after 100 ms, 200 ms ... 60 s, anew after 10 s of running. A job ends when all
 *   its tasks and services have ended, or with the task `exit_with`.
 * - Placement: jobs by priority, then those of the tenant that has used least (share.c), then by deadline, then by
 *   submission; tasks as in the job; instances by index; each on the node with the
 *   fewest free slots that fits, or as its topology says. What does not fit is passed over, with a reservation for
 *   the first of it (EASY backfill): nodes are held for it, by walltimes from the time when it should start, and what
 *   stands behind it starts there only if its walltime ends before, or in room that is left over even then.
 * - A gang (all instances of a task) starts in one step or not at all. When one of them fails or is lost and is tried
 *   again, or waits in error, the others are killed ("gang failed") without using up a try; all start again together.
 * - A task with `select` runs only on nodes for which it is true when it starts; what runs goes on when that changes.
 * - A task with a probe runs only on nodes that it said yes on, not longer ago than its age. Nodes that could serve what waits are asked (probe.c).
 * - Rules: near (not where none of the others is, but the first of all when it is one of them itself) and apart (not where one of them is)
 *   are looked at when it starts, and not again; of what starts later only its own rules count. Among nodes that must not be left out the one
 *   of the least cost is taken: spread over labels first, then slots of imbalance and preferred rules.
 * - What finds no room takes that of preemptible tasks of jobs of lower priority (preempt.c), and their licences and what they have of the
 *   same quota: they are killed ("preempted"), without using up a try, and wait for room again. What ends is kept for the takers (claim.c).
 * - Counters of a node (GPUs ...) are taken like slots; which of them a copy gets the agent says.
 * - A job that ended by itself is FINISHED, faulty tasks under `continue` included, unless something was skipped, or cancelled by hand.
 *
 * Ownership: an event's pointers are only read during the call. Actions are valid until the next sched_step() or
 * sched_free().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct counts;
struct err;
struct sched;

#define SCHED_ID_MAX 64		    /* bytes of a job or node id with the NUL */
#define SCHED_TASKS_MAX 10000	    /* tasks of a job */
#define SCHED_INSTANCES_MAX 1000000 /* instances of a job */
#define SCHED_RULES_MAX 32	    /* of a task */
#define SCHED_SPREADS_MAX 4	    /* of a task */
#define SCHED_FACTS_MAX 1024	    /* facts of a node */
/* The fact: units of COUNTS_GPU that containers of no job have there and no job has. They are taken from what is left for jobs. */
#define SCHED_FACT_GPUS_BY_HAND "gpus_by_hand"
#define SCHED_FACTS_TEXT_MAX 65536 /* bytes of them */
#define SCHED_LICENCES_MAX 1000	   /* ever seen */
#define SCHED_NEEDS_MAX 8	   /* licences of a task */
#define SCHED_WANTS_MAX 8	   /* counters of a task */
#define SCHED_DATA_MAX 8	   /* of a task */
#define SCHED_PROBE_MAX 128	   /* bytes of a probe's key with the NUL */
#define SCHED_PROBE_TEXT_MAX 200   /* bytes kept of an answer */

/* ---- what is submitted ---- */

enum sched_condition { SCHED_DEP_STARTED, SCHED_DEP_HEALTHY, SCHED_DEP_COMPLETED };
enum sched_on_error { SCHED_ON_ERROR_CONTINUE, SCHED_ON_ERROR_SUSPEND, SCHED_ON_ERROR_PAUSE, SCHED_ON_ERROR_CANCEL };
enum sched_restart { SCHED_RESTART_NO, SCHED_RESTART_ALWAYS, SCHED_RESTART_ON_FAILURE, SCHED_RESTART_UNLESS_STOPPED };

/* Where the instances of a task may be. */
enum sched_topology {
	SCHED_TOPO_ANY,	   /* wherever one fits, filled nodes first */
	SCHED_TOPO_SPREAD, /* the emptiest node first; not for a gang */
	SCHED_TOPO_APART,  /* no two on the same node, the emptiest first */
	SCHED_TOPO_FEW,	   /* gangs only: on as few nodes as can be */
	SCHED_TOPO_ONE,	   /* gangs only: all on one node */
};

/* What a quota limits: CPUs in thousandths (a slot is one, beside reserved CPU), bytes and live instances of what runs, jobs that
 * have not ended, and units of the counter "gpu" of what runs. */
enum sched_quota {
	SCHED_QUOTA_CPU,
	SCHED_QUOTA_MEMORY,
	SCHED_QUOTA_TASKS,
	SCHED_QUOTA_JOBS,
	SCHED_QUOTA_GPUS,
	SCHED_QUOTA_N
};
#define SCHED_NO_LIMIT UINT64_MAX

struct sched_dep {
	uint32_t task; /* index in the job's tasks */
	enum sched_condition condition;
	bool required; /* false: a failed or skipped dependency does not block */
};

/* So many of a licence, which is a number that the whole cluster has. */
struct sched_need {
	const char *name;
	uint32_t n;
};

/* Near what is live of other tasks, or apart from it. */
struct sched_rule {
	bool apart;
	uint32_t
	    weight;	/* 0: it must be so; else it is preferred, and worth a node so many slots fuller (or emptier) */
	const char *to; /* "TASK" of the same job, "JOB/TASK" by names, "JOB/" and a star: all of the job */
	const char *within; /* "node", or "labels.X": near is with the same value of the label */
};

struct sched_task_spec {
	const char *name;
	bool service;	    /* stays; otherwise it ends */
	uint32_t count;	    /* instances (0: finished as soon as ready); ignored when expand */
	bool expand;	    /* the number of instances is asked for when the task becomes ready (SCHED_ACT_EXPAND) */
	bool healthcheck;   /* health events will come; without it, started counts as healthy */
	uint32_t slots;	    /* each instance's request ... */
	uint64_t cpu_milli; /* ... CPU beyond slots (a reservation), 0 = none */
	uint64_t memory;    /* ... bytes, 0 = none */
	const struct counts *counters; /* ... and units of the node's counters, NULL = none */
	uint32_t attempts;	       /* tries in all of one instance, >= 1 (tasks) */
	int64_t delay_ms;	       /* before try 2; -1 = default growing delay (2, 4, 7, 11, 16 ... 60 s) */
	double backoff;		       /* delay of try n+1 = delay of try n * backoff (>= 1), at most 1 h */
	bool elsewhere;		       /* not on nodes where it failed before; not with gang */
	uint32_t max_running;	       /* instances live at the same time, 0 = no limit; not with gang */
	bool gang;		       /* all instances start in one step, or none */
	bool exclusive;		       /* nothing of another task on its nodes */
	bool preemptible;	       /* jobs of a higher priority may take its room */
	/* stages files that lie on the node where they were written: with the others of its job that do so it runs on one node */
	bool home;
	const struct sched_need *licences; /* of each instance while it is live */
	size_t n_licences;
	enum sched_topology topology;
	enum sched_on_error on_error;
	int64_t walltime_ms;	    /* 0 = none; of one attempt, from started */
	enum sched_restart restart; /* services */
	uint32_t restart_max;	    /* for on-failure, 0 = no limit */
	const struct sched_rule *rules;
	size_t n_rules;
	uint32_t per_node;	   /* copies on one node, 0 = no limit */
	const char *const *spread; /* labels ("labels.zone"): nodes whose value has the fewest of its copies first */
	size_t n_spread;
	const char *image; /* nodes that have it (the fact has.image.NAME, its bytes) are preferred; NULL = none */
	const char *probe; /* a test that must have said yes on a node; what has the same key shares the answers */
	const char *const *
	    data; /* what it reads, where nodes say that they have it: the fact has.NAME ("volume.x", "space.global") */
	size_t n_data;
	int64_t probe_age_ms; /* and asks again after so long */
	const char *select;   /* which nodes will do (base/core/expr.h), NULL = all */
	const struct sched_dep *deps;
	size_t n_deps;
};

struct sched_job_spec {
	const char *id, *name;
	const struct sched_task_spec *tasks;
	size_t n_tasks;
	int32_t exit_with;    /* index of the task whose end ends the job, -1 = none */
	int32_t priority;     /* higher first, default 0 */
	const char *tenant;   /* whose share it uses; NULL = "" */
	const char *project;  /* whose quota it uses beside the tenant's; NULL = none */
	uint32_t max_running; /* instances of all its tasks live at the same time, 0 = no limit */
	int64_t start_at_ms;  /* nothing starts before (SCHED_EV_TIME comes then), 0 = now */
	int64_t deadline_ms;  /* earlier first, 0 = none */
};

/* ---- events: what happened ---- */

enum sched_event_type {
	SCHED_EV_NODE_UP,    /* node: capacity. Known attempts of it stay as they are */
	SCHED_EV_NODE_DOWN,  /* node: its live attempts are lost */
	SCHED_EV_NODE_CLOSE, /* node: nothing new starts on it, what runs goes on; stays so over DOWN and UP */
	SCHED_EV_NODE_OPEN,  /* node: it takes attempts again */
	SCHED_EV_NODE_EMPTY, /* node: what is live there is killed and starts again, without using up a try */
	SCHED_EV_JOB_SUBMIT, /* job_spec */
	SCHED_EV_JOB_CANCEL, /* job */
	SCHED_EV_JOB_RESUME, /* job: paused -> running; tasks in error are tried again with fresh tries */
	SCHED_EV_JOB_FORGET, /* job: must have ended; its memory is freed */
	SCHED_EV_EXPANDED,   /* job, task, count; or failed when error is set */
	SCHED_EV_STARTED,    /* attempt */
	SCHED_EV_HEALTH,     /* attempt, healthy */
	SCHED_EV_WARNED,     /* attempt: its program was told that its walltime is about to end */
	SCHED_EV_EXITED,     /* attempt, outcome, exit_code, error */
	SCHED_EV_TIME,	     /* time passed: deadlines at or before now fire */
	SCHED_EV_LICENCE,    /* licence, total: from now on the cluster has so many; SCHED_NO_LIMIT: it is taken away */
	SCHED_EV_QUOTA,	     /* quota, caps: from now on so much; all SCHED_NO_LIMIT: no quota any more */
	SCHED_EV_NODE_FACTS, /* node, facts: all that is known of it now; it may come before the node is up for the first time */
	SCHED_EV_NODE_USE,  /* node: slots, cpu_milli and memory in use there by what is of no job, all in all */
	SCHED_EV_JOB_PAUSE, /* job: nothing of it starts until a resume; what runs goes on */
	SCHED_EV_RESTART,   /* job, task, index (SCHED_ALL: all its instances): what is live is killed and starts again
			     * without using up a try, what is delayed has its next try now, what is in error fresh tries */
	SCHED_EV_PROBED, /* probe, node, fit, error: the answer to PROBE. One that is missing for ten minutes is a no */
	SCHED_EV_FINISH, /* the same, as: what is live is killed and counts as that, however it ends; what is delayed or in
			  * error does now. waiting: so does what has not started, and a list of files that is not known;
			  * without, that is left alone (as logs of older versions mean it) */
};
#define SCHED_ALL UINT32_MAX

/* What a person says of copies that have not ended. */
enum sched_as {
	SCHED_AS_DONE, /* finished: whoever waits for it goes on */
	SCHED_AS_FAILED, /* faulty, as if its tries were used up: on_error says what follows; suspend and pause: what needs it is
			     * skipped */
	SCHED_AS_CANCELLED, /* it shall not run: what needs its task is skipped, and the job has failed in the end */
	SCHED_AS_N
};

struct sched_attempt_id {
	char job[SCHED_ID_MAX];
	uint32_t task, index, epoch;
};

/* How an attempt ended. Only SCHED_OUT_EXITED with exit code 0 is success. */
enum sched_outcome {
	SCHED_OUT_EXITED, /* by itself, exit_code */
	SCHED_OUT_FAILED, /* never started, or staging failed: error tells */
	SCHED_OUT_LOST, /* nobody knows how it ended (monitor or node lost): does not use up a try; at most 5 in a row */
};

/* Whether a node will do, as a probe says. UNKNOWN: it was not run, for nobody waits for it any more. */
enum sched_fit { SCHED_FIT_UNKNOWN, SCHED_FIT_NO, SCHED_FIT_YES };

struct sched_event {
	enum sched_event_type type;
	int64_t now_ms;			 /* wall clock, never goes back within a log (the server sees to it) */
	struct sched_attempt_id attempt; /* STARTED, HEALTH, WARNED, EXITED */
	const char *job;		 /* CANCEL, PAUSE, RESUME, FORGET, EXPANDED, RESTART, FINISH */
	uint32_t task, count;		 /* EXPANDED; RESTART, FINISH: task */
	uint32_t index;			 /* RESTART, FINISH */
	enum sched_as as;		 /* FINISH */
	bool waiting;			 /* FINISH */
	const struct sched_job_spec *job_spec;
	const char *node; /* NODE_... */
	uint32_t node_slots;
	uint64_t node_cpu_milli, node_memory;
	const char *counters; /* NODE_UP: what it has of each (counts.h), NULL = none */
	const char *quota;    /* QUOTA: "user:NAME", "project:NAME", or "user:*" for users without one of their own */
	uint64_t caps[SCHED_QUOTA_N];
	const char *facts;   /* lines of a name (expr.h), a blank and a value */
	const char *licence; /* LICENCE */
	const char *probe;   /* PROBED: as the action said it */
	enum sched_fit fit;
	uint64_t total;
	bool healthy;
	enum sched_outcome outcome;
	int32_t exit_code;
	bool oom;
	const char *error; /* text, may be NULL */
};

/* ---- actions: what is to be done now ---- */

enum sched_action_type {
	SCHED_ACT_START,     /* attempt on node */
	SCHED_ACT_KILL,	     /* attempt: end it with grace; an EXITED event will come. reason: "cancelled", "walltime",
			  * "job ended", "gang failed", "drained", "preempted", "restarted", "finished" or "failed by hand". Given once for an attempt. */
	SCHED_ACT_EXPAND,    /* job, task: find out its number of instances, answer with EXPANDED */
	SCHED_ACT_JOB_ENDED, /* job, job_state */
	SCHED_ACT_PROBE,     /* job, task, node, probe: run that task's probe there, answer with PROBED */
};

#define SCHED_PREEMPTED "preempted" /* the reason of that kill */

struct sched_action {
	enum sched_action_type type;
	struct sched_attempt_id attempt; /* START, KILL; for EXPAND: job and task; for JOB_ENDED: job */
	char node[SCHED_ID_MAX];
	const char *reason; /* static text */
	const char *probe;
	uint32_t job_state;
};

struct sched_actions {
	const struct sched_action *items;
	size_t n;
};

/* ---- the machine ---- */

struct sched *sched_new(void);
struct sched *sched_free(struct sched *s);

/* Checks what can be checked of a job before its event is written: names, indexes, cycles (the path of the cycle is
 * named), limits, a job id that is already there. -EINVAL, -EEXIST, -E2BIG. */
int sched_check(const struct sched *s, const struct sched_job_spec *spec, struct err *err);

/* Whether quotas leave room for one job more, now, and its licences are there (-EINVAL). Asked before the event is written and not again: the log is the truth. on_the_way:
 * jobs of the same tenant [0] and project [1] whose events are being written. -EBUSY with the reason. */
int sched_admit(const struct sched *s, const struct sched_job_spec *spec, const uint32_t on_the_way[static 2],
		struct err *err);

/* Applies one event. An event that does not fit the state (unknown job, old epoch, second exit, a job id that is there
 * already) changes nothing and gives no action: facts may come twice. Returns 0, or a negative errno only for an event
 * that is itself malformed (the state is then unchanged). A time before the last one counts as the last one.
 *
 * Deadlines fire with SCHED_EV_TIME only; room for waiting instances is looked for after every event. */
int sched_step(struct sched *s, const struct sched_event *e, struct sched_actions *ret, struct err *err);

/* Wall-clock time of the next deadline (retry delay, walltime), INT64_MAX when there is none: the server then sends
 * SCHED_EV_TIME. */
int64_t sched_next_ms(const struct sched *s);

/* The whole state as JSON-free text for a snapshot (format in docs/formats/snapshot.md), the caller frees; and back. */
char *sched_save(const struct sched *s, size_t *ret_len);
int sched_load(struct sched **ret, const char *data, size_t len, struct err *err);

/* After a restart: the live attempts as the state knows them (started or not), in a stable order; fn returning != 0
 * stops. The server sends START again for those that the agent does not know (the agent refuses an attempt that it
 * already has) and KILL for those that are being killed. */
typedef int (*sched_live_fn)(void *ctx, const struct sched_attempt_id *a, const char *node, bool started,
			     const char *kill_reason);
int sched_live(const struct sched *s, sched_live_fn fn, void *ctx);
int sched_live_on(const struct sched *s, const char *node, sched_live_fn fn, void *ctx); /* of one node */
/* The node where the files are that the task's job hands from task to task; NULL: the task has none to do with them, or there are none yet. */
const char *sched_home(const struct sched *s, const char *job, uint32_t task);
/* Expansions that were asked for and not answered. */
typedef int (*sched_expand_fn)(void *ctx, const char *job, uint32_t task);
int sched_expanding(const struct sched *s, sched_expand_fn fn, void *ctx);

/* Probes that the node was asked by and has not answered. job: of a task that waits for it, with task; NULL: none does any more, so the answer
 * is UNKNOWN. */
typedef int (*sched_probe_fn)(void *ctx, const char *probe, const char *job, uint32_t task);
int sched_probing(const struct sched *s, const char *node, sched_probe_fn fn, void *ctx);

/* ---- looking ---- */

enum sched_job_state {
	SCHED_JOB_PENDING,
	SCHED_JOB_RUNNING,
	SCHED_JOB_STALLED,
	SCHED_JOB_PAUSED,
	SCHED_JOB_IN_ERROR,
	SCHED_JOB_FINISHED,
	SCHED_JOB_CANCELED,
	SCHED_JOB_FAILED
};
enum sched_task_state {
	SCHED_TASK_WAITING,  /* for its dependencies */
	SCHED_TASK_PENDING,  /* ready, waits for resources (or for its expansion) */
	SCHED_TASK_STARTING, /* an attempt was sent to a node */
	SCHED_TASK_RUNNING,
	SCHED_TASK_DELAYED, /* waits for its next try */
	SCHED_TASK_PAUSED,
	SCHED_TASK_IN_ERROR, /* used up its tries under on_error: suspend (or pause) */
	SCHED_TASK_FINISHED,
	SCHED_TASK_FAULTY,  /* used up its tries */
	SCHED_TASK_SKIPPED, /* will never run: a dependency failed or the job ended first */
	SCHED_TASK_ABORTED, /* was running when its job was cancelled or ended */
};
const char *sched_job_state_name(enum sched_job_state s); /* "pending" ... lower case */
const char *sched_task_state_name(enum sched_task_state s);
bool sched_job_ended(enum sched_job_state s);

struct sched_attempt_view {
	uint32_t epoch;
	const char *node;
	int64_t sent_ms, started_ms, ended_ms; /* 0 = not yet */
	int64_t warned_ms;		       /* 0 = was not */
	bool ended, healthy, oom;
	enum sched_outcome outcome;
	int32_t exit_code;
	const char *error;	 /* NULL = none */
	const char *kill_reason; /* NULL = nobody killed it */
};
struct sched_instance_view {
	uint32_t index;
	enum sched_task_state state;
	int64_t next_try_ms; /* when DELAYED */
	size_t n_attempts;   /* kept: the last 16 */
};
struct sched_task_view {
	const char *name;
	bool service;
	enum sched_task_state state; /* summary over its instances */
	size_t n_instances;
	size_t counts[SCHED_TASK_ABORTED + 1]; /* instances by state */
	bool expanded;			       /* the number of instances is known */
	bool gang;
	int64_t started_ms, ended_ms;
};
struct sched_job_view {
	const char *id, *name;
	enum sched_job_state state;
	int64_t submitted_ms, started_ms, ended_ms;
	size_t n_tasks, n_instances;
	size_t counts[SCHED_TASK_ABORTED + 1]; /* instances by state, over all tasks */
	int32_t exit_code;		       /* of exit_with, or 0/1 */
	const char *reason;		       /* why it ended as it did, or NULL */
	const char *owner;		       /* whose share it uses, "" = nobody's */
};
/* Jobs in the order of submission, position from 0. -ENOENT past the end or for an unknown id. */
int sched_job_at(const struct sched *s, size_t position, struct sched_job_view *ret);
int sched_job_view(const struct sched *s, const char *id, struct sched_job_view *ret);
int sched_task_view(const struct sched *s, const char *job, uint32_t task, struct sched_task_view *ret);
int sched_instance_view(const struct sched *s, const char *job, uint32_t task, uint32_t index,
			struct sched_instance_view *ret);
int sched_attempt_view(const struct sched *s, const char *job, uint32_t task, uint32_t index, size_t nth,
		       struct sched_attempt_view *ret);

/* Why a job or task does not run, in plain English for people ("waits for \"split\" to complete", "needs 8 slots; node
 * n1 has 2 in all", "next try in 4 s"). task may be UINT32_MAX for the job. Writes at most n bytes; empty when it has
 * ended, or runs with nothing held back by a limit (a job: when any of it runs and it is not paused). */
void sched_why(const struct sched *s, const char *job, uint32_t task, int64_t now_ms, char *text, size_t n);

struct sched_node_view {
	const char *name;
	bool up, closed;
	uint32_t slots, slots_used; /* used: what is of no job, too */
	uint64_t cpu_milli, cpu_used, memory, memory_used;
	size_t live;	   /* attempts on it */
	const char *facts; /* as the last event said, or NULL */
};
int sched_node_at(const struct sched *s, size_t position, struct sched_node_view *ret);
int sched_node_view(const struct sched *s, const char *name, struct sched_node_view *ret); /* -ENOENT */

struct sched_counter_view {
	const char *name;
	uint32_t total, used; /* used: what is of no job, too */
	uint32_t others;      /* that alone */
};
/* Its counters by name. -ENOENT past the end. */
int sched_node_counter(const struct sched *s, const char *node, size_t position, struct sched_counter_view *ret);

struct sched_quota_view {
	const char *name; /* as in the event */
	bool set;	  /* it has a quota of its own */
	uint64_t caps[SCHED_QUOTA_N], used[SCHED_QUOTA_N];
};
/* Owners with a quota, and those of jobs that are remembered, by name. */
int sched_quota_at(const struct sched *s, size_t position, struct sched_quota_view *ret);

/* What waits for room alone, by what each copy asks for. At the most 100,000 of a kind are counted. fn returning != 0 stops. */
struct sched_demand {
	uint32_t slots;
	uint64_t cpu_milli, memory, count;
	const struct counts *counters; /* NULL = none; for the call */
};
typedef int (*sched_demand_fn)(void *ctx, const struct sched_demand *d);
int sched_demand(const struct sched *s, sched_demand_fn fn, void *ctx);

struct sched_licence_view {
	const char *name;
	bool known; /* false: a job names it, and nobody has set it */
	uint64_t total, used;
};
int sched_licence_at(const struct sched *s, size_t position, struct sched_licence_view *ret);
/* Something of no job, which stays for a time that nobody knows, could start there now: it is up, open, and has room that is held for nobody. */
bool sched_node_takes(const struct sched *s, const char *node, uint32_t slots, uint64_t cpu_milli, uint64_t memory);

/* For tests and asserts in the server: checks every invariant of the state; -EINVAL tells which is broken. */
int sched_invariants(const struct sched *s, struct err *err);
