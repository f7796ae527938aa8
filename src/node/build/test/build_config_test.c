/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/build_config.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Everything that is known, in the order in which it is written: reading and writing must give the same text. */
static void test_round_trip(void **state)
{
	static const char text[] = "{\"created\":\"2020-01-01T00:00:00Z\",\"author\":\"a\",\"architecture\":\"arm64\","
				   "\"os\":\"linux\",\"variant\":\"v8\","
				   "\"os.version\":\"1\",\"os.features\":[\"f\"],\"config\":{\"Hostname\":\"h\","
				   "\"Domainname\":\"d\",\"User\":\"u\","
				   "\"ExposedPorts\":{\"1/tcp\":{},\"2/"
				   "udp\":{}},\"Env\":[\"Z=1\",\"A=\"],\"Entrypoint\":[\"e\"],\"Cmd\":[\"c\",\"\"],"
				   "\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"],\"Interval\":1,\"Timeout\":2,"
				   "\"StartPeriod\":3,\"StartInterval\":4,\"Retries\":5},"
				   "\"ArgsEscaped\":true,\"Volumes\":{\"/v\":{}},\"WorkingDir\":\"/"
				   "w\",\"OnBuild\":[\"RUN x\"],\"Labels\":{\"a\":\"\",\"b\":\"2\"},"
				   "\"StopSignal\":\"9\",\"StopTimeout\":7,\"Shell\":[\"s\"]},\"rootfs\":{\"type\":"
				   "\"layers\",\"diff_ids\":[\"sha256:aa\"]},"
				   "\"history\":[{\"created\":\"2019-01-01T00:00:00Z\",\"created_by\":\"b\",\"author\":"
				   "\"a\",\"comment\":\"c\",\"empty_layer\":true},"
				   "{}]}";
	struct keep k = {0};
	struct build_config *c = NULL;
	struct err err = ERR_INIT;
	mem_cleanup char *out = NULL;
	size_t n;

	(void)state;
	if (build_config_read(&k, text, strlen(text), &c, &err) < 0)
		fail_msg("%s", err.text);
	out = build_config_text(c, NULL, c->created, false, &n);
	assert_string_equal(out, text);
	assert_int_equal(n, strlen(text));
	keep_free(&k);
}

/* The order in which sets are filled is not seen, null counts as missing, unknown members are dropped. */
static void test_normal_form(void **state)
{
	static const char text[] = "{\"config\":{\"Labels\":{\"b\":\"1\",\"a\":\"2\"},\"Env\":null,\"Cmd\":null,"
				   "\"Image\":\"x\",\"Volumes\":null,"
				   "\"OnBuild\":[]},\"history\":null,\"container\":\"y\",\"rootfs\":null}";
	struct keep k = {0};
	struct build_config *c = NULL, *d;
	mem_cleanup char *out = NULL, *same = NULL;

	(void)state;
	assert_int_equal(build_config_read(&k, text, strlen(text), &c, NULL), 0);
	out = build_config_text(c, NULL, NULL, false, NULL);
	assert_string_equal(
	    out,
	    "{\"architecture\":\"\",\"os\":\"\",\"config\":{\"Labels\":{\"a\":\"2\",\"b\":\"1\"}},\"rootfs\":{\"type\":"
	    "\"layers\",\"diff_ids\":[]},\"history\":[]}");
	d = build_config_dup(&k, c);
	build_config_set_env(&k, d, "A", "1");
	build_config_set_pair(&k, &d->labels, &d->n_labels, "a", "3");
	build_config_set_pair(&k, &d->labels, &d->n_labels, "aa", "4");
	build_config_add_history(&k, d, &(struct build_history){.created_by = (char[]){"x"}, .stage = -1});
	same = build_config_text(c, NULL, NULL, false, NULL);
	assert_string_equal(same, out);
	assert_string_equal(build_config_env(d, "A"), "1");
	assert_int_equal(d->n_labels, 3);
	assert_string_equal(d->labels[1].name, "aa");
	keep_free(&k);
}

static void test_refused(void **state)
{
	static const char *const rows[] = {
	    "",
	    "[]",
	    "{\"config\":1}",
	    "{\"config\":{\"Env\":[\"A\"]}}",
	    "{\"config\":{\"Env\":[\"=A\"]}}",
	    "{\"config\":{\"Env\":[1]}}",
	    "{\"config\":{\"Cmd\":\"x\"}}",
	    "{\"config\":{\"Entrypoint\":[\"a\\u0000b\"]}}",
	    "{\"config\":{\"User\":\"a\\u0000b\"}}",
	    "{\"config\":{\"Labels\":{\"a\":1}}}",
	    "{\"config\":{\"Labels\":{\"a\\u0000\":\"x\"}}}",
	    "{\"config\":{\"ExposedPorts\":[]}}",
	    "{\"config\":{\"Healthcheck\":{\"Interval\":-1}}}",
	    "{\"config\":{\"StopTimeout\":-1}}",
	    "{\"history\":[1]}",
	    "{\"history\":{}}",
	    "{\"rootfs\":{\"diff_ids\":1}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct keep k = {0};
		struct build_config *c = NULL;
		struct err err = ERR_INIT;

		if (build_config_read(&k, rows[i], strlen(rows[i]), &c, &err) != -EINVAL || !err.text[0])
			fail_msg("%s: %s", rows[i], err.text);
		keep_free(&k);
	}
}

static void test_limits(void **state)
{
	buf_cleanup struct buf text = BUF_INIT;
	struct keep k = {0};
	struct build_config *c = NULL;

	(void)state;
	buf_adds(&text, "{\"config\":{\"Volumes\":{");
	for (unsigned i = 0; i <= BUILD_CONFIG_LIST_MAX; i++)
		buf_printf(&text, "%s\"%u\":{}", i ? "," : "", i);
	buf_adds(&text, "}}}");
	assert_int_equal(build_config_read(&k, buf_str(&text), text.len, &c, NULL), -EINVAL);
	buf_clear(&text);
	buf_adds(&text, "{\"author\":\"");
	for (unsigned i = 0; i < BUILD_CONFIG_BYTES_MAX / 8; i++)
		buf_adds(&text, "01234567");
	buf_adds(&text, "\"}");
	assert_true(build_config_read(&k, buf_str(&text), text.len, &c, NULL) < 0);
	keep_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_normal_form),
					   cmocka_unit_test(test_refused), cmocka_unit_test(test_limits)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
