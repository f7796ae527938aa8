/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/counts.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_texts(void **state)
{
	static const struct {
		const char *text, *back; /* back NULL: refused */
	} rows[] = {
	    {"", ""},
	    {"gpu 2", "gpu 2\n"},
	    {"scratch 4\ngpu 2\n", "gpu 2\nscratch 4\n"},
	    {"gpu 0\n", "gpu 0\n"},
	    {"NVIDIA-A100.80_gb 1024\n", "NVIDIA-A100.80_gb 1024\n"},
	    {"gpu 1025\n", NULL},
	    {"disk 999999999\ngpu 1\n", "disk 999999999\ngpu 1\n"},
	    {"disk 1000000000\n", NULL},
	    {"gpu -1\n", NULL},
	    {"gpu 2 \n", NULL},
	    {"gpu  2\n", NULL},
	    {"gpu\n", NULL},
	    {"gpu \n", NULL},
	    {" 2\n", NULL},
	    {"2gpu 2\n", NULL},
	    {"g/pu 2\n", NULL},
	    {"gpu 99999999999999999999\n", NULL},
	    {"gpu 1\ngpu 2\n", NULL},
	    {"a234567890123456789012345678901 1\n", "a234567890123456789012345678901 1\n"},
	    {"a2345678901234567890123456789012 1\n", NULL},
	};

	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		struct counts c = {.n = 0};
		struct err err = ERR_INIT;
		int r = counts_parse(rows[k].text, &c, &err);
		mem_cleanup char *back = counts_text(&c);

		if ((r == 0) != (rows[k].back != NULL))
			fail_msg("row %zu: %s", k, err.text);
		assert_string_equal(back, rows[k].back ? rows[k].back : "");
	}
}

static void test_lists(void **state)
{
	struct counts c = {.n = 0};
	struct err err = ERR_INIT;
	char name[8];

	(void)state;
	for (int k = COUNTS_MAX; k-- > 0;) {
		snprintf(name, sizeof name, "c%02d", k);
		assert_int_equal(counts_set(&c, name, (uint64_t)k, &err), 0);
	}
	assert_int_equal(counts_set(&c, "more", 1, &err), -E2BIG);
	assert_int_equal(counts_set(&c, "c03", 7, &err), 0);
	assert_int_equal(counts_get(&c, "c03"), 7);
	assert_int_equal(counts_get(&c, "c15"), 15);
	assert_int_equal(counts_get(&c, "none"), 0);
	assert_true(counts_has(&c, "c00") && !counts_has(&c, "none"));
	for (size_t k = 1; k < c.n; k++)
		assert_true(strcmp(c.list[k - 1].name, c.list[k].name) < 0);
}

static void test_pairs(void **state)
{
	struct counts c = {.n = 0};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(counts_set_pair(&c, "gpu=2", &err), 0);
	assert_int_equal(counts_set_pair(&c, "gpu=3", &err), 0);
	assert_int_equal(counts_get(&c, "gpu"), 3);
	assert_int_equal(counts_set_pair(&c, "gpu", &err), -EINVAL);
	assert_string_equal(err.text, "\"gpu\" is no counter: NAME=NUMBER is needed");
	assert_int_equal(counts_set_pair(&c, "=2", &err), -EINVAL);
	assert_int_equal(counts_set_pair(&c, "gpu=two", &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_texts),
	    cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
