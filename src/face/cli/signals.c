/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/signals.h"

#include "base/core/fd.h"

#include <stdbool.h>
#include <sys/signalfd.h>

/* What our parent told us to ignore (nohup, a background command of a script) stays ignored. */
static bool ignored(int signal)
{
	struct sigaction now;

	return sigaction(signal, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

void signals_open(struct signals *s, const int *list)
{
	sigset_t set;

	sigemptyset(&set);
	for (; *list; list++) {
		if (!ignored(*list))
			sigaddset(&set, *list);
	}
	sigprocmask(SIG_BLOCK, &set, &s->before);
	s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->fd < 0) /* without it the signals must go on ending the program */
		sigprocmask(SIG_SETMASK, &s->before, NULL);
}

void signals_close(struct signals *s)
{
	struct signalfd_siginfo info;

	if (s->fd < 0)
		return;
	while (read(s->fd, &info, sizeof info) > 0)
		;
	fd_closep(&s->fd);
	sigprocmask(SIG_SETMASK, &s->before, NULL);
}
