/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/nickname.h"

#include "base/core/map.h"
#include "base/core/mem.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { NAMES = 6000 };

struct seen {
	struct map names;
	int asked;
};

static bool seen(void *ctx, const char *name)
{
	struct seen *s = ctx;

	s->asked++;
	return map_get(&s->names, name) != NULL;
}

/* Two words of letters with "_" between, at least `digits` digits behind; returns how many there are. */
static size_t check_form(const char *name, size_t digits)
{
	const char *p = name;
	size_t n;

	for (int word = 0; word < 2; word++) {
		n = strspn(p, "abcdefghijklmnopqrstuvwxyz");
		assert_in_range(n, 2, 10);
		p += n;
		if (word == 0)
			assert_int_equal(*p++, '_');
	}
	n = strspn(p, "0123456789");
	assert_int_equal(p[n], 0);
	assert_true(n >= digits);
	return n;
}

static void put(struct map *m, const char *name)
{
	map_put(m, name, m);
}

/* That a list has as many words as it says, no word twice, is seen by how many come. */
static void test_words(void **state)
{
	struct seen s = {.asked = 0};
	struct map first = {0}, second = {0};
	char name[NICKNAME_SIZE], *under;

	(void)state;
	for (int i = 0; i < NAMES; i++) {
		nickname_make(name, 0, seen, &s);
		if (check_form(name, 0) > 0)
			continue;
		put(&s.names, name);
		under = strchr(name, '_');
		*under = 0;
		put(&first, name);
		put(&second, under + 1);
	}
	assert_true(s.names.n > NAMES * 99 / 100);
	assert_in_range(first.n, 100, 1000);
	assert_in_range(second.n, 150, 1000);
	map_free(&s.names);
	map_free(&first);
	map_free(&second);
}

/* Only what has six digits is free. */
static bool short_of_six(void *ctx, const char *name)
{
	struct seen *s = ctx;

	s->asked++;
	return check_form(name, 0) < 6;
}

static void test_digits(void **state)
{
	struct seen s = {.asked = 0};
	char name[NICKNAME_SIZE];

	(void)state;
	nickname_make(name, 3, seen, &s);
	assert_int_equal(check_form(name, 3), 3);
	s.asked = 0;
	nickname_make(name, 0, short_of_six, &s);
	assert_int_equal(check_form(name, 6), 6);
	assert_in_range(s.asked, 7, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_words), cmocka_unit_test(test_digits)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
