/* SPDX-License-Identifier: Apache-2.0 */
#include "http_lib.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/group.h"
#include "base/core/loop.h"
#include "base/core/mem.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* A generous end of patience: reached only when something hangs. */
#define PATIENCE_MS 100000

struct thread {
	struct http_lib t; /* first, so that the two are one pointer */
	struct loop *loop;
	struct loop_post *post;
	pthread_t id;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	void (*call)(struct http_lib *t);
	bool stopping;
};

/* What a request of /stream or /upload remembers. */
struct job {
	struct http_lib *t;
	struct http_req *r;
	struct loop_timer *timer;
	long left, total;
};

static void note_buffered(struct http_lib *t)
{
	long n = (long)http_server_buffered(t->server);

	if (n > atomic_load(&t->max_buffered))
		atomic_store(&t->max_buffered, n);
}

static void on_close(struct http_req *r, void *ctx)
{
	struct http_lib *t = ctx;
	struct job *job = http_req_data(r);

	if (job)
		loop_timer_free(job->timer);
	free(job);
	atomic_fetch_add(&t->closed, 1);
}

static struct job *job_new(struct http_lib *t, struct http_req *r)
{
	struct job *job = mem_new(struct job);

	job->t = t;
	job->r = r;
	http_req_set_data(r, job);
	return job;
}

static void stream_more(struct http_req *r, void *ctx)
{
	struct job *job = ctx;
	char piece[1000];

	memset(piece, 's', sizeof piece);
	while (job->left > 0) {
		size_t n = job->left < 1000 ? (size_t)job->left : 1000;

		job->left -= (long)n;
		atomic_fetch_add(&job->t->streamed, (long)n);
		if (http_reply_data(r, piece, n))
			break;
	}
	note_buffered(job->t);
	if (job->left == 0)
		http_reply_end(r);
}

static void stream(struct http_lib *t, struct http_req *r)
{
	const char *n = http_req_query(r, "n");
	struct job *job = job_new(t, r);

	job->left = n ? strtol(n, NULL, 10) : 10;
	http_reply_begin(r, 200, "text/plain");
	http_reply_on_drain(r, stream_more, job);
	stream_more(r, job);
}

static void resume(void *ctx)
{
	struct job *job = ctx;

	http_req_resume(job->r);
}

static void on_upload(struct http_req *r, void *ctx, const void *data, size_t n)
{
	struct job *job = ctx;
	char text[64];

	(void)data;
	note_buffered(job->t);
	job->total += (long)n;
	atomic_fetch_add(&job->t->body_bytes, (long)n);
	if (n > 0) {
		http_req_pause(r);
		loop_timer_arm(job->timer, 0);
		return;
	}
	snprintf(text, sizeof text, "%ld", job->total);
	http_reply(r, 200, "text/plain", text, strlen(text));
}

static void on_early(struct http_req *r, void *ctx, const void *data, size_t n)
{
	(void)ctx;
	(void)data;
	if (n > 0)
		http_reply(r, 409, "text/plain", "early", 5);
}

static void info(struct http_req *r)
{
	const char *a = http_req_query(r, "a"), *x = http_req_header(r, "X-test");
	char *text = mem_printf("%s %s a=%s x=%s uid=%u", http_req_method(r), http_req_path(r), a ? a : "-",
				x ? x : "-", http_req_peer_uid(r));

	http_reply(r, 200, "text/plain", text, strlen(text));
	free(text);
}

struct given {
	struct http_lib *t;
	int fd;
};

static void *count(void *ctx)
{
	struct given *g = ctx;
	char *piece = mem_zalloc(1, 100000);
	char text[32];
	ssize_t n;
	long total = 0;

	fcntl(g->fd, F_SETFL, 0);
	while ((n = recv(g->fd, piece, 100000, 0)) > 0)
		total += n;
	snprintf(text, sizeof text, "%ld", total);
	http_lib_send(g->fd, text, strlen(text));
	memset(piece, 0, 100000);
	for (int i = 0; i < 10; i++)
		http_lib_send(g->fd, piece, 100000);
	free(piece);
	close(g->fd);
	atomic_fetch_add(&g->t->given, 1);
	free(g);
	return NULL;
}

static void on_given(void *ctx, int fd)
{
	struct given *g = mem_new(struct given);
	pthread_t id;

	*g = (struct given){.t = ctx, .fd = fd};
	atomic_fetch_add(&g->t->taken, 1);
	assert_int_equal(pthread_create(&id, NULL, count, g), 0);
	pthread_detach(id);
}

static void on_headers(struct http_req *r, void *ctx)
{
	struct thread *th = ctx;

	http_req_on_close(r, on_close, &th->t);
	atomic_fetch_add(&th->t.requests, 1);
	if (strcmp(http_req_path(r), "/refuse") == 0) {
		http_reply_json(r, 403, "{\"message\":\"no\"}");
	} else if (strcmp(http_req_path(r), "/upload") == 0) {
		struct job *job = job_new(&th->t, r);

		job->timer = loop_timer_new(th->loop, resume, job);
		http_req_stream_body(r, on_upload, job);
	} else if (strcmp(http_req_path(r), "/early") == 0) {
		http_req_stream_body(r, on_early, NULL);
	}
}

static void on_request(struct http_req *r, void *ctx)
{
	struct thread *th = ctx;
	const char *path = http_req_path(r);
	struct err err = ERR_INIT;
	size_t n;

	note_buffered(&th->t);
	if (strcmp(path, "/hello") == 0) {
		http_reply(r, 200, "text/plain", "hello", 5);
	} else if (strcmp(path, "/echo") == 0) {
		const char *body = http_req_body(r, &n);

		http_reply(r, 200, NULL, body, n);
	} else if (strncmp(path, "/info", 5) == 0) {
		info(r);
	} else if (strcmp(path, "/stream") == 0) {
		stream(&th->t, r);
	} else if (strcmp(path, "/none") == 0) {
		http_reply(r, 204, NULL, NULL, 0);
	} else if (strcmp(path, "/err") == 0) {
		err_set(&err, EEXIST, "there is \"one\" already");
		http_reply_err(r, &err);
	} else if (strcmp(path, "/twice") == 0) {
		http_reply(r, 200, NULL, "1", 1);
		http_reply(r, 200, NULL, "2", 1);
	} else if (strcmp(path, "/sized") == 0) {
		http_reply_header(r, "X-Test", "a\r\nX-Other: b");
		http_reply_begin_sized(r, 206, "text/plain", 7);
		http_reply_data(r, "12345", 5);
		http_reply_data(r, "67890", 5);
		http_reply_end(r);
	} else if (strcmp(path, "/short") == 0) {
		http_reply_begin_sized(r, 200, "text/plain", 7);
		http_reply_data(r, "12345", 5);
		http_reply_end(r);
	} else if (strcmp(path, "/hijack") == 0) {
		http_req_hijack(r, "tcp", "test/raw", on_given, &th->t);
	} else if (strcmp(path, "/hold") == 0) {
		http_reply_begin(r, 200, NULL);
		http_reply_data(r, "first", 5);
	} else if (strcmp(path, "/wait") != 0 && strcmp(path, "/upload") != 0 && strcmp(path, "/early") != 0) {
		http_reply_json(r, 404, "{\"message\":\"no such path\"}");
	}
}

static void on_post(void *ctx)
{
	struct thread *th = ctx;

	pthread_mutex_lock(&th->lock);
	if (th->call)
		th->call(&th->t);
	th->call = NULL;
	if (th->stopping) {
		th->t.server = http_server_free(th->t.server);
		loop_stop(th->loop);
	}
	pthread_cond_signal(&th->changed);
	pthread_mutex_unlock(&th->lock);
}

static void *run(void *ctx)
{
	struct thread *th = ctx;

	loop_run(th->loop, NULL);
	return NULL;
}

struct http_lib *http_lib_start(const struct http_limits *limits)
{
	return http_lib_start_tls(limits, NULL);
}

struct http_lib *http_lib_start_tls(const struct http_limits *limits, struct tls *tls)
{
	struct thread *th = mem_new(struct thread);
	struct http_handler h = {.on_headers = on_headers, .on_request = on_request, .ctx = th};
	struct err err = ERR_INIT;
	int fd;

	snprintf(th->t.dir, sizeof th->t.dir, "/tmp/berth-http-XXXXXX");
	assert_non_null(mkdtemp(th->t.dir));
	snprintf(th->t.path, sizeof th->t.path, "%s/sock", th->t.dir);
	fd = http_listen_unix(th->t.path, 0660, GROUP_NONE, &err);
	assert_true(fd >= 0);
	assert_int_equal(loop_new(&th->loop, &err), 0);
	assert_int_equal(loop_post_new(th->loop, on_post, th, &th->post, &err), 0);
	assert_int_equal(http_server_new(th->loop, fd, limits, &h, &th->t.server, &err), 0);
	http_server_use_tls(th->t.server, tls);
	pthread_mutex_init(&th->lock, NULL);
	pthread_cond_init(&th->changed, NULL);
	assert_int_equal(pthread_create(&th->id, NULL, run, th), 0);
	return &th->t;
}

void http_lib_call(struct http_lib *t, void (*fn)(struct http_lib *t))
{
	struct thread *th = (struct thread *)t;

	pthread_mutex_lock(&th->lock);
	th->call = fn;
	loop_post_send(th->post);
	while (th->call)
		pthread_cond_wait(&th->changed, &th->lock);
	pthread_mutex_unlock(&th->lock);
}

void http_lib_stop(struct http_lib *t)
{
	struct thread *th = (struct thread *)t;

	pthread_mutex_lock(&th->lock);
	th->stopping = true;
	pthread_mutex_unlock(&th->lock);
	loop_post_send(th->post);
	pthread_join(th->id, NULL);
	http_lib_until(&t->given, atomic_load(&t->taken));
	loop_post_free(th->post);
	loop_free(th->loop);
	unlink(t->path);
	rmdir(t->dir);
	assert_int_equal(atomic_load(&t->requests), atomic_load(&t->closed));
	pthread_mutex_destroy(&th->lock);
	pthread_cond_destroy(&th->changed);
	free(th);
}

void http_lib_until(atomic_long *number, long at_least)
{
	struct timespec pause = {.tv_nsec = 1000000};

	for (int i = 0; atomic_load(number) < at_least; i++) {
		assert_true(i < PATIENCE_MS);
		nanosleep(&pause, NULL);
	}
}

int http_lib_connect(struct http_lib *t)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%s", t->path);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	return fd;
}

void http_lib_send(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t w = send(fd, p, n, MSG_NOSIGNAL);

		if (w < 0)
			return; /* the server has closed: what it said can still be read */
		p += w;
		n -= (size_t)w;
	}
}

char *http_lib_recv(int fd, size_t n, size_t *ret_len)
{
	struct buf b = BUF_INIT;

	while (n == 0 || b.len < n) {
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		char piece[4096];
		ssize_t r;

		assert_int_equal(poll(&pfd, 1, PATIENCE_MS), 1);
		r = recv(fd, piece, n && n - b.len < sizeof piece ? n - b.len : sizeof piece, 0);
		if (r <= 0)
			break;
		buf_add(&b, piece, (size_t)r);
	}
	if (ret_len)
		*ret_len = b.len;
	return buf_take(&b);
}

char *http_lib_talk(struct http_lib *t, const char *text)
{
	int fd = http_lib_connect(t);
	char *reply;

	http_lib_send(fd, text, strlen(text));
	shutdown(fd, SHUT_WR);
	reply = http_lib_recv(fd, 0, NULL);
	close(fd);
	return reply;
}
