/* SPDX-License-Identifier: Apache-2.0 */
#include "face/buildkit/solver.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "face/buildkit/ask.h"
#include "face/buildkit/relay.h"
#include "face/buildkit/status.h"
#include "node/engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MAX (1u << 20)
#define PIECE (64u << 10)

struct end {
	struct loop_fd *watch;
	int fd;
};

struct solver {
	struct loop *loop;
	struct solver_hooks hooks;
	void *ctx;
	struct end ask, status, reply, life, pidfd;
	struct buf in, answer;
	pid_t pid;
	bool stopped, held;
};

static void end_close(struct end *e)
{
	e->watch = loop_fd_free(e->watch);
	fd_closep(&e->fd);
}

static void solver_free(struct solver *s)
{
	end_close(&s->ask);
	end_close(&s->status);
	end_close(&s->reply);
	end_close(&s->life);
	end_close(&s->pidfd);
	buf_free(&s->in);
	buf_free(&s->answer);
	free(s);
}

/* ---- its end ---- */

static void tell_end(const struct solver *s, const struct solver_hooks *hooks, void *ctx)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct err err = ERR_INIT;
	yyjson_val *root, *text;

	doc = s->answer.len > 0 ? json_parse(buf_str(&s->answer), s->answer.len, ANSWER_MAX, "the answer", &err) : NULL;
	root = doc ? yyjson_doc_get_root(doc) : NULL;
	text = yyjson_obj_get(root, "error");
	if (text)
		err_set(&err, (int)yyjson_get_int(yyjson_obj_get(root, "code")), "%s", yyjson_get_str(text));
	else if (!root)
		err_set(&err, ECANCELED, "the process of the build ended without an answer");
	hooks->end(ctx, root, text || !root ? &err : NULL);
}

static void try_end(struct solver *s)
{
	struct solver_hooks hooks = s->hooks;

	if (s->status.fd >= 0 || s->reply.fd >= 0 || s->pidfd.fd >= 0)
		return;
	tell_end(s, &hooks, s->ctx);
	solver_free(s);
}

static void on_dead(void *ctx, int events)
{
	struct solver *s = ctx;

	(void)events;
	if (waitpid(s->pid, NULL, WNOHANG) == 0)
		return;
	end_close(&s->pidfd);
	try_end(s);
}

/* ---- what it says ---- */

static uint32_t number_at(const char *data)
{
	const unsigned char *p = (const unsigned char *)data;

	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void tell_status(struct solver *s)
{
	size_t at = 0;

	while (s->in.len - at >= 4) {
		const uint32_t n = number_at(s->in.data + at);

		if (n > STATUS_MESSAGE_MAX + 64 || s->in.len - at - 4 < n)
			break;
		if (!s->stopped && s->hooks.status(s->ctx, s->in.data + at + 4, n))
			s->held = true;
		at += 4 + n;
	}
	buf_drop(&s->in, at);
}

static void on_status(void *ctx, int events)
{
	static char piece[PIECE];
	struct solver *s = ctx;
	ssize_t n = read(s->status.fd, piece, sizeof piece);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && buf_add(&s->in, piece, (size_t)n) == 0) {
		tell_status(s);
		loop_fd_set(s->status.watch, s->held ? 0 : LOOP_IN);
		return;
	}
	end_close(&s->status);
	try_end(s);
}

static void on_reply(void *ctx, int events)
{
	static char piece[PIECE];
	struct solver *s = ctx;
	ssize_t n = read(s->reply.fd, piece, sizeof piece);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && buf_add(&s->answer, piece, (size_t)n) == 0)
		return;
	end_close(&s->reply);
	try_end(s);
}

/* ---- what it asks ---- */

static void open_stream(struct solver *s, const char *text, size_t n, int fd)
{
	json_doc_cleanup yyjson_doc *doc = json_parse(text, n, ASK_TEXT_MAX, "a question of the build", NULL);
	yyjson_val *root = doc ? yyjson_doc_get_root(doc) : NULL, *list = yyjson_obj_get(root, "fields");
	const char *method = yyjson_get_str(yyjson_obj_get(root, "method"));
	const size_t n_fields = yyjson_arr_size(list) / 2;
	mem_cleanup struct rpc_field *fields = mem_new_n(struct rpc_field, n_fields + 1);

	for (size_t i = 0; i < n_fields; i++)
		fields[i] = (struct rpc_field){yyjson_get_str(yyjson_arr_get(list, 2 * i)),
					       yyjson_get_str(yyjson_arr_get(list, 2 * i + 1))};
	relay_open(s->loop, method ? s->hooks.session(s->ctx) : NULL, method, fields, fd);
}

static void on_ask(void *ctx, int events)
{
	static char text[ASK_TEXT_MAX];
	struct solver *s = ctx;
	int fds[FD_MSG_MAX];
	size_t n_fds = 0;
	ssize_t n = fd_recv_msg(s->ask.fd, text, sizeof text, fds, &n_fds);

	(void)events;
	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n > 0 && n_fds > 0 && !s->stopped)
		open_stream(s, text, (size_t)n, fd_take(&fds[0]));
	for (size_t i = 0; i < n_fds; i++)
		fd_closep(&fds[i]);
	if (n <= 0)
		end_close(&s->ask);
}

/* ---- its beginning ---- */

/* Theirs, in the order of where they go. */
struct theirs {
	int in, out, err, reply, request, life, data;
};

static _Noreturn void child(const struct theirs *t)
{
	const int from[] = {t->in, t->out, t->err, t->reply, t->request, t->life, t->data};
	char name[] = ENGINE_TOOL_NAME;
	char *argv[] = {name, NULL};
	int high[ENGINE_TOOL_FDS];

	for (int i = 0; i < ENGINE_TOOL_FDS; i++)
		high[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 64);
	for (int i = 0; i < ENGINE_TOOL_FDS; i++) {
		if (high[i] < 0 || dup2(high[i], i) < 0)
			_exit(125);
	}
	close_range(ENGINE_TOOL_FDS, ~0u, 0);
	proc_default_signals();
	/* It is what the daemon had passed on to us: where registries are, and which proxy leads there. */
	(void)execve("/proc/self/exe", argv, environ);
	_exit(125);
}

static int pair_of(int type, int *ours, int *theirs)
{
	int pair[2];

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	*ours = pair[0];
	*theirs = pair[1];
	return 0;
}

static int pipe_from(int *ours, int *theirs)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	*ours = fds[0];
	*theirs = fds[1];
	return fd_nonblock(fds[0]);
}

static int request_fd(const char *request)
{
	int fd = memfd_create("request", MFD_CLOEXEC), r = fd < 0 ? -errno : fd_write_all(fd, request, strlen(request));

	if (r < 0)
		fd_closep(&fd);
	else
		(void)lseek(fd, 0, SEEK_SET);
	return r < 0 ? r : fd;
}

static int start(struct solver *s, const char *request, int context, struct theirs *t)
{
	int r = t->request = request_fd(request);

	if (r >= 0)
		r = pair_of(SOCK_SEQPACKET, &s->ask.fd, &t->in);
	if (r >= 0)
		r = pair_of(SOCK_STREAM, &s->life.fd, &t->life);
	if (r >= 0)
		r = pipe_from(&s->status.fd, &t->out);
	if (r >= 0)
		r = pipe_from(&s->reply.fd, &t->reply);
	if (r >= 0)
		r = fd_nonblock(s->ask.fd);
	if (r >= 0 && context >= 0)
		r = fd_send_msg(s->ask.fd, "", 1, &context, 1);
	if (r < 0)
		return r;
	s->pid = proc_clone(0, -1, &s->pidfd.fd);
	if (s->pid == 0)
		child(t);
	return s->pid < 0 ? (int)s->pid : 0;
}

static int watch(struct solver *s, struct err *err)
{
	struct {
		struct end *end;
		loop_fd_fn fn;
	} table[] = {{&s->ask, on_ask}, {&s->status, on_status}, {&s->reply, on_reply}, {&s->pidfd, on_dead}};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof table / sizeof *table; i++)
		r = loop_fd_new(s->loop, table[i].end->fd, LOOP_IN, table[i].fn, s, &table[i].end->watch, err);
	return r;
}

int solver_new(struct loop *l, int data, const char *request, int context, const struct solver_hooks *hooks, void *ctx,
	       struct solver **ret, struct err *err)
{
	struct theirs t = {-1, -1, STDERR_FILENO, -1, -1, -1, data};
	struct solver *s = mem_new(struct solver);
	int r;

	*s = (struct solver){.loop = l, .hooks = *hooks, .ctx = ctx};
	s->ask.fd = s->status.fd = s->reply.fd = s->life.fd = s->pidfd.fd = -1;
	s->in.limit = STATUS_MESSAGE_MAX + 2 * PIECE;
	s->answer.limit = ANSWER_MAX;
	r = start(s, request, context, &t);
	fd_closep(&t.in);
	fd_closep(&t.out);
	fd_closep(&t.reply);
	fd_closep(&t.request);
	fd_closep(&t.life);
	if (r < 0)
		err_sys(err, -r, "start the process of the build");
	else
		r = watch(s, err);
	if (r < 0)
		solver_free(s);
	else
		*ret = s;
	return r;
}

void solver_resume(struct solver *s)
{
	s->held = false;
	if (s->status.watch)
		loop_fd_set(s->status.watch, LOOP_IN);
}

void solver_stop(struct solver *s)
{
	s->stopped = true;
	end_close(&s->life);
	solver_resume(s);
}
