/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/health.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "node/runtime/rt.h"

#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

void health_init(struct health *h)
{
	*h = (struct health){.pidfd = -1};
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

static bool start_check(struct health *h, struct rt_box *box, const struct rt_exec_spec *exec, int64_t now_ms)
{
	enum rt_fault fault;
	struct err err = ERR_INIT;
	int fd = rt_exec(box, exec, &h->pid, &fault, &err);

	if (fd < 0)
		return health_result(h, false, now_ms);
	h->pidfd = fd;
	h->deadline_ms = now_ms + h->spec->timeout_ms;
	return false;
}

/* The status of the check that has ended, or that is killed now. */
static bool collect(struct health *h, bool late)
{
	int status = 0;

	if (late)
		(void)pidfd_send_signal(h->pidfd, SIGKILL, NULL, 0);
	while (waitpid(h->pid, &status, 0) < 0 && errno == EINTR)
		;
	fd_closep(&h->pidfd);
	return !late && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool health_turn(struct health *h, struct rt_box *box, const struct rt_exec_spec *exec, int64_t now_ms)
{
	siginfo_t info = {.si_pid = 0};

	if (!h->spec)
		return false;
	if (h->pidfd < 0)
		return now_ms >= h->next_ms && start_check(h, box, exec, now_ms);
	if (waitid(P_PIDFD, (id_t)h->pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0)
		return health_result(h, collect(h, false), now_ms);
	if (now_ms >= h->deadline_ms)
		return health_result(h, collect(h, true), now_ms);
	return false;
}

void health_stop(struct health *h)
{
	if (h->pidfd >= 0)
		(void)collect(h, true);
	h->spec = NULL;
}
