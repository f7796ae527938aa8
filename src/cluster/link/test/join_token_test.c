/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/link/join_token.h"

#include "base/core/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PIN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void survives(void **state)
{
	struct join_token t, u;
	char text[JOIN_TOKEN_TEXT_MAX], hash[SHA256_HEX_MAX];

	(void)state;
	join_token_make(PIN, &t);
	join_token_text(&t, text);
	assert_int_equal(join_token_parse(text, &u, NULL), 0);
	assert_memory_equal(&t, &u, sizeof t);
	join_token_hash(t.secret, hash);
	assert_true(join_token_fits(u.secret, hash));
	u.secret[0] = u.secret[0] == '0' ? '1' : '0';
	assert_false(join_token_fits(u.secret, hash));
	assert_false(join_token_fits(t.secret, ""));
}

static void refuses(void **state)
{
	static const char *const rows[] = {
	    "",
	    "berth1.",
	    "berth2.00000000.00000000000000000000000000000000." PIN,
	    "berth1.00000000.00000000000000000000000000000000." PIN " ",
	    "berth1.00000000.00000000000000000000000000000000." PIN "0",
	    "berth1.00000000.0000000000000000000000000000000." PIN,
	    "berth1.0000000G.00000000000000000000000000000000." PIN,
	    "berth1.00000000.00000000000000000000000000000000.",
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct join_token t;
		struct err err = ERR_INIT;

		assert_int_equal(join_token_parse(rows[i], &t, &err), -EINVAL);
		assert_non_null(strstr(err.text, "berth token create"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(survives), cmocka_unit_test(refuses)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
