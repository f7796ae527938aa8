/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/expr.h"

#include "base/core/buf.h"
#include "base/core/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *fact(void *ctx, const char *name)
{
	static const char *const facts[][2] = {
	    {"hostname", "n1"},	     {"arch", "x86_64"},	{"os", "linux"},	{"kernel", "6.1.0-13-amd64"},
	    {"cores", "16"},	     {"memory", "68719476736"}, {"labels.disk", "ssd"}, {"labels.a-b.c", "x y"},
	    {"labels.zone", "eu-1"}, {"has.avx2", ""},		{"gpus", "0"},		{"numa", "2"}};

	(void)ctx;
	for (size_t k = 0; k < sizeof facts / sizeof *facts; k++) {
		if (!strcmp(facts[k][0], name))
			return facts[k][1];
	}
	return NULL;
}

static const struct {
	const char *text;
	bool holds;
} rows[] = {
    {"hostname == n1", true},
    {"node.hostname != n1", false},
    {"node.platform.arch == x86_64", true},
    {"arch == amd64", true},
    {"arch in [arm64, amd64]", true},
    {"arch in [arm64]", false},
    {"node.labels.disk==ssd", true},
    {"labels.disk!=ssd", false},
    {"labels.a-b.c == 'x y'", true},
    {"labels.a-b.c == \"x\"", false},
    {"labels.none == x", false},
    {"labels.none != x", true},
    {"labels.none < 3 || labels.none >= 3 || labels.none in [3]", false},
    {"cores >= 16 && cores <= 16 && !(cores > 16) && !(cores < 16)", true},
    {"cores == 16.0", true},
    {"cores < 9", false},
    {"memory >= 64g", true},
    {"memory == 64GiB", true},
    {"memory > 64gb", false},
    {"memory >= 0.5t", false},
    {"kernel >= 5.10", true},
    {"kernel >= 6.1", true},
    {"kernel >= 6.2", false},
    {"has(avx2)", true},
    {"has(avx512f)", false},
    {"!has(avx512f)", true},
    {"has(labels.disk) && !has(labels.none)", true},
    {"has(gpus)", false},
    {"has(numa)", true},
    /* && binds more than || */
    {"cores == 1 && cores == 2 || cores == 16", true},
    {"cores == 1 && (cores == 2 || cores == 16)", false},
    {"cores == 16 || cores == 1 && cores == 2", true},
    {"!!(cores == 16)", true},
    {"\tcores\n==\r16 ", true},
    {"labels.zone in ['eu-1',eu-2]", true},
};

static void test_holds(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		struct err err = ERR_INIT;
		struct expr *e = NULL;

		if (expr_parse(rows[k].text, &e, NULL, &err) < 0)
			fail_msg("%s: %s", rows[k].text, err.text);
		if (expr_holds(e, fact, NULL) != rows[k].holds)
			fail_msg("%s: not %d", rows[k].text, rows[k].holds);
		expr_free(e);
	}
}

static const struct {
	const char *text;
	size_t at;
	const char *error;
} refused[] = {
    {"", 0, "a name"},
    {"   ", 3, "a name"},
    {"cores", 5, "==, !=, <, <=, >, >= or in is needed here, at character 6"},
    {"cores =", 6, "==, !="},
    {"cores >=", 8, "a value is needed"},
    {"coers >= 3", 0, "nothing is known of nodes by this name (hostname"},
    {"cores >= 3 & cores < 4", 11, "&& or || is needed"},
    {"cores >= 3 &&", 13, "a name"},
    {"(cores >= 3", 11, "\")\", && or ||"},
    {"cores >= 3)", 10, "&& or ||"},
    {"has()", 4, "has() needs"},
    {"has(a", 5, "\")\" is needed"},
    {"cores in 3", 9, "a list is needed"},
    {"cores in [3", 11, "\",\" or \"]\""},
    {"cores in []", 10, "a value is needed"},
    {"labels. == 3", 0, "nothing is known"},
    {"engine.labels.x == 3", 0, "nothing is known"},
    {"labels.x == 'a", 12, "has no end"},
    {"cores inside [1]", 6, "==, !="},
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof refused / sizeof *refused; k++) {
		struct err err = ERR_INIT;
		struct expr *e = NULL;
		size_t at = 999;

		if (expr_parse(refused[k].text, &e, &at, &err) != -EINVAL)
			fail_msg("%s: taken", refused[k].text);
		if (!strstr(err.text, refused[k].error) || at != refused[k].at)
			fail_msg("%s: %zu: %s", refused[k].text, at, err.text);
	}
}

static int parses(const char *text, size_t n, const char *end)
{
	struct buf all buf_cleanup = BUF_INIT;
	struct expr *e = NULL;
	struct err err = ERR_INIT;
	int r;

	for (size_t k = 0; k < n; k++)
		buf_adds(&all, text);
	buf_adds(&all, end);
	r = expr_parse(buf_str(&all), &e, NULL, &err);

	expr_free(e);
	return r;
}

static void test_limits(void **state)
{
	(void)state;
	assert_int_equal(parses("!", EXPR_DEPTH_MAX - 1, "cores==1"), 0);
	assert_int_equal(parses("!", EXPR_DEPTH_MAX, "cores==1"), -EINVAL);
	assert_int_equal(parses("(", 1000, "cores==1"), -EINVAL);
	assert_int_equal(parses("cores==1&&", EXPR_TERMS_MAX - 1, "cores==1"), 0);
	assert_int_equal(parses("cores==1&&", EXPR_TERMS_MAX, "cores==1"), -EINVAL);
	assert_int_equal(parses(" ", EXPR_TEXT_MAX - 8, "cores==1"), 0);
	assert_int_equal(parses(" ", EXPR_TEXT_MAX - 7, "cores==1"), -EINVAL);
}

static void assert_part(const struct expr *e, size_t part, const char *text, const char *name, bool holds)
{
	size_t n;
	const char *t = expr_part_text(e, part, &n);

	assert_int_equal(n, strlen(text));
	assert_memory_equal(t, text, n);
	assert_int_equal(expr_part_holds(e, part, fact, NULL), holds);
	if (name)
		assert_string_equal(expr_part_name(e, part), name);
	else
		assert_null(expr_part_name(e, part));
}

static void test_parts(void **state)
{
	struct expr *e = NULL;

	(void)state;
	assert_int_equal(expr_parse(" cores >= 8 && (arch == arm64 || memory < 1g) && !has(x) ", &e, NULL, NULL), 0);
	assert_int_equal(expr_parts(e), 3);
	assert_part(e, 0, "cores >= 8", "cores", true);
	assert_part(e, 1, "(arch == arm64 || memory < 1g)", NULL, false);
	assert_part(e, 2, "!has(x)", NULL, true);
	expr_free(e);
	assert_int_equal(expr_parse("cores >= 8 && has(x) || has(y)", &e, NULL, NULL), 0);
	assert_int_equal(expr_parts(e), 1);
	assert_part(e, 0, "cores >= 8 && has(x) || has(y)", NULL, false);
	expr_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_holds), cmocka_unit_test(test_refused),
					   cmocka_unit_test(test_limits), cmocka_unit_test(test_parts)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
