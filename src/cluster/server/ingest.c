/* SPDX-License-Identifier: Apache-2.0 */
/* Wishes and facts on their way into the log. The order of the store's answers is the order of the log, and only there sched_step() is called: so the
 * state in memory is never ahead of the state on disk. */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/log.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/store/store.h"
#include "base/wire/json.h"
#include "cluster/link/link.h"
#include "cluster/server/member.h"
#include "cluster/server/fleet.h"
#include "cluster/server/manners.h"
#include "cluster/server/node_facts.h"
#include "cluster/server/probe.h"
#include "cluster/server/sources.h"
#include "cluster/server/server_private.h"

#include <stdio.h>
#include <string.h>

#define AGAIN_MS 1000
#define WORDS_MAX 4096	  /* of an error or a container's id, in an event */
#define PENDING_MAX 1000  /* words of one agent on their way into the log, beside ... */
#define PENDING_OF_LIVE 4 /* ... so many of each attempt that is live there */

struct pending {
	struct pending *next; /* while it waits to be tried again */
	struct server *server;
	struct ingest in;
	struct buf json;
	char *error, *node, *job_id, *task_name, *container, *job_name, *doc_key, *doc_value, *quota, *facts, *licence,
	    *counters, *probe, *also_key, *also_value;
};

/* What an agent says of an attempt once, in its books; NULL: it may say this again, for it may have changed. The caller frees. */
static char *said_key(const struct sched_event *e)
{
	const struct sched_attempt_id *a = &e->attempt;

	if (e->type != SCHED_EV_STARTED && e->type != SCHED_EV_WARNED && e->type != SCHED_EV_EXITED)
		return NULL;
	return mem_printf("%d/%s/%u/%u/%u", (int)e->type, a->job, a->task, a->index, a->epoch);
}

static void pending_free(struct pending *p)
{
	mem_cleanup char *said = p->in.told_by_agent ? said_key(&p->in.event) : NULL;
	bool facts = p->in.event.type == SCHED_EV_NODE_FACTS;
	struct node *n = p->in.told_by_agent || facts ? fleet_find(p->server, p->node) : NULL;

	/* It may be another one of that name. */
	if (n && p->in.told_by_agent && n->n_pending)
		n->n_pending--;
	if (n && facts && n->n_telling)
		n->n_telling--;
	jobspec_free(p->in.job);
	buf_free(&p->json);
	free(p->in.items_json);
	free(p->error);
	free(p->node);
	free(p->facts);
	free(p->job_id);
	free(p->task_name);
	free(p->container);
	free(p->job_name);
	free(p->quota);
	free(p->licence);
	free(p->counters);
	free(p->probe);
	free(p->also_key);
	free(p->also_value);
	free(p->doc_key);
	free(p->doc_value);
	if (said)
		map_remove(&p->server->said, said);
	free(p);
}

static struct pending *pending_new(struct server *s, const struct ingest *in)
{
	struct pending *p = mem_new(struct pending);
	mem_cleanup char *said = in->told_by_agent ? said_key(&in->event) : NULL;

	p->server = s;
	p->in = *in;
	p->in.event.error = p->error = event_words(in->event.error, WORDS_MAX);
	p->in.event.node = p->node = mem_strdup(in->event.node);
	p->in.also_key = p->also_key = mem_strdup(in->also_key);
	p->in.also_value = p->also_value = mem_strdup(in->also_value);
	p->in.event.quota = p->quota = mem_strdup(in->event.quota);
	p->in.event.facts = p->facts = mem_strdup(in->event.facts);
	p->in.event.licence = p->licence = mem_strdup(in->event.licence);
	p->in.event.counters = p->counters = mem_strdup(in->event.counters);
	p->in.event.probe = p->probe = mem_strdup(in->event.probe);
	p->in.event.job = p->job_id = mem_strdup(in->event.job);
	p->in.extra.task_name = p->task_name = mem_strdup(in->extra.task_name);
	p->in.extra.container = p->container = event_words(in->extra.container, WORDS_MAX);
	p->in.extra.job_name = p->job_name = mem_strdup(in->extra.job_name);
	p->in.doc_key = p->doc_key = mem_strdup(in->doc_key);
	p->in.doc_value = p->doc_value = in->doc_value ? mem_strndup(in->doc_value, in->doc_len) : NULL;
	event_encode(&p->in.event, &p->in.extra, &p->json);
	if (said)
		map_put(&s->said, said, s);
	return p;
}

static const char *job_of(const struct pending *p)
{
	return p->job_id ? p->job_id : p->in.event.attempt.job;
}

/* The first one sets the time: those that come after it must not put it off. */
static void put_again(struct pending *p)
{
	struct server *s = p->server;

	if (!s->waiting)
		loop_timer_arm(s->again, AGAIN_MS);
	p->next = NULL;
	*s->waiting_last = p;
	s->waiting_last = &p->next;
}

static void not_stored(struct pending *p, const struct err *error)
{
	struct server *s = p->server;

	if (!s->full)
		log_err(error, "write the log");
	s->full = true;
	if (p->in.event.type == SCHED_EV_TIME)
		s->time_pending = false;
	if (p->in.job)
		limit_submitting(s, &p->in.job->sched, -1);
	if (p->in.keep) {
		put_again(p);
		return;
	}
	if (p->in.done)
		p->in.done(p->in.ctx, job_of(p), error);
	if (p->in.event.type == SCHED_EV_TIME)
		loop_timer_arm(s->deadline, AGAIN_MS);
	pending_free(p);
}

/* The server's own books beside the scheduler's, before the event is applied. */
static void take_documents(struct server *s, struct pending *p)
{
	struct err err = ERR_INIT;
	struct jobspec *j;

	if (p->in.job) {
		limit_submitting(s, &p->in.job->sched, -1);
		p->in.event.job_spec = &p->in.job->sched;
		map_put(&s->jobs, p->in.job->id, p->in.job);
		p->in.job = NULL;
	}
	if (p->in.items_json) {
		j = map_get(&s->jobs, p->in.event.job);
		if (j && jobspec_set_items(j, p->in.event.task, p->in.items_json, &err) < 0)
			log_err(&err, "read a list of files");
	}
}

static void tell_forget(struct server *s, const char *id)
{
	struct link_msg m = {.type = LINK_FORGET};

	snprintf(m.attempt.job, sizeof m.attempt.job, "%s", id);
	fleet_send_all(s, &m);
}

static void after_forget(struct server *s, const char *id)
{
	tell_forget(s, id);
	jobspec_free(map_remove(&s->jobs, id));
	/* A replay from the last snapshot still needs the job's documents; the next snapshot does not. */
	mem_strv_add(&s->forgotten, id);
	s->since_snapshot++;
}

/* Given up while its report was on the way. */
static void fence_old(struct server *s, const struct pending *p)
{
	bool started;

	if (p->node && !apply_is_live(s, &p->in.event.attempt, p->node, &started))
		fleet_fence(s, p->node, &p->in.event.attempt);
}

static void count(struct server *s, enum sched_event_type type)
{
	s->counted.submitted += type == SCHED_EV_JOB_SUBMIT;
	s->counted.started += type == SCHED_EV_STARTED;
	s->counted.ended += type == SCHED_EV_EXITED;
}

static void on_stored(void *ctx, uint64_t seq, const struct err *error)
{
	struct pending *p = ctx;
	struct server *s = p->server;
	struct sched_actions actions = {.n = 0};
	struct err err = ERR_INIT;

	if (error) {
		not_stored(p, error);
		return;
	}
	s->full = false;
	if (s->waiting) /* the store takes something again */
		loop_timer_arm(s->again, 0);
	s->last_seq = seq;
	count(s, p->in.event.type);
	take_documents(s, p);
	/* What was live before the agent came back; what its coming makes start is among the step's actions. */
	if (p->in.event.type == SCHED_EV_NODE_UP)
		apply_live(s, p->node);
	if (p->in.event.type == SCHED_EV_NODE_DOWN)
		apply_fence(s, p->node);
	if (sched_step(s->sched, &p->in.event, &actions, &err) < 0)
		log_err(&err, "apply an event");
	if (p->in.event.type == SCHED_EV_STARTED)
		fence_old(s, p);
	view_tell(s, seq, p->in.event.now_ms, event_kind(p->in.event.type), buf_str(&p->json), p->json.len, job_of(p));
	if (p->in.event.type == SCHED_EV_TIME)
		s->time_pending = false;
	apply_actions(s, &actions);
	if (p->in.event.type == SCHED_EV_JOB_FORGET)
		after_forget(s, p->in.event.job);
	ingest_arm_deadline(s);
	sources_touch(s);
	recover_want_snapshot(s);
	if (p->in.done)
		p->in.done(p->in.ctx, job_of(p), NULL);
	pending_free(p);
}

static void append(struct server *s, struct pending *p)
{
	struct store_event e = {.time_ms = p->in.event.now_ms,
				.kind = event_kind(p->in.event.type),
				.data = buf_str(&p->json),
				.len = p->json.len};
	struct store_doc docs[2] = {
	    {.key = p->in.doc_key, .value = p->in.doc_value, .len = p->in.doc_len},
	    {.key = p->in.also_key, .value = p->in.also_value, .len = p->in.also_value ? strlen(p->in.also_value) : 0}};

	store_append(s->store, &e, docs, p->in.also_key ? 2 : p->in.doc_key ? 1 : 0, on_stored, p);
}

void ingest(struct server *s, const struct ingest *in)
{
	struct pending *p = pending_new(s, in);

	p->in.event.now_ms = server_now(s);
	if (in->keep && s->waiting) {
		put_again(p);
		return;
	}
	append(s, p);
}

/* Timer: what could not be stored is tried once more, in its order. */
void ingest_again(void *ctx)
{
	struct server *s = ctx;
	struct pending *list = s->waiting;

	s->waiting = NULL;
	s->waiting_last = &s->waiting;
	while (list) {
		struct pending *p = list;

		list = p->next;
		p->in.event.now_ms = server_now(s);
		append(s, p);
	}
}

void ingest_free_waiting(struct server *s)
{
	while (s->waiting) {
		struct pending *p = s->waiting;

		s->waiting = p->next;
		pending_free(p);
	}
	s->waiting_last = &s->waiting;
}

struct note {
	struct server *server;
	int64_t time_ms;
	const char *kind;
	char *json, *job;
};

static void on_note_stored(void *ctx, uint64_t seq, const struct err *error)
{
	struct note *n = ctx;

	/* Told even when the disk is full: whoever waits for the end of a job must hear of it. */
	view_tell(n->server, error ? 0 : seq, n->time_ms, n->kind, n->json, strlen(n->json), n->job);
	free(n->json);
	free(n->job);
	free(n);
}

void ingest_note(struct server *s, const char *kind, const char *json, const char *job)
{
	struct store_event e = {.time_ms = server_now(s), .kind = kind, .data = json, .len = strlen(json)};
	struct note *n = mem_new(struct note);

	*n = (struct note){
	    .server = s, .time_ms = e.time_ms, .kind = kind, .json = mem_strdup(json), .job = mem_strdup(job)};
	store_append(s->store, &e, NULL, 0, on_note_stored, n);
}

/* ---- time ---- */

void ingest_deadline(void *ctx)
{
	struct server *s = ctx;
	struct ingest in = {.event = {.type = SCHED_EV_TIME}};

	if (s->time_pending)
		return;
	if (sched_next_ms(s->sched) > server_now(s)) {
		ingest_arm_deadline(s);
		return;
	}
	s->time_pending = true;
	ingest(s, &in);
}

void ingest_arm_deadline(struct server *s)
{
	int64_t next = sched_next_ms(s->sched), wait;

	if (next == INT64_MAX) {
		loop_timer_disarm(s->deadline);
		return;
	}
	wait = next - server_now(s);
	loop_timer_arm(s->deadline, wait > 0 ? wait : 0);
}

/* ---- facts from the agent ---- */

/* What is beyond the limit is not heard: it says so again when it comes back. */
void ingest_told(struct node *n, struct ingest *in)
{
	struct sched_node_view v;
	size_t live = fleet_view(n->server, n->name, &v) ? v.live : 0;

	if (n->n_pending == PENDING_MAX + PENDING_OF_LIVE * live && manners_may_log(n))
		log_warning("node %s says more than can be written down, or the same again and again", n->name);
	if (n->n_pending > PENDING_MAX + PENDING_OF_LIVE * live) {
		free(in->items_json);
		return;
	}
	n->n_pending++;
	in->told_by_agent = true;
	in->event.node = n->name;
	ingest(n->server, in);
}

static void copy_attempt(struct sched_attempt_id *to, const struct link_attempt *from)
{
	snprintf(to->job, sizeof to->job, "%s", from->job);
	to->task = from->task;
	to->index = from->index;
	to->epoch = from->epoch;
}

static void on_hello(struct session *x, const struct link_msg *m)
{
	struct ingest in = {.event = {.type = SCHED_EV_NODE_UP,
				      .node = m->text,
				      .node_slots = m->slots,
				      .node_cpu_milli = m->cpu_milli,
				      .node_memory = m->memory,
				      .counters = m->counters},
			    .keep = true};

	if (!fleet_hello(x, m))
		return;
	/* Before it is up: the first that starts there has been chosen by them. */
	node_facts_tell(x->node);
	ingest_told(x->node, &in);
}

static void exit_of(const struct link_msg *m, struct ingest *in)
{
	in->event.outcome = m->outcome == LINK_OUT_LOST	    ? SCHED_OUT_LOST
			    : m->outcome == LINK_OUT_FAILED ? SCHED_OUT_FAILED
							    : SCHED_OUT_EXITED;
	in->event.exit_code = m->code;
	in->event.oom = m->flag;
	in->event.error = m->text;
	in->extra.signal = m->signal;
}

static void forget_there(struct session *x, const char *job)
{
	struct link_msg m = {.type = LINK_FORGET};

	snprintf(m.attempt.job, sizeof m.attempt.job, "%s", job);
	link_send(x->link, &m);
}

/* Known, or on its way into the log: an agent that comes back says all that it has, and is asked for it, too. */
static bool is_said(const struct server *s, const struct sched_event *e, bool started)
{
	mem_cleanup char *said = said_key(e);

	return (e->type == SCHED_EV_STARTED && started) ||
	       (e->type == SCHED_EV_WARNED && apply_warned(s, &e->attempt)) || (said && map_get(&s->said, said));
}

/* Whatever is not live on that very node is told to end, and nothing that is known already is written once more. */
static void on_attempt(struct session *x, const struct link_msg *m, enum sched_event_type type)
{
	struct server *s = x->server;
	struct jobspec *j = map_get(&s->jobs, m->attempt.job);
	struct ingest in = {.event = {.type = type, .node = x->node->name, .healthy = m->flag}, .keep = true};
	bool started = false;

	copy_attempt(&in.event.attempt, &m->attempt);
	if (!j || !apply_is_live(s, &in.event.attempt, x->node->name, &started)) {
		if (type == SCHED_EV_STARTED)
			fleet_fence(s, x->node->name, &in.event.attempt);
		/* It was still to start when the agent said what it has. */
		if (type == SCHED_EV_EXITED && !j)
			forget_there(x, m->attempt.job);
		return;
	}
	if (is_said(s, &in.event, started))
		return;
	in.extra.task_name = j->tasks[m->attempt.task].name;
	if (type == SCHED_EV_STARTED)
		in.extra.container = m->text;
	if (type == SCHED_EV_EXITED) {
		fleet_facts_now(x->node);
		exit_of(m, &in);
		in.extra.killed = apply_kill_reason(s, &in.event.attempt);
	}
	ingest_told(x->node, &in);
}

/* Only from those that were asked, and once. */
static void on_expanded(struct session *x, const struct link_msg *m)
{
	struct jobspec *j = map_get(&x->server->jobs, m->attempt.job);
	struct ingest in = {
	    .event = {.type = SCHED_EV_EXPANDED, .job = m->attempt.job, .task = m->attempt.task, .error = m->text2},
	    .keep = true};
	char key[SCHED_ID_MAX + 32];
	struct err err = ERR_INIT;

	if (!j || m->attempt.task >= j->sched.n_tasks || !fleet_was_asked(x, m->attempt.job, m->attempt.task) ||
	    !apply_is_expanding(x->server, m->attempt.job, m->attempt.task))
		return;
	in.extra.task_name = j->tasks[m->attempt.task].name;
	if (m->text && jobspec_count_items(m->text, &in.event.count, &err) < 0) {
		in.event.error = err.text;
	} else if (m->text) {
		snprintf(key, sizeof key, "items/%s/%u", j->id, m->attempt.task);
		in.doc_key = key;
		in.doc_value = m->text;
		in.doc_len = strlen(m->text);
		in.items_json = mem_strdup(m->text);
	}
	j->told[m->attempt.task] = true;
	ingest_told(x->node, &in);
}

static void on_have(struct session *x, const struct link_msg *m)
{
	struct sched_job_view v;

	if (sched_job_view(x->server->sched, m->attempt.job, &v) < 0)
		forget_there(x, m->attempt.job);
}

static void on_health(struct session *x, const struct link_msg *m)
{
	struct sched_node_view v;

	if (manners_may_change(x->node, fleet_view(x->server, x->node->name, &v) ? v.live : 0))
		on_attempt(x, m, SCHED_EV_HEALTH);
	else
		session_refuse(x, "the health of its containers changes more often than can be written down");
}

static void after_hello(struct session *x, const struct link_msg *m)
{
	switch (m->type) {
	case LINK_HAVE:
		on_have(x, m);
		break;
	case LINK_STARTED:
		on_attempt(x, m, SCHED_EV_STARTED);
		break;
	case LINK_HEALTH:
		on_health(x, m);
		break;
	case LINK_WARNED:
		on_attempt(x, m, SCHED_EV_WARNED);
		break;
	case LINK_EXITED:
		on_attempt(x, m, SCHED_EV_EXITED);
		break;
	case LINK_PROBED:
		probe_answered(x, m);
		break;
	case LINK_EXPANDED:
		on_expanded(x, m);
		break;
	case LINK_RENEW:
		member_renew(x, m);
		break;
	case LINK_BEAT:
		if (m->text)
			fleet_facts(x->node, m->text);
		link_send(x->link, &(struct link_msg){.type = LINK_HEARD, .sent_ms = m->sent_ms});
		break;
	case LINK_HELLO:
	case LINK_WELCOME:
	case LINK_REFUSE:
	case LINK_CERT:
	case LINK_HEARD:
	case LINK_START:
	case LINK_KILL:
	case LINK_PROBE:
	case LINK_EXPAND:
	case LINK_FORGET:
		break; /* our own kinds: not for us */
	}
}

void ingest_on_link(void *ctx, const struct link_msg *m)
{
	struct session *x = ctx;

	log_debug("server: %s %s/%u/%u#%u", link_type_name(m->type), m->attempt.job, m->attempt.task, m->attempt.index,
		  m->attempt.epoch);
	if (x->deaf)
		return;
	if (m->type == LINK_HELLO) {
		on_hello(x, m);
		return;
	}
	if (!x->node)
		return; /* it has not said who it is */
	fleet_heard(x->node);
	after_hello(x, m);
}
