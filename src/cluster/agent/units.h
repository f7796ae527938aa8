/* SPDX-License-Identifier: Apache-2.0
 *
 * units: which units of the node's counters a container gets. The scheduler counts them; which they are the agent chooses, as it does with processors (cores.h),
 * and finds them again after a restart in the labels of the containers: UNITS_LABEL and the name of the counter, with a list like "0-1,3". No I/O.
 */
#pragma once

#include "base/core/counts.h"
#include "base/wire/json.h"
#include "cluster/agent/cores.h"

struct err;
struct gpus;

#define UNITS_LABEL "io.berth.counter."

/* A set for each name of a list of counters, by its place there. */
struct units {
	struct cores sets[COUNTS_MAX];
};

/* Those that a container with these labels ("NAME=VALUE", NULL-terminated; NULL = none) has. What the node has not (any more) is passed over. */
void units_add(const struct counts *has, char *const *labels, struct units *taken);
/* The GPUs whose device nodes are among these paths (NULL-terminated; NULL = none), or lie below one of them. */
void units_add_devices(const struct counts *has, const struct gpus *gpus, char *const *paths, struct units *taken);
/* All that is in `more`, too. */
void units_join(struct units *taken, const struct units *more);
/* How many GPUs are in `some` and not in `but`. */
unsigned units_gpus_but(const struct counts *has, const struct units *some, const struct units *but);
/* The ones with the lowest numbers that are not taken. -EBUSY: not so many are free; -EINVAL: the node has not so many at all. */
int units_pick(const struct counts *has, const struct units *taken, const struct counts *wants, struct units *ret,
	       struct err *err);
/* Tells the container of them, whose specification this is: labels, BERTH_COUNTER_NAME=0,1 in its environment, device nodes of GPUs (gpus NULL: somebody
 * else brings those). */
void units_write(const struct counts *has, const struct units *mine, const struct gpus *gpus, yyjson_mut_doc *d,
		 yyjson_mut_val *spec);
/* The GPUs among them as their maker's file calls them ("nvidia.com/gpu=0"), the caller's; NULL = there are none. */
char **units_cdi(const struct counts *has, const struct units *mine, const struct gpus *gpus);
/* Takes away what only units_write() may write. */
void units_clear(yyjson_mut_val *spec);
