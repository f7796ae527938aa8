/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/agent/waiting.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

struct waiting {
	struct waiting *next;
	struct link_msg msg; /* points at: */
	char *text, *counters;
};

static bool same(const struct link_attempt *a, const struct link_attempt *b)
{
	return !strcmp(a->job, b->job) && a->task == b->task && a->index == b->index && a->epoch == b->epoch;
}

static void waiting_free(struct waiting *w)
{
	free(w->text);
	free(w->counters);
	free(w);
}

int waiting_add(struct waiting_list *l, const struct link_msg *m, struct err *err)
{
	struct waiting **last = &l->first, *w;

	for (; *last; last = &(*last)->next) {
		if (same(&(*last)->msg.attempt, &m->attempt))
			return 0;
	}
	if (l->n >= WAITING_MAX)
		return err_set(err, EBUSY, "%d others wait for processors or counters of this node already",
			       WAITING_MAX);
	w = mem_new(struct waiting);
	w->msg = *m;
	w->msg.text = w->text = mem_strdup(m->text);
	w->msg.counters = w->counters = mem_strdup(m->counters);
	*last = w;
	l->n++;
	return 0;
}

/* attempt NULL: all of the job. */
static bool drop(struct waiting_list *l, const char *job, const struct link_attempt *attempt)
{
	struct waiting **link = &l->first;
	size_t before = l->n;

	while (*link) {
		struct waiting *w = *link;

		if (strcmp(w->msg.attempt.job, job) != 0 || (attempt && !same(&w->msg.attempt, attempt))) {
			link = &w->next;
			continue;
		}
		*link = w->next;
		waiting_free(w);
		l->n--;
	}
	return l->n < before;
}

bool waiting_drop(struct waiting_list *l, const struct link_attempt *a)
{
	return drop(l, a->job, a);
}

void waiting_drop_job(struct waiting_list *l, const char *job)
{
	(void)drop(l, job, NULL);
}

void waiting_each(struct waiting_list *l, void (*fn)(void *ctx, const struct link_msg *m), void *ctx)
{
	struct waiting *w = l->first;

	*l = (struct waiting_list){.first = NULL};
	while (w) {
		struct waiting *next = w->next;

		fn(ctx, &w->msg);
		waiting_free(w);
		w = next;
	}
}

static void forget(void *ctx, const struct link_msg *m)
{
	(void)ctx;
	(void)m;
}

void waiting_clear(struct waiting_list *l)
{
	waiting_each(l, forget, NULL);
}
