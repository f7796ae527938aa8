/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/link/lease.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The slowest clock at the node and the fastest at the server: the node has still ended everything before the server goes on. */
static void patient_enough(void **state)
{
	static const int64_t leases[] = {1000, 1001, 30000, 86400000};

	(void)state;
	for (size_t i = 0; i < sizeof leases / sizeof *leases; i++) {
		double slow = 1 - 1.0 / LEASE_DRIFT, fast = 1 + 1.0 / LEASE_DRIFT;
		double node = (double)(lease_end(7, leases[i]) - 7) / slow + LEASE_KILL_MS;
		double server = (double)lease_patience(leases[i]) / fast;

		assert_true(node <= server);
		assert_true(lease_patience(leases[i]) < leases[i] + leases[i] / 8 + 2 * LEASE_KILL_MS);
	}
}

static void ends(void **state)
{
	(void)state;
	assert_true(lease_end(5, 1000) == 1005);
	assert_true(lease_end(5, 0) == INT64_MAX);
	assert_true(lease_end(INT64_MAX - 1, 1000) == INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(patient_enough), cmocka_unit_test(ends)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
