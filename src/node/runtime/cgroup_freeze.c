/* SPDX-License-Identifier: Apache-2.0
 *
 * Stopping all processes of a box at once. Version 2's freezer is preferred where both are there: a frozen process can still be killed.
 */
#include "node/runtime/cgroup_box_impl.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "node/runtime/cgroup_file.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <time.h>

enum { WAIT_MS = 10000, V1_ROUND_US = 500, V1_ROUNDS = 4000, V1_REWRITE = 20 };

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* 1, 0 or a negative errno. */
static int frozen_v2(const struct cgroup_dir *d)
{
	long long n;

	return cgroup_file_number(d->fd, "cgroup.events", "frozen", &n) ? n == 1 : -ENOENT;
}

/* cgroup.events changes when the last process has stopped, and polls as exceptional. */
static int freeze_v2(const struct cgroup_dir *d, bool freeze)
{
	const int64_t end = now_ms() + WAIT_MS;
	fd_cleanup int events = cgroup_file_open(d->fd, "cgroup.events", O_RDONLY);
	int r = events < 0 ? events : cgroup_file_write(d->fd, "cgroup.freeze", freeze ? "1" : "0");

	while (r == 0) {
		struct pollfd p = {.fd = events, .events = POLLPRI};
		char text[256];
		int64_t left = end - now_ms();

		/* Read through the polled descriptor: a change after this read ends the poll. */
		if (pread(events, text, sizeof text, 0) < 0)
			return -errno;
		if (frozen_v2(d) == freeze)
			return 0;
		if (left <= 0)
			r = -EBUSY;
		else if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
			r = -errno;
	}
	if (freeze)
		(void)cgroup_file_write(d->fd, "cgroup.freeze", "0");
	return r;
}

static int frozen_v1(const struct cgroup_dir *d)
{
	char state[32];
	int r = cgroup_file_read(d->fd, "freezer.state", state, sizeof state);

	return r < 0 ? r : !strncmp(state, "FROZEN", 6);
}

/* Version 1 tells nobody when it is done: it is asked, again and again. A process that is born meanwhile keeps it FREEZING until it is told once more;
 * one that waits for another that is frozen already (vfork) is let go for a moment. */
static int freeze_v1(const struct cgroup_dir *d, bool freeze)
{
	const struct timespec pause = {.tv_nsec = V1_ROUND_US * 1000L};
	int r = 0;

	for (int i = 0; i < V1_ROUNDS && r >= 0; i++) {
		char state[32];

		if (i % V1_REWRITE == 0 && i > 0 && freeze)
			(void)cgroup_file_write(d->fd, "freezer.state", "THAWED");
		if (i % V1_REWRITE == 0)
			r = cgroup_file_write(d->fd, "freezer.state", freeze ? "FROZEN" : "THAWED");
		if (r == 0)
			r = cgroup_file_read(d->fd, "freezer.state", state, sizeof state);
		if (r == 0 && !strncmp(state, freeze ? "FROZEN" : "THAWED", 6))
			return 0;
		(void)nanosleep(&pause, NULL);
	}
	if (freeze)
		(void)cgroup_file_write(d->fd, "freezer.state", "THAWED");
	return r < 0 ? r : -EBUSY;
}

struct freezers {
	const struct cgroup_dir *v1, *v2;
};

static struct freezers find(const struct cgroup_box *b)
{
	struct freezers f = {cgroup_box_v1(b, "freezer"), cgroup_box_v2(b)};

	if (f.v2 && frozen_v2(f.v2) < 0)
		f.v2 = NULL;
	return f;
}

int cgroup_box_freeze(const struct cgroup_box *b, bool freeze, struct err *err)
{
	const struct freezers f = find(b);
	const struct cgroup_dir *d = f.v2 ? f.v2 : f.v1;
	int r;

	if (!d)
		return err_set(err, ENOTSUP, "this container has no cgroup that can be frozen");
	r = d->v2 ? freeze_v2(d, freeze) : freeze_v1(d, freeze);
	/* Somebody else may have used the other one. */
	if (r == 0 && !freeze && f.v1 && f.v1 != d)
		r = freeze_v1(f.v1, false);
	return r < 0 ? err_sys(err, -r, "%s the cgroup %s", freeze ? "freeze" : "thaw", d->where) : 0;
}

int cgroup_box_frozen(const struct cgroup_box *b)
{
	const struct freezers f = find(b);
	int r = f.v2 ? frozen_v2(f.v2) : -ENOTSUP;

	if (r <= 0 && f.v1) {
		int v1 = frozen_v1(f.v1);

		r = v1 > 0 || r < 0 ? v1 : r;
	}
	return r;
}
