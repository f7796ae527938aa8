/* SPDX-License-Identifier: Apache-2.0 */
#include "node/depot/helper.h"

#include "base/core/err.h"
#include "base/core/loop.h"
#include "base/core/mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

struct list {
	struct helper_job *first, **end;
};

struct helper {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct list wait, ended;
	struct loop_post *post;
	pthread_t *threads;
	unsigned n_threads, n_wait;
	bool stop;
};

static void add(struct list *l, struct helper_job *j)
{
	j->next = NULL;
	*l->end = j;
	l->end = &j->next;
}

static struct helper_job *take(struct list *l)
{
	struct helper_job *j = l->first;

	if (j) {
		l->first = j->next;
		if (!l->first)
			l->end = &l->first;
	}
	return j;
}

static void *run(void *ctx)
{
	struct helper *h = ctx;

	pthread_mutex_lock(&h->lock);
	for (;;) {
		struct helper_job *j = take(&h->wait);

		if (!j && h->stop)
			break;
		if (!j) {
			pthread_cond_wait(&h->more, &h->lock);
			continue;
		}
		h->n_wait--;
		pthread_mutex_unlock(&h->lock);
		j->work(j);
		pthread_mutex_lock(&h->lock);
		add(&h->ended, j);
		loop_post_send(h->post);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

static void finish(struct helper *h)
{
	struct helper_job *j;

	do {
		pthread_mutex_lock(&h->lock);
		j = take(&h->ended);
		pthread_mutex_unlock(&h->lock);
		if (j)
			j->done(j);
	} while (j);
}

static void on_post(void *ctx)
{
	finish(ctx);
}

/* Signals are the loop's. */
static int start_thread(struct helper *h, struct err *err)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&h->threads[h->n_threads], NULL, run, h);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0)
		return err_sys(err, r, "start a thread");
	h->n_threads++;
	return 0;
}

int helper_new(struct loop *l, unsigned threads, struct helper **ret, struct err *err)
{
	struct helper *h = mem_new(struct helper);
	int r;

	h->wait.end = &h->wait.first;
	h->ended.end = &h->ended.first;
	h->threads = mem_new_n(pthread_t, threads);
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->more, NULL);
	r = loop_post_new(l, on_post, h, &h->post, err);
	for (unsigned i = 0; r == 0 && i < threads; i++)
		r = start_thread(h, err);
	if (r < 0) {
		helper_free(h);
		return r;
	}
	*ret = h;
	return 0;
}

void helper_run(struct helper *h, struct helper_job *j)
{
	pthread_mutex_lock(&h->lock);
	add(&h->wait, j);
	h->n_wait++;
	pthread_cond_signal(&h->more);
	pthread_mutex_unlock(&h->lock);
}

unsigned helper_waiting(struct helper *h)
{
	unsigned n;

	pthread_mutex_lock(&h->lock);
	n = h->n_wait;
	pthread_mutex_unlock(&h->lock);
	return n;
}

struct helper *helper_free(struct helper *h)
{
	if (!h)
		return NULL;
	pthread_mutex_lock(&h->lock);
	h->stop = true;
	pthread_cond_broadcast(&h->more);
	pthread_mutex_unlock(&h->lock);
	for (unsigned i = 0; i < h->n_threads; i++)
		pthread_join(h->threads[i], NULL);
	finish(h);
	loop_post_free(h->post);
	pthread_cond_destroy(&h->more);
	pthread_mutex_destroy(&h->lock);
	free(h->threads);
	free(h);
	return NULL;
}
