/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/health.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/runtime/rt.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#define READS_MAX 16

void health_init(struct health *h)
{
	*h = (struct health){.pidfd = -1, .out = -1, .output = BUF_LIMIT(HEALTH_OUTPUT_MAX)};
}

static void schedule(struct health *h, int64_t now_ms)
{
	bool starting = now_ms - h->started_ms < h->spec->start_period_ms && h->state == ENGINE_HEALTH_STARTING;

	h->next_ms = now_ms + (starting ? h->spec->start_interval_ms : h->spec->interval_ms);
}

void health_start(struct health *h, const struct spec_health *spec, int64_t now_ms)
{
	if (!spec || !spec->test)
		return;
	h->spec = spec;
	h->state = ENGINE_HEALTH_STARTING;
	h->started_ms = now_ms;
	schedule(h, now_ms);
}

void health_skip(struct health *h, int64_t ms)
{
	h->next_ms += ms;
	h->deadline_ms += ms;
	h->started_ms += ms;
}

int64_t health_due(const struct health *h)
{
	if (!h->spec)
		return INT64_MAX;
	return h->pidfd >= 0 ? h->deadline_ms : h->next_ms;
}

bool health_result(struct health *h, bool good, int64_t now_ms)
{
	enum engine_health before = h->state;
	bool spared = h->state == ENGINE_HEALTH_STARTING && now_ms - h->started_ms < h->spec->start_period_ms;

	if (good) {
		h->failures = 0;
		h->state = ENGINE_HEALTHY;
	} else if (!spared && ++h->failures >= h->spec->retries) {
		h->state = ENGINE_UNHEALTHY;
	}
	schedule(h, now_ms);
	return h->state != before;
}

/* ---- the check that runs ---- */

/* A pipe's worth in one turn: a check that writes faster than we read must not keep the monitor from everything else. */
static void read_output(struct health *h)
{
	char text[HEALTH_OUTPUT_MAX];
	ssize_t n = -1;

	for (int i = 0; h->out >= 0 && i < READS_MAX; i++) {
		size_t room = HEALTH_OUTPUT_MAX - h->output.len;

		n = read(h->out, text, sizeof text);
		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		/* The rest is read and forgotten, for the check must not wait for us. */
		(void)buf_add(&h->output, text, (size_t)n < room ? (size_t)n : room);
	}
	if (n == 0)
		fd_closep(&h->out);
}

static bool add_result(struct health *h, int code, int64_t now_ms)
{
	if (h->n_log == HEALTH_LOG_MAX) {
		free(h->log[0].output);
		memmove(h->log, h->log + 1, --h->n_log * sizeof *h->log);
	}
	h->log[h->n_log++] = (struct health_result){.start_ns = h->began_ns,
						    .end_ns = clock_wall_ns(),
						    .code = code,
						    .output = mem_strdup(buf_str(&h->output))};
	h->n_results++;
	buf_free(&h->output);
	return health_result(h, code == 0, now_ms);
}

/* The descriptor that the check writes to, or -1. */
static int open_output(struct health *h)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	if (fd_nonblock(fds[0]) < 0) {
		close(fds[0]);
		close(fds[1]);
		return -1;
	}
	h->out = fds[0];
	return fds[1];
}

static bool start_check(struct health *h, struct rt_box *box, const struct rt_exec_spec *exec, int64_t now_ms)
{
	fd_cleanup int out = open_output(h);
	struct rt_exec_spec with_output = *exec;
	enum rt_fault fault;
	struct err err = ERR_INIT;
	int fd;

	h->began_ns = clock_wall_ns();
	with_output.stdout_fd = with_output.stderr_fd = out;
	fd = rt_exec(box, &with_output, &h->pid, &fault, &err);
	if (fd < 0) {
		fd_closep(&h->out);
		(void)buf_adds(&h->output, err.text);
		return add_result(h, -1, now_ms);
	}
	h->pidfd = fd;
	h->deadline_ms = now_ms + h->spec->timeout_ms;
	return false;
}

/* The exit code of the check that has ended, or that is killed now. */
static int collect(struct health *h, bool late)
{
	int status = 0;

	if (late)
		(void)pidfd_send_signal(h->pidfd, SIGKILL, NULL, 0);
	while (waitpid(h->pid, &status, 0) < 0 && errno == EINTR)
		;
	fd_closep(&h->pidfd);
	read_output(h);
	/* What it has left behind may hold the other end for ever. */
	fd_closep(&h->out);
	if (late)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool end_late(struct health *h, int64_t now_ms)
{
	int code = collect(h, true);
	mem_cleanup char *said = buf_take(&h->output);
	int64_t ms = h->spec->timeout_ms;

	/* As Docker prints it: 200ms, 1.5s, 1m30s */
	(void)buf_adds(&h->output, "Health check exceeded timeout (");
	if (ms >= 60000)
		(void)buf_printf(&h->output, "%" PRId64 "m", ms / 60000);
	(void)buf_printf(&h->output, ms < 1000 ? "%gms)" : "%gs)",
			 ms < 1000 ? (double)ms : (double)(ms % 60000) / 1000);
	if (said && *said)
		(void)buf_printf(&h->output, ": %.4000s", said);
	return add_result(h, code, now_ms);
}

bool health_turn(struct health *h, struct rt_box *box, const struct rt_exec_spec *exec, int64_t now_ms)
{
	siginfo_t info = {.si_pid = 0};

	if (!h->spec)
		return false;
	if (h->pidfd < 0)
		return now_ms >= h->next_ms && start_check(h, box, exec, now_ms);
	read_output(h);
	if (waitid(P_PIDFD, (id_t)h->pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0)
		return add_result(h, collect(h, false), now_ms);
	return now_ms >= h->deadline_ms && end_late(h, now_ms);
}

void health_text(const struct health *h, struct buf *out)
{
	(void)buf_printf(out, "{\"failing_streak\":%" PRId64 ",\"log\":[", h->failures);
	for (size_t i = 0; i < h->n_log; i++) {
		const struct health_result *r = &h->log[i];

		(void)buf_printf(out, "%s{\"start_ns\":%" PRId64 ",\"end_ns\":%" PRId64 ",\"code\":%d,\"output\":",
				 i > 0 ? "," : "", r->start_ns, r->end_ns, r->code);
		json_quote(out, r->output, strlen(r->output));
		(void)buf_addc(out, '}');
	}
	(void)buf_adds(out, "]}\n");
}

void health_stop(struct health *h)
{
	if (h->pidfd >= 0)
		(void)collect(h, true);
	h->spec = NULL;
}
