/* SPDX-License-Identifier: Apache-2.0
 *
 * link: the messages between server and agent, and two ends that they travel between: both in one process (link_pair()), where a message is handed over on
 * the next turn of the loop, or on two machines (dial.h at the agent, listen.h at the server). Whoever holds an end does not know which. A message is
 * copied when it is sent, so each side owns what it gets only during the call.
 *
 * Messages may come twice, late, or not at all (a peer that died, a connection that broke): every message is safe to repeat, and an attempt's epoch tells
 * an old one. Each time the link is up the agent says HELLO and both tell each other again what they hold live.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct loop;
struct link_end;

#define LINK_JOB_MAX 64
/* What this release speaks; peers agree on the highest that both do. */
#define LINK_PROTOCOL_MIN 1
#define LINK_PROTOCOL_MAX 1

struct link_attempt {
	char job[LINK_JOB_MAX];
	uint32_t task, index, epoch;
};

enum link_type {
	/* server -> agent */
	LINK_START, /* attempt, text = container spec (JSON, engine.h), flag = the server knows that it was started once: do not start it again; cores, numa, counters */
	LINK_KILL,  /* attempt, text = reason, signal (0: its stop signal), grace, SIGKILL. Answered by EXITED */
	LINK_EXPAND,  /* attempt.job and .task, text = path of the space, text2 = glob. Answered by EXPANDED */
	LINK_PROBE,   /* text = container spec, text2 = name of the probe, timeout_ms: run it, answer with PROBED */
	LINK_FORGET,  /* attempt.job: its containers and private spaces are not needed any more */
	LINK_WELCOME, /* protocol_max = the one to speak, lease_ms: BEAT three times within it, 0 = in this process: nobody waits; sent_ms of HELLO */
	LINK_REFUSE,  /* text = why; the connection ends */
	LINK_CERT,    /* text = certificate (PEM), the answer to RENEW */
	LINK_HEARD,   /* sent_ms of a BEAT, the answer to it: lease.h */
	/* agent -> server */
	LINK_HELLO, /* text = node name, text2 = directory for managed spaces, slots, cpu_milli, memory, protocol_min and _max, facts, counters, sent_ms. Answered by WELCOME, then START, KILL of what is live */
	LINK_HAVE, /* attempt.job: there is something of this job here. Answered by FORGET when the server does not know it */
	LINK_STARTED,  /* attempt, text = container id */
	LINK_HEALTH,   /* attempt, flag = healthy */
	LINK_WARNED,   /* attempt: its program got the warning that its walltime ends */
	LINK_EXITED,   /* attempt, outcome, code, signal, flag = oom, text = error or NULL */
	LINK_EXPANDED, /* attempt.job and .task, text = JSON list of paths, or NULL and text2 = error */
	LINK_BEAT, /* still here; sent_ms = the sender's clock; text = its facts when they have changed, or NULL. Answered by HEARD */
	LINK_PROBED, /* text = name of the probe, flag = it ended with 0 in time, text2 = what it said first, or why it did not run */
	LINK_RENEW, /* text = request for a certificate (PEM) */
};

enum link_outcome { LINK_OUT_EXITED, LINK_OUT_FAILED, LINK_OUT_LOST };

struct link_msg {
	enum link_type type;
	struct link_attempt attempt;
	const char *text, *text2;
	const char *facts; /* JSON: what the node says of itself */
	bool flag;
	enum link_outcome outcome;
	int32_t code, signal;
	const char *counters; /* counts.h; of HELLO: what the node has, of START: units of its own, NULL = none */
	uint32_t timeout_ms;  /* of PROBE */
	uint32_t cores;	      /* of START: processors of its own, 0 = none */
	bool numa;	      /* and of one NUMA node, with its memory */
	uint32_t slots, protocol_min, protocol_max, lease_ms;
	uint64_t cpu_milli, memory;
	int64_t sent_ms; /* the agent's clock_mono_ms(), 0 = not said */
};

typedef void (*link_fn)(void *ctx, const struct link_msg *m);

/* Two ends that are joined in this process. */
void link_pair(struct loop *l, struct link_end **ret_server, struct link_end **ret_agent);
void link_on_message(struct link_end *e, link_fn fn, void *ctx);
/* Called each time the link is up, and when it has broken; at once when it is up already. A pair is always up. */
typedef void (*link_state_fn)(void *ctx, bool up);
void link_on_state(struct link_end *e, link_state_fn fn, void *ctx);
/* Queues a copy for the other end; lost while the link is not up. */
void link_send(struct link_end *e, const struct link_msg *m);
/* Joins the connected socket, which becomes the link's, with one that the other end's tunnel function gives, and which gets the n first bytes: bytes and half-closes go both ways, each tunnel at
 * the pace of its own readers. -ENOTCONN, -EBUSY: too many. */
int link_tunnel(struct link_end *e, int fd, const void *first, size_t n, struct err *err);
/* A tunnel whose near end is the caller's: a connected socket that does not block, or an error as above. */
int link_dial(struct link_end *e, struct err *err);
typedef int (*link_tunnel_fn)(void *ctx); /* a connected socket that does not block, or negative */
void link_on_tunnel(struct link_end *e, link_tunnel_fn fn, void *ctx);
/* The other end gets nothing more; takes NULL. */
struct link_end *link_free(struct link_end *e);

/* "start", "exited", ...: for logs */
const char *link_type_name(enum link_type t);
