/* SPDX-License-Identifier: Apache-2.0 */
/* What the API shows of schedules, as JSON (docs/API.md). */
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "cluster/server/schedule.h"
#include "cluster/server/server_private.h"

#define NEXT_SHOWN 3

static void add_next(struct schedule *c, yyjson_mut_doc *d, yyjson_mut_val *o)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(d, o, "next_ms");
	int64_t t = clock_wall_ms() / 1000;

	t = c->state.decided_s > t ? c->state.decided_s : t;
	for (int k = 0; k < NEXT_SHOWN && t != RECUR_NEVER; k++) {
		t = schedule_next(c, t);
		if (t != RECUR_NEVER)
			yyjson_mut_arr_add_int(d, list, t * 1000);
	}
}

static void add_run(const struct schedule *c, const struct schedule_run *run, yyjson_mut_doc *d, yyjson_mut_val *o)
{
	struct sched_job_view v;

	yyjson_mut_obj_add_strcpy(d, o, "job", run->job);
	yyjson_mut_obj_add_int(d, o, "at_ms", run->at_s * 1000);
	if (sched_job_view(c->server->sched, run->job, &v) < 0) {
		yyjson_mut_obj_add_str(d, o, "state", "forgotten");
		return;
	}
	yyjson_mut_obj_add_str(d, o, "state", sched_job_state_name(v.state));
	yyjson_mut_obj_add_int(d, o, "started_ms", v.started_ms);
	yyjson_mut_obj_add_int(d, o, "ended_ms", v.ended_ms);
	if (sched_job_ended(v.state))
		yyjson_mut_obj_add_int(d, o, "exit_code", v.exit_code);
}

static void add_schedule(struct schedule *c, bool all, yyjson_mut_doc *d, yyjson_mut_val *o)
{
	yyjson_mut_val *list;

	yyjson_mut_obj_add_strcpy(d, o, "name", c->name);
	yyjson_mut_obj_add_str(d, o, "state", c->state.paused ? "paused" : "active");
	yyjson_mut_obj_add_uint(d, o, "uid", c->uid);
	yyjson_mut_obj_add_strcpy(d, o, "owner", c->owner);
	json_add_strv(d, o, "cron", c->rule.texts);
	yyjson_mut_obj_add_strcpy(d, o, "timezone", c->rule.zone);
	if (c->rule.calendars)
		json_add_strv(d, o, "calendars", c->rule.calendars);
	else
		yyjson_mut_obj_add_arr(d, o, "calendars");
	yyjson_mut_obj_add_str(d, o, "catch_up", schedule_rule_catch_up(&c->rule));
	yyjson_mut_obj_add_uint(d, o, "catch_up_limit", c->rule.recur.catch_up_limit);
	yyjson_mut_obj_add_str(d, o, "overlap", schedule_rule_overlap(&c->rule));
	yyjson_mut_obj_add_uint(d, o, "queue_limit", c->rule.recur.queue_limit);
	yyjson_mut_obj_add_uint(d, o, "keep_finished", c->rule.keep_finished);
	yyjson_mut_obj_add_uint(d, o, "keep_failed", c->rule.keep_failed);
	add_next(c, d, o);
	yyjson_mut_obj_add_uint(d, o, "live", c->live);
	list = yyjson_mut_obj_add_arr(d, o, "waiting_ms");
	for (uint32_t k = 0; k < c->state.n_queue; k++)
		yyjson_mut_arr_add_int(d, list, c->state.queue[k] * 1000);
	yyjson_mut_obj_add_uint(d, o, "made", c->made);
	yyjson_mut_obj_add_uint(d, o, "skipped", c->skipped);
	if (c->error)
		yyjson_mut_obj_add_strcpy(d, o, "error", c->error);
	else
		yyjson_mut_obj_add_null(d, o, "error");
	list = yyjson_mut_obj_add_arr(d, o, "runs");
	for (size_t k = all || !c->n_runs ? 0 : c->n_runs - 1; k < c->n_runs; k++)
		add_run(c, &c->runs[k], d, yyjson_mut_arr_add_obj(d, list));
}

char *server_schedules_json(struct server *s)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *list = yyjson_mut_arr(d);

	yyjson_mut_doc_set_root(d, list);
	for (struct schedule *c = s->schedules; c; c = c->next) {
		if (!c->fresh)
			add_schedule(c, false, d, yyjson_mut_arr_add_obj(d, list));
	}
	return json_text(d, false, NULL);
}

int server_schedule_json(struct server *s, const char *name, char **ret, struct err *err)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(d);
	struct schedule *c = schedule_find(s, name);

	if (!c || c->fresh)
		return err_set(err, ENOENT, "there is no schedule \"%.80s\" (berth schedule ls)", name);
	yyjson_mut_doc_set_root(d, o);
	add_schedule(c, true, d, o);
	*ret = json_text(d, false, NULL);
	return 0;
}
