/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder share: the server object. Nobody else includes this.
 */
#pragma once

#include "base/core/log_quota.h"
#include "base/core/map.h"
#include "cluster/sched/sched.h"
#include "cluster/server/event.h"
#include "cluster/server/jobspec.h"
#include "cluster/server/server.h"

struct authority;
struct link_listener;
struct link_msg;
struct loop_timer;
struct pending;
struct schedule;
struct server_calendar;
struct wall_timer;

/* Since the server has started: what people see as rates. */
struct server_counted {
	uint64_t submitted, started, ended; /* jobs, attempts, attempts */
};

struct server_listener {
	struct server_listener *next;
	struct server *server;
	server_event_fn fn; /* NULL: to be taken out of the list after the present round */
	void *ctx;
};

struct server {
	struct loop *loop;
	struct store *store;
	struct sched *sched;
	struct map jobs; /* id -> struct jobspec of the jobs that have not ended */
	struct server_listener *listeners;
	bool telling;				 /* inside a round of listeners */
	struct loop_timer *deadline;		 /* the scheduler's next */
	struct loop_timer *again;		 /* facts that could not be stored */
	struct loop_timer *snapshot;		 /* armed while there is something to save */
	struct pending *waiting, **waiting_last; /* those facts, in order */
	struct session *sessions;		 /* links that are up (fleet.h) */
	struct node *nodes, **nodes_last;	 /* in the order they came */
	struct map by_node;
	struct sources *sources;	     /* sources.h */
	char *sources_dir;		     /* where local ones keep their nodes, NULL without a door for agents */
	char *agents_local, *agents_outside; /* HOST:PORT of that door, from here and from elsewhere */
	struct ticket *tickets;		     /* member.h */
	struct member_note *joining;	     /* member.c: not durable yet */
	struct authority *authority;	     /* NULL: no agents from outside */
	struct hosted *hosted;		     /* hosted.h, in the order they were made */
	struct map hosted_names;	     /* name -> struct hosted */
	size_t n_hosted;
	struct bringing *bringing; /* bring.h */
	server_image_fn bring;	   /* server_bring_images() */
	void *bring_ctx;
	uint64_t hosted_number; /* the highest that was given */
	struct link_listener *listener;
	struct log_quota strangers; /* lines about those who are no members */
	int64_t lease_ms, cert_s;
	bool strict; /* server_options */
	bool spread;
	int64_t time_base,
	    mono_base; /* server time = time_base + (mono - mono_base): the wall clock being set does not move it */
	uint64_t since_snapshot;
	bool time_pending;   /* a TIME event is on its way */
	bool full;	     /* the last write failed: said once */
	uint64_t job_number; /* of the last ID that was given */
	struct server_counted counted;
	uint64_t last_seq; /* of the last event that sched has seen */
	bool saving;	   /* a snapshot is on its way */
	char **forgotten;  /* jobs whose documents go with the next snapshot */

	struct schedule *schedules, *last_schedule; /* schedule.h */
	size_t n_schedules;
	struct map by_schedule; /* name -> struct schedule */
	struct map zones;	/* name -> struct tz, for ever */
	struct server_calendar *calendars;
	struct wall_timer *schedule_timer;
	int64_t schedule_armed_ms;

	size_t keep_jobs;
	struct map submitting; /* owner of a quota -> its jobs whose events are being written (limit.c) */
	struct map said;       /* what agents have said of attempts and is being written (ingest.c) */
};

/* server.c */
int64_t server_now(const struct server *s);
/* A free id for the job, out of its name. -EBUSY. */
int server_make_id(struct server *s, struct jobspec *j, struct err *err);

/* ingest.c: an event on its way into the log. extra and docs are copied; done may be NULL. A fact (keep) is tried again until it is stored. */
struct ingest {
	struct sched_event event; /* strings are copied */
	struct event_extra extra;
	const char *doc_key, *doc_value; /* written with the event; value NULL deletes */
	size_t doc_len;
	const char *also_key, *also_value; /* a second one, text */
	struct jobspec *job;		   /* of JOB_SUBMIT: becomes the server's when durable, freed otherwise */
	char *items_json;		   /* of EXPANDED: owned */
	bool told_by_agent;		   /* counted in n_pending of event.node */
	bool keep;
	server_done_fn done;
	void *ctx;
};
void ingest(struct server *s, const struct ingest *in);
struct node;
/* What its agent says: n_pending is counted, and what is beyond the limit goes nowhere; it says so again when it comes back. */
void ingest_told(struct node *n, struct ingest *in);
void ingest_free_waiting(struct server *s);
void ingest_on_link(void *ctx, const struct link_msg *m);
void ingest_arm_deadline(struct server *s);
void ingest_deadline(void *ctx); /* timer */
void ingest_again(void *ctx);	 /* timer */
void ingest_note(struct server *s, const char *kind, const char *json,
		 const char *job); /* for people only; kind is static */

/* apply.c */
void apply_start(struct server *s, const struct sched_attempt_id *a, const char *node);
void apply_failed(struct server *s, const struct sched_attempt_id *a, const struct err *error);
void apply_actions(struct server *s, const struct sched_actions *actions);
void apply_live(struct server *s, const char *node); /* after HELLO: everything that is live there, again */
void apply_fence(struct server *s,
		 const char *node); /* before it is given up: everything that is live there is to end */
/* The attempt is live, on this node; started: and has not told so before. */
bool apply_is_live(const struct server *s, const struct sched_attempt_id *a, const char *node, bool *ret_started);
bool apply_is_expanding(const struct server *s, const char *job, uint32_t task); /* and nobody has answered yet */
bool apply_warned(const struct server *s, const struct sched_attempt_id *a);	 /* the server knows that it was */

/* limit.c */
int limit_admit(struct server *s, const struct jobspec *j, struct err *err);
void limit_submitting(struct server *s, const struct sched_job_spec *spec, int change); /* +1 on its way, -1 arrived */

const char *apply_kill_reason(const struct server *s,
			      const struct sched_attempt_id *a); /* of the latest attempt; NULL: none */

/* recover.c */
int recover(struct server *s, struct err *err);
void recover_snapshot(struct server *s);
void recover_want_snapshot(struct server *s);
void recover_idle(void *ctx); /* timer */
/* A job's specification out of the store, with its expanded items: for an ended job, or at start. */
int recover_job(struct server *s, const char *id, struct jobspec **ret, struct err *err);

/* view.c: tells listeners about an event of the log, or a live-only one (seq 0). */
void view_tell(struct server *s, uint64_t seq, int64_t time_ms, const char *kind, const char *data, size_t len,
	       const char *job);
