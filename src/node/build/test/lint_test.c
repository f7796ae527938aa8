/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/lint.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/build/ignore.h"
#include "node/build/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* All rules on a text: "LINE Rule;LINE Rule;" in *found; returns what lint_end() does. */
static int check(const char *text, const char *options, const char *chosen, struct buf *found, struct err *err)
{
	__attribute__((cleanup(dockerfile_freep))) struct dockerfile *d = NULL;
	__attribute__((cleanup(plan_freep))) struct plan *p = NULL;
	__attribute__((cleanup(ignore_freep))) struct ignore *ignore = NULL;
	struct lint __attribute__((cleanup(lint_free))) l = LINT_INIT;
	struct plan_options o = {.platform = "linux/amd64", .build_platform = "linux/amd64", .lint = &l};
	int r = dockerfile_parse(text, strlen(text), "D", &d, err);

	assert_int_equal(ignore_parse("*.log\nout", 9, "I", &ignore, NULL), 0);
	l.ignore = ignore;
	if (r == 0)
		r = lint_options(&l, options, err);
	if (r == 0)
		r = lint_dockerfile(&l, d, err);
	if (r == 0)
		r = plan_new(d, &o, &p, err);
	for (int i; r == 0 && (i = plan_next_base(p)) >= 0;)
		r = plan_set_base(p, i, "{}", 2, chosen, err);
	if (r == 0)
		r = plan_expand(p, err);
	if (r == 0)
		r = lint_end(&l, err);
	for (size_t i = 0; i < l.n; i++)
		buf_printf(found, "%u %s;", l.warnings[i].line, lint_rule_name(l.warnings[i].rule));
	return r;
}

static void test_rules(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
	    {"FROM i\nRUN x\nrun y\nCopy a b", "3 ConsistentInstructionCasing;4 ConsistentInstructionCasing;"},
	    {"from i\nrun x", ""},
	    {"FROM i AS a\nFROM j AS A\nCOPY --from=a x y", "2 DuplicateStageName;2 StageNameCasing;"},
	    {"FROM i as a", "1 FromAsCasing;"},
	    {"from i as a", ""},
	    {"FROM i AS scratch", "1 ReservedStageName;"},
	    {"FROM i AS context", "1 ReservedStageName;"},
	    {"FROM i\nCMD x", "2 JSONArgsRecommended;"},
	    {"FROM i\nENTRYPOINT x\nCMD [\"y\"]", "2 JSONArgsRecommended;"},
	    {"FROM i\nSHELL [\"s\", \"-c\"]\nCMD x", ""},
	    {"FROM i\nMAINTAINER m", "2 MaintainerDeprecated;"},
	    {"FROM i\nRUN x \\\n\n y\nRUN \\\n# c\n z", "4 NoEmptyContinuation;"},
	    {"FROM i\nENV API_KEY=1 PUBLIC_KEY=2 MONKEY=3\nARG token\nARG MY_TOKEN_FILE",
	     "2 SecretsUsedInArgOrEnv;3 SecretsUsedInArgOrEnv;"},
	    {"ARG V=1\nFROM i:$V$W", "2 UndefinedArgInFrom;"},
	    {"ARG V=1\nFROM i:$V-$TARGETARCH", ""},
	    {"ARG V\nFROM i:${V:-1}", ""},
	    {"ARG V\nFROM i:$V$V", "2 InvalidDefaultArgInFrom;"},
	    {"FROM i\nARG A\nENV B=1\nCOPY $A$B$C x\nRUN $D", "4 UndefinedVar;"},
	    {"FROM i\nWORKDIR a\nWORKDIR b", "2 WorkdirRelativePath;"},
	    {"FROM i\nWORKDIR /a\nWORKDIR b", ""},
	    {"FROM i\nENV a b\nLABEL c d\nENV e=f", "2 LegacyKeyValueFormat;3 LegacyKeyValueFormat;"},
	    {"FROM --platform=$TARGETPLATFORM i", "1 RedundantTargetPlatform;"},
	    {"FROM --platform=$BUILDPLATFORM i", ""},
	    {"FROM --platform=linux/arm64 i", "1 FromPlatformFlagConstDisallowed;"},
	    {"FROM --platform=linux/arm64 i AS build_arm64", ""},
	    {"FROM i\nCMD [\"a\"]\nCMD [\"b\"]\nENTRYPOINT [\"c\"]\nFROM i\nCMD [\"d\"]",
	     "2 MultipleInstructionsDisallowed;"},
	    {"FROM i\nHEALTHCHECK NONE\nHEALTHCHECK CMD [\"a\"]", "2 MultipleInstructionsDisallowed;"},
	    {"FROM i\nCOPY a.log out/x c /\nADD out /\nADD http://h/a.log /",
	     "2 CopyIgnoredFile;2 CopyIgnoredFile;3 CopyIgnoredFile;"},
	    {"FROM i\nEXPOSE 80 443/TCP", "2 ExposeProtoCasing;"},
	    {"FROM i\nEXPOSE 127.0.0.1:80:80 81:81", "2 ExposeInvalidFormat;2 ExposeInvalidFormat;"},
	    {"FROM i\n# check=skip=ExposeProtoCasing\nEXPOSE 1/TCP\nEXPOSE 2/TCP", "4 ExposeProtoCasing;"},
	    {"# check=skip=MaintainerDeprecated,ConsistentInstructionCasing\nFROM i\nMAINTAINER m\nrun x", ""},
	    {"# check=skip=all\nFROM i\nMAINTAINER m\nrun x\nWORKDIR a", ""},
	    {"# check=experimental=all\n# some words\nARG a\n# b is it\nARG b\n# one of them\nFROM i AS c",
	     "3 InvalidDefinitionDescription;7 InvalidDefinitionDescription;"},
	    {"# some words\nARG a\nFROM i", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		buf_cleanup struct buf found = BUF_INIT;
		struct err err = ERR_INIT;

		if (check(rows[i].text, "", NULL, &found, &err) < 0)
			fail_msg("\"%s\": %s", rows[i].text, err.text);
		if (strcmp(buf_str(&found), rows[i].want) != 0)
			fail_msg("\"%s\": %s, not %s", rows[i].text, buf_str(&found), rows[i].want);
	}
}

static void test_base_platform(void **state)
{
	buf_cleanup struct buf found = BUF_INIT;

	(void)state;
	assert_int_equal(check("FROM i", "", "linux/arm64", &found, NULL), 0);
	assert_string_equal(buf_str(&found), "1 InvalidBaseImagePlatform;");
	buf_clear(&found);
	assert_int_equal(check("FROM i", "", "linux/amd64", &found, NULL), 0);
	assert_string_equal(buf_str(&found), "");
}

static void test_error(void **state)
{
	buf_cleanup struct buf found = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(check("# check=error=true\nFROM i\nMAINTAINER m", "", NULL, &found, &err), -EINVAL);
	assert_string_equal(
	    err.text, "the Dockerfile has 1 warning, and error=true makes that an error; the first: line 3: Maintainer "
		      "instruction is deprecated in favor of using label (MaintainerDeprecated)");
	assert_int_equal(check("FROM i\nMAINTAINER m", "error=true;skip=MaintainerDeprecated", NULL, &found, &err), 0);
	assert_int_equal(check("FROM i", "skip=WorkdirRelativPath", NULL, &found, &err), -EINVAL);
	assert_string_equal(err.text, "check: there is no rule WorkdirRelativPath (did you mean WorkdirRelativePath?)");
	assert_int_equal(check("FROM i", "error=maybe", NULL, &found, &err), -EINVAL);
	assert_int_equal(check("FROM i", "fix=all", NULL, &found, &err), -EINVAL);
	assert_int_equal(check("# check=skip\nFROM i", "", NULL, &found, &err), -EINVAL);
	assert_string_equal(err.text, "D:1: check: \"skip\" is no KEY=VALUE");
}

/* Every rule has a name of its own and a sentence. */
static void test_names(void **state)
{
	(void)state;
	for (enum lint_rule i = 0; i < LINT_N_RULES; i++) {
		assert_true(lint_rule_name(i)[0] && lint_rule_about(i)[0]);
		for (enum lint_rule k = 0; k < i; k++)
			assert_string_not_equal(lint_rule_name(i), lint_rule_name(k));
	}
}

static void test_limit(void **state)
{
	buf_cleanup struct buf text = BUF_INIT;
	buf_cleanup struct buf found = BUF_INIT;

	(void)state;
	buf_adds(&text, "FROM i\n");
	for (unsigned i = 0; i < LINT_WARNINGS_MAX + 10; i++)
		buf_adds(&text, "MAINTAINER m\n");
	assert_int_equal(check(buf_str(&text), "", NULL, &found, NULL), 0);
	assert_non_null(strstr(buf_str(&found), "1001 MaintainerDeprecated;"));
	assert_null(strstr(buf_str(&found), "1002 "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rules), cmocka_unit_test(test_base_platform), cmocka_unit_test(test_error),
	    cmocka_unit_test(test_names), cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
