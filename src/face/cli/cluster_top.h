/* SPDX-License-Identifier: Apache-2.0
 *
 * cluster_top: `berth top` without a container: nodes, queue, running jobs and rates, live on a terminal. It asks the server once a second as long as it is open;
 * nothing runs for it otherwise. Rates are differences of two answers.
 */
#pragma once

#include <stdbool.h>

struct cli;
struct err;

struct cluster_top {
	bool once;
	const char *sort; /* "name", "slots", "memory" or "containers"; NULL = name */
};

/* The exit status, or a negative errno. Without a terminal it prints as with `once`. */
int cluster_top_run(struct cli *cli, const struct cluster_top *o, struct err *err);
