/* SPDX-License-Identifier: Apache-2.0
 *
 * What stories cannot say: refused jobs and events, numbers at their limits, and the cost of a million instances.
 */
#include "cluster/sched/test/story.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "cluster/sched/state.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct sched_task_spec task(const char *name)
{
	return (struct sched_task_spec){.name = name,
					.count = 1,
					.slots = 1,
					.attempts = 1,
					.delay_ms = -1,
					.backoff = 1,
					.on_error = SCHED_ON_ERROR_CANCEL};
}

/* ---- sched_check ---- */

static void spoil_name(struct sched_job_spec *j, struct sched_task_spec *t)
{
	(void)j;
	t[1].name = "";
}

static void spoil_control(struct sched_job_spec *j, struct sched_task_spec *t)
{
	(void)j;
	t[1].name = "a\nb";
}

static void spoil_twice(struct sched_job_spec *j, struct sched_task_spec *t)
{
	(void)j;
	t[1].name = t[0].name;
}

static void spoil_id(struct sched_job_spec *j, struct sched_task_spec *t)
{
	(void)t;
	j->id = "0123456789012345678901234567890123456789012345678901234567890123";
}

static void spoil_id_missing(struct sched_job_spec *j, struct sched_task_spec *t)
{
	(void)t;
	j->id = NULL;
}

static void spoil_job_name(struct sched_job_spec *j, struct sched_task_spec *t)
{
	(void)t;
	j->name = NULL;
}

static void spoil_empty(struct sched_job_spec *j, struct sched_task_spec *t)
{
	(void)t;
	j->n_tasks = 0;
}

static void spoil_exit_with(struct sched_job_spec *j, struct sched_task_spec *t)
{
	(void)t;
	j->exit_with = 3;
}

static void spoil_tries(struct sched_job_spec *j, struct sched_task_spec *t)
{
	(void)j;
	t[2].attempts = 0;
}

static void spoil_backoff(struct sched_job_spec *j, struct sched_task_spec *t)
{
	(void)j;
	t[2].backoff = NAN;
}

static void spoil_delay(struct sched_job_spec *j, struct sched_task_spec *t)
{
	(void)j;
	t[2].delay_ms = -2;
}

static void spoil_walltime(struct sched_job_spec *j, struct sched_task_spec *t)
{
	(void)j;
	t[2].walltime_ms = -1;
}

static void spoil_on_error(struct sched_job_spec *j, struct sched_task_spec *t)
{
	(void)j;
	t[2].on_error = (enum sched_on_error)9;
}

static void spoil_count(struct sched_job_spec *j, struct sched_task_spec *t)
{
	(void)j;
	t[0].count = t[1].count = SCHED_INSTANCES_MAX / 2 + 1;
}

static const struct sched_dep no_such = {.task = 3, .condition = SCHED_DEP_COMPLETED, .required = true};
static const struct sched_dep no_condition = {.task = 0, .condition = (enum sched_condition)7, .required = true};
static const struct sched_dep on_a = {.task = 0, .condition = SCHED_DEP_COMPLETED, .required = true};
static const struct sched_dep on_b = {.task = 1, .condition = SCHED_DEP_STARTED, .required = true};
static const struct sched_dep on_c = {.task = 2, .condition = SCHED_DEP_COMPLETED, .required = false};

static void spoil_dep(struct sched_job_spec *j, struct sched_task_spec *t)
{
	(void)j;
	t[1].deps = &no_such;
	t[1].n_deps = 1;
}

static void spoil_condition(struct sched_job_spec *j, struct sched_task_spec *t)
{
	(void)j;
	t[1].deps = &no_condition;
	t[1].n_deps = 1;
}

static void spoil_self(struct sched_job_spec *j, struct sched_task_spec *t)
{
	(void)j;
	t[0].deps = &on_a;
	t[0].n_deps = 1;
}

static void spoil_cycle(struct sched_job_spec *j, struct sched_task_spec *t)
{
	(void)j;
	t[0].deps = &on_b;
	t[1].deps = &on_c;
	t[2].deps = &on_a;
	t[0].n_deps = t[1].n_deps = t[2].n_deps = 1;
}

static const struct counts many = {.n = SCHED_WANTS_MAX + 1};
static const struct counts no_units = {.list = {{"gpu", 0}}, .n = 1};
static const struct counts too_many = {.list = {{"gpu", COUNTS_N_MAX + 1}}, .n = 1};
static const struct counts no_order = {.list = {{"gpu", 1}, {"fpga", 1}}, .n = 2};

static void spoil_counters(struct sched_job_spec *j, struct sched_task_spec *t)
{
	(void)j;
	t[1].counters = &many;
}

static void spoil_units(struct sched_job_spec *j, struct sched_task_spec *t)
{
	(void)j;
	t[1].counters = &no_units;
}

static void spoil_units_more(struct sched_job_spec *j, struct sched_task_spec *t)
{
	(void)j;
	t[1].counters = &too_many;
}

static void spoil_counters_order(struct sched_job_spec *j, struct sched_task_spec *t)
{
	(void)j;
	t[1].counters = &no_order;
}

static const struct {
	void (*spoil)(struct sched_job_spec *j, struct sched_task_spec *t);
	int code;
	const char *text;
} refusals[] = {
    {spoil_name, -EINVAL, "task number 1"},
    {spoil_control, -EINVAL, "not printable"},
    {spoil_twice, -EINVAL, "task \"a\" is there twice"},
    {spoil_id, -EINVAL, "the job's id"},
    {spoil_id_missing, -EINVAL, "the job's id"},
    {spoil_job_name, -EINVAL, "its name"},
    {spoil_empty, -EINVAL, "has no task"},
    {spoil_exit_with, -EINVAL, "exit_with names task number 3 of 3"},
    {spoil_tries, -EINVAL, "at least one try"},
    {spoil_backoff, -EINVAL, "backoff"},
    {spoil_delay, -EINVAL, "delay of -2 ms"},
    {spoil_walltime, -EINVAL, "walltime of -1 ms"},
    {spoil_on_error, -EINVAL, "unknown on_error"},
    {spoil_count, -E2BIG, "more than 1000000 instances"},
    {spoil_counters, -E2BIG, "9 counters, more than 8"},
    {spoil_units, -EINVAL, "counter number 0"},
    {spoil_units_more, -EINVAL, "counter number 0"},
    {spoil_counters_order, -EINVAL, "counter number 1"},
    {spoil_dep, -EINVAL, "task number 3 of 3"},
    {spoil_condition, -EINVAL, "unknown condition"},
    {spoil_self, -EINVAL, "\"a\" -> \"a\""},
    {spoil_cycle, -EINVAL, "\"a\" -> \"b\" -> \"c\" -> \"a\""},
};

static void test_refusals(void **state)
{
	struct sched *s = sched_new();

	(void)state;
	for (size_t k = 0; k < sizeof refusals / sizeof *refusals; k++) {
		struct sched_task_spec t[3] = {task("a"), task("b"), task("c")};
		struct sched_job_spec j = {.id = "j", .name = "job", .tasks = t, .n_tasks = 3, .exit_with = -1};
		struct sched_event e = {.type = SCHED_EV_JOB_SUBMIT, .job_spec = &j, .now_ms = 5};
		struct sched_actions acts;
		struct err err = ERR_INIT;

		assert_int_equal(sched_check(s, &j, &err), 0);
		refusals[k].spoil(&j, t);
		assert_int_equal(sched_check(s, &j, &err), refusals[k].code);
		if (!strstr(err.text, refusals[k].text))
			fail_msg("\"%s\" does not tell \"%s\"", err.text, refusals[k].text);
		assert_int_equal(sched_step(s, &e, &acts, &err), refusals[k].code);
		assert_int_equal(acts.n, 0);
	}
	sched_free(s);
}

/* ---- malformed events ---- */

static void test_bad_events(void **state)
{
	char long_name[100];
	struct sched_event bad[] = {
	    {.type = (enum sched_event_type)99},
	    {.type = SCHED_EV_NODE_UP},
	    {.type = SCHED_EV_NODE_UP, .node = ""},
	    {.type = SCHED_EV_NODE_UP, .node = long_name},
	    {.type = SCHED_EV_NODE_DOWN},
	    {.type = SCHED_EV_JOB_SUBMIT},
	    {.type = SCHED_EV_JOB_CANCEL},
	    {.type = SCHED_EV_EXPANDED},
	    {.type = SCHED_EV_EXITED, .outcome = (enum sched_outcome)7},
	    {.type = SCHED_EV_STARTED},
	    {.type = SCHED_EV_NODE_UP, .node = "n1", .counters = "gpu x\n"},
	};
	struct sched *s = sched_new();
	size_t n1, n2;
	mem_cleanup char *before = sched_save(s, &n1);
	mem_cleanup char *after = NULL;

	(void)state;
	memset(long_name, 'x', sizeof long_name);
	long_name[sizeof long_name - 1] = 0;
	memset(bad[9].attempt.job, 'x', sizeof bad[9].attempt.job);
	for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
		struct sched_actions acts;
		struct err err = ERR_INIT;

		bad[k].now_ms = 1000;
		assert_int_equal(sched_step(s, &bad[k], &acts, &err), -EINVAL);
		assert_int_equal(err.code, EINVAL);
	}
	after = sched_save(s, &n2);
	assert_string_equal(before, after);
	sched_free(s);
}

/* ---- delays ---- */

static void test_delays(void **state)
{
	static const struct {
		int64_t delay_ms;
		double backoff;
		uint32_t failures;
		int64_t want;
	} rows[] = {
	    {-1, 1, 1, 2000},
	    {-1, 1, 2, 4000},
	    {-1, 1, 3, 7000},
	    {-1, 1, 4, 11000},
	    {-1, 1, 5, 16000},
	    {-1, 1, 6, 22000},
	    {-1, 1, 10, 56000},
	    {-1, 1, 11, 60000},
	    {-1, 1, UINT32_MAX, 60000},
	    {0, 2, 9, 0},
	    {500, 1, 77, 500},
	    {500, 2, 1, 500},
	    {500, 2, 3, 2000},
	    {500, 1.5, 2, 750},
	    {1000, 10, 50, RETRY_MAX_MS},
	    {INT64_MAX, 1, 1, RETRY_MAX_MS},
	    {1, 1e300, 9, RETRY_MAX_MS},
	    {1000, 1.0000001, UINT32_MAX, 1001},
	};

	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		struct task t = {.delay_ms = rows[k].delay_ms, .backoff = rows[k].backoff};

		assert_int_equal(sched_retry_delay(&t, rows[k].failures), rows[k].want);
	}
}

/* ---- names, limits, many ---- */

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(sched_job_state_name(SCHED_JOB_PENDING), "pending");
	assert_string_equal(sched_job_state_name(SCHED_JOB_FAILED), "failed");
	assert_string_equal(sched_job_state_name((enum sched_job_state)99), "unknown");
	assert_string_equal(sched_task_state_name(SCHED_TASK_WAITING), "waiting");
	assert_string_equal(sched_task_state_name(SCHED_TASK_ABORTED), "aborted");
	assert_string_equal(sched_task_state_name((enum sched_task_state)99), "unknown");
	assert_false(sched_job_ended(SCHED_JOB_IN_ERROR));
	assert_true(sched_job_ended(SCHED_JOB_FINISHED));
}

static size_t do_step(struct sched *s, struct sched_event *e)
{
	struct sched_actions acts;
	struct err err = ERR_INIT;

	if (sched_step(s, e, &acts, &err) < 0)
		fail_msg("%s", err.text);
	return acts.n;
}

/* A million instances wait in memory that does not depend on them; a start then costs the same as ever. */
static void test_million(void **state)
{
	struct sched *s = sched_new();
	struct sched_task_spec t = task("many");
	struct sched_job_spec j = {.id = "j", .name = "job", .tasks = &t, .n_tasks = 1, .exit_with = -1};
	struct sched_event node = {.type = SCHED_EV_NODE_UP, .node = "n", .node_slots = 3};
	struct sched_event submit = {.type = SCHED_EV_JOB_SUBMIT, .job_spec = &j};
	struct sched_event exit = {.type = SCHED_EV_EXITED, .attempt = {.job = "j", .epoch = 1}};
	struct sched_event cancel = {.type = SCHED_EV_JOB_CANCEL, .job = "j"};
	struct sched_task_view v;
	size_t n;

	(void)state;
	t.count = SCHED_INSTANCES_MAX;
	do_step(s, &node);
	assert_int_equal(do_step(s, &submit), 3);
	for (uint32_t k = 0; k < 1000; k++) {
		exit.attempt.index = k;
		assert_int_equal(do_step(s, &exit), 1);
	}
	assert_int_equal(sched_task_view(s, "j", 0, &v), 0);
	assert_int_equal(v.counts[SCHED_TASK_FINISHED], 1000);
	assert_int_equal(v.counts[SCHED_TASK_PENDING], SCHED_INSTANCES_MAX - 1003);
	/* Only what has started is in the snapshot. */
	free(sched_save(s, &n));
	assert_true(n < 1003 * 120);
	assert_int_equal(do_step(s, &cancel), 3);
	for (uint32_t k = 1000; k < 1003; k++) {
		exit.attempt.index = k;
		do_step(s, &exit);
	}
	assert_int_equal(sched_task_view(s, "j", 0, &v), 0);
	assert_int_equal(v.counts[SCHED_TASK_SKIPPED], SCHED_INSTANCES_MAX - 1003);
	assert_int_equal(v.state, SCHED_TASK_ABORTED);
	sched_free(s);
}

/* The longest chain: the end of the first skips ten thousand tasks without recursion. */
static void test_long_chain(void **state)
{
	struct sched *s = sched_new();
	struct sched_task_spec *t = mem_new_n(struct sched_task_spec, SCHED_TASKS_MAX + 1);
	struct sched_dep *d = mem_new_n(struct sched_dep, SCHED_TASKS_MAX + 1);
	char(*names)[16] = mem_zalloc(SCHED_TASKS_MAX + 1, 16);
	struct sched_job_spec j = {.id = "j", .name = "job", .tasks = t, .n_tasks = SCHED_TASKS_MAX, .exit_with = -1};
	struct sched_event node = {.type = SCHED_EV_NODE_UP, .node = "n", .node_slots = 3};
	struct sched_event submit = {.type = SCHED_EV_JOB_SUBMIT, .job_spec = &j};
	struct sched_event exit = {.type = SCHED_EV_EXITED, .attempt = {.job = "j", .epoch = 1}};
	struct sched_job_view v;
	struct err err = ERR_INIT;

	(void)state;
	for (uint32_t k = 0; k <= SCHED_TASKS_MAX; k++) {
		snprintf(names[k], sizeof names[k], "t%u", k);
		t[k] = task(names[k]);
		d[k] = (struct sched_dep){.task = k - 1, .condition = SCHED_DEP_HEALTHY, .required = true};
		t[k].deps = &d[k];
		t[k].n_deps = k > 0;
	}
	t[0].healthcheck = true;
	j.n_tasks = SCHED_TASKS_MAX + 1;
	assert_int_equal(sched_check(s, &j, &err), -E2BIG);
	j.n_tasks = SCHED_TASKS_MAX;
	do_step(s, &node);
	do_step(s, &submit);
	assert_int_equal(do_step(s, &exit), 1);
	assert_int_equal(sched_job_view(s, "j", &v), 0);
	assert_int_equal(v.counts[SCHED_TASK_SKIPPED], SCHED_TASKS_MAX - 1);
	assert_int_equal(sched_invariants(s, &err), 0);
	sched_free(s);
	free(t);
	free(d);
	free(names);
}

/* Requests at the largest numbers do not overflow into a fit. */
static void test_large_requests(void **state)
{
	struct sched *s = sched_new();
	struct sched_task_spec t[2] = {task("slots"), task("memory")};
	struct sched_job_spec j = {.id = "j", .name = "job", .tasks = t, .n_tasks = 2, .exit_with = -1};
	struct sched_event node = {.type = SCHED_EV_NODE_UP,
				   .node = "n",
				   .node_slots = UINT32_MAX,
				   .node_memory = UINT64_MAX,
				   .node_cpu_milli = UINT64_MAX};
	struct sched_event submit = {.type = SCHED_EV_JOB_SUBMIT, .job_spec = &j, .now_ms = INT64_MAX - 3};
	struct sched_event started = {.type = SCHED_EV_STARTED, .attempt = {.job = "j", .epoch = 1}};
	struct err err = ERR_INIT;

	(void)state;
	t[0].slots = UINT32_MAX;
	t[0].count = 2;
	t[0].walltime_ms = INT64_MAX;
	t[1].memory = UINT64_MAX;
	t[1].slots = 0;
	t[1].count = 2;
	do_step(s, &node);
	assert_int_equal(do_step(s, &submit), 2);
	assert_int_equal(do_step(s, &started), 0);
	assert_true(sched_next_ms(s) > 0 && sched_next_ms(s) < INT64_MAX);
	assert_int_equal(sched_invariants(s, &err), 0);
	sched_free(s);
}

static void test_why_is_cut(void **state)
{
	struct sched *s = NULL;
	char text[8];

	(void)state;
	free(story_play("submit a: x\n", &s));
	sched_why(s, "a", 0, 0, text, sizeof text);
	assert_string_equal(text, "no node");
	sched_why(s, "a", 0, 0, text, 0);
	sched_why(s, "nobody", 0, 0, text, sizeof text);
	assert_string_equal(text, "");
	sched_why(s, "a", 77, 0, text, sizeof text);
	assert_string_equal(text, "");
	sched_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refusals),	   cmocka_unit_test(test_bad_events), cmocka_unit_test(test_delays),
	    cmocka_unit_test(test_names),	   cmocka_unit_test(test_million),    cmocka_unit_test(test_long_chain),
	    cmocka_unit_test(test_large_requests), cmocka_unit_test(test_why_is_cut),
	};

	return cmocka_run_group_tests_name("sched/check", tests, NULL, NULL);
}
