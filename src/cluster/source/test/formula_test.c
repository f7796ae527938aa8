/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/source/formula.h"

#include "base/core/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct formula_name names[] = {{"queued", 10}, {"nodes", 0}, {"hour", 9}, {NULL, 0}};

static void test_values(void **state)
{
	static const struct {
		const char *text;
		double value;
	} rows[] = {{"1", 1},
		    {" 1 + 2 * 3 ", 7},
		    {"(1+2)*3", 9},
		    {"10 - 3 - 2", 5},
		    {"7 % 4", 3},
		    {"-2 * -3", 6},
		    {"!0 + !5", 1},
		    {".5 + 1.", 1.5},
		    {"queued / 4", 2.5},
		    {"ceil(queued / 4)", 3},
		    {"min(3, queued, 2) + max(1, 4)", 6},
		    {"floor(2.9) + round(2.5) + abs(-1)", 6},
		    {"hour >= 8 && hour < 18 ? 5 : 1", 5},
		    {"hour < 8 || hour > 18 ? 5 : 1", 1},
		    {"nodes > 0 ? queued / nodes : 4", 4},
		    {"1 ? 2 : 0 ? 3 : 4", 2},
		    {"1 == 1 != 0", 1},
		    {"2 <= 1", 0}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = ERR_INIT;
		double x = -1;

		if (formula_eval(rows[i].text, names, &x, &err) < 0)
			fail_msg("%s: %s", rows[i].text, err.text);
		if (x != rows[i].value)
			fail_msg("%s is %g", rows[i].text, x);
	}
}

static void test_errors(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *says;
	} rows[] = {{"", EINVAL, "a number or a name is missing at \"the end\""},
		    {"1 +", EINVAL, "byte 4"},
		    {"(1", EINVAL, "\")\" is missing"},
		    {"min 1", EINVAL, "\"(\" is missing"},
		    {"ceil(1, 2)", EINVAL, "\")\" is missing"},
		    {"1 2", EINVAL, "an operator is missing at \"2\""},
		    {"cats + 1", EINVAL, "an unknown name at \"cats + 1\" (byte 1)"},
		    {"queuedx", EINVAL, "an unknown name"},
		    {"1 ? 2", EINVAL, "\":\" is missing"},
		    {"1 = 2", EINVAL, "an operator is missing"},
		    {"((((((((((((((((((((((((((((((((((1))))))))))))))))))))))))))))))))))", E2BIG, "more than 32"},
		    {"------------------------------------1", E2BIG, "more than 32"},
		    {"queued / nodes", ERANGE, "no number"},
		    {"min(1, 1 % 0)", ERANGE, "no number"},
		    {"1 / 0 ? 1 : 2", ERANGE, "no number"}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = ERR_INIT;
		double x = -1;

		if (formula_eval(rows[i].text, names, &x, &err) != -rows[i].code || !strstr(err.text, rows[i].says))
			fail_msg("%s: %s", rows[i].text, err.text);
		assert_true(x == -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_errors)};

	return cmocka_run_group_tests_name("formula", tests, NULL, NULL);
}
