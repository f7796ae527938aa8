/* SPDX-License-Identifier: Apache-2.0
 *
 * replay: what would have happened? The log of a cluster is read out of its store, and its jobs run once more in virtual time: the scheduler is the real one
 * (cluster/sched), jobs come and are cancelled when they did, nodes come and go when they did, and each attempt takes as long and ends as it did. With other
 * nodes or another policy the scheduler decides otherwise; with none of these the result shows how near the model is to what was recorded.
 *
 * What the log does not know is estimated, and the result says so in words: how long something runs that was ended early or never ran, and jobs whose files
 * have been forgotten.
 */
#pragma once

struct err;
struct store;

struct replay_options {
	char *const
	    *nodes; /* "+4x16c64g": 4 more with 16 slots (and CPUs) and 64 GiB; "+2xn1": 2 more like n1. NULL = none */
	char *const *without; /* names of nodes that are left out. NULL = none */
	const char *policy;   /* words with commas: "fifo,spread"; NULL = as it was */
};

/* *ret: JSON (docs/CLUSTER.md); the caller frees it. -EINVAL: an option is wrong; -ENODATA: there is no job to compare. */
int replay_store(struct store *s, const struct replay_options *o, char **ret, struct err *err);
