/* SPDX-License-Identifier: Apache-2.0 */
#include "face/oci/verb.h"
#include "node/oci/lifecycle.h"

struct values {
	bool force, regex;
};

static const struct option_spec options[] = {
    {"force", 'f', OPTION_FLAG, offsetof(struct values, force), NULL, "kill it first if it has not ended"},
    {"regex", 'r', OPTION_FLAG, offsetof(struct values, regex), NULL, "ID is a regular expression"},
    {NULL},
};

static int delete_one(const struct oci_runtime *rt, const char *id, void *ctx, struct err *err)
{
	const struct values *v = ctx;

	return oci_delete(rt, id, v->force, err);
}

static int run(const struct oci_runtime *rt, void *values, char **operands, struct err *err)
{
	const struct values *v = values;

	return oci_each_named(rt, operands[0], v->regex, delete_one, values, err);
}

const struct oci_verb verb_delete = {.name = "delete",
				     .usage = "[OPTIONS] ID",
				     .summary = "remove a container that has ended, and all that belongs to it",
				     .options = options,
				     .values_size = sizeof(struct values),
				     .least = 1,
				     .most = 1,
				     .run = run};
