/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/source/source_spec.h"

#include "base/core/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct source_spec *good(const char *json)
{
	struct source_spec *s = NULL;
	struct err err = ERR_INIT;

	if (source_spec_parse(json, strlen(json), &s, &err) < 0)
		fail_msg("%s: %s", json, err.text);
	return s;
}

static void test_defaults(void **state)
{
	struct source_spec *s = good("{\"name\":\"l\",\"kind\":\"local\",\"max\":3}");

	(void)state;
	assert_int_equal(s->policy.kind, SOURCE_POLICY_STATIC);
	assert_int_equal(s->policy.nodes, 3);
	assert_int_equal(s->slots, 1);
	assert_int_equal(source_spec_limit(s), 3);
	source_spec_free(s);
	s = good("{\"name\":\"h\",\"kind\":\"ssh\",\"hosts\":[\"a\",\"root@b:22\"],\"policy\":{\"kind\":\"idle\"}}");
	assert_int_equal(source_spec_limit(s), 2);
	assert_int_equal(s->policy.idle_ms, 300000);
	assert_string_equal(s->ssh, "ssh");
	source_spec_free(s);
	s = good("{\"name\":\"own\",\"kind\":\"static\",\"nodes\":[\"n1\"]}");
	assert_int_equal(source_spec_limit(s), 1);
	source_spec_free(s);
}

static void test_values(void **state)
{
	struct source_spec *s =
	    good("{\"name\":\"spot-1\",\"kind\":\"command\",\"command\":[\"/bin/"
		 "x\",\"-v\"],\"min\":1,\"max\":9,\"order\":-5,"
		 "\"counters\":{\"gpu\":2},\"price\":0.08,\"zone\":\"eu-1a\",\"slots\":4,\"memory\":\"1.5g\","
		 "\"timeout\":\"90s\",\"policy\":{"
		 "\"kind\":\"times\",\"nodes\":1,\"drain\":\"1h\",\"times\":[{\"days\":\"fri-mon\",\"from\":\"08:30\","
		 "\"to\":"
		 "\"24:00\",\"nodes\":5},{\"from\":\"00:00\",\"to\":\"01:00\",\"nodes\":2}]}}");

	(void)state;
	assert_int_equal(s->order, -5);
	assert_true(s->price > 0.079 && s->price < 0.081);
	assert_true(s->memory == 3ull << 29);
	assert_int_equal(s->timeout_ms, 90000);
	assert_int_equal(counts_get(&s->counters, "gpu"), 2);
	assert_string_equal(s->command[1], "-v");
	assert_int_equal(s->policy.times[0].days, 0x63);
	assert_int_equal(s->policy.times[0].from, 510);
	assert_int_equal(s->policy.times[0].to, 0);
	assert_int_equal(s->policy.times[1].days, 0x7f);
	assert_int_equal(s->policy.drain_ms, 3600000);
	source_spec_free(s);
}

#define LOCAL "{\"name\":\"l\",\"kind\":\"local\",\"max\":3,"

static void test_errors(void **state)
{
	static const struct {
		const char *json, *says;
	} rows[] = {
	    {"[]", "a map is needed"},
	    {"{\"kind\":\"local\"}", "name: this key is needed"},
	    {"{\"name\":\"-a\",\"kind\":\"local\"}", "name: a name of"},
	    {"{\"name\":\"A\",\"kind\":\"local\"}", "name: a name of"},
	    {"{\"name\":\"a\",\"kind\":\"cloud\"}", "kind: one of these is needed: static, local, ssh, command"},
	    {"{\"name\":\"a\",\"kind\":\"local\"}", "max: a source of the kind local needs this key"},
	    {LOCAL "\"maxx\":3}", "maxx: unknown key"},
	    {LOCAL "\"min\":4}", "min: 4 is more than the 3 nodes"},
	    {LOCAL "\"min\":-1}", "min: a whole number"},
	    {LOCAL "\"hosts\":[\"a\"]}", "hosts: a source of the kind local has no such key"},
	    {LOCAL "\"timeout\":\"5\"}", "timeout: a time"},
	    {LOCAL "\"timeout\":\"31d\"}", "timeout: a time"},
	    {LOCAL "\"memory\":\"4x\"}", "memory: a size"},
	    {LOCAL "\"counters\":[\"gpu\"]}", "counters: an object of names and numbers"},
	    {LOCAL "\"counters\":{\"gpu\":-1}}", "counters: an object of names and numbers"},
	    {LOCAL "\"counters\":{\"gpu\":1025}}", "counters: counter \"gpu\": 1025 units"},
	    {LOCAL "\"counters\":{\"a b\":1}}", "counters: \"a b\" is no name"},
	    {LOCAL "\"parallel\":0}", "parallel: at least 1"},
	    {LOCAL "\"policy\":{}}", "policy: kind: this key is needed"},
	    {LOCAL "\"policy\":{\"kind\":\"times\"}}", "policy.times: the policy times needs this key"},
	    {LOCAL "\"policy\":{\"kind\":\"idle\",\"low\":1}}", "policy.low: the policy idle has no such key"},
	    {LOCAL "\"policy\":{\"kind\":\"load\",\"low\":2,\"high\":1}}", "policy.low: 2 is not below policy.high, 1"},
	    {LOCAL "\"policy\":{\"kind\":\"formula\",\"formula\":\"queued +\"}}",
	     "policy: formula: a number or a name"},
	    {LOCAL "\"policy\":{\"kind\":\"times\",\"times\":[{\"from\":\"8:00\",\"to\":\"09:00\",\"nodes\":1}]}}",
	     "policy: times: 0: from: a time of the day"},
	    {LOCAL "\"policy\":{\"kind\":\"times\",\"times\":[{\"days\":\"mon-\",\"from\":\"08:00\",\"to\":\"09:00\","
		   "\"nodes\":1}]}}",
	     "days: days like"},
	    {LOCAL "\"policy\":{\"kind\":\"cron\",\"cron\":[{\"at\":\"61 * * * *\",\"nodes\":1}]}}",
	     "policy: cron: 0: at: "},
	    {LOCAL "\"policy\":{\"kind\":\"times\",\"time_zone\":\"Mars/Base\"}}", "policy: time_zone: "},
	    {"{\"name\":\"a\",\"kind\":\"command\",\"max\":1,\"command\":[\"x\"]}", "command.0: the absolute path"},
	    {"{\"name\":\"a\",\"kind\":\"ssh\",\"hosts\":[\"-oProxyCommand=x\"]}", "hosts.0: [USER@]HOST[:PORT]"},
	    {"{\"name\":\"a\",\"kind\":\"ssh\",\"hosts\":[\"a b\"]}", "hosts.0: [USER@]HOST[:PORT]"},
	    {"{\"name\":\"a\",\"kind\":\"ssh\",\"hosts\":[\"a\"],\"dir\":\"/x'y\"}", "dir: an absolute path"},
	    {"{\"name\":\"a\",\"kind\":\"static\",\"nodes\":[\"n\",\"n\"]}", "nodes.1: \"n\" stands there twice"},
	    {"{\"name\":\"a\",\"kind\":\"static\",\"nodes\":[]}", "nodes: a list of 1 to 10000"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct source_spec *s = NULL;
		struct err err = ERR_INIT;

		if (source_spec_parse(rows[i].json, strlen(rows[i].json), &s, &err) >= 0 ||
		    !strstr(err.text, rows[i].says))
			fail_msg("%s: %s", rows[i].json, err.text);
		assert_null(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_defaults), cmocka_unit_test(test_values),
					   cmocka_unit_test(test_errors)};

	return cmocka_run_group_tests_name("spec", tests, NULL, NULL);
}
