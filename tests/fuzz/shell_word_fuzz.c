/* SPDX-License-Identifier: Apache-2.0
 *
 * Words of a Dockerfile, expanded and split in all ways; the first byte chooses. Needs build_dep.
 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/build/shell_word.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *lookup(void *ctx, const char *name, size_t n)
{
	(void)ctx;
	(void)n;
	switch (*name) {
	case 'A':
		return "a value";
	case 'E':
		return "";
	case 'P':
		return "*a\\?*";
	case 'U':
		return "\xc3\xa4/\xff/x.tar.gz";
	default:
		return NULL;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned way = size ? data[0] : 0;
	mem_cleanup char *text = mem_strndup((const char *)data + (size > 0), size - (size > 0));
	struct shell_word w = {.escape = way & 1 ? '`' : '\\',
			       .lookup = lookup,
			       .raw_quotes = way & 2,
			       .raw_escapes = way & 4,
			       .no_quotes = way & 8,
			       .keep_unset = way & 16};
	char **words __attribute__((cleanup(mem_strv_freep))) = NULL;
	mem_cleanup char *out = NULL;
	struct err err = ERR_INIT;

	if (shell_word_expand(&w, text, &out, &err) < 0 && !err.text[0])
		abort();
	err_clear(&err);
	if (shell_word_split(&w, text, &words, &err) < 0 && !err.text[0])
		abort();
	for (char **v = words; v && *v; v++)
		if (!**v)
			abort();
	return 0;
}
