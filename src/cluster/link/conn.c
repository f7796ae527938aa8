/* SPDX-License-Identifier: Apache-2.0
 *
 * One function moves the connection: io(). Callbacks of nghttp2 run inside it and only note what is to be done; a hook that frees the connection marks
 * it, and the outermost call takes it away.
 */
#include "cluster/link/conn.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/tls.h"
#include "cluster/link/msg.h"

#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define PIECE TLS_PIECE
#define CONNECTION_WINDOW (1 << 20)
#define TUNNEL_WAITING (64u << 10) /* HTTP/2's window of a stream */
#define KEEP_BUFFER (64u << 10)	   /* a buffer that has grown beyond is given back when it is empty */
#define HEADERS_MAX 4096
#define NUMBERS_TIRED (1u << 30)

enum kind { KIND_NONE, KIND_CONTROL, KIND_TUNNEL };

struct tunnel {
	struct tunnel *next;
	struct conn *conn;
	struct loop_fd *watch;
	struct buf in; /* from the peer, for fd */
	size_t in_at;
	struct buf first; /* for the peer, before what fd has */
	size_t first_at;
	int32_t id;
	int fd;
	bool idle;   /* fd had nothing to read: wait for it */
	bool ended;  /* the peer sends nothing more */
	bool shut;   /* and fd has been told */
	bool broken; /* fd takes nothing more */
	bool closed; /* the stream has gone; what is in `in` is still written */
};

struct conn {
	struct loop *loop;
	struct tls_conn *tls;
	struct loop_fd *watch;
	struct loop_timer *turn;  /* something is to be sent */
	struct loop_timer *quiet; /* NULL: silence is no end */
	int64_t quiet_ms;
	struct conn_hooks hooks;
	void *ctx;
	nghttp2_session *session; /* NULL during the handshake of TLS */
	struct buf out, in, wire; /* messages for the peer; of the peer; bytes for TLS */
	size_t out_at, wire_at;
	struct tunnel *tunnels;
	size_t n_tunnels;
	struct err why;
	int32_t control; /* stream */
	int32_t head;	 /* the stream whose headers are coming */
	enum kind head_kind;
	bool head_refused; /* of a tunnel of ours */
	int fd, busy;
	bool server, up, failed, told, dead;
	bool ending;	   /* the peer was told to dial again */
	bool heard, asked; /* since the last look: bytes have come; a PING was sent */
};

/* ---- the end ---- */

static void fail(struct conn *c, const struct err *why)
{
	if (!c->failed)
		c->why = *why;
	c->failed = true;
}

static void fail_text(struct conn *c, int code, const char *text)
{
	struct err err = ERR_INIT;

	(void)err_set(&err, code, "%s", text);
	fail(c, &err);
}

static void tunnel_free(struct tunnel *t)
{
	for (struct tunnel **p = &t->conn->tunnels; *p; p = &(*p)->next) {
		if (*p == t) {
			*p = t->next;
			break;
		}
	}
	t->conn->n_tunnels--;
	loop_fd_free(t->watch);
	fd_closep(&t->fd);
	buf_free(&t->in);
	buf_free(&t->first);
	free(t);
}

static void release(struct conn *c)
{
	while (c->tunnels)
		tunnel_free(c->tunnels);
	nghttp2_session_del(c->session);
	loop_fd_free(c->watch);
	loop_timer_free(c->turn);
	loop_timer_free(c->quiet);
	if (c->session && !c->failed)
		(void)tls_end(c->tls);
	tls_conn_free(c->tls);
	fd_closep(&c->fd);
	buf_free(&c->out);
	buf_free(&c->in);
	buf_free(&c->wire);
	free(c);
}

struct conn *conn_free(struct conn *c)
{
	if (!c)
		return NULL;
	c->dead = true;
	if (c->busy == 0)
		release(c);
	return NULL;
}

/* Leaves a call of the loop: tells of the end, and frees what was freed inside. */
static void leave(struct conn *c)
{
	if (c->busy == 1 && c->failed && !c->told && !c->dead) {
		c->told = true;
		c->watch = loop_fd_free(c->watch);
		c->hooks.down(c->ctx, &c->why);
	}
	if (--c->busy == 0 && c->dead)
		release(c);
}

/* ---- tunnels ---- */

static struct tunnel *tunnel_of(const struct conn *c, int32_t id)
{
	struct tunnel *t = nghttp2_session_get_stream_user_data(c->session, id);

	return t;
}

static void tunnel_watch(struct tunnel *t)
{
	loop_fd_set(t->watch, (t->idle && !t->closed ? LOOP_IN : 0) | (t->in.len > t->in_at ? LOOP_OUT : 0));
}

/* Nothing more can be written: the peer is told. */
static void tunnel_break(struct tunnel *t)
{
	t->broken = true;
	if (!t->closed)
		nghttp2_submit_rst_stream(t->conn->session, NGHTTP2_FLAG_NONE, t->id, NGHTTP2_CANCEL);
}

/* What the peer has sent goes to the socket, and so much credit goes back. */
static void tunnel_drain(struct tunnel *t)
{
	size_t took = 0;

	while (t->in.len > t->in_at) {
		ssize_t n = t->broken
				? (ssize_t)(t->in.len - t->in_at)
				: send(t->fd, t->in.data + t->in_at, t->in.len - t->in_at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0) {
			tunnel_break(t);
			continue;
		}
		buf_pass(&t->in, &t->in_at, (size_t)n);
		took += (size_t)n;
	}
	if (took > 0 && !t->closed)
		nghttp2_session_consume_stream(t->conn->session, t->id, took);
	if (t->ended && t->in.len == 0 && !t->shut) {
		t->shut = true;
		shutdown(t->fd, SHUT_WR);
	}
}

static void run(struct conn *c);

static void on_tunnel_event(void *ctx, int events)
{
	struct tunnel *t = ctx;
	struct conn *c = t->conn;

	c->busy++;
	if ((events & LOOP_IN) && t->idle) {
		t->idle = false;
		nghttp2_session_resume_data(c->session, t->id);
	}
	tunnel_drain(t);
	tunnel_watch(t);
	if (t->closed && t->in.len == 0)
		tunnel_free(t);
	run(c);
	leave(c);
}

static int tunnel_new(struct conn *c, int fd, struct tunnel **ret, struct err *err)
{
	struct tunnel *t = mem_new(struct tunnel);
	int r;

	t->conn = c;
	t->fd = fd;
	t->in.limit = 2 * TUNNEL_WAITING;
	r = loop_fd_new(c->loop, fd, 0, on_tunnel_event, t, &t->watch, err);
	if (r < 0) {
		close(fd);
		free(t);
		return r;
	}
	t->next = c->tunnels;
	c->tunnels = t;
	c->n_tunnels++;
	*ret = t;
	return 0;
}

/* Closed altogether, not only for what it sends. */
static bool has_gone(int fd)
{
	struct pollfd p = {.fd = fd};

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}

/* nghttp2 asks for bytes when the stream has credit, so a reader that is slow over there stops the reading of the socket here. */
static ssize_t read_tunnel(nghttp2_session *s, int32_t id, uint8_t *data, size_t n, uint32_t *flags,
			   nghttp2_data_source *source, void *ctx)
{
	struct tunnel *t = source->ptr;
	size_t left = t->first.len - t->first_at;
	ssize_t got;

	(void)s;
	(void)id;
	(void)ctx;
	if (left > 0) {
		n = left < n ? left : n;
		memcpy(data, t->first.data + t->first_at, n);
		t->first_at += n;
		return (ssize_t)n;
	}
	got = recv(t->fd, data, n, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
		t->idle = true;
		tunnel_watch(t);
		return NGHTTP2_ERR_DEFERRED;
	}
	/* Nobody is there to read an answer either: the agent is told, or it would wait with it for ever. The other way round it is an answer's end. */
	if (got <= 0 && t->conn->server && !t->shut && has_gone(t->fd))
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (got <= 0) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		return 0;
	}
	return got;
}

/* ---- control ---- */

static ssize_t read_control(nghttp2_session *s, int32_t id, uint8_t *data, size_t n, uint32_t *flags,
			    nghttp2_data_source *source, void *ctx)
{
	struct conn *c = ctx;
	size_t left = c->out.len - c->out_at;

	(void)s;
	(void)id;
	(void)source;
	*flags = NGHTTP2_DATA_FLAG_NONE;
	if (left == 0)
		return NGHTTP2_ERR_DEFERRED;
	n = left < n ? left : n;
	memcpy(data, c->out.data + c->out_at, n);
	buf_pass(&c->out, &c->out_at, n);
	if (c->out.len == 0 && c->out.cap > KEEP_BUFFER)
		buf_free(&c->out);
	return (ssize_t)n;
}

static uint32_t number_at(const char *data)
{
	const unsigned char *b = (const unsigned char *)data;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Each whole message goes to the owner. */
static void take_messages(struct conn *c)
{
	size_t at = 0;

	while (!c->dead && !c->failed && c->in.len - at >= 4) {
		size_t n = number_at(c->in.data + at);

		if (n > MSG_MAX) {
			fail_text(c, EPROTO, "the peer sends a message that is too long");
			return;
		}
		if (c->in.len - at - 4 < n)
			break;
		c->hooks.message(c->ctx, c->in.data + at + 4, n);
		at += 4 + n;
	}
	buf_drop(&c->in, at);
	if (c->in.len == 0 && c->in.cap > KEEP_BUFFER)
		buf_free(&c->in);
}

static void set_up(struct conn *c, int32_t id)
{
	c->control = id;
	c->up = true;
	c->hooks.up(c->ctx);
}

/* ---- what nghttp2 tells ---- */

static int on_data(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *data, size_t n, void *ctx)
{
	struct conn *c = ctx;
	struct tunnel *t;

	(void)flags;
	if (c->dead || c->failed)
		return 0;
	nghttp2_session_consume_connection(s, n);
	if (id == c->control) {
		nghttp2_session_consume_stream(s, id, n);
		if (buf_add(&c->in, data, n) < 0)
			fail_text(c, EPROTO, "the peer sends more than is read");
		take_messages(c);
		return 0;
	}
	t = tunnel_of(c, id);
	if (!t)
		return 0;
	if (buf_add(&t->in, data, n) < 0) /* never, as the window is kept; but bytes must not be lost in silence */
		tunnel_break(t);
	tunnel_drain(t);
	tunnel_watch(t);
	return 0;
}

static bool is(const uint8_t *text, size_t n, const char *wanted)
{
	return n == strlen(wanted) && !memcmp(text, wanted, n);
}

static int on_begin_headers(nghttp2_session *s, const nghttp2_frame *frame, void *ctx)
{
	struct conn *c = ctx;

	(void)s;
	c->head = frame->hd.stream_id;
	c->head_kind = KIND_NONE;
	c->head_refused = false;
	return 0;
}

static int on_header(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
		     const uint8_t *value, size_t len, uint8_t flags, void *ctx)
{
	struct conn *c = ctx;

	(void)s;
	(void)flags;
	if (frame->hd.stream_id != c->head)
		return 0;
	if (is(name, name_len, ":path"))
		c->head_kind = is(value, len, "/control")  ? KIND_CONTROL
			       : is(value, len, "/tunnel") ? KIND_TUNNEL
							   : KIND_NONE;
	if (is(name, name_len, ":status"))
		c->head_refused = !is(value, len, "200");
	return 0;
}

#define FIELD(n, v)                                                                                                    \
	{                                                                                                              \
		(uint8_t *)(uintptr_t)(n), (uint8_t *)(uintptr_t)(v), sizeof(n) - 1, sizeof(v) - 1,                    \
		    NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE                                       \
	}

static void answer(struct conn *c, int32_t id, const char *status, const nghttp2_data_provider *from)
{
	nghttp2_nv fields[] = {{(uint8_t *)(uintptr_t) ":status", (uint8_t *)(uintptr_t)status, 7, 3, 0}};

	if (nghttp2_submit_response(c->session, id, fields, 1, from) != 0)
		fail_text(c, EPROTO, "an answer cannot be made");
}

static void open_tunnel(struct conn *c, int32_t id)
{
	int fd = c->n_tunnels < CONN_TUNNELS && c->hooks.tunnel ? c->hooks.tunnel(c->ctx) : -1;
	struct tunnel *t = NULL;

	if (fd < 0 || tunnel_new(c, fd, &t, NULL) < 0) {
		answer(c, id, "503", NULL);
		return;
	}
	t->id = id;
	nghttp2_session_set_stream_user_data(c->session, id, t);
	answer(c, id, "200", &(nghttp2_data_provider){.source.ptr = t, .read_callback = read_tunnel});
}

/* At the agent: the server opens a stream. */
static void on_request(struct conn *c, int32_t id)
{
	if (c->head_kind == KIND_CONTROL && !c->up) {
		answer(c, id, "200", &(nghttp2_data_provider){.read_callback = read_control});
		set_up(c, id);
	} else if (c->head_kind == KIND_TUNNEL && c->up) {
		open_tunnel(c, id);
	} else {
		answer(c, id, "404", NULL);
	}
}

/* At the server: the agent answers. */
static void on_answer(struct conn *c, int32_t id)
{
	if (id == c->control && !c->up) {
		if (c->head_refused)
			fail_text(c, EPROTO, "the agent refuses the control stream");
		else
			set_up(c, id);
	} else if (c->head_refused) {
		nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
	}
}

static int on_frame(nghttp2_session *s, const nghttp2_frame *frame, void *ctx)
{
	struct conn *c = ctx;
	int32_t id = frame->hd.stream_id;
	struct tunnel *t;

	(void)s;
	if (c->dead || c->failed)
		return 0;
	if (frame->hd.type == NGHTTP2_GOAWAY)
		fail_text(c, ECONNRESET, "the peer has ended the connection");
	if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		on_request(c, id);
	else if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_RESPONSE)
		on_answer(c, id);
	if ((frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) ||
	    !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) || c->dead)
		return 0;
	t = tunnel_of(c, id);
	if (t) {
		t->ended = true;
		tunnel_drain(t);
	}
	return 0;
}

static int on_stream_close(nghttp2_session *s, int32_t id, uint32_t code, void *ctx)
{
	struct conn *c = ctx;
	struct tunnel *t = tunnel_of(c, id);

	(void)s;
	if (id == c->control && c->control)
		fail_text(c, ECONNRESET, "the peer has ended the control stream");
	if (!t)
		return 0;
	t->closed = true;
	if (code != NGHTTP2_NO_ERROR || t->in.len == 0)
		tunnel_free(t);
	else
		tunnel_watch(t);
	return 0;
}

/* ---- moving ---- */

static nghttp2_session_callbacks *callbacks(void)
{
	static nghttp2_session_callbacks *cb;

	if (cb || nghttp2_session_callbacks_new(&cb) != 0)
		return cb;
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
	return cb;
}

static nghttp2_option *options(void)
{
	static nghttp2_option *o;

	if (o || nghttp2_option_new(&o) != 0)
		return o;
	nghttp2_option_set_no_auto_window_update(o, 1);
	nghttp2_option_set_no_closed_streams(o, 1);
	nghttp2_option_set_max_deflate_dynamic_table_size(o, 0);
	nghttp2_option_set_max_settings(o, 16);
	nghttp2_option_set_max_outbound_ack(o, 100);
	nghttp2_option_set_max_send_header_block_length(o, HEADERS_MAX);
	return o;
}

static int begin_control(struct conn *c)
{
	static const nghttp2_nv fields[] = {FIELD(":method", "POST"), FIELD(":scheme", "https"),
					    FIELD(":authority", "berth"), FIELD(":path", "/control")};
	nghttp2_data_provider from = {.read_callback = read_control};

	c->control = nghttp2_submit_request(c->session, NULL, fields, sizeof fields / sizeof *fields, &from, NULL);
	return c->control < 0 ? c->control : 0;
}

static void begin(struct conn *c)
{
	const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0},
						   {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
						   {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADERS_MAX},
						   {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, CONN_TUNNELS + 1}};
	int r = c->server ? nghttp2_session_client_new2(&c->session, callbacks(), c, options())
			  : nghttp2_session_server_new2(&c->session, callbacks(), c, options());

	if (r == 0)
		r = nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings,
					    sizeof settings / sizeof *settings);
	if (r == 0)
		r = nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW);
	if (r == 0 && c->server)
		r = begin_control(c);
	if (r != 0)
		fail_text(c, EPROTO, nghttp2_strerror(r));
}

/* One buffer for all connections: there is one loop, and what was read is taken before anything else is. */
static void receive(struct conn *c)
{
	static unsigned char piece[PIECE];

	for (int turns = 0; turns < 8 && !c->failed && !c->dead; turns++) {
		ssize_t n = tls_recv(c->tls, piece, sizeof piece);

		if (!c->session && tls_is_ready(c->tls))
			begin(c);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			fail_text(c, n < 0 ? errno : ECONNRESET,
				  n == 0	    ? "the peer has closed the connection"
				  : errno == EPROTO ? "the connection broke, or a certificate was refused"
						    : strerror(errno));
			return;
		}
		c->heard = true;
		if (c->failed)
			return;
		n = nghttp2_session_mem_recv(c->session, piece, (size_t)n);
		if (n < 0)
			fail_text(c, EPROTO, nghttp2_strerror((int)n));
	}
}

/* Fills one piece, so that many small frames make one record. */
static void collect(struct conn *c)
{
	while (c->wire.len < PIECE && c->session) {
		const uint8_t *data;
		ssize_t n = nghttp2_session_mem_send(c->session, &data);

		if (n < 0)
			fail_text(c, EPROTO, nghttp2_strerror((int)n));
		if (n <= 0)
			return;
		buf_add(&c->wire, data, (size_t)n);
	}
}

static bool transmit(struct conn *c)
{
	ssize_t n;

	if (c->wire.len == c->wire_at)
		return false;
	n = tls_send(c->tls, c->wire.data + c->wire_at, c->wire.len - c->wire_at);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		fail_text(c, errno, strerror(errno));
	if (n <= 0)
		return false;
	c->wire_at += (size_t)n;
	if (c->wire_at < c->wire.len)
		return true;
	c->wire_at = 0;
	buf_free(&c->wire); /* an idle connection holds nothing */
	return true;
}

/* GOAWAY: the peer closes, having read all that came before. */
static void end_for_renewal(struct conn *c)
{
	c->ending = true;
	nghttp2_session_terminate_session(c->session, NGHTTP2_NO_ERROR);
	loop_timer_arm(c->turn, 0);
}

static bool is_tired(const struct conn *c)
{
	return c->server && c->up && !c->ending && c->n_tunnels == 0 && c->wire.len == 0 &&
	       !nghttp2_session_want_write(c->session) &&
	       nghttp2_session_get_next_stream_id(c->session) >= NUMBERS_TIRED;
}

/* Sends what there is, and waits for what is missing. */
static void run(struct conn *c)
{
	for (int turns = 0; turns < 16 && !c->failed && !c->dead; turns++) {
		if (c->wire.len == 0)
			collect(c);
		if (c->failed || !transmit(c))
			break;
	}
	if (c->failed || c->dead)
		return;
	if (c->session && !nghttp2_session_want_read(c->session) && !nghttp2_session_want_write(c->session))
		fail_text(c, ECONNRESET, "the connection has ended");
	/* A turn that sent its share without an end goes on when the others have had theirs: the socket takes more. */
	loop_fd_set(c->watch,
		    LOOP_IN | (c->wire.len > 0 || tls_wants_out(c->tls) ||
				       (c->session && nghttp2_session_want_write(c->session) && c->wire.len > 0)
				   ? LOOP_OUT
				   : 0));
	if (c->wire.len == 0 && c->session && nghttp2_session_want_write(c->session))
		loop_timer_arm(c->turn, 0);
	if (is_tired(c))
		end_for_renewal(c);
}

static void on_event(void *ctx, int events)
{
	struct conn *c = ctx;

	(void)events;
	c->busy++;
	receive(c);
	run(c);
	leave(c);
}

static void on_turn(void *ctx)
{
	struct conn *c = ctx;

	c->busy++;
	run(c);
	leave(c);
}

/* A process that hangs has a kernel that still acknowledges: only an answer proves that somebody is there. */
static void on_quiet(void *ctx)
{
	struct conn *c = ctx;

	c->busy++;
	receive(c); /* what came while we ourselves were away */
	if (c->asked && !c->heard)
		fail_text(c, ETIMEDOUT, "the peer does not answer");
	else if (!c->heard && c->session && !c->dead)
		nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, NULL);
	c->asked = !c->heard;
	c->heard = false;
	if (!c->failed && !c->dead) {
		loop_timer_arm(c->quiet, c->quiet_ms);
		run(c);
	}
	leave(c);
}

/* ---- for the owner ---- */

void conn_watch(struct conn *c, int64_t ms)
{
	c->quiet = c->quiet ? c->quiet : loop_timer_new(c->loop, on_quiet, c);
	c->quiet_ms = ms;
	c->heard = true;
	loop_timer_arm(c->quiet, ms);
}

int conn_new(struct loop *l, struct tls_conn *tls, int fd, bool server, const struct conn_hooks *hooks, void *ctx,
	     struct conn **ret, struct err *err)
{
	struct conn *c = mem_new(struct conn);
	int r;

	*c = (struct conn){.loop = l, .tls = tls, .fd = fd, .server = server, .hooks = *hooks, .ctx = ctx};
	c->out.limit = 2 * CONN_OUT_MAX; /* with what was sent: buf_pass() */
	c->in.limit = MSG_MAX + 4 + 2 * PIECE;
	c->turn = loop_timer_new(l, on_turn, c);
	r = loop_fd_new(l, fd, LOOP_IN | LOOP_OUT, on_event, c, &c->watch, err);
	if (r < 0) {
		release(c);
		return r;
	}
	*ret = c;
	return 0;
}

void conn_set_owner(struct conn *c, const struct conn_hooks *hooks, void *ctx)
{
	c->hooks = *hooks;
	c->ctx = ctx;
}

void conn_send(struct conn *c, const char *text, size_t n)
{
	const unsigned char length[4] = {(unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8),
					 (unsigned char)n};

	if (!c->up || c->failed || c->dead)
		return;
	if (n > MSG_MAX || c->out.len - c->out_at + n + 4 > CONN_OUT_MAX) {
		fail_text(c, EPROTO, "the peer takes no messages any more");
	} else {
		buf_add(&c->out, length, sizeof length);
		buf_add(&c->out, text, n);
		nghttp2_session_resume_data(c->session, c->control);
	}
	loop_timer_arm(c->turn, 0);
}

int conn_tunnel(struct conn *c, int fd, const void *first, size_t n, struct err *err)
{
	static const nghttp2_nv fields[] = {FIELD(":method", "POST"), FIELD(":scheme", "https"),
					    FIELD(":authority", "berth"), FIELD(":path", "/tunnel")};
	nghttp2_data_provider from = {.read_callback = read_tunnel};
	struct tunnel *t;
	int r;

	if (!c->up || c->failed || c->n_tunnels >= CONN_TUNNELS) {
		close(fd);
		return err_set(err, EBUSY, "the node has no connection, or %d streams of it are in use", CONN_TUNNELS);
	}
	r = tunnel_new(c, fd, &t, err);
	if (r < 0)
		return r;
	from.source.ptr = t;
	buf_add(&t->first, first, n);
	t->id = nghttp2_submit_request(c->session, NULL, fields, sizeof fields / sizeof *fields, &from, t);
	r = t->id;
	if (r < 0)
		tunnel_free(t);
	if (r == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE && !c->ending)
		end_for_renewal(c);
	if (r < 0)
		return err_set(err, EIO, "a stream cannot be opened: %s", nghttp2_strerror(r));
	loop_timer_arm(c->turn, 0);
	return 0;
}

void conn_number_from(struct conn *c, int32_t number)
{
	(void)nghttp2_session_set_next_stream_id(c->session, number);
	loop_timer_arm(c->turn, 0);
}

size_t conn_waiting(const struct conn *c)
{
	size_t n = c->out.len - c->out_at;

	for (const struct tunnel *t = c->tunnels; t; t = t->next)
		n += t->in.len - t->in_at;
	return n;
}
