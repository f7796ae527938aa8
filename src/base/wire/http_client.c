/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire/http_client.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/http_dial.h"
#include "base/wire/http_parse.h"
#include "base/wire/http_unix.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX (64u << 10)
#define IN_SIZE (32u << 10)
#define COPY_SIZE (256u << 10)

struct http_client {
	int fd;
	const struct http_dial *dial;
	struct http_dial own; /* of a path alone */
	char *path;	      /* what the server is called in errors */
	char *prefix, *extra; /* or NULL */
	struct http_parse parse;
	bool open_reply;  /* a reply has begun and its end was not seen */
	bool upgrading;	  /* 101 was asked for */
	bool unsent;	  /* the server replied early: the rest of the request was not sent */
	const char *body; /* decoded bytes that were not handed out yet */
	size_t body_len;
	size_t in_at, in_len;
	char in[IN_SIZE];
};

int http_client_connect(const char *path, struct err *err)
{
	fd_cleanup int fd = -1;
	struct sockaddr_un a;
	int r = http_unix_address(path, &a, err);

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, errno, "open a socket");
	/* Blocking: a full backlog makes us wait. */
	while (connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
		if (errno != EINTR)
			return err_sys(err, errno, "connect to \"%s\"", path);
	return fd_take(&fd);
}

static int connect_nonblocking(const struct http_dial *d, struct err *err)
{
	fd_cleanup int fd = http_dial(d, err);
	int r = fd < 0 ? fd : fd_nonblock(fd);

	if (fd >= 0 && r < 0)
		return err_sys(err, -r, "connect to \"%s\"", d->address);
	return fd < 0 ? fd : fd_take(&fd);
}

int http_client_dial(const struct http_dial *d, struct http_client **ret, struct err *err)
{
	int fd = connect_nonblocking(d, err);
	struct http_client *c;

	if (fd < 0)
		return fd;
	c = mem_new(struct http_client);
	c->fd = fd;
	c->dial = d;
	c->path = mem_strdup(http_dial_path(d) ? http_dial_path(d) : d->address);
	http_parse_init(&c->parse, HTTP_PARSE_REPLY, HEAD_MAX);
	*ret = c;
	return 0;
}

int http_client_open(const char *socket_path, struct http_client **ret, struct err *err)
{
	const struct http_dial d = {.address = socket_path};
	int r = http_client_dial(&d, ret, err);

	if (r < 0)
		return r;
	(*ret)->own.address = (*ret)->path;
	(*ret)->dial = &(*ret)->own;
	return 0;
}

struct http_client *http_client_close(struct http_client *c)
{
	if (!c)
		return NULL;
	fd_closep(&c->fd);
	http_parse_free(&c->parse);
	free(c->path);
	free(c->prefix);
	free(c->extra);
	free(c);
	return NULL;
}

int http_client_fd(const struct http_client *c)
{
	return c->fd;
}

const char *http_client_header(struct http_client *c, const char *name)
{
	return http_parse_header(&c->parse, name);
}

/* Receiving */

static int64_t deadline_of(int timeout_ms)
{
	return timeout_ms < 0 ? INT64_MAX : clock_mono_ms() + timeout_ms;
}

/* > 0: ready, -EAGAIN: the time is over, -EINTR. */
static int wait_for(int fd, short events, int64_t deadline)
{
	struct pollfd pfd = {.fd = fd, .events = events};
	int64_t left = deadline == INT64_MAX ? -1 : deadline - clock_mono_ms();
	int r;

	if (deadline != INT64_MAX && left < 0)
		left = 0;
	r = poll(&pfd, 1, left > INT_MAX ? INT_MAX : (int)left);
	if (r < 0)
		return -errno;
	return r == 0 ? -EAGAIN : 1;
}

/* Reads what is there now. > 0, 0 at the end, -EAGAIN, or another -errno. A peer that closed with bytes of ours unread gives ECONNRESET
 * after its last byte: that is an end too, the parser knows whether a proper one. */
static ssize_t receive(struct http_client *c)
{
	ssize_t n;

	do {
		n = recv(c->fd, c->in, IN_SIZE, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == ECONNRESET || errno == EPIPE))
		n = 0;
	if (n < 0)
		return -errno;
	c->in_at = 0;
	c->in_len = (size_t)n;
	return n;
}

static int at_eof(struct http_client *c, struct err *err)
{
	int r = http_parse_eof(&c->parse, err);

	/* Between messages it is no end for us either: a reply is missing. */
	if (r == HTTP_PARSE_END && !c->open_reply)
		r = err_set(err, EPROTO, "the server at \"%s\" closed the connection without a reply%s", c->path,
			    c->dial->tls && http_dial_is_tcp(c->dial) ? "; it may refuse our certificate" : "");
	return r;
}

/* The next event of the reply; HTTP_PARSE_MORE when the bytes at hand are used up. */
static int next_event(struct http_client *c, struct err *err)
{
	size_t used = 0;
	int event = http_parse_feed(&c->parse, c->in + c->in_at, c->in_len - c->in_at, &used, err);

	c->in_at += used;
	if (event < 0) {
		err_wrap(err, "the reply from \"%s\" is not proper HTTP", c->path);
		return -EPROTO;
	}
	return event;
}

/* Looks at what has arrived. 1 when the head of the final reply is there, 0 when more is needed. */
static int find_head(struct http_client *c, struct err *err)
{
	int event;

	while ((event = next_event(c, err)) != HTTP_PARSE_MORE) {
		int status = http_parse_reply_status(&c->parse);

		if (event < 0)
			return event;
		if (event == HTTP_PARSE_HEAD && status == 101 && !c->upgrading)
			return err_set(err, EPROTO, "the server at \"%s\" changes the protocol unasked", c->path);
		if (event == HTTP_PARSE_HEAD && (status == 101 || status / 100 != 1)) {
			c->open_reply = true;
			return 1;
		}
		if (event == HTTP_PARSE_END)
			http_parse_reset(&c->parse);
	}
	return 0;
}

/* One look at the socket without waiting: 1 head, 0 not yet. */
static int poll_head(struct http_client *c, struct err *err)
{
	ssize_t n = receive(c);

	if (n == -EAGAIN)
		return 0;
	if (n < 0)
		return err_sys(err, (int)-n, "read from \"%s\"", c->path);
	return n == 0 ? at_eof(c, err) : find_head(c, err);
}

static int wait_head(struct http_client *c, struct err *err)
{
	int r;

	while ((r = poll_head(c, err)) == 0) {
		r = wait_for(c->fd, POLLIN, INT64_MAX);
		if (r < 0 && r != -EINTR)
			return err_sys(err, -r, "wait for \"%s\"", c->path);
	}
	return r < 0 ? r : http_parse_reply_status(&c->parse);
}

ssize_t http_client_read(struct http_client *c, void *data, size_t cap, int timeout_ms, struct err *err)
{
	int64_t deadline = deadline_of(timeout_ms);

	while (c->body_len == 0) {
		int event = c->open_reply ? next_event(c, err) : HTTP_PARSE_END;
		ssize_t n;

		if (event == HTTP_PARSE_MORE) {
			n = receive(c);
			if (n == -EAGAIN)
				n = wait_for(c->fd, POLLIN, deadline);
			if (n < 0)
				return err_sys(err, (int)-n, "read from \"%s\"", c->path);
			event = n == 0 ? at_eof(c, err) : HTTP_PARSE_MORE;
		}
		if (event < 0)
			return event;
		if (event == HTTP_PARSE_END) {
			c->open_reply = false;
			return 0;
		}
		if (event == HTTP_PARSE_BODY) {
			c->body = c->parse.body;
			c->body_len = c->parse.body_len;
		}
	}
	if (cap > c->body_len)
		cap = c->body_len;
	memcpy(data, c->body, cap);
	c->body += cap;
	c->body_len -= cap;
	return (ssize_t)cap;
}

int http_client_read_all(struct http_client *c, size_t limit, char **ret, size_t *ret_len, struct err *err)
{
	struct buf b buf_cleanup = BUF_LIMIT(limit ? limit : 1);
	char piece[8192];
	ssize_t n;

	while ((n = http_client_read(c, piece, sizeof piece, -1, err)) != 0) {
		if (n < 0 && n != -EINTR)
			return (int)n;
		if (n > 0 && (b.len + (size_t)n > limit || buf_add(&b, piece, (size_t)n) < 0))
			return err_set(err, E2BIG, "the reply is larger than %zu bytes", limit);
	}
	if (ret_len)
		*ret_len = b.len;
	*ret = buf_take(&b);
	return 0;
}

int http_client_read_into(struct http_client *c, int fd, struct err *err)
{
	mem_cleanup char *data = mem_zalloc(1, COPY_SIZE);
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = http_client_read(c, data, COPY_SIZE, -1, err)) != 0) {
		if (n < 0 && n != -EINTR)
			return (int)n;
		r = n > 0 ? fd_write_all(fd, data, (size_t)n) : 0;
	}
	return r < 0 ? err_sys(err, -r, "write what berth sends") : 0;
}

/* Sending */

/* Sends all of it. 0 = sent, 1 = the server has replied before it was sent, or a negative errno. */
static int send_bytes(struct http_client *c, const char *data, size_t n, struct err *err)
{
	while (n > 0) {
		struct pollfd pfd = {.fd = c->fd, .events = POLLIN | POLLOUT};
		ssize_t w;
		int r;

		if (poll(&pfd, 1, -1) < 0 && errno != EINTR)
			return err_sys(err, errno, "wait for \"%s\"", c->path);
		if (pfd.revents & (POLLIN | POLLHUP)) {
			r = poll_head(c, err);
			if (r != 0)
				return r;
		}
		w = send(c->fd, data, n, MSG_NOSIGNAL);
		if (w >= 0) {
			data += w;
			n -= (size_t)w;
		} else if (errno == EPIPE || errno == ECONNRESET) {
			/* The reply, if there is one, is in our receive buffer. */
			r = wait_head(c, err);
			return r < 0 ? r : 1;
		} else if (errno != EAGAIN && errno != EINTR) {
			return err_sys(err, errno, "send to \"%s\"", c->path);
		}
	}
	return 0;
}

/* Waits until there is something to upload, or the server has replied: 0 or 1, or a negative errno. */
static int wait_upload(struct http_client *c, int body_fd, struct err *err)
{
	for (;;) {
		struct pollfd pfd[2] = {{.fd = body_fd, .events = POLLIN}, {.fd = c->fd, .events = POLLIN}};

		if (poll(pfd, 2, -1) < 0 && errno != EINTR)
			return err_sys(err, errno, "wait for \"%s\"", c->path);
		if (pfd[1].revents) {
			int r = poll_head(c, err);

			if (r != 0)
				return r;
		}
		if (pfd[0].revents)
			return 0;
	}
}

/* The body as chunks (RFC 9112 section 7.1); the length line goes in front of what was read, so that one send does. */
static int send_fd(struct http_client *c, int body_fd, struct err *err)
{
	enum { ROOM = 20, PIECE = 64 << 10 };
	mem_cleanup char *piece = mem_zalloc(1, ROOM + PIECE + 2);
	int r;

	while ((r = wait_upload(c, body_fd, err)) == 0) {
		ssize_t n = read(body_fd, piece + ROOM, PIECE);
		char line[ROOM];
		int len;

		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return err_sys(err, errno, "read what is to be sent");
		if (n == 0)
			return send_bytes(c, "0\r\n\r\n", 5, err);
		len = snprintf(line, sizeof line, "%zx\r\n", (size_t)n);
		memcpy(piece + ROOM - len, line, (size_t)len);
		piece[ROOM + n] = '\r';
		piece[ROOM + n + 1] = '\n';
		r = send_bytes(c, piece + ROOM - len, (size_t)(len + n) + 2, err);
		if (r != 0)
			return r;
	}
	return r;
}

struct head {
	const char *method, *target, *content_type, *protocol;
	bool has_body, chunked;
	size_t n;
};

static int make_head(const struct http_client *c, struct buf *b, const struct head *h, struct err *err)
{
	char host[HTTP_DIAL_HOST_MAX];

	for (const char *p = h->target; *p; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
			return err_set(err, EINVAL, "the request target \"%s\" is not percent-encoded", h->target);
	http_dial_host(c->dial, host);
	buf_printf(b, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: berth/" BERTH_VERSION "\r\n%s%s", h->method, h->target,
		   host, c->dial->headers ? c->dial->headers : "", c->extra ? c->extra : "");
	if (h->protocol)
		buf_printf(b, "Connection: Upgrade\r\nUpgrade: %s\r\n", h->protocol);
	if (h->content_type)
		buf_printf(b, "Content-Type: %s\r\n", h->content_type);
	if (h->chunked)
		buf_adds(b, "Transfer-Encoding: chunked\r\n");
	else if (h->has_body || strcmp(h->method, "POST") == 0 || strcmp(h->method, "PUT") == 0)
		buf_printf(b, "Content-Length: %zu\r\n", h->n);
	buf_adds(b, "\r\n");
	return 0;
}

/* The connection of the last request serves again when both sides are through with it and it is quiet: anything to read is an end or an error. */
static bool can_reuse(struct http_client *c)
{
	struct pollfd pfd = {.fd = c->fd, .events = POLLIN};

	return !c->open_reply && !c->unsent && c->in_at == c->in_len && poll(&pfd, 1, 0) == 0 &&
	       (!c->parse.head_done || http_parse_keep_alive(&c->parse));
}

static int make_ready(struct http_client *c, bool is_head, struct err *err)
{
	int fd;

	if (!can_reuse(c)) {
		fd = connect_nonblocking(c->dial, err);
		if (fd < 0)
			return fd;
		fd_closep(&c->fd);
		c->fd = fd;
	}
	http_parse_reset(&c->parse);
	c->parse.no_body = is_head;
	c->open_reply = c->unsent = false;
	c->body_len = c->in_at = c->in_len = 0;
	return 0;
}

static int request(struct http_client *c, const struct head *h, const void *body, int body_fd, struct err *err)
{
	struct buf head buf_cleanup = BUF_INIT;
	int r = make_head(c, &head, h, err);

	if (r == 0)
		r = make_ready(c, strcmp(h->method, "HEAD") == 0, err);
	if (r < 0)
		return r;
	c->upgrading = h->protocol != NULL;
	c->unsent = true;
	r = send_bytes(c, head.data, head.len, err);
	if (r == 0 && body_fd >= 0)
		r = send_fd(c, body_fd, err);
	else if (r == 0 && h->n > 0)
		r = send_bytes(c, body, h->n, err);
	if (r < 0)
		return r;
	if (r > 0)
		return http_parse_reply_status(&c->parse);
	c->unsent = false;
	return wait_head(c, err);
}

void http_client_prefix(struct http_client *c, const char *prefix)
{
	free(c->prefix);
	c->prefix = mem_strdup(prefix);
}

void http_client_headers(struct http_client *c, const char *lines)
{
	free(c->extra);
	c->extra = mem_strdup(lines);
}

int http_client_request(struct http_client *c, const char *method, const char *target, const char *content_type,
			const void *body, size_t n, int body_fd, struct err *err)
{
	mem_cleanup char *full = c->prefix ? mem_printf("%s%s", c->prefix, target) : NULL;
	const struct head h = {.method = method,
			       .target = full ? full : target,
			       .content_type = content_type,
			       .has_body = body != NULL,
			       .chunked = body_fd >= 0,
			       .n = n};

	return request(c, &h, body, body_fd, err);
}

int http_client_upgrade(struct http_client *c, const char *target, const char *content_type, const void *body, size_t n,
			const char *protocol, struct err *err)
{
	mem_cleanup char *full = c->prefix ? mem_printf("%s%s", c->prefix, target) : NULL;
	const struct head h = {.method = "POST",
			       .target = full ? full : target,
			       .content_type = content_type,
			       .protocol = protocol,
			       .has_body = true,
			       .n = n};

	return request(c, &h, body, -1, err);
}

int http_client_take(struct http_client *c, struct buf *early)
{
	buf_add(early, c->in + c->in_at, c->in_len - c->in_at);
	c->in_at = c->in_len;
	return fd_take(&c->fd); /* the reply stays open: the next request connects anew */
}

char *http_url_encode(const char *s)
{
	static const char hex[] = "0123456789ABCDEF";
	char *text = mem_zalloc(strlen(s) + 1, 3), *out = text;

	/* RFC 3986 section 2.3: unreserved characters stay. */
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c)) {
			*out++ = (char)c;
		} else {
			*out++ = '%';
			*out++ = hex[c >> 4];
			*out++ = hex[c & 15];
		}
	}
	return text;
}
