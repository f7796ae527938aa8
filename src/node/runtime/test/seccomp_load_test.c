/* SPDX-License-Identifier: Apache-2.0
 *
 * What a loaded filter does to a process: each action, 32-bit calls, and the listener, also when it is asked about every call there is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/proc.h"
#include "node/runtime/seccomp_profile.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

enum { NUMBERS = 1024, FAILED_TO_LOAD = 99 };

static const char STATE[] = "{\"ociVersion\":\"1.2.0\",\"fds\":[\"seccompFd\"],\"pid\":1}";

static struct rt_filter compiled(const char *default_action, const char *const *names, const char *action,
				 const char *const *flags)
{
	const char *const arches[] = {"SCMP_ARCH_X86", NULL};
	const struct seccomp_rule rule = {
	    .names = names, .action = action, .has_errno = !strcmp(action, "SCMP_ACT_ERRNO"), .errno_ret = EDOM};
	const struct seccomp_profile p = {.default_action = default_action,
					  .architectures = arches,
					  .flags = flags,
					  .listener_path = "/listener",
					  .rules = &rule,
					  .n_rules = names ? 1 : 0};
	struct err err = ERR_INIT;
	struct rt_filter f;

	if (seccomp_compile(&p, &f, &err) < 0)
		fail_msg("%s", err.text);
	return f;
}

/* In the child: dies with the test, and may load. */
static void become_victim(void)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)prctl(PR_SET_DUMPABLE, 0);
}

static void victim_load(const struct rt_filter *f, int listener)
{
	struct err err = ERR_INIT;

	become_victim();
	if (seccomp_load(f, listener, STATE, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		_exit(FAILED_TO_LOAD);
	}
}

/* ---- actions ---- */

static void on_sigsys(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	_exit(info->si_syscall == SYS_getppid ? 42 : 43);
}

static int getppid_status(const struct rt_filter *f, bool traced)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct sigaction trap = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};
		long r;

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		sigaction(SIGSYS, &trap, NULL);
		if (traced)
			ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		if (traced)
			raise(SIGSTOP);
		victim_load(f, -1);
		errno = 0;
		r = syscall(SYS_getppid);
		_exit(r < 0 ? errno : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return traced ? (int)pid : status;
}

static void each_action_has_its_effect(void **state)
{
	static const struct {
		const char *action;
		int exit, signal;
	} cases[] = {
	    {"SCMP_ACT_ERRNO", EDOM, 0},	  {"SCMP_ACT_TRAP", 42, 0},
	    {"SCMP_ACT_KILL", 0, SIGSYS},	  {"SCMP_ACT_KILL_THREAD", 0, SIGSYS},
	    {"SCMP_ACT_KILL_PROCESS", 0, SIGSYS}, {"SCMP_ACT_LOG", 1, 0},
	    {"SCMP_ACT_TRACE", ENOSYS, 0}, /* there is no tracer */
	};
	static const char *const names[] = {"getppid", NULL};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rt_filter f = compiled("SCMP_ACT_ALLOW", names, cases[i].action, NULL);
		int status = getppid_status(&f, false);

		if (WIFEXITED(status) ? cases[i].signal != 0 || WEXITSTATUS(status) != cases[i].exit
				      : WTERMSIG(status) != cases[i].signal)
			fail_msg("%s: status 0x%x", cases[i].action, status);
		seccomp_filter_free(&f);
	}
}

static void a_tracer_is_told_the_number(void **state)
{
	static const char *const names[] = {"getppid", NULL};
	struct rt_filter f = compiled("SCMP_ACT_ALLOW", names, "SCMP_ACT_TRACE", NULL);
	pid_t pid = getppid_status(&f, true);
	unsigned long message = 0;
	int status;

	(void)state;
	assert_int_equal(ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL)), 0);
	assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status >> 8, SIGTRAP | PTRACE_EVENT_SECCOMP << 8);
	assert_int_equal(ptrace(PTRACE_GETEVENTMSG, pid, NULL, &message), 0);
	assert_int_equal(message, EPERM);
	assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	seccomp_filter_free(&f);
}

static void all_flags_can_be_loaded(void **state)
{
	static const char *const names[] = {"getppid", NULL};
	struct rt_filter f = compiled("SCMP_ACT_ALLOW", names, "SCMP_ACT_ERRNO", seccomp_flags);
	int status = getppid_status(&f, false);

	(void)state;
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EDOM);
	seccomp_filter_free(&f);
}

/* Newer than the profile: ENOSYS although the default is to kill. */
static void newer_calls_are_absent(void **state)
{
	static const char *const names[] = {"getpid", "exit_group", "write", "mmap", "munmap", NULL};
	struct rt_filter f = compiled("SCMP_ACT_KILL_PROCESS", names, "SCMP_ACT_ALLOW", NULL);
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		victim_load(&f, -1);
		syscall(SYS_exit_group, syscall(SYS_getpid) > 0 && syscall(467) < 0 ? errno : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == ENOSYS);
	seccomp_filter_free(&f);
}

#if defined(__x86_64__)
static long int80(long nr)
{
	long r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(0), "c"(0), "d"(0) : "memory", "r8", "r9", "r10", "r11");
	return r;
}

static int int80_status(const struct rt_filter *f, long nr)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		if (f)
			victim_load(f, -1);
		_exit(int80(nr) == -EDOM ? EDOM : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void calls_of_32_bits_are_filtered(void **state)
{
	static const char *const names[] = {"getppid", NULL};
	struct rt_filter f;

	(void)state;
	if (!WIFEXITED(int80_status(NULL, 64))) {
		print_message("# this kernel has no 32-bit system calls\n");
		skip();
	}
	f = compiled("SCMP_ACT_ALLOW", names, "SCMP_ACT_ERRNO", NULL);
	assert_int_equal(int80_status(&f, 64), EDOM << 8);
	assert_int_equal(int80_status(&f, 20), 1 << 8);
	seccomp_filter_free(&f);
}
#else
static void calls_of_32_bits_are_filtered(void **state)
{
	(void)state;
	skip();
}
#endif

/* ---- the listener ---- */

struct agent {
	int socket[2]; /* ours, the victim's */
	int listener, pidfd;
	pid_t pid;
	bool seen[NUMBERS];
	size_t n;
};

static void agent_start(struct agent *a, uint64_t flags)
{
	*a = (struct agent){.listener = -1, .pidfd = -1};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, a->socket), 0);
	fflush(NULL);
	a->pid = proc_clone(flags, -1, &a->pidfd);
	assert_true(a->pid >= 0);
}

static void agent_take_listener(struct agent *a)
{
	char text[256] = "";
	int fds[FD_MSG_MAX];
	size_t n_fds = 0;
	ssize_t r;

	close(a->socket[1]);
	r = fd_recv_msg(a->socket[0], text, sizeof text, fds, &n_fds);
	if (r != (ssize_t)sizeof STATE - 1 || n_fds != 1)
		fail_msg("got %zd bytes and %zu descriptors", r, n_fds);
	assert_memory_equal(text, STATE, sizeof STATE - 1);
	a->listener = fds[0];
}

/* Lets every call go on and writes it down, until the victim has ended; false when no more can come before that. */
static bool agent_answer_one(struct agent *a)
{
	struct pollfd p[] = {{.fd = a->listener, .events = POLLIN}, {.fd = a->pidfd, .events = POLLIN}};
	struct seccomp_notif ask;
	struct seccomp_notif_resp answer;

	assert_true(poll(p, 2, -1) > 0);
	if (!(p[0].revents & POLLIN))
		return false;
	memset(&ask, 0, sizeof ask);
	if (ioctl(a->listener, SECCOMP_IOCTL_NOTIF_RECV, &ask) < 0)
		return errno == EINTR || errno == ENOENT;
	answer = (struct seccomp_notif_resp){.id = ask.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
	if (ask.data.nr >= 0 && ask.data.nr < NUMBERS)
		a->seen[ask.data.nr] = true;
	a->n++;
	(void)ioctl(a->listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	return true;
}

static int agent_finish(struct agent *a)
{
	int status;

	while (agent_answer_one(a))
		continue;
	assert_int_equal(waitpid(a->pid, &status, __WALL), a->pid);
	close(a->listener);
	close(a->pidfd);
	close(a->socket[0]);
	return status;
}

static const char *const asked[] = {"write",  "sendmsg",	"futex", "exit_group",	"execve",  "close",
				    "munmap", "rt_sigprocmask", "exit",	 "sched_yield", "getppid", "clone",
				    NULL};

static void do_asked(void)
{
	int word = 1;

	(void)!write(-1, "", 1);
	(void)sendmsg(-1, &(struct msghdr){.msg_iov = NULL}, 0);
	(void)syscall(SYS_futex, &word, 1, 1, NULL, NULL, 0);
}

/* A filter that asks about the calls with which the listener itself is handed over. */
static void the_listener_arrives_whatever_is_asked(void **state)
{
	static const int wanted[] = {SYS_write, SYS_sendmsg, SYS_futex, SYS_exit_group};
	struct rt_filter f = compiled("SCMP_ACT_ALLOW", asked, "SCMP_ACT_NOTIFY", seccomp_flags);
	struct agent a;

	(void)state;
	assert_true(f.notify);
	for (int i = 0; i < 20; i++) {
		agent_start(&a, 0);
		if (a.pid == 0) {
			victim_load(&f, a.socket[1]);
			do_asked();
			_exit(7);
		}
		agent_take_listener(&a);
		assert_int_equal(agent_finish(&a), 7 << 8);
		for (size_t k = 0; k < COUNT(wanted); k++)
			assert_true(a.seen[wanted[k]]);
	}
	seccomp_filter_free(&f);
}

/* ... about execve, and about everything that follows it. */
static void a_program_can_be_asked_about_everything(void **state)
{
	struct rt_filter f = compiled("SCMP_ACT_NOTIFY", NULL, "", NULL);
	struct agent a;

	(void)state;
	agent_start(&a, 0);
	if (a.pid == 0) {
		victim_load(&f, a.socket[1]);
		execl("/bin/true", "true", NULL);
		_exit(8);
	}
	agent_take_listener(&a);
	assert_int_equal(agent_finish(&a), 0);
	assert_true(a.seen[SYS_execve]);
	assert_true(a.seen[SYS_exit_group]);
	assert_true(a.n > 5);
	seccomp_filter_free(&f);
}

static void the_first_process_of_a_namespace_can_be_asked(void **state)
{
	struct rt_filter f = compiled("SCMP_ACT_NOTIFY", NULL, "", NULL);
	struct agent a;

	(void)state;
	if (geteuid() != 0) {
		print_message("# needs root\n");
		skip();
	}
	agent_start(&a, CLONE_NEWPID);
	if (a.pid == 0) {
		if (getpid() != 1)
			_exit(9);
		victim_load(&f, a.socket[1]);
		execl("/bin/true", "true", NULL);
		_exit(8);
	}
	agent_take_listener(&a);
	assert_int_equal(agent_finish(&a), 0);
	seccomp_filter_free(&f);
}

/* Some calls are for processes of one thread alone. The helper has ended, but its number may be there for another moment. */
static void wait_until_single(void)
{
	while (unshare(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD) < 0)
		sched_yield();
}

/* Signals of the process are not lost to the helper: it has them blocked, and is gone. */
static void no_second_thread_stays(void **state)
{
	static const char *const names[] = {"getppid", NULL};
	struct rt_filter f = compiled("SCMP_ACT_ALLOW", names, "SCMP_ACT_NOTIFY", NULL);
	struct agent a;

	(void)state;
	agent_start(&a, 0);
	if (a.pid == 0) {
		sigset_t before, after;

		memset(&before, 0, sizeof before);
		memset(&after, 0, sizeof after);
		sigprocmask(SIG_SETMASK, NULL, &before);
		victim_load(&f, a.socket[1]);
		sigprocmask(SIG_SETMASK, NULL, &after);
		wait_until_single();
		_exit(memcmp(&before, &after, sizeof before) != 0);
	}
	agent_take_listener(&a);
	assert_int_equal(agent_finish(&a), 0);
	seccomp_filter_free(&f);
}

/* Nobody takes the listener: an error, and what would be asked is ENOSYS. */
static void a_lost_listener_is_an_error(void **state)
{
	static const char *const names[] = {"write", "sendmsg", "getppid", NULL};
	struct rt_filter f = compiled("SCMP_ACT_ALLOW", names, "SCMP_ACT_NOTIFY", NULL);
	int sockets[2], status;
	pid_t pid;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	close(sockets[0]);
	pid = fork();
	if (pid == 0) {
		struct err err = ERR_INIT;

		become_victim();
		if (seccomp_load(&f, -1, STATE, &err) != -EINVAL || seccomp_load(&f, sockets[1], "", &err) != -EINVAL)
			_exit(2);
		if (seccomp_load(&f, sockets[1], STATE, &err) != -EPIPE)
			_exit(3);
		_exit(syscall(SYS_getppid) < 0 && errno == ENOSYS ? 0 : 4);
	}
	close(sockets[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	seccomp_filter_free(&f);
}

/* A filter that the kernel refuses leaves the process as it was, the helper included. */
static void a_refused_filter_is_an_error(void **state)
{
	struct sock_filter endless = {.code = BPF_JMP | BPF_JA, .k = 0};
	const struct rt_filter plain = {.code = &endless, .n = 1}, notify = {.code = &endless, .n = 1, .notify = true};
	int sockets[2], status;
	pid_t pid;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	pid = fork();
	if (pid == 0) {
		become_victim();
		if (seccomp_load(&plain, -1, NULL, NULL) != -EINVAL)
			_exit(2);
		if (seccomp_load(&notify, sockets[1], STATE, NULL) != -EINVAL)
			_exit(3);
		wait_until_single();
		_exit(prctl(PR_GET_SECCOMP) == 0 ? 0 : 4);
	}
	close(sockets[0]);
	close(sockets[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_action_has_its_effect),
	    cmocka_unit_test(a_tracer_is_told_the_number),
	    cmocka_unit_test(all_flags_can_be_loaded),
	    cmocka_unit_test(newer_calls_are_absent),
	    cmocka_unit_test(calls_of_32_bits_are_filtered),
	    cmocka_unit_test(the_listener_arrives_whatever_is_asked),
	    cmocka_unit_test(a_program_can_be_asked_about_everything),
	    cmocka_unit_test(the_first_process_of_a_namespace_can_be_asked),
	    cmocka_unit_test(no_second_thread_stays),
	    cmocka_unit_test(a_lost_listener_is_an_error),
	    cmocka_unit_test(a_refused_filter_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
