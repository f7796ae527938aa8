/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot_save: the state as text, docs/formats/snapshot.md. The same state gives the same text, byte for byte.
 * Only what cannot be computed is written: counts, queues, deadlines and the use of nodes are built anew when the
 * text is read.
 */
#include "cluster/sched/state.h"

#include "base/core/buf.h"
#include "base/core/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SNAPSHOT_MAX ((size_t)8 << 30)

static void end_line(struct buf *b, uint64_t *lines)
{
	buf_addc(b, '\n');
	(*lines)++;
}

/* One word: "-" for none, "%" for empty, other bytes outside the printable ASCII, '%' and a leading '-' as %XX. */
static void add_text(struct buf *b, const char *text)
{
	buf_addc(b, ' ');
	if (!text || !*text) {
		buf_addc(b, text ? '%' : '-');
		return;
	}
	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c <= ' ' || c >= 0x7f || c == '%' || (c == '-' && p == text))
			buf_printf(b, "%%%02X", c);
		else
			buf_addc(b, (char)c);
	}
}

static void save_attempt(struct buf *b, const struct attempt *a, uint64_t *lines)
{
	buf_printf(b, "try %" PRIu32 " %" PRIu32 " %" PRId64 " %" PRId64 " %" PRId64 " %d %d %d %u %" PRId32 " %u",
		   a->epoch, a->node, a->sent_ms, a->started_ms, a->ended_ms, a->ended, a->healthy, a->oom, a->outcome,
		   a->exit_code, a->kill);
	add_text(b, a->error);
	end_line(b, lines);
	if (!a->warned_ms)
		return;
	buf_printf(b, "warned %" PRId64, a->warned_ms);
	end_line(b, lines);
}

static void save_instance(struct buf *b, const struct instance *i, uint64_t *lines)
{
	buf_printf(b, "inst %s %" PRIu32 " %" PRIu32 " %" PRIu32 " %u %" PRId64 " %d %d %u",
		   sched_task_state_name((enum sched_task_state)i->state), i->epoch, i->tries, i->delays, i->lost,
		   i->next_try_ms, i->started, i->healthy, i->n_attempts);
	buf_printf(b, " %zu", i->shape ? i->shape->n_banned : 0);
	for (size_t k = 0; i->shape && k < i->shape->n_banned; k++)
		buf_printf(b, " %" PRIu32, i->shape->banned[k]);
	end_line(b, lines);
	for (size_t k = 0; k < i->n_attempts; k++)
		save_attempt(b, &i->attempts[k], lines);
}

/* The selection is "has(image.NAME)". */
static void save_image(struct buf *b, const struct selection *sel, uint64_t *lines)
{
	size_t n = strlen("has(image.");
	mem_cleanup char *image = sel ? mem_strndup(sel->text + n, strlen(sel->text) - n - 1) : NULL;

	if (!image)
		return;
	buf_adds(b, "image");
	add_text(b, image);
	end_line(b, lines);
}

static void save_wish(struct buf *b, const struct wish *w, uint64_t *lines)
{
	if (!w)
		return;
	buf_printf(b, "wish %" PRIu32 " %zu", w->per_node, w->n_spread);
	for (size_t k = 0; k < w->n_spread; k++)
		add_text(b, w->spread[k]);
	buf_printf(b, " %zu", w->n_rules);
	for (size_t k = 0; k < w->n_rules; k++) {
		buf_printf(b, " %d %" PRIu32, w->rules[k].apart, w->rules[k].weight);
		add_text(b, w->rules[k].to);
		add_text(b, w->rules[k].within);
	}
	end_line(b, lines);
}

static void save_wants(struct buf *b, const struct counts *wants, uint64_t *lines)
{
	if (!wants)
		return;
	buf_printf(b, "want %zu", wants->n);
	for (size_t k = 0; k < wants->n; k++) {
		add_text(b, wants->list[k].name);
		buf_printf(b, " %" PRIu32, wants->list[k].n);
	}
	end_line(b, lines);
}

static void save_task(struct buf *b, const struct task *t, uint64_t *lines)
{
	const struct shape *sh = t->base.shape;

	buf_adds(b, "task");
	add_text(b, t->name);
	buf_printf(b, " %d %" PRIu32 " %d %d %" PRIu32 " %" PRIu64 " %" PRIu64, t->service, t->count, t->expand,
		   t->healthcheck, sh->slots, sh->cpu_milli, sh->memory);
	buf_printf(b, " %" PRIu32 " %" PRId64 " %.17g %d %u %" PRId64 " %u %" PRIu32, t->attempts, t->delay_ms,
		   t->backoff, t->elsewhere, t->on_error, t->walltime_ms, t->restart, t->restart_max);
	buf_printf(b, " %d %d %u %" PRIu32 " %zu", t->gang, sh->exclusive, sh->topology, t->max_running, t->n_deps);
	end_line(b, lines);
	if (sh->selection) {
		buf_adds(b, "select");
		add_text(b, sh->selection->text);
		end_line(b, lines);
	}
	save_image(b, sh->image, lines);
	save_wish(b, t->wish, lines);
	if (t->preemptible) {
		buf_adds(b, "preemptible 1");
		end_line(b, lines);
	}
	if (t->home) {
		buf_adds(b, "home 1");
		end_line(b, lines);
	}
	if (sh->n_data)
		buf_printf(b, "data %zu", sh->n_data);
	for (size_t k = 0; k < sh->n_data; k++) {
		const char *text = sh->data[k]->text;
		mem_cleanup char *name = mem_strndup(text + strlen("has("), strlen(text) - strlen("has()"));

		add_text(b, name);
	}
	if (sh->n_data)
		end_line(b, lines);
	if (sh->probe) {
		const char *at = strrchr(sh->probe->name, '@');
		mem_cleanup char *key = mem_strndup(sh->probe->name, (size_t)(at - sh->probe->name));

		buf_adds(b, "fit");
		add_text(b, key);
		buf_printf(b, " %" PRId64, sh->probe->age_ms);
		end_line(b, lines);
	}
	if (sh->n_needs) {
		buf_printf(b, "need %zu", sh->n_needs);
		for (size_t k = 0; k < sh->n_needs; k++)
			buf_printf(b, " %" PRIu32 " %" PRIu32, sh->needs[k].licence->pos, sh->needs[k].n);
		end_line(b, lines);
	}
	save_wants(b, sh->wants, lines);
	for (size_t d = 0; d < t->n_deps; d++) {
		buf_printf(b, "dep %" PRIu32 " %u %d %u", t->deps[d].task, t->deps[d].condition, t->deps[d].required,
			   t->deps[d].state);
		end_line(b, lines);
	}
}

static void save_run(struct buf *b, const struct task *t, uint64_t *lines)
{
	buf_printf(b, "run %d %d %d %d %d %s %s %u", t->ready, t->expanding, t->expanded, t->in_error, t->ended,
		   sched_task_state_name((enum sched_task_state)t->final),
		   sched_task_state_name((enum sched_task_state)t->fresh_state), t->met);
	buf_printf(b, " %" PRId32 " %" PRIu32 " %" PRIu32 " %" PRId64 " %" PRId64, t->exit_code, t->n, t->next_fresh,
		   t->started_ms, t->ended_ms);
	add_text(b, t->failure);
	end_line(b, lines);
	for (uint32_t k = 0; k < t->next_fresh; k++)
		save_instance(b, sched_instance_at(t, k), lines);
	for (uint32_t k = t->next_fresh; k < sched_instance_past(t); k++) {
		const struct instance *i = sched_instance_at(t, k);

		if (!i)
			continue;
		buf_printf(b, "ahead %" PRIu32 " %s %d %d", k, sched_task_state_name((enum sched_task_state)i->state),
			   i->started, i->healthy);
		end_line(b, lines);
	}
}

static void save_job(struct buf *b, const struct job *j, uint64_t *lines)
{
	buf_adds(b, "job");
	add_text(b, j->id);
	add_text(b, j->name);
	buf_printf(b, " %" PRIu64 " %" PRId32 " %" PRId32 " %" PRId64 " %" PRId64 " %" PRId64, j->seq, j->priority,
		   j->exit_with, j->submitted_ms, j->started_ms, j->ended_ms);
	buf_printf(b, " %d %d %d %s %" PRId32, j->paused, j->ending, j->ended,
		   sched_job_state_name((enum sched_job_state)j->final), j->exit_code);
	add_text(b, j->reason);
	add_text(b, j->tenant->name);
	buf_printf(b, " %" PRId64 " %" PRId64 " %d %zu", j->start_at_ms, j->deadline_ms, j->early, j->n_tasks);
	end_line(b, lines);
	if (j->quotas[1] || j->max_running) {
		buf_adds(b, "limit");
		add_text(b, j->quotas[1] ? strchr(j->quotas[1]->name, ':') + 1 : NULL);
		buf_printf(b, " %" PRIu32, j->max_running);
		end_line(b, lines);
	}
	for (size_t k = 0; k < j->n_tasks; k++)
		save_task(b, &j->tasks[k], lines);
	for (size_t k = 0; k < j->n_tasks; k++)
		save_run(b, &j->tasks[k], lines);
	if (j->home) {
		buf_printf(b, "files %" PRIu32, j->home->pos);
		end_line(b, lines);
	}
}

static void save_spare(struct buf *b, const struct node *n, uint64_t *lines)
{
	for (size_t k = 0; k < n->n_stocks; k++) {
		const struct stock *st = &n->stocks[k];

		if (!sched_counter_kept(st))
			continue;
		buf_printf(b, "spare %" PRIu32, n->pos);
		add_text(b, st->name);
		buf_printf(b, " %" PRIu32, st->spare);
		end_line(b, lines);
	}
}

static void save_hold(struct buf *b, const struct sched *s, uint64_t *lines)
{
	const struct hold *h = &s->hold;

	buf_adds(b, "hold");
	add_text(b, h->item->job->id);
	buf_printf(b, " %" PRIu32 " %" PRIu32 " %" PRId64 " %zu", h->item->task->idx, sched_item_head(h->item),
		   h->at_ms, h->n_nodes);
	for (size_t k = 0; k < h->n_nodes; k++) {
		const struct node *n = s->nodes[h->nodes[k]];

		buf_printf(b, " %" PRIu32 " %" PRIu64 " %" PRIu64 " %" PRIu64, n->pos, n->spare_slots, n->spare_cpu,
			   n->spare_memory);
	}
	end_line(b, lines);
	for (size_t k = 0; k < h->n_nodes; k++)
		save_spare(b, s->nodes[h->nodes[k]], lines);
}

static void save_taker(struct buf *b, const struct taker *t, uint64_t *lines)
{
	buf_adds(b, "taker");
	add_text(b, t->item->job->id);
	buf_printf(b, " %" PRIu32 " %" PRIu32 " %zu", t->item->task->idx, sched_item_head(t->item), t->n);
	for (size_t k = 0; k < t->n; k++)
		buf_printf(b, " %" PRIu32 " %" PRIu32, t->places[k].node, t->places[k].copies);
	end_line(b, lines);
}

static void save_room(struct buf *b, const struct sched *s, uint64_t *lines)
{
	for (size_t k = 0; k < s->hold.n_nodes && s->n_takers; k++) {
		const struct node *n = s->nodes[s->hold.nodes[k]];

		buf_printf(b, "room %" PRIu32 " %d %" PRIu64 " %" PRIu64 " %" PRIu64, n->pos, n->alone, n->spare_slots,
			   n->spare_cpu, n->spare_memory);
		end_line(b, lines);
		save_spare(b, n, lines);
	}
}

/* What is kept of licences and quotas. */
static void save_kept(struct buf *b, const struct sched *s, uint64_t *lines)
{
	for (size_t k = 0; k < s->n_licences; k++) {
		if (!s->licences[k]->held)
			continue;
		buf_printf(b, "keep %zu %" PRIu64, k, s->licences[k]->spare);
		end_line(b, lines);
	}
	for (size_t k = 0; k < s->n_quotas; k++) {
		const struct quota *q = s->quotas[k];

		if (!q->held)
			continue;
		buf_adds(b, "kept");
		add_text(b, q->name);
		for (size_t w = 0; w < SCHED_QUOTA_N; w++)
			buf_printf(b, " %" PRIu64, q->spare[w]);
		end_line(b, lines);
	}
}

static void save_quotas(struct buf *b, const struct sched *s, uint64_t *lines)
{
	for (size_t k = 0; k < s->n_quotas; k++) {
		const struct quota *q = s->quotas[k];

		if (!q->set)
			continue;
		buf_adds(b, "quota");
		add_text(b, q->name);
		for (size_t w = 0; w < SCHED_QUOTA_N; w++)
			buf_printf(b, " %" PRIu64, q->caps[w]);
		end_line(b, lines);
	}
}

static void save_facts(struct buf *b, const struct node *n, uint64_t *lines)
{
	if (!n->facts.raw)
		return;
	buf_adds(b, "facts");
	add_text(b, n->facts.raw);
	end_line(b, lines);
}

/* What it has; what is in use is counted anew. */
static void save_stocks(struct buf *b, const struct node *n, uint64_t *lines)
{
	size_t there = 0;

	for (size_t k = 0; k < n->n_stocks; k++)
		there += n->stocks[k].total != 0;
	if (!there)
		return;
	buf_printf(b, "stock %zu", there);
	for (size_t k = 0; k < n->n_stocks; k++) {
		if (!n->stocks[k].total)
			continue;
		add_text(b, n->stocks[k].name);
		buf_printf(b, " %" PRIu32, n->stocks[k].total);
	}
	end_line(b, lines);
}

static void save_licences(struct buf *b, const struct sched *s, uint64_t *lines)
{
	for (size_t k = 0; k < s->n_licences; k++) {
		const struct licence *l = s->licences[k];

		buf_adds(b, "licence");
		add_text(b, l->name);
		buf_printf(b, " %d %" PRIu64, l->known | l->over << 1, l->total);
		end_line(b, lines);
	}
}

static void save_use(struct buf *b, const struct node *n, uint64_t *lines)
{
	if (!n->slots_else && !n->cpu_else && !n->memory_else)
		return;
	buf_printf(b, "use %" PRIu32 " %" PRIu64 " %" PRIu64 " %" PRIu64, n->pos, n->slots_else, n->cpu_else,
		   n->memory_else);
	end_line(b, lines);
}

static int probe_compare(const void *a, const void *b)
{
	const struct probe *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static void save_answers(struct buf *b, const struct probe *p, uint64_t *lines)
{
	for (size_t k = 0; k < p->n_answers; k++) {
		const struct answer *a = &p->answers[k];

		if (a->state == PROBE_NONE)
			continue;
		buf_printf(b, "answer %zu %u %" PRId64, k, a->state, a->at_ms);
		add_text(b, a->text);
		end_line(b, lines);
	}
}

/* By name: the order in which they are kept is nobody's affair. */
static void save_probes(struct buf *b, const struct sched *s, uint64_t *lines)
{
	mem_cleanup struct probe **sorted = s->n_probes ? mem_dup(s->probes, s->n_probes * sizeof *sorted) : NULL;

	if (sorted)
		qsort(sorted, s->n_probes, sizeof *sorted, probe_compare);
	for (size_t k = 0; sorted && k < s->n_probes; k++) {
		buf_adds(b, "probe");
		add_text(b, sorted[k]->name);
		end_line(b, lines);
		save_answers(b, sorted[k], lines);
	}
}

char *sched_save(const struct sched *s, size_t *ret_len)
{
	struct buf b = BUF_LIMIT(SNAPSHOT_MAX);
	uint64_t lines = 0;

	buf_adds(&b, "berth-sched 7");
	end_line(&b, &lines);
	buf_printf(&b, "time %" PRId64 " %" PRIu64, s->now_ms, s->next_seq);
	end_line(&b, &lines);
	for (size_t k = 0; k < s->n_nodes; k++) {
		const struct node *n = s->nodes[k];

		buf_adds(&b, "node");
		add_text(&b, n->name);
		buf_printf(&b, " %d %d %" PRIu32 " %" PRIu64 " %" PRIu64, n->up | n->closed << 1, n->shrunk, n->slots,
			   n->cpu_milli, n->memory);
		end_line(&b, &lines);
		save_facts(&b, n, &lines);
		save_stocks(&b, n, &lines);
	}
	for (size_t k = 0; k < s->n_nodes; k++)
		save_use(&b, s->nodes[k], &lines);
	for (size_t k = 0; k < s->n_tenants; k++) {
		buf_adds(&b, "tenant");
		add_text(&b, s->tenants[k]->name);
		buf_printf(&b, " %" PRIu64 " %" PRId64, s->tenants[k]->used, s->tenants[k]->since_ms);
		end_line(&b, &lines);
	}
	save_quotas(&b, s, &lines);
	save_licences(&b, s, &lines);
	for (size_t k = 0; k < s->n_jobs; k++)
		save_job(&b, s->jobs[k], &lines);
	save_probes(&b, s, &lines);
	if (s->hold.item)
		save_hold(&b, s, &lines);
	save_room(&b, s, &lines);
	for (size_t k = 0; k < s->n_takers; k++)
		save_taker(&b, &s->takers[k], &lines);
	save_kept(&b, s, &lines);
	buf_printf(&b, "end %" PRIu64 "\n", lines);
	*ret_len = b.len;
	return buf_take(&b);
}
