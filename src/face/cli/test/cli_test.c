/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands from their words to their output, against a server of canned answers.
 */
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "face/cli/command.h"
#include "face/cli/test/fake_server.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NOTE(n) "\3\0\0\0\0\0\0" n
#define OUT(n) "\1\0\0\0\0\0\0" n
#define ERR(n) "\2\0\0\0\0\0\0" n
#define BODY(text) .body = (text), .len = sizeof(text) - 1

static void contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void test_usage(void **state)
{
	static const struct {
		const char *words[6];
		int status;
		const char *err;
	} rows[] = {
	    {{"sumbit"}, 2, "berth: unknown command \"sumbit\"; did you mean \"submit\"?\n"},
	    {{"imgae", "ls"}, 2, "did you mean \"image\"?"},
	    {{"image", "lst"}, 2, "berth: unknown command \"image lst\"; did you mean \"image ls\"?\n"},
	    {{"image"}, 2, "berth: image: say what to do\n"},
	    {{NULL}, 2, "Usage: berth"},
	    {{"--sokcet", "x", "ps"}, 2, "did you mean \"--socket\"?"},
	    {{"ps", "--jsno"},
	     2,
	     "berth: ps: unknown option \"--jsno\"; did you mean \"--json\"?\nSee: berth ps --help\n"},
	    {{"ps", "x"}, 2, "\"x\" is one argument too many"},
	    {{"wait"}, 2, "what to act on is missing: berth wait ID..."},
	    {{"run", "--rmm", "x"}, 125, "did you mean \"--rm\"?"},
	    {{"run", "-v", "bad", "x"}, 125, "--volume \"bad\""},
	    {{"logs", "--tail", "x", "y"}, 1, "--tail: \"x\" is not a whole number"},
	    {{"help", "nothing-such"}, 2, "no help about \"nothing-such\""},
	    {{"completion", "fish"}, 1, "only for bash"},
	    {{"x\x1b]0;y\a"}, 2, "berth: unknown command \"x\\x1b]0;y\\x07\"\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct outcome o outcome_cleanup = run_words("/nowhere", rows[i].words);

		contains(o.err, rows[i].err);
		assert_int_equal(o.status, rows[i].status);
		assert_string_equal(o.out, "");
	}
}

static void test_help(void **state)
{
	static const struct {
		const char *words[6];
		const char *out;
	} rows[] = {
	    {{"--help"}, "submit       Submit a job"},
	    {{"help"}, "Containers:"},
	    {{"help", "exit-codes"}, "126  berth run, exec"},
	    {{"help", "run"}, "Usage: berth run [OPTIONS] IMAGE [COMMAND [ARG...]]"},
	    {{"help", "image", "ls"}, "Usage: berth image ls"},
	    {{"image", "--help"}, "image import"},
	    {{"run", "--help"}, "-v, --volume [SRC:]DST[:OPTS]"},
	    {{"run", "--help"}, "      --help "},
	    {{"jobs", "-h"}, "-h, --help "},
	    {{"version"}, "berth " BERTH_VERSION "\n"},
	    {{"--version"}, "berth " BERTH_VERSION "\n"},
	    {{"version", "--json"}, "{\"version\":\"" BERTH_VERSION "\"}\n"},
	    {{"completion", "bash"}, "complete -o filenames -F _berth berth"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct outcome o outcome_cleanup = run_words("/nowhere", rows[i].words);

		contains(o.out, rows[i].out);
		assert_string_equal(o.err, "");
		assert_int_equal(o.status, 0);
	}
}

/* A command that nobody has put in a section would be found by nobody. */
static void test_overview(void **state)
{
	mem_cleanup char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	(void)state;
	assert_non_null(to);
	help_overview(to);
	fclose(to);
	for (const struct cli_command *const *c = cli_commands; *c; c++) {
		char line[64];

		snprintf(line, sizeof line, "\n  %.*s ", (int)strcspn((*c)->name, " "), (*c)->name);
		contains(text, line);
	}
	assert_null(strstr(text, "Others:"));
}

static void test_not_running(void **state)
{
	struct outcome ps outcome_cleanup = RUN("/nowhere/s", "ps");
	struct outcome run outcome_cleanup = RUN("/nowhere/s", "run", "x");
	struct outcome option outcome_cleanup = RUN("/nowhere/s", "--socket", "/other/s", "info");

	(void)state;
	assert_string_equal(ps.err, "berth: berth is not running (no answer on /nowhere/s); start it with: berth up\n");
	assert_int_equal(ps.status, 1);
	assert_int_equal(run.status, 125);
	contains(option.err, "no answer on /other/s");
}

static void test_run(void **state)
{
	static const struct fake_route routes[] = {
	    {.request = "POST /v1/containers/run",
	     .status = 200,
	     BODY(NOTE("\x22") "{\"id\": \"0123456789ab\", \"name\":\"n\"}" OUT("\3") "hi\n" ERR("\4") "bad\n" NOTE(
		 "\x3b") "{\"exit\": {\"code\": 7, \"signal\":0,\"oom\":false,\"error\":null}}  ")},
	    {NULL}};
	struct fake *f = fake_start(routes);
	struct outcome o outcome_cleanup = RUN(fake_socket(f), "run", "--rm", "-eA=1", "img", "sh", "-c", "x");

	(void)state;
	assert_string_equal(o.err, "bad\n");
	assert_string_equal(o.out, "hi\n");
	assert_int_equal(o.status, 7);
	assert_string_equal(fake_log(f),
			    "POST /v1/containers/run\n{\"image\":\"img\",\"command\":[\"sh\",\"-c\",\"x\"],"
			    "\"environment\":[\"A=1\"],\"remove\":true,\"network_mode\":\"default\",\"networks\":[{"
			    "\"name\":\"bridge\"}]}\n");
	fake_stop(f);
}

static void test_run_ends(void **state)
{
	static const struct {
		struct fake_route routes[3];
		int status;
		const char *err;
	} rows[] = {
	    {{{.request = "POST",
	       .status = 200,
	       BODY(NOTE("\x29") "{\"exit\":{\"code\":127,\"error\":\"not found\"}}")}},
	     127,
	     "berth: not found\n"},
	    {{{.request = "POST", .status = 200, BODY(NOTE("\x22") "{\"exit\":{\"code\":137,\"oom\": true }}")}},
	     137,
	     "more memory than its limit"},
	    {{{.request = "POST", .status = 200, BODY(NOTE("\x1e") "{\"exit\":{\"code\":0,\"signal\":9}}")}}, 137, ""},
	    /* the image is there: nothing is to be fetched */
	    {{{.request = "POST", .status = 404, .body = "{\"message\":\"no image \\u001b x\"}"},
	      {.request = "GET /v1/images/img", .status = 200, .body = "{}"}},
	     125,
	     "berth: no image \\x1b x\n"},
	    {{{.request = "POST", .status = 500, .body = "not json"}}, 125, "HTTP status 500"},
	    {{{.request = "POST", .status = 200, BODY(NOTE("\x0a") "{\"id\":\"c\"}"), .cut = true}}, 125, "berth"},
	    {{{.request = "POST", .status = 200, BODY(NOTE("\x0a") "{\"id\":\"c\"}")}}, 125, "lost the connection"},
	    {{{.request = "POST", .status = 200, .body = "rubbish!"}}, 125, "the reply is broken"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fake *f = fake_start(rows[i].routes);
		struct outcome o outcome_cleanup = RUN(fake_socket(f), "run", "img");

		contains(o.err, rows[i].err);
		assert_int_equal(o.status, rows[i].status);
		fake_stop(f);
	}
}

static void test_run_signal(void **state)
{
	static const char end[] = NOTE("\x15") "{\"exit\":{\"code\":130}}";
	static const struct fake_route routes[] = {{.request = "POST /v1/containers/run",
						    .status = 200,
						    BODY(NOTE("\x0d") "{\"id\":\"c0de\"}"),
						    .signal = SIGINT,
						    .after = "POST /v1/containers/c0de/kill?signal=INT",
						    .more = end,
						    .more_len = sizeof end - 1},
						   {.request = "POST /v1/containers/c0de/kill", .status = 204},
						   {NULL}};
	struct fake *f = fake_start(routes);
	struct outcome o outcome_cleanup = RUN(fake_socket(f), "run", "img");

	(void)state;
	assert_int_equal(o.status, 130);
	contains(fake_log(f), "POST /v1/containers/c0de/kill?signal=INT\n");
	fake_stop(f);
}

static void test_run_second_interrupt(void **state)
{
	static const struct fake_route routes[] = {
	    {.request = "POST /v1/containers/run",
	     .status = 200,
	     BODY(NOTE("\x0d") "{\"id\":\"c0de\"}"),
	     .signal = SIGINT,
	     .hold = true},
	    {.request = "POST /v1/containers/c0de/kill", .status = 204, .signal = SIGINT},
	    {NULL}};
	struct fake *f = fake_start(routes);
	struct outcome o outcome_cleanup = RUN(fake_socket(f), "run", "img");

	(void)state;
	assert_int_equal(o.status, 130);
	contains(o.err, "detached; c0de goes on");
	fake_stop(f);
}

/* `berth run ... | head`: nobody reads any more, so the program ends. */
static void test_run_no_reader(void **state)
{
	static const struct fake_route routes[] = {{.request = "POST /v1/containers/run",
						    .status = 200,
						    BODY(NOTE("\x0d") "{\"id\":\"c0de\"}" OUT("\2") "x\n"),
						    .hold = true},
						   {.request = "POST /v1/containers/c0de/kill", .status = 204},
						   {NULL}};
	struct fake *f = fake_start(routes);
	char *argv[] = {(char *)"berth", (char *)"run", (char *)"img", NULL};
	fd_cleanup int saved = dup(STDOUT_FILENO);
	int ends[2], status;

	(void)state;
	setenv("BERTH_SOCKET", fake_socket(f), 1);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);
	fflush(stdout);
	dup2(ends[1], STDOUT_FILENO);
	close(ends[1]);
	status = cli_main(3, argv, &test_hooks);
	dup2(saved, STDOUT_FILENO);
	assert_int_equal(status, 141);
	contains(fake_log(f), "POST /v1/containers/c0de/kill?signal=KILL\n");
	fake_stop(f);
}

static void test_lists(void **state)
{
	static const struct fake_route routes[] = {
	    {.request = "GET /v1/images",
	     .status = 200,
	     .body = "[{\"name\":\"busy\\u001b[2Jbox\",\"id\":\"sha256:0123456789abcdef\",\"size\":1048576,\"created_"
		     "ms\":0}]"},
	    {.request = "GET /v1/containers",
	     .status = 200,
	     .body =
		 "[{\"id\":\"0123456789abcdef\",\"name\":\"web\",\"image\":\"b\",\"command\":[\"sh\",\"-c\",\"a b\"],"
		 "\"state\":\"exited\",\"exit_code\":3,\"job\":\"j\",\"task\":\"map\",\"index\":2}]"},
	    {.request = "GET /v1/jobs?all=1&limit=5",
	     .status = 200,
	     .body = "[{\"id\":\"w-7f3a\",\"state\":\"finished\",\"counts\":{\"running\":2,\"finished\":990},"
		     "\"started_ms\":1000,\"ended_ms\":13000,\"exit_code\":0}]"},
	    {NULL}};
	struct fake *f = fake_start(routes);
	struct outcome images outcome_cleanup = RUN(fake_socket(f), "image", "ls");
	struct outcome ps outcome_cleanup = RUN(fake_socket(f), "ps", "-a");
	struct outcome jobs outcome_cleanup = RUN(fake_socket(f), "jobs", "-a", "-n", "5");
	struct outcome json outcome_cleanup = RUN(fake_socket(f), "ps", "--json");

	(void)state;
	assert_string_equal(images.out, "NAME            ID               SIZE  CREATED\n"
					"busy\\x1b[2Jbox  0123456789ab  1.0 MiB  -\n");
	assert_string_equal(ps.out, "ID            NAME  IMAGE  COMMAND      STATE       CREATED  TASK\n"
				    "0123456789ab  web   b      sh -c \"a b\"  exited (3)  -        j/map/2\n");
	contains(jobs.out, "w-7f3a  finished  990 finished, 2 running  -          12 s     0\n");
	contains(json.out, "\"command\":[\"sh\",\"-c\",\"a b\"]");
	contains(fake_log(f), "GET /v1/containers?all=1\n");
	fake_stop(f);
}

static void test_job_tree(void **state)
{
	static const struct fake_route routes[] = {
	    {.request = "GET /v1/jobs/w",
	     .status = 200,
	     .body = "{\"id\":\"w\",\"state\":\"running\",\"why\":\"1 task waits\",\"tasks\":["
		     "{\"name\":\"split\",\"state\":\"finished\",\"instances\":[{\"index\":0,\"state\":\"finished\","
		     "\"attempts\":"
		     "[{\"exit_code\":0,\"started_ms\":1000,\"ended_ms\":3500}]}]},"
		     "{\"name\":\"map\",\"state\":\"running\",\"counts\":{\"finished\":8,\"faulty\":1},\"instances\":["
		     "{\"index\":0,\"state\":\"finished\"},{\"index\":1,\"state\":\"finished\"},{\"index\":2,\"state\":"
		     "\"finished\"},"
		     "{\"index\":3,\"state\":\"finished\"},{\"index\":4,\"state\":\"finished\"},{\"index\":5,\"state\":"
		     "\"finished\"},"
		     "{\"index\":6,\"state\":\"finished\"},{\"index\":7,\"state\":\"finished\"},"
		     "{\"index\":8,\"item\":\"p/a\",\"state\":\"faulty\",\"attempts\":[{},"
		     "{\"exit_code\":4,\"started_ms\":1,\"ended_ms\":2001,\"error\":null}]}]},"
		     "{\"name\":\"merge\",\"state\":\"waiting\",\"why\":\"waits for map\",\"instances\":[]}]}"},
	    {NULL}};
	struct fake *f = fake_start(routes);
	struct outcome o outcome_cleanup = RUN(fake_socket(f), "job", "w");
	struct outcome all outcome_cleanup = RUN(fake_socket(f), "job", "--all", "w");
	struct outcome none outcome_cleanup = RUN(fake_socket(f), "job", "x/../y?z");

	(void)state;
	contains(o.out, "why: 1 task waits\n");
	contains(o.out, "split        finished                  1  2.5 s     0\n");
	contains(o.out, "map [9]      8 finished, 1 faulty         2.0 s\n");
	contains(o.out, "  map/8 p/a  faulty                    2  2.0 s     4\n");
	contains(o.out, "merge        waiting                                   waits for map\n");
	assert_null(strstr(o.out, "map/7"));
	contains(all.out, "map/7");
	assert_int_equal(none.status, 1);
	assert_string_equal(none.err, "berth: nothing of that name\n");
	contains(fake_log(f), "GET /v1/jobs/x/../y%3Fz\n");
	fake_stop(f);
}

static void test_logs(void **state)
{
	static const struct fake_route routes[] = {
	    {.request = "GET /v1/containers/j/logs?follow=1&tail=5",
	     .status = 200,
	     BODY(NOTE("\x12") "{\"source\":\"map/3\"}" OUT("\6") "one\ntw" NOTE("\x12") "{\"source\":\"map/4\"}" OUT(
		 "\6") "three\n" NOTE("\x0c") "{\"end\":true}")},
	    {.request = "GET /v1/containers/c/logs?timestamps=1",
	     .status = 200,
	     BODY(NOTE("\x11") "{\"time_ms\":60000}" OUT("\6") "\x1b[31m\n" NOTE("\x0c") "{\"end\":true}")},
	    {.request = "GET /v1/containers/cut/logs", .status = 200, BODY(OUT("\2") "x\n")},
	    {NULL}};
	struct fake *f = fake_start(routes);
	struct outcome many outcome_cleanup = RUN(fake_socket(f), "logs", "-f", "--tail", "5", "j");
	struct outcome times outcome_cleanup = RUN(fake_socket(f), "logs", "-t", "c");
	struct outcome cut outcome_cleanup = RUN(fake_socket(f), "logs", "cut");

	(void)state;
	assert_string_equal(many.out, "map/3 | one\nmap/3 | tw\nmap/4 | three\n");
	assert_int_equal(many.status, 0);
	/* Not a terminal: the bytes stay as they are. */
	assert_string_equal(times.out, "1970-01-01T00:01:00.000Z \x1b[31m\n");
	assert_string_equal(cut.out, "x\n");
	assert_int_equal(cut.status, 1);
	fake_stop(f);
}

static void test_wait_and_rm(void **state)
{
	static const struct fake_route routes[] = {
	    {.request = "GET /v1/containers/c/wait", .status = 200, .body = "{\"exit_code\":3}"},
	    {.request = "GET /v1/containers/j/wait", .status = 200, .body = "{\"state\":\"failed\",\"exit_code\":0}"},
	    {.request = "GET /v1/containers/k/wait", .status = 200, .body = "{\"state\":\"failed\",\"exit_code\":9}"},
	    {.request = "DELETE /v1.44/containers/c?force=1", .status = 204},
	    {.request = "DELETE /v1/jobs/j", .status = 204},
	    {.request = "POST /v1/containers/c/stop?grace_ms=1500", .status = 204},
	    {.request = "POST /v1/containers/c/kill?signal=HUP",
	     .status = 409,
	     .body = "{\"message\":\"it does not run\"}"},
	    {NULL}};
	struct fake *f = fake_start(routes);
	struct outcome c outcome_cleanup = RUN(fake_socket(f), "wait", "c");
	struct outcome j outcome_cleanup = RUN(fake_socket(f), "wait", "j");
	struct outcome k outcome_cleanup = RUN(fake_socket(f), "wait", "k");
	struct outcome rm outcome_cleanup = RUN(fake_socket(f), "rm", "-f", "c", "j", "none");
	struct outcome stop outcome_cleanup = RUN(fake_socket(f), "stop", "-t", "1.5", "c");
	struct outcome kill outcome_cleanup = RUN(fake_socket(f), "kill", "-s", "HUP", "c");

	(void)state;
	assert_string_equal(c.out, "3\n");
	assert_int_equal(c.status, 0);
	assert_string_equal(j.out, "failed\n");
	assert_int_equal(j.status, 1);
	assert_int_equal(k.status, 9);
	assert_string_equal(rm.out, "c\nj\n");
	assert_string_equal(rm.err, "berth: there is no container and no job \"none\"\n");
	assert_int_equal(rm.status, 1);
	assert_int_equal(stop.status, 0);
	assert_string_equal(kill.err, "berth: it does not run\n");
	fake_stop(f);
}

static void test_import(void **state)
{
	static const struct fake_route routes[] = {
	    {.request = "POST /v1/images/import",
	     .status = 201,
	     .body = "{\"name\":\"b:1\",\"id\":\"sha256:0123456789abcdef\",\"size\":2048}"},
	    {NULL}};
	struct fake *f = fake_start(routes);
	mem_cleanup char *file = mem_printf("%s/tar", fake_dir(f));
	fd_cleanup int fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	(void)state;
	assert_int_equal(fd_write_all(fd, "tar bytes", 9), 0);
	{
		struct outcome o outcome_cleanup =
		    RUN(fake_socket(f), "image", "import", file, "b:1", "--cmd", "sh -c 'a b'", "--env", "K=V");
		struct outcome none outcome_cleanup = RUN(fake_socket(f), "image", "import", "/nowhere/x", "b");
		struct outcome wrong outcome_cleanup = RUN(fake_socket(f), "image", "import", file, "b", "--env", "K");

		assert_string_equal(o.err, "");
		assert_string_equal(o.out, "b:1  0123456789ab  2.0 KiB\n");
		assert_string_equal(none.err, "berth: open \"/nowhere/x\": No such file or directory\n");
		contains(wrong.err, "--env: \"K\" is not NAME=VALUE");
	}
	contains(fake_log(f), "POST /v1/images/import?name=b%3A1&config=");
	contains(fake_log(f), "%22cmd%22%3A%5B%22sh%22%2C%22-c%22%2C%22a%20b%22%5D");
	contains(fake_log(f), "tar bytes");
	unlink(file);
	fake_stop(f);
}

static void test_events(void **state)
{
	static const struct fake_route routes[] = {
	    {.request = "GET /v1/events?since=4&job=j",
	     .status = 200,
	     .body = "{\"seq\":5,\"time_ms\":60000,\"kind\":\"started\",\"task\":\"m\\u001b\",\"index\":2,\"x\":null}\n"
		     "{\"seq\":6,\"time_ms\":60001,\"kind\":\"ended\"}\n"},
	    {NULL}};
	struct fake *f = fake_start(routes);
	struct outcome text outcome_cleanup = RUN(fake_socket(f), "events", "--since", "4", "--job", "j");
	struct outcome json outcome_cleanup = RUN(fake_socket(f), "events", "--since", "4", "--job", "j", "--json");

	(void)state;
	assert_string_equal(text.out, "1970-01-01T00:01:00.000Z      5  started  task=m\\x1b  index=2\n"
				      "1970-01-01T00:01:00.001Z      6  ended\n");
	assert_string_equal(json.out, routes[0].body);
	fake_stop(f);
}

static const char compose[] = "name: demo\nservices:\n  one:\n    image: busybox\n    command: [\"true\"]\n"
			      "    x-berth:\n      kind: task\n";
static const char running[] =
    "{\"id\":\"demo-1\",\"state\":\"running\",\"tasks\":[{\"name\":\"one\",\"state\":\"running\","
    "\"counts\":{\"running\":1}}]}";
static const char failed[] =
    "{\"id\":\"demo-1\",\"state\":\"failed\",\"exit_code\":4,\"reason\":\"task one failed\",\"started_ms\":1000,"
    "\"ended_ms\":3000,\"counts\":{\"faulty\":1},\"tasks\":[{\"name\":\"one\",\"state\":\"faulty\",\"counts\":{"
    "\"faulty\":1},"
    "\"instances\":[{\"index\":0,\"state\":\"faulty\",\"attempts\":[{\"attempt\":2,\"exit_code\":4,\"ended_ms\":3000}]}"
    "]}]}";

static char *write_compose(const struct fake *f, const char *text)
{
	char *file = mem_printf("%s/compose.yaml", fake_dir(f));
	fd_cleanup int fd = open(file, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	return file;
}

static void test_submit_wait(void **state)
{
	static const struct fake_route routes[] = {
	    {.request = "POST /v1/jobs", .status = 201, .body = "{\"id\":\"demo-1\",\"warnings\":[\"w1\"]}"},
	    {.request = "GET /v1/events?follow=1&job=demo-1", .status = 200, .body = "{\"seq\":1}\n", .hold = true},
	    {.request = "GET /v1/jobs/demo-1", .status = 200, .body = running, .once = true},
	    {.request = "GET /v1/jobs/demo-1", .status = 200, .body = failed},
	    {.request = "GET /v1/containers/demo-1/one/0/logs?tail=10",
	     .status = 200,
	     BODY(OUT("\7") "oh dear" NOTE("\x0c") "{\"end\":true}")},
	    {NULL}};
	struct fake *f = fake_start(routes);
	mem_cleanup char *file = write_compose(f, compose);
	struct outcome o outcome_cleanup = RUN(fake_socket(f), "submit", "--wait", file);

	(void)state;
	assert_string_equal(o.out, "demo-1\n");
	contains(o.err, "berth: warning: w1\n");
	contains(o.err, "] one: running\n");
	contains(o.err, "] one: faulty, 1 failed\n");
	contains(o.err,
		 "berth: task one/0 failed: exit code 4 (try 2)\n    oh dear\nSee more: berth logs demo-1/one/0\n");
	contains(o.err, "job demo-1 failed in 2.0 s: 1 faulty; task one failed\n");
	assert_int_equal(o.status, 4);
	unlink(file);
	fake_stop(f);
}

/* berth is killed while the job runs and comes back: the watch goes on. */
static void test_submit_lost(void **state)
{
	static const struct fake_route routes[] = {
	    {.request = "POST /v1/jobs", .status = 201, .body = "{\"id\":\"demo-1\"}"},
	    {.request = "GET /v1/events", .status = 200, .body = "{\"seq\":1}\n", .cut = true, .once = true},
	    {.request = "GET /v1/events", .status = 200, .body = "{\"seq\":2}\n", .hold = true},
	    {.request = "GET /v1/ping", .status = 200, .body = "{\"pid\":1}"},
	    {.request = "GET /v1/jobs/demo-1", .status = 200, .body = running, .once = true},
	    {.request = "GET /v1/jobs/demo-1",
	     .status = 200,
	     .body = "{\"id\":\"demo-1\",\"state\":\"finished\",\"exit_code\":0,\"tasks\":[]}"},
	    {NULL}};
	struct fake *f = fake_start(routes);
	mem_cleanup char *file = write_compose(f, compose);
	struct outcome o outcome_cleanup = RUN(fake_socket(f), "submit", "--wait", file);

	(void)state;
	contains(o.err, "lost the connection; waiting for berth to come back (job demo-1 is safe)\n");
	contains(o.err, "job demo-1 finished\n");
	assert_int_equal(o.status, 0);
	unlink(file);
	fake_stop(f);
}

static void test_submit_interrupted(void **state)
{
	static const struct fake_route routes[] = {
	    {.request = "POST /v1/jobs", .status = 201, .body = "{\"id\":\"demo-1\"}"},
	    {.request = "GET /v1/events", .status = 200, .body = "{\"seq\":1}\n", .hold = true},
	    {.request = "GET /v1/jobs/demo-1", .status = 200, .body = running, .signal = SIGINT},
	    {NULL}};
	struct fake *f = fake_start(routes);
	mem_cleanup char *file = write_compose(f, compose);
	struct outcome o outcome_cleanup = RUN(fake_socket(f), "submit", "--wait", "-q", file);

	(void)state;
	assert_int_equal(o.status, 130);
	assert_string_equal(o.err,
			    "berth: job demo-1 goes on. To see it: berth job demo-1; to end it: berth cancel demo-1\n");
	unlink(file);
	fake_stop(f);
}

static void test_submit_refused(void **state)
{
	static const struct fake_route routes[] = {{NULL}};
	struct fake *f = fake_start(routes);
	mem_cleanup char *file = write_compose(f, "services:\n  one:\n    imgae: busybox\n");
	struct outcome wrong outcome_cleanup = RUN(fake_socket(f), "submit", file);
	struct outcome none outcome_cleanup = RUN(fake_socket(f), "submit", "/nowhere/compose.yaml");

	(void)state;
	contains(wrong.err, "compose.yaml:3:5: ");
	contains(wrong.err, "nothing was submitted\n");
	assert_int_equal(wrong.status, 1);
	contains(none.err, "/nowhere/compose.yaml");
	assert_int_equal(none.status, 1);
	assert_string_equal(fake_log(f), "");
	free(mem_take(file));
	file = write_compose(f, compose);
	{
		struct outcome dry outcome_cleanup = RUN(fake_socket(f), "submit", "--dry-run", file);

		contains(dry.out, "compose.yaml is right: job demo\n");
		contains(dry.out, "one      task       1  busybox");
		assert_int_equal(dry.status, 0);
	}
	unlink(file);
	fake_stop(f);
}

static int check_well(const struct cli_up_options *o, struct err *err)
{
	(void)o;
	(void)err;
	return 0;
}

static int up_ready(const struct cli_up_options *o, struct err *err)
{
	(void)err;
	if (o->slots != 3 || o->memory != 1 << 20 || o->data[0] != '/' || o->socket[0] != '/' || o->ready_fd < 0)
		return err_set(err, EINVAL, "wrong options");
	return write(o->ready_fd, "R", 1) == 1 ? 0 : -EIO;
}

static int up_fails(const struct cli_up_options *o, struct err *err)
{
	return err_set(err, ENOSPC, "%s: no room", o->data);
}

static int up_tells(const struct cli_up_options *o, struct err *err)
{
	return write(o->ready_fd, "Etold\n", 6) == 6 ? err_set(err, EIO, "other") : -EIO;
}

static int up_held(const struct cli_up_options *o, struct err *err)
{
	(void)o;
	return err_set(err, EBUSY, "process 7 holds it");
}

static int up_vanishes(const struct cli_up_options *o, struct err *err)
{
	(void)o;
	(void)err;
	_exit(9);
}

static void test_up(void **state)
{
	static const struct fake_route routes[] = {{.request = "GET /v1/ping", .status = 503, .once = true},
						   {.request = "GET /v1/ping", .status = 200, .body = "{\"pid\":42}"},
						   {NULL}};
	static const struct {
		int (*up)(const struct cli_up_options *o, struct err *err);
		int status;
		const char *wait, *out, *err;
	} rows[] = {
	    {up_ready, 0, "--quiet=false", "berth is up: socket ", ""},
	    {up_fails, 1, "--quiet=false", "", "/data: no room\n"},
	    {up_tells, 1, "--quiet=false", "", "berth: told\n"},
	    {up_vanishes, 1, "--quiet=false", "", "ended before it was ready; see "},
	    {up_held, 0, "--wait", "berth is up already: socket ", ""},
	    {NULL, 1, "--wait", "", "this program cannot be the daemon"},
	};
	struct fake *f = fake_start(routes);
	mem_cleanup char *data = mem_printf("%s/data", fake_dir(f));
	mem_cleanup char *log = mem_printf("%s/berth.log", data);

	(void)state;
	test_hooks.check = check_well;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		test_hooks.up = rows[i].up;
		struct outcome o outcome_cleanup =
		    RUN(fake_socket(f), "up", "--data", data, "--slots", "3", "--memory", "1m", rows[i].wait);

		contains(o.err, rows[i].err);
		contains(o.out, rows[i].out);
		assert_int_equal(o.status, rows[i].status);
	}
	unlink(log);
	rmdir(data);
	fake_stop(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_usage),
	    cmocka_unit_test(test_help),
	    cmocka_unit_test(test_overview),
	    cmocka_unit_test(test_not_running),
	    cmocka_unit_test(test_run),
	    cmocka_unit_test(test_run_ends),
	    cmocka_unit_test(test_run_signal),
	    cmocka_unit_test(test_run_second_interrupt),
	    cmocka_unit_test(test_run_no_reader),
	    cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_job_tree),
	    cmocka_unit_test(test_logs),
	    cmocka_unit_test(test_wait_and_rm),
	    cmocka_unit_test(test_import),
	    cmocka_unit_test(test_events),
	    cmocka_unit_test(test_submit_wait),
	    cmocka_unit_test(test_submit_lost),
	    cmocka_unit_test(test_submit_interrupted),
	    cmocka_unit_test(test_submit_refused),
	    cmocka_unit_test(test_up),
	};

	/* A test run in the background may have been told to ignore it, and then `berth run` would too. */
	(void)signal(SIGINT, SIG_DFL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
