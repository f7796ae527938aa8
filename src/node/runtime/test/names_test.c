/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/names.h"

#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_number(void **state)
{
	static const struct {
		const char *name;
		int number;
	} rows[] = {
	    {"CAP_CHOWN", CAP_CHOWN},
	    {"cap_sys_admin", CAP_SYS_ADMIN},
	    {"net_raw", CAP_NET_RAW},
	    {"SETFCAP", CAP_SETFCAP},
	    {"CAP_BPF", CAP_BPF},
	    {"CAP_CHECKPOINT_RESTORE", CAP_CHECKPOINT_RESTORE},
	    {"CAP_AUDIT_READ", CAP_AUDIT_READ},
	    {"CAP_", -1},
	    {"", -1},
	    {"CAP_CAP_CHOWN", -1},
	    {"CAP_CHOWN ", -1},
	    {"CAP_NOTHING", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(names_cap(rows[i].name), rows[i].number);
}

static void test_both_ways(void **state)
{
	int n = 0;

	(void)state;
	for (; names_cap_text(n); n++)
		assert_int_equal(names_cap(names_cap_text(n)), n);
	assert_int_equal(n, CAP_LAST_CAP + 1);
	assert_null(names_cap_text(-1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_number),
	    cmocka_unit_test(test_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
