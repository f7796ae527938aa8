/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/core/owner.h"

#include <string.h>

#define LONG "a-name-that-is-longer-than-a-label-of-its-owner-could-ever-be-here"

static void test_text(void **state)
{
	static const struct {
		uint32_t uid;
		const char *cert;
		bool token;
		const char *text;
	} rows[] = {
	    {0, NULL, false, "0"},
	    {1000, NULL, false, "1000"},
	    {UINT32_MAX, NULL, false, "4294967295"},
	    {UINT32_MAX, NULL, true, "token"},
	    {UINT32_MAX, "ci", false, "cert:ci"},
	    {UINT32_MAX, "token", true, "cert:token"},
	};
	char text[OWNER_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		owner_text(rows[i].uid, rows[i].cert, rows[i].token, text);
		assert_string_equal(text, rows[i].text);
		assert_true(owner_ok(text));
	}
}

/* No name is cut to that of another, and none can break out of a line. */
static void test_odd_names(void **state)
{
	static const char *const names[] = {(LONG "1"), (LONG "2"), "a\r\nBerth-Role: admin", "a\x7f", "sha256:00"};
	char texts[sizeof names / sizeof *names][OWNER_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		owner_text(UINT32_MAX, names[i], false, texts[i]);
		assert_int_equal(strncmp(texts[i], "cert:sha256:", 12), 0);
		assert_true(owner_ok(texts[i]));
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(texts[i], texts[k]);
	}
}

static void test_refused(void **state)
{
	static const char *const rows[] = {"", "*", "10a", "cert:", "certs", "cert:a\nb", "tokens", ("cert:" LONG)};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_false(owner_ok(rows[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_odd_names),
	    cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
