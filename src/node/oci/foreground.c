/* SPDX-License-Identifier: Apache-2.0 */
#include "node/oci/foreground.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/proc.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

enum { AT_CHILD, AT_SIGNALS, AT_TERMINAL, AT_TERMINAL_2, AT_END };

int foreground_begin(struct foreground *f, bool subreaper, struct err *err)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT};
	sigset_t all;

	sigfillset(&all);
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		sigdelset(&all, faults[i]);
	if (subreaper && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return err_sys(err, errno, "become the parent of orphans");
	if (sigprocmask(SIG_BLOCK, &all, &f->saved) < 0)
		return err_sys(err, errno, "block signals");
	f->signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	return f->signals < 0 ? err_sys(err, errno, "make a signalfd") : 0;
}

void foreground_end(struct foreground *f)
{
	terminal_end(&f->terminal);
	if (f->signals < 0)
		return;
	fd_closep(&f->signals);
	(void)sigprocmask(SIG_SETMASK, &f->saved, NULL);
}

/* Orphans; the child itself is only looked at. Those of us that are no orphans were waited for by whoever started them. */
static void reap(pid_t child)
{
	siginfo_t info = {.si_pid = 0};

	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid > 0 && info.si_pid != child) {
		(void)waitpid(info.si_pid, NULL, 0);
		info.si_pid = 0;
	}
}

static void on_signals(const struct foreground *f, pid_t pid, int pidfd)
{
	struct signalfd_siginfo info;

	while (read(f->signals, &info, sizeof info) == sizeof info) {
		int signal = (int)info.ssi_signo;

		if (signal == SIGCHLD)
			reap(pid);
		else if (signal == SIGWINCH && f->terminal.master >= 0)
			terminal_resize(&f->terminal);
		else if (signal != SIGPIPE && signal != SIGURG)
			(void)proc_pidfd_signal(pidfd, signal);
	}
}

static int collect(pid_t pid, struct err *err)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return err_sys(err, errno, "wait for process %d", (int)pid);
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int foreground_wait(struct foreground *f, pid_t pid, int pidfd, int terminal, struct err *err)
{
	struct pollfd fds[AT_END] = {[AT_CHILD] = {.fd = pidfd, .events = POLLIN},
				     [AT_SIGNALS] = {.fd = f->signals, .events = POLLIN},
				     [AT_TERMINAL] = {.fd = -1},
				     [AT_TERMINAL_2] = {.fd = -1}};
	int r = terminal < 0 ? 0 : terminal_begin(&f->terminal, terminal, err);

	if (r < 0)
		return r;
	while (!fds[AT_CHILD].revents) {
		if (f->terminal.master >= 0)
			terminal_poll(&f->terminal, fds + AT_TERMINAL);
		if (poll(fds, AT_END, -1) < 0 && errno != EINTR)
			return err_sys(err, errno, "wait for process %d", (int)pid);
		if (fds[AT_SIGNALS].revents)
			on_signals(f, pid, pidfd);
		if (f->terminal.master >= 0)
			terminal_copy(&f->terminal, fds + AT_TERMINAL);
	}
	terminal_end(&f->terminal);
	return collect(pid, err);
}
