/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/link/redial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int64_t longest(struct redial *r)
{
	return redial_pause_ms(r, UINT32_MAX - UINT32_MAX % 15001 - 1);
}

/* Nobody has led for so many failures; then one of the three does: it is tried within one short pause, wherever the agent is in its round. */
static void found_soon(void **state)
{
	(void)state;
	for (unsigned failures = 0; failures < 200; failures++) {
		struct redial r = {.several = true, .n_addresses = 3};
		int64_t waited = 0;

		for (unsigned k = 0; k < failures; k++)
			(void)redial_pause_ms(&r, k * 2654435761u);
		for (unsigned k = 0; k < 3; k++)
			waited += redial_pause_ms(&r, UINT32_MAX);
		assert_true(waited <= REDIAL_SEVERAL_MS);
	}
}

/* A single server: 100 to 200 ms, and twice as much each time, up to the end. */
static void grows(void **state)
{
	struct redial shortest = {.n_addresses = 2}, r = {.n_addresses = 2};
	int64_t want = 200;

	(void)state;
	for (unsigned k = 0; k < 20; k++) {
		int64_t least = redial_pause_ms(&shortest, 0), most = longest(&r);

		assert_int_equal(least, want / 2);
		assert_true(most >= least && most <= want);
		want = want * 2 < REDIAL_MAX_MS ? want * 2 : REDIAL_MAX_MS;
	}
	redial_welcomed(&r);
	assert_int_equal(redial_pause_ms(&r, 0), 100);
}

/* By the one that leads: a long pause, and then the others at once again. */
static void refused(void **state)
{
	struct redial r = {.several = true, .n_addresses = 3};

	(void)state;
	redial_refused(&r);
	assert_int_equal(redial_pause_ms(&r, 0), REDIAL_MAX_MS / 2);
	assert_int_equal(redial_pause_ms(&r, 0), 0);
	assert_int_equal(redial_pause_ms(&r, 0), 0);
	assert_int_equal(redial_pause_ms(&r, 0), REDIAL_SEVERAL_MS / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(found_soon), cmocka_unit_test(grows),
					   cmocka_unit_test(refused)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
