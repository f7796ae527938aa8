/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/server/jobspec.h"
#include "cluster/server/server.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "cluster/server/container.h"
#include "cluster/server/event.h"
#include "cluster/server/jobspec_data.h"
#include "cluster/server/jobspec_probe.h"

#include "base/core/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A job and what is wrong with it; the text must be part of the error. */
static const struct {
	const char *json, *error;
} refused[] = {
    {"[]", "a job is a JSON object"},
    {"{", "is not valid JSON"},
    {"{}", "name is missing"},
    {"{\"name\":\"A\"}", "is not a job name"},
    {"{\"name\":\"../x\"}", "is not a job name"},
    {"{\"name\":\"a\"}", "services is missing"},
    {"{\"name\":\"a\",\"services\":{}}", "a list is needed"},
    {"{\"name\":\"a\",\"services\":[]}", "has no services"},
    {"{\"name\":\"a\",\"services\":[1]}", "a list of objects is needed"},
    {"{\"name\":\"a\",\"services\":[{}]}", "name is missing"},
    {"{\"name\":\"a\",\"wrong\":1,\"services\":[]}", "unknown key \"wrong\""},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"imgae\":\"b\"}]}", "services.x: unknown key \"imgae\""},
    {"{\"name\":\"a\",\"file\":\"f.yaml\",\"services\":[{\"name\":\"x\",\"line\":7,\"column\":3,\"kind\":\"pod\"}]}",
     "f.yaml:7:3: services.x: kind: \"pod\" is not known"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\"},{\"name\":\"x\"}]}", "two services \"x\""},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"count\":-1}]}", "count: -1 is not within"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"count\":\"3\"}]}", "count: a whole number is needed"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"backoff\":0.5}]}", "backoff: 0.5 is not within"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"attempts\":0}]}", "attempts: 0 is not within"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"items\":[1]}]}", "items: a list of strings is needed"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"depends_on\":[{\"service\":\"y\"}]}]}",
     "there is no service \"y\""},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"depends_on\":[1]}]}", "a list of objects is needed"},
    {"{\"name\":\"a\",\"exit_with\":\"y\",\"services\":[{\"name\":\"x\"}]}", "exit_with: there is no service \"y\""},
    {"{\"name\":\"a\",\"file\":\"f.yaml\",\"services\":[{\"name\":\"x\",\"line\":7,\"column\":3,\"select\":\"coers > "
     "1\"}]}",
     "f.yaml:7:3: services.x: select: nothing is known of nodes by this name"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"slots\":0,\"bind\":\"cores\"}]}", "bind: at least one slot"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"counters\":[]}]}", "counters: an object of names and numbers"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"counters\":{\"gpu\":0}}]}",
     "counters.gpu: a whole number from 1"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"counters\":{\"gpu\":1025}}]}", "counters: counter \"gpu\": 1025"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"counters\":{\"g u\":1}}]}", "counters: \"g u\" is no name"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"counters\":{\"gpu\":1,\"gpu\":1}}]}",
     "counters.gpu is there twice"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"near\":{}}]}", "near: a list of objects is needed"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"near\":[7]}]}", "near: a list of objects is needed"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"apart\":[{}]}]}", "apart: to is missing"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"apart\":[{\"to\":\"x\",\"weight\":-1}]}]}", "weight: -1 is not"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"spread_over\":[1]}]}", "spread_over: a list of strings"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"spread_over\":[1,2,3,4,5]}]}",
     "spread_over: a list of at most 4"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"on_error\":\"explode\"}]}", "on_error: \"explode\" is not known"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"warn\":1}]}", "warn: an object"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"warn\":{\"signal\":9}}]}", "no program can take SIGKILL"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"warn\":{\"signal\":65}}]}", "signal: 65 is not within"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"warn\":{\"signal\":10}}]}", "there is no end to warn of"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"walltime_ms\":1000,\"warn\":{\"signal\":10,\"before_ms\":1000}}]"
     "}",
     "before is 1 s, and the walltime 1 s"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"probe\":\"df\"}]}", "probe: an object"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"probe\":{\"command\":[]}}]}", "probe: command: a list of words"},
    {"{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"probe\":{\"command\":[\"x\"],\"timeout_ms\":60001}}]}",
     "60001 is not within"},
};

/* What it may see and do, and that tasks with the same share their answers. */
static void test_probe(void **state)
{
	static const char job[] =
	    "{\"name\":\"a\",\"services\":["
	    "{\"name\":\"x\",\"image\":\"b\",\"user\":\"5\",\"environment\":[\"SECRET=1\"],\"files\":[],\"mounts\":["
	    "{\"type\":\"bind\",\"source\":\"/s\",\"target\":\"/s\",\"read_only\":false,\"create\":true},"
	    "{\"type\":\"volume\",\"source\":\"v\",\"target\":\"/v\"}],\"probe\":{\"command\":[\"df\"]}},"
	    "{\"name\":\"y\",\"image\":\"b\",\"user\":\"5\",\"mounts\":["
	    "{\"type\":\"bind\",\"source\":\"/s\",\"target\":\"/s\"}],\"probe\":{\"command\":[\"df\"]}},"
	    "{\"name\":\"z\",\"image\":\"c\",\"user\":\"5\",\"probe\":{\"command\":[\"df\"]}}]}";
	struct jobspec *j = NULL;
	struct err err = ERR_INIT;
	mem_cleanup char *text = NULL;
	uint32_t timeout_ms = 0;

	(void)state;
	assert_int_equal(jobspec_parse(job, strlen(job), "a-1", &(struct server_user){.uid = 0}, false, &j, &err), 0);
	text = jobspec_probe_container(yyjson_arr_get(j->services, 0), &timeout_ms);
	assert_string_equal(
	    text, "{\"image\":\"b\",\"user\":\"5\",\"entrypoint\":[],\"command\":[\"df\"],\"mounts\":["
		  "{\"type\":\"bind\",\"source\":\"/s\",\"target\":\"/s\",\"read_only\":true,\"create\":false}],"
		  "\"read_only\":true,\"network_mode\":\"none\",\"cap_drop\":[\"ALL\"],"
		  "\"log\":{\"max_size\":65536,\"max_files\":1}}");
	assert_int_equal(timeout_ms, 10000);
	assert_string_equal(j->tasks[0].probe, j->tasks[1].probe);
	assert_string_not_equal(j->tasks[0].probe, j->tasks[2].probe);
	assert_int_equal(j->tasks[0].probe_age_ms, 600000);
	jobspec_free(j);
}

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct jobspec *j = NULL;
		struct err err = ERR_INIT;

		assert_true(jobspec_parse(refused[i].json, strlen(refused[i].json), "a-1",
					  &(struct server_user){.uid = 0}, false, &j, &err) < 0);
		assert_null(j);
		if (!strstr(err.text, refused[i].error))
			fail_msg("row %zu: \"%s\" is not in \"%s\"", i, refused[i].error, err.text);
	}
}

static const char whole[] =
    "{\"name\":\"words\",\"file\":\"c.yaml\",\"spaces\":[{\"name\":\"input\",\"path\":\"/srv/"
    "in\"},{\"name\":\"work\"}],\"services\":["
    "{\"name\":\"split\",\"image\":\"busybox\",\"stage_in\":[{\"space\":\"input\",\"include\":[\"*.txt\"]}]},"
    "{\"name\":\"map\",\"image\":\"busybox\",\"environment\":[\"A=b\"],\"over\":{\"space\":\"work\",\"glob\":\"parts/"
    "*\"},"
    "\"depends_on\":[{\"service\":\"split\",\"condition\":\"completed\"}],\"attempts\":3,\"delay_ms\":5,"
    "\"stage_in\":[{\"space\":\"work\",\"include\":[\"{item}\"]}],"
    "\"stage_out\":[{\"space\":\"work\",\"include\":[\"counts\"],\"to\":\"counts/{index}-of-{count}\"},"
    "{\"space\":\"user\",\"include\":[\"x\"]}]}]}";

static struct jobspec *parse(void)
{
	struct jobspec *j = NULL;
	struct err err = ERR_INIT;

	if (jobspec_parse(whole, strlen(whole), "words-1", &(struct server_user){.uid = 1000}, false, &j, &err) < 0)
		fail_msg("%s", err.text);
	return j;
}

static void test_for_scheduler(void **state)
{
	struct jobspec *j = parse();

	(void)state;
	assert_int_equal(j->sched.n_tasks, 2);
	assert_string_equal(j->sched.id, "words-1");
	assert_int_equal(j->tasks[0].slots, 1);
	assert_int_equal(j->tasks[0].attempts, 1);
	assert_int_equal(j->tasks[0].on_error, SCHED_ON_ERROR_CANCEL);
	assert_true(j->tasks[1].expand);
	assert_int_equal(j->tasks[1].attempts, 3);
	assert_int_equal(j->tasks[1].delay_ms, 5);
	assert_int_equal(j->tasks[1].n_deps, 1);
	assert_int_equal(j->tasks[1].deps[0].task, 0);
	assert_int_equal(j->tasks[1].deps[0].condition, SCHED_DEP_COMPLETED);
	assert_true(j->tasks[1].deps[0].required);
	jobspec_free(j);
}

/* What it reads that may lie on some nodes already; its own spaces are called by its ID. */
static void test_data(void **state)
{
	static const char job[] = "{\"name\":\"a\",\"spaces\":[{\"name\":\"in\",\"path\":\"/"
				  "srv\"},{\"name\":\"w\"}],\"services\":[{\"name\":\"x\",\"mounts\":["
				  "{\"type\":\"bind\",\"source\":\"/s\",\"target\":\"/"
				  "s\"},{\"type\":\"volume\",\"source\":\"db\",\"target\":\"/v\"},"
				  "{\"type\":\"volume\",\"source\":\"db\",\"target\":\"/"
				  "w\"}],\"stage_in\":[{\"space\":\"in\"},{\"space\":\"w\"},"
				  "{\"space\":\"user\"},{\"space\":\"global\"}]},{\"name\":\"y\"}]}";
	static const char *const want[] = {"volume.db", "space.job/a-1/w", "space.user/7", "space.global"};
	struct jobspec *j = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(jobspec_parse(job, strlen(job), "a-1", &(struct server_user){.uid = 7}, false, &j, &err), 0);
	assert_int_equal(j->tasks[0].n_data, 4);
	for (size_t k = 0; k < 4; k++)
		assert_string_equal(j->tasks[0].data[k], want[k]);
	assert_int_equal(j->tasks[1].n_data, 0);
	assert_true(j->tasks[0].home);
	assert_false(j->tasks[1].home);
	snprintf(j->id, sizeof j->id, "a-2");
	jobspec_data_read(j);
	assert_string_equal(j->tasks[0].data[1], "space.job/a-2/w");
	jobspec_free(j);
}

/* Placeholders, environment, names, and the paths of the three kinds of spaces. */
static void test_container(void **state)
{
	struct jobspec *j = parse();
	struct sched_attempt_id a = {.job = "words-1", .task = 1, .index = 1, .epoch = 2};
	mem_cleanup char *text = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(jobspec_set_items(j, 1, "[\"parts/a\",\"parts/b[1]*\"]", &err), 2);
	assert_int_equal(container_json(j, &a, "/var/s", false, &text, &err), 0);
	assert_string_equal(
	    text, "{\"image\":\"busybox\",\"key\":\"words-1/1/1/"
		  "2\",\"name\":\"words-1-map-1-try2\",\"job\":\"words-1\",\"task\":\"map\",\"index\":1,"
		  "\"epoch\":2,\"labels\":{\"io.berth.owner\":\"1000\"},\"environment\":[\"A=b\",\"BERTH_JOB=words-1\","
		  "\"BERTH_TASK=map\",\"BERTH_INDEX=1\","
		  "\"BERTH_COUNT=2\","
		  "\"BERTH_ITEM=parts/"
		  "b[1]*\",\"BERTH_ATTEMPT=2\"],\"stage_in\":[{\"space\":\"work\",\"include\":[\"parts/b[[]1][*]\"],"
		  "\"exclude\":[]}],\"stage_out\":[{\"space\":\"work\",\"include\":[\"counts\"],\"exclude\":[],\"to\":"
		  "\"counts/1-of-2\"},"
		  "{\"space\":\"user\",\"include\":[\"x\"],\"exclude\":[]}],\"spaces\":[{\"name\":\"work\",\"path\":\"/"
		  "var/s/job/words-1/work\"},"
		  "{\"name\":\"user\",\"path\":\"/var/s/user/1000\"}]}");
	jobspec_free(j);
}

/* A long name in many patterns: neither the server's memory nor a message has room for what that would be. */
static void test_container_too_long(void **state)
{
	static const struct {
		size_t patterns, words; /* words in each */
		int result;
	} rows[] = {{10, 10, 0}, {300, 16, -E2BIG}, {1, 17, -E2BIG}};
	mem_cleanup char *item = mem_zalloc(1, 4001);
	struct err err = ERR_INIT;

	(void)state;
	memset(item, 'i', 4000);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct sched_attempt_id a = {.job = "a-1", .epoch = 1};
		buf_cleanup struct buf job = BUF_INIT;
		mem_cleanup char *text = NULL;
		struct jobspec *j = NULL;

		buf_printf(&job,
			   "{\"name\":\"a\",\"services\":[{\"name\":\"x\",\"items\":[\"%s\"],\"stage_in\":"
			   "[{\"space\":\"user\",\"include\":[",
			   item);
		for (size_t k = 0; k < rows[i].patterns; k++) {
			buf_adds(&job, k ? ",\"" : "\"");
			for (size_t w = 0; w < rows[i].words; w++)
				buf_adds(&job, "{item}");
			buf_adds(&job, "\"");
		}
		buf_adds(&job, "]}]}]}");
		assert_int_equal(
		    jobspec_parse(job.data, job.len, "a-1", &(struct server_user){.uid = 7}, false, &j, &err), 0);
		assert_int_equal(container_json(j, &a, "/var/s", false, &text, &err), rows[i].result);
		jobspec_free(j);
	}
}

static void test_over(void **state)
{
	struct jobspec *j = parse();
	mem_cleanup char *path = NULL, *glob = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(container_over(j, 1, "/var/s", &path, &glob, &err), 0);
	assert_string_equal(path, "/var/s/job/words-1/work");
	assert_string_equal(glob, "parts/*");
	assert_int_equal(container_over(j, 0, "/var/s", &path, &glob, &err), -EINVAL);
	jobspec_free(j);
}

static void test_stored(void **state)
{
	static const struct {
		struct server_user user;
		const char *owner;
	} rows[] = {{{.uid = 1000, .confined = true}, "1000"},
		    {{.uid = UINT32_MAX, .owner = "cert:\"ci\"", .confined = true}, "cert:\"ci\""}};
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct jobspec *given = NULL, *j = NULL;
		mem_cleanup char *stored = NULL;
		size_t len;

		assert_int_equal(jobspec_parse(whole, strlen(whole), "words-1", &rows[i].user, false, &given, &err), 0);
		stored = jobspec_stored(given, whole, strlen(whole), &len);
		assert_int_equal(jobspec_load(stored, len, "words-1", &j, &err), 0);
		assert_true(j->confined);
		assert_int_equal(j->uid, rows[i].user.uid);
		assert_string_equal(j->owner, rows[i].owner);
		assert_string_equal(j->sched.tenant, rows[i].owner);
		assert_string_equal(j->name, "words");
		jobspec_free(given);
		jobspec_free(j);
	}
}

/* Every kind of event comes back as it was written. */
static void test_events(void **state)
{
	const struct sched_attempt_id a = {.job = "j-1", .task = 2, .index = 3, .epoch = 4};
	const struct sched_event events[] = {
	    {.type = SCHED_EV_NODE_UP, .node = "n\"1", .node_slots = 8, .node_cpu_milli = 8000, .node_memory = 1 << 30},
	    {.type = SCHED_EV_NODE_DOWN, .node = "n1"},
	    {.type = SCHED_EV_JOB_SUBMIT, .job = "j-1"},
	    {.type = SCHED_EV_JOB_CANCEL, .job = "j-1"},
	    {.type = SCHED_EV_JOB_PAUSE, .job = "j-1"},
	    {.type = SCHED_EV_RESTART, .job = "j-1", .task = 2, .index = 3},
	    {.type = SCHED_EV_FINISH, .job = "j-1", .task = 2, .index = 3},
	    {.type = SCHED_EV_FINISH, .job = "j-1", .task = 2, .index = 3, .as = SCHED_AS_FAILED, .waiting = true},
	    {.type = SCHED_EV_FINISH, .job = "j-1", .task = 2, .index = SCHED_ALL, .waiting = true},
	    {.type = SCHED_EV_RESTART, .job = "j-1", .task = 2, .index = SCHED_ALL},
	    {.type = SCHED_EV_EXPANDED, .job = "j-1", .task = 2, .count = 9},
	    {.type = SCHED_EV_EXPANDED, .job = "j-1", .task = 2, .error = "no \x01 way"},
	    {.type = SCHED_EV_STARTED, .attempt = a},
	    {.type = SCHED_EV_HEALTH, .attempt = a, .healthy = true},
	    {.type = SCHED_EV_EXITED,
	     .attempt = a,
	     .outcome = SCHED_OUT_LOST,
	     .exit_code = -1,
	     .oom = true,
	     .error = "gone"},
	    {.type = SCHED_EV_TIME},
	};

	(void)state;
	for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
		buf_cleanup struct buf first = BUF_INIT, second = BUF_INIT;
		const char *kind = event_kind(events[i].type);
		struct sched_event back;
		yyjson_doc *doc = NULL;
		struct err err = ERR_INIT;

		event_encode(&events[i], NULL, &first);
		if (event_decode(kind, first.data, first.len, 77, &back, &doc, &err) != 0)
			fail_msg("%s: %s", kind, err.text);
		assert_int_equal(back.type, events[i].type);
		assert_int_equal(back.now_ms, 77);
		event_encode(&back, NULL, &second);
		assert_string_equal(first.data, second.data);
		yyjson_doc_free(doc);
	}
}

static void test_damaged_events(void **state)
{
	static const char *const rows[][2] = {
	    {"exited", "{}"}, {"exited", "["}, {"started", "{\"job\":1}"}, {"nonsense", "{}"}, {"node_up", "[]"}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct sched_event back;
		yyjson_doc *doc = NULL;
		struct err err = ERR_INIT;

		assert_true(event_decode(rows[i][0], rows[i][1], strlen(rows[i][1]), 0, &back, &doc, &err) < 0);
		assert_null(doc);
		assert_true(err.text[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_probe),
	    cmocka_unit_test(test_data),
	    cmocka_unit_test(test_for_scheduler),
	    cmocka_unit_test(test_container),
	    cmocka_unit_test(test_over),
	    cmocka_unit_test(test_container_too_long),
	    cmocka_unit_test(test_stored),
	    cmocka_unit_test(test_events),
	    cmocka_unit_test(test_damaged_events),
	};

	return cmocka_run_group_tests_name("jobspec", tests, NULL, NULL);
}
