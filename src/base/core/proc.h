/* SPDX-License-Identifier: Apache-2.0
 *
 * proc: processes by descriptor, the calls that the C library does not wrap. A pid alone never names a process for longer than its
 * parent's wait: a pidfd does, and for the record (pid, start time) does too.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct err;

/* clone3(2) without a new stack: returns twice, as fork(2). `flags` are CLONE_* (namespaces, CLONE_PARENT ...); `cgroup_fd` >= 0 starts the
 * child in that cgroup v2 directory; ret_pidfd may be NULL. Returns the pid, 0 in the child, or a negative errno. The exit signal is SIGCHLD.
 * No fork handlers run: only for a process with one thread. */
pid_t proc_clone(uint64_t flags, int cgroup_fd, int *ret_pidfd);

int proc_pidfd_open(pid_t pid);		      /* close-on-exec descriptor, or a negative errno */
int proc_pidfd_signal(int pidfd, int signal); /* 0 or a negative errno, -ESRCH when it has ended */
int proc_pidfd_wait(int pidfd,
		    int timeout_ms); /* 1 it has ended, 0 not within the time (-1 = for ever), or a negative errno */

/* When the process was started, in clock ticks since boot: field 22 of /proc/<pid>/stat. */
int proc_start_time(pid_t pid, uint64_t *ret, struct err *err);
/* Whether a process has become another program since its fork; true of a dead one, too, until it is waited for. 1, 0 or a negative errno. */
int proc_execed(pid_t pid);

/* All signals as a fresh login has them: nothing ignored, caught or blocked. Inherited is what is ignored and what is blocked, the C library's own two
 * signals and the real-time ones included. */
void proc_default_signals(void);

/* What ps shows of this process: its short name (15 bytes) and, where there is room for it, its command line. The room is where the kernel put the
 * arguments, and belongs to the children, too. */
void proc_title_room(char *area, size_t n);
void proc_title(const char *name, const char *line);

/* Closes every descriptor from `first` on; with `on_exec` only marks them close-on-exec. 0 or a negative errno. */
int proc_close_from(unsigned first, int on_exec);
