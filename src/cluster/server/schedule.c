/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/server/schedule.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/core/tz.h"
#include "base/core/wall_timer.h"
#include "base/store/store.h"
#include "base/wire/json.h"
#include "cluster/server/server_private.h"

#include <stdio.h>
#include <string.h>

#define STATE_MAX (1u << 20)

struct schedule *schedule_find(const struct server *s, const char *name)
{
	return map_get(&s->by_schedule, name);
}

static struct schedule *add(struct server *s, const char *name)
{
	struct schedule *c = mem_new(struct schedule), **p = &s->schedules;

	/* They are read back in their order. */
	if (s->last_schedule && strcmp(s->last_schedule->name, name) < 0)
		p = &s->last_schedule->next;

	c->server = s;
	c->due_ms = INT64_MAX;
	snprintf(c->name, sizeof c->name, "%s", name);
	while (*p && strcmp((*p)->name, name) < 0)
		p = &(*p)->next;
	c->next = *p;
	*p = c;
	if (!c->next)
		s->last_schedule = c;
	map_put(&s->by_schedule, c->name, c);
	s->n_schedules++;
	return c;
}

void schedule_unlink(struct schedule *c)
{
	struct schedule **p = &c->server->schedules, *before = NULL;

	for (; *p != c; p = &(*p)->next)
		before = *p;
	*p = c->next;
	if (!c->next)
		c->server->last_schedule = before;
	map_remove(&c->server->by_schedule, c->name);
	c->server->n_schedules--;
}

struct schedule *schedule_free(struct schedule *c)
{
	schedule_rule_free(&c->rule);
	schedule_rule_free(&c->new_rule);
	free(c->new_text);
	free(c->runs);
	free(c->error);
	free(c);
	return NULL;
}

void schedule_free_all(struct server *s)
{
	while (s->schedules) {
		struct schedule *next = s->schedules->next;

		schedule_free(s->schedules);
		s->schedules = next;
	}
	map_free(&s->by_schedule);
	server_calendar_free_all(s);
	for (struct map_slot *slot = NULL; (slot = map_next(&s->zones, slot));)
		tz_free(slot->value);
	map_free(&s->zones);
	s->schedule_timer = wall_timer_free(s->schedule_timer);
}

/* Each zone is read once: ten thousand schedules share it. */
static int zone(struct server *s, const char *name, const struct tz **ret, struct err *err)
{
	struct tz *z = map_get(&s->zones, name);
	int r = z ? 0 : tz_open(name, &z, err);

	if (r < 0)
		return r == -ENOENT ? -(err->code = EINVAL) : r;
	map_put(&s->zones, name, z);
	*ret = z;
	return 0;
}

/* ---- after a restart ---- */

static int load_text(struct schedule *c, const char *text, size_t len, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = json_parse(text, len, JOBSPEC_MAX + 1024, "a stored schedule", err);
	yyjson_val *root = yyjson_doc_get_root(doc);
	const char *owner = NULL;
	int64_t uid = 0;
	int r = doc ? schedule_rule_read(yyjson_obj_get(yyjson_obj_get(root, "job"), "schedule"), &c->rule, err)
		    : -err->code;

	if (r == 0)
		r = json_opt_int(root, "uid", 0, UINT32_MAX, &uid, err);
	if (r == 0)
		r = zone(c->server, c->rule.zone, &c->tz, err);
	if (r == 0)
		r = json_opt_str(root, "owner", &owner, err);
	c->uid = (uint32_t)uid;
	owner_text(c->uid, NULL, false, c->owner);
	if (owner)
		snprintf(c->owner, sizeof c->owner, "%s", owner);
	return r;
}

static int load_runs(struct schedule *c, yyjson_val *list, struct err *err)
{
	yyjson_val *o;
	size_t i, n;

	yyjson_arr_foreach (list, i, n, o) {
		struct schedule_run run = {.at_s = 0};
		const char *job;

		if (json_get_str(o, "job", &job, err) < 0 ||
		    json_get_int(o, "at", 0, INT64_MAX / 1000, &run.at_s, err) < 0)
			return -EBADMSG;
		snprintf(run.job, sizeof run.job, "%s", job);
		if (c->n_runs == SCHEDULE_RUNS_MAX)
			break;
		mem_grow(&c->runs, &c->cap_runs, c->n_runs);
		c->runs[c->n_runs++] = run;
	}
	return 0;
}

static int load_state(struct schedule *c, const char *text, size_t len, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = json_parse(text, len, STATE_MAX, "the state of a schedule", err);
	yyjson_val *o = yyjson_doc_get_root(doc), *item;
	int64_t made = 0, skipped = 0;
	size_t i, n;
	int r = doc ? json_get_int(o, "decided", 0, INT64_MAX / 1000, &c->state.decided_s, err) : -err->code;

	if (r == 0)
		r = json_get_bool(o, "paused", &c->state.paused, err);
	if (r == 0)
		r = json_opt_int(o, "made", 0, INT64_MAX, &made, err);
	if (r == 0)
		r = json_opt_int(o, "skipped", 0, INT64_MAX, &skipped, err);
	c->made = (uint64_t)made;
	c->skipped = (uint64_t)skipped;
	yyjson_arr_foreach (yyjson_obj_get(o, "queue"), i, n, item) {
		if (c->state.n_queue < RECUR_QUEUE_MAX)
			c->state.queue[c->state.n_queue++] = yyjson_get_sint(item);
	}
	return r < 0 ? r : load_runs(c, yyjson_obj_get(o, "runs"), err);
}

struct recovery {
	struct server *server;
	struct err *err;
};

static int recover_calendar(void *ctx, const char *key, const char *value, size_t len)
{
	const struct recovery *r = ctx;

	return server_calendar_load(r->server, key + strlen("calendar/"), value, len, r->err);
}

static int recover_one(void *ctx, const char *key, const char *value, size_t len)
{
	const struct recovery *r = ctx;
	struct schedule *c = add(r->server, key + strlen("schedule/"));

	return load_text(c, value, len, r->err) < 0 ? err_wrap(r->err, "schedule %s", c->name) : 0;
}

static int recover_state(void *ctx, const char *key, const char *value, size_t len)
{
	const struct recovery *r = ctx;
	struct schedule *c = schedule_find(r->server, key + strlen("schedule-state/"));

	if (!c)
		return 0;
	return load_state(c, value, len, r->err) < 0 ? err_wrap(r->err, "schedule %s", c->name) : 0;
}

/* The jobs that schedules have made, or one of them (an earlier one of its name), and that have not ended. */
static void count_live(struct server *s, const struct schedule *only)
{
	for (struct map_slot *slot = NULL; (slot = map_next(&s->jobs, slot));) {
		const struct jobspec *j = slot->value;
		struct schedule *c = j->scheduled_ms ? schedule_find(s, j->name) : NULL;

		if (c && (!only || c == only))
			c->live++;
	}
}

int schedule_recover(struct server *s, struct err *err)
{
	struct recovery recovery = {.server = s, .err = err};
	int r = store_scan(s->store, "calendar/", recover_calendar, &recovery, err);

	if (r == 0)
		r = store_scan(s->store, "schedule/", recover_one, &recovery, err);
	if (r == 0)
		r = store_scan(s->store, "schedule-state/", recover_state, &recovery, err);
	if (r == 0)
		count_live(s, NULL);
	return r;
}

int schedule_begin(struct server *s, struct err *err)
{
	int r = wall_timer_new(s->loop, schedule_timer, s, &s->schedule_timer, err);

	s->schedule_armed_ms = INT64_MAX;
	if (r == 0)
		schedule_look_again(s);
	return r;
}

/* ---- ended jobs ---- */

/* The newest of each kind stay; what is gone for another reason goes from the list, too. */
static void forget_old(struct schedule *c)
{
	uint32_t finished = 0, failed = 0;
	struct sched_job_view v;
	size_t keep = c->n_runs;

	for (size_t k = c->n_runs; k-- > 0;) {
		bool known = sched_job_view(c->server->sched, c->runs[k].job, &v) == 0, gone = !known;

		if (known && sched_job_ended(v.state))
			gone = v.state == SCHED_JOB_FINISHED ? finished++ >= c->rule.keep_finished
							     : failed++ >= c->rule.keep_failed;
		if (!gone) {
			c->runs[--keep] = c->runs[k];
			continue;
		}
		if (known)
			server_forget(c->server, c->runs[k].job, NULL, NULL);
	}
	c->n_runs -= keep;
	if (keep > 0)
		memmove(c->runs, c->runs + keep, c->n_runs * sizeof *c->runs);
}

void schedule_job_ended(struct server *s, const struct jobspec *j)
{
	struct schedule *c = schedule_find(s, j->name);

	if (!c)
		return;
	if (c->live > 0)
		c->live--;
	forget_old(c);
	schedule_look(c);
}

/* ---- wishes ---- */

static int submit_check(struct server *s, const struct jobspec *j, struct schedule_rule *rule, const struct tz **tz,
			struct err *err)
{
	const struct schedule *old = schedule_find(s, j->name);
	int r = schedule_rule_read(j->schedule, rule, err);

	if (r == 0)
		r = zone(s, rule->zone, tz, err);
	for (char **name = rule->calendars; r == 0 && name && *name; name++) {
		const struct server_calendar *k = server_calendar_find(s, *name);

		if (!k || k->leaving)
			r = err_set(err, EINVAL, "calendars: there is no calendar \"%s\" (berth calendar ls)", *name);
	}
	if (r == 0 && (j->sched.start_at_ms || j->sched.deadline_ms))
		r = err_set(err, EINVAL, "a job that comes again has no start_at and no deadline: they are dates");
	if (r < 0)
		return err_wrap(err, "%s: x-berth.schedule", j->file);
	if (old && strcmp(old->owner, j->owner) != 0)
		return err_set(err, EEXIST, "there is a schedule \"%s\" of user %s already", j->name, old->owner);
	if (old && old->wish)
		return err_set(err, EBUSY, "schedule %s: another wish is being written down; try again", j->name);
	if (!old && s->n_schedules >= SCHEDULES_MAX)
		return err_set(err, E2BIG, "there are %d schedules already", SCHEDULES_MAX);
	return 0;
}

void schedule_submit(struct server *s, const struct jobspec *j, const char *text, size_t len, bool dry_run,
		     server_done_fn done, void *ctx)
{
	struct schedule *c = schedule_find(s, j->name);
	struct schedule_rule rule = {.crons = NULL};
	const struct tz *tz = NULL;
	struct err err = ERR_INIT;
	int r = submit_check(s, j, &rule, &tz, &err);

	if (r < 0 || dry_run) {
		schedule_rule_free(&rule);
		done(ctx, r < 0 ? "" : j->name, r < 0 ? &err : NULL);
		return;
	}
	if (!c) {
		c = add(s, j->name);
		c->fresh = true;
		count_live(s, c);
	}
	c->new_rule = rule;
	c->new_tz = tz;
	c->new_uid = j->uid;
	snprintf(c->new_owner, sizeof c->new_owner, "%s", j->owner);
	c->new_text = jobspec_stored(j, text, len, &len);
	c->wish = SCHEDULE_SET;
	c->done = done;
	c->ctx = ctx;
	schedule_go_on(c);
}

int server_check_schedule(struct server *s, const char *name, const char *owner, struct err *err)
{
	const struct schedule *c = schedule_find(s, name);

	if (!c || c->fresh)
		return err_set(err, ENOENT, "there is no schedule \"%.80s\" (berth schedule ls)", name);
	if (!strcmp(c->owner, owner))
		return 0;
	return err_set(err, EPERM, "schedule %s is not yours: your role may only change jobs of your own", name);
}

void server_schedule(struct server *s, const char *name, enum server_schedule_wish wish, server_done_fn done, void *ctx)
{
	static const enum schedule_wish wishes[] = {[SERVER_SCHEDULE_PAUSE] = SCHEDULE_PAUSE,
						    [SERVER_SCHEDULE_RESUME] = SCHEDULE_RESUME,
						    [SERVER_SCHEDULE_RUN] = SCHEDULE_RUN,
						    [SERVER_SCHEDULE_REMOVE] = SCHEDULE_REMOVE};
	struct schedule *c = schedule_find(s, name);
	struct err err = ERR_INIT;

	if (!c || c->fresh) {
		err_set(&err, ENOENT, "there is no schedule \"%.80s\" (berth schedule ls)", name);
		done(ctx, "", &err);
		return;
	}
	if (c->wish) {
		err_set(&err, EBUSY, "schedule %s: another wish is being written down; try again", name);
		done(ctx, "", &err);
		return;
	}
	c->wish = wishes[wish];
	c->done = done;
	c->ctx = ctx;
	schedule_go_on(c);
}
