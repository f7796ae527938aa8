/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/agent/spaces.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char place[] = "/tmp/berth-spaces-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static char *below(const char *path)
{
	return mem_printf("%s/%s", place, path);
}

static void overwrite(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* The same each time; another one elsewhere; the same where the directory is the same. */
static void test_mark(void **state)
{
	mem_cleanup char *a = below("a"), *b = below("b"), *c = below("c"), *spaces = below("a/spaces");
	mem_cleanup char *link = below("c/spaces");
	char first[SPACES_ID_MAX], again[SPACES_ID_MAX];

	(void)state;
	assert_int_equal(spaces_id(a, first, NULL), 0);
	assert_int_equal(strlen(first), SPACES_ID_MAX - 1);
	assert_int_equal(spaces_id(a, again, NULL), 0);
	assert_string_equal(first, again);
	assert_int_equal(spaces_id(b, again, NULL), 0);
	assert_string_not_equal(first, again);
	assert_int_equal(mkdir(c, 0700), 0);
	assert_int_equal(symlink(spaces, link), 0);
	assert_int_equal(spaces_id(c, again, NULL), 0);
	assert_string_equal(first, again);
}

static void test_wrong(void **state)
{
	static const char *const wrong[] = {"", "12", "0123456789abcdef0123456789abcdeg",
					    "0123456789abcdef0123456789abcdef0", "0123456789abcdef0123456789abcde\n"};
	mem_cleanup char *d = below("d"), *mark = below("d/spaces/.id");
	char id[SPACES_ID_MAX] = "untouched";
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(spaces_id(d, id, NULL), 0);
	snprintf(id, sizeof id, "untouched");
	for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
		overwrite(mark, wrong[k]);
		assert_true(spaces_id(d, id, &err) < 0);
		assert_non_null(strstr(err.text, ".id"));
		assert_string_equal(id, "untouched");
	}
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(place) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return nftw(place, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_mark), cmocka_unit_test(test_wrong)};

	return cmocka_run_group_tests(tests, setup, teardown);
}
