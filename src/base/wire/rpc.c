/* SPDX-License-Identifier: Apache-2.0
 *
 * One function moves the connection: run(). Callbacks of nghttp2 run inside receive() and run(); a hook that frees the connection only marks it, and the
 * outermost call takes it away. A stream is freed when nghttp2 closes it, so a hook may cancel its own.
 */
#include "base/wire/rpc.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/grpc_text.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define PIECE (64u << 10)
#define CONNECTION_WINDOW (16 << 20)
#define HEAD 5	      /* of a message: compressed or not, its length */
#define FIELD_COST 32 /* RFC 9113 section 6.5.2 */
#define OUT_MAX (RPC_MESSAGE_MAX + RPC_WAITING + HEAD)

struct rpc_stream {
	struct rpc_stream *next;
	struct rpc *conn;
	struct rpc_stream_hooks hooks;
	void *ctx;
	char *path;
	char **names, **values;
	size_t n_fields, head; /* head: bytes of the header list, as HTTP/2 counts them */
	struct buf in, out;
	size_t out_at, owed; /* owed: what came while it was held */
	enum grpc_status status;
	char *trailer, *details; /* of ours: the text, encoded */
	char text[GRPC_TEXT_MAX];
	int32_t id;
	bool called, accepted, answered; /* called: by the peer; answered: our headers are out */
	bool held, slow, half, ending, shut;
};

struct rpc {
	struct loop *loop;
	struct loop_fd *watch;
	struct loop_timer *turn;
	struct rpc_hooks hooks;
	void *ctx;
	nghttp2_session *session;
	struct rpc_stream *streams;
	size_t n_streams;
	struct buf wire;
	size_t wire_at;
	int fd, busy;
	bool server, failed, told, dead;
};

/* ---- streams ---- */

static struct rpc_stream *stream_new(struct rpc *c)
{
	struct rpc_stream *s = mem_new(struct rpc_stream);

	*s = (struct rpc_stream){.next = c->streams, .conn = c, .status = GRPC_UNKNOWN};
	s->in.limit = HEAD + RPC_MESSAGE_MAX;
	s->out.limit = 2 * OUT_MAX;
	c->streams = s;
	c->n_streams++;
	return s;
}

static void stream_free(struct rpc_stream *s)
{
	struct rpc_stream **at = &s->conn->streams;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	s->conn->n_streams--;
	mem_strv_free(s->names);
	mem_strv_free(s->values);
	buf_free(&s->in);
	buf_free(&s->out);
	free(s->trailer);
	free(s->details);
	free(s->path);
	free(s);
}

static void stream_over(struct rpc_stream *s, enum grpc_status status, const char *text)
{
	struct rpc_stream_hooks hooks = s->hooks;
	void *ctx = s->ctx;
	char copy[GRPC_TEXT_MAX];

	snprintf(copy, sizeof copy, "%s", text);
	stream_free(s);
	if (hooks.end)
		hooks.end(ctx, status, copy);
}

static struct rpc_stream *stream_of(nghttp2_session *session, int32_t id)
{
	return nghttp2_session_get_stream_user_data(session, id);
}

/* ---- the end of the connection ---- */

static void release(struct rpc *c)
{
	while (c->streams)
		stream_free(c->streams);
	nghttp2_session_del(c->session);
	loop_fd_free(c->watch);
	loop_timer_free(c->turn);
	fd_closep(&c->fd);
	buf_free(&c->wire);
	free(c);
}

struct rpc *rpc_free(struct rpc *c)
{
	if (!c)
		return NULL;
	c->dead = true;
	if (c->busy == 0)
		release(c);
	return NULL;
}

static void leave(struct rpc *c)
{
	if (c->busy == 1 && c->failed && !c->told && !c->dead) {
		c->told = true;
		c->watch = loop_fd_free(c->watch);
		while (c->streams && !c->dead)
			stream_over(c->streams, c->server ? GRPC_CANCELLED : GRPC_UNAVAILABLE,
				    "the connection is gone");
		if (!c->dead)
			c->hooks.down(c->ctx);
	}
	if (--c->busy == 0 && c->dead)
		release(c);
}

static bool over(const struct rpc *c)
{
	return c->failed || c->dead;
}

/* ---- what comes ---- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct rpc *c = ctx;
	struct rpc_stream *s;

	if (over(c) || frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	if (c->n_streams >= RPC_STREAMS)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	s = stream_new(c);
	s->id = frame->hd.stream_id;
	s->called = true;
	nghttp2_session_set_stream_user_data(session, s->id, s);
	return 0;
}

static void take_result(struct rpc_stream *s, const char *name, const void *value, size_t n)
{
	char number[16];

	if (!strcmp(name, "grpc-message")) {
		grpc_text_decode(s->text, sizeof s->text, value, n);
	} else if (!strcmp(name, "grpc-status")) {
		snprintf(number, sizeof number, "%.*s", (int)(n < 8 ? n : 8), (const char *)value);
		s->status = (enum grpc_status)strtoul(number, NULL, 10);
	} else if (!strcmp(name, ":status") && (n != 3 || memcmp(value, "200", 3) != 0)) {
		snprintf(s->text, sizeof s->text, "the answer is HTTP's %.*s", (int)(n < 16 ? n : 16),
			 (const char *)value);
	}
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
		     const uint8_t *value, size_t n, uint8_t flags, void *ctx)
{
	struct rpc_stream *s = stream_of(session, frame->hd.stream_id);
	mem_cleanup char *key = NULL, *text = NULL;

	(void)flags;
	(void)ctx;
	if (!s)
		return 0;
	s->head += name_len + n + FIELD_COST;
	if (s->head > RPC_HEADERS_MAX)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	key = mem_strndup((const char *)name, name_len);
	if (!s->called) {
		take_result(s, key, value, n);
		return 0;
	}
	text = mem_strndup((const char *)value, n);
	if (!strcmp(key, ":path") && !s->path)
		s->path = mem_take(text);
	else if (*key != ':' && s->n_fields < RPC_FIELDS) {
		mem_strv_add(&s->names, key);
		mem_strv_add(&s->values, text);
		s->n_fields++;
	}
	return 0;
}

static void half(struct rpc_stream *s)
{
	if (s->half)
		return;
	s->half = true;
	if (s->hooks.half)
		s->hooks.half(s->ctx);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	const bool headers = frame->hd.type == NGHTTP2_HEADERS;
	struct rpc *c = ctx;
	struct rpc_stream *s;

	if (over(c) || (frame->hd.type != NGHTTP2_DATA && !headers))
		return 0;
	s = stream_of(session, frame->hd.stream_id);
	if (s && headers && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
		if (s->path)
			c->hooks.call(c->ctx, s);
		else
			rpc_end(s, GRPC_INVALID, "the call has no path");
	}
	/* The hook may have ended what it was told of. */
	s = over(c) ? NULL : stream_of(session, frame->hd.stream_id);
	if (s && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		half(s);
	return 0;
}

static void spoil(struct rpc_stream *s, const char *text)
{
	snprintf(s->text, sizeof s->text, "%s", text);
	s->status = GRPC_INTERNAL;
	buf_free(&s->in);
	(void)nghttp2_submit_rst_stream(s->conn->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_PROTOCOL_ERROR);
	s->shut = true;
}

static size_t length_of(const char *head)
{
	const unsigned char *p = (const unsigned char *)head;

	return (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
}

/* The messages that are whole in n bytes; returns how many bytes they were. */
static size_t deliver(struct rpc_stream *s, int32_t id, const char *data, size_t n)
{
	struct rpc *c = s->conn;
	size_t at = 0;

	while (n - at >= HEAD) {
		size_t length = length_of(data + at);

		if (data[at] != 0 || length > RPC_MESSAGE_MAX) {
			spoil(s, data[at] ? "a message is compressed" : "a message is too long");
			return n;
		}
		if (n - at - HEAD < length)
			break;
		if (s->hooks.message)
			s->hooks.message(s->ctx, data + at + HEAD, length);
		at += HEAD + length;
		if (over(c) || stream_of(c->session, id) != s || s->shut)
			return n;
	}
	return at;
}

static size_t unfinished(const struct rpc *c)
{
	size_t n = 0;

	for (const struct rpc_stream *s = c->streams; s; s = s->next)
		n += s->in.len;
	return n;
}

static void take(struct rpc_stream *s, int32_t id, const char *data, size_t n)
{
	struct rpc *c = s->conn;
	size_t used;

	if (s->in.len == 0) {
		used = deliver(s, id, data, n);
		if (used == n || over(c))
			return;
		data += used;
		n -= used;
	}
	if (unfinished(c) + n > RPC_UNFINISHED_MAX || buf_add(&s->in, data, n) < 0) {
		spoil(s, "a message is too long, or there are too many at once");
		return;
	}
	/* Its own buffer must not move below a hook. */
	struct buf whole = s->in;

	s->in = (struct buf){.limit = whole.limit};
	used = deliver(s, id, whole.data, whole.len);
	if (used < whole.len) {
		buf_drop(&whole, used);
		buf_free(&s->in);
		s->in = whole;
		return;
	}
	buf_free(&whole);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t n, void *ctx)
{
	struct rpc *c = ctx;
	struct rpc_stream *s = stream_of(session, id);

	(void)flags;
	(void)nghttp2_session_consume_connection(session, n);
	if (!s || over(c) || s->shut)
		return 0;
	if (s->held)
		s->owed += n;
	else
		(void)nghttp2_session_consume_stream(session, id, n);
	take(s, id, (const char *)data, n);
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *ctx)
{
	struct rpc_stream *s = stream_of(session, id);
	enum grpc_status status;

	(void)ctx;
	if (!s)
		return 0;
	nghttp2_session_set_stream_user_data(session, id, NULL);
	status = s->called ? (code == NGHTTP2_NO_ERROR && s->ending ? GRPC_OK : GRPC_CANCELLED) : s->status;
	stream_over(s, status, s->text);
	return 0;
}

/* ---- what goes ---- */

static int add_trailer(struct rpc_stream *s)
{
	char number[8];
	const int n = snprintf(number, sizeof number, "%d", (int)s->status);
	nghttp2_nv fields[3] = {{(uint8_t *)"grpc-status", (uint8_t *)number, 11, (size_t)n, NGHTTP2_NV_FLAG_NONE}};
	size_t n_fields = 1;

	if (s->trailer)
		fields[n_fields++] = (nghttp2_nv){(uint8_t *)"grpc-message", (uint8_t *)s->trailer, 12,
						  strlen(s->trailer), NGHTTP2_NV_FLAG_NONE};
	if (s->details)
		fields[n_fields++] = (nghttp2_nv){(uint8_t *)"grpc-status-details-bin", (uint8_t *)s->details, 23,
						  strlen(s->details), NGHTTP2_NV_FLAG_NONE};
	return nghttp2_submit_trailer(s->conn->session, s->id, fields, n_fields);
}

static ssize_t read_out(nghttp2_session *session, int32_t id, uint8_t *data, size_t cap, uint32_t *flags,
			nghttp2_data_source *from, void *ctx)
{
	struct rpc_stream *s = stream_of(session, id);
	size_t n;

	(void)from;
	(void)ctx;
	if (!s)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	n = s->out.len - s->out_at;
	if (n == 0 && !s->ending)
		return NGHTTP2_ERR_DEFERRED;
	n = n < cap ? n : cap;
	memcpy(data, buf_str(&s->out) + s->out_at, n);
	buf_pass(&s->out, &s->out_at, n);
	if (s->out.len == 0 && s->ending) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (s->called) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			if (add_trailer(s) != 0)
				return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
		}
	}
	return (ssize_t)n;
}

#define FIELD(n, v)                                                                                                    \
	{                                                                                                              \
		(uint8_t *)(n), (uint8_t *)(v), sizeof(n) - 1, sizeof(v) - 1, NGHTTP2_NV_FLAG_NONE                     \
	}

static void answer(struct rpc_stream *s)
{
	static const nghttp2_nv fields[] = {FIELD(":status", "200"), FIELD("content-type", "application/grpc")};
	const nghttp2_data_provider from = {.read_callback = read_out};

	if (s->answered)
		return;
	s->answered = true;
	(void)nghttp2_submit_response(s->conn->session, s->id, fields, sizeof fields / sizeof *fields, &from);
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
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
	return cb;
}

static nghttp2_option *options(void)
{
	static nghttp2_option *o;

	if (o || nghttp2_option_new(&o) != 0)
		return o;
	nghttp2_option_set_no_auto_window_update(o, 1);
	nghttp2_option_set_no_closed_streams(o, 1);
	nghttp2_option_set_max_settings(o, 16);
	nghttp2_option_set_max_outbound_ack(o, 100);
	nghttp2_option_set_max_send_header_block_length(o, RPC_HEADERS_MAX);
	return o;
}

static int begin(struct rpc *c)
{
	const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
						   {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, RPC_WINDOW},
						   {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, RPC_HEADERS_MAX},
						   {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, RPC_STREAMS}};
	/* A server has nothing to say about pushing. */
	const size_t skip = c->server ? 1 : 0;
	int r = c->server ? nghttp2_session_server_new2(&c->session, callbacks(), c, options())
			  : nghttp2_session_client_new2(&c->session, callbacks(), c, options());

	if (r == 0)
		r = nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings + skip,
					    sizeof settings / sizeof *settings - skip);
	if (r == 0)
		r = nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW);
	return r;
}

/* One buffer for all connections: there is one loop, and what was read is taken before anything else is. */
static void receive(struct rpc *c)
{
	static unsigned char piece[PIECE];

	for (int turns = 0; turns < 8 && !over(c); turns++) {
		ssize_t n = recv(c->fd, piece, sizeof piece, MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0 || nghttp2_session_mem_recv(c->session, piece, (size_t)n) < 0)
			c->failed = true;
	}
}

static void collect(struct rpc *c)
{
	while (c->wire.len < PIECE) {
		const uint8_t *data;
		ssize_t n = nghttp2_session_mem_send(c->session, &data);

		if (n < 0)
			c->failed = true;
		if (n <= 0)
			return;
		buf_add(&c->wire, data, (size_t)n);
	}
}

static bool transmit(struct rpc *c)
{
	ssize_t n;

	if (c->wire.len == c->wire_at)
		return false;
	n = send(c->fd, c->wire.data + c->wire_at, c->wire.len - c->wire_at, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		c->failed = true;
	if (n <= 0)
		return false;
	c->wire_at += (size_t)n;
	if (c->wire_at < c->wire.len)
		return true;
	c->wire_at = 0;
	buf_free(&c->wire); /* an idle connection holds nothing */
	return true;
}

static void tell_drained(struct rpc *c)
{
	for (struct rpc_stream *s = c->streams, *next; s && !over(c); s = next) {
		next = s->next;
		if (!s->slow || s->out.len - s->out_at > RPC_WAITING / 2)
			continue;
		s->slow = false;
		if (s->hooks.drain) {
			s->hooks.drain(s->ctx);
			return; /* the list may be another one: the rest has its turn */
		}
	}
}

static bool anyone_drained(const struct rpc *c)
{
	for (const struct rpc_stream *s = c->streams; s; s = s->next) {
		if (s->slow && s->out.len - s->out_at <= RPC_WAITING / 2)
			return true;
	}
	return false;
}

static void run(struct rpc *c)
{
	for (int turns = 0; turns < 16 && !over(c); turns++) {
		if (c->wire.len == 0)
			collect(c);
		if (over(c) || !transmit(c))
			break;
	}
	if (!over(c))
		tell_drained(c);
	if (over(c))
		return;
	if (!nghttp2_session_want_read(c->session) && !nghttp2_session_want_write(c->session)) {
		c->failed = true;
		return;
	}
	loop_fd_set(c->watch, LOOP_IN | (c->wire.len > 0 ? LOOP_OUT : 0));
	if ((c->wire.len == 0 && nghttp2_session_want_write(c->session)) || anyone_drained(c))
		loop_timer_arm(c->turn, 0);
}

static void on_event(void *ctx, int events)
{
	struct rpc *c = ctx;

	(void)events;
	c->busy++;
	receive(c);
	run(c);
	leave(c);
}

static void on_turn(void *ctx)
{
	struct rpc *c = ctx;

	c->busy++;
	run(c);
	leave(c);
}

int rpc_new(struct loop *l, int fd, bool server, const struct rpc_hooks *hooks, void *ctx, struct rpc **ret,
	    struct err *err)
{
	struct rpc *c = mem_new(struct rpc);
	int r;

	*c = (struct rpc){.loop = l, .fd = fd, .server = server, .hooks = *hooks, .ctx = ctx};
	c->turn = loop_timer_new(l, on_turn, c);
	r = begin(c);
	r = r == 0 ? loop_fd_new(l, fd, LOOP_IN | LOOP_OUT, on_event, c, &c->watch, err)
		   : err_set(err, EPROTO, "HTTP/2: %s", nghttp2_strerror(r));
	if (r < 0)
		release(c);
	else
		*ret = c;
	return r;
}

/* ---- for the owner ---- */

const char *rpc_path(const struct rpc_stream *s)
{
	return s->path;
}

const char *rpc_field(const struct rpc_stream *s, const char *name)
{
	for (size_t i = 0; i < s->n_fields; i++) {
		if (!strcasecmp(s->names[i], name))
			return s->values[i];
	}
	return NULL;
}

void rpc_accept(struct rpc_stream *s, const struct rpc_stream_hooks *hooks, void *ctx)
{
	s->hooks = *hooks;
	s->ctx = ctx;
	s->accepted = true;
}

void rpc_end(struct rpc_stream *s, enum grpc_status status, const char *text)
{
	if (s->ending)
		return;
	s->ending = true;
	s->status = status;
	s->trailer = text && *text ? grpc_text_encode(text) : NULL;
	if (s->answered)
		(void)nghttp2_session_resume_data(s->conn->session, s->id);
	answer(s);
	loop_timer_arm(s->conn->turn, 0);
}

void rpc_details(struct rpc_stream *s, const char *base64)
{
	if (!s->ending && !s->details && strlen(base64) <= RPC_DETAILS_MAX)
		s->details = mem_strdup(base64);
}

static size_t count(const struct rpc_field *fields)
{
	size_t n = 0;

	while (fields && fields[n].name)
		n++;
	return n;
}

struct rpc_stream *rpc_call(struct rpc *c, const char *path, const struct rpc_field *fields,
			    const struct rpc_stream_hooks *hooks, void *ctx)
{
	const nghttp2_nv own[] = {FIELD(":method", "POST"),
				  FIELD(":scheme", "http"),
				  {(uint8_t *)":path", (uint8_t *)path, 5, strlen(path), NGHTTP2_NV_FLAG_NONE},
				  FIELD(":authority", "localhost"),
				  FIELD("content-type", "application/grpc"),
				  FIELD("te", "trailers")};
	const nghttp2_data_provider from = {.read_callback = read_out};
	const size_t n_own = sizeof own / sizeof *own, n = n_own + count(fields);
	mem_cleanup nghttp2_nv *nv = mem_new_n(nghttp2_nv, n);
	struct rpc_stream *s;

	if (over(c) || c->n_streams >= RPC_STREAMS)
		return NULL;
	memcpy(nv, own, sizeof own);
	for (size_t i = n_own; i < n; i++, fields++)
		nv[i] = (nghttp2_nv){(uint8_t *)fields->name, (uint8_t *)fields->value, strlen(fields->name),
				     strlen(fields->value), NGHTTP2_NV_FLAG_NONE};
	s = stream_new(c);
	s->hooks = *hooks;
	s->ctx = ctx;
	s->answered = true;
	s->id = nghttp2_submit_request(c->session, NULL, nv, n, &from, s);
	if (s->id < 0) {
		stream_free(s);
		return NULL;
	}
	loop_timer_arm(c->turn, 0);
	return s;
}

void rpc_half_close(struct rpc_stream *s)
{
	s->ending = true;
	(void)nghttp2_session_resume_data(s->conn->session, s->id);
	loop_timer_arm(s->conn->turn, 0);
}

int rpc_send(struct rpc_stream *s, const void *data, size_t n)
{
	const char head[HEAD] = {0, (char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n};

	if (s->ending || over(s->conn))
		return 0;
	if (n > RPC_MESSAGE_MAX || s->out.len - s->out_at + HEAD + n > OUT_MAX) {
		spoil(s, "the peer takes no messages any more");
	} else {
		buf_add(&s->out, head, sizeof head);
		buf_add(&s->out, data, n);
		answer(s);
		(void)nghttp2_session_resume_data(s->conn->session, s->id);
	}
	loop_timer_arm(s->conn->turn, 0);
	s->slow = s->out.len - s->out_at > RPC_WAITING;
	return s->slow;
}

void rpc_hold(struct rpc_stream *s, bool hold)
{
	s->held = hold;
	if (hold || s->owed == 0 || over(s->conn))
		return;
	(void)nghttp2_session_consume_stream(s->conn->session, s->id, s->owed);
	s->owed = 0;
	loop_timer_arm(s->conn->turn, 0);
}

struct rpc_stream *rpc_cancel(struct rpc_stream *s)
{
	if (!s)
		return NULL;
	s->hooks = (struct rpc_stream_hooks){.end = NULL};
	if (!s->shut && !over(s->conn)) {
		s->shut = true;
		(void)nghttp2_submit_rst_stream(s->conn->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_CANCEL);
		loop_timer_arm(s->conn->turn, 0);
	}
	return NULL;
}
