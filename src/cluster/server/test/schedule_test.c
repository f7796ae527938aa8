/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules in a server with a store in memory and a clock of the test's. There is no node: jobs live until they are cancelled. */
#include "cluster/server/schedule.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/store/store.h"
#include "base/store/store_mem.h"
#include "base/wire/json.h"
#include "cluster/server/server_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW_S 1795392000 /* 2026-11-23 00:00:00, a Monday */
#define TURNS_MAX 100000

struct world {
	struct loop *loop;
	struct store *store;
	struct server *server;
	struct loop_timer *turn;
	bool answered;
	char id[SCHED_ID_MAX];
	struct err answer;
};

static int64_t wall_s = NOW_S;

static int64_t wall_ns(void)
{
	return wall_s * 1000000000;
}

static int64_t mono_ns(void)
{
	return wall_s * 1000000000;
}

static void on_turn(void *ctx)
{
	struct world *w = ctx;

	loop_stop(w->loop);
}

static void turn(struct world *w)
{
	loop_timer_arm(w->turn, 0);
	assert_int_equal(loop_run(w->loop, NULL), 0);
}

static bool is_busy(const struct world *w)
{
	for (const struct schedule *c = w->server->schedules; c; c = c->next) {
		if (c->busy)
			return true;
	}
	return false;
}

/* Until nothing of a schedule is on its way to the store any more, and the cancelled jobs have ended. */
static void settle(struct world *w)
{
	int turns = 0;

	do {
		turn(w);
		assert_true(turns++ < TURNS_MAX);
	} while (is_busy(w) || turns < 5);
}

static void open_world(struct world *w)
{
	struct server_options o = {.keep_jobs = 100};
	struct err err = ERR_INIT;

	if (server_open(w->loop, w->store, NULL, &o, &w->server, &err) < 0)
		fail_msg("%s", err.text);
	settle(w);
}

static void restart(struct world *w)
{
	settle(w);
	server_abandon(w->server);
	open_world(w);
}

static int setup(void **state)
{
	struct world *w = mem_new(struct world);

	wall_s = NOW_S;
	clock_use(wall_ns, mono_ns);
	assert_int_equal(loop_new(&w->loop, NULL), 0);
	assert_int_equal(store_open("memory", "", w->loop, &w->store, NULL), 0);
	w->turn = loop_timer_new(w->loop, on_turn, w);
	open_world(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	server_close(w->server);
	loop_timer_free(w->turn);
	loop_free(w->loop);
	free(w);
	clock_use(NULL, NULL);
	return 0;
}

/* ---- what users and time do ---- */

static void on_answer(void *ctx, const char *id, const struct err *error)
{
	struct world *w = ctx;

	w->answered = true;
	snprintf(w->id, sizeof w->id, "%s", id);
	w->answer = error ? *error : (struct err)ERR_INIT;
}

static void wait_answer(struct world *w)
{
	for (int k = 0; !w->answered; k++) {
		turn(w);
		assert_true(k < TURNS_MAX);
	}
	settle(w);
}

static int no_check(void *ctx, yyjson_val *container, const char **ret_key, struct err *err)
{
	(void)ctx;
	(void)container;
	(void)ret_key;
	(void)err;
	return 0;
}

static int submit_as(struct world *w, uint32_t uid, const char *name, const char *schedule, const char *more)
{
	mem_cleanup char *json = mem_printf("{\"name\":\"%s\",\"file\":\"c.yaml\",%s\"schedule\":%s,\"services\":[{"
					    "\"name\":\"t\",\"kind\":\"task\",\"image\":\"x\"}]}",
					    name, more, schedule);

	w->answered = false;
	server_submit(w->server, json, strlen(json), &(struct server_user){.uid = uid}, false, no_check, NULL,
		      on_answer, w);
	wait_answer(w);
	return -w->answer.code;
}

static void submit(struct world *w, const char *name, const char *schedule)
{
	if (submit_as(w, 0, name, schedule, "") < 0)
		fail_msg("%s", w->answer.text);
	assert_string_equal(w->id, name);
}

static int wish(struct world *w, const char *name, enum server_schedule_wish what)
{
	w->answered = false;
	server_schedule(w->server, name, what, on_answer, w);
	wait_answer(w);
	return -w->answer.code;
}

static int calendar(struct world *w, const char *name, const char *days)
{
	json_doc_cleanup yyjson_doc *doc = days ? yyjson_read(days, strlen(days), 0) : NULL;

	w->answered = false;
	if (days)
		server_calendar_set(w->server, name, yyjson_doc_get_root(doc), on_answer, w);
	else
		server_calendar_remove(w->server, name, on_answer, w);
	wait_answer(w);
	return -w->answer.code;
}

static void pass(struct world *w, int64_t seconds)
{
	wall_s += seconds;
	schedule_timer(w->server);
	settle(w);
}

static size_t jobs(const struct world *w, bool live)
{
	struct sched_job_view v;
	size_t n = 0;

	for (size_t k = 0; sched_job_at(w->server->sched, k, &v) == 0; k++)
		n += !live || !sched_job_ended(v.state);
	return n;
}

static void cancel_oldest(struct world *w)
{
	struct sched_job_view v;
	size_t k = 0;

	while (sched_job_at(w->server->sched, k, &v) == 0 && sched_job_ended(v.state))
		k++;
	server_cancel(w->server, v.id, NULL, NULL);
	settle(w);
}

/* ---- tests ---- */

static void jobs_come_at_their_times(void **state)
{
	struct world *w = *state;
	struct schedule *c;

	submit(w, "a", "{\"cron\":[\"30 * * * *\",\"45 1 * * *\"],\"overlap\":\"allow\"}");
	pass(w, 29 * 60);
	assert_int_equal(jobs(w, false), 0);
	pass(w, 60);
	assert_int_equal(jobs(w, false), 1);
	pass(w, 0);
	assert_int_equal(jobs(w, false), 1);
	pass(w, 3600);
	pass(w, 15 * 60);
	assert_int_equal(jobs(w, false), 3);
	c = schedule_find(w->server, "a");
	assert_int_equal(c->runs[2].at_s, NOW_S + 105 * 60);
	assert_int_equal(c->live, 3);
	assert_int_equal(c->made, 3);
}

static void a_clock_set_back_runs_nothing_again(void **state)
{
	struct world *w = *state;

	submit(w, "a", "{\"cron\":[\"0 * * * *\"],\"overlap\":\"allow\"}");
	pass(w, 3600);
	pass(w, -1800);
	pass(w, 1800);
	assert_int_equal(jobs(w, false), 1);
	pass(w, 3600);
	assert_int_equal(jobs(w, false), 2);
	/* Back by days: it was wrong. */
	pass(w, -3 * 86400);
	pass(w, 3600);
	assert_int_equal(jobs(w, false), 3);
}

static void what_was_missed(void **state)
{
	static const struct {
		const char *rule;
		size_t jobs;
	} rows[] = {
	    {"{\"cron\":[\"0 * * * *\"],\"overlap\":\"allow\"}", 0},
	    {"{\"cron\":[\"0 * * * *\"],\"overlap\":\"allow\",\"catch_up\":\"last\"}", 1},
	    {"{\"cron\":[\"0 * * * *\"],\"overlap\":\"allow\",\"catch_up\":\"all\"}", 5},
	    {"{\"cron\":[\"0 * * * *\"],\"overlap\":\"allow\",\"catch_up\":\"all\",\"catch_up_limit\":3}", 3},
	    {"{\"cron\":[\"30 5 * * *\"],\"catch_up\":\"none\"}", 1}, /* half a minute late: not missed */
	};

	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		struct world *w;

		setup(state);
		w = *state;
		submit(w, "a", rows[k].rule);
		wall_s += 5 * 3600 + 1830;
		restart(w);
		assert_int_equal(jobs(w, false), rows[k].jobs);
		restart(w);
		assert_int_equal(jobs(w, false), rows[k].jobs);
		teardown(state);
	}
}

static void nothing_is_forgotten_by_a_restart(void **state)
{
	struct world *w = *state;
	struct schedule *c;

	calendar(w, "weekdays", "{\"exclude\":[\"sat\",\"sun\"]}");
	submit(
	    w, "q",
	    "{\"cron\":[\"0 * * * "
	    "*\"],\"timezone\":\"Europe/Paris\",\"calendars\":[\"weekdays\"],\"overlap\":\"queue\",\"queue_limit\":2}");
	submit(w, "p", "{\"cron\":[\"0 * * * *\"]}");
	assert_int_equal(wish(w, "p", SERVER_SCHEDULE_PAUSE), 0);
	for (int k = 0; k < 4; k++)
		pass(w, 3600);
	restart(w);
	c = schedule_find(w->server, "q");
	assert_int_equal(c->live, 1);
	assert_int_equal(c->state.n_queue, 2);
	assert_int_equal(c->state.queue[1], NOW_S + 3 * 3600);
	assert_int_equal(c->made, 1);
	assert_int_equal(c->skipped, 1);
	assert_int_equal(c->n_runs, 1);
	assert_true(schedule_find(w->server, "p")->state.paused);
	assert_int_equal(jobs(w, true), 1);
	cancel_oldest(w);
	assert_int_equal(jobs(w, true), 1);
	assert_int_equal(c->state.n_queue, 1);
	assert_int_equal(c->runs[c->n_runs - 1].at_s, NOW_S + 2 * 3600);
}

/* Said at once, before anything is durable: no schedule is left without a calendar that it goes by. */
static void a_calendar_and_its_schedule_at_once(void **state)
{
	static const char rule[] =
	    "{\"name\":\"a\",\"file\":\"c.yaml\",\"schedule\":{\"cron\":[\"0 * * * *\"],\"calendars\":[\"c\"]},"
	    "\"services\":[{\"name\":\"t\",\"kind\":\"task\",\"image\":\"x\"}]}";
	struct world *w = *state, other = *w;

	calendar(w, "c", "{\"exclude\":[\"sat\"]}");
	other.answered = false;
	server_submit(w->server, rule, strlen(rule), &(struct server_user){.uid = 0}, false, no_check, NULL, on_answer,
		      &other);
	assert_int_equal(calendar(w, "c", NULL), -EBUSY);
	assert_true(other.answered && !other.answer.code);
	assert_int_equal(wish(w, "a", SERVER_SCHEDULE_REMOVE), 0);
	other.answered = w->answered = false;
	server_calendar_remove(w->server, "c", on_answer, w);
	server_submit(w->server, rule, strlen(rule), &(struct server_user){.uid = 0}, false, no_check, NULL, on_answer,
		      &other);
	wait_answer(w);
	assert_int_equal(w->answer.code, 0);
	assert_true(other.answered);
	assert_int_equal(other.answer.code, EINVAL);
	assert_null(schedule_find(w->server, "a"));
}

/* A schedule that was removed leaves its job, which counts for the next one of its name, now as after a restart. */
static void a_schedule_anew(void **state)
{
	struct world *w = *state;

	submit(w, "a", "{\"cron\":[\"0 * * * *\"]}");
	pass(w, 3600);
	assert_int_equal(wish(w, "a", SERVER_SCHEDULE_REMOVE), 0);
	submit(w, "a", "{\"cron\":[\"0 * * * *\"]}");
	assert_int_equal(schedule_find(w->server, "a")->live, 1);
	pass(w, 3600);
	assert_int_equal(jobs(w, true), 1);
	restart(w);
	assert_int_equal(schedule_find(w->server, "a")->live, 1);
	cancel_oldest(w);
	pass(w, 3600);
	assert_int_equal(jobs(w, true), 1);
}

static void jobs_that_live_on(void **state)
{
	struct world *w = *state;
	struct schedule *c;

	submit(w, "s", "{\"cron\":[\"0 * * * *\"],\"overlap\":\"skip\"}");
	submit(w, "r", "{\"cron\":[\"0 * * * *\"],\"overlap\":\"replace\"}");
	pass(w, 3600);
	assert_int_equal(jobs(w, true), 2);
	pass(w, 3600);
	c = schedule_find(w->server, "s");
	assert_int_equal(c->made, 1);
	assert_int_equal(c->skipped, 1);
	c = schedule_find(w->server, "r");
	assert_int_equal(c->made, 2);
	assert_int_equal(c->live, 1);
	assert_int_equal(jobs(w, true), 2);
}

static void wishes(void **state)
{
	struct world *w = *state;
	struct schedule *c;
	struct sched_job_view v;

	submit(w, "a", "{\"cron\":[\"0 * * * *\"],\"overlap\":\"allow\"}");
	assert_int_equal(wish(w, "a", SERVER_SCHEDULE_PAUSE), 0);
	assert_string_equal(w->id, "a");
	pass(w, 2 * 3600);
	assert_int_equal(jobs(w, false), 0);
	assert_int_equal(wish(w, "a", SERVER_SCHEDULE_RUN), 0);
	assert_int_equal(sched_job_view(w->server->sched, w->id, &v), 0);
	assert_string_equal(v.name, "a");
	assert_int_equal(wish(w, "a", SERVER_SCHEDULE_RESUME), 0);
	assert_int_equal(jobs(w, false), 1);
	pass(w, 3600);
	assert_int_equal(jobs(w, false), 2);
	/* Another rule: from now on, and the jobs are still known. */
	submit(w, "a", "{\"cron\":[\"@every 10m\"],\"overlap\":\"allow\"}");
	pass(w, 600);
	c = schedule_find(w->server, "a");
	assert_int_equal(c->made, 3);
	assert_int_equal(c->n_runs, 3);
	assert_int_equal(wish(w, "a", SERVER_SCHEDULE_REMOVE), 0);
	assert_null(schedule_find(w->server, "a"));
	assert_int_equal(jobs(w, true), 3);
	restart(w);
	assert_null(schedule_find(w->server, "a"));
	assert_int_equal(wish(w, "a", SERVER_SCHEDULE_RUN), -ENOENT);
}

/* A wish that comes while a step is being written waits for it; a second one is told so. */
static void a_wish_waits_for_the_step(void **state)
{
	struct world *w = *state;
	struct world other = {.loop = w->loop};

	submit(w, "a", "{\"cron\":[\"0 * * * *\"],\"overlap\":\"allow\"}");
	wall_s += 3600;
	schedule_timer(w->server);
	assert_true(schedule_find(w->server, "a")->busy);
	w->answered = false;
	server_schedule(w->server, "a", SERVER_SCHEDULE_PAUSE, on_answer, w);
	server_schedule(w->server, "a", SERVER_SCHEDULE_REMOVE, on_answer, &other);
	assert_int_equal(other.answer.code, EBUSY);
	wait_answer(w);
	assert_int_equal(w->answer.code, 0);
	assert_int_equal(jobs(w, false), 1);
	restart(w);
	assert_true(schedule_find(w->server, "a")->state.paused);
	assert_int_equal(schedule_find(w->server, "a")->made, 1);
}

static void calendars(void **state)
{
	struct world *w = *state;

	assert_int_equal(calendar(w, "days", "{\"include\":[\"2026-11-25\"]}"), 0);
	submit(w, "a", "{\"cron\":[\"0 12 * * *\"],\"calendars\":[\"days\"]}");
	assert_int_equal(schedule_find(w->server, "a")->due_ms, (NOW_S + 2 * 86400 + 12 * 3600) * INT64_C(1000));
	assert_int_equal(calendar(w, "days", NULL), -EBUSY);
	assert_non_null(strstr(w->answer.text, "schedule a goes by it"));
	assert_int_equal(calendar(w, "days", "{\"exclude\":[\"mon\"]}"), 0);
	assert_int_equal(schedule_find(w->server, "a")->due_ms, (NOW_S + 86400 + 12 * 3600) * INT64_C(1000));
	restart(w);
	assert_int_equal(schedule_find(w->server, "a")->due_ms, (NOW_S + 86400 + 12 * 3600) * INT64_C(1000));
	assert_int_equal(wish(w, "a", SERVER_SCHEDULE_REMOVE), 0);
	assert_int_equal(calendar(w, "days", NULL), 0);
	assert_int_equal(calendar(w, "days", NULL), -ENOENT);
	assert_int_equal(calendar(w, "Days", "{\"exclude\":[\"mon\"]}"), -EINVAL);
	assert_int_equal(calendar(w, "days", "{\"exclude\":[\"someday\"]}"), -EINVAL);
	assert_int_equal(calendar(w, "days", "{}"), -EINVAL);
	restart(w);
	assert_null(w->server->calendars);
}

static void old_jobs_are_forgotten(void **state)
{
	struct world *w = *state;
	struct schedule *c;

	submit(w, "a", "{\"cron\":[\"0 * * * *\"],\"keep_failed\":2}");
	for (int k = 0; k < 5; k++) {
		pass(w, 3600);
		cancel_oldest(w);
	}
	c = schedule_find(w->server, "a");
	assert_int_equal(c->made, 5);
	assert_int_equal(c->n_runs, 2);
	assert_int_equal(jobs(w, false), 2);
	assert_int_equal(c->runs[0].at_s, NOW_S + 4 * 3600);
}

static void wrong_schedules_say_what(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *rule, *more, *says;
	} rows[] = {
	    {"\"x\"", "", "c.yaml: x-berth.schedule: an object is needed"},
	    {"{}", "", "cron"},
	    {"{\"cron\":[]}", "", "from 1 to 16"},
	    {"{\"cron\":[\"* * *\"]}", "", "x-berth.schedule: cron: \"* * *\" has 3 fields"},
	    {"{\"cron\":[\"@daily\"],\"timezone\":\"Mars/Base\"}", "", "no time zone \"Mars/Base\""},
	    {"{\"cron\":[\"@daily\"],\"calendars\":[\"none\"]}", "", "there is no calendar \"none\""},
	    {"{\"cron\":[\"@daily\"],\"overlap\":\"maybe\"}", "", "overlap: \"maybe\""},
	    {"{\"cron\":[\"@daily\"],\"catch_up_limit\":0}", "", "catch_up_limit"},
	    {"{\"cron\":[\"@daily\"],\"crom\":1}", "", "unknown key \"crom\""},
	    {"{\"cron\":[\"@daily\"]}", "\"start_at_ms\":5,", "no start_at"},
	};

	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		assert_int_equal(submit_as(w, 0, "a", rows[k].rule, rows[k].more), -EINVAL);
		if (!strstr(w->answer.text, rows[k].says))
			fail_msg("%s: %s", rows[k].rule, w->answer.text);
	}
	submit(w, "a", "{\"cron\":[\"@daily\"]}");
	assert_int_equal(submit_as(w, 1000, "a", "{\"cron\":[\"@daily\"]}", ""), -EEXIST);
}

/* A job that cannot be made settles its time and says why; the next one comes. */
static void a_job_that_cannot_be_made(void **state)
{
	struct world *w = *state;
	json_doc_cleanup yyjson_doc *none = yyjson_read("{\"jobs\":0}", 10, 0),
				    *some = yyjson_read("{\"jobs\":5}", 10, 0);

	submit(w, "a", "{\"cron\":[\"0 * * * *\"],\"overlap\":\"allow\"}");
	w->answered = false;
	server_quota_set(w->server, "user:0", yyjson_doc_get_root(none), on_answer, w);
	wait_answer(w);
	pass(w, 3600);
	assert_int_equal(jobs(w, false), 0);
	assert_non_null(strstr(schedule_find(w->server, "a")->error, "schedule a: "));
	assert_int_equal(wish(w, "a", SERVER_SCHEDULE_RUN), -EBUSY);
	w->answered = false;
	server_quota_set(w->server, "user:0", yyjson_doc_get_root(some), on_answer, w);
	wait_answer(w);
	pass(w, 3600);
	assert_int_equal(jobs(w, false), 1);
	assert_null(schedule_find(w->server, "a")->error);
}

/* What cannot be written has not happened, and is tried again; a wish that waits for it does not wait for ever. */
static void a_full_disk(void **state)
{
	struct world *w = *state;

	store_mem_fail(w->store, 1, ENOSPC);
	assert_int_equal(submit_as(w, 0, "a", "{\"cron\":[\"0 * * * *\"]}", ""), -ENOSPC);
	assert_null(schedule_find(w->server, "a"));
	submit(w, "a", "{\"cron\":[\"0 * * * *\"]}");
	store_mem_fail(w->store, 1, ENOSPC);
	pass(w, 3600);
	assert_int_equal(jobs(w, false), 0);
	assert_int_equal(schedule_find(w->server, "a")->live, 0);
	pass(w, 1);
	assert_int_equal(jobs(w, false), 1);
	assert_int_equal(schedule_find(w->server, "a")->runs[0].at_s, NOW_S + 3600);
	cancel_oldest(w);
	store_mem_fail(w->store, 1, ENOSPC);
	wall_s += 3600;
	schedule_timer(w->server);
	assert_true(schedule_find(w->server, "a")->busy);
	assert_int_equal(wish(w, "a", SERVER_SCHEDULE_PAUSE), 0);
	assert_true(schedule_find(w->server, "a")->state.paused);
	assert_int_equal(jobs(w, false), 1);
}

static void views(void **state)
{
	struct world *w = *state;
	mem_cleanup char *list = NULL, *one = NULL;
	struct err err = ERR_INIT;

	submit(w, "a", "{\"cron\":[\"0 2 * * *\"],\"timezone\":\"Europe/Paris\"}");
	pass(w, 3600);
	list = server_schedules_json(w->server);
	assert_non_null(strstr(list, "\"next_ms\":[1795482000000,1795568400000,1795654800000]"));
	assert_non_null(strstr(list, "\"live\":1"));
	assert_int_equal(server_schedule_json(w->server, "a", &one, &err), 0);
	assert_non_null(strstr(one, "\"at_ms\":1795395600000,\"state\":\"pending\""));
	assert_int_equal(server_schedule_json(w->server, "b", &one, &err), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(jobs_come_at_their_times),
	    TEST(a_clock_set_back_runs_nothing_again),
	    cmocka_unit_test(what_was_missed),
	    TEST(nothing_is_forgotten_by_a_restart),
	    TEST(jobs_that_live_on),
	    TEST(a_calendar_and_its_schedule_at_once),
	    TEST(a_schedule_anew),
	    TEST(wishes),
	    TEST(a_wish_waits_for_the_step),
	    TEST(calendars),
	    TEST(old_jobs_are_forgotten),
	    TEST(wrong_schedules_say_what),
	    TEST(a_job_that_cannot_be_made),
	    TEST(a_full_disk),
	    TEST(views),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
