/* SPDX-License-Identifier: Apache-2.0
 *
 * The pure parts as tables: scalars, words, interpolation, .env files, suggestions.
 */
#include "base/core/buf.h"
#include "base/core/mem.h"
#include "face/compose/arena.h"
#include "face/compose/block.h"
#include "face/compose/dotenv.h"
#include "face/compose/interpolate.h"
#include "face/compose/quoted.h"
#include "face/compose/scalar.h"
#include "face/compose/suggest.h"
#include "face/compose/words.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NONE INT64_MIN

struct row {
	const char *text;
	int64_t value; /* NONE = refused */
};

static void check_rows(const struct row *rows, bool (*parse)(const char *text, int64_t *ret))
{
	for (; rows->text; rows++) {
		int64_t value = NONE;

		if (!parse(rows->text, &value))
			value = NONE;
		if (value != rows->value)
			fail_msg("\"%s\" is %lld, not %lld", rows->text, (long long)value, (long long)rows->value);
	}
}

static void test_int(void **state)
{
	static const struct row rows[] = {{"0", 0},
					  {"12", 12},
					  {"-3", -3},
					  {"+4", 4},
					  {"017", 15},
					  {"0o17", 15},
					  {"0x1f", 31},
					  {"0b101", 5},
					  {"1_000", 1000},
					  {"", NONE},
					  {"-", NONE},
					  {"0x", NONE},
					  {"0x0x5", NONE},
					  {"0b0b1", NONE},
					  {"08", NONE},
					  {"1.5", NONE},
					  {"12a", NONE},
					  {"_1", NONE},
					  {" 1", NONE},
					  {"--1", NONE},
					  {"9223372036854775807", INT64_MAX},
					  {"9223372036854775808", NONE},
					  {NULL, 0}};

	(void)state;
	check_rows(rows, scalar_int);
}

static void test_duration(void **state)
{
	static const struct row rows[] = {{"0", 0},	     {"0s", 0},		{"1s", 1000},	     {"500ms", 500},
					  {"1m30s", 90000},  {"1.5h", 5400000}, {"1h1m1s", 3661000}, {"2d", 172800000},
					  {"1w", 604800000}, {"1.1s", 1100},	{"1us", 1},	     {"10", NONE},
					  {"", NONE},	     {"s", NONE},	{"1 s", NONE},	     {"-1s", NONE},
					  {"1x", NONE},	     {"1s2", NONE},	{"1..s", NONE},	     {"999999w", NONE},
					  {NULL, 0}};

	(void)state;
	check_rows(rows, scalar_duration);
}

static void test_size(void **state)
{
	static const struct row rows[] = {{"0", 0},
					  {"512", 512},
					  {"512b", 512},
					  {"1k", 1024},
					  {"1kb", 1024},
					  {"1KiB", 1024},
					  {"64m", 64 << 20},
					  {"1.5g", 1610612736},
					  {"2GB", 2147483648},
					  {"1 m", 1 << 20},
					  {"1bb", NONE},
					  {"m", NONE},
					  {"-1m", NONE},
					  {"1x", NONE},
					  {"1mbx", NONE},
					  {"99999999p", NONE},
					  {"", NONE},
					  {NULL, 0}};

	(void)state;
	check_rows(rows, scalar_size);
}

static void test_cpus_and_modes(void **state)
{
	static const struct row cpus[] = {{"0.5", 500}, {"2", 2000},	 {"1.25", 1250}, {"0.0001", 1},
					  {"0.1", 100}, {"", NONE},	 {".", NONE},	 {"1.2.3", NONE},
					  {"-1", NONE}, {"2cpus", NONE}, {NULL, 0}};
	static const struct row modes[] = {{"0440", 0440},  {"440", 0440}, {"0o440", 0440}, {"7777", 07777},
					   {"10000", NONE}, {"8", NONE},   {"", NONE},	    {"0o", NONE},
					   {"rw", NONE},    {NULL, 0}};

	(void)state;
	check_rows(cpus, scalar_cpus);
	check_rows(modes, scalar_mode);
}

static void test_signals(void **state)
{
	static const struct {
		const char *text, *name; /* NULL = refused */
	} rows[] = {{"SIGTERM", "SIGTERM"},
		    {"term", "SIGTERM"},
		    {"15", "SIGTERM"},
		    {"9", "SIGKILL"},
		    {"SIGRTMIN", "SIGRTMIN"},
		    {"RTMIN+3", "SIGRTMIN+3"},
		    {"RTMAX", "SIGRTMIN+30"},
		    {"37", "SIGRTMIN+3"},
		    {"0", NULL},
		    {"65", NULL},
		    {"SIGFOO", NULL},
		    {"", NULL},
		    {"RTMIN+99", NULL},
		    {"RTMIN-1", NULL},
		    {"RTMIN+9223372036854775807", NULL},
		    {"RTMAX--9223372036854775807", NULL},
		    {"SIG", NULL}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char name[SCALAR_SIGNAL_MAX] = "";
		bool ok = scalar_signal(rows[i].text, name);

		assert_int_equal(ok, rows[i].name != NULL);
		if (ok)
			assert_string_equal(name, rows[i].name);
	}
}

static void test_bools_and_numbers(void **state)
{
	double number;
	bool b;

	(void)state;
	assert_true(scalar_bool("true", false, &b) && b);
	assert_true(scalar_bool("False", false, &b) && !b);
	assert_false(scalar_bool("yes", false, &b));
	assert_true(scalar_bool("yes", true, &b) && b);
	assert_true(scalar_bool("0", true, &b) && !b);
	assert_false(scalar_bool("maybe", true, &b));
	assert_true(scalar_number("-1.5e3", &number) && number == -1500);
	assert_true(scalar_number("0x10", &number) && number == 16);
	assert_true(scalar_number("0.1e-5", &number) && number == 1e-6);
	assert_true(scalar_number("-.5E+2", &number) && number == -50);
	assert_false(scalar_number("1e0x5", &number) || scalar_number("1e", &number) || scalar_number("1e+", &number) ||
		     scalar_number("1e999", &number));
	assert_false(scalar_number("1e999", &number));
	assert_false(scalar_number("nan", &number));
	assert_false(scalar_number("", &number));
}

static void test_utf8(void **state)
{
	size_t at;

	(void)state;
	assert_true(scalar_utf8("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 10, &at));
	assert_false(scalar_utf8("ab\xff", 3, &at));
	assert_int_equal(at, 2);
	assert_false(scalar_utf8("\xc0\x80", 2, &at));
	assert_false(scalar_utf8("\xed\xa0\x80", 3, &at));
	assert_false(scalar_utf8("\xf4\x90\x80\x80", 4, &at));
	assert_false(scalar_utf8("\xe2\x82", 2, &at));
}

static void test_words(void **state)
{
	static const struct {
		const char *text, *words; /* joined by |; NULL = refused */
	} rows[] = {{"echo hi", "echo|hi"},
		    {"  a\t b\n", "a|b"},
		    {"sh -c 'a \"b\"'", "sh|-c|a \"b\""},
		    {"\"a b\"c", "a bc"},
		    {"a\\ b", "a b"},
		    {"\"\\$x \\\" \\n\"", "$x \" \\n"},
		    {"''", ""},
		    {"", NULL},
		    {"a '' b", "a||b"},
		    {"a\\\nb", "ab"},
		    {"'a", "!"},
		    {"\"a", "!"},
		    {"a\\", "!"},
		    {"\"a\\", "!"}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena a = {0};
		struct strings words = {0};
		struct buf joined = BUF_INIT;
		const char *why = NULL;
		bool ok = words_split(&a, rows[i].text, &words, &why);

		for (size_t k = 0; k < words.n; k++)
			buf_printf(&joined, "%s%s", k ? "|" : "", words.v[k]);
		if (rows[i].words && strcmp(rows[i].words, "!") == 0)
			assert_true(!ok && why);
		else if (rows[i].words)
			assert_string_equal(buf_str(&joined), rows[i].words);
		else
			assert_true(ok && words.n == 0);
		buf_free(&joined);
		arena_free(&a);
	}
}

struct quoted_row {
	const char *raw, *text;
};

static void check_quoted(const struct quoted_row *rows, char *(*decode)(struct arena *, const char *, size_t, size_t *))
{
	for (; rows->raw; rows++) {
		struct arena a = {0};
		size_t len;
		char *text = decode(&a, rows->raw, strlen(rows->raw), &len);

		assert_string_equal(text, rows->text);
		assert_int_equal(len, strlen(rows->text));
		arena_free(&a);
	}
}

static void test_quoted_single(void **state)
{
	static const struct quoted_row rows[] = {{"", ""},
						 {"a", "a"},
						 {"''", "'"},
						 {"''''", "''"},
						 {"x''''y", "x''y"},
						 {"a\nb", "a b"},
						 {"a \t\n \tb", "a b"},
						 {"a\n\nb", "a\nb"},
						 {"a\n\n \nb", "a\n\nb"},
						 {"a\r\nb", "a b"},
						 {"a\r\n\r\nb", "a\nb"},
						 {"\n", " "},
						 {"a''\n''b", "a' 'b"},
						 {"\\n", "\\n"},
						 {" a ", " a "},
						 {NULL, NULL}};

	(void)state;
	check_quoted(rows, quoted_single);
}

static void test_quoted_double(void **state)
{
	static const struct quoted_row rows[] = {{"", ""},
						 {"a", "a"},
						 {"\\n\\t\\\"\\\\\\/", "\n\t\"\\/"},
						 {"\\x41\\u00e4\\U0001f600", "A\xc3\xa4\xf0\x9f\x98\x80"},
						 {"\\ud83d\\ude00", "\xf0\x9f\x98\x80"},
						 {"\\ud83dx", "\xef\xbf\xbdx"},
						 {"\\ud83d\\u0041", "\xef\xbf\xbd"
								    "A"},
						 {"\\N\\_\\L\\P", "\xc2\x85\xc2\xa0\xe2\x80\xa8\xe2\x80\xa9"},
						 {"a\nb", "a b"},
						 {"a  \n\n  b", "a\nb"},
						 {"a\\t  \n b", "a\t b"},
						 {"a\\\n  b", "ab"},
						 {"a \\\n  b", "a b"},
						 {"a\\\\\\\n  b", "a\\b"},
						 {"a\\\n\n  b", "a\nb"},
						 {"a\\\n  \\ b", "a b"},
						 {"\\x4", "\xef\xbf\xbd"
							  "4"},
						 {"\\q", "\xef\xbf\xbd"},
						 {"\\", "\xef\xbf\xbd"},
						 {NULL, NULL}};

	(void)state;
	check_quoted(rows, quoted_double);
}

static void test_block(void **state)
{
	static const struct {
		bool folded;
		const char *header, *raw, *text;
	} rows[] = {{false, ": |\n", "  a\n   b\n", "a\n b\n"},
		    {false, ": |-\n", "  a\n  b\n\n", "a\nb"},
		    {false, ": |+\n", "  a\n\n \n", "a\n\n\n"},
		    {false, ": |\n", "  a", "a"},
		    {false, ": |\n", "\n\n  a\n", "\n\na\n"},
		    {false, ": |\n", "  a\n    \n  b\n", "a\n  \nb\n"},
		    {false, ": |1\n", "  a\n", " a\n"},
		    {false, ": |+1 # |-\n", "  a\n\n", " a\n\n"},
		    {false, ": # |+\n |-\n", "  a\n", "a"},
		    {false, ": |\n", "", ""},
		    {false, ": |\n", "\n\n", ""},
		    {false, ": |+\n", "\n\n", "\n\n"},
		    {false, ": |\r\n", "  a\r\n  b\r\n", "a\nb\n"},
		    {true, ": >\n", "  a\n  b\n", "a b\n"},
		    {true, ": >-\n", "  a\n\n  b\n", "a\nb"},
		    {true, ": >\n", "  a\n   b\n  c\n", "a\n b\nc\n"},
		    {true, ": >\n", "  a\n\n   b\n\n  c\n", "a\n\n b\n\nc\n"},
		    {true, ": >\n", "\n  a\n", "\na\n"},
		    {true, ": >+\n", "  a\n\n", "a\n\n"},
		    {true, ": |\n", "", NULL},
		    {false, ": |x\n", "", NULL},
		    {false, ": |--\n", "", NULL},
		    {false, "", "", NULL}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena a = {0};
		struct block b = {.folded = rows[i].folded};
		size_t len;

		assert_int_equal(block_header(&b, rows[i].header, strlen(rows[i].header)), rows[i].text != NULL);
		if (rows[i].text) {
			assert_string_equal(block_text(&a, &b, rows[i].raw, strlen(rows[i].raw), &len), rows[i].text);
			assert_int_equal(len, strlen(rows[i].text));
		}
		arena_free(&a);
	}
}

/* ---- interpolation ---- */

static const char *lookup(void *ctx, const char *name)
{
	(void)ctx;
	if (strcmp(name, "A") == 0)
		return "a";
	return strcmp(name, "E") == 0 ? "" : strcmp(name, "D") == 0 ? "$A" : NULL;
}

static void count_unset(void *ctx, const char *name)
{
	(void)name;
	(*(int *)ctx)++;
}

static void test_interpolate(void **state)
{
	static const struct {
		const char *text, *result; /* NULL = refused */
		int unset;
	} rows[] = {
	    {"x", "x", 0},
	    {"$A", "a", 0},
	    {"${A}", "a", 0},
	    {"$A$A", "aa", 0},
	    {"$A.b", "a.b", 0},
	    {"$$A", "$A", 0},
	    {"$$$A", "$a", 0},
	    {"$D", "$A", 0}, /* values are not looked through again */
	    {"$N", "", 1},
	    {"${N}", "", 1},
	    {"${E}", "", 0},
	    {"${N:-d}", "d", 0},
	    {"${N-d}", "d", 0},
	    {"${E:-d}", "d", 0},
	    {"${E-d}", "", 0},
	    {"${A:-d}", "a", 0},
	    {"${N:-}", "", 0},
	    {"${N:-${A}}", "a", 0},
	    {"${N:-${N:-${A}b}c}", "abc", 0},
	    {"${N:-$A-$$}", "a-$", 0},
	    {"${A:-${N}}", "a", 0}, /* not used, so not told */
	    {"${A:+r}", "r", 0},
	    {"${E:+r}", "", 0},
	    {"${E+r}", "r", 0},
	    {"${N+r}", "", 0},
	    {"${A:?e}", "a", 0},
	    {"${A?e}", "a", 0},
	    {"${E?e}", "", 0},
	    {"${E:?e}", NULL, 0},
	    {"${N:?needs $A}", NULL, 0},
	    {"${N?}", NULL, 0},
	    {"${A:-${N:?e}}", "a", 0},
	    {"${N:-a}}", "a}", 0},
	    {"}", "}", 0},
	    {"$", NULL, 0},
	    {"$1", NULL, 0},
	    {"${}", NULL, 0},
	    {"${1}", NULL, 0},
	    {"${A", NULL, 0},
	    {"${A:", NULL, 0},
	    {"${A:-b", NULL, 0},
	    {"${A!}", NULL, 0},
	    {"${A:=b}", NULL, 0},
	    {"$(date)", NULL, 0},
	    {"${N:-${N:-${N:-${N:-${N:-${N:-${N:-${N:-${N:-${N:-${N:-${N:-${N:-${N:-${N:-${N:-${N:-x}}}}}}}}}}}}}}}}}",
	     NULL, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf out = BUF_LIMIT(1000);
		int unset = 0;
		struct interpolate in = {.lookup = lookup, .unset = count_unset, .ctx = &unset};
		int r = interpolate_text(&in, rows[i].text, &out);

		if ((r == 0) != (rows[i].result != NULL) || (r == 0 && strcmp(buf_str(&out), rows[i].result) != 0))
			fail_msg("\"%s\" is %d \"%s\" (%s)", rows[i].text, r, buf_str(&out), in.why);
		if (r == 0)
			assert_int_equal(unset, rows[i].unset);
		else
			assert_true(in.why[0]);
		buf_free(&out);
	}
}

static void test_interpolate_lone(void **state)
{
	static const struct {
		const char *text, *result; /* NULL = refused */
	} rows[] = {{"$", "$"},
		    {"a$", "a$"},
		    {"$1", "$1"},
		    {"$ A$A", "$ Aa"},
		    {"$(date)", "$(date)"},
		    {"$$$", "$$"},
		    {"$\xc3\xa9", "$\xc3\xa9"},
		    {"${N:-$}", "$"},
		    {"^x$|$A", "^x$|a"},
		    {"$}", "$}"},
		    {"${", NULL},
		    {"${}", NULL},
		    {"${1}", NULL},
		    {"${A", NULL}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf out = BUF_LIMIT(1000);
		struct interpolate in = {.lookup = lookup, .lone = true};
		int r = interpolate_text(&in, rows[i].text, &out);

		if ((r == 0) != (rows[i].result != NULL) || (r == 0 && strcmp(buf_str(&out), rows[i].result) != 0))
			fail_msg("\"%s\" is %d \"%s\" (%s)", rows[i].text, r, buf_str(&out), in.why);
		buf_free(&out);
	}
}

static void test_interpolate_limit(void **state)
{
	struct buf out = BUF_LIMIT(4);
	struct interpolate in = {.lookup = lookup};

	(void)state;
	assert_int_equal(interpolate_text(&in, "$A$A$A$A$A", &out), -E2BIG);
	assert_non_null(strstr(in.why, "limit"));
	buf_free(&out);
}

/* ---- .env ---- */

static void collect(void *ctx, const char *name, const char *value)
{
	buf_printf(ctx, "%s=%s|", name, value ? value : "(none)");
}

static const char *no_lookup(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "OUT") == 0 ? "outside" : NULL;
}

static void test_dotenv(void **state)
{
	static const struct {
		const char *text, *result; /* "!LINE" = refused in that line */
		bool raw;
	} rows[] = {{"A=b", "A=b|", false},
		    {"\xef\xbb\xbf"
		     "A=b\r\nC=d\r\n",
		     "A=b|C=d|", false},
		    {"# c\n\n  A = b  # c\n", "A=b|", false},
		    {"A=b#c", "A=b#c|", false},
		    {"export A=b", "A=b|", false},
		    {"A=", "A=|", false},
		    {"A", "A=(none)|", false},
		    {"A='$x #'", "A=$x #|", false},
		    {"A=\"x\\ny\"", "A=x\ny|", false},
		    {"A=1\nB=$A-${C:-d}", "A=1|B=1-d|", false},
		    {"A=$OUT", "A=outside|", false},
		    {"A=\"\\$OUT\"", "A=$OUT|", false},
		    {"A='two\nlines'\nB=c", "A=two\nlines|B=c|", false},
		    {"A: b", "A=b|", false},
		    {"A=\"x\" # c\nB=1", "A=x|B=1|", false},
		    {"A=\" b\" #$x", "A=\" b\" #$x|", true},
		    {"A=1\n=b", "!line 2", false},
		    {"A='x", "!line 1", false},
		    {"\nA=\"x", "!line 2", false},
		    {"A=\"x\"y", "!line 1", false},
		    {"A b", "!line 1", false},
		    {"A=$(x)$", "A=$(x)$|", false},
		    {"A=${", "!line 1", false},
		    {"A=#b", "A=#b|", false},
		    {"A= #b # c\nB=", "A=#b|B=|", false},
		    {"A='it\\'s'", "A=it's|", false},
		    {"A='a\\\\'", "A=a\\\\|", false},
		    {"A='\\'\nB=1", "!line 1", false},
		    {"A=\"\\d+\\.\\\\ \\\"\"", "A=\\d+\\.\\ \"|", false},
		    {"A=\"\\0101\\0351\\0000\\01\"", "A=A\xc3\xa9\\0000\\01|", false},
		    {"A=\"x\\\ny\"\nB=\"", "!line 3", false}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf out = BUF_INIT;
		struct dotenv d = {.lookup = no_lookup, .set = collect, .ctx = &out, .raw = rows[i].raw};
		int r = dotenv_parse(&d, rows[i].text);

		if (rows[i].result[0] == '!') {
			if (r == 0 || strncmp(d.why, rows[i].result + 1, strlen(rows[i].result) - 1) != 0)
				fail_msg("%s: %s", rows[i].text, d.why);
		} else if (r || strcmp(buf_str(&out), rows[i].result) != 0) {
			fail_msg("%s: %s (%s)", rows[i].text, buf_str(&out), d.why);
		}
		buf_free(&out);
	}
}

static void test_suggest(void **state)
{
	static const char *const words[] = {"image", "init", "command", "depends_on", "cpus", NULL};
	static const struct {
		const char *wrong, *best;
	} rows[] = {{"imgae", "image"},
		    {"imag", "image"},
		    {"Image", "image"},
		    {"comand", "command"},
		    {"depends-on", "depends_on"},
		    {"cpu", "cpus"},
		    {"comm", "command"},
		    {"xyzzy", NULL},
		    {"", NULL},
		    {"c", NULL},
		    {"dependson", "depends_on"}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct suggest s = {.wrong = rows[i].wrong};

		for (const char *const *w = words; *w; w++)
			suggest_try(&s, *w);
		if (!rows[i].best)
			assert_null(s.best);
		else
			assert_string_equal(s.best, rows[i].best);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_int),
					   cmocka_unit_test(test_duration),
					   cmocka_unit_test(test_size),
					   cmocka_unit_test(test_cpus_and_modes),
					   cmocka_unit_test(test_signals),
					   cmocka_unit_test(test_bools_and_numbers),
					   cmocka_unit_test(test_utf8),
					   cmocka_unit_test(test_words),
					   cmocka_unit_test(test_quoted_single),
					   cmocka_unit_test(test_quoted_double),
					   cmocka_unit_test(test_block),
					   cmocka_unit_test(test_interpolate),
					   cmocka_unit_test(test_interpolate_lone),
					   cmocka_unit_test(test_interpolate_limit),
					   cmocka_unit_test(test_dotenv),
					   cmocka_unit_test(test_suggest)};

	return cmocka_run_group_tests_name("parts", tests, NULL, NULL);
}
