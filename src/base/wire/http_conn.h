/* SPDX-License-Identifier: Apache-2.0
 *
 * http_conn: the inside of the HTTP server, shared by http_server.c (listening, limits of time), http_conn.c (one connection), http_req.c (what
 * a handler asks) and http_reply.c (what it answers). Nobody else includes this.
 *
 * One function moves a connection: http_conn_run(). Calls of a handler only change the request and, outside of a callback, put the connection
 * on the list that the next turn of the loop runs (http_conn_kick). So no callback is ever entered from within another one.
 *
 * An idle connection is this struct and a loop handle; everything else belongs to the request, which lives from its first byte to the end
 * of its reply.
 */
#pragma once

#include "base/core/buf.h"
#include "base/wire/http_parse.h"
#include "base/wire/http_server.h"
#include "base/wire/http_target.h"
#include "base/wire/tls.h"

#define HTTP_IN_SIZE (32u << 10)

/* Where a connection stands in time: each phase is a list in the order of `since`, with one timeout for all of it. */
enum http_phase {
	HTTP_PHASE_IDLE,
	HTTP_PHASE_HEAD,
	HTTP_PHASE_BODY,
	HTTP_PHASE_BUSY,
	HTTP_PHASE_SEND, /* the reply waits for its reader */
	HTTP_PHASE_CLOSING,
	HTTP_PHASE_NONE
};

#define HTTP_PEER_NAME_MAX 65 /* RFC 5280: ub-common-name */

struct http_list {
	struct http_conn *first, *last;
};

struct http_server {
	struct loop *loop;
	struct loop_fd *listener, *hup;
	struct loop_timer *timer;
	struct loop_post *post;
	struct http_limits limits;
	struct http_handler handler;
	struct http_list phases[HTTP_PHASE_NONE];
	struct http_conn *kicked, **kicked_end;
	size_t n_kicked, n_conns, n_reqs;
	int64_t timer_at; /* 0 = not armed */
	int fd, reserve_fd, hup_fd;
	bool draining, accept_stopped;
	void (*drained)(void *ctx);
	void *drained_ctx;
	struct tls *tls; /* the caller's; NULL = plain */
	struct http_pump *pumps;
	char *in; /* one read buffer for all connections */
};

struct http_conn {
	struct http_server *server;
	struct http_conn *prev, *next, *next_kicked;
	struct loop_fd *watch;
	struct tls_conn *tls; /* NULL = plain */
	struct http_settle *settle;
	struct http_req *req; /* NULL when idle */
	struct buf rest;      /* bytes that were read and wait for their turn */
	size_t rest_at;
	int64_t since;
	int fd, events;
	uint32_t uid;
	enum http_phase phase;
	bool running, kicked, dead, lingering;
	bool half; /* the peer has ended its side; hup_fd tells when it is gone altogether */
};

struct http_req {
	struct http_conn *conn;
	struct http_parse parse;
	struct http_target target;
	char peer_name[HTTP_PEER_NAME_MAX];
	unsigned mark;
	struct buf body, out;
	struct buf fields; /* headers of the reply that the handler adds */
	size_t out_at;
	uint64_t left;	 /* bytes that a reply of known size still owes */
	bool input_done; /* the whole request has been read */
	bool again;	 /* resumed: the parser may have something to tell without new bytes */
	bool paused, begun, ended, chunked, sized, bodyless, close, blocked;
	void *data;
	void (*on_close)(struct http_req *r, void *ctx);
	void *on_close_ctx;
	void (*on_drain)(struct http_req *r, void *ctx);
	void *on_drain_ctx;
	http_body_fn on_body;
	void *on_body_ctx;
	http_hijack_fn hijack; /* the connection is given away once the head has been sent */
	void *hijack_ctx;
};

struct http_conn *http_conn_new(struct http_server *s, int fd, struct err *err); /* owns fd on success */
void http_conn_run(struct http_conn *c);					 /* may free c */
void http_conn_kick(struct http_conn *c);	       /* run it on the next turn of the loop */
void http_conn_expire(struct http_conn *c);	       /* its phase has lasted too long; may free c */
struct http_conn *http_conn_free(struct http_conn *c); /* at once; the request's on_close is called */
size_t http_conn_buffered(const struct http_conn *c);

/* Moves the connection to the end of the phase's list (HTTP_PHASE_NONE: to none) and arms the timer for it. */
void http_server_phase(struct http_conn *c, enum http_phase phase);
/* The epoll that watches half-closed connections, made on first use; -1 when that failed. */
int http_server_hup_fd(struct http_server *s);
/* Called when a connection has gone: room for others. */
void http_server_conn_gone(struct http_server *s);

/* http_hijack.c: the peer has read the head, or has had its time for it; else the connection is kicked when that is so. */
bool http_conn_settled(struct http_conn *c);
struct http_settle *http_settle_free(struct http_settle *s);
/* http_hijack.c: to whoever asked for it. The connection is dead afterwards. */
void http_conn_give(struct http_conn *c);
struct http_pump *http_pump_free(struct http_pump *p);

void http_reply_refuse(struct http_req *r, int status, const char *text); /* {"message": text}, then close */
