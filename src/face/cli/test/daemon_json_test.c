/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon.json as a table of files and what is made of them, or why they are refused.
 */
#include "base/core/err.h"
#include "base/core/log.h"
#include "face/cli/daemon_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int parse(const char *text, struct daemon_json *ret, struct err *err)
{
	return daemon_json_parse(text, strlen(text), "/d.json", ret, err);
}

static void same_text(const char *got, const char *wanted)
{
	assert_int_equal(got != NULL, wanted != NULL);
	if (wanted)
		assert_string_equal(got, wanted);
}

static void test_done(void **state)
{
	static const struct {
		const char *text, *host, *cert, *ca, *log;
		int level;
	} rows[] = {
	    {"{}", NULL, NULL, NULL, NULL, -1},
	    {"{\"hosts\":[\"tcp://:2376\"],\"tlsverify\":true,\"tlscert\":\"/c\",\"tlscacert\":\"/a\"}", "tcp://:2376",
	     "/c", "/a", NULL, -1},
	    {"{\"tls\":true}", NULL, "/etc/docker/cert.pem", NULL, NULL, -1},
	    {"{\"tls\":false,\"tlscert\":\"/c\"}", NULL, NULL, NULL, NULL, -1},
	    {"{\"log-level\":\"warn\"}", NULL, NULL, NULL, NULL, LOG_WARNING},
	    {"{\"log-level\":\"warn\",\"debug\":true}", NULL, NULL, NULL, NULL, LOG_DEBUG},
	    {"{\"log-driver\":\"local\"}", NULL, NULL, NULL, "{\"Type\":\"local\",\"Config\":{}}", -1},
	    {"{\"log-opts\":{\"max-size\":\"1m\"}}", NULL, NULL, NULL,
	     "{\"Type\":\"json-file\",\"Config\":{\"max-size\":\"1m\"}}", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct daemon_json d = DAEMON_JSON_INIT;

		assert_int_equal(parse(rows[i].text, &d, NULL), 0);
		assert_null(d.told);
		same_text(d.hosts ? d.hosts[0] : NULL, rows[i].host);
		same_text(d.tls_cert, rows[i].cert);
		same_text(d.ca, rows[i].ca);
		same_text(d.log, rows[i].log);
		assert_int_equal(d.level, rows[i].level);
		daemon_json_free(&d);
	}
}

/* Passed over in words; the same key with the value that changes nothing needs none. */
static void test_told(void **state)
{
	static const struct {
		const char *text, *told;
	} rows[] = {
	    {"{\"bip\":\"10.9.0.1/24\"}", "/d.json: \"bip\" has no effect"},
	    {"{\"live-restore\":false}", "always outlive"},
	    {"{\"live-restore\":true,\"storage-driver\":\"overlay2\",\"dns\":[],\"exec-opts\":[\"a\"]}", NULL},
	    {"{\"icc\":true,\"iptables\":true,\"userns-remap\":\"\",\"seccomp-profile\":null}", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct daemon_json d = DAEMON_JSON_INIT;

		assert_int_equal(parse(rows[i].text, &d, NULL), 0);
		assert_int_equal(d.told != NULL, rows[i].told != NULL);
		if (d.told)
			assert_non_null(strstr(d.told[0], rows[i].told));
		daemon_json_free(&d);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
	    {"{\"nonsense\":1}", "\"nonsense\" is no key"},
	    {"{\"icc\":false}", "\"icc\" is not done"},
	    {"{\"userns-remap\":\"default\"}", "userns-remap"},
	    {"{\"no-new-privileges\":true}", "no-new-privileges"},
	    {"{\"authorization-plugins\":[\"x\"]}", "--policy"},
	    {"{\"hosts\":\"x\"}", "hosts: a list is needed"},
	    {"{\"tlsverify\":\"yes\"}", "tlsverify"},
	    {"{\"log-level\":\"loud\"}", "log-level"},
	    {"{\"log-opts\":[]}", "log-opts"},
	    {"[]", "an object is needed"},
	    {"{", "not valid JSON"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct daemon_json d = DAEMON_JSON_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(parse(rows[i].text, &d, &err), -EINVAL);
		assert_non_null(strstr(err.text, rows[i].why));
		assert_non_null(strstr(err.text, "/d.json"));
		daemon_json_free(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_done),
	    cmocka_unit_test(test_told),
	    cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
