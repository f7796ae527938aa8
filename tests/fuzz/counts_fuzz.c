/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of counters, as agents and servers send them: what is taken is sorted, within its limits, and the same after it was written and read once more. What is
 * refused says why. Needs core_dep.
 */
#include "base/core/counts.h"
#include "base/core/err.h"
#include "base/core/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const struct counts *c)
{
	struct counts again = {.n = 0};
	mem_cleanup char *text = counts_text(c);

	if (strlen(text) >= COUNTS_TEXT_MAX || counts_parse(text, &again, NULL) < 0 || again.n != c->n)
		abort();
	for (size_t k = 0; k < c->n; k++) {
		const char *name = c->list[k].name;

		if (!counts_name_ok(name) || c->list[k].n > COUNTS_N_MAX || counts_get(&again, name) != c->list[k].n ||
		    (k && strcmp(c->list[k - 1].name, name) >= 0))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	mem_cleanup char *text = mem_strndup((const char *)data, n);
	struct counts c = {.n = 0};
	struct err err = ERR_INIT;

	if (counts_parse(text, &c, &err) < 0 && !err.text[0])
		abort();
	check(&c);
	err_clear(&err);
	if (counts_set_pair(&c, text, &err) < 0 && !err.text[0])
		abort();
	check(&c);
	return 0;
}
