/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/ignore.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define IGNORE __attribute__((cleanup(ignore_freep))) struct ignore *

static struct ignore *parse(const char *text)
{
	struct ignore *i = NULL;
	struct err err = ERR_INIT;

	if (ignore_parse(text, strlen(text), ".dockerignore", &i, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	return i;
}

/* What a walk from the root finds must be what the path alone gives. */
static bool walk(const struct ignore *i, const char *path)
{
	uint64_t above[8], below[8];
	bool first = true, ignored = false;

	assert_true(ignore_words(i) <= 8);
	for (const char *p = path;; p++) {
		mem_cleanup char *part = NULL;

		if (*p && *p != '/')
			continue;
		part = mem_strndup(path, (size_t)(p - path));
		ignored = ignore_match_below(i, part, first ? NULL : above, below);
		memcpy(above, below, sizeof(above));
		first = false;
		if (!*p)
			return ignored;
	}
}

static void test_match(void **state)
{
	static const struct {
		const char *patterns, *path;
		bool ignored;
	} rows[] = {
	    {"a", "a", true},
	    {"a", "a/b/c", true},
	    {"a", "b/a", false},
	    {"a", "ab", false},
	    {"/a/b/", "a/b", true},
	    {"./a//b/../c", "a/c/d", true},
	    {"../../x", "x", true},
	    {"a/b", "a", false},
	    {"*", "x/y", true},
	    {"*.c", "x.c", true},
	    {"*.c", "d/x.c", false},
	    {"*/*.c", "d/x.c", true},
	    {"a?c", "abc", true},
	    {"a?c", "a/c", false},
	    {"a?c",
	     "a\xc3\xa4"
	     "c",
	     true},
	    {"[a-c]x", "bx", true},
	    {"[^a-c]x", "bx", false},
	    {"[\xc3\xa0-\xc3\xbf]", "\xc3\xa4", true},
	    {"a\\*", "a*", true},
	    {"a\\*", "ab", false},
	    {"**", "a/b", true},
	    {"**/x", "x", true},
	    {"**/x", "a/b/x", true},
	    {"**/x", "a/b/xx", false},
	    {"**/x", "a/x/b", true},
	    {"**/*.o", "a/b/c.o", true},
	    {"**/*.o", "c.o", true},
	    {"a/**", "a/b/c", true},
	    {"a/**", "a", false},
	    {"a/**/b", "a/b", true},
	    {"a/**/b", "a/x/y/b", true},
	    {"a/**/b", "ab", false},
	    {"a/**/*b?", "a/x/abc", true},
	    {"**/a/**/b?", "x/a/y/bc", true},
	    {"a**c", "abc", false},
	    {"a**/c*", "ab/c", true},
	    {"a+(b).$", "a+(b).$", true},
	    {"a.c", "abc", false},
	    {"#a", "#a", false},
	    {" #a ", "#a", true},
	    {"\xef\xbb\xbf"
	     "a",
	     "a", true},
	    {"a\r\n\r\n  b  ", "b", true},
	    {"*\n!a", "a", false},
	    {"*\n!a", "a/b", false},
	    {"*\n!a\na/b", "a/b", true},
	    {"!a\n*", "a", true},
	    {"a\n!a/b", "a/b/c", false},
	    {"a\n!a/b", "a/c", true},
	    {"a\n! a/b ", "a/b", false},
	    {"**\n!**/*.md\nREADME.md", "d/x.md", false},
	    {"**\n!**/*.md\nREADME.md", "README.md", true},
	    {"docs\n!docs/README*\ndocs/README-secret", "docs/README-secret", true},
	};

	(void)state;
	for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
		IGNORE i = parse(rows[k].patterns);

		if (ignore_match(i, rows[k].path) != rows[k].ignored)
			fail_msg("\"%s\" and %s: not %d", rows[k].patterns, rows[k].path, rows[k].ignored);
		if (walk(i, rows[k].path) != rows[k].ignored)
			fail_msg("\"%s\" and %s, walked: not %d", rows[k].patterns, rows[k].path, rows[k].ignored);
	}
}

static void test_descend(void **state)
{
	IGNORE plain = parse("a\n!b/c");
	IGNORE deep = parse("a\n!**/x");
	IGNORE star = parse("a\n!a/*/k");

	(void)state;
	assert_false(ignore_may_include_below(plain, "a"));
	assert_true(ignore_may_include_below(plain, "b"));
	assert_false(ignore_may_include_below(plain, "b/c"));
	assert_true(ignore_may_include_below(deep, "a/b"));
	assert_true(ignore_may_include_below(star, "a/b"));
	assert_false(ignore_may_include_below(star, "c"));
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
	    {"a\n!", "I:2: \"!\" alone is no pattern"},
	    {"[a", "I:1: pattern \"[a\": a [ is not closed, a range is not complete, or a \\ stands at the end"},
	    {"x\\", "I:1: pattern \"x\\\": a [ is not closed, a range is not complete, or a \\ stands at the end"},
	    {"[a/x]/../b",
	     "I:1: pattern \"[a/b\": a [ is not closed, a range is not complete, or a \\ stands at the end"},
	    {"[]a]", "I:1: pattern \"[]a]\": a [ is not closed, a range is not complete, or a \\ stands at the end"},
	};
	struct ignore *i = NULL;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
		assert_int_equal(ignore_parse(rows[k].text, strlen(rows[k].text), "I", &i, &err), -EINVAL);
		assert_string_equal(err.text, rows[k].error);
	}
	assert_int_equal(ignore_parse("a\0b", 3, "I", &i, &err), -EINVAL);
	assert_null(i);
}

static void test_limits(void **state)
{
	mem_cleanup char *many = mem_zalloc(1, 2 * IGNORE_PATTERNS_MAX + 3);
	mem_cleanup char *long_one = mem_zalloc(1, IGNORE_PATTERN_LENGTH_MAX + 2);
	struct ignore *i = NULL;

	(void)state;
	for (size_t k = 0; k <= IGNORE_PATTERNS_MAX; k++) {
		many[2 * k] = 'a';
		many[2 * k + 1] = '\n';
	}
	assert_int_equal(ignore_parse(many, strlen(many), "I", &i, NULL), -E2BIG);
	memset(long_one, 'a', IGNORE_PATTERN_LENGTH_MAX + 1);
	assert_int_equal(ignore_parse(long_one, strlen(long_one), "I", &i, NULL), -E2BIG);
	long_one[IGNORE_PATTERN_LENGTH_MAX] = '\0';
	assert_int_equal(ignore_parse(long_one, strlen(long_one), "I", &i, NULL), 0);
	ignore_free(i);
}

/* A pattern that makes a backtracking matcher exponential, on a path that nearly matches: the automaton does not mind. */
static void test_hostile(void **state)
{
	buf_cleanup struct buf pattern = BUF_INIT;
	mem_cleanup char *path = mem_zalloc(1, 4096);

	(void)state;
	for (int k = 0; k < 500; k++)
		buf_adds(&pattern, "**/a*");
	buf_adds(&pattern, "b");
	for (size_t k = 0; k < 4000; k++)
		path[k] = k % 2 ? '/' : 'a';
	{
		IGNORE i = parse(buf_str(&pattern));

		assert_false(ignore_match(i, path));
	}
}

/* 100,000 paths against a usual file: counted, not timed. */
static void test_many(void **state)
{
	IGNORE i = parse(
	    "node_modules\n**/*.o\n**/.git\nbuild/**\n*.log\n!keep.log\ndocs/*/draft?\nsrc/[a-m]*\n**/tmp/**/x\n");
	size_t ignored = 0;

	(void)state;
	for (int k = 0; k < 100000; k++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "dir%d/sub%d/file%d.%s", k % 100, k % 1000, k, k % 4 ? "c" : "o");
		ignored += ignore_match(i, path);
	}
	assert_int_equal(ignored, 25000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_match),  cmocka_unit_test(test_descend), cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_limits), cmocka_unit_test(test_hostile), cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
