/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/test/fake_server.h"

#include "base/core/buf.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "face/cli/cli.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ROUTES_MAX 32
#define CONNECTIONS_MAX 256

struct cli_hooks test_hooks;

struct fake {
	const struct fake_route *routes;
	bool used[ROUTES_MAX];
	char dir[64], socket[96];
	int listener;
	pthread_t acceptor;
	pthread_t connections[CONNECTIONS_MAX];
	int fds[CONNECTIONS_MAX];
	size_t n;
	pthread_mutex_t lock;
	pthread_cond_t logged;
	struct buf log;
	bool stopping;
};

struct connection {
	struct fake *fake;
	int fd;
};

static size_t content_length(const char *head)
{
	const char *line = strcasestr(head, "\r\ncontent-length:");

	return line ? (size_t)strtoul(line + 17, NULL, 10) : 0;
}

/* Reads one request into `in`; false at the end of the connection. */
static bool read_request(int fd, struct buf *in)
{
	char piece[4096];
	const char *end;
	ssize_t n;

	buf_clear(in);
	while ((n = read(fd, piece, sizeof piece)) > 0) {
		buf_add(in, piece, (size_t)n);
		end = strstr(buf_str(in), "\r\n\r\n");
		if (!end)
			continue;
		if (strcasestr(in->data, "transfer-encoding: chunked")
			? strstr(end, "0\r\n\r\n") != NULL
			: (size_t)(in->data + in->len - end - 4) >= content_length(in->data))
			return true;
	}
	return false;
}

static bool was_asked(struct fake *f, const char *request)
{
	mem_cleanup char *line = mem_printf("\n%s", request);

	return strncmp(buf_str(&f->log), request, strlen(request)) == 0 || strstr(buf_str(&f->log), line);
}

static const struct fake_route *route_of(struct fake *f, const char *request)
{
	for (size_t i = 0; f->routes[i].request; i++) {
		if (f->used[i] || strncmp(request, f->routes[i].request, strlen(f->routes[i].request)) != 0)
			continue;
		f->used[i] = f->routes[i].once;
		return &f->routes[i];
	}
	return NULL;
}

static void send_all(int fd, const void *data, size_t n)
{
	const char *p = data;
	ssize_t sent;

	while (n > 0 && (sent = send(fd, p, n, MSG_NOSIGNAL)) > 0) {
		p += sent;
		n -= (size_t)sent;
	}
}

static bool answer(struct fake *f, int fd, const struct fake_route *r)
{
	size_t len = r->len    ? r->len
		     : r->body ? strlen(r->body)
			       : 0,
	       all = len + r->more_len + (r->hold || r->cut ? 1000 : 0);
	mem_cleanup char *head = r->status == 204
				     ? mem_strdup("HTTP/1.1 204 No Content\r\n\r\n")
				     : mem_printf("HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n", r->status, all);

	send_all(fd, head, strlen(head));
	send_all(fd, r->body, len);
	if (r->signal)
		kill(getpid(), r->signal);
	if (r->after) {
		pthread_mutex_lock(&f->lock);
		while (!f->stopping && !was_asked(f, r->after))
			pthread_cond_wait(&f->logged, &f->lock);
		pthread_mutex_unlock(&f->lock);
		send_all(fd, r->more, r->more_len);
	}
	return !r->cut;
}

static void log_request(struct fake *f, const struct buf *in)
{
	const char *text = buf_str(in), *body = strstr(text, "\r\n\r\n") + 4;
	size_t line = strcspn(text, "\r") - strlen(" HTTP/1.1");

	buf_add(&f->log, text, line);
	buf_addc(&f->log, '\n');
	buf_add(&f->log, body, in->len - (size_t)(body - text));
	buf_addc(&f->log, '\n');
	pthread_cond_broadcast(&f->logged);
}

static void *serve(void *ctx)
{
	static const struct fake_route missing = {.status = 404, .body = "{\"message\": \"nothing of that name\"}"};
	struct connection *c = ctx;
	struct buf in = BUF_INIT;
	bool go_on = true;

	while (go_on && read_request(c->fd, &in)) {
		const struct fake_route *r;

		pthread_mutex_lock(&c->fake->lock);
		log_request(c->fake, &in);
		r = route_of(c->fake, buf_str(&in));
		pthread_mutex_unlock(&c->fake->lock);
		go_on = answer(c->fake, c->fd, r ? r : &missing);
	}
	shutdown(c->fd, SHUT_RDWR);
	buf_free(&in);
	free(c);
	return NULL;
}

static void *accept_all(void *ctx)
{
	struct fake *f = ctx;
	int fd;

	while ((fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		struct connection *c = mem_new(struct connection);

		*c = (struct connection){.fake = f, .fd = fd};
		pthread_mutex_lock(&f->lock);
		f->fds[f->n] = fd;
		if (f->stopping || f->n == CONNECTIONS_MAX ||
		    pthread_create(&f->connections[f->n], NULL, serve, c) != 0)
			abort();
		f->n++;
		pthread_mutex_unlock(&f->lock);
	}
	return NULL;
}

struct fake *fake_start(const struct fake_route *routes)
{
	struct fake *f = mem_new(struct fake);
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	sigset_t all, before;

	f->routes = routes;
	snprintf(f->dir, sizeof f->dir, "/tmp/berth-cli-test-XXXXXX");
	if (!mkdtemp(f->dir))
		abort();
	snprintf(f->socket, sizeof f->socket, "%s/s", f->dir);
	snprintf(a.sun_path, sizeof a.sun_path, "%s", f->socket);
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->logged, NULL);
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(f->listener, (struct sockaddr *)&a, sizeof a) < 0 || listen(f->listener, 16) < 0)
		abort();
	sigfillset(&all); /* signals are for the thread of the command line */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&f->acceptor, NULL, accept_all, f) != 0)
		abort();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return f;
}

struct fake *fake_stop(struct fake *f)
{
	shutdown(f->listener, SHUT_RDWR);
	pthread_join(f->acceptor, NULL);
	pthread_mutex_lock(&f->lock);
	f->stopping = true;
	for (size_t i = 0; i < f->n; i++)
		shutdown(f->fds[i], SHUT_RDWR);
	pthread_cond_broadcast(&f->logged);
	pthread_mutex_unlock(&f->lock);
	for (size_t i = 0; i < f->n; i++) {
		pthread_join(f->connections[i], NULL);
		close(f->fds[i]);
	}
	close(f->listener);
	unlink(f->socket);
	rmdir(f->dir);
	buf_free(&f->log);
	pthread_cond_destroy(&f->logged);
	pthread_mutex_destroy(&f->lock);
	free(f);
	return NULL;
}

const char *fake_socket(const struct fake *f)
{
	return f->socket;
}

const char *fake_dir(const struct fake *f)
{
	return f->dir;
}

const char *fake_log(struct fake *f)
{
	return buf_str(&f->log);
}

static char *contents(int fd)
{
	char *text = NULL;
	size_t n;

	lseek(fd, 0, SEEK_SET);
	if (fd_read_all(fd, 64u << 20, &text, &n) < 0)
		abort();
	return text;
}

struct outcome run_words(const char *socket, const char *const *words)
{
	fd_cleanup int out = memfd_create("out", MFD_CLOEXEC);
	fd_cleanup int err = memfd_create("err", MFD_CLOEXEC);
	fd_cleanup int saved_out = dup(STDOUT_FILENO);
	fd_cleanup int saved_err = dup(STDERR_FILENO);
	char *argv[64] = {(char *)"berth"};
	struct outcome o;
	int n = 1;

	while (words[n - 1] && n < 63) {
		argv[n] = (char *)words[n - 1];
		n++;
	}
	if (socket)
		setenv("BERTH_SOCKET", socket, 1);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	o.status = cli_main(n, argv, &test_hooks);
	fflush(stdout);
	dup2(saved_out, STDOUT_FILENO);
	dup2(saved_err, STDERR_FILENO);
	o.out = contents(out);
	o.err = contents(err);
	return o;
}

void outcome_free(struct outcome *o)
{
	free(o->out);
	free(o->err);
}
