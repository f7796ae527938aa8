/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/program.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/core/proc.h"

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILL_MS 5000
#define READ_BYTES 16384

struct stream {
	struct program *program;
	int fd;
	struct loop_fd *watch;
	struct buf text;
	size_t keep; /* only the last so many bytes; 0 = all, up to the limit */
};

struct program {
	struct loop *loop;
	pid_t pid;
	int pidfd;
	struct loop_fd *watch;
	struct loop_timer *timer;
	struct stream out, errors;
	bool timed_out, too_long, killed;
	program_fn fn;
	void *ctx;
};

static void stream_close(struct stream *s)
{
	s->watch = loop_fd_free(s->watch);
	fd_closep(&s->fd);
}

static void program_free(struct program *p)
{
	stream_close(&p->out);
	stream_close(&p->errors);
	buf_free(&p->out.text);
	buf_free(&p->errors.text);
	p->watch = loop_fd_free(p->watch);
	loop_timer_free(p->timer);
	fd_closep(&p->pidfd);
	free(p);
}

/* ---- its end ---- */

static void end_group(struct program *p, int signal)
{
	/* It has not been waited for: the number is still its own. */
	if (p->pid > 0)
		(void)kill(-p->pid, signal);
}

static void stop(struct program *p)
{
	end_group(p, p->killed ? SIGKILL : SIGTERM);
	p->killed = true;
	loop_timer_arm(p->timer, KILL_MS);
}

static void on_timer(void *ctx)
{
	struct program *p = ctx;

	if (!p->too_long)
		p->timed_out = true;
	stop(p);
}

/* What is there; false at the end. */
static bool stream_read(struct stream *s)
{
	for (;;) {
		char *room = buf_room(&s->text, READ_BYTES);
		ssize_t n;

		if (!room) {
			if (!s->program->too_long) {
				s->program->too_long = true;
				stop(s->program);
			}
			return false;
		}
		n = read(s->fd, room, READ_BYTES);
		if (n <= 0)
			return n < 0 && (errno == EAGAIN || errno == EINTR);
		buf_added(&s->text, (size_t)n);
		if (s->keep && s->text.len > s->keep)
			buf_drop(&s->text, s->text.len - s->keep);
	}
}

static void on_output(void *ctx, int events)
{
	struct stream *s = ctx;

	(void)events;
	if (!stream_read(s))
		stream_close(s);
}

/* As one line: it stands in tables and in the log. */
static void trim(struct buf *b)
{
	for (size_t i = 0; i < b->len; i++) {
		if (b->data[i] == '\n' || b->data[i] == '\r')
			b->data[i] = ' ';
	}
	while (b->len && isspace((unsigned char)b->data[b->len - 1]))
		b->data[--b->len] = '\0';
}

static void on_end(void *ctx, int events)
{
	struct program *p = ctx;
	struct program_end end = {.code = -1, .timed_out = p->timed_out};
	int status = 0;

	(void)events;
	if (p->out.fd >= 0)
		(void)stream_read(&p->out);
	if (p->errors.fd >= 0)
		(void)stream_read(&p->errors);
	if (waitpid(p->pid, &status, WNOHANG) <= 0)
		return;
	p->pid = 0;
	if (WIFEXITED(status))
		end.code = WEXITSTATUS(status);
	else
		end.signal = WTERMSIG(status);
	trim(&p->errors.text);
	end.too_long = p->too_long;
	end.output = buf_str(&p->out.text);
	end.n_output = p->out.text.len;
	end.errors = buf_str(&p->errors.text);
	p->fn(p->ctx, &end);
	program_free(p);
}

/* ---- its beginning ---- */

static int make_pipe(int ends[2], struct err *err)
{
	return pipe2(ends, O_CLOEXEC) < 0 ? err_sys(err, errno, "make a pipe") : 0;
}

static char **environment(char *const *more)
{
	size_t n = mem_strv_len(environ), m = mem_strv_len(more);
	char **all = mem_new_n(char *, n + m + 1);

	memcpy(all, environ, n * sizeof *all);
	if (m)
		memcpy(all + n, more, m * sizeof *all);
	return all;
}

static int spawn(struct program *p, const struct program_options *o, const int fds[3], struct err *err)
{
	mem_cleanup char **env = environment(o->env);
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t all, none;
	int r;

	sigfillset(&all);
	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	for (int i = 0; i < 3; i++)
		posix_spawn_file_actions_adddup2(&actions, fds[i], i);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	r = posix_spawn(&p->pid, o->path, &actions, &attr, o->argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	if (r != 0) {
		p->pid = 0;
		return err_sys(err, r, "run \"%s\"", o->path);
	}
	p->pidfd = proc_pidfd_open(p->pid);
	return p->pidfd < 0 ? err_sys(err, -p->pidfd, "watch \"%s\"", o->path) : 0;
}

static int watch(struct program *p, struct err *err)
{
	int r = loop_fd_new(p->loop, p->pidfd, LOOP_IN, on_end, p, &p->watch, err);

	if (r == 0)
		r = loop_fd_new(p->loop, p->out.fd, LOOP_IN, on_output, &p->out, &p->out.watch, err);
	if (r == 0)
		r = loop_fd_new(p->loop, p->errors.fd, LOOP_IN, on_output, &p->errors, &p->errors.watch, err);
	return r;
}

static int start(struct program *p, const struct program_options *o, struct err *err)
{
	fd_cleanup int in_read = -1, in_write = -1, out_write = -1, errors_write = -1;
	int in[2] = {-1, -1}, out[2] = {-1, -1}, errors[2] = {-1, -1};
	int r = make_pipe(in, err);

	in_read = in[0];
	in_write = in[1];
	if (r == 0)
		r = make_pipe(out, err);
	p->out.fd = out[0];
	out_write = out[1];
	if (r == 0)
		r = make_pipe(errors, err);
	p->errors.fd = errors[0];
	errors_write = errors[1];
	if (r < 0)
		return r;
	r = fd_write_all(in_write, o->input, o->n_input);
	if (r < 0)
		return err_sys(err, -r, "write the input of \"%s\"", o->path);
	fd_nonblock(p->out.fd);
	fd_nonblock(p->errors.fd);
	r = spawn(p, o, (const int[3]){in_read, out_write, errors_write}, err);
	return r < 0 ? r : watch(p, err);
}

int program_start(struct loop *l, const struct program_options *o, program_fn fn, void *ctx, struct program **ret,
		  struct err *err)
{
	struct program *p;
	int r;

	if (o->n_input > PROGRAM_INPUT_MAX)
		return err_set(err, E2BIG, "the input of \"%s\" is longer than %d bytes", o->path, PROGRAM_INPUT_MAX);
	p = mem_new(struct program);
	*p = (struct program){.loop = l, .pidfd = -1, .fn = fn, .ctx = ctx};
	p->out = (struct stream){.program = p, .fd = -1, .text = BUF_LIMIT(o->output_max + READ_BYTES)};
	p->errors = (struct stream){.program = p, .fd = -1, .keep = PROGRAM_ERRORS_MAX};
	p->timer = loop_timer_new(l, on_timer, p);
	r = start(p, o, err);
	if (r < 0) {
		program_kill(p);
		return r;
	}
	loop_timer_arm(p->timer, o->timeout_ms);
	*ret = p;
	return 0;
}

struct program *program_kill(struct program *p)
{
	if (!p)
		return NULL;
	end_group(p, SIGKILL);
	while (p->pid > 0 && waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
		;
	program_free(p);
	return NULL;
}

void program_end_text(const struct program_end *end, int64_t timeout_ms, char *text, size_t n)
{
	const char *colon = *end->errors ? ": " : "";

	if (end->timed_out)
		snprintf(text, n, "no answer within %g s%s%s", (double)timeout_ms / 1000, colon, end->errors);
	else if (end->too_long)
		snprintf(text, n, "it writes too much%s%s", colon, end->errors);
	else if (end->signal)
		snprintf(text, n, "ended by signal %d (%s)%s%s", end->signal, strsignal(end->signal), colon,
			 end->errors);
	else if (end->code)
		snprintf(text, n, "exit code %d%s%s", end->code, colon, end->errors);
	else
		*text = '\0';
}
