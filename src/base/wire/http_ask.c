/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire/http_ask.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/http_parse.h"

#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

#define HEAD_MAX (64u << 10)
#define PIECE (64u << 10)
#define OUT_HIGH (256u << 10)
#define OUT_MAX (32u << 20) /* a body that was given whole, too */

struct http_ask {
	int fd;
	struct loop_fd *watch;
	struct http_ask_hooks hooks;
	void *ctx;
	struct http_parse parse;
	struct buf out;
	size_t out_at;
	bool chunked, blocked; /* somebody waits for drain */
	bool paused, told;     /* end() was called */
	bool deaf;	       /* the other side takes nothing more: what it answers is read on */
	bool busy, dead;       /* inside of a hook; freed meanwhile */
};

/* ---- life ---- */

static void release(struct http_ask *a)
{
	loop_fd_free(a->watch);
	fd_closep(&a->fd);
	http_parse_free(&a->parse);
	buf_free(&a->out);
	free(a);
}

struct http_ask *http_ask_free(struct http_ask *a)
{
	if (!a)
		return NULL;
	a->dead = true;
	if (!a->busy)
		release(a);
	return NULL;
}

static void finish(struct http_ask *a, const struct err *error)
{
	if (a->told || a->dead)
		return;
	a->told = true;
	a->watch = loop_fd_free(a->watch);
	a->hooks.end(a->ctx, error);
}

/* ---- sending ---- */

static size_t waiting(const struct http_ask *a)
{
	return a->out.len - a->out_at;
}

static void watch(struct http_ask *a)
{
	if (!a->watch)
		return;
	loop_fd_set(a->watch, (a->paused ? 0 : LOOP_IN) | (waiting(a) > 0 ? LOOP_OUT : 0));
}

static void forget_output(struct http_ask *a)
{
	buf_free(&a->out);
	a->out_at = 0;
}

/* The other side may close before it has read all, and its answer says why: so that is no error here. */
static void flush(struct http_ask *a)
{
	while (waiting(a) > 0) {
		ssize_t n = send(a->fd, a->out.data + a->out_at, waiting(a), MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			a->deaf = true;
			break;
		}
		buf_pass(&a->out, &a->out_at, (size_t)n);
	}
	forget_output(a);
}

int http_ask_body(struct http_ask *a, const void *data, size_t n)
{
	if (!a->chunked || a->deaf || a->told)
		return 0;
	if (n > 0) {
		buf_printf(&a->out, "%zx\r\n", n);
		buf_add(&a->out, data, n);
		buf_adds(&a->out, "\r\n");
	} else {
		buf_adds(&a->out, "0\r\n\r\n");
		a->chunked = false;
	}
	flush(a);
	watch(a);
	a->blocked = waiting(a) > OUT_HIGH;
	return a->blocked;
}

/* ---- receiving ---- */

/* One event of the answer. False: it has ended, or this request was freed. */
static bool tell(struct http_ask *a, int event, const struct err *err)
{
	int status = http_parse_reply_status(&a->parse);

	if (event < 0)
		finish(a, err);
	else if (event == HTTP_PARSE_HEAD && status / 100 != 1 && a->hooks.head)
		a->hooks.head(a->ctx, status);
	else if (event == HTTP_PARSE_BODY && a->hooks.body)
		a->hooks.body(a->ctx, a->parse.body, a->parse.body_len);
	else if (event == HTTP_PARSE_END && status / 100 == 1)
		http_parse_reset(&a->parse);
	else if (event == HTTP_PARSE_END)
		finish(a, NULL);
	return !a->dead && !a->told;
}

static bool feed(struct http_ask *a, const char *data, size_t n)
{
	size_t at = 0, used = 0;
	struct err err = ERR_INIT;
	int event;

	while ((event = http_parse_feed(&a->parse, data + at, n - at, &used, &err)) != HTTP_PARSE_MORE) {
		at += used;
		if (!tell(a, event, &err))
			return false;
	}
	return true;
}

static void on_eof(struct http_ask *a, int code)
{
	struct err err = ERR_INIT;
	int r = code ? err_sys(&err, code, "read an answer") : http_parse_eof(&a->parse, &err);

	/* Between messages it is no end for us: the answer is missing. */
	if (r >= 0 && !a->parse.head_done)
		r = err_set(&err, EPROTO, "the connection ended without an answer");
	finish(a, r < 0 ? &err : NULL);
}

static void receive(struct http_ask *a)
{
	mem_cleanup char *data = mem_zalloc(1, PIECE);
	ssize_t n = recv(a->fd, data, PIECE, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		(void)feed(a, data, (size_t)n);
	else
		on_eof(a, n < 0 && errno != ECONNRESET ? errno : 0);
}

static void on_event(void *ctx, int events)
{
	struct http_ask *a = ctx;

	a->busy = true;
	/* A peer that is gone wakes a paused one for nothing but what is to be sent. */
	if (events & (LOOP_OUT | LOOP_HUP)) {
		flush(a);
		if (a->blocked && waiting(a) == 0) {
			a->blocked = false;
			if (a->hooks.drain)
				a->hooks.drain(a->ctx);
		}
	}
	if (!a->dead && !a->told && !a->paused && (events & LOOP_IN))
		receive(a);
	a->busy = false;
	if (a->dead)
		release(a);
	else
		watch(a);
}

void http_ask_pause(struct http_ask *a)
{
	a->paused = true;
	watch(a);
}

void http_ask_resume(struct http_ask *a)
{
	a->paused = false;
	watch(a);
}

/* ---- asking ---- */

/* Whoever makes a target encodes what it is made of; if not, nothing is to follow it as a request of its own. */
static bool is_one_word(const char *target)
{
	for (const char *p = target; *p; p++) {
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return false;
	}
	return true;
}

static void make_head(struct http_ask *a, const struct http_ask_what *w)
{
	buf_printf(&a->out, "%s %s HTTP/1.1\r\nHost: berth\r\nConnection: close\r\n", w->method, w->target);
	for (const char *const *h = w->headers; h && h[0] && h[1]; h += 2)
		buf_printf(&a->out, "%s: %s\r\n", h[0], h[1]);
	if (w->chunked)
		buf_adds(&a->out, "Transfer-Encoding: chunked\r\n");
	else if (w->n > 0 || !strcmp(w->method, "POST") || !strcmp(w->method, "PUT"))
		buf_printf(&a->out, "Content-Length: %zu\r\n", w->n);
	buf_adds(&a->out, "\r\n");
	buf_add(&a->out, w->body, w->n);
}

int http_ask_new(struct loop *l, int fd, const struct http_ask_what *what, const struct http_ask_hooks *hooks,
		 void *ctx, struct http_ask **ret, struct err *err)
{
	struct http_ask *a = mem_new(struct http_ask);
	int r;

	a->fd = fd;
	a->hooks = *hooks;
	a->ctx = ctx;
	a->chunked = what->chunked;
	a->out.limit = OUT_MAX;
	http_parse_init(&a->parse, HTTP_PARSE_REPLY, HEAD_MAX);
	a->parse.no_body = !strcmp(what->method, "HEAD");
	make_head(a, what);
	r = !is_one_word(what->target)
		? err_set(err, EINVAL, "the target of a request holds a blank or an end of a line")
	    : a->out.full ? err_set(err, E2BIG, "the request has more than %u bytes", OUT_MAX)
			  : loop_fd_new(l, fd, LOOP_IN | LOOP_OUT, on_event, a, &a->watch, err);
	if (r < 0) {
		release(a);
		return r;
	}
	*ret = a;
	return 0;
}

const char *http_ask_header(const struct http_ask *a, const char *name)
{
	return http_parse_header(&a->parse, name);
}

int64_t http_ask_length(const struct http_ask *a)
{
	const char *text = http_parse_header(&a->parse, "content-length");

	return text ? (int64_t)http_parse_length(&a->parse) : -1;
}
