/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire/protobuf.h"

#include "base/core/buf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The bytes are those of the format's own documentation: field 1 = 150, field 2 = "testing". */
static void writes_what_the_format_says(void **state)
{
	buf_cleanup struct buf b = BUF_INIT, outer = BUF_INIT;

	(void)state;
	pb_number(&b, 1, 150);
	pb_text(&b, 2, "testing");
	pb_text(&b, 3, NULL);
	assert_int_equal(b.len, 12);
	assert_memory_equal(b.data, "\x08\x96\x01\x12\x07testing", 12);
	pb_message(&outer, 37, &b);
	assert_memory_equal(outer.data, "\xaa\x02\x0c\x08\x96\x01", 6);
}

static void reads_what_it_wrote(void **state)
{
	buf_cleanup struct buf b = BUF_INIT;
	struct pb_field f;
	const char *at, *end;

	(void)state;
	pb_number(&b, 7, UINT64_MAX);
	pb_text(&b, 500, "");
	pb_number(&b, 2, 0);
	at = b.data;
	end = at + b.len;
	assert_int_equal(pb_next(&at, end, &f), 1);
	assert_true(f.field == 7 && f.number == UINT64_MAX && !f.text);
	assert_int_equal(pb_next(&at, end, &f), 1);
	assert_true(f.field == 500 && f.text && f.n == 0);
	assert_int_equal(pb_next(&at, end, &f), 1);
	assert_true(f.field == 2 && f.number == 0 && !f.text);
	assert_int_equal(pb_next(&at, end, &f), 0);
}

static void refuses_what_is_cut_or_wrong(void **state)
{
	static const struct {
		const char *data;
		size_t n;
	} rows[] = {{"\x08", 1},	 /* no value */
		    {"\x08\x96", 2},	 /* half a number */
		    {"\x12\x07test", 6}, /* a text longer than there is */
		    {"\x0b", 1},	 /* a group, which nobody uses */
		    {"\x0d\x01\x02", 3}, /* half of 32 bits */
		    {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *at = rows[i].data;
		struct pb_field f;

		assert_int_equal(pb_next(&at, at + rows[i].n, &f), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(writes_what_the_format_says),
					   cmocka_unit_test(reads_what_it_wrote),
					   cmocka_unit_test(refuses_what_is_cut_or_wrong)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
