/* SPDX-License-Identifier: Apache-2.0
 *
 * Installing a filter with a listener. From the moment the filter stands, any system call of this thread may wait for an answer of the
 * one who gets the listener, so this thread cannot be the one that hands the listener over. A helper thread is, made before: the filter is
 * not its own. It shares the memory, where it waits for the number of the descriptor, and the table of descriptors.
 *
 * The helper runs in this thread's thread-local storage, for a C library's thread would not do: that makes system calls of its own. It
 * therefore touches errno only while this thread does nothing but wait for it.
 */
#include "node/runtime/seccomp_profile.h"

#include "base/core/err.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/* Its stack is not one that the sanitizers know. */
#define HELPER_CODE __attribute__((no_sanitize("address", "undefined", "thread")))

enum {
	STACK_SIZE = 32 << 10,
	WAITING = -1,
	NEVER = -2,
	SHARED_FLAGS = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND
};

union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

struct handover {
	_Atomic int number; /* of the listener; WAITING, NEVER */
	_Atomic int result; /* valid when alive is 0: 0 or a negative errno */
	_Atomic int alive;  /* the helper's thread id, cleared by the kernel when it has ended */
	int socket;
	struct iovec state;
	union control control;
};

/* A process does this once; a heap's memory might come and go by system calls. */
static char stack[STACK_SIZE] __attribute__((aligned(64)));

static int install(const struct rt_filter *f, unsigned flags)
{
	const struct sock_fprog program = {.len = (unsigned short)f->n, .filter = (struct sock_filter *)f->code};

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static int load_plain(const struct rt_filter *f, struct err *err)
{
	/* Without a listener there is nobody whose wait could be killable. */
	int r = install(f, f->flags & ~(unsigned)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);

	if (r < 0)
		return err_sys(err, errno, "install the system call filter");
	if (r > 0)
		return err_set(err, EBUSY, "install the system call filter: thread %d has another one", r);
	return 0;
}

/* The descriptor goes with the first byte; a long text may take several calls. */
HELPER_CODE static int send_all(struct handover *h)
{
	struct msghdr msg = {.msg_iov = &h->state,
			     .msg_iovlen = 1,
			     .msg_control = h->control.bytes,
			     .msg_controllen = sizeof h->control.bytes};

	while (h->state.iov_len > 0) {
		long r = syscall(SYS_sendmsg, h->socket, &msg, MSG_NOSIGNAL);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		h->state.iov_base = (char *)h->state.iov_base + r;
		h->state.iov_len -= (size_t)r;
		msg.msg_control = NULL;
		msg.msg_controllen = 0;
	}
	return 0;
}

/* Our own copy of the listener is closed in any case: when nobody has another, the kernel answers all calls with ENOSYS. */
HELPER_CODE static int helper(void *arg)
{
	struct handover *h = arg;
	int number;

	while ((number = atomic_load(&h->number)) == WAITING)
		syscall(SYS_sched_yield);
	if (number >= 0) {
		*(int *)CMSG_DATA(&h->control.align) = number;
		atomic_store(&h->result, send_all(h));
		syscall(SYS_close, number);
	}
	return 0; /* ends the thread */
}

static void handover_prepare(struct handover *h, int socket, const char *state)
{
	atomic_init(&h->number, WAITING);
	atomic_init(&h->result, 0);
	atomic_init(&h->alive, 1);
	h->socket = socket;
	h->state = (struct iovec){.iov_base = (void *)state, .iov_len = strlen(state)};
	memset(&h->control, 0, sizeof h->control);
	h->control.align =
	    (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
}

/* With all signals blocked, so that none of the process's is ever handled there. */
static int start_helper(struct handover *h)
{
	sigset_t all, before;
	int pid, code;

	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	pid = clone(helper, stack + sizeof stack, SHARED_FLAGS | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID, h,
		    NULL, NULL, (pid_t *)&h->alive);
	code = errno;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return pid < 0 ? -code : 0;
}

static void wait_for_helper(const struct handover *h)
{
	while (atomic_load(&h->alive) != 0) {
#if defined(__x86_64__) || defined(__i386__)
		__builtin_ia32_pause();
#elif defined(__aarch64__)
		__asm__ volatile("yield");
#endif
	}
}

static int load_notify(const struct rt_filter *f, int listener, const char *state, struct err *err)
{
	/* TSYNC would put the filter on the helper, too, and there is no other thread. */
	const unsigned flags = (f->flags & ~(unsigned)SECCOMP_FILTER_FLAG_TSYNC) | SECCOMP_FILTER_FLAG_NEW_LISTENER;
	static struct handover h;
	int r, number, code;

	if (listener < 0 || !state || !*state)
		return err_set(err, EINVAL, "the system call filter notifies, but there is no listener");
	handover_prepare(&h, listener, state);
	r = start_helper(&h);
	if (r < 0)
		return err_sys(err, -r, "start the thread that sends the seccomp listener");
	number = install(f, flags);
	code = errno;
	/* No system call from here ... */
	atomic_store(&h.number, number >= 0 ? number : NEVER);
	wait_for_helper(&h);
	/* ... to here. */
	if (number < 0)
		return err_sys(err, code, "install the system call filter with a listener");
	if (atomic_load(&h.result) < 0)
		return err_sys(err, -atomic_load(&h.result), "send the seccomp listener");
	return 0;
}

int seccomp_load(const struct rt_filter *f, int listener, const char *state, struct err *err)
{
	return f->notify ? load_notify(f, listener, state, err) : load_plain(f, err);
}
