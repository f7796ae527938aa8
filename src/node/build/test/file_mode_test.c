/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/file_mode.h"

#include "base/core/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_apply(void **state)
{
	static const struct {
		const char *text;
		mode_t old, file, dir;
	} rows[] = {
	    {"644", 0777, 0644, 0644},
	    {"04755", 0, 04755, 04755},
	    {"u=rwX,go=rX", 0600, 0644, 0755},
	    {"u=rwX,go=rX", 0100, 0755, 0755},
	    {"a+x", 0644, 0755, 0755},
	    {"+x", 0600, 0711, 0711},
	    {"go-rwx", 0777, 0700, 0700},
	    {"g=u", 0750, 0770, 0770},
	    {"u+s,g+s,o+t", 0755, 07755, 07755},
	    {"u=rw,go=", 0777, 0600, 0600},
	    {"u+r-w", 0200, 0400, 0400},
	    {"o=g-w", 0664, 0664, 0664},
	    {"=", 0777, 0, 0},
	    {"ug=rw,o=r", 0777, 0664, 0664},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct file_mode m;

		assert_int_equal(file_mode_parse(rows[i].text, &m, NULL), 0);
		assert_int_equal(file_mode_apply(&m, rows[i].old, false), rows[i].file);
		assert_int_equal(file_mode_apply(&m, rows[i].old, true), rows[i].dir);
	}
}

static void test_refused(void **state)
{
	static const char *const rows[] = {"", "8", "77777", "64x", "u", "u=q", "rwx", "u=r,", "u=r;o=r", "+x "};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct file_mode m;
		struct err err = ERR_INIT;

		assert_int_equal(file_mode_parse(rows[i], &m, &err), -EINVAL);
		assert_true(err.text[0] != '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_apply), cmocka_unit_test(test_refused)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
