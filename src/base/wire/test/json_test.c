/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire/json.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* What is refused, and with which code. */
static const struct {
	const char *text;
	int code;
} bad[] = {
    {"", EINVAL},	  {"{", EINVAL},       {"[1,]", EINVAL},     {"{\"a\":1,}", EINVAL},  {"{'a':1}", EINVAL},
    {"nul", EINVAL},	  {"[1] [2]", EINVAL}, {"\"\001\"", EINVAL}, {"\"\\x\"", EINVAL},     {"NaN", EINVAL},
    {"\"\xff\"", EINVAL}, {"// a\n1", EINVAL}, {"01", EINVAL},	     {"\"\\ud800\"", EINVAL}, {"{\"a\" 1}", EINVAL},
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err err = ERR_INIT;
		yyjson_doc *doc = json_parse(bad[i].text, strlen(bad[i].text), 1000, "the test", &err);

		if (doc || err.code != bad[i].code)
			fail_msg("%s: %d %s", bad[i].text, err.code, err.text);
		assert_non_null(strstr(err.text, "the test"));
	}
}

static void test_limits(void **state)
{
	struct err err = ERR_INIT;
	char deep[2 * JSON_DEPTH_MAX + 4];
	yyjson_doc *doc json_doc_cleanup = NULL;

	(void)state;
	assert_null(json_parse("[1,2]", 5, 4, "x", &err));
	assert_int_equal(err.code, E2BIG);
	memset(deep, '[', JSON_DEPTH_MAX + 1);
	memset(deep + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	assert_null(json_parse(deep, 2 * JSON_DEPTH_MAX + 2, 1000, "x", &err));
	assert_int_equal(err.code, E2BIG);
	doc = json_parse(deep + 1, 2 * JSON_DEPTH_MAX, 1000, "x", &err);
	assert_non_null(doc);
}

static void test_position(void **state)
{
	static const char text[] = "{\n  \"a\": 1,\n  \"b\": x\n}";
	struct err err = ERR_INIT;

	(void)state;
	assert_null(json_parse(text, strlen(text), 1000, "job", &err));
	assert_non_null(strstr(err.text, "line 3, column 8"));
}

static void test_members(void **state)
{
	static const char text[] = "{\"s\":\"x\",\"i\":-7,\"n\":1.5,\"b\":true,\"l\":[\"p\",\"q\"],\"o\":{},\"z\":null,"
				   "\"nul\":\"a\\u0000b\",\"big\":18446744073709551615,\"m\":[\"p\",1]}";
	struct err err = ERR_INIT;
	yyjson_doc *doc json_doc_cleanup = json_parse(text, strlen(text), 1000, "x", &err);
	yyjson_val *o = yyjson_doc_get_root(doc), *v;
	const char *s = "kept";
	int64_t i = 3;
	double n;
	bool b;
	char **l = NULL;

	(void)state;
	assert_int_equal(json_get_str(o, "s", &s, &err), 0);
	assert_string_equal(s, "x");
	assert_int_equal(json_get_str(o, "none", &s, &err), -ENOENT);
	assert_int_equal(json_get_str(o, "z", &s, &err), -ENOENT);
	assert_int_equal(json_get_str(o, "i", &s, &err), -EINVAL);
	assert_int_equal(json_get_str(o, "nul", &s, &err), -EINVAL);
	assert_int_equal(json_get_int(o, "i", -7, 0, &i, &err), 0);
	assert_int_equal(i, -7);
	assert_int_equal(json_get_int(o, "i", -6, 0, &i, &err), -EINVAL);
	assert_int_equal(json_get_int(o, "n", -7, 7, &i, &err), -EINVAL);
	assert_int_equal(json_get_int(o, "big", 0, INT64_MAX, &i, &err), -EINVAL);
	assert_int_equal(json_get_num(o, "n", &n, &err), 0);
	assert_true(n > 1.4 && n < 1.6);
	assert_int_equal(json_get_bool(o, "b", &b, &err), 0);
	assert_int_equal(json_get_bool(o, "i", &b, &err), -EINVAL);
	assert_int_equal(json_get_arr(o, "l", &v, &err), 0);
	assert_int_equal(json_get_arr(o, "o", &v, &err), -EINVAL);
	assert_int_equal(json_get_obj(o, "o", &v, &err), 0);
	assert_int_equal(json_get_strv(o, "l", &l, &err), 0);
	assert_int_equal(mem_strv_len(l), 2);
	mem_strv_free(l);
	assert_int_equal(json_get_strv(o, "m", &l, &err), -EINVAL);
	assert_int_equal(json_opt_str(o, "none", &s, &err), 0);
	assert_string_equal(s, "x");
	assert_int_equal(json_opt_str(o, "i", &s, &err), -EINVAL);
	assert_int_equal(json_opt_int(o, "none", 0, 1, &i, &err), 0);
	assert_int_equal(i, -7);
}

static void test_fold(void **state)
{
	static const char text[] =
	    "{\"container\":1,\"FORCE\":2,\"Force\":3,\"labels\":{\"FORCE\":4},\"Containers\":5}";
	static const char *const names[] = {"Container", "Force", "Labels", "Absent", NULL};
	struct err err = ERR_INIT;
	yyjson_doc *doc json_doc_cleanup = json_parse(text, strlen(text), 1000, "x", &err);
	yyjson_val *o = yyjson_doc_get_root(doc);

	(void)state;
	assert_null(yyjson_obj_get(o, "Container"));
	json_fold(o, names);
	assert_int_equal(yyjson_get_int(yyjson_obj_get(o, "Container")), 1);
	assert_null(yyjson_obj_get(o, "container"));
	/* Who is there by his own name stays. */
	assert_int_equal(yyjson_get_int(yyjson_obj_get(o, "Force")), 3);
	assert_int_equal(yyjson_get_int(yyjson_obj_get(o, "FORCE")), 2);
	assert_int_equal(yyjson_get_int(yyjson_obj_get(yyjson_obj_get(o, "Labels"), "FORCE")), 4);
	assert_int_equal(yyjson_get_int(json_member(o, "CONTAINERS")), 5);
	assert_null(json_member(o, "Absent"));
	assert_null(json_member(NULL, "Absent"));
}

static void test_quote(void **state)
{
	struct buf b buf_cleanup = BUF_INIT;
	yyjson_doc *doc json_doc_cleanup = NULL;
	unsigned char all[256];

	(void)state;
	json_quote(&b, "a\"\\\n\001\xff\303\244", 8);
	assert_string_equal(buf_str(&b), "\"a\\\"\\\\\\u000a\\u0001\357\277\275\303\244\"");
	for (int i = 0; i < 256; i++)
		all[i] = (unsigned char)i;
	buf_clear(&b);
	json_quote(&b, (const char *)all, sizeof all);
	doc = json_parse(b.data, b.len, 4096, "x", NULL);
	assert_non_null(doc);
}

/* Single values, pretty texts and texts of all sizes: yyjson reads them by different functions, with guesses of their own. */
static void test_kept(void **state)
{
	static const char *const texts[] = {"1", "\"text\"", "[]", "{\n  \"a\": [1, 2,\n  {\"b\": null}]\n}"};
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts + 300; i++) {
		buf_cleanup struct buf b = BUF_INIT;
		json_doc_cleanup yyjson_doc *doc = NULL, *kept = NULL;

		for (size_t n = sizeof texts / sizeof *texts; n < i; n++)
			buf_printf(&b, "%s{\"number\":%zu,\"text\":\"%zu\"}", b.len ? "," : "[", n, n * n);
		buf_printf(&b, "%s", b.len ? "]" : texts[i % (sizeof texts / sizeof *texts)]);
		doc = json_parse(b.data, b.len, 1 << 20, "the test", &err);
		kept = json_parse_kept(b.data, b.len, 1 << 20, "the test", &err);
		assert_non_null(kept);
		assert_true(yyjson_equals(yyjson_doc_get_root(doc), yyjson_doc_get_root(kept)));
	}
	assert_null(json_parse_kept("[", 1, 10, "the test", &err));
	assert_int_equal(err.code, EINVAL);
}

static void test_write(void **state)
{
	char *const v[] = {(char *)"p", (char *)"q", NULL};
	yyjson_mut_doc *doc json_mut_cleanup = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(doc);
	char *text;
	size_t n;

	(void)state;
	yyjson_mut_doc_set_root(doc, o);
	json_add_strv(doc, o, "l", v);
	json_add_strv(doc, o, "none", NULL);
	text = json_text(doc, false, &n);
	assert_string_equal(text, "{\"l\":[\"p\",\"q\"]}");
	assert_int_equal(n, strlen(text));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad),	    cmocka_unit_test(test_limits), cmocka_unit_test(test_position),
	    cmocka_unit_test(test_members), cmocka_unit_test(test_fold),   cmocka_unit_test(test_quote),
	    cmocka_unit_test(test_write),   cmocka_unit_test(test_kept),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
