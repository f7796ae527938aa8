/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/upload.h"

#include "base/core/mem.h"
#include "face/cli/term.h"
#include "face/cli/text.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define REPAINT_NS 200000000L

struct upload {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool ended;
	int fd;
	off_t size;
};

static void paint(const struct upload *u)
{
	char done[TEXT_MAX], all[TEXT_MAX];
	off_t at = lseek(u->fd, 0, SEEK_CUR);

	if (at < 0 || u->size <= 0)
		return;
	fprintf(stderr, "\rsent %s of %s (%d %%)\033[K", text_size(done, (uint64_t)at),
		text_size(all, (uint64_t)u->size), (int)(100 * (double)at / (double)u->size));
	(void)fflush(stderr);
}

static void *watch(void *ctx)
{
	struct upload *u = ctx;
	struct timespec until;

	pthread_mutex_lock(&u->lock);
	clock_gettime(CLOCK_MONOTONIC, &until);
	while (!u->ended) {
		until.tv_nsec += REPAINT_NS;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_nsec -= 1000000000L;
			until.tv_sec++;
		}
		while (!u->ended && pthread_cond_timedwait(&u->changed, &u->lock, &until) != ETIMEDOUT)
			;
		if (!u->ended)
			paint(u);
	}
	pthread_mutex_unlock(&u->lock);
	return NULL;
}

struct upload *upload_watch(int fd)
{
	struct upload *u;
	pthread_condattr_t monotonic;
	struct stat st;

	if (!term_can_repaint(STDERR_FILENO) || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	u = mem_new(struct upload);
	u->fd = fd;
	u->size = st.st_size;
	pthread_mutex_init(&u->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&u->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (pthread_create(&u->thread, NULL, watch, u) == 0)
		return u;
	free(u);
	return NULL;
}

void upload_end(struct upload *u)
{
	if (!u)
		return;
	pthread_mutex_lock(&u->lock);
	u->ended = true;
	pthread_cond_signal(&u->changed);
	pthread_mutex_unlock(&u->lock);
	pthread_join(u->thread, NULL);
	pthread_cond_destroy(&u->changed);
	pthread_mutex_destroy(&u->lock);
	fputs("\r\033[K", stderr);
	(void)fflush(stderr);
	free(u);
}
