/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/spawn.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/proc.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* Descriptors are first moved out of the way of the numbers that they get. */
#define SAFE_FD 10

struct child {
	pid_t pid;
	int pidfd, out, failed; /* failed: carries the errno of an exec that did not happen */
};

/* A file in memory: the program may read it or not, now or never, and nobody has to feed it. */
static int input_file(const char *text)
{
	fd_cleanup int fd = -1;
	int r;

	if (!text)
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	fd = memfd_create("input", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, text, strlen(text));
	if (r < 0)
		return r;
	return lseek(fd, 0, SEEK_SET) < 0 ? -errno : fd_take(&fd);
}

static _Noreturn void exec_child(const struct spawn *s, int in, int out, int failed)
{
	int code;

	in = fcntl(in, F_DUPFD_CLOEXEC, SAFE_FD);
	out = fcntl(out, F_DUPFD_CLOEXEC, SAFE_FD);
	failed = fcntl(failed, F_DUPFD_CLOEXEC, SAFE_FD);
	(void)setpgid(0, 0);
	proc_default_signals();
	if (failed >= 0 && proc_close_from(3, 1) == 0 && (!s->cwd || chdir(s->cwd) == 0) && dup2(in, 0) == 0 &&
	    dup2(out, 1) == 1 && dup2(out, 2) == 2) {
		int r = s->prepare ? s->prepare(s->ctx) : 0;

		if (r == 0)
			execve(s->path, s->args, s->env);
		else
			errno = -r;
	}
	code = errno;
	if (write(failed, &code, sizeof code) < 0)
		_exit(126);
	_exit(127);
}

static int start(const struct spawn *s, struct child *c)
{
	fd_cleanup int in = input_file(s->input), out_r = -1, out_w = -1, fail_r = -1, fail_w = -1;
	int pair[2];

	if (in < 0)
		return in;
	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	out_r = pair[0];
	out_w = pair[1];
	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	fail_r = pair[0];
	fail_w = pair[1];
	c->pid = proc_clone(0, -1, &c->pidfd);
	if (c->pid == 0)
		exec_child(s, in, out_w, fail_w);
	if (c->pid < 0)
		return c->pid;
	(void)setpgid(c->pid, c->pid); /* whichever of the two is first */
	(void)fd_nonblock(out_r);
	c->out = fd_take(&out_r);
	c->failed = fd_take(&fail_r);
	return 0;
}

/* The last bytes tell why a program failed. */
static void keep_last(struct buf *out, const char *data, size_t n)
{
	size_t limit = out->limit ? out->limit : BUF_DEFAULT_LIMIT;

	if (n > limit) {
		data += n - limit;
		n = limit;
	}
	if (out->len + n > limit)
		buf_drop(out, out->len + n - limit);
	(void)buf_add(out, data, n);
}

/* False at the end of the pipe. */
static bool drain(const struct child *c, struct buf *out)
{
	char part[4096];
	ssize_t n;

	while ((n = read(c->out, part, sizeof part)) > 0) {
		if (out)
			keep_last(out, part, (size_t)n);
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Until it has ended: 0, or -ETIMEDOUT after which it has been killed. */
static int watch(const struct spawn *s, const struct child *c)
{
	int64_t end = s->timeout_ms < 0 ? INT64_MAX : clock_mono_ms() + s->timeout_ms;
	struct pollfd fds[2] = {{.fd = c->pidfd, .events = POLLIN}, {.fd = c->out, .events = POLLIN}};

	for (;;) {
		int64_t left = s->timeout_ms < 0 ? -1 : end - clock_mono_ms();
		int n = left < 0 && s->timeout_ms >= 0 ? 0 : poll(fds, 2, (int)left);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0) {
			(void)kill(-c->pid, SIGKILL);
			return -ETIMEDOUT;
		}
		if (n > 0 && fds[1].revents && !drain(c, s->out))
			fds[1].fd = -1;
		if (n > 0 && fds[0].revents)
			return 0;
	}
}

static int wait_status(const struct child *c)
{
	int status = 0;

	while (waitpid(c->pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int spawn_run(const struct spawn *s, struct err *err)
{
	struct child c = {.pidfd = -1, .out = -1, .failed = -1};
	int r = start(s, &c), code = 0, status;
	fd_cleanup int pidfd = c.pidfd, out = c.out, failed = c.failed;

	(void)pidfd;
	(void)out;
	if (r < 0)
		return err_sys(err, -r, "start %s", s->path);
	r = watch(s, &c);
	if (r < 0)
		(void)kill(-c.pid, SIGKILL);
	status = wait_status(&c);
	(void)drain(&c, s->out);
	if (r == -ETIMEDOUT)
		return err_set(err, ETIMEDOUT, "%s ran longer than %d.%d s and was killed", s->path,
			       s->timeout_ms / 1000, s->timeout_ms % 1000 / 100);
	if (r < 0 || status < 0)
		return err_sys(err, r < 0 ? -r : -status, "wait for %s", s->path);
	/* The end of that pipe is what says "executed": it was close-on-exec. */
	if (read(failed, &code, sizeof code) == sizeof code)
		return err_sys(err, code, "execute %s", s->path);
	return status;
}
