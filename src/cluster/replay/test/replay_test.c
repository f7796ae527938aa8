/* SPDX-License-Identifier: Apache-2.0 */
/* Logs written by hand, and what the replay makes of them, to the millisecond. Times are milliseconds from the log's beginning. */
#include "cluster/replay/replay.h"

#include "base/core/err.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/store/store.h"
#include "base/wire/json.h"
#include "cluster/sched/sched.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BEGIN INT64_C(1795392000000)

struct world {
	struct loop *loop;
	struct store *store;
	yyjson_doc *doc; /* of the last replay */
	struct err err;
};

static int setup(void **state)
{
	struct world *w = mem_new(struct world);

	assert_int_equal(loop_new(&w->loop, NULL), 0);
	assert_int_equal(store_open("memory", "", w->loop, &w->store, NULL), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	yyjson_doc_free(w->doc);
	store_close(w->store);
	loop_free(w->loop);
	free(w);
	return 0;
}

/* ---- writing a log ---- */

static void on_stored(void *ctx, uint64_t seq, const struct err *error)
{
	struct world *w = ctx;

	(void)seq;
	assert_null(error);
	loop_stop(w->loop);
}

static void event(struct world *w, int64_t at, const char *kind, const char *json, const char *key, const char *doc)
{
	struct store_event e = {.time_ms = BEGIN + at, .kind = kind, .data = json, .len = strlen(json)};
	struct store_doc d = {.key = key, .value = doc, .len = doc ? strlen(doc) : 0};

	store_append(w->store, &e, &d, key ? 1 : 0, on_stored, w);
	assert_int_equal(loop_run(w->loop, NULL), 0);
}

static void node(struct world *w, int64_t at, const char *name, int slots)
{
	mem_cleanup char *json = mem_printf("{\"node\":\"%s\",\"slots\":%d,\"cpu_milli\":%d,\"memory\":8589934592}",
					    name, slots, 1000 * slots);

	event(w, at, "node_up", json, NULL, NULL);
}

/* services: JSON of the list; top: further keys. */
static void submit(struct world *w, int64_t at, const char *id, int uid, const char *top, const char *services)
{
	mem_cleanup char *json = mem_printf("{\"job\":\"%s\"}", id), *key = mem_printf("job/%s", id);
	mem_cleanup char *doc =
	    mem_printf("{\"uid\":%d,\"job\":{\"name\":\"%.1s\",%s\"services\":%s}}", uid, id, top, services);

	event(w, at, "job_submit", json, key, doc);
}

#define TASK "[{\"name\":\"t\",\"kind\":\"task\",\"image\":\"x\",\"slots\":1}]"

static void started(struct world *w, int64_t at, const char *id, int task, int index, int attempt)
{
	mem_cleanup char *json =
	    mem_printf("{\"job\":\"%s\",\"task_index\":%d,\"index\":%d,\"attempt\":%d}", id, task, index, attempt);

	event(w, at, "started", json, NULL, NULL);
}

static void exited(struct world *w, int64_t at, const char *id, int task, int index, int attempt, const char *outcome,
		   int code)
{
	mem_cleanup char *json = mem_printf(
	    "{\"job\":\"%s\",\"task_index\":%d,\"index\":%d,\"attempt\":%d,\"outcome\":\"%s\",\"exit_code\":%d}", id,
	    task, index, attempt, outcome, code);

	event(w, at, "exited", json, NULL, NULL);
}

static void ran(struct world *w, const char *id, int64_t from, int64_t to)
{
	started(w, from, id, 0, 0, 1);
	exited(w, to, id, 0, 0, 1, "exited", 0);
}

static void of_job(struct world *w, int64_t at, const char *kind, const char *id)
{
	mem_cleanup char *json = mem_printf("{\"job\":\"%s\"}", id);

	event(w, at, kind, json, NULL, NULL);
}

/* ---- reading the result ---- */

static int replay(struct world *w, const char *nodes, const char *without, const char *policy)
{
	char *more[] = {(char *)nodes, NULL}, *less[] = {(char *)without, NULL};
	struct replay_options o = {.nodes = more, .without = less, .policy = policy};
	mem_cleanup char *json = NULL;
	int r;

	err_clear(&w->err);
	yyjson_doc_free(w->doc);
	w->doc = NULL;
	r = replay_store(w->store, &o, &json, &w->err);
	if (r == 0)
		w->doc = yyjson_read(json, strlen(json), 0);
	return r;
}

/* "/columns/0/jobs" */
static yyjson_val *at(struct world *w, const char *path)
{
	mem_cleanup char *copy = mem_strdup(path);
	yyjson_val *v = yyjson_doc_get_root(w->doc);
	char *rest = NULL;

	for (char *key = strtok_r(copy, "/", &rest); key; key = strtok_r(NULL, "/", &rest))
		v = yyjson_is_arr(v) ? yyjson_arr_get(v, strtoul(key, NULL, 10)) : yyjson_obj_get(v, key);
	return v;
}

static void is(struct world *w, const char *pointer, int64_t value)
{
	yyjson_val *v = at(w, pointer);

	if (!v || yyjson_get_sint(v) != value)
		fail_msg("%s is %lld, not %lld", pointer, v ? (long long)yyjson_get_sint(v) : -1LL, (long long)value);
}

static void is_percent(struct world *w, const char *pointer, double value)
{
	double v = 100 * yyjson_get_num(at(w, pointer));

	if (v < value - 0.05 || v > value + 0.05)
		fail_msg("%s is %g, not %g", pointer, v, value);
}

static bool says(struct world *w, const char *text)
{
	yyjson_val *item;
	size_t i, n;

	yyjson_arr_foreach (at(w, "/unknown"), i, n, item) {
		if (strstr(yyjson_get_str(item), text))
			return true;
	}
	return false;
}

/* One slot, three jobs of 100 s that came at once, by two users; 1 s from sending to starting. */
static void write_queue(struct world *w)
{
	node(w, 0, "n1", 1);
	submit(w, 0, "a", 1, "", TASK);
	submit(w, 0, "b", 1, "", TASK);
	submit(w, 0, "c", 2, "\"priority\":5,", TASK);
	ran(w, "a", 1000, 101000);
	ran(w, "c", 102000, 202000);
	ran(w, "b", 203000, 303000);
}

/* ---- tests ---- */

static void a_replay_is_what_was(void **state)
{
	struct world *w = *state;

	write_queue(w);
	assert_int_equal(replay(w, NULL, NULL, NULL), 0);
	assert_int_equal(yyjson_arr_size(at(w, "/columns")), 2);
	for (int c = 0; c < 2; c++) {
		char pointer[64];
		static const struct {
			const char *what;
			int64_t value;
		} rows[] = {{"jobs", 3},
			    {"wait_ms/p50", 102000},
			    {"wait_ms/max", 203000},
			    {"turnaround_ms/p50", 202000},
			    {"makespan_ms", 303000},
			    {"slot_ms", 300000},
			    {"users/0/uid", 1},
			    {"users/0/jobs", 2},
			    {"users/0/wait_ms/max", 203000},
			    {"users/1/wait_ms/p50", 102000}};

		for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
			snprintf(pointer, sizeof pointer, "/columns/%d/%s", c, rows[k].what);
			is(w, pointer, rows[k].value);
		}
		snprintf(pointer, sizeof pointer, "/columns/%d/utilisation", c);
		is_percent(w, pointer, 99.0);
	}
	assert_false(says(w, "guess"));
	assert_false(says(w, "left out"));
}

static void more_nodes(void **state)
{
	struct world *w = *state;

	write_queue(w);
	assert_int_equal(replay(w, "+2x1c1g", NULL, NULL), 0);
	is(w, "/columns/2/wait_ms/max", 1000);
	is(w, "/columns/2/makespan_ms", 101000);
	is_percent(w, "/columns/2/utilisation", 99.0);
	is(w, "/columns/1/makespan_ms", 303000);
	/* One more like n1; n1 itself is left out: as many as before. */
	assert_int_equal(replay(w, "+1xn1", "n1", NULL), 0);
	is(w, "/columns/2/makespan_ms", 303000);
	assert_int_equal(replay(w, NULL, "n1", NULL), -ENODATA);
}

/* A node with a GPU, one without; two jobs that want one: as it was, and with one more like the first. */
static void counters_are_counted(void **state)
{
	static const char task[] = "[{\"name\":\"t\",\"kind\":\"task\",\"image\":\"x\",\"counters\":{\"gpu\":1}}]";
	struct world *w = *state;

	event(w, 0, "node_up",
	      "{\"node\":\"n1\",\"slots\":2,\"cpu_milli\":2000,\"memory\":8589934592,\"counters\":\"gpu 1\\n\"}", NULL,
	      NULL);
	node(w, 0, "n2", 2);
	submit(w, 0, "a", 1, "", task);
	submit(w, 0, "b", 1, "", task);
	ran(w, "a", 1000, 101000);
	ran(w, "b", 102000, 202000);
	assert_int_equal(replay(w, "+1xn1", NULL, NULL), 0);
	is(w, "/columns/1/makespan_ms", 202000);
	is(w, "/columns/2/makespan_ms", 101000);
	assert_int_equal(replay(w, "+1xn2", NULL, NULL), 0);
	is(w, "/columns/2/makespan_ms", 202000);
}

static void another_policy(void **state)
{
	struct world *w = *state;

	write_queue(w);
	assert_int_equal(replay(w, NULL, NULL, "fifo"), 0);
	is(w, "/columns/2/users/0/wait_ms/max", 102000); /* b now goes before c */
	is(w, "/columns/2/users/1/wait_ms/max", 203000);
}

/* Filled nodes first leave one free for the wide job; spread does not. */
static void pack_and_spread(void **state)
{
	struct world *w = *state;

	node(w, 0, "n1", 2);
	node(w, 0, "n2", 2);
	submit(w, 0, "a", 1, "", TASK);
	submit(w, 0, "b", 1, "", TASK);
	submit(w, 0, "w", 1, "", "[{\"name\":\"t\",\"kind\":\"task\",\"image\":\"x\",\"slots\":2}]");
	started(w, 0, "a", 0, 0, 1);
	started(w, 0, "b", 0, 0, 1);
	started(w, 0, "w", 0, 0, 1);
	exited(w, 50000, "w", 0, 0, 1, "exited", 0);
	exited(w, 100000, "a", 0, 0, 1, "exited", 0);
	exited(w, 100000, "b", 0, 0, 1, "exited", 0);
	assert_int_equal(replay(w, NULL, NULL, "spread"), 0);
	is(w, "/columns/1/makespan_ms", 100000);
	is(w, "/columns/2/wait_ms/max", 100000);
	is(w, "/columns/2/makespan_ms", 150000);
	assert_int_equal(replay(w, NULL, NULL, "pack"), 0);
	is(w, "/columns/2/makespan_ms", 100000);
}

/* A failed try, a chain, an expansion and a lost node come again as they were. */
static void what_went_wrong_goes_wrong_again(void **state)
{
	struct world *w = *state;

	node(w, 0, "n1", 2);
	node(w, 0, "n2", 1);
	submit(w, 0, "a", 1, "",
	       "[{\"name\":\"s\",\"kind\":\"task\",\"image\":\"x\",\"slots\":1,\"attempts\":2,\"delay_ms\":1000},"
	       "{\"name\":\"m\",\"kind\":\"task\",\"image\":\"x\",\"slots\":1,\"over\":{\"space\":\"user\",\"glob\":\"*"
	       "\"},"
	       "\"depends_on\":[{\"service\":\"s\",\"condition\":\"completed\"}]}]");
	started(w, 0, "a", 0, 0, 1);
	exited(w, 10000, "a", 0, 0, 1, "exited", 3);
	event(w, 11000, "time", "{}", NULL, NULL);
	started(w, 11000, "a", 0, 0, 2);
	exited(w, 21000, "a", 0, 0, 2, "exited", 0);
	event(w, 21000, "expanded", "{\"job\":\"a\",\"task_index\":1,\"count\":3}", NULL, NULL);
	for (int k = 0; k < 3; k++)
		started(w, 21000, "a", 1, k, 1);
	event(w, 26000, "node_down", "{\"node\":\"n2\"}", NULL, NULL);
	exited(w, 31000, "a", 1, 1, 1, "exited", 0);
	exited(w, 31000, "a", 1, 2, 1, "exited", 0);
	exited(w, 31000, "a", 1, 0, 1, "exited", 0);
	started(w, 31000, "a", 1, 0, 2);
	exited(w, 41000, "a", 1, 0, 2, "exited", 0);
	assert_int_equal(replay(w, "+1x2c", NULL, NULL), 0);
	is(w, "/columns/0/makespan_ms", 41000);
	is(w, "/columns/1/makespan_ms", 41000);
	is(w, "/columns/2/turnaround_ms/p50", 36000); /* what is lost starts elsewhere at once */
}

static void what_is_not_known_is_said(void **state)
{
	struct world *w = *state;

	write_queue(w);
	/* Cancelled while it ran; still runs; waits; its file was forgotten. */
	submit(w, 400000, "a-cut", 1, "", TASK);
	started(w, 401000, "a-cut", 0, 0, 1);
	of_job(w, 402000, "job_cancel", "a-cut");
	exited(w, 402000, "a-cut", 0, 0, 1, "exited", 143);
	submit(w, 500000, "a-runs", 1, "", TASK);
	started(w, 501000, "a-runs", 0, 0, 1);
	submit(w, 500000, "a-waits", 1, "", TASK);
	of_job(w, 500000, "job_submit", "a-gone");
	assert_int_equal(replay(w, "+1x1c", NULL, NULL), 0);
	is(w, "/columns/0/jobs", 4); /* with the cancelled one */
	assert_true(says(w, "1 jobs are left out: their files"));
	assert_true(says(w, "2 jobs are not compared"));
	assert_true(says(w, "attempts took a guess"));
	assert_false(says(w, "before the first event"));
}

static void on_snapshot(void *ctx, uint64_t seq, const struct err *error)
{
	on_stored(ctx, seq, error);
}

/* The log begins later: its first node stands in the snapshot alone. */
static void a_log_without_its_beginning(void **state)
{
	struct world *w = *state;
	const struct sched_event up = {.type = SCHED_EV_NODE_UP,
				       .now_ms = BEGIN,
				       .node = "n1",
				       .node_slots = 1,
				       .node_cpu_milli = 1000,
				       .node_memory = 1};
	struct sched *sched = sched_new();
	struct sched_actions acts;
	mem_cleanup char *text = NULL;
	size_t len;

	store_begin_at(w->store, 1000);
	submit(w, 0, "a", 1, "", TASK);
	submit(w, 0, "b", 1, "", TASK);
	ran(w, "a", 0, 1000);
	ran(w, "b", 1000, 2000);
	assert_int_equal(sched_step(sched, &up, &acts, NULL), 0);
	text = sched_save(sched, &len);
	sched_free(sched);
	store_snapshot(w->store, 1006, text, len, 100, on_snapshot, w);
	assert_int_equal(loop_run(w->loop, NULL), 0);
	assert_int_equal(replay(w, NULL, NULL, NULL), 0);
	is(w, "/columns/1/makespan_ms", 2000);
	assert_true(says(w, "before the first event"));
	assert_true(says(w, "1 nodes were up before that"));
}

static void wrong_wishes(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *nodes, *without, *policy, *says;
	} rows[] = {
	    {"4x16c", NULL, NULL, "--nodes \"4x16c\""},
	    {"+0x16c", NULL, NULL, "--nodes \"+0x16c\""},
	    {"+x16c", NULL, NULL, "is needed"},
	    {"+1x", NULL, NULL, "is needed"},
	    {"+1x16", NULL, NULL, "neither like 16c64g nor"},
	    {"+1x16c64", NULL, NULL, "neither like"},
	    {"+1x16c64gg", NULL, NULL, "neither like"},
	    {"+1x0c", NULL, NULL, "neither like"},
	    {"+99999x1c", NULL, NULL, "at most 10000"},
	    {NULL, "n9", NULL, "no node \"n9\""},
	    {NULL, NULL, "lifo", "\"lifo\" is unknown"},
	    {NULL, NULL, "pack,spread", "exclude each other"},
	};

	write_queue(w);
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		assert_int_equal(replay(w, rows[k].nodes, rows[k].without, rows[k].policy), -EINVAL);
		if (!strstr(w->err.text, rows[k].says))
			fail_msg("%s", w->err.text);
	}
}

static void an_empty_log(void **state)
{
	struct world *w = *state;

	assert_int_equal(replay(w, NULL, NULL, NULL), -ENODATA);
	event(w, 0, "exited", "{", NULL, NULL);
	assert_true(replay(w, NULL, NULL, NULL) < 0);
	assert_non_null(strstr(w->err.text, "event 1 of the log"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_replay_is_what_was),
	    TEST(more_nodes),
	    TEST(counters_are_counted),
	    TEST(another_policy),
	    TEST(pack_and_spread),
	    TEST(what_went_wrong_goes_wrong_again),
	    TEST(what_is_not_known_is_said),
	    TEST(a_log_without_its_beginning),
	    TEST(wrong_wishes),
	    TEST(an_empty_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
