/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/core/err.h"
#include "base/core/go_mode.h"
#include "base/core/mem.h"
#include "face/docker/container.h"
#include "face/docker/docker_private.h"
#include "face/docker/path_stat.h"
#include "node/registry/base64.h"

#include <string.h>
#include <sys/stat.h>

/* Clients send either shape; what a map calls false is not asked for. */
static void test_filters(void **state)
{
	static const char *const keys[] = {"label", "dangling", NULL};
	static const char *const texts[] = {
	    "{\"label\":{\"a=b\":true,\"c\":true,\"d\":false},\"dangling\":{\"true\":true}}",
	    "{\"label\":[\"a=b\",\"c\"],\"dangling\":[\"true\"]}"};
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct docker_filters f;

		assert_int_equal(docker_filters_parse(texts[i], &f, &err), 0);
		assert_string_equal(docker_filter(&f, "label", 0), "a=b");
		assert_string_equal(docker_filter(&f, "label", 1), "c");
		assert_null(docker_filter(&f, "label", 2));
		assert_string_equal(docker_filter(&f, "dangling", 0), "true");
		assert_null(docker_filter(&f, "reference", 0));
		assert_int_equal(docker_filters_check(&f, keys, &err), 0);
		assert_int_equal(docker_filters_check(&f, keys + 1, &err), -EINVAL);
		assert_string_equal(err.text, "invalid filter 'label'");
		docker_filters_free(&f);
	}
}

static void test_bad_filters(void **state)
{
	static const char *const bad[] = {"[]", "x", "{\"label\":1}", "{\"label\":\"a\"}", "{\"label\":[1]}", "null"};
	struct docker_filters f;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		err_clear(&err);
		assert_true(docker_filters_parse(bad[i], &f, &err) < 0);
		assert_null(f.doc);
		assert_true(err.code > 0);
	}
	assert_int_equal(docker_filters_parse(NULL, &f, NULL), 0);
	assert_int_equal(docker_filters_parse("", &f, NULL), 0);
	assert_null(docker_filter(&f, "label", 0));
}

static void test_names(void **state)
{
	static const struct {
		const char *name, *tag, *whole;
	} cases[] = {{"busybox", "1.36", "busybox:1.36"},      {"docker.io/library/busybox", "1", "busybox:1"},
		     {"docker.io/team/app", NULL, "team/app"}, {"lab:5000/app", "", "lab:5000/app"},
		     {"lab:5000/app", "2", "lab:5000/app:2"},  {"lab:5000/app:1", "2", "lab:5000/app:1"},
		     {"app", "sha256:abc", "app@sha256:abc"},  {"app@sha256:abc", "1", "app@sha256:abc"}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		mem_cleanup char *whole = docker_image_name(cases[i].name, cases[i].tag);

		assert_string_equal(whole, cases[i].whole);
	}
	assert_string_equal(docker_local_name("index.docker.io/library/a"), "a");
	assert_string_equal(docker_local_name("docker.iox/a"), "docker.iox/a");
}

static void test_auth(void **state)
{
	/* {"username":"u","password":"?\?>>"} without the backslash: with the letters of both alphabets, padded and not */
	static const char *const texts[] = {
	    "eyJ1c2VybmFtZSI6InUiLCJwYXNzd29yZCI6Ij8/Pj4ifQ==", "eyJ1c2VybmFtZSI6InUiLCJwYXNzd29yZCI6Ij8_Pj4ifQ==",
	    "eyJ1c2VybmFtZSI6InUiLCJwYXNzd29yZCI6Ij8_Pj4ifQ"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		json_doc_cleanup yyjson_doc *doc = docker_auth_decode(texts[i]);

		assert_non_null(doc);
		assert_string_equal(yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "password")), "?\?>>");
	}
	assert_null(docker_auth_decode(NULL));
	assert_null(docker_auth_decode(""));
	assert_null(docker_auth_decode("!"));
	assert_null(docker_auth_decode("YWJj"));
}

static void test_time(void **state)
{
	char text[DOCKER_TIME_MAX];

	(void)state;
	assert_string_equal(docker_time(1795361663568, text), "2026-11-22T15:34:23.568Z");
	assert_string_equal(docker_time(0, text), "1970-01-01T00:00:00.000Z");
}

static void test_states(void **state)
{
	static const struct {
		struct engine_container c;
		const char *name, *status;
		bool runs;
	} rows[] = {
	    {{.state = ENGINE_CREATED}, "created", "Created", false},
	    {{.state = ENGINE_CREATED, .starting = true, .run = 1}, "created", "Created", false},
	    {{.state = ENGINE_RUNNING, .run = 1, .started_ms = 1000}, "running", "Up 9 seconds", true},
	    {{.state = ENGINE_RUNNING, .run = 1, .started_ms = 1000, .paused = true},
	     "paused",
	     "Up 9 seconds (Paused)",
	     true},
	    {{.state = ENGINE_EXITED, .run = 1, .ended_ms = 2000, .exit = {.code = 3}},
	     "exited",
	     "Exited (3) 8 seconds ago",
	     false},
	    {{.state = ENGINE_EXITED, .run = 1, .exit = {.code = 127, .never_started = true}},
	     "created",
	     "Created",
	     false},
	    {{.state = ENGINE_EXITED, .run = 1, .ended_ms = 2000, .restarting = true},
	     "restarting",
	     "Restarting (0) 8 seconds ago",
	     true},
	    /* a later life is ordered and has not begun: by the policy, or by somebody */
	    {{.state = ENGINE_CREATED,
	      .starting = true,
	      .run = 2,
	      .last_ended_ms = 2000,
	      .restarting = true,
	      .exit = {.code = 3}},
	     "restarting",
	     "Restarting (3) 8 seconds ago",
	     true},
	    {{.state = ENGINE_CREATED, .starting = true, .run = 2, .last_ended_ms = 2000, .exit = {.code = 3}},
	     "exited",
	     "Exited (3) 8 seconds ago",
	     false},
	    {{.state = ENGINE_CREATED, .starting = true, .run = 2, .exit = {.code = 127, .never_started = true}},
	     "created",
	     "Created",
	     false},
	    {{.state = ENGINE_RUNNING, .run = 1, .removing = true}, "removing", "Removal In Progress", true},
	    {{.state = ENGINE_EXITED, .run = 1, .dead = true}, "dead", "Dead", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[CONTAINER_STATUS_MAX];

		assert_string_equal(container_state(&rows[i].c), rows[i].name);
		assert_string_equal(container_status(&rows[i].c, 10000, text), rows[i].status);
		assert_int_equal(container_runs(&rows[i].c), rows[i].runs);
	}
}

/* Go's os.FileMode has bits of its own; a container may give its files any time. */
static void test_path_stat(void **state)
{
	static const struct {
		mode_t mode;
		uint32_t go;
	} modes[] = {
	    {S_IFREG | 0644, 0644},
	    {S_IFDIR | 01777, 1u << 31 | 1u << 20 | 0777},
	    {S_IFLNK | 0777, 1u << 27 | 0777},
	    {S_IFREG | 06755, 1u << 23 | 1u << 22 | 0755},
	    {S_IFCHR | 0600, 1u << 26 | 1u << 21 | 0600},
	    {S_IFBLK | 0600, 1u << 26 | 0600},
	};
	static const char found[] =
	    "{\"name\":\"f\",\"size\":5,\"mode\":33188,\"mtime_s\":4611686018427387904,\"mtime_ns\":7,\"target\":\"\"}";
	yyjson_doc *doc = yyjson_read(found, sizeof found - 1, 0);
	mem_cleanup char *header = path_stat_header(yyjson_doc_get_root(doc)), *text = NULL;
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		mode_t back = 0;

		assert_int_equal(go_mode_of(modes[i].mode), modes[i].go);
		assert_true(go_mode_read(modes[i].go, &back));
		assert_int_equal(back, modes[i].mode);
	}
	text = base64_bytes(header, &n);
	assert_string_equal(text,
			    "{\"name\":\"f\",\"size\":5,\"mode\":420,\"mtime\":\"9999-12-31T23:59:59.000000007Z\","
			    "\"linkTarget\":\"\"}");
	yyjson_doc_free(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_filters),  cmocka_unit_test(test_bad_filters),
					   cmocka_unit_test(test_names),    cmocka_unit_test(test_auth),
					   cmocka_unit_test(test_time),	    cmocka_unit_test(test_states),
					   cmocka_unit_test(test_path_stat)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
