/* SPDX-License-Identifier: Apache-2.0
 *
 * link: the messages between server and agent, and the way they travel. Today both ends live in one process and a message is handed over on the next turn of
 * the loop; nothing but this file knows that. A message is copied when it is sent, so each side owns what it gets only during the call.
 *
 * Messages may come twice, late, or not at all (a peer that died): every message is safe to repeat, and an attempt's epoch tells an old one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct link_end;

#define LINK_JOB_MAX 64

struct link_attempt {
	char job[LINK_JOB_MAX];
	uint32_t task, index, epoch;
};

enum link_type {
	/* server -> agent */
	LINK_START, /* attempt, text = container spec (JSON, engine.h), flag = the server knows that it was started once: do not start it again */
	LINK_KILL,  /* attempt, text = reason: stop signal, grace, SIGKILL. Answered by EXITED */
	LINK_EXPAND, /* attempt.job and .task, text = path of the space, text2 = glob. Answered by EXPANDED */
	LINK_FORGET, /* attempt.job: its containers and private spaces are not needed any more */
	/* agent -> server */
	LINK_HELLO, /* text = node name, text2 = directory for managed spaces, slots, cpu_milli, memory. Answered by START, KILL of what is live */
	LINK_HAVE, /* attempt.job: there is something of this job here. Answered by FORGET when the server does not know it */
	LINK_STARTED,  /* attempt, text = container id */
	LINK_HEALTH,   /* attempt, flag = healthy */
	LINK_EXITED,   /* attempt, outcome, code, signal, flag = oom, text = error or NULL */
	LINK_EXPANDED, /* attempt.job and .task, text = JSON list of paths, or NULL and text2 = error */
};

enum link_outcome { LINK_OUT_EXITED, LINK_OUT_FAILED, LINK_OUT_LOST };

struct link_msg {
	enum link_type type;
	struct link_attempt attempt;
	const char *text, *text2;
	bool flag;
	enum link_outcome outcome;
	int32_t code, signal;
	uint32_t slots;
	uint64_t cpu_milli, memory;
};

typedef void (*link_fn)(void *ctx, const struct link_msg *m);

/* Two ends that are joined in this process. */
void link_pair(struct loop *l, struct link_end **ret_server, struct link_end **ret_agent);
void link_on_message(struct link_end *e, link_fn fn, void *ctx);
/* Queues a copy for the other end. */
void link_send(struct link_end *e, const struct link_msg *m);
/* The other end gets nothing more; takes NULL. */
struct link_end *link_free(struct link_end *e);

/* "start", "exited", ...: for logs */
const char *link_type_name(enum link_type t);
