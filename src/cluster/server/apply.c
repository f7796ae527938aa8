/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler's actions, sent on. Whatever cannot be done becomes a fact and goes through the log like any other. */
#include "base/core/buf.h"
#include "base/core/counts.h"
#include "base/core/err.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "cluster/link/link.h"
#include "cluster/server/bring.h"
#include "cluster/server/container.h"
#include "cluster/server/fleet.h"
#include "cluster/server/jobspec_data.h"
#include "cluster/server/probe.h"
#include "cluster/server/schedule.h"
#include "cluster/server/server_private.h"

#include <stdio.h>
#include <string.h>

static void to_link(struct link_attempt *to, const struct sched_attempt_id *from)
{
	snprintf(to->job, sizeof to->job, "%s", from->job);
	to->task = from->task;
	to->index = from->index;
	to->epoch = from->epoch;
}

void apply_failed(struct server *s, const struct sched_attempt_id *a, const struct err *error)
{
	struct ingest in = {.event = {.type = SCHED_EV_EXITED,
				      .attempt = *a,
				      .outcome = SCHED_OUT_FAILED,
				      .exit_code = 125,
				      .error = error->text},
			    .keep = true};

	ingest(s, &in);
}

static void send_start(struct server *s, const struct sched_attempt_id *a, const char *node, bool known)
{
	const char *spaces = fleet_spaces(s, node);
	struct jobspec *j = map_get(&s->jobs, a->job);
	struct link_msg m = {.type = LINK_START, .flag = known};
	mem_cleanup char *text = NULL, *counters = NULL;
	struct err err = ERR_INIT;

	if (!j || !spaces)
		return; /* it says HELLO first */
	if (container_json(j, a, spaces, s->strict, &text, &err) < 0) {
		apply_failed(s, a, &err);
		return;
	}
	to_link(&m.attempt, a);
	m.cores = jobspec_cores(j, a->task);
	m.numa = jobspec_numa(j, a->task);
	counters = j->tasks[a->task].counters ? counts_text(j->tasks[a->task].counters) : NULL;
	m.counters = counters;
	m.text = text;
	fleet_send(s, node, &m);
}

void apply_start(struct server *s, const struct sched_attempt_id *a, const char *node)
{
	send_start(s, a, node, false);
}

/* One that the node has started has its image. */
static void start(struct server *s, const struct sched_attempt_id *a, const char *node, bool known)
{
	const struct jobspec *j = map_get(&s->jobs, a->job);

	if (known || !j || !fleet_spaces(s, node) || !bring_waits(s, a, node, j->tasks[a->task].image))
		send_start(s, a, node, known);
}

static void kill_attempt(struct server *s, const struct sched_attempt_id *a, const char *node, const char *reason)
{
	const struct jobspec *j = map_get(&s->jobs, a->job);
	struct link_msg m = {.type = LINK_KILL, .text = reason};

	/* What is preempted is warned as it would be of the end of its walltime. */
	if (j && !strcmp(reason, SCHED_PREEMPTED))
		m.signal = jobspec_warn(j, a->task).signal;

	to_link(&m.attempt, a);
	fleet_send(s, node, &m);
}

/* For people: the kill itself is no event, it follows from one. */
static void note_preempted(struct server *s, const struct sched_action *act)
{
	buf_cleanup struct buf json = BUF_INIT;
	const struct jobspec *j = map_get(&s->jobs, act->attempt.job);
	const char *task = j ? j->tasks[act->attempt.task].name : "";

	buf_printf(&json, "{\"job\":\"%s\",\"task\":", act->attempt.job);
	json_quote(&json, task, strlen(task));
	buf_printf(&json, ",\"task_index\":%u,\"index\":%u,\"attempt\":%u,\"node\":", act->attempt.task,
		   act->attempt.index, act->attempt.epoch);
	json_quote(&json, act->node, strlen(act->node));
	buf_addc(&json, '}');
	ingest_note(s, EVENT_PREEMPTED, buf_str(&json), act->attempt.job);
}

static bool says(const struct server *s, const char *node, const char *fact)
{
	mem_cleanup char *line = mem_printf("\n%s ", fact);
	struct sched_node_view v;

	return fact && fleet_view(s, node, &v) && v.facts && strstr(v.facts, line);
}

/* Who has the files of the space: those of the job's own lie at its home, of a space that lasts the node counts that says that it has any. Of others (with a path)
 * each node has the same. NULL: the one that has them is away, and is asked when it is back. */
static const struct node *who_has(struct server *s, const char *job, uint32_t task)
{
	const struct jobspec *j = map_get(&s->jobs, job);
	const char *home = sched_home(s->sched, job, task);
	mem_cleanup char *fact = j ? jobspec_data_over(j, task) : NULL;
	const struct node *n = home ? fleet_find(s, home) : s->nodes;

	if (home)
		return n && n->session ? n : NULL;
	while (n && !(n->session && says(s, n->name, fact)))
		n = n->next;
	return n ? n : fleet_any(s);
}

static void expand(struct server *s, const char *job, uint32_t task, const struct node *n)
{
	struct jobspec *j = map_get(&s->jobs, job);
	struct link_msg m = {.type = LINK_EXPAND};
	struct ingest in = {.event = {.type = SCHED_EV_EXPANDED, .job = job, .task = task}, .keep = true};
	mem_cleanup char *path = NULL, *glob = NULL;
	struct err err = ERR_INIT;

	if (!j || !n || !n->spaces)
		return; /* asked again when a node comes */
	if (container_over(j, task, n->spaces, &path, &glob, &err) < 0) {
		in.event.error = err.text;
		ingest(s, &in);
		return;
	}
	snprintf(m.attempt.job, sizeof m.attempt.job, "%s", job);
	m.attempt.task = task;
	m.text = path;
	m.text2 = glob;
	fleet_ask(n, &m);
}

/* An answer of before is not one to this. */
static void ask_anew(struct server *s, const char *job, uint32_t task)
{
	struct jobspec *j = map_get(&s->jobs, job);

	if (j)
		j->told[task] = false;
}

static void forget_oldest(struct server *s)
{
	struct sched_job_view v;
	char oldest[SCHED_ID_MAX] = "";
	size_t ended = 0;

	for (size_t i = 0; sched_job_at(s->sched, i, &v) == 0; i++) {
		if (!sched_job_ended(v.state))
			continue;
		if (ended++ == 0)
			snprintf(oldest, sizeof oldest, "%s", v.id);
	}
	if (ended > s->keep_jobs)
		server_forget(s, oldest, NULL, NULL);
}

static void ended(struct server *s, const struct sched_action *act)
{
	buf_cleanup struct buf json = BUF_INIT;
	struct sched_job_view v;
	char id[SCHED_ID_MAX];
	struct jobspec *j;

	snprintf(id, sizeof id, "%s", act->attempt.job);
	if (sched_job_view(s->sched, id, &v) < 0)
		return;
	buf_printf(&json, "{\"job\":\"%s\",\"name\":\"%s\",\"state\":\"%s\",\"exit_code\":%d", id, v.name,
		   sched_job_state_name(v.state), v.exit_code);
	if (v.reason) {
		buf_adds(&json, ",\"reason\":");
		json_quote(&json, v.reason, strlen(v.reason));
	}
	buf_addc(&json, '}');
	ingest_note(s, EVENT_JOB_ENDED, buf_str(&json), id);
	j = map_remove(&s->jobs, id);
	if (j && j->scheduled_ms)
		schedule_job_ended(s, j);
	jobspec_free(j);
	forget_oldest(s);
}

void apply_actions(struct server *s, const struct sched_actions *actions)
{
	for (size_t i = 0; i < actions->n; i++) {
		const struct sched_action *act = &actions->items[i];

		switch (act->type) {
		case SCHED_ACT_START:
			start(s, &act->attempt, act->node, false);
			break;
		case SCHED_ACT_KILL:
			if (!strcmp(act->reason, SCHED_PREEMPTED))
				note_preempted(s, act);
			kill_attempt(s, &act->attempt, act->node, act->reason);
			break;
		case SCHED_ACT_EXPAND:
			ask_anew(s, act->attempt.job, act->attempt.task);
			expand(s, act->attempt.job, act->attempt.task, who_has(s, act->attempt.job, act->attempt.task));
			break;
		case SCHED_ACT_PROBE:
			probe_ask(s, act->probe, act->attempt.job, act->attempt.task, act->node);
			break;
		case SCHED_ACT_JOB_ENDED:
			ended(s, act);
			break;
		}
	}
}

/* ---- after HELLO ---- */

struct at {
	struct server *server;
	const char *node;
};

static int live_attempt(void *ctx, const struct sched_attempt_id *a, const char *node, bool started,
			const char *kill_reason)
{
	const struct at *at = ctx;

	if (kill_reason)
		kill_attempt(at->server, a, node, kill_reason);
	else
		start(at->server, a, node, started);
	return 0;
}

struct wanted {
	const char *job;
	uint32_t task;
	bool found;
};

static int is_wanted(void *ctx, const char *job, uint32_t task)
{
	struct wanted *w = ctx;

	w->found |= task == w->task && !strcmp(job, w->job);
	return w->found;
}

bool apply_is_expanding(const struct server *s, const char *job, uint32_t task)
{
	const struct jobspec *j = map_get(&s->jobs, job);
	struct wanted w = {.job = job, .task = task};

	sched_expanding(s->sched, is_wanted, &w);
	return w.found && j && !j->told[task];
}

static int live_expansion(void *ctx, const char *job, uint32_t task)
{
	const struct at *at = ctx;
	const char *home = sched_home(at->server->sched, job, task);

	if (!home || !strcmp(home, at->node))
		expand(at->server, job, task, fleet_find(at->server, at->node));
	return 0;
}

void apply_live(struct server *s, const char *node)
{
	struct at at = {.server = s, .node = node};

	sched_live_on(s->sched, node, live_attempt, &at);
	sched_expanding(s->sched, live_expansion, &at);
	probe_again(s, node);
}

static int fence_attempt(void *ctx, const struct sched_attempt_id *a, const char *node, bool started,
			 const char *kill_reason)
{
	const struct at *at = ctx;

	(void)started;
	(void)kill_reason;
	fleet_fence(at->server, node, a);
	return 0;
}

void apply_fence(struct server *s, const char *node)
{
	struct at at = {.server = s, .node = node};
	const struct node *n = fleet_find(s, node);

	if (n && n->session)
		sched_live_on(s->sched, node, fence_attempt, &at);
}

bool apply_is_live(const struct server *s, const struct sched_attempt_id *a, const char *node, bool *ret_started)
{
	struct sched_instance_view i;
	struct sched_attempt_view v;

	if (sched_instance_view(s->sched, a->job, a->task, a->index, &i) < 0 || i.n_attempts == 0 ||
	    sched_attempt_view(s->sched, a->job, a->task, a->index, i.n_attempts - 1, &v) < 0 || v.epoch != a->epoch ||
	    v.ended || !v.node || strcmp(v.node, node) != 0)
		return false;
	*ret_started = v.started_ms != 0;
	return true;
}

bool apply_warned(const struct server *s, const struct sched_attempt_id *a)
{
	struct sched_instance_view i;
	struct sched_attempt_view v;

	return sched_instance_view(s->sched, a->job, a->task, a->index, &i) == 0 && i.n_attempts &&
	       sched_attempt_view(s->sched, a->job, a->task, a->index, i.n_attempts - 1, &v) == 0 &&
	       v.epoch == a->epoch && v.warned_ms;
}

const char *apply_kill_reason(const struct server *s, const struct sched_attempt_id *a)
{
	struct sched_instance_view i;
	struct sched_attempt_view v;

	if (sched_instance_view(s->sched, a->job, a->task, a->index, &i) < 0 || i.n_attempts == 0 ||
	    sched_attempt_view(s->sched, a->job, a->task, a->index, i.n_attempts - 1, &v) < 0 || v.epoch != a->epoch)
		return NULL;
	return v.kill_reason;
}
