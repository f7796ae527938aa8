/* SPDX-License-Identifier: Apache-2.0
 *
 * Expressions over facts of nodes: what is accepted is true exactly when all its parts are, and each part is an expression of its own
 * that says the same. What is refused says why, at a place in the text. Needs core_dep.
 */
#include "base/core/err.h"
#include "base/core/expr.h"
#include "base/core/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *fact(void *ctx, const char *name)
{
	static const char *const values[] = {"16", "64g", "ssd", "6.1.0-13", "", "0", "x86_64", NULL};
	size_t sum = *(size_t *)ctx;

	for (; *name; name++)
		sum = sum * 31 + (unsigned char)*name;
	return values[sum % 8];
}

static bool part_alone(const struct expr *e, size_t part, size_t salt)
{
	size_t n;
	const char *text = expr_part_text(e, part, &n);
	mem_cleanup char *copy = mem_strndup(text, n);
	struct expr *alone = NULL;
	bool holds;

	if (expr_parse(copy, &alone, NULL, NULL) < 0)
		abort();
	holds = expr_holds(alone, fact, &salt);
	expr_free(alone);
	return holds;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	mem_cleanup char *text = mem_strndup((const char *)data, n);
	struct expr *e = NULL;
	struct err err = ERR_INIT;
	size_t at = 0;

	if (expr_parse(text, &e, &at, &err) < 0) {
		if (!err.text[0] || at > strlen(text))
			abort();
		return 0;
	}
	for (size_t salt = 0; salt < 3; salt++) {
		bool all = true;

		for (size_t k = 0; k < expr_parts(e); k++) {
			bool holds = expr_part_holds(e, k, fact, &salt);

			if (holds != part_alone(e, k, salt))
				abort();
			all = all && holds;
			(void)expr_part_name(e, k);
		}
		if (all != expr_holds(e, fact, &salt))
			abort();
	}
	expr_free(e);
	return 0;
}
