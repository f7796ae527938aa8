/* SPDX-License-Identifier: Apache-2.0
 *
 * rt_start: the same as limit.c through our runtime: rt_start, wait, rt_reap, rt_delete of `true` with everything a container has.
 *
 *   rt_start [-l|-p|-t|-x] N ROOTFS  -l: with cpu, memory and pids limits; -p: networks from a pool, which is filled between the runs;
 *                              -t: also where the time of the last run went; -x: rt_exec of `true` in one running container instead
 *                              prints {"name":"rt_start","unit":"us","runs":N,"median":...,"min":...}
 */
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/proc.h"
#include "node/runtime/netpool.h"
#include "node/runtime/rt.h"
#include "node/runtime/timing.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RUNS_MAX = 100000 };

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "rt_start: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void run(struct rt_spec *spec)
{
	struct err err = ERR_INIT;
	struct rt_exit ended = {.code = -1};
	enum rt_fault fault;
	struct rt_box box;
	int r;

	r = rt_start(spec, &box, &fault, &err);
	if (r == 0) {
		r = proc_pidfd_wait(box.pidfd, -1) < 0 ? -1 : 0;
		timing_mark(TIMING_PARENT, "wait for the end");
		if (r == 0)
			r = rt_reap(&box, &ended, &err);
		timing_mark(TIMING_PARENT, "collect the exit");
		if (rt_delete(&box, r < 0 ? NULL : &err) < 0)
			r = -1;
		timing_mark(TIMING_PARENT, "remove the cgroups");
	}
	if (r < 0 || ended.code != 0) {
		fprintf(stderr, "rt_start: %s\n", r < 0 ? err.text : "true did not end with 0");
		exit(1);
	}
}

static void execute(struct rt_box *box)
{
	static char *command[] = {(char *)"/bin/true", NULL}, *env[] = {(char *)"PATH=/bin", NULL};
	const struct rt_exec_spec spec = {
	    .argv = command, .env = env, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1, .listener = -1};
	struct err err = ERR_INIT;
	enum rt_fault fault;
	int status = -1;
	pid_t pid;
	fd_cleanup int pidfd = rt_exec(box, &spec, &pid, &fault, &err);

	if (pidfd >= 0)
		(void)waitpid(pid, &status, 0);
	if (status != 0) {
		fprintf(stderr, "rt_start: %s\n", pidfd < 0 ? err.text : "true did not end with 0");
		(void)proc_pidfd_signal(box->pidfd, SIGKILL);
		exit(1);
	}
}

/* Times of rt_exec in a container that sleeps. */
static void measure_exec(struct rt_spec *spec, int64_t *times, long n)
{
	static char *command[] = {(char *)"/bin/sleep", (char *)"1000000", NULL};
	struct err err = ERR_INIT;
	struct rt_exit ended;
	enum rt_fault fault;
	struct rt_box box;

	spec->argv = command;
	if (rt_start(spec, &box, &fault, &err) < 0) {
		fprintf(stderr, "rt_start: %s\n", err.text);
		exit(1);
	}
	for (long i = 0; i < n; i++) {
		times[i] = now_ns();
		execute(&box);
		times[i] = now_ns() - times[i];
	}
	(void)proc_pidfd_signal(box.pidfd, SIGKILL);
	if (rt_reap(&box, &ended, &err) < 0 || rt_delete(&box, &err) < 0) {
		fprintf(stderr, "rt_start: %s\n", err.text);
		exit(1);
	}
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void open_layers(struct rt_spec *spec)
{
	if (mkdir("upper", 0755) < 0 || mkdir("work", 0755) < 0)
		die("make the upper layer");
	spec->upper_fd = open("upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	spec->work_fd = open("work", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* The runtime made mount points in the upper; whatever else is there is an error, seen by the last rmdir. */
static void remove_layers(struct rt_spec *spec)
{
	static const char *const made[] = {"upper/proc", "upper/sys", "upper/dev", "work/work/incompat/volatile",
					   "work/work/incompat"};

	close(spec->upper_fd);
	close(spec->work_fd);
	(void)unlink("work/work/incompat/volatile/dirty");
	for (size_t i = 0; i < sizeof made / sizeof *made; i++)
		(void)rmdir(made[i]);
	if (rmdir("work/work") < 0 || rmdir("work") < 0 || rmdir("upper") < 0)
		die("remove the upper layer");
}

int main(int argc, char **argv)
{
	static char *command[] = {(char *)"/bin/true", NULL}, *env[] = {(char *)"PATH=/bin", NULL};
	struct rt_spec spec = {
	    .argv = command, .env = env, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1, .root_fd = -1};
	bool limits = argc == 4 && !strcmp(argv[1], "-l"), timing = argc == 4 && !strcmp(argv[1], "-t");
	bool pooled = argc == 4 && !strcmp(argv[1], "-p"), exec = argc == 4 && !strcmp(argv[1], "-x");
	bool flag = limits || timing || pooled || exec;
	struct netpool pool = {.want = pooled ? 1 : 0};
	long n = argc == 3 + flag ? strtol(argv[1 + flag], NULL, 10) : 0;
	char dir[] = "/tmp/berth-start-XXXXXX", id[64];
	int lower = n > 0 ? open(argv[2 + flag], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int64_t *times, *median;

	if (n < 1 || n > RUNS_MAX || lower < 0) {
		fprintf(stderr, "usage: rt_start [-l|-p|-t|-x] N ROOTFS\n");
		return 2;
	}
	times = calloc((size_t)n, sizeof *times);
	if (!times || !mkdtemp(dir) || chdir(dir) < 0)
		die("make a working directory");
	snprintf(id, sizeof id, "bench-%d", (int)getpid());
	spec.id = id;
	spec.lower_fds = &lower;
	spec.n_lower = 1;
	spec.caps = RT_CAPS_DEFAULT;
	spec.discard_upper = true;
	if (limits)
		spec.limits = (struct rt_limits){.cpu_milli = 1000, .memory = 64u << 20, .pids = 64};
	if (timing && timing_on(NULL) < 0)
		die("turn the timing on");
	if (exec) {
		open_layers(&spec);
		measure_exec(&spec, times, n);
		remove_layers(&spec);
	}
	for (long i = 0; i < n && !exec; i++) {
		open_layers(&spec);
		if (netpool_fill_one(&pool, NULL) < 0)
			die("prepare a network");
		spec.has_netns = pooled;
		spec.netns = netpool_take(&pool);
		timing_reset();
		times[i] = now_ns();
		run(&spec);
		times[i] = now_ns() - times[i];
		fd_closep(&spec.netns);
		remove_layers(&spec);
	}
	qsort(times, (size_t)n, sizeof *times, compare);
	median = times + n / 2;
	printf("{\"name\":\"rt_start%s\",\"unit\":\"us\",\"runs\":%ld,\"median\":%.1f,\"min\":%.1f}\n",
	       limits	? "_limits"
	       : pooled ? "_pool"
	       : exec	? "_exec"
			: "",
	       n, (double)*median / 1000, (double)times[0] / 1000);
	timing_print(stdout);
	free(times);
	return chdir("/") < 0 || rmdir(dir) < 0;
}
