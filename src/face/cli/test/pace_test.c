/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void event(struct pace *p, const char *line)
{
	pace_event(p, line, strlen(line));
}

#define STARTED "{\"seq\":1,\"kind\":\"started\",\"job\":\"j\"}"
#define EXITED "{\"seq\":2,\"kind\":\"exited\",\"job\":\"j\"}"
#define ENDED "{\"seq\":3,\"kind\":\"job_ended\",\"job\":\"j\"}"

/* Read at 1000 ms in `took` ms with `left` copies to end; then the events, one more millisecond later. */
static void test_wait(void **state)
{
	static const struct {
		int64_t took, left;
		const char *events[4];
		int64_t wait;
	} rows[] = {
	    {1, 1, {NULL}, 30000},
	    {1, 1, {STARTED}, 99},
	    {20, 1, {STARTED}, 199}, /* a tenth of the time */
	    {1, 1, {STARTED, EXITED}, 0},
	    {1, 1, {STARTED, EXITED, ENDED}, 0},
	    {1, 3, {EXITED}, 99},
	    {1, 3, {EXITED, EXITED}, 99},
	    {1, 3, {EXITED, EXITED, EXITED}, 0},
	    {1000, 3, {EXITED, EXITED}, 9999},
	    {1000, 3, {ENDED}, 0}, /* however long it takes to read */
	    {1, 0, {ENDED}, 0},
	    {1, 1, {"no JSON"}, 99},
	    {1, 1, {"[]"}, 99},
	    {1, 1, {"{\"kind\":7}"}, 99},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct pace p = {.dirty = true};

		pace_read(&p, 1000, rows[i].took, rows[i].left);
		for (size_t k = 0; k < 4 && rows[i].events[k]; k++)
			event(&p, rows[i].events[k]);
		assert_int_equal(pace_wait(&p, 1001), rows[i].wait);
	}
}

static void test_begin(void **state)
{
	struct pace p = {.dirty = false};

	(void)state;
	pace_begin(&p);
	assert_int_equal(pace_wait(&p, 5), 0);
	pace_read(&p, 5, 0, 2);
	assert_int_equal(pace_wait(&p, 6), 30000);
	pace_silence(&p);
	assert_int_equal(pace_wait(&p, 6), 99);
	assert_int_equal(pace_wait(&p, 105), 0);
	/* The ends that the last look saw count no more. */
	event(&p, EXITED);
	pace_read(&p, 200, 0, 2);
	event(&p, EXITED);
	assert_int_equal(pace_wait(&p, 200), 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_wait), cmocka_unit_test(test_begin)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
