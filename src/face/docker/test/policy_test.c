/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/core/err.h"
#include "face/docker/policy.h"

#include <string.h>

static void test_roles(void **state)
{
	static const char text[] =
	    "{\"default\":\"none\",\"rules\":[{\"who\":\"uid:7\",\"role\":\"read-only\"},"
	    "{\"who\":\"cert:ci\",\"role\":\"no-host-access\"},{\"who\":\"user:root\",\"role\":\"none\"},"
	    "{\"who\":\"token\",\"role\":\"admin\"},{\"who\":\"uid:7\",\"role\":\"admin\"}]}";
	static const struct {
		struct policy_caller caller;
		enum policy_role role;
	} rows[] = {
	    {{.uid = 7}, POLICY_READ_ONLY},
	    {{.uid = 8}, POLICY_NONE},
	    {{.uid = UINT32_MAX}, POLICY_NONE},
	    {{.uid = UINT32_MAX, .cert = "ci"}, POLICY_NO_HOST},
	    {{.uid = UINT32_MAX, .cert = "CI"}, POLICY_NONE},
	    {{.uid = UINT32_MAX, .cert = "cii"}, POLICY_NONE},
	    {{.uid = UINT32_MAX, .token = true}, POLICY_ADMIN},
	    {{.uid = 0}, POLICY_ADMIN},
	};
	struct policy *p = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(policy_parse(text, strlen(text), &p, &err), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (policy_role(p, &rows[i].caller) != rows[i].role)
			fail_msg("row %zu: role %d", i, (int)policy_role(p, &rows[i].caller));
	}
	policy_free(p);
	assert_int_equal(policy_role(NULL, &rows[1].caller), POLICY_ADMIN);
}

/* Who may not change everything changes no jobs but his own, unless his rule says so. */
static void test_jobs(void **state)
{
	static const char text[] =
	    "{\"default\":\"no-host-access\",\"jobs\":\"all\",\"rules\":[{\"who\":\"uid:7\",\"role\":\"no-host-"
	    "access\"},"
	    "{\"who\":\"uid:8\",\"role\":\"no-host-access\",\"jobs\":\"all\"},"
	    "{\"who\":\"uid:9\",\"role\":\"no-host-access\",\"jobs\":\"own\"},"
	    "{\"who\":\"uid:10\",\"role\":\"read-only\"},{\"who\":\"token\",\"role\":\"admin\"}]}";
	static const struct {
		struct policy_caller caller;
		bool all;
	} rows[] = {
	    {{.uid = 6}, true},	 {{.uid = 7}, false},  {{.uid = 8}, true},
	    {{.uid = 9}, false}, {{.uid = 10}, false}, {{.uid = UINT32_MAX, .token = true}, true},
	    {{.uid = 0}, true},
	};
	struct policy *p = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(policy_parse(text, strlen(text), &p, &err), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (policy_all_jobs(p, &rows[i].caller) != rows[i].all)
			fail_msg("row %zu", i);
	}
	policy_free(p);
	assert_true(policy_all_jobs(NULL, &rows[1].caller));
}

static void test_everybody(void **state)
{
	static const char text[] = "{\"default\":\"none\",\"rules\":[{\"who\":\"*\",\"role\":\"read-only\"}]}";
	struct policy *p = NULL;

	(void)state;
	assert_int_equal(policy_parse(text, strlen(text), &p, NULL), 0);
	assert_int_equal(policy_role(p, &(struct policy_caller){.uid = 5}), POLICY_READ_ONLY);
	policy_free(p);
}

static void test_lesser(void **state)
{
	static const struct {
		enum policy_role own;
		const char *header;
		enum policy_role role;
	} rows[] = {
	    {POLICY_ADMIN, NULL, POLICY_ADMIN},
	    {POLICY_ADMIN, "admin", POLICY_ADMIN},
	    {POLICY_ADMIN, "no-host-access", POLICY_NO_HOST},
	    {POLICY_READ_ONLY, "admin", POLICY_READ_ONLY},
	    {POLICY_READ_ONLY, "no-host-access", POLICY_READ_ONLY},
	    {POLICY_NO_HOST, "none", POLICY_NONE},
	    {POLICY_ADMIN, "Admin", POLICY_NONE},
	    {POLICY_ADMIN, "", POLICY_NONE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (policy_lesser(rows[i].own, rows[i].header) != rows[i].role)
			fail_msg("row %zu: role %d", i, (int)policy_lesser(rows[i].own, rows[i].header));
	}
	for (int i = 0; i < POLICY_N_ROLES; i++)
		assert_int_equal(policy_lesser(POLICY_ADMIN, policy_word((enum policy_role)i)), i);
}

/* A policy that is not understood protects nothing. */
static void test_bad_files(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
	    {"", "the policy"},
	    {"[]", "default"},
	    {"{}", "default"},
	    {"{\"default\":\"root\"}", "\"root\" is no role"},
	    {"{\"default\":\"none\",\"rule\":[]}", "\"rule\""},
	    {"{\"default\":\"no-host-access\",\"jobs\":\"mine\"}", "\"mine\" is neither own nor all"},
	    {"{\"default\":\"none\",\"jobs\":\"all\"}", "only the role no-host-access"},
	    {"{\"default\":\"none\",\"rules\":[{\"who\":\"*\",\"role\":\"admin\",\"jobs\":\"own\"}]}", "rules.0: jobs"},
	    {"{\"default\":\"none\",\"rules\":{}}", "rules: a list"},
	    {"{\"default\":\"none\",\"rules\":[7]}", "rules.0"},
	    {"{\"default\":\"none\",\"rules\":[{\"who\":\"uid:7\"}]}", "role"},
	    {"{\"default\":\"none\",\"rules\":[{\"role\":\"admin\"}]}", "who"},
	    {"{\"default\":\"none\",\"rules\":[{\"who\":\"uid:x\",\"role\":\"admin\"}]}", "uid:x"},
	    {"{\"default\":\"none\",\"rules\":[{\"who\":\"uid:-1\",\"role\":\"admin\"}]}", "uid:-1"},
	    {"{\"default\":\"none\",\"rules\":[{\"who\":\"uid:4294967295\",\"role\":\"admin\"}]}", "uid:"},
	    {"{\"default\":\"none\",\"rules\":[{\"who\":\"user:no-such-user-here\",\"role\":\"admin\"}]}", "no user"},
	    {"{\"default\":\"none\",\"rules\":[{\"who\":\"cert:\",\"role\":\"admin\"}]}", "cert:"},
	    {"{\"default\":\"none\",\"rules\":[{\"who\":\"group:x\",\"role\":\"admin\"}]}", "group:x"},
	    {"{\"default\":\"none\",\"rules\":[{\"who\":\"*\",\"role\":\"none\",\"but\":1}]}", "\"but\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct policy *p = NULL;
		struct err err = ERR_INIT;

		if (policy_parse(rows[i].text, strlen(rows[i].text), &p, &err) >= 0)
			fail_msg("taken: %s", rows[i].text);
		if (!strstr(err.text, rows[i].error))
			fail_msg("%s: %s", rows[i].text, err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_roles),  cmocka_unit_test(test_jobs),	     cmocka_unit_test(test_everybody),
	    cmocka_unit_test(test_lesser), cmocka_unit_test(test_bad_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
