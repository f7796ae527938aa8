/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/agent/holdings.h"

#include "base/core/mem.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char place[] = "/tmp/berth-holdings-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

/* A directory with all above it; with a '+' at the end a file is in it. */
static void make(const char *path)
{
	mem_cleanup char *whole = mem_printf("%s/%s", place, path), *file = NULL;
	char *plus = strchr(whole, '+');

	if (plus)
		*plus = '\0';
	for (char *p = whole + strlen(place) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		(void)mkdir(whole, 0700);
	}
	(void)mkdir(whole, 0700);
	file = mem_printf("%s/f", whole);
	if (plus)
		assert_int_equal(close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
}

static void is(const struct holdings *h, const char *const *want)
{
	char *const *names = holdings_names(h);

	for (; *want; want++, names++) {
		assert_non_null(names);
		assert_non_null(*names);
		assert_string_equal(*names, *want);
	}
	assert_true(!names || !*names);
}

static void test_look(void **state)
{
	static const char *const before[] = {"space.global",	"space.job/a-1/out", "space.job/b-2/in",
					     "space.user/1000", "volume.db",	     NULL};
	static const char *const after[] = {"space.global", "space.job/b-2/in", "space.user/1000", "volume.db", NULL};
	struct holdings *h;
	mem_cleanup char *gone = NULL;

	(void)state;
	assert_non_null(mkdtemp(place));
	h = holdings_new(place);
	assert_false(holdings_look(h));
	is(h, (const char *const[]){NULL});
	assert_false(holdings_touched(h, "a-1"));
	make("volumes/db");
	assert_true(holdings_touched(h, NULL));
	make("volumes/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
	make("spaces/global+");
	make("spaces/user/1000+");
	make("spaces/user/1001");
	make("spaces/job/b-2/in+");
	make("spaces/job/a-1/out+");
	make("spaces/job/a-1/empty");
	make("spaces/job/c-3");
	assert_true(holdings_look(h));
	is(h, before);
	assert_false(holdings_touched(h, NULL));
	assert_false(holdings_touched(h, "d-4"));
	assert_true(holdings_touched(h, "a-1"));
	assert_false(holdings_look(h));
	gone = mem_printf("%s/spaces/job/a-1/out/f", place);
	assert_int_equal(unlink(gone), 0);
	assert_true(holdings_look(h));
	is(h, after);
	holdings_free(h);
}

/* No more than so many, whatever lies there. */
static void test_limit(void **state)
{
	struct holdings *h = holdings_new(place);

	(void)state;
	for (unsigned k = 0; k < HOLDINGS_MAX + 5; k++) {
		mem_cleanup char *name = mem_printf("volumes/v%u", k);

		make(name);
	}
	assert_true(holdings_look(h));
	assert_int_equal(mem_strv_len((char **)holdings_names(h)), HOLDINGS_MAX);
	holdings_free(h);
	assert_int_equal(nftw(place, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	h = holdings_new(place);
	assert_false(holdings_look(h));
	assert_null(holdings_free(h));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_look), cmocka_unit_test(test_limit)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
