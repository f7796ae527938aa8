/* SPDX-License-Identifier: Apache-2.0
 *
 * Snapshots from other hands: a state that was written is read back (the stories do that at each step); anything
 * else is an error that names the line, never a crash and never a state that breaks an invariant.
 */
#include "cluster/sched/test/story.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A state that has a bit of everything. */
static const char rich[] =
    "node n1 3\nnode n2 2\nnode n3 9\ndown n3\nfacts n1 labels.a=b~c has.x=\n"
    "submit a priority=3: one x9 tries=4 elsewhere delay=1s walltime=9s -> two after=one:started\n"
    "started a/one/0#1\nexit a/one/1#1 3 oom\nfail a/one/2#1 no%such-image\nlost a/one/3#1\n"
    "submit b exit_with=y: x service health restart=always; y after=x:healthy; z expand\n"
    "submit c: p on_error=suspend slots=0; q slots=0\nexit c/p/0#1 1\nstarted c/q/0#1\ncancel c\nsubmit d: x "
    "select=has(x); y select=slots>=5;\n";

static char *rich_text(size_t *ret_n)
{
	struct sched *s = NULL;
	mem_cleanup char *out = story_play(rich, &s);
	char *text = sched_save(s, ret_n);

	assert_null(strstr(out, "\n! "));
	sched_free(s);
	return text;
}

/* 0 and a sound state, or an error. */
static int try_load(const char *text, size_t n, struct err *err)
{
	mem_cleanup char *exact = mem_new_n(char, n ? n : 1); /* so that the sanitizer sees a read past the end */
	struct sched *s = NULL;
	int r;

	memcpy(exact, text, n);
	r = sched_load(&s, exact, n, err);
	if (r == 0) {
		assert_int_equal(sched_invariants(s, err), 0);
		sched_free(s);
	} else {
		assert_int_equal(r, -EINVAL);
		assert_int_equal(err->code, EINVAL);
	}
	return r;
}

static void test_cut(void **state)
{
	size_t n;
	mem_cleanup char *text = rich_text(&n);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(try_load(text, n, &err), 0);
	for (size_t k = 0; k < n; k++)
		assert_int_equal(try_load(text, k, &err), -EINVAL);
}

/* Each byte replaced by some others: most are errors, none does harm. */
static void test_changed(void **state)
{
	static const char others[] = {'0', '9', '-', ' ', '\n', '%', 'x', 0, (char)0xff};
	size_t n, refused = 0;
	mem_cleanup char *text = rich_text(&n);

	(void)state;
	for (size_t k = 0; k < n; k++) {
		for (size_t o = 0; o < sizeof others; o++) {
			char kept = text[k];
			struct err err = ERR_INIT;

			text[k] = others[o];
			refused += try_load(text, n, &err) < 0;
			text[k] = kept;
		}
	}
	assert_true(refused > n);
}

/* A line left out or there twice. */
static void test_lines(void **state)
{
	size_t n;
	mem_cleanup char *text = rich_text(&n);
	mem_cleanup char *copy = mem_new_n(char, 2 * n);

	(void)state;
	for (size_t from = 0, to; from < n; from = to) {
		struct err err = ERR_INIT;

		to = (size_t)((char *)memchr(text + from, '\n', n - from) - text) + 1;
		memcpy(copy, text, from);
		memcpy(copy + from, text + to, n - to);
		assert_int_equal(try_load(copy, n - (to - from), &err), -EINVAL);
		memcpy(copy, text, to);
		memcpy(copy + to, text + from, n - from);
		assert_int_equal(try_load(copy, n + (to - from), &err), -EINVAL);
	}
}

static const struct {
	const char *text, *error;
} rows[] = {
    {"", "line 1: the text ends too early"},
    {"\n", "line 1: another line was expected"},
    {"berth-sched 999\n", "line 1: this version"},
    {"berth-sched 1\ntime 5 0\n", "line 3: the text ends too early"},
    {"berth-sched 1\ntime 5 0\nend 3\n", "line 3: the number of lines"},
    {"berth-sched 1\ntime 5 0\nend 2\nend 2\n", "the number of lines"},
    {"berth-sched 1\ntime 0 0\nend 2\n", "line 2: a number is out of range"},
    {"berth-sched 1\ntime 5\nend 2\n", "line 2: a word is missing"},
    {"berth-sched 1\ntime 5 0 0\nend 2\n", "line 2: more words"},
    {"berth-sched 1\ntime 99999999999999999999 0\nend 2\n", "line 2: a whole number"},
    {"berth-sched 1\ntime 5 0\nnode n 1 0 4 1 1\nnode n 1 0 4 1 1\nend 4\n", "line 4: the node's name"},
    {"berth-sched 1\ntime 5 0\nnode %0 1 0 4 1 1\nend 3\n", "line 3: a text is wrong"},
    {"berth-sched 1\ntime 5 0\njob j j 0 0 -1 1 0 0 0 0 0 pending 0 - 0\nend 3\n", "has no task"},
    {"berth-sched 1\ntime 5 0\njob j j 0 0 -1 1 0 0 0 0 1 pending 0 - 1\nend 3\n", "disagree"},
    {"berth-sched 1\ntime 5 0\njob j j 0 0 -1 1 0 0 0 0 0 pending 0 - 99999\nend 3\n", "line 3: a whole number"},
};

static void test_rows(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(try_load("berth-sched 1\ntime 5 0\nend 2\n", 29, &err), 0);
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		err_clear(&err);
		assert_int_equal(try_load(rows[k].text, strlen(rows[k].text), &err), -EINVAL);
		if (!strstr(err.text, rows[k].error))
			fail_msg("\"%s\" does not tell \"%s\"", err.text, rows[k].error);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_changed),
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_rows),
	};

	/* For the fuzzer's corpus. */
	if (argc == 2 && !strcmp(argv[1], "--print")) {
		size_t n;
		mem_cleanup char *text = rich_text(&n);

		fputs(text, stdout);
		return 0;
	}
	return cmocka_run_group_tests_name("sched/snapshot", tests, NULL, NULL);
}
