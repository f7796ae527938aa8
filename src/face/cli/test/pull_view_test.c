/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/pull_view.h"

#include "base/core/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above first */
#include <cmocka.h>

static void take(struct pull_view *v, const char *id, const char *action, uint64_t done, uint64_t total)
{
	pull_view_take(v, &(struct image_progress){.id = id, .action = action, .done = done, .total = total});
}

static void test_plain(void **state)
{
	struct buf out buf_cleanup = BUF_INIT;
	struct pull_view v = {.fd = -1};

	(void)state;
	take(&v, "aa", "Downloading", 1, 10);
	take(&v, "bb", "Already exists", 5, 5);
	take(&v, "aa", "Downloading", 9, 10);
	take(&v, "", "a \033[31mword", 0, 0);
	pull_view_plain(&v, &out);
	assert_string_equal(buf_str(&out), "aa: Downloading\nbb: Already exists\na \\x1b[31mword\n");
	buf_clear(&out);
	pull_view_plain(&v, &out);
	assert_string_equal(buf_str(&out), "");
	take(&v, "aa", "Pull complete", 10, 10);
	pull_view_plain(&v, &out);
	assert_string_equal(buf_str(&out), "aa: Pull complete\n");
	pull_view_end(&v);
}

static void test_paint(void **state)
{
	struct buf out buf_cleanup = BUF_INIT;
	struct pull_view v = {.fd = -1};

	(void)state;
	take(&v, "aa", "Downloading", 512, 1024);
	take(&v, "bb", "Waiting", 0, 1024);
	pull_view_paint(&v, 120, 24, &out);
	assert_string_equal(buf_str(&out),
			    "aa: Downloading  [===============>              ]  512 B / 1.0 KiB\033[K\r\n"
			    "bb: Waiting\033[K\r\n");
	buf_clear(&out);
	/* Painted over; narrow and low terminals get less. */
	pull_view_paint(&v, 8, 3, &out);
	assert_string_equal(buf_str(&out), "\r\033[2A\033[Jbb: Wai\033[K\r\n");
	v.painted = 0;
	pull_view_end(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_plain),
	    cmocka_unit_test(test_paint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
