/* SPDX-License-Identifier: Apache-2.0
 *
 * each: commands that do the same to each of their operands.
 */
#pragma once

#include <yyjson.h>

struct cli;
struct err;

/* Does it to each, goes on after a failure and tells each one; prints the names of those that went well. The exit status. */
int each_of(struct cli *cli, char **ids, const void *values,
	    int (*act)(struct cli *cli, const char *id, const void *values, struct err *err));
/* Prints a JSON list of what `get` finds of each (a document, each_json()'s), goes on after a failure and tells it. The exit status. */
typedef int each_get_fn(struct cli *cli, const char *name, const void *values, yyjson_doc **ret, struct err *err);
int each_json(struct cli *cli, char **names, const void *values, each_get_fn *get);
