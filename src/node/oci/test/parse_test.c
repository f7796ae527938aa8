/* SPDX-License-Identifier: Apache-2.0 */
/* What the options of kill, exec and events say. */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/oci/events.h"
#include "node/oci/process.h"
#include "base/core/signal_name.h"
#include "node/runtime/cgroup_box.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_signals(void **state)
{
	static const struct {
		const char *text;
		int number;
	} rows[] = {{"9", 9},
		    {"KILL", SIGKILL},
		    {"SIGKILL", SIGKILL},
		    {"sigterm", SIGTERM},
		    {"int", SIGINT},
		    {"0", 0},
		    {"64", 64},
		    {"65", -EINVAL},
		    {"-1", -EINVAL},
		    {"", -EINVAL},
		    {"SIG", -EINVAL},
		    {"KILLX", -EINVAL},
		    {"9 ", -EINVAL},
		    {"099", -EINVAL},
		    {"IOT", -EINVAL},
		    {"RTMIN", 34},
		    {"RTMIN+1", 35},
		    {"SIGRTMAX", 64},
		    {"RTMAX-3", 61},
		    {"RTMIN-1", -EINVAL},
		    {"RTMIN+31", -EINVAL}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (signal_number(rows[i].text, NULL) != rows[i].number)
			fail_msg("\"%s\" should be %d", rows[i].text, rows[i].number);
	}
}

/* Attack row R11: never 0 by overflow, never a name. */
static void test_users(void **state)
{
	static const struct {
		const char *text;
		int r;
		unsigned uid, gid;
	} rows[] = {{"0", 0, 0, 7},
		    {"1000:100", 0, 1000, 100},
		    {"4294967294", 0, 4294967294U, 7},
		    {"4294967295", -EINVAL, 5, 7},
		    {"4294967296", -EINVAL, 5, 7},
		    {"18446744073709551616", -EINVAL, 5, 7},
		    {"0x0", -EINVAL, 5, 7},
		    {"-1", -EINVAL, 5, 7},
		    {"1000:", -EINVAL, 5, 7},
		    {":", -EINVAL, 5, 7},
		    {":5", -EINVAL, 5, 7},
		    {"", -EINVAL, 5, 7},
		    {"root", -EINVAL, 5, 7},
		    {"1 ", -EINVAL, 5, 7},
		    {"1\n", -EINVAL, 5, 7},
		    {"1:2:3", -EINVAL, 5, 7}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uid_t uid = 5;
		gid_t gid = 7;

		if (oci_user_parse(rows[i].text, &uid, &gid, NULL) != rows[i].r)
			fail_msg("\"%s\" should give %d", rows[i].text, rows[i].r);
		assert_int_equal(uid, rows[i].uid);
		assert_int_equal(gid, rows[i].gid);
	}
}

static void test_cgroups(void **state)
{
	static const struct {
		const char *args[3];
		int r;
		const char *path;
	} rows[] = {{{NULL}, 0, ""},
		    {{"sub"}, 0, "sub"},
		    {{"memory:sub"}, 0, "sub"},
		    {{"memory:a/b", "cpu,cpuacct:a/b"}, 0, "a/b"},
		    {{"memory:a", "cpu:b"}, -ENOTSUP, NULL},
		    {{":a"}, -EINVAL, NULL}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *path = NULL;

		assert_int_equal(oci_cgroup_parse((char *const *)rows[i].args, &path, NULL), rows[i].r);
		if (rows[i].path)
			assert_string_equal(path, rows[i].path);
	}
}

static void test_stats(void **state)
{
	const struct cgroup_stats s = {.cpu_total_ns = 5,
				       .cpu_user_ns = 3,
				       .cpu_kernel_ns = RT_UNSET,
				       .cpu_periods = RT_UNSET,
				       .cpu_throttled = 0,
				       .cpu_throttled_ns = 9,
				       .memory_usage = 100,
				       .memory_peak = 200,
				       .memory_limit = -1,
				       .memory_failures = RT_UNSET,
				       .memory_cache = 1,
				       .swap_usage = RT_UNSET,
				       .swap_limit = 300,
				       .kernel_usage = RT_UNSET,
				       .oom_kills = 2,
				       .pids = 4,
				       .pids_limit = -1};
	mem_cleanup char *text = oci_stats_json("one", &s);

	(void)state;
	assert_string_equal(
	    text,
	    "{\"type\":\"stats\",\"id\":\"one\",\"data\":{\"cpu\":{\"usage\":{\"total\":5,\"kernel\":0,\"user\":3},"
	    "\"throttling\":{\"throttledTime\":9}},\"memory\":{\"cache\":1,\"usage\":{\"limit\":18446744073709551615,"
	    "\"usage\":100,\"max\":200,\"failcnt\":0},\"swap\":{\"limit\":300,\"failcnt\":0},\"kernel\":{\"limit\":0,"
	    "\"failcnt\":0},\"raw\":{\"oom_kill\":2}},\"pids\":{\"current\":4},\"blkio\":{},\"hugetlb\":{},"
	    "\"intel_rdt\":{},\"network_interfaces\":null}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_signals),
	    cmocka_unit_test(test_users),
	    cmocka_unit_test(test_cgroups),
	    cmocka_unit_test(test_stats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
