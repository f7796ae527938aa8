/* SPDX-License-Identifier: Apache-2.0
 *
 * spawn [-j JOBS] [-e] RUNS PROGRAM [ARGUMENT...]: runs the program that often, one after the other, and prints the nanoseconds from
 * spawning it to its end, one number a line. With -j each run is so many of it at once, and the time that of all together; with -e a
 * line for each of them. In an argument {} stands for the number of the process. Output goes to /dev/null. A run that fails ends the series
 * with exit code 1. posix_spawn costs the same whatever the size of the caller, which a script's fork does not.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

enum { JOBS_MAX = 1024, ARGUMENT_MAX = 4096 };

static long next; /* number of the next process */

/* The argument with {} replaced, to be freed. */
static char *numbered(const char *argument, long n)
{
	const char *mark = strstr(argument, "{}");
	char *text = malloc(ARGUMENT_MAX);

	if (!text)
		abort();
	if (mark)
		snprintf(text, ARGUMENT_MAX, "%.*s%ld%s", (int)(mark - argument), argument, n, mark + 2);
	else
		snprintf(text, ARGUMENT_MAX, "%s", argument);
	return text;
}

static int start(char **argv, const posix_spawn_file_actions_t *actions, pid_t *ret)
{
	size_t n = 0;
	char **own;
	int r;

	while (argv[n])
		n++;
	own = calloc(n + 1, sizeof *own);
	if (!own || n == 0)
		abort();
	for (size_t i = 0; i < n; i++)
		own[i] = numbered(argv[i], next);
	next++;
	r = posix_spawnp(ret, own[0], actions, NULL, own, environ);
	for (size_t i = 0; i < n; i++)
		free(own[i]);
	free(own);
	return r;
}

/* Of the processes of one run. */
static struct {
	pid_t pid;
	int64_t begin_ns, took_ns;
} each[JOBS_MAX];

static void ended(long n, pid_t pid)
{
	for (long i = 0; i < n; i++) {
		if (each[i].pid == pid)
			each[i].took_ns = now_ns() - each[i].begin_ns;
	}
}

static void print_each(long n)
{
	for (long i = 0; i < n; i++)
		printf("%lld\n", (long long)each[i].took_ns);
}

/* Returns the first wait status that is not 0, or -1 with errno. */
static int run_once(long jobs, char **argv, const posix_spawn_file_actions_t *actions, int64_t *ret_ns)
{
	int failed = 0, status;
	int64_t begin = now_ns();
	long started = 0;

	for (; started < jobs && failed == 0; started++) {
		int r;

		each[started].begin_ns = now_ns();
		r = start(argv, actions, &each[started].pid);

		if (r != 0) {
			errno = r;
			failed = -1;
			break;
		}
	}
	while (started > 0) {
		pid_t pid = wait(&status);

		if (pid > 0) {
			ended(jobs, pid);
			started--;
			failed = failed ? failed : status;
		} else if (errno != EINTR) {
			return -1;
		}
	}
	*ret_ns = now_ns() - begin;
	return failed;
}

int main(int argc, char **argv)
{
	posix_spawn_file_actions_t actions;
	char *end = NULL;
	long jobs = 1, runs;
	bool all = true;

	if (argc > 2 && !strcmp(argv[1], "-j")) {
		jobs = strtol(argv[2], &end, 10);
		argc -= 2;
		argv += 2;
	}
	if (argc > 1 && !strcmp(argv[1], "-e")) {
		all = false;
		argc--;
		argv++;
	}
	runs = argc > 2 ? strtol(argv[1], &end, 10) : 0;
	if (argc < 3 || *end || runs < 1 || jobs < 1 || jobs > JOBS_MAX) {
		fputs("usage: spawn [-j JOBS] [-e] RUNS PROGRAM [ARGUMENT...]\n", stderr);
		return 2;
	}
	if (posix_spawn_file_actions_init(&actions) != 0 ||
	    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) != 0) {
		fputs("spawn: out of memory\n", stderr);
		return 1;
	}
	for (long i = 0; i < runs; i++) {
		int64_t ns = 0;
		int status = run_once(jobs, argv + 2, &actions, &ns);

		if (status != 0) {
			fprintf(stderr, "spawn: %s: %s (wait status %d)\n", argv[2],
				status < 0 ? strerror(errno) : "failed", status);
			return 1;
		}
		if (all)
			printf("%lld\n", (long long)ns);
		else
			print_each(jobs);
	}
	posix_spawn_file_actions_destroy(&actions);
	return 0;
}
