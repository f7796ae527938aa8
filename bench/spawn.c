/* SPDX-License-Identifier: Apache-2.0
 *
 * spawn RUNS PROGRAM [ARGUMENT...]: runs the program that often, one after the other, and prints the nanoseconds from spawning it
 * to its end, one number a line. Its output goes to /dev/null. The first run that fails ends the series with exit code 1.
 * posix_spawn costs the same whatever the size of the caller, which a script's fork does not.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
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

/* Returns the wait status, or -1 with errno. */
static int run_once(char **argv, const posix_spawn_file_actions_t *actions, int64_t *ret_ns)
{
	pid_t pid;
	int status;
	int64_t begin = now_ns();
	int r = posix_spawnp(&pid, argv[0], actions, NULL, argv, environ);

	if (r != 0) {
		errno = r;
		return -1;
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -1;
	}
	*ret_ns = now_ns() - begin;
	return status;
}

int main(int argc, char **argv)
{
	posix_spawn_file_actions_t actions;
	char *end;
	long runs = argc > 2 ? strtol(argv[1], &end, 10) : 0;

	if (argc < 3 || *end || runs < 1) {
		fputs("usage: spawn RUNS PROGRAM [ARGUMENT...]\n", stderr);
		return 2;
	}
	if (posix_spawn_file_actions_init(&actions) != 0 ||
	    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) != 0) {
		fputs("spawn: out of memory\n", stderr);
		return 1;
	}
	for (long i = 0; i < runs; i++) {
		int64_t ns = 0;
		int status = run_once(argv + 2, &actions, &ns);

		if (status != 0) {
			fprintf(stderr, "spawn: %s: %s (wait status %d)\n", argv[2],
				status < 0 ? strerror(errno) : "failed", status);
			return 1;
		}
		printf("%lld\n", (long long)ns);
	}
	posix_spawn_file_actions_destroy(&actions);
	return 0;
}
