/* SPDX-License-Identifier: Apache-2.0
 *
 * A Dockerfile through everything that reads it: parser, checks, lint, plan (with a base image that has triggers), keys. Needs build_dep.
 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/build/key.h"
#include "node/build/lint.h"
#include "node/build/plan.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char base[] =
    "{\"config\":{\"Env\":[\"PATH=/bin\",\"A=a value\"],\"OnBuild\":[\"RUN $A\"],\"WorkingDir\":\"/w\"}}";

static void try_keys(const struct plan_stage *s)
{
	static const struct key_content contents[64];
	struct key key, own;

	key_scratch(&key);
	for (size_t i = 0; i < s->n_steps; i++) {
		size_t n = key_inputs(&s->steps[i]);

		if (n > 64)
			continue;
		key_step(&key, &s->steps[i], contents, n, &own);
		key_next(&key, &s->steps[i], &own, &key);
	}
}

static int try_plan(const struct dockerfile *d, struct lint *l, struct err *err)
{
	char *args[] = {(char[]){"V=1"}, (char[]){"http_proxy=p"}, NULL}, *contexts[] = {(char[]){"ctx"}, NULL};
	struct plan_options o = {.build_args = args,
				 .contexts = contexts,
				 .platform = "linux/arm/v7",
				 .build_platform = "linux/amd64",
				 .lint = l};
	struct plan *p __attribute__((cleanup(plan_freep))) = NULL;
	int r = plan_new(d, &o, &p, err);

	for (int i; r == 0 && (i = plan_next_base(p)) >= 0;)
		r = plan_set_base(p, i, base, strlen(base), NULL, err);
	if (r == 0)
		r = plan_expand(p, err);
	for (size_t i = 0; r == 0 && i < plan_count(p); i++) {
		const struct plan_stage *s = plan_stage(p, (int)i);

		if (!s->needed)
			continue;
		free(build_config_text(s->config, NULL, NULL, true, NULL));
		try_keys(s);
	}
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dockerfile *d __attribute__((cleanup(dockerfile_freep))) = NULL;
	struct lint l = LINT_INIT;
	struct err err = ERR_INIT;
	int r = dockerfile_parse((const char *)data, size, "D", &d, &err);

	if (r == 0)
		r = lint_dockerfile(&l, d, &err);
	if (r == 0)
		r = try_plan(d, &l, &err);
	if (r < 0 && !err.text[0])
		abort();
	err_clear(&err);
	(void)lint_end(&l, &err);
	lint_free(&l);
	return 0;
}
