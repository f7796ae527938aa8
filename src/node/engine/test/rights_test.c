/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/rights.h"

#include "base/core/err.h"
#include "base/wire/json.h"
#include "node/engine/spec_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_opens(void **state)
{
	static const struct {
		const char *json, *member;
	} rows[] = {
	    {"", NULL},
	    {",\"command\":[\"sh\"],\"environment\":[\"A=b\"],\"tty\":true", NULL},
	    {",\"mounts\":[{\"type\":\"volume\",\"source\":\"v\",\"target\":\"/v\"},{\"type\":\"tmpfs\",\"target\":\"/"
	     "t\"}]",
	     NULL},
	    {",\"mounts\":[{\"type\":\"tmpfs\",\"target\":\"/t\"},{\"type\":\"bind\",\"source\":\"/\",\"target\":\"/"
	     "h\"}]",
	     "mounts"},
	    {",\"privileged\":true", "privileged"},
	    {",\"privileged\":false", NULL},
	    {",\"cap_add\":[\"net_raw\",\"CAP_KILL\"]", NULL},
	    {",\"cap_add\":[\"NET_RAW\",\"SYS_ADMIN\"]", "cap_add"},
	    {",\"cap_add\":[\"ALL\"]", "cap_add"},
	    {",\"cap_drop\":[\"ALL\"]", NULL},
	    {",\"seccomp\":\"builtin\"", NULL},
	    {",\"seccomp\":\"unconfined\"", "seccomp"},
	    {",\"apparmor\":\"unconfined\"", "apparmor"},
	    {",\"masked_paths\":[]", "masked_paths"},
	    {",\"readonly_paths\":[]", "readonly_paths"},
	    {",\"devices\":[{\"path_on_host\":\"/dev/sda\",\"path_in_container\":\"/dev/x\",\"permissions\":\"r\"}]",
	     "devices"},
	    {",\"device_cgroup_rules\":[\"b 8:0 r\"]", "device_cgroup_rules"},
	    {",\"pid_mode\":\"host\"", "pid_mode"},
	    {",\"ipc_mode\":\"host\"", "ipc_mode"},
	    {",\"network_mode\":\"host\"", "network_mode"},
	    {",\"network_mode\":\"bridge\"", NULL},
	    {",\"uts_mode\":\"host\"", "uts_mode"},
	    {",\"userns_mode\":\"host\"", "userns_mode"},
	    {",\"cgroupns_mode\":\"host\"", "cgroupns_mode"},
	    {",\"cgroupns_mode\":\"private\"", NULL},
	    {",\"cgroup_parent\":\"/x\"", "cgroup_parent"},
	    {",\"oom_score_adj\":-1", "oom_score_adj"},
	    {",\"oom_score_adj\":500", NULL},
	    {",\"oom_kill_disable\":true", "oom_kill_disable"},
	    {",\"cpu_realtime_runtime\":1000", "cpu_realtime_runtime"},
	    {",\"spaces\":[{\"name\":\"s\",\"path\":\"/srv\"}]", "spaces"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[512];
		struct err err = ERR_INIT;
		json_doc_cleanup yyjson_doc *doc = NULL;
		const char *member;
		struct spec s;

		snprintf(text, sizeof text, "{\"image\":\"a\"%s}", rows[i].json);
		doc = json_parse(text, strlen(text), 1u << 20, "spec", &err);
		assert_non_null(doc);
		if (spec_parse(yyjson_doc_get_root(doc), &s, &err) < 0)
			fail_msg("%s: %s", text, err.text);
		member = rights_opens(&s);
		if (!member != !rows[i].member || (member && strcmp(member, rows[i].member) != 0))
			fail_msg("%s: %s, not %s", text, member ? member : "nothing",
				 rows[i].member ? rows[i].member : "nothing");
		spec_free(&s);
	}
}

/* A new member of a spec has to be thought about. */
static void test_every_member_is_known(void **state)
{
	(void)state;
	for (size_t i = 0; spec_member_at(i); i++) {
		if (!rights_knows(spec_member_at(i)))
			fail_msg("rights.c does not say what \"%s\" opens", spec_member_at(i));
	}
	assert_false(rights_knows("what nobody knows"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_opens),
	    cmocka_unit_test(test_every_member_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
