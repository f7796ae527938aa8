/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of schedules, each with its write. */
#include "cluster/server/schedule.h"

#include "base/core/buf.h"
#include "base/core/calendar.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/core/tz.h"
#include "base/core/wall_timer.h"
#include "base/store/store.h"
#include "base/wire/json.h"
#include "cluster/server/server_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define AGAIN_MS 1000

static int64_t now_s(void)
{
	return clock_wall_ms() / 1000;
}

static void arm(struct server *s, int64_t wall_ms)
{
	if (wall_ms >= s->schedule_armed_ms)
		return;
	s->schedule_armed_ms = wall_ms;
	wall_timer_arm(s->schedule_timer, wall_ms);
}

/* ---- when ---- */

static bool has_day(void *ctx, int64_t day)
{
	const struct schedule *c = ctx;

	for (char **name = c->rule.calendars; name && *name; name++) {
		const struct server_calendar *k = server_calendar_find(c->server, *name);

		if (k && !calendar_has(k->calendar, day))
			return false;
	}
	return true;
}

int64_t schedule_next(struct schedule *c, int64_t after_s)
{
	int64_t first = RECUR_NEVER;

	for (size_t k = 0; k < c->rule.n_crons; k++) {
		int64_t t = cron_next(&c->rule.crons[k], c->tz, has_day, c, after_s);

		first = t < first ? t : first;
	}
	return first;
}

static int64_t next(void *ctx, int64_t after_s)
{
	return schedule_next(ctx, after_s);
}

/* ---- what is written ---- */

static void add_run(struct buf *out, const struct schedule_run *run, bool more)
{
	buf_printf(out, "%s{\"job\":\"%s\",\"at\":%" PRId64 "}", more ? "," : "", run->job, run->at_s);
}

static char *state_text(const struct schedule *c)
{
	const struct recur_state *s = &c->after;
	struct buf out = BUF_INIT;

	buf_printf(&out,
		   "{\"decided\":%" PRId64 ",\"paused\":%s,\"made\":%" PRIu64 ",\"skipped\":%" PRIu64 ",\"queue\":[",
		   s->decided_s, s->paused ? "true" : "false", c->made + (c->run.job[0] != 0), c->skipped + c->skip);
	for (uint32_t k = 0; k < s->n_queue; k++)
		buf_printf(&out, "%s%" PRId64, k ? "," : "", s->queue[k]);
	buf_adds(&out, "],\"runs\":[");
	for (size_t k = 0; k < c->n_runs; k++)
		add_run(&out, &c->runs[k], k > 0);
	if (c->run.job[0])
		add_run(&out, &c->run, c->n_runs > 0);
	buf_adds(&out, "]}");
	return buf_take(&out);
}

static void remember(struct schedule *c)
{
	if (c->n_runs == SCHEDULE_RUNS_MAX)
		memmove(c->runs, c->runs + 1, --c->n_runs * sizeof *c->runs);
	mem_grow(&c->runs, &c->cap_runs, c->n_runs);
	c->runs[c->n_runs++] = c->run;
	c->made++;
}

/* ---- wishes that are durable ---- */

static void set(struct schedule *c)
{
	schedule_rule_free(&c->rule);
	c->rule = c->new_rule;
	c->new_rule = (struct schedule_rule){.crons = NULL};
	c->tz = c->new_tz;
	c->uid = c->new_uid;
	memcpy(c->owner, c->new_owner, sizeof c->owner);
	c->fresh = false;
	free(c->error);
	c->error = NULL;
}

static void finish_wish(struct schedule *c, const char *id, const struct err *error)
{
	enum schedule_wish wish = c->wish;
	server_done_fn done = c->done;
	void *ctx = c->ctx;
	bool gone = error ? c->fresh : wish == SCHEDULE_REMOVE;

	c->wish = SCHEDULE_NO_WISH;
	c->acting = false;
	if (!error && wish == SCHEDULE_SET)
		set(c);
	schedule_rule_free(&c->new_rule);
	free(mem_take(c->new_text));
	if (gone) {
		schedule_unlink(c);
		schedule_free(c);
	} else {
		schedule_go_on(c);
	}
	if (done)
		done(ctx, error ? "" : id, error);
}

/* What was on its way is durable, or has failed and changes nothing. */
static void finish(struct schedule *c, const struct err *error)
{
	char id[SCHED_ID_MAX];

	snprintf(id, sizeof id, "%s", c->run.job[0] ? c->run.job : c->name);
	c->busy = false;
	if (error) {
		c->live -= c->run.job[0] != 0;
	} else {
		c->state = c->after;
		c->skipped += c->skip;
		if (c->run.job[0])
			remember(c);
	}
	c->run.job[0] = '\0';
	c->skip = false;
	if (c->acting) {
		finish_wish(c, id, error);
	} else if (error && !c->wish) {
		c->due_ms = clock_wall_ms() + AGAIN_MS;
		arm(c->server, c->due_ms);
	} else {
		schedule_go_on(c);
	}
}

/* ---- notes ---- */

struct note {
	struct schedule *schedule;
	int64_t time_ms;
	char *json;
};

static void on_note(void *ctx, uint64_t seq, const struct err *error)
{
	struct note *n = ctx;

	if (!error)
		view_tell(n->schedule->server, seq, n->time_ms, EVENT_SCHEDULE, n->json, strlen(n->json), "");
	finish(n->schedule, error);
	free(n->json);
	free(n);
}

static char *note_json(const struct schedule *c, const char *what, int64_t at_s)
{
	struct buf json = BUF_INIT;
	char text[CLOCK_TEXT_MAX];

	buf_printf(&json, "{\"schedule\":\"%s\",\"what\":\"%s\"", c->name, what);
	if (at_s)
		buf_printf(&json, ",\"at\":\"%s\"", clock_format(at_s * 1000, text));
	if (c->error && !strcmp(what, "failed")) {
		buf_adds(&json, ",\"error\":");
		json_quote(&json, c->error, strlen(c->error));
	}
	buf_addc(&json, '}');
	return buf_take(&json);
}

/* The state goes with it; of a new or removed schedule its text, too. */
static void write_note(struct schedule *c, const char *what, int64_t at_s)
{
	struct server *s = c->server;
	bool removed = c->acting && c->wish == SCHEDULE_REMOVE;
	mem_cleanup char *state = state_text(c), *state_key = mem_printf("schedule-state/%s", c->name),
			 *key = mem_printf("schedule/%s", c->name);
	struct store_doc docs[2] = {{.key = state_key, .value = removed ? NULL : state, .len = strlen(state)},
				    {.key = key, .value = c->new_text, .len = c->new_text ? strlen(c->new_text) : 0}};
	struct note *n = mem_new(struct note);
	struct store_event e = {.time_ms = server_now(s), .kind = EVENT_SCHEDULE};

	*n = (struct note){.schedule = c, .time_ms = e.time_ms, .json = note_json(c, what, at_s)};
	e.data = n->json;
	e.len = strlen(n->json);
	c->busy = true;
	store_append(s->store, &e, docs, removed || c->new_text ? 2 : 1, on_note, n);
}

/* ---- jobs ---- */

static void on_job(void *ctx, const char *id, const struct err *error)
{
	(void)id;
	finish(ctx, error);
}

/* The job as its document will be: the schedule's, with the time. */
static int load(struct schedule *c, int64_t at_s, char **ret_text, struct jobspec **ret, struct err *err)
{
	mem_cleanup char *key = mem_printf("schedule/%s", c->name), *stored = NULL;
	struct jobspec *j = NULL;
	size_t len;
	int r = store_get(c->server->store, key, &stored, &len, err);

	if (r < 0)
		return r;
	*ret_text = mem_printf("{\"scheduled_ms\":%" PRId64 ",%s", at_s * 1000, stored + 1);
	r = jobspec_load(*ret_text, strlen(*ret_text), NULL, &j, err);
	if (r == 0)
		r = server_make_id(c->server, j, err);
	if (r == 0)
		r = sched_check(c->server->sched, &j->sched, err);
	if (r == 0)
		r = limit_admit(c->server, j, err);
	if (r < 0)
		jobspec_free(j);
	else
		*ret = j;
	return r;
}

static int start(struct schedule *c, int64_t at_s, struct err *err)
{
	struct server *s = c->server;
	mem_cleanup char *text = NULL, *state = NULL, *key = NULL,
			 *state_key = mem_printf("schedule-state/%s", c->name);
	struct jobspec *j = NULL;
	struct ingest in = {.event = {.type = SCHED_EV_JOB_SUBMIT}, .done = on_job, .ctx = c};
	int r = load(c, at_s, &text, &j, err);

	if (r < 0)
		return r;
	c->run.at_s = at_s;
	snprintf(c->run.job, sizeof c->run.job, "%s", j->id);
	state = state_text(c);
	key = mem_printf("job/%s", j->id);
	in.event.job = j->id;
	in.extra.job_name = j->name;
	in.doc_key = key;
	in.doc_value = text;
	in.doc_len = strlen(text);
	in.also_key = state_key;
	in.also_value = state;
	in.job = j;
	c->busy = true;
	c->live++;
	limit_submitting(s, &j->sched, 1);
	ingest(s, &in);
	return 0;
}

/* A job that cannot be made is no reason to stand still: the time is settled, and the reason is told. */
static void start_or_tell(struct schedule *c, int64_t at_s)
{
	struct err err = ERR_INIT;

	free(mem_take(c->error));
	if (start(c, at_s, &err) == 0)
		return;
	err_wrap(&err, "schedule %s", c->name);
	log_err(&err, "make a job");
	c->error = mem_strdup(err.text);
	c->skip = true;
	write_note(c, "failed", at_s);
}

static void cancel_live(const struct schedule *c)
{
	struct sched_job_view v;

	for (size_t k = c->n_runs; k-- > 0;) {
		if (sched_job_view(c->server->sched, c->runs[k].job, &v) == 0 && !sched_job_ended(v.state))
			server_cancel(c->server, c->runs[k].job, NULL, NULL);
	}
}

/* ---- steps ---- */

void schedule_look(struct schedule *c)
{
	struct recur_step step;

	if (c->busy || c->fresh)
		return;
	step = recur_step(&c->rule.recur, &c->state, now_s(), c->live, next, c);
	c->after = step.after;
	switch (step.act) {
	case RECUR_NOTHING:
		c->due_ms = recur_due(&c->state, next, c);
		c->due_ms = c->due_ms == RECUR_NEVER ? INT64_MAX : c->due_ms * 1000;
		arm(c->server, c->due_ms);
		return;
	case RECUR_START:
		start_or_tell(c, step.at_s);
		return;
	case RECUR_CANCEL:
		cancel_live(c);
		break;
	case RECUR_SKIP:
	case RECUR_MISS:
		c->skip = true;
		break;
	case RECUR_WAIT:
	case RECUR_RESET:
		break;
	}
	write_note(c, recur_act_name(step.act), step.at_s);
}

static void act_wish(struct schedule *c)
{
	struct err err = ERR_INIT;

	c->acting = true;
	c->after = c->state;
	switch (c->wish) {
	case SCHEDULE_SET:
		c->after.decided_s = now_s();
		c->after.n_queue = 0;
		write_note(c, c->fresh ? "created" : "changed", 0);
		break;
	case SCHEDULE_PAUSE:
		recur_pause(&c->after);
		write_note(c, "paused", 0);
		break;
	case SCHEDULE_RESUME:
		recur_resume(&c->after, now_s());
		write_note(c, "resumed", 0);
		break;
	case SCHEDULE_REMOVE:
		write_note(c, "removed", 0);
		break;
	case SCHEDULE_RUN:
		if (start(c, now_s(), &err) < 0)
			finish_wish(c, "", &err);
		break;
	case SCHEDULE_NO_WISH:
		break;
	}
}

void schedule_go_on(struct schedule *c)
{
	if (c->busy)
		return;
	if (c->wish)
		act_wish(c);
	else
		schedule_look(c);
}

/* All of them: one pass is some nanoseconds for each. */
void schedule_timer(void *ctx)
{
	struct server *s = ctx;
	int64_t now = clock_wall_ms(), first = INT64_MAX;

	s->schedule_armed_ms = INT64_MAX;
	for (struct schedule *c = s->schedules; c; c = c->next) {
		if (!c->busy && (c->due_ms <= now || c->state.decided_s - now / 1000 > RECUR_BACK_S))
			schedule_look(c);
		if (!c->busy && c->due_ms < first)
			first = c->due_ms;
	}
	s->schedule_armed_ms = INT64_MAX;
	wall_timer_arm(s->schedule_timer, first);
	s->schedule_armed_ms = first;
}

void schedule_look_again(struct server *s)
{
	for (struct schedule *c = s->schedules; c; c = c->next)
		schedule_look(c);
}
