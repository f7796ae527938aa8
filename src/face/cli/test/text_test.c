/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/table.h"
#include "face/cli/text.h"
#include "face/cli/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_escape(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
	    {"plain text", "plain text"},
	    {"\x1b]0;owned\a", "\\x1b]0;owned\\x07"},
	    {"a\rb\nc\td", "a\\x0db\\x0ac\\x09d"},
	    {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
	    {"\xc2\x9b"
	     "31m",
	     "\\u009b31m"},
	    {"\x9b"
	     "31m",
	     "\\x9b31m"},
	    /* NOLINTBEGIN(misc-misleading-bidirectional): these characters are what is tested */
	    {"\xe2\x80\xae"
	     "cod.exe",
	     "\\u202ecod.exe"},
	    {"\xe2\x81\xa6x", "\\u2066x"},
	    /* NOLINTEND(misc-misleading-bidirectional) */
	    {"\xc0\x80", "\\xc0\\x80"},
	    {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
	    {"cut \xe2\x82", "cut \\xe2\\x82"},
	    {"\x7f", "\\u007f"},
	    {"\xf3\xa0\x80\x81", "\\U000e0001"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		mem_cleanup char *out = text_escaped(rows[i].in);

		assert_string_equal(out, rows[i].out);
	}
}

/* However the bytes are cut into pieces, the same comes out. */
static void test_filter_pieces(void **state)
{
	static const char in[] = "a\r\nb\rc\xe2\x82\xac\x1b[31m\tz\n\xf0\x9f\x98\x80\r\r\n\xe2\x82";
	static const char want[] = "a\nb\\x0dc\xe2\x82\xac\\x1b[31m\tz\n\xf0\x9f\x98\x80\\x0d\n\\xe2\\x82";

	(void)state;
	for (size_t step = 1; step < sizeof in; step++) {
		struct text_filter f = {.n = 0};
		struct buf out buf_cleanup = BUF_INIT;

		for (size_t at = 0; at < sizeof in - 1; at += step)
			text_filter_add(&f, &out, in + at, at + step < sizeof in - 1 ? step : sizeof in - 1 - at);
		text_filter_end(&f, &out);
		assert_string_equal(buf_str(&out), want);
	}
}

static void test_widths(void **state)
{
	(void)state;
	assert_int_equal(text_width("abc"), 3);
	assert_int_equal(text_width("gr\xc3\xbc\xc3\x9f"), 4);
	assert_int_equal(text_width("\xe6\xbc\xa2\xe5\xad\x97"), 4);
	assert_int_equal(text_width("e\xcc\x81"), 1);
	assert_int_equal(text_cut("gr\xc3\xbc\xc3\x9f", 3), 4);
	assert_int_equal(text_cut("\xe6\xbc\xa2\xe5\xad\x97", 3), 3);
	assert_int_equal(text_cut("abc", 9), 3);
}

static void test_durations(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = {{-5, "0.0 s"},    {850, "0.8 s"},	      {9999, "10.0 s"},	      {12345, "12 s"},
		    {60000, "1 min"}, {200000, "3 min 20 s"}, {7500000, "2 h 5 min"}, {273600000, "3 d 4 h"}};
	char text[TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_string_equal(text_duration(text, rows[i].ms), rows[i].text);
	assert_string_equal(text_ago(text, 0, 1000), "-");
	assert_string_equal(text_ago(text, 1000, 1500), "just now");
	assert_string_equal(text_ago(text, 5000, 1000), "just now"); /* the clock was set back */
	assert_string_equal(text_ago(text, 1000, 181000), "3 min ago");
	assert_string_equal(text_size(text, 1023), "1023 B");
	assert_string_equal(text_size(text, 1536), "1.5 KiB");
	assert_string_equal(text_size(text, UINT64_MAX), "16.0 EiB");
}

static void test_ids(void **state)
{
	static const struct {
		const char *id, *text;
	} rows[] = {{"0123456789abcdef0123456789abcdef", "0123456789ab"},
		    {"sha256:0123456789abcdef0123", "0123456789ab"},
		    {"wordcount-7f3a-and-longer", "wordcount-7f3a-and-longer"},
		    {"0123456789abcdefx\x1b", "0123456789abcdefx\\x1b"},
		    {NULL, ""}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		mem_cleanup char *text = text_id(rows[i].id);

		assert_string_equal(text, rows[i].text);
	}
}

struct unit_row {
	int (*read)(const char *text, uint64_t *ret, struct err *err);
	const char *text;
	int result;
	uint64_t value;
};

static void test_units(void **state)
{
	static const struct unit_row rows[] = {
	    {units_count, "17", 0, 17},
	    {units_count, "-1", -EINVAL, 0},
	    {units_count, "", -EINVAL, 0},
	    {units_count, "99999999999999999999", -EINVAL, 0},
	    {units_count, "1x", -EINVAL, 0},
	    {units_size, "512m", 0, 512u << 20},
	    {units_size, "1.5G", 0, 1536ull << 20},
	    {units_size, "10", 0, 10},
	    {units_size, "2KiB", 0, 2048},
	    {units_size, "1e3", -EINVAL, 0},
	    {units_size, "0x10", -EINVAL, 0},
	    {units_size, "nan", -EINVAL, 0},
	    {units_size, "1.2.3m", -EINVAL, 0},
	    {units_size, "9999999999t", -EINVAL, 0},
	    {units_size, "m", -EINVAL, 0},
	    {units_cpus, "0.5", 0, 500},
	    {units_cpus, "2", 0, 2000},
	    {units_cpus, "0", -EINVAL, 0},
	    {units_cpus, "-1", -EINVAL, 0},
	    {units_cpus, "many", -EINVAL, 0},
	    {units_time, "10", 0, 10000},
	    {units_time, "500ms", 0, 500},
	    {units_time, "1m30s", 0, 90000},
	    {units_time, "1h", 0, 3600000},
	    {units_time, "", -EINVAL, 0},
	    {units_time, "5 s", -EINVAL, 0},
	    {units_time, "1w", -EINVAL, 0},
	    {units_level, "debug", 0, 7},
	    {units_level, "loud", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct err err = ERR_INIT;
		uint64_t value = 0;

		if (rows[i].read(rows[i].text, &value, &err) != rows[i].result || value != rows[i].value)
			fail_msg("\"%s\": %d, %llu: %s", rows[i].text, err.code, (unsigned long long)value, err.text);
		if (rows[i].result < 0)
			assert_non_null(strstr(err.text, rows[i].text));
	}
}

/* `want` is NULL where nothing comes out. */
static void check_words(const char *text, int result, const char *const *want)
{
	char **words cleanup_with(mem_strv_freep) = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(units_words(text, &words, &err), result);
	for (size_t i = 0; want && (want[i] || words[i]); i++)
		assert_string_equal(words[i] ? words[i] : "(none)", want[i] ? want[i] : "(none)");
}

static void test_words(void **state)
{
	(void)state;
	check_words("sh -c 'echo a  b' \"c d\" e\\ f ''", 0,
		    (const char *const[]){"sh", "-c", "echo a  b", "c d", "e f", "", NULL});
	/* What ends a word is left out, whatever it is: a file with the line ends of DOS. */
	check_words("sh -c\r\n\v\ftrue\r", 0, (const char *const[]){"sh", "-c", "true", NULL});
	check_words("  ", 0, (const char *const[]){NULL});
	check_words("[\"sh\", \"-c\"]", 0, (const char *const[]){"sh", "-c", NULL});
	check_words("'open", -EINVAL, NULL);
	check_words("[\"sh\", 1]", -EINVAL, NULL);
	check_words("[\"sh\"", -EINVAL, NULL);
}

static const struct table_column columns[] = {
    {.title = "NAME", .least = 6}, {.title = "N", .right = true}, {.title = "WHY", .least = 5}, {.title = NULL}};

static void check_table(size_t width, const char *want)
{
	struct table *t cleanup_with(table_freep) = table_new(columns);
	struct buf out buf_cleanup = BUF_INIT;

	table_cell(t, "a-long-name");
	table_cellf(t, "%d", 7);
	table_cell(t, "because\x1b[2J");
	table_cell(t, "gr\xc3\xbc");
	table_cellf(t, "%d", 123);
	table_cell(t, NULL);
	assert_int_equal(table_rows(t), 2);
	table_render(t, width, -1, true, &out);
	assert_string_equal(buf_str(&out), want);
}

static void test_table(void **state)
{
	(void)state;
	check_table(0, "NAME           N  WHY\n"
		       "a-long-name    7  because\\x1b[2J\n"
		       "gr\xc3\xbc          123\n");
	check_table(24, "NAME        N  WHY\n"
			"a-long..    7  because..\n"
			"gr\xc3\xbc       123\n");
	/* Narrower than its least widths it stays at those. */
	check_table(3, "NAME      N  WHY\n"
		       "a-lo..    7  bec..\n"
		       "gr\xc3\xbc     123\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_escape),    cmocka_unit_test(test_filter_pieces), cmocka_unit_test(test_widths),
	    cmocka_unit_test(test_durations), cmocka_unit_test(test_ids),	    cmocka_unit_test(test_units),
	    cmocka_unit_test(test_words),     cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
