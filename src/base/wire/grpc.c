/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire/grpc.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/grpc_text.h"
#include "base/wire/tls_mutual.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define PIECE TLS_PIECE
#define WINDOW (4 << 20)
#define HEADERS_MAX (16u << 10)
#define CONNECT_MS 2000
#define PAUSE_MIN_MS 50
#define PAUSE_MAX_MS 1000
#define KEEP_BUFFER (64u << 10)
#define FIELDS_MAX 12

/* Callbacks of nghttp2 run inside receive() and only mark calls as ended; deliver() tells their owners afterwards, who may do anything, grpc_free()
 * included: the outermost call takes a dead object away. */

struct endpoint {
	char *name; /* as given */
	char *host; /* for its certificate */
	struct sockaddr_storage address;
	socklen_t len;
};

struct grpc_call {
	struct grpc_call *next;
	struct grpc *grpc;
	struct loop_timer *timer;
	struct grpc_hooks hooks;
	void *ctx;
	char *path;
	struct buf out, in;
	size_t out_at;
	int32_t id; /* stream; 0: waits for a connection */
	int flags;
	int64_t deadline_ms;
	bool answered; /* a status has come */
	bool ended, silent;
	enum grpc_status status;
	char text[GRPC_TEXT_MAX];
};

struct grpc {
	struct loop *loop;
	struct tls *tls;
	struct endpoint *endpoints;
	size_t n, at;	 /* at: the one that is used */
	unsigned failed; /* connections in a row that did not come about */
	int fd, busy;
	int32_t number; /* that the next connection begins with; 0: 1 */
	bool connecting, dead, rotate;
	struct loop_fd *watch;
	struct loop_timer *again;   /* to connect; while connecting: the time for it */
	struct loop_timer *deliver; /* ends that were found outside of the loop's calls */
	struct tls_conn *conn;
	nghttp2_session *session;
	struct buf wire;
	size_t wire_at;
	struct grpc_call *calls;
	char *token;
	char why[GRPC_TEXT_MAX]; /* the last connection failed */
};

static void io(struct grpc *g);
static void drop_here(struct grpc *g, const char *what);
static void want_connection(struct grpc *g);

/* ---- calls ---- */

static void call_free(struct grpc_call *c)
{
	loop_timer_free(c->timer);
	buf_free(&c->out);
	buf_free(&c->in);
	free(c->path);
	free(c);
}

static void finish(struct grpc_call *c, enum grpc_status status, const char *text)
{
	if (c->ended)
		return;
	c->ended = true;
	c->status = status;
	snprintf(c->text, sizeof c->text, "%s", text);
	loop_timer_arm(c->grpc->deliver, 0);
}

static void forget_stream(struct grpc_call *c)
{
	struct grpc *g = c->grpc;

	if (!g->session || c->id <= 0)
		return;
	nghttp2_session_set_stream_user_data(g->session, c->id, NULL);
	nghttp2_submit_rst_stream(g->session, NGHTTP2_FLAG_NONE, c->id, NGHTTP2_CANCEL);
	c->id = -1;
}

static struct grpc_call *take_ended(struct grpc *g)
{
	for (struct grpc_call **p = &g->calls; *p; p = &(*p)->next) {
		struct grpc_call *c = *p;

		if (!c->ended)
			continue;
		*p = c->next;
		return c;
	}
	return NULL;
}

static void deliver(struct grpc *g)
{
	struct grpc_call *c;

	while (!g->dead && (c = take_ended(g))) {
		if (!c->silent)
			c->hooks.end(c->ctx, c->status, c->text);
		forget_stream(c);
		call_free(c);
	}
}

static void release(struct grpc *g)
{
	nghttp2_session_del(g->session);
	while (g->calls) {
		struct grpc_call *c = g->calls;

		g->calls = c->next;
		call_free(c);
	}
	loop_fd_free(g->watch);
	loop_timer_free(g->again);
	loop_timer_free(g->deliver);
	tls_conn_free(g->conn);
	fd_closep(&g->fd);
	buf_free(&g->wire);
	for (size_t i = 0; i < g->n; i++) {
		free(g->endpoints[i].name);
		free(g->endpoints[i].host);
	}
	free(g->endpoints);
	free(g->token);
	free(g);
}

static void leave(struct grpc *g)
{
	if (g->busy == 1)
		deliver(g);
	if (--g->busy == 0 && g->dead)
		release(g);
}

static void on_deliver(void *ctx)
{
	struct grpc *g = ctx;

	g->busy++;
	if (g->rotate && g->session)
		drop_here(g, "left for the next endpoint");
	g->rotate = false;
	/* While a plain connection is being made only its own event tells that it is. */
	if (!g->connecting || g->conn)
		io(g);
	leave(g);
}

/* ---- the end of a connection ---- */

/* Calls that were sent end, those that wait go on waiting. */
static void drop(struct grpc *g, const char *why)
{
	for (struct grpc_call *c = g->calls; c; c = c->next) {
		if (c->id == 0)
			continue;
		c->id = -1;
		finish(c, GRPC_UNAVAILABLE, why);
	}
	snprintf(g->why, sizeof g->why, "%s", why);
	nghttp2_session_del(g->session);
	g->session = NULL;
	g->watch = loop_fd_free(g->watch);
	g->conn = tls_conn_free(g->conn);
	fd_closep(&g->fd);
	buf_free(&g->wire);
	g->wire_at = 0;
	g->connecting = false;
	g->at = (g->at + 1) % g->n;
	g->failed++;
	want_connection(g);
}

static void drop_here(struct grpc *g, const char *what)
{
	char text[GRPC_TEXT_MAX];

	snprintf(text, sizeof text, "%.120s: %.120s", g->endpoints[g->at].name, what);
	drop(g, text);
}

void grpc_rotate(struct grpc *g)
{
	g->rotate = true;
	loop_timer_arm(g->deliver, 0);
}

void grpc_number_from(struct grpc *g, int32_t number)
{
	g->number = number;
}

static void on_deadline(void *ctx)
{
	struct grpc_call *c = ctx;
	struct grpc *g = c->grpc;
	char text[GRPC_TEXT_MAX];

	g->busy++;
	if (c->id == 0)
		snprintf(text, sizeof text, "no connection: %.200s", *g->why ? g->why : g->endpoints[g->at].name);
	else
		snprintf(text, sizeof text, "%.200s has not answered within %lld ms", g->endpoints[g->at].name,
			 (long long)c->deadline_ms);
	finish(c, GRPC_DEADLINE, text);
	forget_stream(c);
	if (g->fd >= 0 && g->session)
		drop_here(g, "does not answer");
	leave(g);
}

/* ---- what nghttp2 tells ---- */

static struct grpc_call *call_of(nghttp2_session *s, int32_t id)
{
	return nghttp2_session_get_stream_user_data(s, id);
}

/* A prefix of five bytes: compressed or not, and the length. */
static void take_messages(struct grpc_call *c)
{
	while (c->in.len >= 5 && !c->ended) {
		const unsigned char *b = (const unsigned char *)c->in.data;
		size_t n = (size_t)b[1] << 24 | (size_t)b[2] << 16 | (size_t)b[3] << 8 | b[4];

		if (b[0] != 0 || n > GRPC_MESSAGE_MAX) {
			finish(c, GRPC_INTERNAL, "the answer is compressed or too long");
			forget_stream(c);
			return;
		}
		if (c->in.len - 5 < n)
			return;
		if (c->hooks.message && !c->silent)
			c->hooks.message(c->ctx, c->in.data + 5, n);
		if (c->grpc->dead)
			return;
		buf_drop(&c->in, 5 + n);
		if (c->in.len == 0 && c->in.cap > KEEP_BUFFER)
			buf_free(&c->in);
	}
}

static int on_data(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *data, size_t n, void *ctx)
{
	struct grpc *g = ctx;
	struct grpc_call *c = call_of(s, id);

	(void)flags;
	if (g->dead || !c || c->ended)
		return 0;
	if (buf_add(&c->in, data, n) < 0)
		finish(c, GRPC_INTERNAL, "the answer is too long"); /* deliver() gives the stream up */
	take_messages(c);
	return 0;
}

static bool is(const uint8_t *text, size_t n, const char *wanted)
{
	return n == strlen(wanted) && !memcmp(text, wanted, n);
}

static int on_header(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
		     const uint8_t *value, size_t len, uint8_t flags, void *ctx)
{
	struct grpc_call *c = call_of(s, frame->hd.stream_id);

	(void)flags;
	(void)ctx;
	if (!c || c->ended)
		return 0;
	if (is(name, name_len, "grpc-message"))
		grpc_text_decode(c->text, sizeof c->text, value, len);
	if (is(name, name_len, ":status") && !is(value, len, "200")) {
		c->answered = true;
		c->status = GRPC_UNAVAILABLE;
		snprintf(c->text, sizeof c->text, "the answer is HTTP's %.*s", (int)(len < 16 ? len : 16),
			 (const char *)value);
	}
	if (is(name, name_len, "grpc-status") && len > 0 && len <= 2) {
		int status = 0;

		for (size_t i = 0; i < len; i++)
			status = value[i] >= '0' && value[i] <= '9' ? status * 10 + value[i] - '0' : GRPC_INTERNAL;
		c->answered = true;
		c->status = (enum grpc_status)status;
	}
	return 0;
}

static int on_stream_close(nghttp2_session *s, int32_t id, uint32_t code, void *ctx)
{
	struct grpc_call *c = call_of(s, id);
	char text[GRPC_TEXT_MAX];

	(void)ctx;
	if (!c)
		return 0;
	c->id = -1;
	memcpy(text, c->text, sizeof text);
	if (c->answered)
		finish(c, c->status, text);
	else
		finish(c, GRPC_UNAVAILABLE,
		       code ? nghttp2_http2_strerror(code) : "the stream has ended without a status");
	return 0;
}

static ssize_t read_message(nghttp2_session *s, int32_t id, uint8_t *data, size_t n, uint32_t *flags,
			    nghttp2_data_source *source, void *ctx)
{
	struct grpc_call *c = call_of(s, id);
	size_t left = c ? c->out.len - c->out_at : 0;

	(void)source;
	(void)ctx;
	n = left < n ? left : n;
	if (n > 0) {
		memcpy(data, c->out.data + c->out_at, n);
		c->out_at += n;
	}
	if (left > n)
		return (ssize_t)n;
	if (c && (c->flags & GRPC_STREAM))
		return n > 0 ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

/* ---- sending ---- */

static void field(nghttp2_nv *f, size_t *n, const char *name, const char *value)
{
	f[(*n)++] = (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name), strlen(value),
				 NGHTTP2_NV_FLAG_NONE};
}

static void submit(struct grpc_call *c)
{
	struct grpc *g = c->grpc;
	nghttp2_data_provider from = {.read_callback = read_message};
	nghttp2_nv f[FIELDS_MAX];
	char timeout[24];
	size_t n = 0;

	field(f, &n, ":method", "POST");
	field(f, &n, ":scheme", g->tls ? "https" : "http");
	field(f, &n, ":path", c->path);
	field(f, &n, ":authority", g->endpoints[g->at].name);
	field(f, &n, "te", "trailers");
	field(f, &n, "content-type", "application/grpc");
	field(f, &n, "user-agent", "berth/" BERTH_VERSION);
	if (c->deadline_ms > 0) {
		snprintf(timeout, sizeof timeout, "%dm", (int)(c->deadline_ms < 99999999 ? c->deadline_ms : 99999999));
		field(f, &n, "grpc-timeout", timeout);
	}
	if (g->token)
		field(f, &n, "token", g->token);
	if (c->flags & GRPC_LEADER)
		field(f, &n, "hasleader", "true");
	c->id = nghttp2_submit_request(g->session, NULL, f, n, &from, c);
	if (c->id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE) {
		c->id = 0; /* it waits for the next connection */
		grpc_rotate(g);
	} else if (c->id < 0) {
		finish(c, GRPC_UNAVAILABLE, nghttp2_strerror(c->id));
	}
}

static nghttp2_session_callbacks *callbacks(void)
{
	static nghttp2_session_callbacks *cb;

	if (cb || nghttp2_session_callbacks_new(&cb) != 0)
		return cb;
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
	return cb;
}

static nghttp2_option *options(void)
{
	static nghttp2_option *o;

	if (o || nghttp2_option_new(&o) != 0)
		return o;
	nghttp2_option_set_no_closed_streams(o, 1);
	nghttp2_option_set_max_settings(o, 16);
	nghttp2_option_set_max_outbound_ack(o, 100);
	return o;
}

/* The connection is there: HTTP/2 begins, and what waited is sent. */
static int begin(struct grpc *g)
{
	const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
						   {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
						   {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADERS_MAX}};
	int r = nghttp2_session_client_new2(&g->session, callbacks(), g, options());

	if (r == 0)
		r = nghttp2_submit_settings(g->session, NGHTTP2_FLAG_NONE, settings,
					    sizeof settings / sizeof *settings);
	if (r == 0)
		r = nghttp2_session_set_local_window_size(g->session, NGHTTP2_FLAG_NONE, 0, 2 * WINDOW);
	if (r != 0) {
		drop_here(g, nghttp2_strerror(r));
		return -ENOMEM;
	}
	if (g->number)
		(void)nghttp2_session_set_next_stream_id(g->session, g->number);
	g->number = 0;
	loop_timer_disarm(g->again);
	g->connecting = false;
	return 0;
}

static void submit_waiting(struct grpc *g)
{
	for (struct grpc_call *c = g->calls; c; c = c->next)
		if (c->id == 0 && !c->ended)
			submit(c);
}

/* ---- moving ---- */

static ssize_t take(struct grpc *g, void *data, size_t n)
{
	return g->conn ? tls_recv(g->conn, data, n) : recv(g->fd, data, n, MSG_DONTWAIT);
}

static ssize_t give(struct grpc *g, const void *data, size_t n)
{
	return g->conn ? tls_send(g->conn, data, n) : send(g->fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Who answers must be the one that was called. */
static int check_peer(struct grpc *g)
{
	char protocol[16];

	tls_protocol(g->conn, protocol, sizeof protocol);
	if (strcmp(protocol, "h2") != 0)
		drop_here(g, "does not speak HTTP/2");
	else if (!tls_peer_serves(g->conn, g->endpoints[g->at].host))
		drop_here(g, "shows a certificate that is not for this name or address");
	else
		return 0;
	return -EPROTO;
}

/* What has come. False: the connection or the object has gone, or HTTP/2 has not begun. */
static bool receive(struct grpc *g)
{
	static unsigned char piece[PIECE]; /* there is one loop, and what was read is taken at once */

	for (int turns = 0; turns < 64 && !g->dead; turns++) {
		ssize_t n = take(g, piece, sizeof piece);
		int error = errno;

		if (!g->session && tls_is_ready(g->conn) && (check_peer(g) < 0 || begin(g) < 0))
			return false;
		if (n < 0 && (error == EAGAIN || error == EINTR))
			return g->session != NULL;
		if (n <= 0) {
			drop_here(g, n == 0			  ? "has closed the connection"
				     : g->conn && error == EPROTO ? tls_trouble(g->conn)
								  : strerror(error));
			return false;
		}
		n = nghttp2_session_mem_recv(g->session, piece, (size_t)n);
		if (n < 0 && !g->dead) {
			drop_here(g, nghttp2_strerror((int)n));
			return false;
		}
		g->failed = 0; /* it speaks */
	}
	return !g->dead;
}

static void collect(struct grpc *g)
{
	while (g->wire.len < PIECE) {
		const uint8_t *data;
		ssize_t n = nghttp2_session_mem_send(g->session, &data);

		if (n <= 0)
			return;
		buf_add(&g->wire, data, (size_t)n);
	}
}

static void transmit(struct grpc *g)
{
	for (;;) {
		ssize_t n;

		if (g->wire.len == 0)
			collect(g);
		if (g->wire.len == 0)
			break;
		n = give(g, g->wire.data + g->wire_at, g->wire.len - g->wire_at);
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			drop_here(g, strerror(errno));
			return;
		}
		if (n < 0)
			break;
		g->wire_at += (size_t)n;
		if (g->wire_at < g->wire.len)
			continue;
		g->wire_at = 0;
		if (g->wire.cap > KEEP_BUFFER)
			buf_free(&g->wire);
		buf_clear(&g->wire);
	}
	if (!nghttp2_session_want_read(g->session) && !nghttp2_session_want_write(g->session)) {
		drop_here(g, "has ended the connection");
		return;
	}
	loop_fd_set(g->watch, LOOP_IN | (g->wire.len > 0 || (g->conn && tls_wants_out(g->conn)) ? LOOP_OUT : 0));
}

static int connected(struct grpc *g)
{
	int error = 0;
	socklen_t n = sizeof error;

	getsockopt(g->fd, SOL_SOCKET, SO_ERROR, &error, &n);
	if (error) {
		drop_here(g, strerror(error));
		return -error;
	}
	return 0;
}

static void io(struct grpc *g)
{
	if (g->fd < 0)
		return;
	if (g->connecting) {
		if (connected(g) < 0 || (!g->conn && begin(g) < 0))
			return;
	}
	if (!receive(g)) {
		/* Of a handshake that goes on. */
		if (g->watch && !g->dead)
			loop_fd_set(g->watch, LOOP_IN | (g->conn && tls_wants_out(g->conn) ? LOOP_OUT : 0));
		return;
	}
	submit_waiting(g);
	transmit(g);
}

static void on_event(void *ctx, int events)
{
	struct grpc *g = ctx;

	g->busy++;
	/* Not yet: the connection is neither there nor refused. */
	if (!g->connecting || g->conn || (events & (LOOP_OUT | LOOP_HUP)))
		io(g);
	leave(g);
}

/* ---- connecting ---- */

static int dial(struct grpc *g)
{
	struct endpoint *e = &g->endpoints[g->at];
	int one = 1;

	g->fd = socket(e->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (g->fd < 0)
		return -errno;
	setsockopt(g->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(g->fd, (struct sockaddr *)&e->address, e->len) < 0 && errno != EINPROGRESS)
		return -errno;
	if (g->tls && !(g->conn = tls_mutual_conn(g->tls, g->fd, "h2")))
		return -ENOMEM;
	return loop_fd_new(g->loop, g->fd, LOOP_OUT, on_event, g, &g->watch, NULL);
}

static void on_again(void *ctx)
{
	struct grpc *g = ctx;
	int r;

	g->busy++;
	if (g->connecting) {
		drop_here(g, "the connection does not come about");
	} else if (g->fd < 0) {
		g->connecting = true;
		loop_timer_arm(g->again, CONNECT_MS);
		r = dial(g);
		if (r < 0)
			drop_here(g, strerror(-r));
	}
	leave(g);
}

/* Each endpoint is tried once without a pause, then the pauses grow. */
static void want_connection(struct grpc *g)
{
	bool waiting = false;
	int64_t pause = 0;

	for (struct grpc_call *c = g->calls; c; c = c->next)
		waiting = waiting || (c->id == 0 && !c->ended);
	if (!waiting || g->fd >= 0) {
		if (g->fd < 0)
			loop_timer_disarm(g->again);
		return;
	}
	if (g->failed >= g->n) {
		unsigned rounds = g->failed / (unsigned)g->n;

		pause = rounds > 5 ? PAUSE_MAX_MS : PAUSE_MIN_MS << (rounds - 1);
	}
	loop_timer_arm(g->again, pause);
}

struct grpc_call *grpc_call(struct grpc *g, const char *path, const struct buf *message, int flags, int64_t deadline_ms,
			    const struct grpc_hooks *hooks, void *ctx)
{
	struct grpc_call *c = mem_new(struct grpc_call), **end = &g->calls;
	size_t n = message->len;
	const unsigned char head[5] = {0, (unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8),
				       (unsigned char)n};

	c->grpc = g;
	c->hooks = *hooks;
	c->ctx = ctx;
	c->flags = flags;
	c->deadline_ms = deadline_ms;
	c->path = mem_strdup(path);
	c->in.limit = GRPC_MESSAGE_MAX + 5 + PIECE;
	buf_add(&c->out, head, sizeof head);
	if (n > 0)
		buf_add(&c->out, message->data, n);
	c->timer = loop_timer_new(g->loop, on_deadline, c);
	if (deadline_ms > 0)
		loop_timer_arm(c->timer, deadline_ms);
	while (*end)
		end = &(*end)->next;
	*end = c;
	if (g->session)
		loop_timer_arm(g->deliver, 0);
	else if (g->fd < 0)
		want_connection(g);
	return c;
}

struct grpc_call *grpc_cancel(struct grpc_call *c)
{
	if (!c)
		return NULL;
	c->silent = true;
	loop_timer_disarm(c->timer);
	forget_stream(c);
	finish(c, GRPC_OK, "");
	return NULL;
}

/* ---- the object ---- */

static int resolve(struct endpoint *e, const char *text, struct err *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	const char *colon = strrchr(text, ':');
	struct addrinfo *found = NULL;
	int r;

	e->name = mem_strdup(text);
	if (!colon || colon == text || colon[1] == '\0')
		return err_set(err, EINVAL, "\"%s\" is not HOST:PORT", text);
	e->host = *text == '[' && colon[-1] == ']' ? mem_strndup(text + 1, (size_t)(colon - text) - 2)
						   : mem_strndup(text, (size_t)(colon - text));
	r = getaddrinfo(e->host, colon + 1, &hints, &found);
	if (r != 0)
		return err_set(err, EINVAL, "find the address of \"%s\": %s", text, gai_strerror(r));
	memcpy(&e->address, found->ai_addr, found->ai_addrlen);
	e->len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

int grpc_new(struct loop *l, const struct grpc_options *o, struct grpc **ret, struct err *err)
{
	size_t n = mem_strv_len(o->endpoints);
	struct grpc *g;
	int r = n > 0 ? 0 : err_set(err, EINVAL, "no endpoint is given");

	if (r < 0)
		return r;
	g = mem_new(struct grpc);
	g->fd = -1;
	g->loop = l;
	g->tls = o->tls;
	g->endpoints = mem_new_n(struct endpoint, n);
	g->n = n;
	g->again = loop_timer_new(l, on_again, g);
	g->deliver = loop_timer_new(l, on_deliver, g);
	for (size_t i = 0; i < n && r == 0; i++)
		r = resolve(&g->endpoints[i], o->endpoints[i], err);
	if (r < 0) {
		grpc_free(g);
		return r;
	}
	*ret = g;
	return 0;
}

struct grpc *grpc_free(struct grpc *g)
{
	if (!g)
		return NULL;
	g->dead = true;
	if (g->busy == 0)
		release(g);
	return NULL;
}

void grpc_set_token(struct grpc *g, const char *token)
{
	free(g->token);
	g->token = mem_strdup(token);
}

const char *grpc_endpoint(const struct grpc *g)
{
	return g->endpoints[g->at].name;
}
