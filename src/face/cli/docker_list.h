/* SPDX-License-Identifier: Apache-2.0
 *
 * docker_list: `ls` of things that Docker's API lists: volumes, networks.
 */
#pragma once

#include "face/cli/options.h"

#include <yyjson.h>

struct cli;
struct err;
struct table;
struct table_column;

struct docker_list_choice {
	bool quiet, json;
	char **filters;
};
/* --quiet, --json, --filter */
extern const struct option_spec docker_list_options[];

struct docker_list {
	const char *path, *member; /* where the list is in the answer; NULL = it is the answer */
	const char *name;	   /* the member that --quiet prints */
	const struct table_column *columns;
	void (*row)(struct table *t, yyjson_val *thing);
};

/* The exit status, or a negative errno. */
int docker_list_run(struct cli *cli, const struct docker_list *l, const struct docker_list_choice *choice,
		    struct err *err);
