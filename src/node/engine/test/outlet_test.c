/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages for the journal and for syslog as text, and a receiver that is slow, goes away and comes back.
 */
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/engine/outlet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static yyjson_doc *parse(const char *text)
{
	yyjson_doc *doc = yyjson_read(text, strlen(text), 0);

	assert_non_null(doc);
	return doc;
}

static int make(enum spec_log driver, const char *options, struct outlet_form *ret, struct err *err)
{
	static char *const env[] = {(char *)"COLOR=red", (char *)"TEXT=two\nlines", (char *)"PATH=/bin", NULL};
	json_doc_cleanup yyjson_doc *labels = parse("{\"com.x\":\"1\",\"_under\":\"2\",\"other\":\"3\",\"...\":\"4\"}");
	json_doc_cleanup yyjson_doc *doc = parse(options);
	const struct outlet_about about = {
	    .id = ID, .name = "web", .image = "shop/web:1", .env = env, .labels = yyjson_doc_get_root(labels)};

	return outlet_form_make(driver, yyjson_doc_get_root(doc), &about, ret, err);
}

static const struct outlet_line hello = {
    .stream = 2, .time_ns = 1700000000123456789, .data = (const unsigned char *)"hello", .n = 5, .last = true};

static void test_syslog(void **state)
{
	static const struct {
		const char *options, *text;
	} rows[] = {
	    {"{\"syslog-format\":\"rfc5424\"}", "<27>1 2023-11-14T22:13:20Z box 0123456789ab 7 0123456789ab - hello\n"},
	    {"{\"syslog-format\":\"rfc5424micro\",\"tag\":\"{{.Name}}/{{ .ImageName "
	     "}}\",\"syslog-facility\":\"local3\"}",
	     "<155>1 2023-11-14T22:13:20.123456Z box web/shop/web:1 7 web/shop/web:1 - hello\n"},
	    {"{\"syslog-format\":\"rfc3164\",\"tag\":\"x\",\"syslog-facility\":\"0\"}",
	     "<3>Nov 14 22:13:20 box x[7]: hello\n"},
	    {"{\"tag\":\"a\\nb\"}", "<27>Nov 14 22:13:20 a b[7]: hello\n"},
	};

	(void)state;
	setenv("TZ", "UTC", 1);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		buf_cleanup struct buf out = BUF_INIT;
		struct outlet_form f;

		assert_int_equal(make(SPEC_LOG_SYSLOG, rows[i].options, &f, NULL), 0);
		free(f.machine);
		f.machine = mem_strdup("box");
		f.pid = 7;
		outlet_message(&f, &hello, &out);
		assert_string_equal(buf_str(&out), rows[i].text);
		outlet_form_free(&f);
	}
}

static void test_journal(void **state)
{
	struct outlet_line part = hello;
	buf_cleanup struct buf out = BUF_INIT;
	mem_cleanup char *head = NULL, *whole = NULL;
	const char *cut;
	struct outlet_form f;

	(void)state;
	assert_int_equal(
	    make(SPEC_LOG_JOURNALD,
		 "{\"tag\":\"t\",\"labels\":\"com.x,_under,...\",\"env\":\"none,COLOR\",\"env-regex\":\"^TE\"}", &f,
		 NULL),
	    0);
	outlet_message(&f, &hello, &out);
	head = mem_printf("PRIORITY=3\nSYSLOG_TIMESTAMP=2023-11-14T22:13:20.123456789Z\n");
	assert_memory_equal(buf_str(&out), head, strlen(head));
	whole =
	    mem_printf("CONTAINER_ID=0123456789ab\nCONTAINER_ID_FULL=" ID
		       "\nCONTAINER_NAME=web\nCONTAINER_TAG=t\nIMAGE_NAME=shop/web:1\nSYSLOG_IDENTIFIER=t\nCOM_X=1\n"
		       "UNDER=2\nCOLOR=red\nTEXT\n\11");
	assert_memory_equal(out.data + strlen(head), whole, strlen(whole));
	/* A value with an end of line has its length in front. */
	cut = out.data + strlen(head) + strlen(whole);
	assert_memory_equal(cut, "\0\0\0\0\0\0\0two\nlines\nMESSAGE=hello\n", 7 + 24);
	part.last = false;
	part.stream = 1;
	part.ordinal = 2;
	snprintf(part.part, sizeof part.part, "abc");
	outlet_message(&f, &part, &out);
	assert_memory_equal(buf_str(&out), "PRIORITY=6\n", 11);
	assert_non_null(strstr(buf_str(&out), "\nCONTAINER_PARTIAL_ID=abc\nCONTAINER_PARTIAL_ORDINAL=2\n"
					      "CONTAINER_PARTIAL_LAST=false\nCONTAINER_PARTIAL_MESSAGE=true\n"));
	outlet_form_free(&f);
}

static void test_refused(void **state)
{
	static const struct {
		enum spec_log driver;
		const char *options, *error;
	} rows[] = {
	    {SPEC_LOG_JSON_FILE, "{\"tga\":\"x\"}", "unknown log opt 'tga' for json-file log driver"},
	    {SPEC_LOG_JOURNALD, "{\"max-size\":\"1m\"}", "unknown log opt 'max-size' for journald log driver"},
	    {SPEC_LOG_SYSLOG, "{\"tag\":\"{{.Nmae}}\"}", "tag: \"{{.Nmae}}\" is not known"},
	    {SPEC_LOG_SYSLOG, "{\"tag\":\"{{.Name\"}", "has no end: }}"},
	    {SPEC_LOG_SYSLOG, "{\"syslog-address\":\"1.2.3.4\"}", "should be in form proto://address, got 1.2.3.4"},
	    {SPEC_LOG_SYSLOG, "{\"syslog-address\":\"tcp+tls://h:1\"}", "unix, unixgram, udp and tcp are known"},
	    {SPEC_LOG_SYSLOG, "{\"syslog-address\":\"tcp://h:99999\"}", "has no port from 0 to 65535"},
	    {SPEC_LOG_SYSLOG, "{\"syslog-address\":\"unix://relative\"}", "is no path of a socket"},
	    {SPEC_LOG_SYSLOG, "{\"syslog-facility\":\"24\"}", "invalid syslog facility: \"24\""},
	    {SPEC_LOG_SYSLOG, "{\"syslog-format\":\"rfc1\"}", "invalid value for syslog-format: \"rfc1\""},
	    {SPEC_LOG_JOURNALD, "{\"mode\":\"maybe\"}", "invalid value for mode: \"maybe\""},
	    {SPEC_LOG_JOURNALD, "{\"env-regex\":\"(a\"}", "is no regular expression"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_doc_cleanup yyjson_doc *doc = parse(rows[i].options);
		struct err err = ERR_INIT;

		assert_int_equal(outlet_check(rows[i].driver, yyjson_doc_get_root(doc), &err), -EINVAL);
		assert_non_null(strstr(err.text, rows[i].error));
	}
	assert_int_equal(outlet_check(SPEC_LOG_NONE, NULL, NULL), 0);
}

/* ---- the socket ---- */

static struct place {
	char dir[32], path[64];
	int sock;
	struct outlet *o;
} p;

static int listen_there(int type)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%s", p.path);
	unlink(p.path);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static int open_place(void **state)
{
	(void)state;
	p = (struct place){.dir = "/tmp/berth-outlet-XXXXXX", .sock = -1};
	if (!mkdtemp(p.dir))
		return -1;
	snprintf(p.path, sizeof p.path, "%s/log", p.dir);
	return 0;
}

static int close_place(void **state)
{
	(void)state;
	p.o = outlet_free(p.o);
	fd_closep(&p.sock);
	unlink(p.path);
	return rmdir(p.dir);
}

static void open_outlet(enum outlet_way way, bool lossy)
{
	struct outlet_form f;

	assert_int_equal(make(SPEC_LOG_SYSLOG, "{\"tag\":\"t\"}", &f, NULL), 0);
	f.way = way;
	f.host = mem_strdup(p.path);
	f.lossy = lossy;
	assert_int_equal(outlet_open_form(&f, 0, &p.o, NULL), 0);
}

static void put(const char *text)
{
	outlet_write(p.o, 1, 0, (const unsigned char *)text, strlen(text));
}

/* The text of the next message at the socket; "" = there is none. */
static const char *next(int fd)
{
	static char text[OUTLET_LINE_MAX + 256];
	ssize_t n = recv(fd, text, sizeof text - 1, 0);
	char *start;

	text[n > 0 ? n : 0] = '\0';
	start = strstr(text, "]: ");
	return start ? start + 3 : text;
}

static void test_lines(void **state)
{
	mem_cleanup char *longer = mem_zalloc(1, OUTLET_LINE_MAX + 4);

	(void)state;
	p.sock = listen_there(SOCK_DGRAM);
	open_outlet(OUTLET_DATAGRAM, false);
	put("one\ntw");
	put("o\n\nrest");
	assert_string_equal(next(p.sock), "one\n");
	assert_string_equal(next(p.sock), "two\n");
	assert_string_equal(next(p.sock), "\n");
	assert_string_equal(next(p.sock), "");
	outlet_finish(p.o);
	assert_string_equal(next(p.sock), "rest\n");
	memset(longer, 'x', OUTLET_LINE_MAX + 1);
	put(longer);
	put("\n");
	assert_int_equal(strlen(next(p.sock)), OUTLET_LINE_MAX + 1);
	assert_string_equal(next(p.sock), "x\n");
}

static void test_slow_receiver(void **state)
{
	enum { LINES = 20000 };
	struct buf text = BUF_INIT;
	int got = 0;

	(void)state;
	p.sock = listen_there(SOCK_DGRAM);
	open_outlet(OUTLET_DATAGRAM, false);
	for (int i = 0; i < LINES; i++)
		buf_printf(&text, "%d\n", i);
	put(buf_str(&text));
	buf_free(&text);
	assert_true(outlet_busy(p.o));
	/* Nothing is lost, nothing comes twice. */
	while (got < LINES) {
		const char *line = next(p.sock);

		if (!*line) {
			assert_true(outlet_busy(p.o));
			outlet_flush(p.o);
			continue;
		}
		assert_int_equal((int)strtol(line, NULL, 10), got);
		got++;
	}
	assert_false(outlet_busy(p.o));
	p.o = outlet_free(p.o);
	open_outlet(OUTLET_DATAGRAM, true);
	for (int i = 0; i < 5000; i++)
		put("line\n");
	assert_false(outlet_busy(p.o));
}

static void test_receiver_comes_back(void **state)
{
	int conn;

	(void)state;
	p.sock = listen_there(SOCK_DGRAM);
	open_outlet(OUTLET_DATAGRAM, false);
	put("one\n");
	fd_closep(&p.sock);
	put("lost\n");
	assert_false(outlet_busy(p.o));
	p.sock = listen_there(SOCK_DGRAM);
	put("two\n");
	assert_string_equal(next(p.sock), "two\n");
	p.o = outlet_free(p.o);
	fd_closep(&p.sock);

	p.sock = listen_there(SOCK_STREAM);
	open_outlet(OUTLET_STREAM, false);
	conn = accept(p.sock, NULL, NULL);
	put("one\n");
	assert_string_equal(next(conn), "one\n");
	close(conn);
	put("two\n");
	conn = accept(p.sock, NULL, NULL);
	assert_string_equal(next(conn), "two\n");
	close(conn);
}

static void test_nobody_there(void **state)
{
	struct outlet_form f;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(make(SPEC_LOG_SYSLOG, "{}", &f, NULL), 0);
	f.host = mem_strdup(p.path);
	assert_int_equal(outlet_open_form(&f, 0, &p.o, &err), -ENOENT);
	assert_non_null(strstr(err.text, "failed to initialize logging driver: connect to"));
	assert_null(p.o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_syslog),
	    cmocka_unit_test(test_journal),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test_setup_teardown(test_lines, open_place, close_place),
	    cmocka_unit_test_setup_teardown(test_slow_receiver, open_place, close_place),
	    cmocka_unit_test_setup_teardown(test_receiver_comes_back, open_place, close_place),
	    cmocka_unit_test_setup_teardown(test_nobody_there, open_place, close_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
