/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "base/wire/json.h"
#include "node/engine/devhook.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int parse(const char *text, struct devhooks *ret, yyjson_doc **ret_doc, struct err *err)
{
	*ret_doc = json_parse(text, strlen(text), 1u << 20, "hooks", err);
	assert_non_null(*ret_doc);
	return devhook_read(yyjson_doc_get_root(*ret_doc), ret, err);
}

static void test_read(void **state)
{
	static const char text[] = "[{\"hookName\":\"poststop\",\"path\":\"/bin/a\"},"
				   "{\"hookName\":\"createContainer\",\"path\":\"/bin/"
				   "b\",\"args\":[\"b\",\"x\"],\"env\":[\"A=1\"],\"timeout\":7},"
				   "{\"hookName\":\"createContainer\",\"path\":\"/bin/c\",\"args\":[],\"new\":true}]";
	struct err err = ERR_INIT;
	struct devhooks h;
	yyjson_doc *doc;

	(void)state;
	assert_int_equal(parse(text, &h, &doc, &err), 0);
	assert_int_equal(h.n, 3);
	assert_int_equal(h.of[RT_HOOK_CREATE_CONTAINER].n, 2);
	assert_string_equal(h.of[RT_HOOK_CREATE_CONTAINER].v[0].args[1], "x");
	assert_string_equal(h.of[RT_HOOK_CREATE_CONTAINER].v[0].env[0], "A=1");
	assert_int_equal(h.of[RT_HOOK_CREATE_CONTAINER].v[0].timeout_s, 7);
	assert_string_equal(h.of[RT_HOOK_CREATE_CONTAINER].v[1].path, "/bin/c");
	assert_string_equal(h.of[RT_HOOK_CREATE_CONTAINER].v[1].args[0], "/bin/c");
	assert_string_equal(h.of[RT_HOOK_POSTSTOP].v[0].args[0], "/bin/a");
	/* Nothing waits for ever. */
	assert_int_equal(h.of[RT_HOOK_POSTSTOP].v[0].timeout_s, 300);
	devhook_free(&h);
	yyjson_doc_free(doc);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
	    {"{}", "hooks: a list is needed"},
	    {"[{\"path\":\"/a\"}]", "hooks.0: hookName"},
	    {"[{\"hookName\":\"start\",\"path\":\"/a\"}]", "hooks.0: hookName: \"start\" is none of prestart,"},
	    {"[{\"hookName\":\"poststop\"}]", "hooks.0: path"},
	    {"[{\"hookName\":\"poststop\",\"path\":\"a\"}]", "hooks.0: path: \"a\" is not an absolute path"},
	    {"[{\"hookName\":\"poststop\",\"path\":\"/a\"},{\"hookName\":\"poststop\",\"path\":\"/a\",\"args\":[1]}]",
	     "hooks.1: args"},
	    {"[{\"hookName\":\"poststop\",\"path\":\"/a\",\"env\":\"A=1\"}]", "hooks.0: env"},
	    {"[{\"hookName\":\"poststop\",\"path\":\"/a\",\"timeout\":0}]", "hooks.0: timeout"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = ERR_INIT;
		struct devhooks h;
		yyjson_doc *doc;

		if (parse(rows[i].text, &h, &doc, &err) >= 0 || !strstr(err.text, rows[i].error))
			fail_msg("%s: \"%s\" does not say \"%s\"", rows[i].text, err.text, rows[i].error);
		assert_int_equal(h.n, 0);
		yyjson_doc_free(doc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_read),
	    cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
