/* SPDX-License-Identifier: Apache-2.0
 *
 * json_fuzz: reading a document and its members, writing it again, and quoting any bytes: what is written must be readable and the same.
 * Needs wire_dep.
 */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void ask(yyjson_val *obj)
{
	static const char *const keys[] = {"s", "i", "n", "b", "l", "o", "z"};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		struct err err = ERR_INIT;
		const char *s;
		char **v = NULL;
		yyjson_val *val;
		int64_t number;
		double real;
		bool b;

		(void)json_get_str(obj, keys[i], &s, &err);
		(void)json_get_int(obj, keys[i], -100, INT64_MAX, &number, &err);
		(void)json_get_num(obj, keys[i], &real, &err);
		(void)json_get_bool(obj, keys[i], &b, &err);
		(void)json_get_arr(obj, keys[i], &val, &err);
		(void)json_get_obj(obj, keys[i], &val, &err);
		if (json_get_strv(obj, keys[i], &v, &err) == 0)
			mem_strv_free(v);
	}
}

static void write_again(yyjson_doc *doc)
{
	yyjson_mut_doc *copy json_mut_cleanup = yyjson_doc_mut_copy(doc, NULL);
	size_t n;
	mem_cleanup char *text = json_text(copy, false, &n);
	yyjson_doc *again json_doc_cleanup = json_parse(text, n, SIZE_MAX, "it", NULL);

	if (!again)
		abort();
}

static void quote(const uint8_t *data, size_t n)
{
	struct buf b buf_cleanup = BUF_INIT;
	yyjson_doc *doc json_doc_cleanup = NULL;

	json_quote(&b, (const char *)data, n);
	doc = json_parse(buf_str(&b), b.len, SIZE_MAX, "a quoted string", NULL);
	if (!doc || !yyjson_is_str(yyjson_doc_get_root(doc)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err err = ERR_INIT;
	yyjson_doc *doc json_doc_cleanup = json_parse((const char *)data, n, 1 << 16, "the input", &err);

	if (doc && yyjson_is_obj(yyjson_doc_get_root(doc)))
		ask(yyjson_doc_get_root(doc));
	if (doc)
		write_again(doc);
	else if (!err.code)
		abort();
	quote(data, n);
	return 0;
}
