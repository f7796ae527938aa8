/* SPDX-License-Identifier: Apache-2.0 */
/* start, pause and resume: a verb and a name. */
#include "face/oci/verb.h"
#include "node/oci/lifecycle.h"

static int run_start(const struct oci_runtime *rt, void *values, char **operands, struct err *err)
{
	(void)values;
	return oci_start(rt, operands[0], err);
}

static int run_pause(const struct oci_runtime *rt, void *values, char **operands, struct err *err)
{
	(void)values;
	return oci_pause(rt, operands[0], err);
}

static int run_resume(const struct oci_runtime *rt, void *values, char **operands, struct err *err)
{
	(void)values;
	return oci_resume(rt, operands[0], err);
}

const struct oci_verb verb_start = {
    .name = "start", .usage = "ID", .summary = "start a created container", .least = 1, .most = 1, .run = run_start};

const struct oci_verb verb_pause = {.name = "pause",
				    .usage = "ID",
				    .summary = "freeze all processes of a container",
				    .least = 1,
				    .most = 1,
				    .run = run_pause};

const struct oci_verb verb_resume = {.name = "resume",
				     .usage = "ID",
				     .summary = "let the processes of a paused container go on",
				     .least = 1,
				     .most = 1,
				     .run = run_resume};
