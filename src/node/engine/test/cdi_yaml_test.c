/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/cdi_yaml.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *text, *want;
} good[] = {
    {"", "null"},
    {"# nothing\n---\n", "null"},
    {"---\na: b\n", "{\"a\":\"b\"}"},
    {"a: 1\nb: -2\nc: 0\nd: 0666\ne: 0x10\nf: 1.5\ng: 0.6.0\nh: 99999999999999999999",
     "{\"a\":1,\"b\":-2,\"c\":0,\"d\":438,\"e\":\"0x10\",\"f\":\"1.5\",\"g\":\"0.6.0\",\"h\":"
     "\"99999999999999999999\"}"},
    {"a: true\nb: False\nc: ~\nd:\ne: null\nf: \"true\"\ng: yes",
     "{\"a\":true,\"b\":false,\"c\":null,\"d\":null,\"e\":null,\"f\":\"true\",\"g\":\"yes\"}"},
    {"a: 'it''s' # said\nb: \"x\\n\\\"#\\\\\"\nc: a#b\nd: http://x:1/ # there\n'e f': 1\n\"g\": \"\"",
     "{\"a\":\"it's\",\"b\":\"x\\n\\\"#\\\\\",\"c\":\"a#b\",\"d\":\"http://x:1/\",\"e f\":1,\"g\":\"\"}"},
    {"a: [x, \"y, z\", 3, [], {b: c, d: [e]}]\nf: {}\ng: [ ]\nh: [a:b, A=1]",
     "{\"a\":[\"x\",\"y, z\",3,[],{\"b\":\"c\",\"d\":[\"e\"]}],\"f\":{},\"g\":[],\"h\":[\"a:b\",\"A=1\"]}"},
    {"- a\n-\n  b: c\n- - d\n  - e\n-\n- -f", "[\"a\",{\"b\":\"c\"},[\"d\",\"e\"],null,\"-f\"]"},
    /* As makers' tools write it: a list is no further right than its key. */
    {"cdiVersion: 0.5.0\r\nkind: v.com/gpu\r\ndevices:\r\n- containerEdits:\r\n    deviceNodes:\r\n    - path: "
     "/dev/n0\r\n"
     "      hostPath: /dev/null\r\n    env:\r\n    - A=b c\r\n  name: \"0\"\r\n- name: all\r\ncontainerEdits:\r\n  "
     "additionalGids: [44]\r\n",
     "{\"cdiVersion\":\"0.5.0\",\"kind\":\"v.com/gpu\",\"devices\":[{\"containerEdits\":{\"deviceNodes\":[{\"path\":\"/"
     "dev/n0\","
     "\"hostPath\":\"/dev/null\"}],\"env\":[\"A=b "
     "c\"]},\"name\":\"0\"},{\"name\":\"all\"}],\"containerEdits\":{\"additionalGids\":[44]}}"},
    {"a:\n    b:\n      - c: 1\n        d: 2\n\n      # more\n      - e\n",
     "{\"a\":{\"b\":[{\"c\":1,\"d\":2},\"e\"]}}"},
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct err err = ERR_INIT;
		json_doc_cleanup yyjson_doc *doc = cdi_yaml_parse(good[i].text, strlen(good[i].text), "f.yaml", &err);
		mem_cleanup char *text = NULL;

		assert_string_equal(err.text, "");
		assert_non_null(doc);
		text = yyjson_write(doc, 0, NULL);
		assert_string_equal(text, good[i].want);
	}
}

static const struct {
	const char *text, *want;
} bad[] = {
    {"a: &x b", "f.yaml, line 1: anchors"},
    {"a: b\nc: *x", "f.yaml, line 2: anchors"},
    {"a: !!str b", "line 1: anchors"},
    {"a: |\n  text", "line 1: anchors"},
    {"a: >\n  text", "line 1: anchors"},
    {"a: b\n  c", "line 2: the indentation"},
    {"  a: b\nc: d", "line 2: the indentation"},
    {"a:\n    b: c\n  d: e", "line 3: the indentation"},
    {"- a\nb: c", "line 2: the indentation"},
    {"a: b\n- c", "line 2: the indentation"},
    {"a: b\na: c", "line 2: the same key"},
    {"a: {b: 1, b: 2}", "line 1: the same key"},
    {"a:\n\tb: c", "line 2: a tab"},
    {"a: b: c", "line 1: more than one value"},
    {"a: \"b", "line 1: a text has no quote"},
    {"a: \"b\" c", "line 1: more than one value"},
    {"a: \"\\q\"", "line 1: this \\"},
    {"a: [b", "line 1: a list or map has no end"},
    {"a: [b c] d", "line 1: more than one value"},
    {"a: ['b' c]", "line 1: a list or map in one line needs"},
    {"a: {b}", "line 1: a map needs"},
    {"a: b\n---\nc: d", "line 2: one document"},
    {"%YAML 1.2\n---\na: b", "line 1: one document"},
    {"a: b\n\"c", "line 2: a text has no quote"},
    {"a: b\nc", "line 2: \"key: value\""},
    {"a: \xff", "f.yaml: this is no UTF-8"},
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err err = ERR_INIT;

		assert_null(cdi_yaml_parse(bad[i].text, strlen(bad[i].text), "f.yaml", &err));
		assert_int_equal(err.code, EINVAL);
		if (!strstr(err.text, bad[i].want))
			assert_string_equal(err.text, bad[i].want);
	}
}

static void refused_as_big(const struct buf *b)
{
	struct err err = ERR_INIT;

	assert_null(cdi_yaml_parse(b->data, b->len, "f.yaml", &err));
	assert_int_equal(err.code, E2BIG);
}

static void test_limits(void **state)
{
	static const struct {
		const char *piece;
		size_t n;
	} rows[] = {{"[", CDI_YAML_DEPTH_MAX + 1}, {"- ", CDI_YAML_DEPTH_MAX + 1}, {"- a\n", CDI_YAML_NODES_MAX}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		buf_cleanup struct buf b = BUF_LIMIT(1u << 20);

		for (size_t k = 0; k < rows[i].n; k++)
			buf_adds(&b, rows[i].piece);
		buf_adds(&b, "x");
		refused_as_big(&b);
	}
	buf_cleanup struct buf keys = BUF_LIMIT(1u << 20);
	for (int k = 0; k <= CDI_YAML_KEYS_MAX; k++)
		buf_printf(&keys, "k%d: 1\n", k);
	refused_as_big(&keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
