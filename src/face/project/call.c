/* SPDX-License-Identifier: Apache-2.0 */
#include "face/project/call.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/http_dial.h"
#include "base/wire/http_parse.h"
#include "face/cli/client.h"

#include <string.h>
#include <sys/socket.h>

#define HEAD_MAX (64u << 10)
#define PIECE (32u << 10)

struct call {
	struct call_request rq; /* callbacks alone */
	struct http_parse parse;
	struct loop_fd *watch;
	struct buf reply;
	char *what; /* "POST /containers/create", for errors */
	int fd, status, depth;
	bool ended, dead;
};

static int send_all(int fd, const struct buf *b)
{
	for (size_t at = 0; at < b->len;) {
		ssize_t n = send(fd, b->data + at, b->len - at, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return -errno;
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* The daemon reads a request at once: to wait for it here costs nothing. */
int call_connect(const struct http_dial *d, const struct call_request *rq, const char *headers, struct err *err)
{
	struct buf b buf_cleanup = BUF_LIMIT(64u << 20);
	fd_cleanup int fd = http_dial(d, err);
	char host[HTTP_DIAL_HOST_MAX];
	int r;

	if (fd < 0)
		return client_unreachable(d, -fd, err);
	http_dial_host(d, host);
	buf_printf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: berth/" BERTH_VERSION "\r\n%s%s", rq->method,
		   rq->target, host, d->headers ? d->headers : "", headers);
	if (rq->tar) {
		buf_printf(&b, "Content-Type: application/x-tar\r\nContent-Length: %zu\r\n\r\n", rq->tar_len);
		buf_add(&b, rq->tar, rq->tar_len);
	} else if (rq->body) {
		buf_printf(&b, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(rq->body),
			   rq->body);
	} else {
		buf_adds(&b, strcmp(rq->method, "POST") ? "\r\n" : "Content-Length: 0\r\n\r\n");
	}
	if (b.full)
		return err_set(err, E2BIG, "%s %s: the request is too large", rq->method, rq->target);
	r = send_all(fd, &b);
	return r < 0 ? err_sys(err, -r, "send to \"%s\"", d->address) : fd_take(&fd);
}

static int code_of(int status)
{
	switch (status) {
	case 304:
		return 0;
	case 400:
		return EINVAL;
	case 403:
		return EACCES;
	case 404:
		return ENOENT;
	case 409:
		return EBUSY;
	default:
		return status / 100 == 2 ? 0 : EIO;
	}
}

static void end(struct call *c, const struct err *e)
{
	yyjson_doc *doc json_doc_cleanup = NULL;
	struct err own = ERR_INIT;
	const char *message = NULL;

	c->ended = true;
	c->watch = loop_fd_free(c->watch);
	fd_closep(&c->fd);
	if (!e && c->reply.len > 0)
		doc = json_parse(c->reply.data, c->reply.len, CLIENT_REPLY_MAX, "the reply of berth", NULL);
	if (!e && code_of(c->status) != 0) {
		if (doc && json_get_str(yyjson_doc_get_root(doc), "message", &message, NULL) == 0)
			err_set(&own, code_of(c->status), "%s", message);
		else
			err_set(&own, code_of(c->status), "%s: berth answered with HTTP status %d", c->what, c->status);
		e = &own;
	}
	c->rq.on_end(c->rq.ctx, c->status, doc ? yyjson_doc_get_root(doc) : NULL, e);
}

static void fail(struct call *c, int code, const char *text)
{
	struct err e = ERR_INIT;

	err_set(&e, code, "%s: %s", c->what, text);
	end(c, &e);
}

static void on_event(struct call *c, int event)
{
	if (event == HTTP_PARSE_HEAD) {
		c->status = http_parse_reply_status(&c->parse);
		if (c->rq.on_begin && c->status / 100 == 2)
			c->rq.on_begin(c->rq.ctx);
	} else if (event == HTTP_PARSE_BODY && c->rq.on_data && c->status / 100 == 2) {
		c->rq.on_data(c->rq.ctx, c->parse.body, c->parse.body_len);
	} else if (event == HTTP_PARSE_BODY && buf_add(&c->reply, c->parse.body, c->parse.body_len) < 0) {
		fail(c, E2BIG, "the reply is too large");
	} else if (event == HTTP_PARSE_END) {
		if (c->status / 100 == 1)
			http_parse_reset(&c->parse);
		else
			end(c, NULL);
	}
}

static void feed(struct call *c, const char *data, size_t n)
{
	struct err e = ERR_INIT;

	while (!c->ended && !c->dead) {
		size_t used = 0;
		int event = http_parse_feed(&c->parse, data, n, &used, &e);

		data += used;
		n -= used;
		if (event == HTTP_PARSE_MORE)
			return;
		if (event < 0)
			fail(c, EPROTO, "the reply is not proper HTTP");
		else
			on_event(c, event);
	}
}

static void really_free(struct call *c)
{
	loop_fd_free(c->watch);
	fd_closep(&c->fd);
	http_parse_free(&c->parse);
	buf_free(&c->reply);
	free(c->what);
	free(c);
}

static void on_ready(void *ctx, int events)
{
	struct call *c = ctx;
	char piece[PIECE];
	ssize_t n = recv(c->fd, piece, sizeof piece, MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	c->depth++;
	if (n > 0)
		feed(c, piece, (size_t)n);
	else if (http_parse_eof(&c->parse, NULL) == HTTP_PARSE_END && c->status)
		end(c, NULL);
	else
		fail(c, EPIPE, "berth closed the connection");
	if (--c->depth == 0 && c->dead)
		really_free(c);
}

int call_open(struct loop *l, const struct http_dial *d, const struct call_request *rq, struct call **ret,
	      struct err *err)
{
	struct call *c;
	int r, fd = call_connect(d, rq, "", err);

	if (fd < 0)
		return fd;
	c = mem_new(struct call);
	c->rq = *rq;
	c->fd = fd;
	c->what = mem_printf("%s %.200s", rq->method, rq->target);
	c->reply.limit = CLIENT_REPLY_MAX;
	http_parse_init(&c->parse, HTTP_PARSE_REPLY, HEAD_MAX);
	r = loop_fd_new(l, fd, LOOP_IN, on_ready, c, &c->watch, err);
	if (r < 0) {
		really_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

const char *call_header(const struct call *c, const char *name)
{
	return http_parse_header(&c->parse, name);
}

struct call *call_free(struct call *c)
{
	if (!c)
		return NULL;
	c->dead = true;
	c->watch = loop_fd_free(c->watch);
	if (c->depth == 0)
		really_free(c);
	return NULL;
}
