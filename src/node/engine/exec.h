/* SPDX-License-Identifier: Apache-2.0
 *
 * exec: what daemon and monitor share about processes in running containers, and the daemon's side of it and of the streams. Inside of node/engine only.
 *
 * <container>/exec/<id>.json, written at the creation and removed at the end: {"argv": [...], "env": [...], "cwd", "user", "keys" (hexadecimal), "tty",
 * "in", "out", "err", "privileged", "size": [rows, columns]}.
 */
#pragma once

#include "node/engine/detach.h"

#include <stdbool.h>
#include <stddef.h>

struct container;
struct engine;

#define EXEC_DIR "exec"
#define EXEC_TEXT_MAX (2u << 20)
#define EXEC_ARGS_MAX (1u << 20) /* bytes of argv and env */

/* exec_daemon.c */
bool exec_line(struct container *c, const char *line, size_t n); /* a monitor's; true: it was one */
void exec_ended(struct container *c);				 /* all that ran in it have ended with it */
void exec_drop(struct container *c);				 /* forgets those of it */

/* stream.c */
#define STREAM_KEYS_MAX (2 * DETACH_MAX + 1)
char *stream_keys(const struct detach *d, char text[static STREAM_KEYS_MAX]); /* as monitors get them */
void stream_connected(struct container *c); /* there is a monitor: it gets the clients that wait for it */
void stream_heard(struct container *c);	    /* it has them */
void stream_drop(struct container *c);	    /* clients see the end */

/* stream_log.c: the log of a container that does not run goes into fd (taken), which is closed then. */
struct stream_log;
struct stream_log_want {
	bool out, err, framed;
};
int stream_log_send(struct engine *e, const char *id, const struct stream_log_want *want, int fd, struct err *err);
void stream_log_close_all(struct engine *e);
