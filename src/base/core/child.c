/* SPDX-License-Identifier: Apache-2.0
 *
 * The child says in a struct through a pipe how it went; one that says nothing was killed.
 */
#include "base/core/child.h"

#include "base/core/err.h"
#include "base/core/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

struct verdict {
	int value; /* of fn: a negative errno, or what it has to say */
	char text[ERR_TEXT_MAX];
};

/* A terminal's ^C is for the parent to judge: the group is another one. */
static _Noreturn void work(child_fn *fn, void *ctx, int out, pid_t parent)
{
	struct err err = ERR_INIT;
	struct verdict v = {0};

	if (setpgid(0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
		_exit(1);
	v.value = fn(ctx, &err);
	memcpy(v.text, err.text, sizeof v.text);
	_exit(fd_write_all(out, &v, sizeof v) < 0);
}

/* 1 = there is something to read, or the end of it; 0 = not yet. */
static int wait_for(int in, int stop_fd, struct err *err)
{
	struct pollfd fds[] = {{.fd = in, .events = POLLIN}, {.fd = stop_fd, .events = POLLIN}};

	if (poll(fds, 2, -1) < 0)
		return errno == EINTR ? 0 : err_sys(err, errno, "wait for a process");
	if (fds[1].revents)
		return err_set(err, ECANCELED, "stopped");
	return fds[0].revents != 0;
}

static int read_verdict(int in, int stop_fd, const char *what, struct verdict *v, struct err *err)
{
	size_t have = 0;

	while (have < sizeof *v) {
		int r = wait_for(in, stop_fd, err);
		ssize_t n = r > 0 ? read(in, (char *)v + have, sizeof *v - have) : -1;

		if (r < 0)
			return r;
		if (r == 0 || (n < 0 && errno == EINTR))
			continue;
		if (n <= 0)
			return err_set(err, EIO, "the process that %s was killed", what);
		have += (size_t)n;
	}
	v->text[sizeof v->text - 1] = '\0';
	return 0;
}

void child_kill(struct child *c)
{
	if (c->pid <= 0)
		return;
	(void)kill(-c->pid, SIGKILL);
	(void)kill(c->pid, SIGKILL); /* it may not have its group yet */
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
	c->pid = 0;
	fd_closep(&c->fd);
}

int child_start(child_fn *fn, void *ctx, const char *what, struct child *ret, struct err *err)
{
	fd_cleanup int in = -1, out = -1;
	pid_t parent = getpid(), pid;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	in = fds[0];
	out = fds[1];
	pid = fork();
	if (pid == 0)
		work(fn, ctx, out, parent);
	if (pid < 0)
		return err_sys(err, errno, "start the process that %s", what);
	*ret = (struct child){.pid = pid, .fd = fd_take(&in)};
	return 0;
}

bool child_has_ended(const struct child *c)
{
	struct pollfd fd = {.fd = c->fd, .events = POLLIN};

	return poll(&fd, 1, 0) > 0;
}

int child_end(struct child *c, int stop_fd, const char *what, struct err *err)
{
	struct verdict v = {0};
	int r = read_verdict(c->fd, stop_fd, what, &v, err);

	child_kill(c);
	if (r < 0)
		return r;
	if (v.value < 0)
		return err_set(err, v.value >= -4095 ? -v.value : EIO, "%s", v.text);
	return v.value;
}

int child_run(child_fn *fn, void *ctx, int stop_fd, const char *what, struct err *err)
{
	struct child c = {.fd = -1};
	int r = child_start(fn, ctx, what, &c, err);

	return r < 0 ? r : child_end(&c, stop_fd, what, err);
}
