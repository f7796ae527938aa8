/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/monitor.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/data/data.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* What the child says at its end: at most PIPE_BUF bytes, so all or nothing. */
struct outcome {
	int code;
	struct data_stats stats;
	char text[ERR_TEXT_MAX];
};

static int copy_rule(struct monitor *m, const struct spec_rule *rule, bool out, struct data_stats *stats,
		     struct err *err)
{
	struct data_rule r = {.space = rule->space, .include = rule->include, .exclude = rule->exclude, .to = rule->to};
	struct data_stats one = {.files = 0};
	fd_cleanup int space = open(rule->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd_cleanup int task = openat(m->dir, "task", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int code;

	if (space < 0)
		code = err_sys(err, errno, "open \"%s\"", rule->path);
	else if (task < 0)
		code = err_sys(err, errno, "open the task's directory");
	else
		code = data_copy(out ? task : space, out ? space : task, &r, &one, err);
	stats->files += one.files;
	stats->bytes += one.bytes;
	return code < 0 ? err_wrap(err, "%s of space %s", out ? "stage_out" : "stage_in", rule->space) : 0;
}

static _Noreturn void helper(struct monitor *m, bool out, int fd, pid_t parent)
{
	const struct spec *s = &m->order.spec;
	const struct spec_rule *rules = out ? s->stage_out : s->stage_in;
	size_t n = out ? s->n_stage_out : s->n_stage_in;
	struct outcome o = {.code = 0};
	struct err err = ERR_INIT;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	fd_closep(&m->listen_fd);
	for (size_t i = 0; i < n && o.code == 0; i++)
		o.code = copy_rule(m, &rules[i], out, &o.stats, &err);
	memcpy(o.text, err.text, sizeof o.text);
	_exit(write(fd, &o, sizeof o) != sizeof o);
}

static int collect(struct monitor *m, bool out, struct err *err)
{
	struct outcome o;
	ssize_t n = read(m->helper_fd, &o, sizeof o);
	int status = 0;

	fd_closep(&m->helper_fd);
	while (waitpid(m->helper, &status, 0) < 0 && errno == EINTR)
		;
	m->helper = 0;
	if (m->stop_signal)
		return err_set(err, ECANCELED, "it was stopped during %s", out ? "stage_out" : "stage_in");
	if (n != sizeof o)
		return err_set(err, EIO, "%s ended without a result (status %d)", out ? "stage_out" : "stage_in",
			       status);
	m->rec.staged_files += o.stats.files;
	m->rec.staged_bytes += o.stats.bytes;
	o.text[sizeof o.text - 1] = '\0';
	return o.code < 0 ? err_set(err, -o.code, "%s", o.text) : 0;
}

int monitor_stage(struct monitor *m, bool out, struct err *err)
{
	pid_t parent = getpid();
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	m->helper = fork();
	if (m->helper == 0)
		helper(m, out, fds[1], parent);
	close(fds[1]);
	m->helper_fd = fds[0];
	m->helper_done = false;
	if (m->helper < 0) {
		m->helper = 0;
		fd_closep(&m->helper_fd);
		return err_sys(err, errno, "fork for staging");
	}
	/* A stop that came before counts too. */
	if (m->stop_signal)
		(void)kill(m->helper, SIGKILL);
	while (!m->helper_done)
		monitor_turn(m);
	return collect(m, out, err);
}
