/* SPDX-License-Identifier: Apache-2.0
 *
 * limit: the physical limit of starting a container on this machine. N times: an overlay of one layer and an upper, clone3 with the same
 * namespaces as the runtime's, pivot_root, exec of /bin/true, wait, throw the upper away. No cgroup, no /proc, no /dev, no filter, no init:
 * nothing that could be left out.
 *
 *   limit N ROOTFS     prints {"name":"limit","unit":"us","runs":N,"median":...,"min":...}
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RUNS_MAX = 100000 };

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "limit: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void child(const char *options)
{
	static char *argv[] = {(char *)"true", NULL};
	static char *env[] = {(char *)"PATH=/bin", NULL};

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		die("make / private");
	if (mount("overlay", "merged", "overlay", 0, options) < 0)
		die("mount the overlay");
	if (chdir("merged") < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		die("pivot_root");
	if (umount2(".", MNT_DETACH) < 0)
		die("detach the old root");
	execve("/bin/true", argv, env);
	die("exec /bin/true");
}

static void run(const char *options)
{
	struct clone_args args = {
	    .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWNET,
	    .exit_signal = SIGCHLD,
	};
	int status;
	long pid = syscall(SYS_clone3, &args, sizeof args);

	if (pid < 0)
		die("clone3");
	if (pid == 0)
		child(options);
	if (waitpid((pid_t)pid, &status, 0) < 0 || status != 0) {
		errno = ECHILD;
		die("/bin/true did not end with 0");
	}
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	long n = argc == 3 ? strtol(argv[1], NULL, 10) : 0;
	char dir[] = "/tmp/berth-limit-XXXXXX", rootfs[4096], options[8192];
	int64_t *times, *median;

	if (n < 1 || n > RUNS_MAX || !realpath(argv[2], rootfs)) {
		fprintf(stderr, "usage: limit N ROOTFS\n");
		return 2;
	}
	times = calloc((size_t)n, sizeof *times);
	if (!times || !mkdtemp(dir) || chdir(dir) < 0 || mkdir("merged", 0755) < 0)
		die("make a working directory");
	snprintf(options, sizeof options, "lowerdir=%s,upperdir=upper,workdir=work", rootfs);
	for (long i = 0; i < n; i++) {
		if (mkdir("upper", 0755) < 0 || mkdir("work", 0755) < 0)
			die("make the upper layer");
		times[i] = now_ns();
		run(options);
		times[i] = now_ns() - times[i];
		/* /bin/true wrote nothing; overlayfs leaves one directory. */
		if (rmdir("work/work") < 0 || rmdir("work") < 0 || rmdir("upper") < 0)
			die("remove the upper layer");
	}
	qsort(times, (size_t)n, sizeof *times, compare);
	median = times + n / 2;
	printf("{\"name\":\"limit\",\"unit\":\"us\",\"runs\":%ld,\"median\":%.1f,\"min\":%.1f}\n", n,
	       (double)*median / 1000, (double)times[0] / 1000);
	free(times);
	return chdir("/") < 0 || (chdir(dir) == 0 && rmdir("merged") < 0) || rmdir(dir) < 0;
}
