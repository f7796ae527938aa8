/* SPDX-License-Identifier: Apache-2.0
 *
 * stream: the standard streams of containers, and processes that are started in them later (exec). The bytes never pass through the daemon: it
 * gives a connected socket to the container's monitor, which serves it from then on, whatever becomes of the daemon.
 *
 * On the socket, towards us: standard input, until the end (half-close is enough) or the detach keys. Towards the client: output, raw with a
 * terminal or `raw`, else in frames: u8 stream (1 stdout, 2 stderr), 3 zero bytes, u32 length (big-endian), bytes.
 * A client that takes nothing holds the output up, never memory, nor the end of the container: what is left then goes into the socket, which is closed.
 *
 * Descriptors given here belong to the engine in every case, also when the call fails.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine;
struct err;

/* Clients of one container's own streams, and its processes by exec that run at one time. More are refused: -EBUSY. */
#define ENGINE_ATTACH_MAX 64
#define ENGINE_EXEC_RUNNING_MAX 64
/* Records of one container's execs: the oldest that has ended makes room, and each is forgotten 5 minutes after its end. */
#define ENGINE_EXEC_RECORDS_MAX 256

/* ---- attach ---- */

struct engine_attach {
	bool in, out, err;
	bool logs;   /* first what the log has */
	bool stream; /* then what comes; without both nothing happens */
	bool raw;    /* no frames even without a terminal */
	/* "ctrl-p,ctrl-q" when NULL; single characters and ctrl-<a-z@[\]^_>, separated by commas; only with a terminal. "" = none */
	const char *detach_keys;
};
/* Would the call below be allowed? Before the client is answered. -ENOENT, -EINVAL (detach keys), -EBUSY (paused, removed, too many clients). */
int engine_attach_check(struct engine *e, const char *id, const struct engine_attach *how, struct err *err);
/* A container that does not run keeps the client until its next life begins, and misses nothing of that one. Without `stream` the socket is closed
 * after the log. */
int engine_attach(struct engine *e, const char *id, const struct engine_attach *how, int fd, struct err *err);
/* Does it have a terminal, so that output is not in frames? */
bool engine_has_tty(struct engine *e, const char *id);

/* The size of the terminal; the foreground processes get SIGWINCH. Without a terminal nothing happens. -EBUSY when it does not run. */
int engine_resize(struct engine *e, const char *id, unsigned rows, unsigned cols, struct err *err);

/* ---- exec ---- */

struct engine_exec_spec {
	char *const *argv, *const *env; /* env: added to the container's */
	const char *cwd, *user;		/* NULL = the container's */
	const char *detach_keys;	/* as engine_attach */
	bool tty, in, out, err, privileged;
	unsigned rows, cols; /* of the terminal at its start, 0 = unknown */
};

struct engine_exec {
	char id[65], container[65];
	struct engine_exec_spec spec;
	bool started, running, ended;
	int pid;       /* while it runs, on this machine */
	int exit_code; /* once it has ended: 126 and 127 when the command could not run, 125 when we could not run it */
};

/* Writes it down; nothing runs. -ENOENT, -EBUSY (does not run, is paused), -EINVAL, -E2BIG */
int engine_exec_create(struct engine *e, const char *container, const struct engine_exec_spec *spec,
		       const struct engine_exec **ret, struct err *err);
/* By the whole id. It stays valid until the next turn of the loop. */
int engine_exec_find(struct engine *e, const char *id, const struct engine_exec **ret, struct err *err);
/* The execs of a container, nth from 0; NULL past the last. */
const struct engine_exec *engine_exec_at(struct engine *e, const char *container, size_t nth);

/* Would the start be allowed? -EBUSY: it was started before, the container is paused, stopped or has too many of them. */
int engine_exec_check(struct engine *e, const char *id, struct err *err);
/* fd: the client's socket, or -1: nobody looks (detached). rows, cols: the start may say again what create has said (0 = as created).
 * started() is called once, from the loop: err NULL when the program runs. With a client the reason of a failure was written to it, too. fn may be NULL. */
struct engine_exec_start {
	int fd;
	bool raw; /* without frames; the terminal has no say in it */
	unsigned rows, cols;
	void (*started)(void *ctx, const struct err *err);
	void *ctx;
};
int engine_exec_start(struct engine *e, const char *id, const struct engine_exec_start *how, struct err *err);
/* The caller of a start goes away: started() is not called with this ctx any more. */
void engine_exec_forget(struct engine *e, const void *ctx);
/* -EBUSY when it does not run. */
int engine_exec_resize(struct engine *e, const char *id, unsigned rows, unsigned cols, struct err *err);
