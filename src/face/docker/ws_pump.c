/* SPDX-License-Identifier: Apache-2.0 */
#include "face/docker/ws_pump.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/websocket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define PIECE 16384
#define GO_MS 2000
#define TURNS 8

/* Bytes that wait to be written. */
struct piece {
	uint8_t data[WEBSOCKET_HEAD_MAX + PIECE];
	size_t at, n;
};

struct ws_pump {
	struct ws_pumps *all;
	struct loop *loop;
	struct ws_pump *prev, *next;
	int socket, stream;
	struct loop_fd *socket_watch, *stream_watch;
	struct loop_timer *going;
	struct websocket in_state;
	uint8_t raw[PIECE]; /* read, and not yet looked at, while `in` waits */
	size_t raw_at, raw_n;
	struct piece in, out; /* to the stream, to the client */
	enum websocket_opcode data_opcode;
	bool stream_ended; /* nothing more comes of it */
	bool closing;	   /* a close was sent or is due: no more data in either direction */
	bool close_sent, close_heard, gone;
	unsigned code;
	bool pong_due;
	uint8_t pong[WEBSOCKET_CONTROL_MAX];
	size_t n_pong;
};

static struct ws_pump *pump_free(struct ws_pump *p)
{
	*(p->prev ? &p->prev->next : &p->all->first) = p->next;
	if (p->next)
		p->next->prev = p->prev;
	p->all->n--;
	loop_fd_free(p->socket_watch);
	loop_fd_free(p->stream_watch);
	loop_timer_free(p->going);
	fd_closep(&p->socket);
	fd_closep(&p->stream);
	free(p);
	return NULL;
}

static bool later(ssize_t n)
{
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static void begin_close(struct ws_pump *p, unsigned code)
{
	if (p->closing)
		return;
	p->closing = true;
	p->code = code;
}

/* Nothing can be said to the client any more; what it has said still goes to the stream. */
static void lose_client(struct ws_pump *p)
{
	begin_close(p, 1000);
	p->gone = true;
	p->close_sent = true;
	p->pong_due = false;
	p->out.n = 0;
}

/* true: some bytes went. */
static bool drain(struct piece *piece, int fd, bool *ret_broken)
{
	ssize_t n;

	if (piece->n == 0)
		return false;
	n = send(fd, piece->data + piece->at, piece->n, MSG_NOSIGNAL);
	if (later(n))
		return false;
	*ret_broken = n <= 0;
	piece->at += n > 0 ? (size_t)n : 0;
	piece->n -= n > 0 ? (size_t)n : piece->n;
	return true;
}

/* ---- from the client ---- */

static void hear(struct ws_pump *p, int what)
{
	if (what == -EPROTO) {
		begin_close(p, 1002);
		p->close_heard = true; /* nobody waits for the answer of such a client */
	} else if (what == WEBSOCKET_CLOSE) {
		p->close_heard = true;
		begin_close(p, websocket_close_code(&p->in_state));
	} else if (what == WEBSOCKET_PING && !p->closing) {
		p->n_pong = p->in_state.n_control;
		memcpy(p->pong, p->in_state.control, p->n_pong);
		p->pong_due = true;
	}
}

static bool fill_raw(struct ws_pump *p)
{
	ssize_t n;

	if (p->raw_n > 0 || p->gone)
		return false;
	n = recv(p->socket, p->raw, sizeof p->raw, 0);
	if (later(n))
		return false;
	if (n <= 0)
		lose_client(p);
	p->raw_at = 0;
	p->raw_n = n > 0 ? (size_t)n : 0;
	return true;
}

static bool take_frames(struct ws_pump *p)
{
	size_t used, n;
	int r;

	if (p->raw_n == 0 || p->in.n > 0 || p->close_heard)
		return false;
	r = websocket_feed(&p->in_state, p->raw + p->raw_at, p->raw_n, &used, p->in.data, &n);
	p->raw_at += used;
	p->raw_n -= used;
	p->in.at = 0;
	p->in.n = p->stream_ended ? 0 : n;
	hear(p, r);
	return true;
}

/* ---- to the client ---- */

static void put_frame(struct ws_pump *p, enum websocket_opcode opcode, const void *data, size_t n)
{
	size_t head = websocket_head(p->out.data, opcode, n);

	memcpy(p->out.data + head, data, n);
	p->out.at = 0;
	p->out.n = head + n;
}

/* Straight behind the room for the longest head that a piece can have, so that it need not be moved. */
static bool read_stream(struct ws_pump *p)
{
	uint8_t head[WEBSOCKET_HEAD_MAX];
	ssize_t n;
	size_t size;

	if (p->stream_ended)
		return false;
	n = recv(p->stream, p->out.data + WEBSOCKET_HEAD_MAX, PIECE, 0);
	if (later(n))
		return false;
	if (n <= 0) {
		p->stream_ended = true;
		begin_close(p, 1000);
		return true;
	}
	size = websocket_head(head, p->data_opcode, (uint64_t)n);
	p->out.at = WEBSOCKET_HEAD_MAX - size;
	p->out.n = size + (size_t)n;
	memcpy(p->out.data + p->out.at, head, size);
	return true;
}

/* A frame is written whole before the next one begins; the answer to a ping goes first, a close last. */
static bool next_frame(struct ws_pump *p)
{
	uint8_t code[2] = {(uint8_t)(p->code >> 8), (uint8_t)p->code};

	if (p->out.n > 0 || p->close_sent)
		return false;
	if (p->pong_due) {
		p->pong_due = false;
		put_frame(p, WEBSOCKET_PONG, p->pong, p->n_pong);
	} else if (p->closing) {
		p->close_sent = true;
		put_frame(p, WEBSOCKET_CLOSE, code, sizeof code);
	} else {
		return read_stream(p);
	}
	return true;
}

/* ---- both ---- */

static void watch(struct ws_pump *p)
{
	bool reads = p->raw_n == 0 && !p->gone;
	bool waits = p->out.n == 0 && !p->closing;

	loop_fd_set(p->socket_watch, (reads ? LOOP_IN : 0) | (p->out.n > 0 ? LOOP_OUT : 0));
	loop_fd_set(p->stream_watch, (waits ? LOOP_IN : 0) | (p->in.n > 0 ? LOOP_OUT : 0));
}

static void on_going(void *ctx)
{
	pump_free(ctx);
}

static bool is_over(const struct ws_pump *p)
{
	bool heard_all = p->close_heard || (p->gone && p->raw_n == 0);

	return p->close_sent && p->out.n == 0 && p->in.n == 0 && heard_all;
}

static void on_event(void *ctx, int events)
{
	struct ws_pump *p = ctx;
	bool broken = false, any = true;

	(void)events;
	for (int turn = 0; turn < TURNS && any; turn++) {
		any = fill_raw(p);
		any = take_frames(p) || any;
		any = drain(&p->in, p->stream, &broken) || any;
		broken = false; /* the end of the stream is told by its other direction */
		any = next_frame(p) || any;
		any = drain(&p->out, p->socket, &broken) || any;
		if (broken)
			lose_client(p);
	}
	if (is_over(p)) {
		pump_free(p);
		return;
	}
	if (p->closing && !p->going) {
		p->going = loop_timer_new(p->loop, on_going, p);
		loop_timer_arm(p->going, GO_MS);
	}
	watch(p);
}

int ws_pump_start(struct ws_pumps *all, struct loop *loop, int socket, int stream, bool text, struct err *err)
{
	struct ws_pump *p = mem_new(struct ws_pump);
	int r = 0;

	p->all = all;
	p->loop = loop;
	p->socket = socket;
	p->stream = stream;
	p->data_opcode = text ? WEBSOCKET_TEXT : WEBSOCKET_BINARY;
	p->next = all->first;
	if (p->next)
		p->next->prev = p;
	all->first = p;
	if (all->n++ >= WS_PUMPS_MAX)
		r = err_set(err, EBUSY, "there are %d websockets already", WS_PUMPS_MAX);
	if (r == 0)
		r = loop_fd_new(loop, socket, LOOP_IN, on_event, p, &p->socket_watch, err);
	if (r == 0)
		r = loop_fd_new(loop, stream, LOOP_IN, on_event, p, &p->stream_watch, err);
	if (r < 0)
		pump_free(p);
	return r;
}

void ws_pump_end_all(struct ws_pumps *all)
{
	for (struct ws_pump *p = all->first, *next; p; p = next) {
		next = p->next;
		pump_free(p);
	}
}
