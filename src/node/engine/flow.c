/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/flow.h"

#include "base/core/clock.h"
#include "base/core/fd.h"
#include "base/core/guard.h"
#include "base/core/mem.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <sys/socket.h>

#define READS_PER_TURN 16
#define TYPED_PIECE (16u << 10)
/* What may wait in the kernel for a client that is slow, when there is nobody left to wait for it. */
#define LAST_ROOM (4 << 20)
/* The kernel's own limit for a pipe: more than this cannot be left in one when its writers are dead. */
#define REST_MAX (1u << 20)

/* Only the pages that are really filled become memory of ours. For one read at a time. */
static unsigned char piece[LOGFILE_RECORD_MAX + DETACH_MAX] __attribute__((aligned(4096)));
static unsigned char typed[TYPED_PIECE + DETACH_MAX] __attribute__((aligned(4096)));

int polls_add(struct polls *p, int fd, short events)
{
	if (fd < 0 || p->n == POLLS_MAX)
		return -1;
	p->v[p->n] = (struct pollfd){.fd = fd, .events = events};
	return (int)p->n++;
}

short polls_got(const struct polls *p, int place)
{
	return place < 0 ? 0 : p->v[place].revents;
}

/* ---- output ---- */

static bool takes(const struct flow_client *c, int i)
{
	return !c->replay && c->want[i];
}

/* Somebody has not taken the last piece yet. */
static bool is_held_up(const struct flow *f, int i)
{
	if (f->outlet && outlet_busy(f->outlet))
		return true;
	for (const struct flow_client *c = f->clients; c; c = c->next) {
		if (takes(c, i) && c->out_n > 0 && RT_GUARD(A5))
			return true;
	}
	return false;
}

static void write_out(struct flow *f, int i, size_t n)
{
	int64_t now = clock_wall_ns();

	if (f->log)
		logfile_write(f->log, i + 1, now, piece, n);
	if (f->outlet && !outlet_busy(f->outlet))
		outlet_write(f->outlet, i + 1, now, piece, n);
	for (struct flow_client *c = f->clients; c; c = c->next) {
		if (takes(c, i) && (c->out_n == 0 || !RT_GUARD(A5)))
			flow_client_send(c, i + 1, piece, n);
	}
	if (f->log && f->log->rotated && f->rotated)
		f->rotated(f->ctx);
}

/* `last`: whoever is slow does not hold it up any more, and misses what it has no room for. */
static void read_out(struct flow *f, int i, size_t limit, bool last)
{
	size_t done = 0;

	while (f->out[i] >= 0 && done < limit && (last || !is_held_up(f, i))) {
		ssize_t n = read(f->out[i], piece, LOGFILE_DATA_MAX);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		/* The last one at a terminal has gone: EIO. */
		if (n <= 0) {
			fd_closep(&f->out[i]);
			return;
		}
		write_out(f, i, (size_t)n);
		done += (size_t)n;
	}
}

/* ---- input ---- */

static void close_in(struct flow *f)
{
	fd_closep(&f->in);
	for (struct flow_client *c = f->clients; c; c = c->next) {
		c->in = false;
		c->leaving = c->leaving || c->hup;
		free(c->typed);
		c->typed = NULL;
		c->typed_n = 0;
	}
}

/* Writes to the process; returns how much it took. */
static size_t write_in(struct flow *f, const unsigned char *data, size_t n)
{
	size_t done = 0;

	while (done < n && f->in >= 0) {
		ssize_t w = write(f->in, data + done, n - done);

		if (w < 0 && errno == EAGAIN)
			break;
		if (w < 0 && errno != EINTR)
			close_in(f);
		if (w > 0)
			done += (size_t)w;
	}
	return done;
}

static void flush_in(struct flow *f, struct flow_client *c)
{
	size_t n = write_in(f, c->typed + c->typed_at, c->typed_n);

	if (f->in < 0)
		return;
	c->typed_at += n;
	c->typed_n -= n;
	if (c->typed_n > 0)
		return;
	free(c->typed);
	c->typed = NULL;
}

/* Its input has ended, or it left by the keys. As with Docker it goes altogether unless it was the input's only source. */
static void end_of_typing(struct flow *f, struct flow_client *c, bool keys)
{
	c->in = false;
	if (f->in_once && !f->tty && !keys) {
		close_in(f);
		c->leaving = c->leaving || c->hup;
		return;
	}
	c->leaving = true;
	c->want[0] = c->want[1] = false;
}

static void read_typed(struct flow *f, struct flow_client *c)
{
	ssize_t n = recv(c->fd, typed, TYPED_PIECE, MSG_DONTWAIT);
	const unsigned char *data = typed;
	bool left = false;
	size_t len, done;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end_of_typing(f, c, false);
		return;
	}
	len = (size_t)n;
	if (f->tty) {
		len = detach_filter(&c->detach, typed, len, piece, &left);
		data = piece;
	}
	done = write_in(f, data, len);
	if (left) {
		end_of_typing(f, c, true);
	} else if (done < len && f->in >= 0) {
		c->typed = mem_dup(data + done, len - done);
		c->typed_at = 0;
		c->typed_n = len - done;
	}
}

/* ---- clients ---- */

static void shrink(const struct flow *f)
{
	if (!f->clients)
		malloc_trim(0);
}

static void drop(struct flow *f, struct flow_client **at)
{
	struct flow_client *c = *at;

	*at = c->next;
	f->n_clients--;
	/* It left without a word. */
	if (c->in && f->in_once && !f->tty)
		close_in(f);
	flow_client_free(c);
	shrink(f);
}

/* The log, as far as the socket takes it; at its end it goes on with what comes. Nothing is read or written in between, so nothing is missed. */
static void replay(struct flow_client *c)
{
	struct logfile_record rec;

	for (int i = 0; i < READS_PER_TURN && c->replay && c->out_n == 0; i++) {
		if (flow_replay_next(c->replay, piece, &rec)) {
			if (rec.stream > 0 && rec.stream <= 2 && c->want[rec.stream - 1])
				flow_client_send(c, rec.stream, rec.data, rec.n);
			continue;
		}
		c->replay = flow_replay_free(c->replay);
		c->leaving = c->leaving || !c->stays;
	}
}

void flow_attach(struct flow *f, const struct flow_attach *how, int fd)
{
	struct flow_client *c;

	if (fd_nonblock(fd) < 0 || (f->n_clients >= ENGINE_ATTACH_MAX && RT_GUARD(A5))) {
		close(fd);
		return;
	}
	c = mem_new(struct flow_client);
	*c = (struct flow_client){
	    .next = f->clients,
	    .fd = fd,
	    .place = -1,
	    .want = {how->out, how->err && !f->tty},
	    .in = how->in && how->stream && (f->in >= 0 || !f->begun),
	    .framed = how->framed || (!f->tty && !how->raw),
	    .replay = how->logs ? flow_replay_new(f->dir) : NULL,
	    .stays = how->stream,
	    .leaving = !how->logs && !how->stream,
	    .detach = how->detach,
	};
	f->clients = c;
	f->n_clients++;
}

static void poll_client(const struct flow *f, struct flow_client *c, struct polls *p)
{
	bool out = c->out_n > 0 || c->replay, in = c->in && c->typed_n == 0 && f->in >= 0;

	/* One that has gone would wake us all the time. */
	c->place = c->hup && !in ? -1 : polls_add(p, c->fd, (short)((out ? POLLOUT : 0) | (in ? POLLIN : 0)));
}

/* It has closed its side for good; what it has sent is still read when the process shall see its end. */
static void hang_up(const struct flow *f, struct flow_client *c)
{
	c->hup = true;
	c->want[0] = c->want[1] = false;
	c->replay = flow_replay_free(c->replay);
	free(c->out);
	c->out = NULL;
	c->out_n = 0;
	c->leaving = c->leaving || !c->in || !f->in_once;
}

static void serve_client(struct flow *f, struct flow_client *c, short got)
{
	bool was_typing = c->in && c->typed_n == 0 && f->in >= 0;

	if (got & POLLERR)
		c->leaving = true;
	if ((got & (POLLHUP | POLLERR)) && !c->hup && RT_GUARD(A5))
		hang_up(f, c);
	if (was_typing && (got & (POLLIN | POLLHUP | POLLERR)))
		read_typed(f, c);
	if (c->typed_n > 0)
		flush_in(f, c);
	if ((got & POLLOUT) && c->out_n > 0)
		flow_client_flush(c);
	if ((got & POLLOUT) && c->replay)
		replay(c);
}

static bool may_go(const struct flow *f, const struct flow_client *c)
{
	bool quiet = f->begun && f->out[0] < 0 && f->out[1] < 0 && (f->ending || !f->holds);

	if (c->out_n > 0 || c->replay)
		return false;
	return c->leaving || (quiet && !c->in);
}

/* ---- turns ---- */

void flow_poll(struct flow *f, struct polls *p)
{
	bool typing = false;

	for (int i = 0; i < 2; i++)
		f->place_out[i] = is_held_up(f, i) ? -1 : polls_add(p, f->out[i], POLLIN);
	for (struct flow_client *c = f->clients; c; c = c->next) {
		typing = typing || c->typed_n > 0;
		poll_client(f, c, p);
	}
	f->place_in = typing ? polls_add(p, f->in, POLLOUT) : -1;
	f->place_outlet = f->outlet && outlet_busy(f->outlet) ? polls_add(p, outlet_fd(f->outlet), POLLOUT) : -1;
}

static void sweep(struct flow *f)
{
	for (struct flow_client **at = &f->clients; *at;) {
		if (may_go(f, *at))
			drop(f, at);
		else
			at = &(*at)->next;
	}
}

/* The kernel keeps what waits for a reader after our end, too. More than the usual most needs a right that root has; without it the usual has to do. */
static void make_room(struct flow *f)
{
	int room = LAST_ROOM;

	for (struct flow_client *c = f->clients; c; c = c->next) {
		if (setsockopt(c->fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) < 0)
			(void)setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	}
}

/* After the end of the process: what is there now is all. */
static void finish_out(struct flow *f)
{
	for (int i = 0; i < 2; i++) {
		read_out(f, i, REST_MAX, false);
		if (!is_held_up(f, i))
			fd_closep(&f->out[i]);
	}
}

void flow_begin(struct flow *f)
{
	f->begun = true;
	if (f->in < 0)
		close_in(f);
}

void flow_end(struct flow *f)
{
	f->begun = f->ending = true;
	make_room(f);
	close_in(f);
	finish_out(f);
	sweep(f);
}

void flow_serve(struct flow *f, const struct polls *p)
{
	if (polls_got(p, f->place_outlet))
		outlet_flush(f->outlet);
	for (int i = 0; i < 2; i++) {
		if (polls_got(p, f->place_out[i]))
			read_out(f, i, READS_PER_TURN * LOGFILE_DATA_MAX, false);
	}
	for (struct flow_client *c = f->clients; c; c = c->next)
		serve_client(f, c, polls_got(p, c->place));
	if (f->ending)
		finish_out(f);
	sweep(f);
}

/* One turn; true while somebody is slow. */
static bool drain_some(struct flow *f, size_t limit, bool last)
{
	bool slow = false;

	if (f->outlet)
		outlet_flush(f->outlet);
	for (struct flow_client *c = f->clients; c; c = c->next) {
		flow_client_flush(c);
		while (c->replay && c->out_n == 0)
			replay(c);
	}
	for (int i = 0; i < 2; i++)
		read_out(f, i, limit, last);
	for (struct flow_client *c = f->clients; c; c = c->next)
		slow = slow || c->out_n > 0 || c->replay;
	return slow || (f->outlet && outlet_busy(f->outlet));
}

void flow_drain(struct flow *f, size_t limit, int patience_ms)
{
	int64_t end = clock_mono_ms() + patience_ms, now;
	struct polls p;

	make_room(f);
	while (drain_some(f, limit, false) && (now = clock_mono_ms()) < end) {
		p.n = 0;
		for (struct flow_client *c = f->clients; c; c = c->next) {
			if (c->out_n > 0 || c->replay)
				polls_add(&p, c->fd, POLLOUT);
		}
		if (f->outlet && outlet_busy(f->outlet))
			polls_add(&p, outlet_fd(f->outlet), POLLOUT);
		if (poll(p.v, p.n, (int)(end - now)) < 0 && errno != EINTR)
			break;
	}
	(void)drain_some(f, limit, true);
	if (f->outlet)
		outlet_finish(f->outlet);
}

void flow_close(struct flow *f)
{
	for (int i = 0; i < 2; i++)
		fd_closep(&f->out[i]);
	fd_closep(&f->in);
	while (f->clients) {
		struct flow_client *c = f->clients;

		f->clients = c->next;
		flow_client_free(c);
	}
	f->n_clients = 0;
}
