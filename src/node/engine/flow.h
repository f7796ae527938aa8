/* SPDX-License-Identifier: Apache-2.0
 *
 * flow: the standard streams of one process, its log and outlet, and the clients that are attached to them. Lives in a poll loop (the monitor's). No call
 * blocks. Memory: one shared buffer of output, and for each client at most the rest of one piece in each direction while it is slow.
 *
 * Output goes to the log and to every client at once; nothing more is read while a client has not taken what came before, so that the slowest one sets the
 * pace. Input comes from all clients that have it, in pieces.
 */
#pragma once

#include "node/engine/detach.h"
#include "node/engine/logfile.h"
#include "node/engine/outlet.h"
#include "node/engine/stream.h"

#include <poll.h>

/* ---- what one turn of the loop waits for ---- */

/* The monitor's own, and of each flow its two outputs, its input and its clients. */
#define POLLS_MAX (32 + 3 + ENGINE_ATTACH_MAX + ENGINE_EXEC_RUNNING_MAX * 5)
struct polls {
	size_t n;
	struct pollfd v[POLLS_MAX];
};
/* Its place, or -1 when fd is none. */
int polls_add(struct polls *p, int fd, short events);
short polls_got(const struct polls *p, int place);

/* ---- flows ---- */

struct flow_client;
struct flow_replay;

struct flow {
	int out[2];	       /* read ends of stdout and stderr; a terminal: its master, and -1; -1 = closed */
	int in;		       /* write end of stdin, or a duplicate of the master; -1 = closed */
	bool tty;	       /* no frames, detach keys */
	bool begun;	       /* the descriptors are there; before, clients wait */
	bool holds;	       /* clients stay until the process has ended, even when it has closed its output */
	bool ending;	       /* the process has ended: each client goes when it has got all */
	bool in_once;	       /* the first client that has the input and leaves closes it */
	struct logfile *log;   /* NULL = none */
	struct outlet *outlet; /* NULL = none */
	int dir;	       /* of the log, for its replay */
	/* Called when the log was rotated: its readers must hear of it before the next time. */
	void (*rotated)(void *ctx);
	void *ctx;
	struct flow_client *clients;
	size_t n_clients;
	int place_out[2], place_in, place_outlet; /* in the present turn */
};

#define FLOW_NULL                                                                                                      \
	{                                                                                                              \
		.out = {-1, -1}, .in = -1, .dir = -1, .place_out = {-1, -1}, .place_in = -1, .place_outlet = -1        \
	}

struct flow_attach {
	bool in, out, err, logs, stream;
	bool raw, framed; /* without frames, with them; neither: as the terminal has it */
	struct detach detach;
};
/* The process runs: clients that came before have their streams now. */
void flow_begin(struct flow *f);
/* The process has ended, others that it left behind may hold its streams: what is in them now is the rest, which clients get as they take it. */
void flow_end(struct flow *f);
/* Takes fd. */
void flow_attach(struct flow *f, const struct flow_attach *how, int fd);

void flow_poll(struct flow *f, struct polls *p);
void flow_serve(struct flow *f, const struct polls *p);
/* At the end of the process: what is left in the pipes (at most `limit` bytes each) goes to the log and into the clients' sockets, for which there shall be
 * room enough. Waits at most `patience_ms` for the slow ones, who miss the rest. */
void flow_drain(struct flow *f, size_t limit, int patience_ms);
/* Closes everything; clients see the end. */
void flow_close(struct flow *f);

/* ---- inside (flow*.c) ---- */

struct flow_client {
	struct flow_client *next;
	int fd, place;
	bool want[2]; /* stdout, stderr */
	bool in;      /* its input goes to the process */
	bool hup;     /* it has gone, but what it sent is still to be used */
	bool leaving; /* closed when it has got the rest */
	bool framed;
	struct flow_replay *replay; /* it gets the log, not yet what comes */
	bool stays;		    /* after the replay */
	struct detach detach;
	unsigned char *out, *typed; /* rests */
	size_t out_at, out_n, typed_at, typed_n;
};

/* Sends; keeps what the socket does not take. Only when nothing is kept already. */
void flow_client_send(struct flow_client *c, int stream, const void *data, size_t n);
void flow_client_flush(struct flow_client *c);
struct flow_client *flow_client_free(struct flow_client *c);

/* flow_replay.c: the records of the log from the oldest, one at a time. */
struct flow_replay *flow_replay_new(int dir);
struct flow_replay *flow_replay_free(struct flow_replay *r);
/* The next record, its bytes in `data` (LOGFILE_RECORD_MAX); false = there are no more for now. */
bool flow_replay_next(struct flow_replay *r, unsigned char *data, struct logfile_record *ret);
