/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/core/mem.h"
#include "face/onehost/recall.h"

#include <stdlib.h>
#include <string.h>

static void it_is_told_by_time_and_then_as_it_came(void **state)
{
	struct recall p = {.items = NULL};

	(void)state;
	recall_add(&p, 30, mem_strdup("c"));
	recall_add(&p, 10, mem_strdup("a"));
	recall_add(&p, 30, mem_strdup("d"));
	recall_add(&p, 20, mem_strdup("b"));
	recall_sort(&p);
	assert_string_equal(recall_next(&p), "a");
	/* While it is told, what comes is the last. */
	recall_add(&p, 5, mem_strdup("e"));
	assert_string_equal(recall_next(&p), "b");
	assert_string_equal(recall_next(&p), "c");
	assert_string_equal(recall_next(&p), "d");
	assert_string_equal(recall_next(&p), "e");
	assert_null(recall_next(&p));
	recall_free(&p);
}

static char *large(char c)
{
	char *text = mem_zalloc(1, RECALL_BYTES_MAX / 8 + 1);

	memset(text, c, RECALL_BYTES_MAX / 8);
	return text;
}

static void beyond_its_limit_the_oldest_is_forgotten(void **state)
{
	struct recall p = {.items = NULL};

	(void)state;
	/* Seven have room; the eighth takes the place of the older half, a to d. */
	for (int i = 6; i >= 0; i--)
		recall_add(&p, i, large((char)('a' + i)));
	recall_add(&p, 7, large('h'));
	assert_true(p.bytes <= RECALL_BYTES_MAX);
	recall_sort(&p);
	assert_int_equal(p.n, 4);
	assert_int_equal(*recall_next(&p), 'e');
	for (int i = 0; i < 5; i++)
		recall_add(&p, 100 + i, large('x'));
	/* Being told it forgets what comes. */
	assert_true(p.bytes <= RECALL_BYTES_MAX);
	assert_int_equal(*recall_next(&p), 'f');
	recall_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_is_told_by_time_and_then_as_it_came),
	    cmocka_unit_test(beyond_its_limit_the_oldest_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
