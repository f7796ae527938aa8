/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_client: the standard streams of a container, or of a process that was started in one, here on the command line. Docker's API gives
 * the connection of an attach or of an exec away; from then on it carries input one way and output the other.
 *
 *	struct stream_client s = STREAM_CLIENT_NONE;
 *	r = stream_client_open(cli, "/v1.44/containers/ID/attach?stream=1&stdin=1&stdout=1&stderr=1", NULL, &s, err);
 *	... start the container ...
 *	r = stream_client_pump(&s, &(struct stream_client_how){.cli = cli, .tty = tty, .in = true, .resize = "..."}, err);
 *	stream_client_close(&s);
 *
 * The other side obeys the detach keys (detachKeys of the request) and ends the stream; here it is seen that they were the last that was typed.
 */
#pragma once

#include "base/core/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct cli;
struct err;

struct stream_client {
	int fd;		  /* -1: not open */
	struct buf early; /* output that came with the answer */
	bool detached;	  /* after the pump: it ended by the detach keys */
};
#define STREAM_CLIENT_NONE                                                                                             \
	{                                                                                                              \
		.fd = -1                                                                                               \
	}

/* A new connection with a POST to `target`; `body` is JSON or NULL. 0, or a negative errno with the server's message. */
int stream_client_open(struct cli *cli, const char *target, const char *body, struct stream_client *ret,
		       struct err *err);
/* Takes one that is not open. */
void stream_client_close(struct stream_client *s);

struct stream_client_how {
	struct cli *cli;
	/* The other side has a terminal: its output is not in frames, and ours, if stdin is one, passes on every key (raw) until the end. */
	bool tty;
	bool in; /* standard input is sent, and its end is told (half-close) */
	/* With tty: where the size of our terminal is told, at the beginning and when it changes: "/v1.44/exec/ID/resize". NULL: nowhere. */
	const char *resize;
	/* With tty: what the request said; NULL: CTRL-P CTRL-Q, as there. */
	const char *detach_keys;
	/* Signals for on_signal (ends with 0), which returns false when the pump is to end. NULL: they do what they always do; with a raw
	 * terminal SIGINT, SIGTERM and SIGHUP then end the pump. */
	const int *signals;
	bool (*on_signal)(void *ctx, int signal);
	void *ctx;
};

/* Passes bytes until the other side ends the stream: 0. -EINTR: ended by a signal; -EPIPE: nobody reads our output any more; -EPROTO: the stream
 * was cut; or another negative errno. The terminal is as before in each case. */
int stream_client_pump(struct stream_client *s, const struct stream_client_how *how, struct err *err);

#define STREAM_CLIENT_KEYS_MAX 32
/* The bytes of "ctrl-p,ctrl-q", at the most STREAM_CLIENT_KEYS_MAX. NULL: the default. -EINVAL: it is no such list. */
int stream_client_keys(const char *text, unsigned char ret[static STREAM_CLIENT_KEYS_MAX], size_t *ret_n,
		       struct err *err);
