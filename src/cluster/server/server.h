/* SPDX-License-Identifier: Apache-2.0
 *
 * server: holds the state of the cluster and decides. Every wish (submit, cancel) and every fact (started, exited) becomes an event; the event is made
 * durable by the store; only then sched_step() is asked and its actions are sent over the link. The state is therefore always the result of
 * the log, and a server that dies at any moment continues where the log ends (recover.c).
 *
 * A submitter is answered after its event is durable. A fact that cannot be stored (disk full) is kept and tried again; the agent keeps its own record anyway.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yyjson.h>

struct err;
struct link_end;
struct loop;
struct server;
struct store;

struct server_options {
	size_t
	    keep_jobs; /* ended jobs that are remembered, 0 = 1000; older ones are forgotten with their containers and private spaces */
	int64_t lease_ms; /* a node that is not heard of for so long is lost, 0 = 30 s */
	bool spread;	  /* services that do not say go to the emptiest node, not to the fullest that has room */
	bool strict;	  /* fencing of services that do not say (jobspec_fencing()) */
	int64_t cert_s;	  /* life of a member's certificate, 0 = 7 days */
};

/* Reads the log back and waits for the agents' HELLO. The link end (of an agent in this process; NULL = none) and the store become the server's. */
int server_open(struct loop *l, struct store *store, struct link_end *link, const struct server_options *o,
		struct server **ret, struct err *err);
/* Writes a snapshot first, so that the next start is quick. */
struct server *server_close(struct server *s);
/* For tests: as if the process had died, but for the store, which stays open and the caller's. No write may be on its way. */
struct server *server_abandon(struct server *s);

/* From now on agents may come from outside: `fd` listens, and becomes the server's. The authority is the store's (trust.h): runs the loop when it is new. */
struct trust_options;
int server_listen_agents(struct server *s, int fd, const struct trust_options *o, struct err *err);

/* The answer to a wish: error NULL once it is durable. id: of the job. */
typedef void (*server_done_fn)(void *ctx, const char *id, const struct err *error);

/* What only the node can judge of a service (image, mounts, spaces): called once per service with its container specification before anything is written; a
 * negative return refuses the job. *ret_key may be set to the key that is to blame ("image"): the error then names its place in the file. */
typedef int (*server_check_fn)(void *ctx, yyjson_val *container, const char **ret_key, struct err *err);

/* Who submits a job. */
struct server_user {
	uint32_t uid;	   /* UINT32_MAX: nobody of this machine */
	const char *owner; /* the same as a word (base/core/owner.h), NULL = the number */
	bool confined;	   /* may not open a machine; each node looks once more at what only it knows */
};
/* Checks and submits a canonical job (docs/formats/job.md). A refusal is given at once by done(), and nothing of the job is left. */
void server_submit(struct server *s, const char *json, size_t len, const struct server_user *user, bool dry_run,
		   server_check_fn check, void *check_ctx, server_done_fn done, void *ctx);
/* -EPERM: the job, named as below, is not of that owner. -ENOENT, -EINVAL. For those who may only change what is theirs. */
int server_check_owner(struct server *s, const char *job, const char *owner, struct err *err);
/* By id, unambiguous prefix of one, or name: of the one live job that has it, or of the latest that had it. */
void server_cancel(struct server *s, const char *job, server_done_fn done, void *ctx);
void server_pause(struct server *s, const char *job, server_done_fn done, void *ctx); /* nothing new of it starts */
void server_resume(struct server *s, const char *job, server_done_fn done, void *ctx);
#define SERVER_ALL_COPIES UINT32_MAX
/* One copy of the job's task, or all of them (index SERVER_ALL_COPIES): what runs is ended and starts again without using up a try, what is delayed has its
 * next try now, what is in error fresh tries. -ENOENT, or -EBUSY when none of it is in such a state. */
void server_restart(struct server *s, const char *job, const char *task, uint32_t index, server_done_fn done,
		    void *ctx);
/* Copies that have not ended count as "done", "failed" or "cancelled" (NULL: done): what runs is ended and counts so however it ends, all else does now, also what has
 * not started. One copy of a gang is taken as done only while it runs. -EINVAL, -ENOENT, -EBUSY. */
void server_finish(struct server *s, const char *job, const char *task, uint32_t index, const char *as,
		   server_done_fn done, void *ctx);
/* How many copies start together with any of that task: 0 when it is no gang, or is not there. */
size_t server_gang(struct server *s, const char *job, const char *task);
void server_forget(struct server *s, const char *job, server_done_fn done, void *ctx); /* -EBUSY: it has not ended */

/* -ENOENT; -EINVAL when a prefix fits several. ret: at least 64 bytes. */
int server_find(struct server *s, const char *job, char *ret, size_t n, struct err *err);

/* Where the copies of a job run and ran: of each the last 16 attempts, of all tasks (task NULL), of all copies (SERVER_ALL_COPIES) or one. -ENOENT. */
struct server_attempt {
	const char *task, *node, *container; /* container: what the node calls it */
	uint32_t index, epoch;		     /* epoch: 1 for the first attempt */
	int64_t sent_ms, started_ms;	     /* 0: it has not been */
	bool ended;
};
typedef void (*server_attempt_fn)(void *ctx, const struct server_attempt *a); /* valid during the call */
int server_attempts_each(struct server *s, const char *job, const char *task, uint32_t index, server_attempt_fn fn,
			 void *ctx, struct err *err);

/* An image has to come to a node for a job. The answer is server_image_brought(), later, never from inside; it may be left out when the server is closed. */
typedef void (*server_image_fn)(void *ctx, const char *node, const char *image);
/* Who brings them. NULL (the default): nobody; an attempt whose image is not on its node fails there. */
void server_bring_images(struct server *s, server_image_fn fn, void *ctx);
/* error NULL: it is there. What waited for it starts, or fails with these words. */
void server_image_brought(struct server *s, const char *node, const char *image, const struct err *error);

/* Tokens that let machines join: done() is given the text of the new one, which nobody can see again. life_ms 0 = for ever, uses 0 = any number. */
void server_token_create(struct server *s, int64_t life_ms, int64_t uses, server_done_fn done, void *ctx);
void server_token_remove(struct server *s, const char *id, server_done_fn done, void *ctx);
char *server_tokens_json(struct server *s);

/* Nodes. Locked and draining ones take nothing new until they are unlocked; what still runs on a draining one at its deadline (0 = none) is given up there
 * and starts elsewhere. A removed one has to join again. reason and done may be NULL. */
void server_node_lock(struct server *s, const char *name, const char *reason, server_done_fn done, void *ctx);
void server_node_drain(struct server *s, const char *name, const char *reason, int64_t deadline_ms, server_done_fn done,
		       void *ctx);
void server_node_unlock(struct server *s, const char *name, server_done_fn done, void *ctx);
void server_node_label(struct server *s, const char *name, yyjson_val *labels, server_done_fn done, void *ctx);
void server_node_remove(struct server *s, const char *name, server_done_fn done, void *ctx);
char *server_nodes_json(struct server *s);
int server_node_json(struct server *s, const char *name, char **ret, struct err *err);
/* Joins a connected socket (which becomes the server's) with the API of that node, which is sent the n bytes first. -ENOENT, -ENOTCONN. */
int server_node_tunnel(struct server *s, const char *name, int fd, const void *first, size_t n, struct err *err);
int server_node_reaches(struct server *s, const char *name, struct err *err); /* whether it would be so */

/* Quotas, docs/CLUSTER.md. owner: "user:1000", "project:NAME", "user:*" for users without one of their own. caps: an object of cpu_milli, memory, tasks
 * and jobs; what is missing stays as it is, null takes a cap off. */
void server_quota_set(struct server *s, const char *owner, yyjson_val *caps, server_done_fn done, void *ctx);
void server_quota_remove(struct server *s, const char *owner, server_done_fn done, void *ctx);
char *server_quotas_json(struct server *s);

/* Licences: numbers of the whole cluster that jobs take while they run. */
void server_licence_set(struct server *s, const char *name, int64_t total, server_done_fn done, void *ctx);
void server_licence_remove(struct server *s, const char *name, server_done_fn done, void *ctx);
char *server_licences_json(struct server *s);

/* Node sources (docs/SOURCES.md): json is the source (cluster/source/source_spec.h). -EEXIST unless `replace`, which may not change the kind. A removed one goes
 * when its last machine has gone. By `force` what cannot be destroyed is forgotten. A paused one makes and releases nothing. */
void server_source_add(struct server *s, const char *json, size_t len, bool replace, server_done_fn done, void *ctx);
void server_source_remove(struct server *s, const char *name, bool force, server_done_fn done, void *ctx);
void server_source_pause(struct server *s, const char *name, bool paused, server_done_fn done, void *ctx);
char *server_sources_json(struct server *s);
int server_source_json(struct server *s, const char *name, char **ret, struct err *err);
/* A connected socket, not blocking and the caller's, to the API of that node, this berth's own too. -ENOENT, -ENOTCONN, -EBUSY. */
int server_node_dial(struct server *s, const char *name, struct err *err);

struct server_node {
	const char *name, *state;
	const char *facts, *labels; /* JSON objects, or NULL */
	bool connected;
	bool here; /* it is this berth itself */
	uint32_t slots, slots_used;
	uint64_t memory, memory_used;
	size_t containers; /* attempts and hosted ones (hosted.h) */
};
typedef void (*server_node_fn)(void *ctx, const struct server_node *n);
void server_nodes_each(struct server *s, server_node_fn fn, void *ctx);

/* Schedules (a job with the key `schedule` becomes one when it is submitted) and calendars. The id that done() gets is the schedule's name; for run: of the job.
 * -ENOENT; -EBUSY: another wish for it is being written, or a schedule uses the calendar. Removing a schedule leaves its jobs alone. */
enum server_schedule_wish {
	SERVER_SCHEDULE_PAUSE,
	SERVER_SCHEDULE_RESUME,
	SERVER_SCHEDULE_RUN,
	SERVER_SCHEDULE_REMOVE
};
/* -EPERM: the schedule is not of that owner. -ENOENT. */
int server_check_schedule(struct server *s, const char *name, const char *owner, struct err *err);
void server_schedule(struct server *s, const char *name, enum server_schedule_wish wish, server_done_fn done,
		     void *ctx);
char *server_schedules_json(struct server *s);
int server_schedule_json(struct server *s, const char *name, char **ret, struct err *err);
/* days: {"exclude": [...], "include": [...]} (base/core/calendar.h) */
void server_calendar_set(struct server *s, const char *name, yyjson_val *days, server_done_fn done, void *ctx);
void server_calendar_remove(struct server *s, const char *name, server_done_fn done, void *ctx);
char *server_calendars_json(struct server *s);

/* JSON texts for the API; the caller frees. */
char *server_jobs_json(struct server *s, bool all, size_t limit);
int server_job_json(struct server *s, const char *job, char **ret, struct err *err);
char *server_info_json(struct server *s); /* {"node": {...}, "jobs": {...}, "seq": n} */
bool server_job_ended(struct server *s, const char *id,
		      char **ret_json);	 /* {"state", "exit_code", "reason"} once it has */
bool server_all_ended(struct server *s); /* no job is live */
void server_cancel_all(struct server *s);

/* Events as JSON lines, oldest first: from the durable log, and live. */
typedef int (*server_event_fn)(void *ctx, const char *json, size_t len, const char *job);
int server_events_read(struct server *s, uint64_t since, size_t limit, uint64_t *ret_last, server_event_fn fn,
		       void *ctx, struct err *err);
struct server_listener;
struct server_listener *server_listen(struct server *s, server_event_fn fn, void *ctx);
struct server_listener *server_unlisten(struct server_listener *l);
