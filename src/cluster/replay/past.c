/* SPDX-License-Identifier: Apache-2.0 */
/* The log, read. The real scheduler is stepped with it, too: when an attempt was sent and whether it was killed are its actions, and stand in no event. */
#include "cluster/replay/past.h"

#include "base/core/counts.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/store/store.h"
#include "base/wire/json.h"
#include "cluster/server/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define END_MAX (1u << 20)
#define KEY_MAX (SCHED_ID_MAX + 32)

struct reading {
	struct store *store;
	struct past *past;
	struct sched *sched;
	struct past_times latencies;
	struct err *err;
};

/* ---- times ---- */

void past_times_add(struct past_times *t, int64_t ms)
{
	mem_grow(&t->ms, &t->cap, t->n);
	t->ms[t->n++] = ms;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

void past_times_sort(struct past_times *t)
{
	if (t->n)
		qsort(t->ms, t->n, sizeof *t->ms, compare);
}

/* The nearest rank. */
int64_t past_times_at(const struct past_times *t, unsigned percent)
{
	size_t rank = (t->n * percent + 99) / 100;

	return t->n ? t->ms[rank ? rank - 1 : 0] : 0;
}

/* ---- finding ---- */

static const char *key_of(char *text, const char *job, uint32_t task, uint32_t index)
{
	snprintf(text, KEY_MAX, "%s/%u/%u", job, task, index);
	return text;
}

struct past_instance *past_instance(const struct past *p, const char *job, uint32_t task, uint32_t index)
{
	char key[KEY_MAX];

	return map_get(&p->instances, key_of(key, job, task, index));
}

static struct past_run *run_of(struct past *p, const struct sched_attempt_id *a)
{
	struct past_instance *i = past_instance(p, a->job, a->task, a->index);
	char key[KEY_MAX];

	if (!i) {
		i = mem_new(struct past_instance);
		map_put(&p->instances, key_of(key, a->job, a->task, a->index), i);
	}
	for (size_t k = i->n; k-- > 0;) {
		if (i->runs[k].epoch == a->epoch)
			return &i->runs[k];
	}
	mem_grow(&i->runs, &i->cap, i->n);
	i->runs[i->n] = (struct past_run){.epoch = a->epoch};
	return &i->runs[i->n++];
}

static struct past_times *times_of(struct past *p, const char *key)
{
	struct past_times *t = map_get(&p->durations, key);

	if (!t) {
		t = mem_new(struct past_times);
		map_put(&p->durations, key, t);
	}
	return t;
}

int64_t past_guess(const struct past *p, const struct past_job *j, uint32_t task)
{
	mem_cleanup char *key = mem_printf("%s/%s", j->spec->name, j->spec->tasks[task].name);
	const struct past_times *t = map_get(&p->durations, key);

	if (!t || !t->n)
		t = map_get(&p->durations, "");
	return t && t->n ? past_times_at(t, 50) : -1;
}

/* ---- events ---- */

static void keep(struct past *p, const struct sched_event *e, yyjson_doc *doc)
{
	mem_grow(&p->events, &p->cap_events, p->n_events);
	p->events[p->n_events++] = (struct past_event){.e = *e, .doc = doc};
}

static int add_job(struct reading *r, struct sched_event *e)
{
	mem_cleanup char *key = mem_printf("job/%s", e->job), *text = NULL;
	struct past *p = r->past;
	struct jobspec *spec = NULL;
	struct past_job *j;
	size_t len;

	if (store_get(r->store, key, &text, &len, NULL) < 0 || jobspec_load(text, len, e->job, &spec, NULL) < 0) {
		p->forgotten++;
		return -ENOENT;
	}
	j = mem_new(struct past_job);
	*j = (struct past_job){.spec = spec, .place = p->n_jobs, .submitted_ms = e->now_ms};
	mem_grow(&p->jobs, &p->cap_jobs, p->n_jobs);
	p->jobs[p->n_jobs++] = j;
	map_put(&p->by_job, spec->id, j);
	e->job_spec = &spec->sched;
	return 0;
}

static struct past_node *node_of(struct past *p, const char *name)
{
	for (size_t k = 0; k < p->n_nodes; k++) {
		if (!strcmp(p->nodes[k].name, name))
			return &p->nodes[k];
	}
	mem_grow(&p->nodes, &p->cap_nodes, p->n_nodes);
	p->nodes[p->n_nodes] = (struct past_node){.name = mem_strdup(name)};
	return &p->nodes[p->n_nodes++];
}

static void note_node(struct past *p, const struct sched_event *e)
{
	struct past_node *n = node_of(p, e->node);

	if (e->type == SCHED_EV_NODE_UP) {
		n->slots = e->node_slots;
		n->cpu_milli = e->node_cpu_milli;
		n->memory = e->node_memory;
		free(n->counters);
		n->counters = mem_strdup(e->counters);
	} else if (e->type == SCHED_EV_NODE_FACTS) {
		free(n->facts);
		n->facts = mem_strdup(e->facts);
	}
}

static void note_attempt(struct reading *r, const struct sched_event *e)
{
	struct past_job *j = map_get(&r->past->by_job, e->attempt.job);
	struct past_run *run;

	if (!j || e->attempt.task >= j->spec->sched.n_tasks)
		return;
	run = run_of(r->past, &e->attempt);
	if (e->type == SCHED_EV_STARTED && !run->started_ms) {
		run->started_ms = e->now_ms;
		j->started_ms = j->started_ms ? j->started_ms : e->now_ms;
		if (run->sent_ms)
			past_times_add(&r->latencies, e->now_ms - run->sent_ms);
	} else if (e->type == SCHED_EV_EXITED && !run->ended) {
		run->ended = true;
		run->ended_ms = e->now_ms;
		run->outcome = e->outcome;
		run->exit_code = e->exit_code;
	}
}

static void note_actions(struct reading *r, const struct sched_actions *acts, int64_t now_ms)
{
	for (size_t k = 0; k < acts->n; k++) {
		const struct sched_action *a = &acts->items[k];
		struct past_job *j = map_get(&r->past->by_job, a->attempt.job);

		if (a->type == SCHED_ACT_START)
			run_of(r->past, &a->attempt)->sent_ms = now_ms;
		else if (a->type == SCHED_ACT_KILL && strcmp(a->reason, "walltime") != 0)
			run_of(r->past, &a->attempt)->cut = true;
		else if (a->type == SCHED_ACT_JOB_ENDED && j)
			j->ended_ms = now_ms;
	}
}

/* ---- a log that does not begin at the beginning ---- */

/* As the event says them. The caller frees. */
static char *counters_of(const struct sched *s, const char *node)
{
	struct counts c = {.n = 0};
	struct sched_counter_view v;

	for (size_t k = 0; sched_node_counter(s, node, k, &v) == 0; k++)
		(void)counts_set(&c, v.name, v.total, NULL);
	return counts_text(&c);
}

/* The snapshot's nodes that are up stand for those that were there before the log. The scheduler that is stepped along gets them at once. */
static void load_earlier_nodes(struct reading *r, int64_t now_ms)
{
	mem_cleanup char *text = NULL;
	struct sched *s = NULL;
	struct sched_node_view v;
	uint64_t seq;
	size_t len;

	if (store_snapshot_get(r->store, &seq, &text, &len, NULL) < 0 || sched_load(&s, text, len, NULL) < 0)
		return;
	for (size_t k = 0; sched_node_at(s, k, &v) == 0; k++) {
		mem_cleanup char *counters = counters_of(s, v.name);
		struct sched_event up = {.type = SCHED_EV_NODE_UP,
					 .now_ms = now_ms,
					 .node = v.name,
					 .node_slots = v.slots,
					 .node_cpu_milli = v.cpu_milli,
					 .node_memory = v.memory,
					 .counters = counters};
		struct sched_actions acts;

		if (!v.up)
			continue;
		note_node(r->past, &up);
		(void)sched_step(r->sched, &up, &acts, NULL);
	}
	r->past->nodes_before = r->past->n_nodes;
	sched_free(s);
}

/* Those that come in the log itself were not there before it. The others are put before everything. */
static void put_earlier_nodes(struct past *p)
{
	size_t n = p->nodes_before, at = 0;
	struct past_event *all = mem_new_n(struct past_event, n + p->n_events + 1);
	struct map come = MAP_INIT;

	for (size_t k = 0; k < p->n_events; k++) {
		if (p->events[k].e.type == SCHED_EV_NODE_UP)
			map_put(&come, p->events[k].e.node, p);
	}
	for (size_t k = 0; k < n; k++) {
		const struct past_node *node = &p->nodes[k];

		if (map_get(&come, node->name))
			continue;
		all[at++] = (struct past_event){.e = {.type = SCHED_EV_NODE_UP,
						      .now_ms = p->from_ms,
						      .node = node->name,
						      .node_slots = node->slots,
						      .node_cpu_milli = node->cpu_milli,
						      .node_memory = node->memory}};
	}
	map_free(&come);
	p->nodes_before = at;
	for (size_t k = 0; k < p->n_events; k++)
		all[at++] = p->events[k];
	free(p->events);
	p->events = all;
	p->n_events = p->cap_events = at;
}

enum { DROP, KEEP, NODE, ATTEMPT, SUBMIT };
static const unsigned char kinds[] = {
    [SCHED_EV_NODE_UP] = NODE,	  [SCHED_EV_NODE_DOWN] = KEEP,	[SCHED_EV_NODE_CLOSE] = KEEP,
    [SCHED_EV_NODE_OPEN] = KEEP,  [SCHED_EV_NODE_EMPTY] = KEEP, [SCHED_EV_JOB_SUBMIT] = SUBMIT,
    [SCHED_EV_JOB_CANCEL] = KEEP, [SCHED_EV_JOB_RESUME] = KEEP, [SCHED_EV_JOB_FORGET] = DROP,
    [SCHED_EV_EXPANDED] = KEEP,	  [SCHED_EV_STARTED] = ATTEMPT, [SCHED_EV_HEALTH] = ATTEMPT,
    [SCHED_EV_EXITED] = ATTEMPT,  [SCHED_EV_TIME] = DROP,	[SCHED_EV_LICENCE] = KEEP,
    [SCHED_EV_QUOTA] = KEEP,	  [SCHED_EV_NODE_FACTS] = NODE, [SCHED_EV_NODE_USE] = KEEP,
    [SCHED_EV_JOB_PAUSE] = KEEP,  [SCHED_EV_RESTART] = KEEP,	[SCHED_EV_FINISH] = KEEP,
};

/* For people, and said in so many words: the job has ended. */
static void note_end(struct past *p, const struct store_event *se)
{
	json_doc_cleanup yyjson_doc *doc = json_parse(se->data, se->len, END_MAX, "the end of a job", NULL);
	const char *job = NULL;
	struct past_job *j;

	if (!doc || json_get_str(yyjson_doc_get_root(doc), "job", &job, NULL) < 0)
		return;
	j = map_get(&p->by_job, job);
	if (j && !j->ended_ms)
		j->ended_ms = se->time_ms;
}

static int on_event(void *ctx, const struct store_event *se)
{
	struct reading *r = ctx;
	struct past *p = r->past;
	struct sched_actions acts = {.n = 0};
	struct sched_event e;
	yyjson_doc *doc = NULL;
	int x = event_decode(se->kind, se->data, se->len, se->time_ms, &e, &doc, r->err);

	if (!p->read++) {
		p->first_seq = se->seq;
		p->from_ms = se->time_ms;
		if (se->seq > 1)
			load_earlier_nodes(r, se->time_ms);
	}
	p->to_ms = se->time_ms;
	if (!strcmp(se->kind, EVENT_JOB_ENDED))
		note_end(p, se);
	if (x != 0)
		return x < 0 ? err_wrap(r->err, "event %llu of the log", (unsigned long long)se->seq) : 0;
	if (e.type == SCHED_EV_JOB_SUBMIT && add_job(r, &e) < 0) {
		yyjson_doc_free(doc);
		return 0;
	}
	if (kinds[e.type] == NODE)
		note_node(p, &e);
	if (kinds[e.type] == ATTEMPT)
		note_attempt(r, &e);
	if (e.type != SCHED_EV_JOB_FORGET && sched_step(r->sched, &e, &acts, NULL) == 0)
		note_actions(r, &acts, e.now_ms);
	if (kinds[e.type] == DROP || kinds[e.type] == ATTEMPT)
		yyjson_doc_free(doc);
	else
		keep(p, &e, doc);
	return 0;
}

/* ---- what things take ---- */

static void measure(struct past *p)
{
	for (struct map_slot *slot = NULL; (slot = map_next(&p->instances, slot));) {
		const struct past_instance *i = slot->value;
		mem_cleanup char *id = mem_strdup(slot->key), *name = NULL;
		const struct past_job *j;
		char *task = strchr(id, '/');
		unsigned long t;

		*task++ = '\0';
		t = strtoul(task, NULL, 10);
		j = map_get(&p->by_job, id);
		if (!j || t >= j->spec->sched.n_tasks || j->spec->tasks[t].service)
			continue;
		name = mem_printf("%s/%s", j->spec->name, j->spec->tasks[t].name);
		for (size_t k = 0; k < i->n; k++) {
			const struct past_run *run = &i->runs[k];

			if (!run->ended || run->cut || !run->started_ms || run->outcome != SCHED_OUT_EXITED ||
			    run->exit_code != 0)
				continue;
			past_times_add(times_of(p, name), run->ended_ms - run->started_ms);
			past_times_add(times_of(p, ""), run->ended_ms - run->started_ms);
		}
	}
	for (struct map_slot *slot = NULL; (slot = map_next(&p->durations, slot));)
		past_times_sort(slot->value);
}

int past_read(struct store *s, struct past *ret, struct err *err)
{
	struct reading r = {.store = s, .past = ret, .sched = sched_new(), .err = err};
	int x;

	*ret = (struct past){.events = NULL};
	x = store_read(s, 1, SIZE_MAX, on_event, &r, err);
	sched_free(r.sched);
	past_times_sort(&r.latencies);
	ret->latency_ms = past_times_at(&r.latencies, 50);
	free(r.latencies.ms);
	if (x < 0) {
		past_free(ret);
		return x;
	}
	put_earlier_nodes(ret);
	measure(ret);
	return 0;
}

void past_free(struct past *p)
{
	for (size_t k = 0; k < p->n_events; k++)
		yyjson_doc_free(p->events[k].doc);
	free(p->events);
	for (size_t k = 0; k < p->n_jobs; k++) {
		jobspec_free(p->jobs[k]->spec);
		free(p->jobs[k]);
	}
	free(p->jobs);
	for (struct map_slot *slot = NULL; (slot = map_next(&p->instances, slot));) {
		struct past_instance *i = slot->value;

		free(i->runs);
		free(i);
	}
	for (struct map_slot *slot = NULL; (slot = map_next(&p->durations, slot));) {
		struct past_times *t = slot->value;

		free(t->ms);
		free(t);
	}
	for (size_t k = 0; k < p->n_nodes; k++) {
		free(p->nodes[k].name);
		free(p->nodes[k].facts);
		free(p->nodes[k].counters);
	}
	free(p->nodes);
	map_free(&p->by_job);
	map_free(&p->instances);
	map_free(&p->durations);
	*p = (struct past){.events = NULL};
}
