/* SPDX-License-Identifier: Apache-2.0 */
/* What the API shows of jobs and events, as JSON (docs/API.md). */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/store/store.h"
#include "base/wire/json.h"
#include "cluster/server/bring.h"
#include "cluster/server/server_private.h"

#include <inttypes.h>
#include <string.h>

#define INSTANCES_SHOWN 10000 /* of one task */
#define WHY_MAX 2048

static void add_time(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, int64_t ms)
{
	if (ms > 0)
		yyjson_mut_obj_add_int(d, o, key, ms);
	else
		yyjson_mut_obj_add_null(d, o, key);
}

static void add_text(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, const char *text)
{
	if (text && *text)
		yyjson_mut_obj_add_strcpy(d, o, key, text);
	else
		yyjson_mut_obj_add_null(d, o, key);
}

static void add_counts(yyjson_mut_doc *d, yyjson_mut_val *o, const size_t *counts)
{
	yyjson_mut_val *c = yyjson_mut_obj_add_obj(d, o, "counts");

	for (size_t i = 0; i <= SCHED_TASK_ABORTED; i++) {
		if (counts[i] > 0)
			yyjson_mut_obj_add_uint(d, c, sched_task_state_name((enum sched_task_state)i), counts[i]);
	}
}

static void add_summary(struct server *s, yyjson_mut_doc *d, yyjson_mut_val *o, const struct sched_job_view *v)
{
	char why[WHY_MAX];

	sched_why(s->sched, v->id, UINT32_MAX, server_now(s), why, sizeof why);
	yyjson_mut_obj_add_strcpy(d, o, "id", v->id);
	yyjson_mut_obj_add_strcpy(d, o, "name", v->name);
	yyjson_mut_obj_add_str(d, o, "state", sched_job_state_name(v->state));
	add_text(d, o, "reason", v->reason);
	add_text(d, o, "why", why);
	add_time(d, o, "submitted_ms", v->submitted_ms);
	add_time(d, o, "started_ms", v->started_ms);
	add_time(d, o, "ended_ms", v->ended_ms);
	if (sched_job_ended(v->state))
		yyjson_mut_obj_add_int(d, o, "exit_code", v->exit_code);
	else
		yyjson_mut_obj_add_null(d, o, "exit_code");
	yyjson_mut_obj_add_uint(d, o, "n_tasks", v->n_tasks);
	yyjson_mut_obj_add_uint(d, o, "n_instances", v->n_instances);
	add_counts(d, o, v->counts);
}

char *server_jobs_json(struct server *s, bool all, size_t limit)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *list = yyjson_mut_arr(d);
	struct sched_job_view v;
	size_t n = 0;

	yyjson_mut_doc_set_root(d, list);
	while (sched_job_at(s->sched, n, &v) == 0)
		n++;
	for (size_t i = n; i-- > 0 && yyjson_mut_arr_size(list) < limit;) {
		sched_job_at(s->sched, i, &v);
		if (all || !sched_job_ended(v.state))
			add_summary(s, d, yyjson_mut_arr_add_obj(d, list), &v);
	}
	return json_text(d, false, NULL);
}

static const char *outcome_name(const struct sched_attempt_view *a)
{
	static const char *const names[] = {
	    [SCHED_OUT_EXITED] = "exited", [SCHED_OUT_FAILED] = "failed", [SCHED_OUT_LOST] = "lost"};

	if (a->ended)
		return a->kill_reason ? "killed" : names[a->outcome];
	return a->started_ms ? "running" : "starting";
}

/* What its node calls it. */
static char *container_name(const char *job, const char *task, uint32_t index, uint32_t epoch)
{
	return epoch > 1 ? mem_printf("%s-%s-%u-try%u", job, task, index, epoch)
			 : mem_printf("%s-%s-%u", job, task, index);
}

static void add_attempt(yyjson_mut_doc *d, yyjson_mut_val *list, const struct jobspec *j, uint32_t task, uint32_t index,
			const struct sched_attempt_view *a)
{
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(d, list);
	mem_cleanup char *name = container_name(j->id, j->tasks[task].name, index, a->epoch);

	yyjson_mut_obj_add_uint(d, o, "attempt", a->epoch);
	yyjson_mut_obj_add_strcpy(d, o, "node", a->node ? a->node : "");
	yyjson_mut_obj_add_strcpy(d, o, "container", name);
	yyjson_mut_obj_add_str(d, o, "state", outcome_name(a));
	add_time(d, o, "sent_ms", a->sent_ms);
	add_time(d, o, "started_ms", a->started_ms);
	if (a->warned_ms)
		add_time(d, o, "warned_ms", a->warned_ms);
	add_time(d, o, "ended_ms", a->ended_ms);
	if (a->ended)
		yyjson_mut_obj_add_int(d, o, "exit_code", a->exit_code);
	else
		yyjson_mut_obj_add_null(d, o, "exit_code");
	yyjson_mut_obj_add_bool(d, o, "oom", a->oom);
	yyjson_mut_obj_add_bool(d, o, "healthy", a->healthy);
	add_text(d, o, "killed", a->kill_reason);
	add_text(d, o, "error", a->error);
}

static void add_instance(struct server *s, yyjson_mut_doc *d, yyjson_mut_val *list, const struct jobspec *j,
			 uint32_t task, uint32_t index)
{
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(d, list), *attempts;
	struct sched_instance_view v;
	char **items = j->items[task];

	if (sched_instance_view(s->sched, j->id, task, index, &v) < 0)
		return;
	yyjson_mut_obj_add_uint(d, o, "index", index);
	add_text(d, o, "item", items && index < j->tasks[task].count ? items[index] : NULL);
	yyjson_mut_obj_add_str(d, o, "state", sched_task_state_name(v.state));
	add_time(d, o, "next_try_ms", v.next_try_ms);
	attempts = yyjson_mut_obj_add_arr(d, o, "attempts");
	for (size_t i = 0; i < v.n_attempts; i++) {
		struct sched_attempt_view a;

		if (sched_attempt_view(s->sched, j->id, task, index, i, &a) == 0)
			add_attempt(d, attempts, j, task, index, &a);
	}
}

static void add_task(struct server *s, yyjson_mut_doc *d, yyjson_mut_val *list, const struct jobspec *j, uint32_t task)
{
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(d, list), *sub;
	struct sched_task_view v;
	char why[WHY_MAX];

	if (sched_task_view(s->sched, j->id, task, &v) < 0)
		return;
	if (v.counts[SCHED_TASK_RUNNING] || !bring_why(s, j->id, task, why, sizeof why))
		sched_why(s->sched, j->id, task, server_now(s), why, sizeof why);
	yyjson_mut_obj_add_strcpy(d, o, "name", v.name);
	yyjson_mut_obj_add_str(d, o, "kind", v.service ? "service" : "task");
	yyjson_mut_obj_add_str(d, o, "state", sched_task_state_name(v.state));
	add_text(d, o, "why", why);
	add_time(d, o, "started_ms", v.started_ms);
	add_time(d, o, "ended_ms", v.ended_ms);
	yyjson_mut_obj_add_uint(d, o, "n_instances", v.n_instances);
	sub = yyjson_mut_obj_add_arr(d, o, "depends_on");
	for (size_t i = 0; i < j->tasks[task].n_deps; i++)
		yyjson_mut_arr_add_strcpy(d, sub, j->tasks[j->deps[task][i].task].name);
	add_counts(d, o, v.counts);
	sub = yyjson_mut_obj_add_arr(d, o, "instances");
	for (uint32_t i = 0; i < v.n_instances && i < INSTANCES_SHOWN; i++)
		add_instance(s, d, sub, j, task, i);
}

int server_job_json(struct server *s, const char *job, char **ret, struct err *err)
{
	json_mut_cleanup yyjson_mut_doc *d = NULL;
	struct jobspec *live, *loaded = NULL;
	struct sched_job_view v;
	yyjson_mut_val *o, *tasks;
	char id[SCHED_ID_MAX];
	int r = server_find(s, job, id, sizeof id, err);

	if (r < 0)
		return r;
	live = map_get(&s->jobs, id);
	if (!live) {
		r = recover_job(s, id, &loaded, err);
		if (r < 0)
			return r;
		live = loaded;
	}
	d = yyjson_mut_doc_new(NULL);
	o = yyjson_mut_obj(d);
	yyjson_mut_doc_set_root(d, o);
	sched_job_view(s->sched, id, &v);
	add_summary(s, d, o, &v);
	yyjson_mut_obj_add_strcpy(d, o, "file", live->file);
	tasks = yyjson_mut_obj_add_arr(d, o, "tasks");
	for (uint32_t i = 0; i < live->sched.n_tasks; i++)
		add_task(s, d, tasks, live, i);
	*ret = json_text(d, false, NULL);
	jobspec_free(loaded);
	return 0;
}

static void attempts_of_copy(struct server *s, const char *id, const char *task_name, uint32_t task, uint32_t index,
			     server_attempt_fn fn, void *ctx)
{
	struct sched_instance_view v;
	struct sched_attempt_view a;

	if (sched_instance_view(s->sched, id, task, index, &v) < 0)
		return;
	for (size_t i = 0; i < v.n_attempts; i++) {
		struct server_attempt told = {.task = task_name, .index = index};
		mem_cleanup char *name = NULL;

		if (sched_attempt_view(s->sched, id, task, index, i, &a) < 0 || !a.node)
			continue;
		name = container_name(id, task_name, index, a.epoch);
		told.epoch = a.epoch;
		told.node = a.node;
		told.container = name;
		told.sent_ms = a.sent_ms;
		told.started_ms = a.started_ms;
		told.ended = a.ended;
		fn(ctx, &told);
	}
}

int server_attempts_each(struct server *s, const char *job, const char *task, uint32_t index, server_attempt_fn fn,
			 void *ctx, struct err *err)
{
	struct sched_job_view v;
	struct sched_task_view t;
	char id[SCHED_ID_MAX];
	bool any = !task;
	int r = server_find(s, job, id, sizeof id, err);

	if (r < 0)
		return r;
	sched_job_view(s->sched, id, &v);
	for (uint32_t i = 0; i < v.n_tasks; i++) {
		if (sched_task_view(s->sched, id, i, &t) < 0 || (task && strcmp(task, t.name) != 0))
			continue;
		any = true;
		if (index != SERVER_ALL_COPIES && t.expanded && index >= t.n_instances)
			return err_set(err, ENOENT,
				       "task \"%s\" of job %s has no copy %" PRIu32 " (it has %zu, from 0)", t.name, id,
				       index, t.n_instances);
		for (uint32_t k = index == SERVER_ALL_COPIES ? 0 : index;
		     k < t.n_instances && (index == SERVER_ALL_COPIES || k == index); k++)
			attempts_of_copy(s, id, t.name, i, k, fn, ctx);
	}
	return any ? 0 : err_set(err, ENOENT, "job %s has no task \"%s\" (berth job %s lists them)", id, task, id);
}

struct tally {
	size_t running, waiting, ended;	       /* jobs */
	size_t copies_running, copies_waiting; /* of those that have not ended */
};

static void count_jobs(struct server *s, struct tally *t)
{
	struct sched_job_view v;

	for (size_t i = 0; sched_job_at(s->sched, i, &v) == 0; i++) {
		if (sched_job_ended(v.state)) {
			t->ended++;
			continue;
		}
		if (v.state == SCHED_JOB_RUNNING)
			t->running++;
		else
			t->waiting++;
		t->copies_running += v.counts[SCHED_TASK_RUNNING] + v.counts[SCHED_TASK_STARTING];
		t->copies_waiting += v.counts[SCHED_TASK_PENDING] + v.counts[SCHED_TASK_DELAYED];
	}
}

/* All of them together, as the first one is shown. */
static void add_sum(struct server *s, yyjson_mut_doc *d, yyjson_mut_val *o)
{
	struct sched_node_view v, sum = {.slots = 0};
	size_t n = 0, up = 0;

	for (; sched_node_at(s->sched, n, &v) == 0; n++) {
		up += v.up;
		sum.slots += v.up ? v.slots : 0;
		sum.memory += v.up ? v.memory : 0;
		sum.slots_used += v.slots_used;
		sum.memory_used += v.memory_used;
		sum.live += v.live;
	}
	yyjson_mut_obj_add_uint(d, o, "total", n);
	yyjson_mut_obj_add_uint(d, o, "up", up);
	yyjson_mut_obj_add_uint(d, o, "slots", sum.slots);
	yyjson_mut_obj_add_uint(d, o, "slots_used", sum.slots_used);
	yyjson_mut_obj_add_uint(d, o, "memory", sum.memory);
	yyjson_mut_obj_add_uint(d, o, "memory_used", sum.memory_used);
	yyjson_mut_obj_add_uint(d, o, "containers", sum.live + s->n_hosted);
}

static void add_counted(const struct server *s, yyjson_mut_doc *d, yyjson_mut_val *o, const struct tally *t)
{
	yyjson_mut_val *part = yyjson_mut_obj_add_obj(d, o, "jobs");

	yyjson_mut_obj_add_uint(d, part, "running", t->running);
	yyjson_mut_obj_add_uint(d, part, "waiting", t->waiting);
	yyjson_mut_obj_add_uint(d, part, "ended", t->ended);
	part = yyjson_mut_obj_add_obj(d, o, "copies");
	yyjson_mut_obj_add_uint(d, part, "running", t->copies_running);
	yyjson_mut_obj_add_uint(d, part, "waiting", t->copies_waiting);
	part = yyjson_mut_obj_add_obj(d, o, "counted");
	yyjson_mut_obj_add_uint(d, part, "submitted", s->counted.submitted);
	yyjson_mut_obj_add_uint(d, part, "started", s->counted.started);
	yyjson_mut_obj_add_uint(d, part, "ended", s->counted.ended);
}

char *server_info_json(struct server *s)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(d), *node;
	struct tally t = {.running = 0};
	struct sched_node_view v;

	yyjson_mut_doc_set_root(d, o);
	node = yyjson_mut_obj_add_obj(d, o, "node");
	if (sched_node_at(s->sched, 0, &v) == 0) {
		yyjson_mut_obj_add_strcpy(d, node, "name", v.name);
		yyjson_mut_obj_add_bool(d, node, "up", v.up);
		yyjson_mut_obj_add_uint(d, node, "slots", v.slots);
		yyjson_mut_obj_add_uint(d, node, "slots_used", v.slots_used);
		yyjson_mut_obj_add_uint(d, node, "memory", v.memory);
		yyjson_mut_obj_add_uint(d, node, "memory_used", v.memory_used);
		yyjson_mut_obj_add_uint(d, node, "attempts", v.live);
	}
	yyjson_mut_obj_add_bool(d, o, "cluster", s->listener != NULL);
	if (s->listener)
		add_sum(s, d, yyjson_mut_obj_add_obj(d, o, "nodes"));
	count_jobs(s, &t);
	add_counted(s, d, o, &t);
	yyjson_mut_obj_add_uint(d, o, "seq", store_last_seq(s->store));
	return json_text(d, false, NULL);
}

bool server_job_ended(struct server *s, const char *id, char **ret_json)
{
	buf_cleanup struct buf out = BUF_INIT;
	struct sched_job_view v;

	if (sched_job_view(s->sched, id, &v) < 0 || !sched_job_ended(v.state))
		return false;
	buf_printf(&out, "{\"id\":\"%s\",\"state\":\"%s\",\"exit_code\":%d,\"reason\":", v.id,
		   sched_job_state_name(v.state), v.exit_code);
	if (v.reason)
		json_quote(&out, v.reason, strlen(v.reason));
	else
		buf_adds(&out, "null");
	buf_addc(&out, '}');
	*ret_json = buf_take(&out);
	return true;
}

/* ---- events ---- */

/* {"seq":1,"time_ms":2,"kind":"x",<members of data>} */
static void event_line(struct buf *out, uint64_t seq, int64_t time_ms, const char *kind, const char *data, size_t len)
{
	buf_printf(out, "{\"seq\":%" PRIu64 ",\"time_ms\":%" PRId64 ",\"kind\":", seq, time_ms);
	json_quote(out, kind, strlen(kind));
	if (len > 2) {
		buf_addc(out, ',');
		buf_add(out, data + 1, len - 1);
	} else {
		buf_addc(out, '}');
	}
}

struct reading {
	server_event_fn fn;
	void *ctx;
	uint64_t last;
	struct buf line;
};

static int read_event(void *ctx, const struct store_event *e)
{
	struct reading *r = ctx;
	json_doc_cleanup yyjson_doc *doc = json_parse(e->data, e->len, BUF_DEFAULT_LIMIT, "an event", NULL);
	const char *job = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "job"));

	buf_clear(&r->line);
	event_line(&r->line, e->seq, e->time_ms, e->kind, e->data, e->len);
	r->last = e->seq;
	return r->fn(r->ctx, buf_str(&r->line), r->line.len, job);
}

int server_events_read(struct server *s, uint64_t since, size_t limit, uint64_t *ret_last, server_event_fn fn,
		       void *ctx, struct err *err)
{
	struct reading r = {.fn = fn, .ctx = ctx, .last = since};
	int x = store_read(s->store, since + 1, limit, read_event, &r, err);

	buf_free(&r.line);
	*ret_last = r.last;
	return x;
}

static void sweep(struct server *s)
{
	for (struct server_listener **p = &s->listeners; *p;) {
		struct server_listener *l = *p;

		if (l->fn) {
			p = &l->next;
			continue;
		}
		*p = l->next;
		free(l);
	}
}

void view_tell(struct server *s, uint64_t seq, int64_t time_ms, const char *kind, const char *data, size_t len,
	       const char *job)
{
	buf_cleanup struct buf line = BUF_INIT;

	if (!s->listeners)
		return;
	event_line(&line, seq, time_ms, kind, data, len);
	s->telling = true;
	for (struct server_listener *l = s->listeners; l; l = l->next) {
		if (l->fn)
			l->fn(l->ctx, buf_str(&line), line.len, job && *job ? job : NULL);
	}
	s->telling = false;
	sweep(s);
}

struct server_listener *server_listen(struct server *s, server_event_fn fn, void *ctx)
{
	struct server_listener *l = mem_new(struct server_listener), **last = &s->listeners;

	*l = (struct server_listener){.server = s, .fn = fn, .ctx = ctx};
	while (*last)
		last = &(*last)->next;
	*last = l;
	return l;
}

struct server_listener *server_unlisten(struct server_listener *l)
{
	if (!l)
		return NULL;
	l->fn = NULL;
	if (!l->server->telling)
		sweep(l->server);
	return NULL;
}
