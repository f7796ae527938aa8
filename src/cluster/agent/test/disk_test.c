/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/counts.h"
#include "cluster/agent/disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define GIB ((uint64_t)1 << 30)

static void test_units(void **state)
{
	static const struct {
		uint64_t bytes;
		uint32_t mib;
	} rows[] = {
	    {0, 0},
	    {1048575, 0},
	    {3 * GIB / 2, 1536},
	    {16 * GIB + 5, 16384},
	    {100 * GIB + 900 * 1048576, 102400},
	    {UINT64_MAX, COUNTS_DISK_MAX},
	};

	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
		assert_int_equal(disk_units(&(struct disk){.total = rows[k].bytes}), rows[k].mib);
}

static void test_looks(void **state)
{
	struct disk d, told;

	(void)state;
	disk_open(&d, "/", 0);
	assert_true(d.all > 0);
	assert_int_equal(d.total, d.all);
	disk_open(&told, "/", 7 * GIB);
	assert_int_equal(told.total, 7 * GIB);
	/* What has hardly moved is not told, what has moved is. */
	d.free += d.all / 16;
	assert_true(disk_look(&d, "/"));
	d.free -= d.free < d.all / 64 ? d.free : d.all / 64;
	assert_false(disk_look(&d, "/"));
	d.all++;
	assert_true(disk_look(&d, "/"));
	disk_open(&d, "/no/such/directory", 0);
	assert_int_equal(d.total + d.all, 0);
	assert_false(disk_look(&d, "/no/such/directory"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_units),
	    cmocka_unit_test(test_looks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
