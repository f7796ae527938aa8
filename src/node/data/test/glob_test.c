/* SPDX-License-Identifier: Apache-2.0 */
#include "node/data/glob.h"

#include "base/core/err.h"
#include "node/data/data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_match(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool match, below;
	} rows[] = {
	    {"a", "a", true, false},
	    {"a", "b", false, false},
	    {"./a//b/", "a/b", true, false},
	    {"a/b", "a", false, true},
	    {"*.txt", "x.txt", true, false},
	    {"*.txt", ".txt", true, false},
	    {"*.txt", "d/x.txt", false, false},
	    {"*", ".hidden", true, false},
	    {"*a*b*c", "xxaxxbxxc", true, false},
	    {"*a*b*c", "xxaxxbxxcx", false, false},
	    {"?", "a", true, false},
	    {"?", "ab", false, false},
	    {"?", "/", false, false},
	    {"[a-c]x", "bx", true, false},
	    {"[a-c]x", "dx", false, false},
	    {"[!a-c]x", "dx", true, false},
	    {"[^a-c]x", "ax", false, false},
	    {"[]]", "]", true, false},
	    {"[a-]", "-", true, false},
	    {"[\\]]", "]", true, false},
	    {"[\\a-\\c]", "b", true, false},
	    {"\\*", "*", true, false},
	    {"\\*", "x", false, false},
	    {"a\nb", "a\nb", true, false},
	    {"\xff*", "\xff\x01", true, false},
	    {"[\x80-\xff]", "\xc3", true, false},
	    {"**", "a", true, true},
	    {"**", "a/b/c", true, true},
	    {"**/x", "x", true, true},
	    {"**/x", "a/b/x", true, true},
	    {"**/x", "a/b/y", false, true},
	    {"a/**/b", "a/b", true, true},
	    {"a/**/b", "a/x/y/b", true, true},
	    {"a/**/b", "b", false, false},
	    {"a/**", "a", true, true},
	    {"a/**", "a/b/c", true, true},
	    {"a/**", "b/c", false, false},
	    {"**/a/**/b/**", "x/a/y/b/z", true, true},
	    {"a**b", "axxb", true, false},
	    {"a**b", "a/b", false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct glob g;

		assert_int_equal(glob_parse(rows[i].pattern, &g, NULL), 0);
		if (glob_match(&g, rows[i].path) != rows[i].match)
			fail_msg("%s %s: match", rows[i].pattern, rows[i].path);
		if (glob_below(&g, rows[i].path) != rows[i].below)
			fail_msg("%s %s: below", rows[i].pattern, rows[i].path);
		glob_free(&g);
	}
}

static void test_check(void **state)
{
	static const struct {
		const char *pattern, *text;
	} rows[] = {
	    {"", "is empty"},	     {"/a", "must be relative"}, {"../a", "would leave"}, {"a/../b", "would leave"},
	    {"a/..", "would leave"}, {"a[b", "has no ']'"},	 {"a[]", "has no ']'"},	  {"a[b/c]", "has no ']'"},
	    {"a\\", "at the end"},   {"./.", "names nothing"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = ERR_INIT;

		assert_int_equal(data_pattern_check(rows[i].pattern, &err), -EINVAL);
		if (!strstr(err.text, rows[i].text))
			fail_msg("%s: %s", rows[i].pattern, err.text);
	}
	assert_int_equal(data_pattern_check("a/..b/c..", NULL), 0);
	assert_int_equal(data_pattern_check("**/*.[ch]", NULL), 0);
}

/* Patterns that would take a naive matcher longer than the age of the universe. */
static void test_hostile(void **state)
{
	char path[2001], deep[4001];
	struct glob g;

	(void)state;
	memset(path, 'a', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	assert_int_equal(glob_parse("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", &g, NULL), 0);
	assert_false(glob_match(&g, path));
	glob_free(&g);
	for (size_t i = 0; i < 2000; i++)
		memcpy(deep + 2 * i, "a/", 2);
	deep[3999] = '\0';
	assert_int_equal(glob_parse("**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/b", &g, NULL), 0);
	assert_false(glob_match(&g, deep));
	glob_free(&g);
	assert_int_equal(data_pattern_check(deep, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_match),
	    cmocka_unit_test(test_check),
	    cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests_name("data/glob", tests, NULL, NULL);
}
