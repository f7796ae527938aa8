/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/link/cert.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void signs(void **state)
{
	mem_cleanup char *ca_key = NULL, *ca = NULL, *key = NULL, *request = NULL, *cert = NULL, *again = NULL;
	struct err err = ERR_INIT;
	const struct cert_wish w = {.node = "n1", .member = "m1", .seconds = 600};
	int64_t begin, end, now = clock_wall_ms() / 1000;
	char one[SHA256_HEX_MAX], two[SHA256_HEX_MAX];

	(void)state;
	assert_int_equal(cert_key_new(&ca_key, &err), 0);
	assert_int_equal(cert_authority_new(ca_key, &ca, &err), 0);
	assert_int_equal(cert_key_new(&key, &err), 0);
	assert_int_equal(cert_request_new(key, &request, &err), 0);
	assert_int_equal(cert_sign(ca, ca_key, request, &w, &cert, &err), 0);
	assert_int_equal(cert_sign(ca, ca_key, request, &w, &again, &err), 0);
	assert_int_equal(cert_times(cert, &begin, &end, &err), 0);
	assert_true(begin <= now - 3500 && end > now + 500 && end <= now + 660);
	assert_int_equal(cert_fingerprint(cert, one, &err), 0);
	assert_int_equal(cert_fingerprint(again, two, &err), 0);
	assert_string_not_equal(one, two); /* each has its own number */
}

static void refuses(void **state)
{
	static const char *const requests[] = {
	    "", "x", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"};
	mem_cleanup char *ca_key = NULL, *ca = NULL, *request = NULL, *out = NULL;
	const struct cert_wish w = {.node = "n1", .member = "m1", .seconds = 600};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(cert_key_new(&ca_key, &err), 0);
	assert_int_equal(cert_authority_new(ca_key, &ca, &err), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(cert_sign(ca, ca_key, requests[i], &w, &out, &err), -EINVAL);
	/* A signature that is not of the key inside. */
	assert_int_equal(cert_request_new(ca_key, &request, &err), 0);
	{
		char *last = strstr(request, "-----END") - 8;

		*last = *last == 'A' ? 'B' : 'A';
	}
	assert_int_equal(cert_sign(ca, ca_key, request, &w, &out, &err), -EINVAL);
}

static void seals(void **state)
{
	mem_cleanup char *key = NULL, *sealed = NULL, *back = NULL, *none = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(cert_key_new(&key, &err), 0);
	assert_false(cert_key_is_sealed(key));
	assert_int_equal(cert_key_seal(key, "a secret of the servers", &sealed, &err), 0);
	assert_true(cert_key_is_sealed(sealed));
	assert_int_equal(cert_key_unseal(sealed, "another one", &none, &err), -EACCES);
	assert_null(none);
	assert_int_equal(cert_key_unseal(sealed, "a secret of the servers", &back, &err), 0);
	assert_string_equal(back, key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(signs), cmocka_unit_test(refuses), cmocka_unit_test(seals)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
