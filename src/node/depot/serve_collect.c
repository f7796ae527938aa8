/* SPDX-License-Identifier: Apache-2.0 */
/* One thread that collects garbage now and then, slowly: it rests between the steps longer than they take. */
#include "node/depot/serve_impl.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/loop.h"
#include "base/core/mem.h"

#include <pthread.h>
#include <time.h>

#define REST_FACTOR 3
#define REST_MAX_MS 500

struct collector {
	struct helper_job job; /* first */
	struct serve *s;
	struct helper *helper;
	struct loop_timer *timer;
	struct depot_gc gc;
	struct err err;
	int result;
	int64_t step_began_ms;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stop;
};

/* Waits a while, or until the server ends. */
static bool rest(void *ctx)
{
	struct collector *g = ctx;
	int64_t ms = (clock_mono_ms() - g->step_began_ms) * REST_FACTOR;
	struct timespec until;
	bool stop;

	ms = ms < REST_MAX_MS ? ms : REST_MAX_MS;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += ms * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&g->lock);
	while (!g->stop && ms > 0 && pthread_cond_timedwait(&g->changed, &g->lock, &until) == 0)
		;
	stop = g->stop;
	pthread_mutex_unlock(&g->lock);
	g->step_began_ms = clock_mono_ms();
	return stop;
}

static void work(struct helper_job *j)
{
	struct collector *g = (struct collector *)j;

	g->gc = (struct depot_gc){.grace_ms = g->s->o->gc_grace_ms, .pause = rest, .ctx = g};
	g->step_began_ms = clock_mono_ms();
	g->result = depot_gc(g->s->depot, &g->gc, &g->err);
}

static void done(struct helper_job *j)
{
	struct collector *g = (struct collector *)j;

	if (g->result < 0)
		log_err(&g->err, "garbage collection of the registry");
	else if (g->gc.blobs || g->gc.links)
		log_info("garbage collection: %llu blobs (%llu bytes) and %llu links have gone",
			 (unsigned long long)g->gc.blobs, (unsigned long long)g->gc.bytes,
			 (unsigned long long)g->gc.links);
	if (g->timer)
		loop_timer_arm(g->timer, g->s->o->gc_every_ms);
}

static void on_timer(void *ctx)
{
	struct collector *g = ctx;

	helper_run(g->helper, &g->job);
}

int collector_new(struct serve *s, struct collector **ret, struct err *err)
{
	struct collector *g;
	int r;

	if (!s->o->gc_every_ms || s->o->read_only)
		return 0;
	g = mem_new(struct collector);
	g->s = s;
	g->job.work = work;
	g->job.done = done;
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->changed, NULL);
	g->timer = loop_timer_new(s->loop, on_timer, g);
	r = helper_new(s->loop, 1, &g->helper, err);
	if (r < 0) {
		collector_free(g);
		return r;
	}
	loop_timer_arm(g->timer, s->o->gc_every_ms);
	*ret = g;
	return 0;
}

struct collector *collector_free(struct collector *g)
{
	if (!g)
		return NULL;
	pthread_mutex_lock(&g->lock);
	g->stop = true;
	pthread_cond_signal(&g->changed);
	pthread_mutex_unlock(&g->lock);
	g->timer = loop_timer_free(g->timer);
	helper_free(g->helper);
	pthread_cond_destroy(&g->changed);
	pthread_mutex_destroy(&g->lock);
	free(g);
	return NULL;
}
