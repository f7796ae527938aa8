/* SPDX-License-Identifier: Apache-2.0 */
/* Containers by name or by expression. */
#include "base/core/err.h"
#include "face/oci/verb.h"

#include <regex.h>
#include <string.h>

struct search {
	const struct oci_runtime *rt;
	regex_t expression;
	int (*fn)(const struct oci_runtime *rt, const char *id, void *ctx, struct err *err);
	void *ctx;
};

static int try_one(void *ctx, const char *id, struct err *err)
{
	const struct search *s = ctx;
	regmatch_t at;

	if (regexec(&s->expression, id, 1, &at, 0) != 0 || at.rm_so != 0 || (size_t)at.rm_eo != strlen(id))
		return 0;
	return s->fn(s->rt, id, s->ctx, err);
}

int oci_each_named(const struct oci_runtime *rt, const char *name, bool regex,
		   int (*fn)(const struct oci_runtime *rt, const char *id, void *ctx, struct err *err), void *ctx,
		   struct err *err)
{
	struct search s = {.rt = rt, .fn = fn, .ctx = ctx};
	char why[128];
	int r;

	if (!regex)
		return fn(rt, name, ctx, err);
	r = regcomp(&s.expression, name, REG_EXTENDED);
	if (r != 0) {
		(void)regerror(r, &s.expression, why, sizeof why);
		return err_set(err, EINVAL, "\"%s\" is not a regular expression: %s", name, why);
	}
	r = oci_state_each(rt->root, try_one, &s, err);
	regfree(&s.expression);
	return r;
}
