/* SPDX-License-Identifier: Apache-2.0
 *
 * Two processes run in one memory here, with one errno, one heap and one stack canary between them. So the early part makes bare system calls
 * (raw()), which return their error, and touches nothing but its own struct; init sleeps from early_release() until the exec.
 */
#include "node/runtime/early.h"

#include "base/core/err.h"
#include "base/core/guard.h"
#include "node/runtime/seccomp.h"
#include "node/runtime/setup.h"

#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAYLOAD_STACK = 128 << 10 };

#if defined(__SANITIZE_ADDRESS__)
#define SHARED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SHARED 0
#endif
#endif
#ifndef SHARED
#define SHARED 1
#endif

#if defined(__x86_64__)
static long raw(long nr, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = 0;
	long r;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return r;
}
#elif defined(__aarch64__)
static long raw(long nr, long a, long b, long c, long d, long e)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = 0;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
}
#else
#error "bare system calls are not known for this architecture"
#endif

static void wake(uint32_t *futex)
{
	__atomic_store_n(futex, 1, __ATOMIC_RELEASE);
	(void)raw(SYS_futex, (long)futex, FUTEX_WAKE, 1, 0, 0);
}

static void wait_for(uint32_t *futex)
{
	while (__atomic_load_n(futex, __ATOMIC_ACQUIRE) == 0)
		(void)raw(SYS_futex, (long)futex, FUTEX_WAIT, 0, 0, 0);
}

static void say_ready(struct early *e)
{
	__atomic_store_n(&e->alive, EARLY_READY, __ATOMIC_RELEASE);
	(void)raw(SYS_futex, (long)&e->alive, FUTEX_WAKE, 1, 0, 0);
}

/* As long as it is `state`: whoever is killed leaves every state. */
static void wait_while(struct early *e, int32_t state)
{
	while (__atomic_load_n(&e->alive, __ATOMIC_ACQUIRE) == state)
		(void)raw(SYS_futex, (long)&e->alive, FUTEX_WAIT, state, 0, 0);
}

static long bring_loopback_up(const struct early *e)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	long sock, r;

	if (!e->loopback)
		return 0;
	sock = raw(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0, 0, 0);
	if (sock < 0)
		return sock;
	r = raw(SYS_ioctl, sock, SIOCSIFFLAGS, (long)&request, 0, 0);
	(void)raw(SYS_close, sock, 0, 0, 0, 0);
	return r;
}

/* As caps_bound(). The kernel says where its capabilities end: EINVAL. */
static long bound_caps(const struct early *e)
{
	for (int cap = 0; cap < 64; cap++) {
		long r = e->caps >> cap & 1 ? 0 : raw(SYS_prctl, PR_CAPBSET_DROP, cap, 0, 0, 0);

		if (r == -EINVAL)
			break;
		if (r < 0)
			return r;
	}
	return raw(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

static long forgo_privileges(const struct early *e)
{
	(void)e;
	return raw(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static long install_filter(const struct early *e)
{
	struct sock_fprog program = {.len = seccomp_default_len, .filter = (struct sock_filter *)seccomp_default};

	if (e->no_filter || !RT_GUARDS(R10, R17))
		return 0;
	return raw(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, (long)&program, 0, 0);
}

static const struct {
	const char *what;
	long (*run)(const struct early *e);
} steps[] = {
    {"bring up the network", bring_loopback_up},
    {"drop capabilities from the bounding set", bound_caps},
    {"set no_new_privs", forgo_privileges},
    {"install the system call filter", install_filter},
};

static int run(void *arg)
{
	struct early *e = arg;
	struct err err = ERR_INIT;
	int r;

	for (size_t i = 0; i < sizeof steps / sizeof *steps && !e->error; i++) {
		long done = steps[i].run(e);

		if (done < 0) {
			e->what = steps[i].what;
			e->error = (int)-done;
		}
	}
	say_ready(e);
	wait_for(&e->go);
	if (e->error)
		r = err_sys(&err, e->error, "%s", e->what);
	else
		r = payload_enter_cwd(e->payload.cwd, &err);
	if (r == 0)
		payload_exec(&e->payload);
	setup_tell_failure(e->payload.talk, RT_FAULT_OURS, &err);
	_exit(125);
}

static pid_t spawn(struct early *e, struct err *err)
{
	static char stack[PAYLOAD_STACK] __attribute__((aligned(16)));
	pid_t pid;

	if (!SHARED) {
		pid = fork();
		if (pid == 0)
			_exit(run(e));
	} else {
		e->alive = EARLY_BUSY;
		/* No signal at its end: the exec makes it SIGCHLD, which has_execed() looks at. */
		pid = clone(run, stack + sizeof stack, CLONE_VM | CLONE_FILES | CLONE_CHILD_CLEARTID, e, NULL, NULL,
			    &e->alive);
	}
	e->pid = pid;
	return pid < 0 ? err_sys(err, errno, "start the payload (is the pids limit below 2?)") : pid;
}

pid_t early_start(struct early *e, struct err *err)
{
	return SHARED ? spawn(e, err) : 0;
}

void early_wait(struct early *e)
{
	if (SHARED)
		wait_while(e, EARLY_BUSY);
}

/* A child whose end is not told by SIGCHLD is a "clone child" (wait(2)); by an exec, and only by that, it becomes one like any other. Both
 * its exec and its end have cleared `alive`, this after the change. */
static bool has_execed(const struct early *e)
{
	return raw(SYS_waitid, P_PID, e->pid, 0, WEXITED | WNOHANG | WNOWAIT | __WCLONE, 0) == -ECHILD;
}

pid_t early_release(struct early *e, struct err *err)
{
	if (!SHARED) {
		e->go = 1;
		return spawn(e, err);
	}
	wake(&e->go);
	wait_while(e, EARLY_READY);
	return has_execed(e) ? 0 : err_set(err, ECANCELED, "the program's process was killed before it ran");
}
