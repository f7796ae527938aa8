/* SPDX-License-Identifier: Apache-2.0
 *
 * clock_jump: to be loaded before a program (LD_PRELOAD): its wall clock is the machine's and so many seconds more as stand, as an int64_t, in the file
 * CLOCK_JUMP, now: whoever writes there sets the clock. Timers of the kernel and other clocks stay as they are.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static const volatile int64_t *ahead;

__attribute__((constructor)) static void find_file(void)
{
	const char *path = getenv("CLOCK_JUMP");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, fd, 0);

	if (fd >= 0)
		close(fd);
	ahead = at == MAP_FAILED ? NULL : at;
}

EXPORT int clock_gettime(clockid_t clock_id, struct timespec *tp)
{
	int r = (int)syscall(SYS_clock_gettime, clock_id, tp);

	if (r == 0 && ahead && (clock_id == CLOCK_REALTIME || clock_id == CLOCK_REALTIME_COARSE))
		tp->tv_sec += *ahead;
	return r;
}

EXPORT int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	int r = (int)syscall(SYS_gettimeofday, tv, tz);

	if (r == 0 && ahead)
		tv->tv_sec += *ahead;
	return r;
}

EXPORT time_t time(time_t *timer)
{
	struct timespec now;
	time_t t = clock_gettime(CLOCK_REALTIME, &now) == 0 ? now.tv_sec : (time_t)-1;

	if (timer)
		*timer = t;
	return t;
}
