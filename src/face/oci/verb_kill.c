/* SPDX-License-Identifier: Apache-2.0 */
#include "face/oci/verb.h"
#include "node/oci/lifecycle.h"
#include "base/core/signal_name.h"

struct values {
	bool all, regex;
	int signal;
};

static const struct option_spec options[] = {
    {"all", 'a', OPTION_FLAG, offsetof(struct values, all), NULL, "to all processes, not only the first"},
    {"regex", 'r', OPTION_FLAG, offsetof(struct values, regex), NULL, "ID is a regular expression"},
    {NULL},
};

static int kill_one(const struct oci_runtime *rt, const char *id, void *ctx, struct err *err)
{
	const struct values *v = ctx;

	return oci_kill(rt, id, v->signal, v->all, err);
}

static int run(const struct oci_runtime *rt, void *values, char **operands, struct err *err)
{
	struct values *v = values;

	v->signal = signal_number(operands[1] ? operands[1] : "TERM", err);
	return v->signal < 0 ? v->signal : oci_each_named(rt, operands[0], v->regex, kill_one, v, err);
}

const struct oci_verb verb_kill = {.name = "kill",
				   .usage = "[OPTIONS] ID [SIGNAL]",
				   .summary = "send a signal (default: TERM) to the first process of a container",
				   .options = options,
				   .values_size = sizeof(struct values),
				   .least = 1,
				   .most = 2,
				   .stop = true,
				   .run = run};
