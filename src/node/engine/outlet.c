/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/outlet.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/random.h"

#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MESSAGE_MAX (OUTLET_FIXED_MAX + OUTLET_LINE_MAX + 4096)

/* The unfinished line of one stream. */
struct begun {
	struct buf text;
	char part[65];
	unsigned ordinal;
};

struct outlet {
	struct outlet_form form;
	int fd;
	struct begun begun[2];
	struct buf message; /* not taken yet; a stream may have taken a part of it */
	bool cut;	    /* it has */
	bool called;	    /* the receiver was called again for it */
	/* the rest of the piece, which waits for that */
	unsigned char *rest;
	size_t rest_at, rest_n;
	int rest_stream;
	int64_t rest_ns;
};

/* ---- connecting ---- */

/* Both kinds of a socket at a path are tried, that which is asked for first: programs differ in what they listen at. */
static int connect_path(const char *path, bool stream, struct err *err)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int code = 0;

	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	for (int i = 0; i < 2; i++) {
		fd_cleanup int fd =
		    socket(AF_UNIX, (stream != (i == 1) ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
			return fd_take(&fd);
		if (i == 0 || errno != EPROTOTYPE)
			code = errno;
		if (code != EPROTOTYPE)
			break;
	}
	return err_sys(err, code, "connect to \"%s\"", path);
}

static int connect_local(struct err *err)
{
	static const char *const paths[] = {"/dev/log", "/run/log", "/var/run/syslog"};

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		int fd = connect_path(paths[i], false, NULL);

		if (fd >= 0)
			return fd;
	}
	return err_set(err, ENOENT, "there is no syslog on this machine: nobody answers at /dev/log");
}

static int begin_connect(const struct addrinfo *a, int patience_ms)
{
	fd_cleanup int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	socklen_t n = sizeof(int);
	int code = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
		return fd_take(&fd);
	if (errno != EINPROGRESS)
		return -errno;
	if (patience_ms == 0)
		return fd_take(&fd);
	if (poll(&p, 1, patience_ms) != 1)
		return -ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &n) < 0)
		return -errno;
	return code ? -code : fd_take(&fd);
}

static int connect_host(const struct outlet_form *f, int patience_ms, struct err *err)
{
	struct addrinfo hints = {.ai_socktype = f->way == OUTLET_TCP ? SOCK_STREAM : SOCK_DGRAM,
				 .ai_flags = AI_NUMERICSERV},
			*found = NULL;
	int r = getaddrinfo(f->host, f->port, &hints, &found), fd = -ENOENT;

	if (r != 0)
		return err_set(err, ENOENT, "the syslog server \"%s\" is not found: %s", f->host, gai_strerror(r));
	for (struct addrinfo *a = found; a && fd < 0; a = a->ai_next)
		fd = begin_connect(a, patience_ms);
	freeaddrinfo(found);
	return fd < 0 ? err_sys(err, -fd, "connect to the syslog server %s port %s", f->host, f->port) : fd;
}

/* Later on a host is not looked up again, which could take long: the address that was found is its name then. */
static void keep_address(struct outlet *o)
{
	struct sockaddr_storage a;
	socklen_t n = sizeof a;
	char host[NI_MAXHOST];

	if (o->form.way != OUTLET_UDP && o->form.way != OUTLET_TCP)
		return;
	if (getpeername(o->fd, (struct sockaddr *)&a, &n) < 0 ||
	    getnameinfo((struct sockaddr *)&a, n, host, sizeof host, NULL, 0, NI_NUMERICHOST) != 0)
		return;
	free(o->form.host);
	o->form.host = mem_strdup(host);
}

static int connect_outlet(struct outlet *o, int patience_ms, struct err *err)
{
	const struct outlet_form *f = &o->form;

	if (f->driver == SPEC_LOG_JOURNALD)
		o->fd = connect_path(f->host ? f->host : OUTLET_JOURNAL, false, err);
	else if (f->way == OUTLET_UDP || f->way == OUTLET_TCP)
		o->fd = connect_host(f, patience_ms, err);
	else if (f->host)
		o->fd = connect_path(f->host, f->way == OUTLET_STREAM, err);
	else
		o->fd = connect_local(err);
	return o->fd < 0 ? o->fd : 0;
}

int outlet_open_form(struct outlet_form *form, int patience_ms, struct outlet **ret, struct err *err)
{
	struct outlet *o = mem_new(struct outlet);
	int r;

	*o = (struct outlet){.form = *form, .fd = -1, .message = BUF_LIMIT(MESSAGE_MAX)};
	*form = (struct outlet_form){.pid = 0};
	for (int i = 0; i < 2; i++)
		o->begun[i].text = (struct buf)BUF_LIMIT(OUTLET_LINE_MAX);
	r = connect_outlet(o, patience_ms, err);
	if (r < 0) {
		outlet_free(o);
		return err_wrap(err, "failed to initialize logging driver");
	}
	keep_address(o);
	*ret = o;
	return 0;
}

int outlet_open(const struct spec *spec, const struct outlet_about *about, int patience_ms, struct outlet **ret,
		struct err *err)
{
	struct outlet_form form;
	int r;

	*ret = NULL;
	if (spec->log_driver != SPEC_LOG_JOURNALD && spec->log_driver != SPEC_LOG_SYSLOG)
		return 0;
	r = outlet_form_make(spec->log_driver, spec->log_options, about, &form, err);
	if (r == 0)
		r = outlet_open_form(&form, patience_ms, ret, err);
	outlet_form_free(&form);
	return r;
}

struct outlet *outlet_free(struct outlet *o)
{
	if (!o)
		return NULL;
	fd_closep(&o->fd);
	for (int i = 0; i < 2; i++)
		buf_free(&o->begun[i].text);
	buf_free(&o->message);
	free(o->rest);
	outlet_form_free(&o->form);
	free(o);
	return NULL;
}

/* ---- sending ---- */

static bool is_stream(const struct outlet *o)
{
	return o->form.driver == SPEC_LOG_SYSLOG && (o->form.way == OUTLET_STREAM || o->form.way == OUTLET_TCP);
}

static bool is_broken(int code)
{
	return code == ECONNREFUSED || code == EPIPE || code == ECONNRESET || code == ENOTCONN || code == ETIMEDOUT ||
	       code == EHOSTUNREACH || code == ENETUNREACH || code == EDESTADDRREQ;
}

/* The receiver has gone: it may have been started again. A message that it has got a part of is not begun anew. */
static bool call_again(struct outlet *o)
{
	fd_closep(&o->fd);
	if (o->called || o->cut)
		return false;
	o->called = true;
	return connect_outlet(o, 0, NULL) == 0;
}

static ssize_t send_some(struct outlet *o)
{
	ssize_t n;

	do {
		n = send(o->fd, o->message.data, o->message.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* Until it waits, or is done with: taken, or lost. */
static void send_message(struct outlet *o)
{
	while (o->message.len > 0) {
		ssize_t n = o->fd < 0 ? -EPIPE : send_some(o);

		if (n >= 0) {
			buf_drop(&o->message, (size_t)n);
			o->cut = o->message.len > 0;
		} else if (n == -EAGAIN && (!o->form.lossy || o->cut)) {
			return;
		} else if (!is_broken((int)-n) || !call_again(o)) {
			buf_clear(&o->message);
		}
	}
	o->cut = false;
}

/* A server that has closed its side would take one more message, and lose it. */
static void look_after(struct outlet *o)
{
	char c;

	if (o->fd >= 0 && is_stream(o) && recv(o->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
		fd_closep(&o->fd);
}

static void say(struct outlet *o, const struct outlet_line *line)
{
	outlet_message(&o->form, line, &o->message);
	o->cut = o->called = false;
	if (o->message.full)
		buf_free(&o->message);
	send_message(o);
}

/* The text so far becomes a message, as a part of a line or a whole one. */
static void say_begun(struct outlet *o, int stream, int64_t time_ns, bool last)
{
	struct begun *b = &o->begun[stream - 1];
	struct outlet_line line = {.stream = stream,
				   .time_ns = time_ns,
				   .data = (const unsigned char *)buf_str(&b->text),
				   .n = b->text.len,
				   .last = last};

	if (!last && !*b->part)
		random_hex(b->part, 64);
	if (*b->part) {
		line.ordinal = ++b->ordinal;
		memcpy(line.part, b->part, sizeof line.part);
	}
	say(o, &line);
	buf_clear(&b->text);
	if (last) {
		b->part[0] = '\0';
		b->ordinal = 0;
	}
}

/* One message at the most; returns how much was used. */
static size_t take_line(struct outlet *o, int stream, int64_t time_ns, const unsigned char *data, size_t n)
{
	struct buf *text = &o->begun[stream - 1].text;
	const unsigned char *end = memchr(data, '\n', n);
	size_t piece = end ? (size_t)(end - data) : n, room = OUTLET_LINE_MAX - text->len;

	if (piece > room) {
		buf_add(text, data, room);
		say_begun(o, stream, time_ns, false);
		return room;
	}
	buf_add(text, data, piece);
	if (!end)
		return n;
	say_begun(o, stream, time_ns, true);
	return piece + 1;
}

void outlet_write(struct outlet *o, int stream, int64_t time_ns, const unsigned char *data, size_t n)
{
	size_t done = 0;

	look_after(o);
	while (done < n && o->message.len == 0)
		done += take_line(o, stream, time_ns, data + done, n - done);
	if (done == n)
		return;
	o->rest = mem_dup(data + done, n - done);
	o->rest_at = 0;
	o->rest_n = n - done;
	o->rest_stream = stream;
	o->rest_ns = time_ns;
}

static void free_rest(struct outlet *o)
{
	free(o->rest);
	o->rest = NULL;
	o->rest_n = 0;
}

void outlet_flush(struct outlet *o)
{
	send_message(o);
	while (o->rest_n > 0 && o->message.len == 0) {
		size_t n = take_line(o, o->rest_stream, o->rest_ns, o->rest + o->rest_at, o->rest_n);

		o->rest_at += n;
		o->rest_n -= n;
	}
	if (o->rest_n == 0)
		free_rest(o);
}

void outlet_finish(struct outlet *o)
{
	for (int stream = 1; stream <= 2; stream++) {
		if (o->message.len == 0 && o->begun[stream - 1].text.len > 0)
			say_begun(o, stream, o->rest_ns, true);
	}
}

bool outlet_busy(const struct outlet *o)
{
	return o->message.len > 0 || o->rest_n > 0;
}

int outlet_fd(const struct outlet *o)
{
	return o->fd;
}
