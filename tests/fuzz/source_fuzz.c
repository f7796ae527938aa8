/* SPDX-License-Identifier: Apache-2.0 */
/* A node source and a formula as a user sends them; what is taken is decided on, and the same is decided twice. */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "cluster/source/decide.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void look(const char *text)
{
	struct err err = ERR_INIT;
	double x;
	int checked = formula_check(text, source_spec_formula_names, &err);
	int evaluated = formula_eval(text, source_spec_formula_names, &x, &err);

	if (evaluated != checked && !(checked == 0 && evaluated == -ERANGE))
		abort();
}

static void use(const struct source_spec *s)
{
	struct decide_machine m = {.state = MACHINE_UP, .index = 1, .slots = 2};
	struct decide_source source = {.spec = s, .machines = &m, .n = 1};
	struct decide_demand d = {.slots = 1, .count = 7};
	const struct decide_state in = {
	    .now_ms = 1700000000000, .sources = &source, .n = 1, .demand = &d, .n_demand = 1, .slots = 2, .free = 1};
	struct decision a, b;

	decide(&in, &a);
	decide(&in, &b);
	if (a.n != b.n || a.wanted[0] != b.wanted[0] || a.wanted[0] > source_spec_limit(s) || a.next_ms <= in.now_ms)
		abort();
	decision_free(&a);
	decision_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	mem_cleanup char *text = mem_strndup((const char *)data, n);
	struct source_spec *s = NULL;
	struct err err = ERR_INIT;

	look(text);
	if (source_spec_parse((const char *)data, n, &s, &err) == 0)
		use(s);
	else if (!err.text[0])
		abort();
	source_spec_free(s);
	return 0;
}
