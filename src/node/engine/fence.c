/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/fence.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/image/boot.h"

#include <fcntl.h>
#include <stdlib.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#define NAME "fence"

/* As it stands in the file. */
struct text {
	_Atomic int64_t until_ms, term;
	char boot[BOOT_ID_MAX];
};

struct fence {
	struct text *text;
};

static struct text *map(int fd, int protection)
{
	struct stat st;
	void *at;

	/* Beyond the end of a file that was cut off would be a signal. */
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size != sizeof(struct text))
		return NULL;
	at = mmap(NULL, sizeof(struct text), protection, MAP_SHARED, fd, 0);
	return at == MAP_FAILED ? NULL : at;
}

static bool is_of_this_boot(const struct text *t)
{
	return memchr(t->boot, 0, sizeof t->boot) && boot_is_this(t->boot);
}

static int begin(int fd, struct err *err)
{
	struct text new = {.until_ms = 0};

	boot_id(new.boot);
	if (pwrite(fd, &new, sizeof new, 0) != sizeof new || ftruncate(fd, sizeof new) < 0)
		return err_sys(err, errno, "write the file " NAME " of the data directory");
	return 0;
}

int fence_open(int data_dir, struct fence **ret, struct err *err)
{
	fd_cleanup int fd = openat(data_dir, NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct text *t;
	int r = 0;

	if (fd < 0)
		return err_sys(err, errno, "open the file " NAME " of the data directory");
	t = map(fd, PROT_READ | PROT_WRITE);
	if (!t || !is_of_this_boot(t)) {
		if (t)
			munmap(t, sizeof *t);
		r = begin(fd, err);
		t = r == 0 ? map(fd, PROT_READ | PROT_WRITE) : NULL;
	}
	if (r < 0)
		return r;
	if (!t)
		return err_set(err, EIO, "the file " NAME " of the data directory cannot be mapped");
	*ret = mem_new(struct fence);
	(*ret)->text = t;
	return 0;
}

struct fence *fence_close(struct fence *f)
{
	if (f)
		munmap(f->text, sizeof *f->text);
	free(f);
	return NULL;
}

/* The time is read first and written last: who sees the new time sees its term, too. */
static struct fence_state state_of(const struct text *t)
{
	struct fence_state s = {.until_ms = atomic_load(&t->until_ms)};

	s.term = atomic_load(&t->term);
	return s;
}

void fence_set(struct fence *f, int64_t until_ms, int64_t now_ms)
{
	int64_t before = atomic_load(&f->text->until_ms);

	if (until_ms <= before && before != INT64_MAX)
		return;
	if (before <= now_ms)
		atomic_fetch_add(&f->text->term, 1);
	atomic_store(&f->text->until_ms, until_ms);
}

struct fence_state fence_get(const struct fence *f)
{
	return state_of(f->text);
}

struct fence_state fence_read(int data_dir)
{
	fd_cleanup int fd = openat(data_dir, NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct text *t = fd < 0 ? NULL : map(fd, PROT_READ);
	struct fence_state s = {.until_ms = 0};

	if (!t)
		return s;
	if (is_of_this_boot(t))
		s = state_of(t);
	munmap(t, sizeof *t);
	return s;
}

int fence_timer(void)
{
	return timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
}

void fence_arm(int timer, int64_t at_ms)
{
	/* 0 would mean never. */
	struct itimerspec at = {.it_value = {.tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000 + 1}};

	(void)timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
}
