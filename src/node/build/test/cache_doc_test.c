/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/cache_doc.h"

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

#define TEN "0123456789"
#define KEY TEN TEN TEN TEN TEN TEN "0123"
#define KEY2 TEN TEN TEN TEN TEN TEN "abcd"
#define DIFF "\"sha256:" KEY "\""
#define RECORD(key, layer) "{\"key\":\"" key "\",\"layer\":" layer "}"
#define DOC(records, diffs) "{\"version\":1,\"records\":[" records "],\"diff_ids\":[" diffs "]}"

static void test_parse(void **state)
{
	static const struct {
		const char *text, *error; /* NULL = it is read */
	} rows[] = {
	    {DOC("", ""), NULL},
	    {DOC(RECORD(KEY, "0"), DIFF), NULL},
	    {DOC(RECORD(KEY, "0") "," RECORD(KEY2, "0"), DIFF), NULL},
	    {DOC(RECORD(KEY, "1"), DIFF), "records[0] is no record of one of its 1 layers"},
	    {DOC(RECORD(KEY, "-1"), DIFF), "records[0]"},
	    {DOC(RECORD(KEY, "0"), ""), "of its 0 layers"},
	    {DOC(RECORD("../../x", "0"), DIFF), "records[0]"},
	    {DOC(RECORD(KEY, "\"0\""), DIFF), "records[0]"},
	    {DOC("7", DIFF), "records[0]"},
	    {DOC(RECORD(KEY, "0") "," RECORD(KEY, "0"), DIFF), "two records with the key " KEY},
	    {DOC("", "\"" KEY "\""), "diff_ids[0] is no digest"},
	    {DOC("", "\"sha256:../..\""), "diff_ids[0] is no digest"},
	    {DOC("", "1"), "diff_ids[0] is no digest"},
	    {"{\"version\":2,\"records\":[],\"diff_ids\":[]}", "has version 2"},
	    {"{\"records\":[],\"diff_ids\":[]}", "version"},
	    {"{\"version\":1,\"diff_ids\":[]}", "records"},
	    {"{\"version\":1,\"records\":[]}", "diff_ids"},
	    {"[]", "JSON object"},
	    {"{", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct cache_doc d = CACHE_DOC_INIT;
		struct err err = ERR_INIT;
		int r = cache_doc_parse(rows[i].text, strlen(rows[i].text), &d, &err);

		if ((r < 0) != (rows[i].error != NULL) || (r < 0 && !strstr(err.text, rows[i].error)))
			fail_msg("%s: %d %s", rows[i].text, r, err.text);
		cache_doc_free(&d);
	}
}

static void test_limits(void **state)
{
	struct buf text buf_cleanup = BUF_INIT;
	struct cache_doc d = CACHE_DOC_INIT;
	char key[65];

	(void)state;
	buf_adds(&text, "{\"version\":1,\"records\":[],\"diff_ids\":[" DIFF);
	for (size_t i = 0; i < CACHE_DOC_LAYERS_MAX; i++)
		buf_adds(&text, "," DIFF);
	buf_adds(&text, "]}");
	assert_int_equal(cache_doc_parse(text.data, text.len, &d, NULL), -EINVAL);
	for (size_t i = 0; i < CACHE_DOC_LAYERS_MAX; i++) {
		snprintf(key, sizeof key, "%064zu", i);
		assert_true(cache_doc_add(&d, key, key));
	}
	assert_false(cache_doc_add(&d, KEY, KEY));
	assert_true(cache_doc_add(&d, KEY, key)); /* of a layer that it has */
	assert_true(cache_doc_add(&d, KEY, KEY)); /* which is known now, and stays what it was */
	assert_int_equal(cache_doc_find(&d, KEY), CACHE_DOC_LAYERS_MAX - 1);
	cache_doc_free(&d);
}

static void test_round(void **state)
{
	struct cache_doc d = CACHE_DOC_INIT, again = CACHE_DOC_INIT;
	char *text, *config;
	size_t n;

	(void)state;
	assert_true(cache_doc_add(&d, KEY2, KEY));
	assert_true(cache_doc_add(&d, KEY, KEY2));
	text = cache_doc_text(&d, &n);
	assert_int_equal(cache_doc_parse(text, n, &again, NULL), 0);
	assert_string_equal(again.layers[cache_doc_find(&again, KEY)], KEY2);
	assert_string_equal(again.layers[cache_doc_find(&again, KEY2)], KEY);
	assert_int_equal(cache_doc_find(&again, TEN), -1);
	cache_doc_free(&again);
	free(text);

	config = mem_strdup("{\"os\":\"linux\",\"rootfs\":{\"diff_ids\":[" DIFF ",\"sha256:" KEY2 "\"]}}");
	n = strlen(config);
	assert_int_equal(cache_doc_parse_config(config, n, &again, NULL), -ENOENT);
	config = cache_doc_inline(&d, config, &n);
	assert_int_equal(cache_doc_parse_config(config, n, &again, NULL), 0);
	assert_string_equal(again.layers[cache_doc_find(&again, KEY)], KEY2);
	assert_non_null(strstr(config, "{\"os\":\"linux\","));
	cache_doc_free(&again);
	cache_doc_free(&d);
	free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_parse), cmocka_unit_test(test_limits),
					   cmocka_unit_test(test_round)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
