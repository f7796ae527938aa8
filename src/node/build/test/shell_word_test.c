/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/shell_word.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const vars[][2] = {
    {"DIR", "/srv/app"}, {"EMPTY", ""},	       {"FILE", "a.tar.gz"}, {"WORD", "x"},
    {"Stern", "a*b"},	 {"spaced", " p  q "}, {"Q", "\"q\""},	     {"UML", "\xc3\xa4\xc3\xb6\xc3\xa4"},
    {"PAT", "*."},	 {"_x1", "one"},
};

static const char *lookup(void *ctx, const char *name, size_t n)
{
	(void)ctx;
	for (size_t i = 0; i < sizeof(vars) / sizeof(*vars); i++)
		if (strlen(vars[i][0]) == n && !memcmp(vars[i][0], name, n))
			return vars[i][1];
	return NULL;
}

struct row {
	const char *text, *want; /* want NULL = refused */
};

static void check_rows(const struct shell_word *w, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		mem_cleanup char *got = NULL;
		struct err err = ERR_INIT;
		int r = shell_word_expand(w, rows[i].text, &got, &err);

		if (!rows[i].want) {
			if (r != -EINVAL || !err.text[0])
				fail_msg("\"%s\" was not refused: \"%s\"", rows[i].text, got ? got : "");
		} else if (r < 0 || strcmp(got, rows[i].want) != 0) {
			fail_msg("\"%s\" gave \"%s\", not \"%s\" (%s)", rows[i].text, got ? got : "", rows[i].want,
				 err.text);
		}
	}
}

#define CHECK(w, rows) check_rows(w, rows, sizeof(rows) / sizeof(*(rows)))

static void test_quotes(void **state)
{
	static const struct shell_word w = {.lookup = lookup};
	static const struct row rows[] = {
	    {"", ""},
	    {"plain", "plain"},
	    {"a 'b c' d", "a b c d"},
	    {"'a", NULL},
	    {"\"a", NULL},
	    {"a\\ b", "a b"},
	    {"a\\", "a"},
	    {"\"a\\\\b\"", "a\\b"},
	    {"\"a\\nb\"", "a\\nb"},
	    {"'a\\nb'", "a\\nb"},
	    {"\\'x", "'x"},
	    {"\"$DIR\"", "/srv/app"},
	    {"'$DIR'", "$DIR"},
	    {"\\$DIR", "$DIR"},
	    {"\"\\$DIR\"", "$DIR"},
	    {"\"a'b\"c", "a'bc"},
	    {"\"a\\\"", NULL},
	    {"\xc3\xa4'\xff'", "\xc3\xa4\xff"},
	    {"a<<b", "a<<b"},
	    {"\"\"", ""},
	};

	(void)state;
	CHECK(&w, rows);
}

static void test_variables(void **state)
{
	static const struct shell_word w = {.lookup = lookup};
	static const struct row rows[] = {
	    {"$DIR/x", "/srv/app/x"},
	    {"${DIR}x", "/srv/appx"},
	    {"$DIRx", ""},
	    {"$_x1-", "one-"},
	    {"$12x", "x"},
	    {"$", "$"},
	    {"a$.b", "a$.b"},
	    {"${NO:-d}${EMPTY:-d}${DIR:-d}", "dd/srv/app"},
	    {"${NO-d}${EMPTY-d}${DIR-d}", "d/srv/app"},
	    {"[${NO:+a}${EMPTY:+a}${DIR:+a}]", "[a]"},
	    {"[${NO+a}${EMPTY+a}${DIR+a}]", "[aa]"},
	    {"${DIR:?gone}${EMPTY?gone}", "/srv/app"},
	    {"${NO:?gone}", NULL},
	    {"${NO?gone}", NULL},
	    {"${EMPTY:?gone}", NULL},
	    {"${NO:-${NEITHER:-$WORD}}", "x"},
	    {"${NO:-'a}b'}c", "a}bc"},
	    {"${NO:-a\\}b}", "a}b"},
	    {"${NO:-a", NULL},
	    {"${}", NULL},
	    {"${{}", NULL},
	    {"${:-a}", NULL},
	    {"${DIR=a}", NULL},
	    {"${DIR:a}", NULL},
	    {"${", NULL},
	    {"$(id)`id`", "$(id)`id`"},
	    {"$?$@$*$#$-$$$!$0", ""},
	};

	(void)state;
	CHECK(&w, rows);
}

static void test_patterns(void **state)
{
	static const struct shell_word w = {.lookup = lookup};
	static const struct row rows[] = {
	    {"${FILE%.*}", "a.tar"},
	    {"${FILE%%.*}", "a"},
	    {"${FILE#*.}", "tar.gz"},
	    {"${FILE##*.}", "gz"},
	    {"${FILE#$PAT}", "tar.gz"},
	    {"${FILE%z}", "a.tar.g"},
	    {"${FILE%?}", "a.tar.g"},
	    {"${FILE#b}", "a.tar.gz"},
	    {"${FILE%%*}", ""},
	    {"${FILE#*}", "a.tar.gz"},
	    {"${FILE##?*?}", ""},
	    {"${FILE:#a}", NULL},
	    {"${FILE/./-}", "a-tar.gz"},
	    {"${FILE//./-}", "a-tar-gz"},
	    {"${FILE/.*/}", "a"},
	    {"${FILE//?/x}", "xxxxxxxx"},
	    {"${FILE//a/${WORD}y}", "xy.txyr.gz"},
	    {"${FILE/tar}", NULL},
	    {"${Stern/\\*/+}", "a+b"},
	    {"${Stern#a\\*}", "b"},
	    {"${Stern#\\q}", NULL},
	    {"${UML#?}", "\xc3\xb6\xc3\xa4"},
	    {"${UML//\xc3\xa4/a}", "a\xc3\xb6"
				   "a"},
	    {"${UML%?}", "\xc3\xa4\xc3\xb6"},
	    {"${DIR//\\//_}", "_srv_app"},
	    {"${DIR/a*p/}", "/srv/"},
	    {"${NO%x}${NO/a/b}", ""},
	    {"${FILE/x/y}", "a.tar.gz"},
	    {"${FILE//*a/-}", "-r.gz"},
	    {"${FILE/#/x}", "a.tar.gz"},
	};

	(void)state;
	CHECK(&w, rows);
}

/* The other ways: another escape character, raw quotes, heredoc text, unset variables kept. */
static void test_ways(void **state)
{
	static const struct shell_word tick = {.lookup = lookup, .escape = '`'};
	static const struct shell_word doc = {.lookup = lookup, .no_quotes = true};
	static const struct shell_word raw = {
	    .lookup = lookup, .raw_quotes = true, .raw_escapes = true, .keep_unset = true};
	static const struct row tick_rows[] = {{"C:\\x`$DIR", "C:\\x$DIR"}, {"\"`\"\"", "\""}, {"a` b", "a b"}};
	static const struct row doc_rows[] = {{"it's \"$WORD\"\n", "it's \"x\"\n"}, {"\\$WORD", "$WORD"}};
	static const struct row raw_rows[] = {
	    {"'a' \"$WORD\"", "'a' \"x\""},
	    {"a\\ b", "a\\ b"},
	    {"$NO ${NO} ${NO:-w} ${NO#p} ${NO//a/b} ${NO/a/b}", "$NO ${NO} ${NO:-w} ${NO#p} ${NO//a/b} ${NO/a/b}"}};

	(void)state;
	CHECK(&tick, tick_rows);
	CHECK(&doc, doc_rows);
	CHECK(&raw, raw_rows);
}

static void test_split(void **state)
{
	static const struct shell_word w = {.lookup = lookup};
	static const struct {
		const char *text, *words[5];
	} rows[] = {
	    {"", {NULL}},
	    {"  a \t b\n", {"a", "b"}},
	    {"a$spaced\"$spaced\"", {"a", "p", "q", " p  q "}},
	    {"'a b'c d\\ e", {"a bc", "d e"}},
	    {"\"\" x", {"x"}},
	    {"<<  EOF >f", {"<<  EOF", ">f"}},
	    {"< a", {"<", "a"}},
	    {"$Q", {"\"q\""}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char **got __attribute__((cleanup(mem_strv_freep))) = NULL;

		assert_int_equal(shell_word_split(&w, rows[i].text, &got, NULL), 0);
		for (size_t k = 0; k < 5; k++) {
			if (!rows[i].words[k]) {
				assert_null(got[k]);
				break;
			}
			assert_non_null(got[k]);
			assert_string_equal(got[k], rows[i].words[k]);
		}
	}
}

static const char *big(void *ctx, const char *name, size_t n)
{
	(void)name;
	(void)n;
	return ctx;
}

static void test_limits(void **state)
{
	mem_cleanup char *value = mem_zalloc(SHELL_WORD_MAX / 2 + 2, 1);
	struct shell_word w = {.lookup = big, .ctx = value};
	buf_cleanup struct buf deep = BUF_INIT;
	mem_cleanup char *got = NULL;
	char **words = NULL;
	struct err err = ERR_INIT;

	(void)state;
	memset(value, 'a', SHELL_WORD_MAX / 2 + 1);
	assert_int_equal(shell_word_expand(&w, "$A$A", &got, &err), -E2BIG);
	assert_int_equal(shell_word_expand(&w, "\"$A$A\"", &got, &err), -E2BIG);
	assert_int_equal(shell_word_expand(&w, "${A:+$A$A}", &got, &err), -E2BIG);
	assert_int_equal(shell_word_expand(&w, "${A//a/bb}", &got, &err), -E2BIG);
	assert_int_equal(shell_word_expand(&w, "${A#$A}", &got, &err), -E2BIG);
	for (int i = 0; i < SHELL_WORD_DEPTH + 1; i++)
		buf_adds(&deep, "${A:+");
	assert_int_equal(shell_word_expand(&w, buf_str(&deep), &got, &err), -E2BIG);
	for (size_t i = 0; i < SHELL_WORD_MAX / 2; i += 2)
		value[i] = ' ';
	assert_int_equal(shell_word_split(&w, "$A", &words, &err), -E2BIG);
	assert_null(got);
	assert_null(words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_quotes), cmocka_unit_test(test_variables), cmocka_unit_test(test_patterns),
	    cmocka_unit_test(test_ways),   cmocka_unit_test(test_split),     cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
