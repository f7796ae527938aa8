/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/frame.h"
#include "face/cli/lines.h"
#include "face/cli/options.h"
#include "face/cli/progress.h"
#include "face/cli/run_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int collect(void *ctx, enum frame_type type, const char *data, size_t n, struct err *err)
{
	struct buf *out = ctx;

	(void)err;
	if (type == FRAME_NOTE)
		buf_adds(out, "{");
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%d%c", (int)type, data[i]);
	if (type == FRAME_NOTE)
		buf_adds(out, "}");
	return 0;
}

/* The same comes out for every size of piece. */
static void test_frames(void **state)
{
	static const char in[] =
	    "\1\0\0\0\0\0\0\2ab\3\0\0\0\0\0\0\2no\2\0\0\0\0\0\0\0\2\0\0\0\0\0\0\1c\3\0\0\0\0\0\0\0";

	(void)state;
	for (size_t step = 1; step < sizeof in; step++) {
		struct frame_reader r cleanup_with(frame_free) = FRAME_READER_INIT;
		struct buf out buf_cleanup = BUF_INIT;

		for (size_t at = 0; at < sizeof in - 1; at += step) {
			size_t n = at + step < sizeof in - 1 ? step : sizeof in - 1 - at;

			assert_int_equal(frame_feed(&r, in + at, n, collect, &out, NULL), 0);
		}
		assert_true(frame_whole(&r));
		assert_string_equal(buf_str(&out), "1a1b{3n3o}2c{}");
	}
}

static void test_broken_frames(void **state)
{
	static const char *const broken[] = {"\0\0\0\0\0\0\0\1", "\4\0\0\0\0\0\0\1", "\1\0\1\0\0\0\0\1",
					     "\3\0\0\0\xff\xff\xff\xff", "HTTP/1.1"};
	struct frame_reader cut cleanup_with(frame_free) = FRAME_READER_INIT;
	struct buf out buf_cleanup = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
		struct frame_reader r cleanup_with(frame_free) = FRAME_READER_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(frame_feed(&r, broken[i], FRAME_HEADER, collect, &out, &err), -EPROTO);
		assert_true(err.text[0] != '\0');
	}
	assert_int_equal(frame_feed(&cut, "\1\0\0\0\0\0\0\5ab", 10, collect, &out, NULL), 0);
	assert_false(frame_whole(&cut));
}

static int add_line(void *ctx, const char *line, size_t len, struct err *err)
{
	struct buf *out = ctx;

	if (strcmp(line, "stop") == 0)
		return err_set(err, ECANCELED, "stopped");
	buf_printf(out, "%zu:%s;", len, line);
	return 0;
}

static void test_lines(void **state)
{
	struct lines l cleanup_with(lines_free) = LINES_INIT;
	struct buf out buf_cleanup = BUF_INIT;

	(void)state;
	assert_int_equal(lines_feed(&l, "ab\n\ncd", 6, add_line, &out, NULL), 0);
	assert_int_equal(lines_feed(&l, "ef\n", 3, add_line, &out, NULL), 0);
	assert_string_equal(buf_str(&out), "2:ab;4:cdef;");
	assert_int_equal(lines_feed(&l, "stop\nx\n", 7, add_line, &out, NULL), -ECANCELED);
}

struct values {
	bool all, quiet;
	const char *name;
	char **env;
	uint64_t memory, cpus;
};
static const struct option_spec specs[] = {
    {"all", 'a', OPTION_FLAG, offsetof(struct values, all), NULL, ""},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct values, quiet), NULL, ""},
    {"name", 'n', OPTION_TEXT, offsetof(struct values, name), "NAME", ""},
    {"env", 'e', OPTION_LIST, offsetof(struct values, env), "K=V", ""},
    {"memory", 0, OPTION_SIZE, offsetof(struct values, memory), "SIZE", ""},
    {"cpus", 0, OPTION_CPUS, offsetof(struct values, cpus), "N", ""},
    {NULL},
};

static int parse(struct values *v, bool stop, char ***operands, struct err *err, const char *const *words)
{
	const struct option_set set = {.specs = specs, .values = v};
	char *argv[16] = {NULL};

	for (size_t i = 0; words[i]; i++)
		argv[i] = (char *)words[i];
	return options_parse(&set, 1, argv, stop, operands, err);
}
#define PARSE(v, stop, operands, err, ...) parse(v, stop, operands, err, (const char *const[]){__VA_ARGS__, NULL})

static void test_options(void **state)
{
	const struct option_set set = {.specs = specs, .values = NULL};
	struct values v = {.name = NULL};
	struct option_set own = set;
	mem_cleanup char **operands = NULL;

	(void)state;
	own.values = &v;
	assert_int_equal(PARSE(&v, false, &operands, NULL, "-aq", "x", "--name=n=1", "-eA=1", "-e", "B", "--memory",
			       "1k", "--cpus", "1.5", "-", "--", "-z"),
			 0);
	assert_true(v.all && v.quiet);
	assert_string_equal(v.name, "n=1");
	assert_string_equal(v.env[0], "A=1");
	assert_string_equal(v.env[1], "B");
	assert_int_equal(v.memory, 1024);
	assert_int_equal(v.cpus, 1500);
	assert_string_equal(operands[0], "x");
	assert_string_equal(operands[1], "-");
	assert_string_equal(operands[2], "-z");
	assert_null(operands[3]);
	options_free(&own);
	assert_null(v.env);
}

static void test_options_stop(void **state)
{
	struct values v = {.name = NULL};
	mem_cleanup char **operands = NULL;

	(void)state;
	assert_int_equal(PARSE(&v, true, &operands, NULL, "-a=", "image"), -EINVAL);
	assert_int_equal(PARSE(&v, true, &operands, NULL, "--all=false", "-q", "image", "-a", "--nonsense"), 0);
	assert_false(v.all);
	assert_true(v.quiet);
	assert_string_equal(operands[1], "-a");
	assert_string_equal(operands[2], "--nonsense");
}

static void test_options_wrong(void **state)
{
	static const struct {
		const char *word, *text;
	} rows[] = {{"--nmae", "unknown option \"--nmae\"; did you mean \"--name\"?"},
		    {"--nmae=1", "unknown option \"--nmae\"; did you mean \"--name\"?"},
		    {"--completely-else", "unknown option \"--completely-else\""},
		    {"-x", "unknown option \"-x\""},
		    {"-ax", "unknown option \"-x\""},
		    {"--name", "--name needs a value: --name NAME"},
		    {"-n", "--name needs a value: --name NAME"},
		    {"--all=maybe", "--all takes no value (it was given \"maybe\")"},
		    {"--memory=lots", "--memory: \"lots\" is not a size; write for example 512m or 1.5g"}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct values v = {.name = NULL};
		char **operands = NULL;
		struct err err = ERR_INIT;

		assert_int_equal(PARSE(&v, false, &operands, &err, rows[i].word), -EINVAL);
		assert_string_equal(err.text, rows[i].text);
		assert_null(operands);
	}
}

static void test_run_request(void **state)
{
	char *env[] = {(char *)"A=b", (char *)"BERTH_TEST_UNSET", NULL};
	char *volumes[] = {(char *)"/srv:/x:ro", (char *)"cache:/cache", NULL};
	char *tmpfs[] = {(char *)"/tmp:size=1m,mode=1777", NULL};
	char *words[] = {(char *)"busybox", (char *)"echo", (char *)"-n", NULL};
	char *networks[] = {(char *)"none", NULL};
	struct run_options o = {.remove = true,
				.networks = networks,
				.env = env,
				.volumes = volumes,
				.tmpfs = tmpfs,
				.entrypoint = "",
				.cpus = 500,
				.memory = 1 << 20};
	mem_cleanup char *json = NULL;

	(void)state;
	assert_int_equal(run_request(&o, words, &json, NULL), 0);
	assert_string_equal(
	    json,
	    "{\"image\":\"busybox\",\"command\":[\"echo\",\"-n\"],\"environment\":[\"A=b\"],\"entrypoint\":[],"
	    "\"limit_cpu_milli\":500,\"limit_memory\":1048576,\"remove\":true,\"network_mode\":\"none\",\"mounts\":["
	    "{\"type\":\"bind\",\"source\":\"/srv\",\"create\":true,\"target\":\"/x\",\"read_only\":true},"
	    "{\"type\":\"volume\",\"source\":\"cache\",\"target\":\"/cache\",\"read_only\":false},"
	    "{\"type\":\"tmpfs\",\"target\":\"/tmp\",\"size\":1048576,\"mode\":1023}]}");
}

static void test_run_request_wrong(void **state)
{
	static const char *const volumes[] = {"/only", ":/x", "/a:relative", "/a:/b:rx", "a/b:/c", "~/x:/y", ""};
	static const char *const tmpfs[] = {"relative", "/t:size=x", "/t:mode=999", "/t:other"};
	char *words[] = {(char *)"i", NULL};

	(void)state;
	for (size_t i = 0; i < sizeof volumes / sizeof volumes[0] + sizeof tmpfs / sizeof tmpfs[0]; i++) {
		size_t n_volumes = sizeof volumes / sizeof volumes[0];
		char *one[] = {(char *)(i < n_volumes ? volumes[i] : tmpfs[i - n_volumes]), NULL};
		struct run_options o = {.volumes = i < n_volumes ? one : NULL, .tmpfs = i < n_volumes ? NULL : one};
		struct err err = ERR_INIT;
		char *json = NULL;

		assert_int_equal(run_request(&o, words, &json, &err), -EINVAL);
		assert_non_null(strstr(err.text, one[0]));
		assert_null(json);
	}
}

static void feed(struct progress *p, const char *json)
{
	yyjson_doc *doc json_doc_cleanup = json_parse(json, strlen(json), 1 << 20, "job", NULL);

	assert_non_null(doc);
	progress_update(p, yyjson_doc_get_root(doc));
}

static const char first_state[] =
    "{\"id\":\"j1\",\"state\":\"running\",\"tasks\":[{\"name\":\"split\",\"state\":\"running\",\"counts\":{\"running\":"
    "1}},"
    "{\"name\":\"map\",\"state\":\"waiting\",\"why\":\"waits for split\",\"counts\":{}}]}";
static const char second_state[] =
    "{\"id\":\"j1\",\"state\":\"running\",\"tasks\":[{\"name\":\"split\",\"state\":\"finished\",\"counts\":{"
    "\"finished\":1}},"
    "{\"name\":\"map\",\"state\":\"running\",\"counts\":{\"finished\":3,\"running\":2,\"waiting\":4,\"faulty\":1}}]}";

static void test_progress_lines(void **state)
{
	struct progress p cleanup_with(progress_free);
	struct buf out buf_cleanup = BUF_INIT;

	(void)state;
	progress_init(&p, 1000);
	feed(&p, first_state);
	progress_lines(&p, 1500, &out);
	assert_string_equal(buf_str(&out), "[   0.5 s] split: running\n[   0.5 s] map: waiting (waits for split)\n");
	buf_clear(&out);
	progress_lines(&p, 1600, &out);
	assert_string_equal(buf_str(&out), "");
	assert_int_equal(progress_left_ms(&p, 1600), -1);
	feed(&p, second_state);
	progress_lines(&p, 13000, &out);
	assert_string_equal(buf_str(&out),
			    "[    12 s] split: finished\n[    12 s] map: running, 3 of 10 done, 1 failed\n");
	/* 5 of 11 copies are over after 10 s: 12 s for the other 6 */
	assert_int_equal(progress_left_ms(&p, 11000), 12000);
}

static void test_progress_paint(void **state)
{
	struct progress p cleanup_with(progress_free);
	struct buf out buf_cleanup = BUF_INIT;

	(void)state;
	progress_init(&p, 0);
	feed(&p, second_state);
	progress_paint(&p, 10000, 80, 24, -1, &out);
	assert_string_equal(buf_str(&out),
			    "j1  running  10 s, about 12 s left\033[K\r\n"
			    "  split  [####################] 1/1  finished\033[K\r\n"
			    "  map    [######!!====........] 3/10  running, 2 running, 1 failed\033[K\r\n\033[J");
	assert_int_equal(p.painted, 3);
	buf_clear(&out);
	progress_paint(&p, 10000, 20, 24, -1, &out);
	assert_string_equal(buf_str(&out), "\r\033[3Aj1  running  10 s, \033[K\r\n"
					   "  split  [#########\033[K\r\n"
					   "  map    [######!!=\033[K\r\n\033[J");
	buf_clear(&out);
	progress_wipe(&p, &out);
	assert_string_equal(buf_str(&out), "\r\033[3A\033[J");
}

/* A terminal of few lines: never more lines than it has, and what is over goes first. */
static void test_progress_fold(void **state)
{
	struct progress p cleanup_with(progress_free);
	struct buf json buf_cleanup = BUF_INIT;

	(void)state;
	buf_adds(&json, "{\"id\":\"j\",\"state\":\"running\",\"tasks\":[");
	for (int i = 0; i < 40; i++)
		buf_printf(&json, "%s{\"name\":\"t%02d\",\"state\":\"%s\",\"counts\":{\"%s\":1}}", i ? "," : "", i,
			   i % 2 ? "running" : "finished", i % 2 ? "running" : "finished");
	buf_adds(&json, "]}");
	progress_init(&p, 0);
	feed(&p, buf_str(&json));
	for (size_t height = 1; height < 60; height++) {
		struct buf out buf_cleanup = BUF_INIT;

		p.painted = 0;
		progress_paint(&p, 1000, 80, height, -1, &out);
		assert_true(p.painted <= 41);
		if (height >= 4)
			assert_true(p.painted < height);
		if (height >= 12 && height < 24)
			assert_null(strstr(buf_str(&out), "t00"));
		if (height >= 12)
			assert_non_null(strstr(buf_str(&out), "t01"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_frames),	   cmocka_unit_test(test_broken_frames),
	    cmocka_unit_test(test_lines),	   cmocka_unit_test(test_options),
	    cmocka_unit_test(test_options_stop),   cmocka_unit_test(test_options_wrong),
	    cmocka_unit_test(test_run_request),	   cmocka_unit_test(test_run_request_wrong),
	    cmocka_unit_test(test_progress_lines), cmocka_unit_test(test_progress_paint),
	    cmocka_unit_test(test_progress_fold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
