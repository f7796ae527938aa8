/* SPDX-License-Identifier: Apache-2.0
 *
 * helper: what the runtime's tests run inside a container. `helper WHAT`; see the table at the end.
 */
#include <errno.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *what, long r)
{
	printf("%s %s\n", what, r >= 0 ? "ok" : strerrorname_np(errno));
}

#if defined(__x86_64__)
/* A system call of 32-bit x86 made from 64-bit code; all pointers must be below 4 GiB. */
static long int80(long nr, long a, long b, long c)
{
	long r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
	if (r >= 0)
		return r;
	errno = (int)-r;
	return -1;
}

static void foreign_abis(void)
{
	unsigned *args = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (args == MAP_FAILED)
		exit(9);
	args[0] = 38;
	args[1] = SOCK_SEQPACKET;
	args[2] = 0;
	say("i386-getpid", int80(20, 0, 0, 0));
	say("i386-alg", int80(359, 38, SOCK_SEQPACKET, 0));
	say("i386-inet", int80(359, AF_INET, SOCK_DGRAM, 0));
	say("i386-socketcall", int80(102, 1, (long)(size_t)args, 0));
	say("i386-unshare", int80(310, CLONE_NEWUSER, 0, 0));
	say("i386-mount", int80(21, 0, 0, 0));
	say("x32-alg", syscall(0x40000000 | SYS_socket, 38, SOCK_SEQPACKET, 0));
}
#else
static void foreign_abis(void)
{
}
#endif

static int try_clone(unsigned long flags)
{
	long pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid((pid_t)pid, NULL, 0);
	return pid > 0 ? 0 : -1;
}

static int do_syscalls(const char *arg)
{
	struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};

	(void)arg;
	say("inet", socket(AF_INET, SOCK_DGRAM, 0));
	say("unix", socket(AF_UNIX, SOCK_DGRAM, 0));
	say("netlink", socket(AF_NETLINK, SOCK_RAW, 0));
	say("alg", socket(38, SOCK_SEQPACKET, 0));
	say("alg-high", syscall(SYS_socket, 0x100000026L, SOCK_SEQPACKET, 0));
	say("vsock", socket(40, SOCK_STREAM, 0));
	say("unshare", unshare(CLONE_NEWNS));
	say("mount", mount("none", "/tmp", "tmpfs", 0, NULL));
	say("fsopen", fsopen("tmpfs", 0));
	say("clone", try_clone(0));
	say("clone-ns", try_clone(CLONE_NEWUSER));
	say("clone3", syscall(SYS_clone3, &args, sizeof args));
	say("setns", setns(0, 0));
	say("bpf", syscall(SYS_bpf, 0, NULL, 0));
	say("keyctl", syscall(SYS_keyctl, 0, 0));
	say("io_uring", syscall(SYS_io_uring_setup, 1, NULL));
	say("personality", personality(0));
	say("personality-bad", personality(0x0040000));
	say("future", syscall(1000));
	foreign_abis();
	return 0;
}

/* A child that leaves a grandchild behind: PID 1 must collect it. Ends when nobody but us and PID 1 is left. */
static int do_orphan(const char *arg)
{
	int pair[2];
	char c;
	pid_t pid;

	(void)arg;
	if (pipe(pair) < 0)
		return 9;
	pid = fork();
	if (pid == 0) {
		if (fork() == 0) {
			close(pair[0]);
			_exit(0);
		}
		_exit(0);
	}
	close(pair[1]);
	waitpid(pid, NULL, 0);
	if (read(pair[0], &c, 1) != 0)
		return 9;
	/* The pipe closes a moment before the process is a zombie, and that a moment before it is collected: the kernel's list tells. */
	for (int i = 0; i < 1000000; i++) {
		if (kill(pid + 1, 0) < 0 && errno == ESRCH)
			return 0;
		sched_yield();
	}
	return 1;
}

static int do_eat(const char *arg)
{
	size_t want = strtoul(arg, NULL, 10) << 20;
	char *p = mmap(NULL, want, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return 9;
	for (size_t i = 0; i < want; i += 4096)
		p[i] = 1;
	return 0;
}

static int do_wait(const char *arg)
{
	(void)arg;
	puts("ready");
	fflush(stdout);
	while (pause() < 0)
		;
	return 0;
}

/* As many processes as there may be; they stay. Prints how many there are and waits to be killed. */
static int do_bomb(const char *arg)
{
	int n = 0;

	for (pid_t pid = fork(); pid >= 0; pid = fork()) {
		if (pid == 0) {
			while (getppid() != 0)
				fork() < 0 ? pause() : 0;
		}
		if (++n > 4096)
			return 9;
	}
	printf("full %s ", strerrorname_np(errno));
	return do_wait(arg);
}

static void on_signal(int signal)
{
	_exit(signal);
}

static int do_trap(const char *arg)
{
	signal((int)strtol(arg, NULL, 10), on_signal);
	return do_wait(arg);
}

static int do_groups(const char *arg)
{
	gid_t groups[64];
	int n = getgroups(64, groups);

	(void)arg;
	printf("%d:%d", (int)getuid(), (int)getgid());
	for (int i = 0; i < n; i++)
		printf("%c%d", i ? ',' : ' ', (int)groups[i]);
	printf("\n");
	return 0;
}

static int do_network(const char *arg)
{
	struct if_nameindex *all = if_nameindex();
	struct ifreq request = {.ifr_name = "lo"};
	int sock = socket(AF_INET, SOCK_DGRAM, 0);

	(void)arg;
	for (struct if_nameindex *i = all; i && i->if_name; i++)
		printf("%s ", i->if_name);
	if (ioctl(sock, SIOCGIFFLAGS, &request) == 0)
		printf("%s", request.ifr_flags & IFF_UP ? "up" : "down");
	printf("\n");
	return 0;
}

static int do_signals(const char *arg)
{
	sigset_t set;
	int odd = 0;

	(void)arg;
	sigprocmask(SIG_BLOCK, NULL, &set);
	for (int i = 1; i < 32; i++) {
		struct sigaction a;

		if (sigaction(i, NULL, &a) == 0 && (a.sa_handler != SIG_DFL || sigismember(&set, i)))
			odd++;
	}
	printf("odd %d\n", odd);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(const char *arg);
} verbs[] = {
    {"syscalls", do_syscalls}, {"orphan", do_orphan},	{"eat", do_eat},
    {"bomb", do_bomb},	       {"wait", do_wait},	{"trap", do_trap},
    {"groups", do_groups},     {"network", do_network}, {"signals", do_signals},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof *verbs; i++) {
		if (!strcmp(verbs[i].name, argv[1]))
			return verbs[i].run(argc > 2 ? argv[2] : "");
	}
	return 8;
}
