/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/ref.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_normalise(void **state)
{
	static const struct {
		const char *name, *want; /* NULL = refused */
	} rows[] = {
	    {"busybox", "busybox:latest"},
	    {"busybox:1.36", "busybox:1.36"},
	    {"a/b/c:T_a.g-1", "a/b/c:T_a.g-1"},
	    {"a.b_c__d-e---f", "a.b_c__d-e---f:latest"},
	    {"host.example:5000/a/b", "host.example:5000/a/b:latest"},
	    {"localhost/a", "localhost/a:latest"},
	    {"localhost:5000/a:x", "localhost:5000/a:x"},
	    {"a@sha256:" HEX64, "a@sha256:" HEX64},
	    {"a:b@sha256:" HEX64, "a:b@sha256:" HEX64},
	    {"", NULL},
	    {":latest", NULL},
	    {"a:", NULL},
	    {"a:.x", NULL},
	    {"a:b:c", NULL},
	    {"A", NULL},
	    {"a//b", NULL},
	    {"/a", NULL},
	    {"a/", NULL},
	    {"../a", NULL},
	    {"a/../b", NULL},
	    {"a..b", NULL},
	    {"a___b", NULL},
	    {"a._b", NULL},
	    {"-a", NULL},
	    {"a-", NULL},
	    {"a b", NULL},
	    {"a\n", NULL},
	    {"\xc3\xa9", NULL},
	    {"host.:1/a", NULL},
	    {"host:/a", NULL},
	    {"host:x/a", NULL},
	    {"host:123456/a", NULL},
	    {"-host.x/a", NULL},
	    {"a@sha256:" HEX64 "0", NULL},
	    {"a@sha256:0123", NULL},
	    {"a@SHA256:" HEX64, NULL},
	    {"a@sha512:" HEX64, NULL},
	    {"a@sha256:../../../../../../../../../../../../../../../../../../../../../../x", NULL},
	    {"a@", NULL},
	    {"a@x@y", NULL},
	    {HEX64, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		mem_cleanup char *got = NULL;
		struct err err = ERR_INIT;
		int r = image_ref_normalise(rows[i].name, &got, &err);

		if (rows[i].want ? r != 0 || strcmp(got, rows[i].want) != 0 : r != -EINVAL || !err.code)
			fail_msg("\"%s\": %d, %s", rows[i].name, r, got ? got : err.text);
	}
}

static void test_long(void **state)
{
	char name[1000];
	mem_cleanup char *got = NULL;

	(void)state;
	memset(name, 'a', sizeof name);
	name[255] = '\0';
	assert_int_equal(image_ref_normalise(name, &got, NULL), 0);
	name[255] = 'a';
	name[256] = '\0';
	assert_int_equal(image_ref_normalise(name, &got, NULL), -EINVAL);
	name[1] = ':';
	name[130] = '\0';
	free(mem_take(got));
	assert_int_equal(image_ref_normalise(name, &got, NULL), 0);
	name[130] = 'a';
	name[131] = '\0';
	assert_int_equal(image_ref_normalise(name, &got, NULL), -EINVAL);
	name[131] = 'a';
	name[999] = '\0';
	assert_int_equal(image_ref_normalise(name, &got, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_normalise), cmocka_unit_test(test_long)};

	return cmocka_run_group_tests_name("image/ref", tests, NULL, NULL);
}
