/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/monitor.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/wire/json.h"
#include "base/core/guard.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

int monitor_listen(struct monitor *m, struct err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = "sock"};
	int r = 0;

	m->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (m->listen_fd < 0)
		return err_sys(err, errno, "make a socket");
	/* By its short name in the current directory: a path below a data directory can be longer than sun_path. */
	umask(0177);
	if (fchdir(m->dir) < 0 || bind(m->listen_fd, (struct sockaddr *)&addr, sizeof addr) < 0 ||
	    listen(m->listen_fd, MONITOR_CONNS) < 0)
		r = err_sys(err, errno, "listen on the container's socket");
	umask(022);
	if (chdir("/") < 0)
		r = err_sys(err, errno, "change to /");
	return r;
}

static void drop(struct monitor_conn *c)
{
	for (size_t i = 0; i < c->n_given; i++)
		close(c->given[i]);
	fd_closep(&c->fd);
	*c = (struct monitor_conn){.fd = -1};
}

void monitor_conn_send(struct monitor_conn *c, const char *line, size_t n, bool record)
{
	ssize_t w;

	if (c->fd < 0 || c->behind)
		return;
	do {
		w = send(c->fd, line, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (w < 0 && errno == EINTR);
	if (w == (ssize_t)n)
		return;
	if (w < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
		/* Later, whole: nobody depends on what was missed. A wake-up is made up for by the next one. */
		c->behind = record;
		return;
	}
	/* Gone, or half a line went out: a new connection starts with everything. */
	drop(c);
}

void monitor_conn_record(struct monitor *m, struct monitor_conn *c)
{
	buf_cleanup struct buf line = BUF_LIMIT(RECORD_MAX * 2);

	if (c->fd < 0)
		return;
	c->behind = false;
	record_write(&line, &m->rec);
	monitor_conn_send(c, line.data, line.len, true);
	monitor_exec_record(m, c);
}

void monitor_conn_add(struct monitor *m, int fd)
{
	struct monitor_conn *c = NULL;

	for (size_t i = 0; i < MONITOR_CONNS && !c; i++) {
		if (m->conns[i].fd < 0)
			c = &m->conns[i];
	}
	if (!c || fd_nonblock(fd) < 0) {
		close(fd);
		return;
	}
	*c = (struct monitor_conn){.fd = fd};
	monitor_conn_record(m, c);
}

void monitor_conn_accept(struct monitor *m)
{
	int fd = accept4(m->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer;
	socklen_t n = sizeof peer;

	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0 ||
	    (peer.uid != 0 && peer.uid != geteuid() && RT_GUARD(R14))) {
		close(fd);
		return;
	}
	monitor_conn_add(m, fd);
	monitor_network_catch_up(m);
}

/* The descriptor of a request that says it has one, or -1. They come in the order of the requests. */
static int take_given(struct monitor_conn *c, yyjson_val *v)
{
	int fd;

	if (!yyjson_get_bool(yyjson_obj_get(v, "fd")) || c->n_given == 0)
		return -1;
	fd = c->given[0];
	c->n_given--;
	memmove(c->given, c->given + 1, c->n_given * sizeof *c->given);
	return fd;
}

static void stream_request(struct monitor *m, struct monitor_conn *c, yyjson_val *v)
{
	yyjson_val *attach = yyjson_obj_get(v, "attach"), *exec = yyjson_obj_get(v, "exec"),
		   *size = yyjson_obj_get(v, "resize");
	int fd = take_given(c, v);

	if (attach && fd >= 0)
		monitor_stream_attach(m, attach, fd_take(&fd));
	else if (size && exec)
		monitor_exec_size(m, exec, size);
	else if (size)
		monitor_stream_size(&m->flow, size);
	else if (exec)
		monitor_exec_start(m, v, fd_take(&fd));
	fd_closep(&fd);
}

static void request(struct monitor *m, struct monitor_conn *c, const char *line, size_t n)
{
	json_doc_cleanup yyjson_doc *doc = json_parse(line, n, MONITOR_LINE_MAX, "request", NULL);
	yyjson_val *v = doc ? yyjson_doc_get_root(doc) : NULL;
	bool follow = c->follow;
	int64_t number, signal = 0;

	if (!yyjson_is_obj(v))
		return;
	if (yyjson_obj_get(v, "re"))
		monitor_wish(m, c, v);
	if (json_get_int(v, "kill", 1, 64, &number, NULL) == 0)
		monitor_kill(m, (int)number);
	if (json_get_int(v, "stop", -1, INT64_MAX / 2, &number, NULL) == 0 &&
	    json_opt_int(v, "signal", 0, 64, &signal, NULL) == 0)
		monitor_stop(m, (int)signal, number);
	if (json_get_bool(v, "follow", &follow, NULL) == 0) {
		/* Also says "I have read what you told me about". */
		c->follow = c->armed = follow;
	}
	stream_request(m, c, v);
}

/* A read stops behind the bytes that a descriptor came with (unix(7)), so that few can wait for their requests. */
static ssize_t receive(struct monitor_conn *c)
{
	int fds[FD_MSG_MAX];
	size_t n_fds = 0;
	ssize_t r = fd_recv_msg(c->fd, c->in + c->n_in, sizeof c->in - c->n_in, fds, &n_fds);

	for (size_t i = 0; r > 0 && i < n_fds; i++) {
		if (c->n_given == MONITOR_GIVEN_MAX)
			close(fds[i]);
		else
			c->given[c->n_given++] = fds[i];
	}
	return r;
}

bool monitor_conn_input(struct monitor *m, struct monitor_conn *c)
{
	ssize_t r = c->fd >= 0 ? receive(c) : -EAGAIN;
	char *end;

	if (r == -EAGAIN)
		return false;
	if (r <= 0) {
		drop(c);
		return false;
	}
	c->n_in += (size_t)r;
	while (c->fd >= 0 && (end = memchr(c->in, '\n', c->n_in))) {
		size_t n = (size_t)(end - c->in) + 1;

		request(m, c, c->in, n - 1);
		/* Whoever asked has gone meanwhile, which an answer shows: nothing is left of the connection. */
		if (c->fd < 0)
			return false;
		c->n_in -= n;
		memmove(c->in, end + 1, c->n_in);
	}
	if (c->n_in == sizeof c->in)
		drop(c);
	return true;
}

void monitor_conn_wake(struct monitor *m)
{
	static const char wake[] = "{\"log\":\"more\"}\n", rotated[] = "{\"log\":\"rotated\"}\n";

	for (size_t i = 0; i < MONITOR_CONNS; i++) {
		struct monitor_conn *c = &m->conns[i];

		if (c->fd < 0 || !c->follow)
			continue;
		/* Told at once: a reader opens the new file before it can be rotated away. */
		if (m->log.rotated)
			monitor_conn_send(c, rotated, sizeof rotated - 1, false);
		if (!c->armed || c->woke_at == m->log.total)
			continue;
		c->armed = false;
		c->woke_at = m->log.total;
		monitor_conn_send(c, wake, sizeof wake - 1, false);
	}
	m->log.rotated = false;
}
