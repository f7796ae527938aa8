/* SPDX-License-Identifier: Apache-2.0
 *
 * probe: nodes are asked whether they will do for a task (sched.h: PROBE), and what they answer goes into the log. The server runs nothing itself. The task's image
 * is brought to the node first (bring.h).
 */
#pragma once

#include <stdint.h>

struct err;
struct link_msg;
struct server;
struct session;

/* name: of the probe; job NULL, or one that is not there: nobody waits for it any more, which is the answer then. */
void probe_ask(struct server *s, const char *name, const char *job, uint32_t task, const char *node);
/* Its image is there, or cannot come (error). */
void probe_go(struct server *s, const char *name, const char *job, uint32_t task, const char *node,
	      const struct err *error);
void probe_answered(struct session *x, const struct link_msg *m);
/* After HELLO: all that the node has not answered, again. */
void probe_again(struct server *s, const char *node);
