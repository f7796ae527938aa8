/* SPDX-License-Identifier: Apache-2.0
 *
 * each: commands that do the same to each of their operands.
 */
#pragma once

struct cli;
struct err;

/* Does it to each, goes on after a failure and tells each one; prints the names of those that went well. The exit status. */
int each_of(struct cli *cli, char **ids, const void *values,
	    int (*act)(struct cli *cli, const char *id, const void *values, struct err *err));
/* Prints a JSON list of what GET BASE/NAME says of each, goes on after a failure. The exit status. */
int each_inspect(struct cli *cli, const char *base, char **names);
