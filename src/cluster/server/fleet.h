/* SPDX-License-Identifier: Apache-2.0
 *
 * fleet: the nodes that the server knows, and the links to them (sessions). A node's record stands in the document node/NAME; what it can hold and what runs
 * on it the scheduler knows. A node that is not heard of for a whole lease and a margin (lease.h) is given up: its attempts are lost, and start again elsewhere.
 *
 * Fencing: whatever a node says to run is compared with what the scheduler holds live there; anything else is told to end. So an attempt that was given up
 * cannot go on beside its successor once its node is back.
 */
#pragma once

#include "base/core/log_quota.h"
#include "cluster/link/cert.h"

#include <stdbool.h>
#include <stdint.h>
#include <yyjson.h>

struct sched_node_view;
struct err;
struct link_end;
struct link_msg;
struct loop_timer;
struct sched_attempt_id;
struct server;

/* A link, before and after HELLO. */
struct session {
	struct session *next;
	struct server *server;
	struct link_end *link;
	struct node *node;	  /* NULL before HELLO */
	char name[CERT_NAME_MAX]; /* by its certificate; "" = in this process */
	bool deaf;		  /* refused: nothing that it says is heard */
	char **asked;		  /* expansions, "JOB/TASK": only to these it may answer */
};

/* What people have wished of a node, as its document says it. */
struct node_wishes {
	bool locked, draining;
	int64_t drain_until_ms; /* server time; 0 = without a deadline */
	char *reason, *labels;	/* labels: a JSON object, or NULL */
};

struct node {
	struct node *next;
	struct server *server;
	char name[CERT_NAME_MAX];
	char member[CERT_MEMBER_MAX]; /* "" = none that could connect from outside */
	struct session *session;      /* NULL: not connected */
	size_t n_pending;	      /* of what it has told, on the way into the log */
	char *spaces, *facts;	      /* facts: a JSON object, or NULL */
	char *why;		      /* it is lost */
	size_t n_telling;	      /* of its facts, on the way into the log */
	bool facts_wait;	      /* `facts` are newer than what was told */
	bool facts_fresh;	      /* they were told less than MANNERS_FACTS_MS ago: the timer is armed */
	struct node_wishes is;	      /* durable */
	struct node_wish *latest;     /* fleet_wish.c: the last one on its way into the log, or NULL */
	bool lost;
	bool unmanned; /* this process was it, and is a server alone now */
	bool leaving;  /* its removal is on its way */
	int64_t joined_ms, heard_mono_ms;
	struct loop_timer *lease, *drain;
	struct loop_timer *telling;	     /* of its facts */
	struct bucket changes, certs, links; /* manners.h */
	struct log_quota lines;
};

struct node *fleet_find(const struct server *s, const char *name);
struct node *fleet_get(struct server *s, const char *name); /* makes it when it is not there */
/* What the scheduler knows of it; false: nothing yet, and all is 0. */
bool fleet_view(const struct server *s, const char *name, struct sched_node_view *ret);
void fleet_forget(struct server *s, struct node *n);
void fleet_free_all(struct server *s);
/* The record of the document, and back. */
int fleet_load(struct server *s, const char *name, const char *text, size_t len, struct err *err);
char *fleet_stored(const struct node *n, const struct node_wishes *w);
void fleet_wishes_free(struct node_wishes *w);
/* What its agent says of it now; the scheduler is told, at once or soon (manners.h). */
void fleet_facts(struct node *n, const char *facts);
/* What is kept back for a moment is told now: an end that comes next makes others start, where by these facts their files are. */
void fleet_facts_now(struct node *n);
const char *fleet_labels(const struct node *n); /* as they will be when all wishes are durable; JSON, or NULL */
/* After the log was read back: who is up has one lease to come. here: this process is a node. If not, the one that it was once does not come, and is lost at once;
 * what may still run there has its lease all the same. */
void fleet_expect_all(struct server *s, bool here);

/* A link that is up becomes the server's, and that of the same node which has not said HELLO yet ends. name "" = in this process. */
void fleet_attach(struct server *s, struct link_end *e, const char *name);
void session_end(struct session *x);
/* Says why, and hears nothing more of it. */
void session_refuse(struct session *x, const char *why);
/* HELLO: false = refused, and the session has gone. */
bool fleet_hello(struct session *x, const struct link_msg *m);
void fleet_heard(struct node *n);
void fleet_arm_drain(struct node *n);

/* To one node, lost when it is not connected; to all of them; to one that is connected, for what any can do. */
void fleet_ask(const struct node *n, const struct link_msg *m);		 /* for an expansion; the answer is believed */
bool fleet_was_asked(struct session *x, const char *job, uint32_t task); /* and is not any more */
void fleet_send(struct server *s, const char *name, const struct link_msg *m);
void fleet_send_all(struct server *s, const struct link_msg *m);
struct node *fleet_any(struct server *s);
/* The directory of its managed spaces, NULL when it has never said. */
const char *fleet_spaces(const struct server *s, const char *name);
void fleet_fence(struct server *s, const char *name, const struct sched_attempt_id *a);
