/* SPDX-License-Identifier: Apache-2.0
 *
 * jobspec_rules: whom a service of a canonical job is to be near of or apart from, how many of its copies a node may have, and over which labels they are
 * spread (docs/formats/job.md): per_node, near, apart, spread_over.
 */
#pragma once

#include <yyjson.h>

struct err;
struct sched_task_spec;

/* The texts point into the document, the lists are t's (jobspec_rules_free(), after an error, too). -EINVAL names the key. */
int jobspec_rules_read(yyjson_val *service, struct sched_task_spec *t, struct err *err);
void jobspec_rules_free(struct sched_task_spec *t);
