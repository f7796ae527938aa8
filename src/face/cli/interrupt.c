/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/interrupt.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "face/cli/command.h"
#include "face/cli/signals.h"
#include "node/image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define ALL_ENDED_MS 10000

struct work {
	child_fn *fn;
	void *ctx;
	const struct signals *signals;
};

/* The parent waits for the signals; what this process starts gets them as usual. */
static int work(void *ctx, struct err *err)
{
	const struct work *w = ctx;
	int r;

	sigprocmask(SIG_SETMASK, &w->signals->before, NULL);
	(void)signal(SIGTTOU, SIG_IGN); /* it is in the background, and may write on the terminal all the same */
	r = w->fn(w->ctx, err);
	(void)fflush(stdout);
	return r;
}

/* What the child started was killed as well, but it is nobody's child here: it has ended when the last one that has the pipe is gone. Until then it
 * holds locks. */
static void wait_for_all(int fds[static 2])
{
	struct pollfd end = {.fd = fds[0]};

	fd_closep(&fds[1]);
	while (poll(&end, 1, ALL_ENDED_MS) < 0 && errno == EINTR)
		;
	fd_closep(&fds[0]);
}

int interrupt_run(child_fn *fn, void *ctx, const char *what, struct err *err)
{
	static const int list[] = {SIGINT, SIGTERM, SIGHUP, 0};
	struct signals s = SIGNALS_NONE;
	struct work w = {.fn = fn, .ctx = ctx, .signals = &s};
	int r, fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	(void)fflush(stdout);
	signals_open(&s, list);
	r = child_run(work, &w, s.fd, what, err);
	wait_for_all(fds);
	signals_close(&s);
	return r;
}

int interrupt_run_on(struct image_store *s, child_fn *fn, void *ctx, const char *what, struct err *err)
{
	int r = interrupt_run(fn, ctx, what, err);

	if (r < 0)
		image_store_collect(s);
	return r;
}

int interrupt_status(int r, struct err *err)
{
	if (r != -ECANCELED)
		return r;
	err_clear(err);
	return CLI_INTERRUPTED;
}
