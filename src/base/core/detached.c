/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/detached.h"

#include "base/core/err.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

/* Twice: what ends later is nobody's child that anybody waits for. */
int detached_start(void (*fn)(void *ctx), void *ctx, const char *what, struct err *err)
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return err_sys(err, errno, "start %s", what);
	if (pid == 0) {
		pid = fork();
		if (pid == 0)
			fn(ctx);
		_exit(pid < 0 ? 1 : 0);
	}
	while (waitpid(pid, &status, 0) < 0) {
		/* Who ignores SIGCHLD has no results of children. */
		if (errno == ECHILD)
			return 0;
		if (errno != EINTR)
			return err_sys(err, errno, "start %s", what);
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : err_sys(err, EAGAIN, "start %s", what);
}
