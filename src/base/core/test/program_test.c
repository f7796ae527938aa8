/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/program.h"

#include "base/core/err.h"
#include "base/core/loop.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct seen {
	struct loop *loop;
	char story[8192];
};

static void on_end(void *ctx, const struct program_end *end)
{
	struct seen *s = ctx;
	char text[4600];

	program_end_text(end, 100, text, sizeof text);
	snprintf(s->story, sizeof s->story, "%s|%.2000s", text, end->output);
	loop_stop(s->loop);
}

/* What `sh -c script` has come to. */
static const char *run(struct seen *s, const char *script, const char *input, int64_t timeout_ms, size_t output_max)
{
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)script, NULL}, *env[] = {(char *)"WORD=env", NULL};
	const struct program_options o = {.path = "/bin/sh",
					  .argv = argv,
					  .env = env,
					  .input = input,
					  .n_input = strlen(input),
					  .output_max = output_max,
					  .timeout_ms = timeout_ms};
	struct program *p;
	struct err err = ERR_INIT;

	if (program_start(s->loop, &o, on_end, s, &p, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(loop_run(s->loop, NULL), 0);
	return s->story;
}

/* Both the program and what it has started end with its time. On a busy machine that may end before it has said a word. */
static void test_time(struct seen *s)
{
	for (int64_t ms = 100; ms <= 100000; ms *= 10) {
		run(s, "echo wait >&2; sleep 1000 & sleep 1000; exit 0", "", ms, 1000);
		if (strcmp(s->story, "no answer within 0.1 s|") != 0)
			break;
	}
	assert_string_equal(s->story, "no answer within 0.1 s: wait|");
}

static void test_ends(void **state)
{
	struct seen s;

	(void)state;
	assert_int_equal(loop_new(&s.loop, NULL), 0);
	assert_string_equal(run(&s, "cat; printf %s $WORD", "in ", 60000, 1000), "|in env");
	assert_string_equal(run(&s, "echo bad >&2; echo worse >&2; echo; exit 3", "", 60000, 1000),
			    "exit code 3: bad worse|\n");
	assert_string_equal(run(&s, "kill -9 $$", "", 60000, 1000), "ended by signal 9 (Killed)|");
	test_time(&s);
	/* Only the end of its errors is kept. */
	assert_non_null(strstr(run(&s, "yes no | head -c 100000 >&2; echo last >&2; exit 1", "", 60000, 10), "last|"));
	assert_true(strlen(s.story) < 4200);
	assert_non_null(strstr(run(&s, "yes", "", 60000, 1000), "it writes too much"));
	/* What it leaves in the background holds nobody up. */
	assert_string_equal(run(&s, "sleep 1000 & echo $! >&2; kill $! ; echo out", "", 60000, 1000), "|out\n");
	loop_free(s.loop);
}

static void never(void *ctx, const struct program_end *end)
{
	(void)ctx;
	(void)end;
	fail_msg("it was told of a program that was killed");
}

static void test_errors(void **state)
{
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)"sleep 1000", NULL};
	struct program_options o = {
	    .path = "/nowhere/x", .argv = argv, .input = "", .output_max = 1, .timeout_ms = 60000};
	struct program *p = NULL;
	struct loop *l;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(loop_new(&l, NULL), 0);
	assert_int_equal(program_start(l, &o, never, NULL, &p, &err), -ENOENT);
	assert_non_null(strstr(err.text, "run \"/nowhere/x\""));
	o.path = "/bin/sh";
	o.n_input = PROGRAM_INPUT_MAX + 1;
	assert_int_equal(program_start(l, &o, never, NULL, &p, &err), -E2BIG);
	o.n_input = 0;
	assert_int_equal(program_start(l, &o, never, NULL, &p, &err), 0);
	assert_null(program_kill(p));
	assert_int_equal(loop_run(l, NULL), 0);
	loop_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_ends), cmocka_unit_test(test_errors)};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("program", tests, NULL, NULL);
}
