/* SPDX-License-Identifier: Apache-2.0
 *
 * things: the commands that are alike for all that the server keeps by name (nodes, sources, schedules, quotas, volumes): list them, show them as
 * JSON, and ask the same of each that is named. A command says in `.about` what it is about and takes one of the functions below as its `.run`.
 */
#pragma once

#include "face/cli/options.h"

#include <yyjson.h>

#include <stdbool.h>

struct cli;
struct err;
struct table;
struct table_column;

struct things {
	const char *path; /* "/v1/nodes"; one of them is at PATH/NAME */
	const char *name; /* the member that names one in a list; NULL: "name" */
	/* Of the list, where things_ls() is used. */
	const struct table_column *columns;
	void (*row)(struct table *t, yyjson_val *thing);
	/* What the server calls what the user has named, new memory; an error tells why nothing can be called so. NULL: the same. */
	int (*named)(const char *word, char **ret, struct err *err);
};

/* GET PATH as a table, as names or as it came: `.about` is a struct things, the options are these. */
struct things_list {
	bool json, quiet;
};
extern const struct option_spec things_list_options[];
int things_ls(struct cli *cli, void *values, char **operands, struct err *err);

/* GET PATH/NAME of each operand, as a JSON list; goes on after a failure and tells it. `.about` is a struct things. */
int things_inspect(struct cli *cli, void *values, char **operands, struct err *err);

/* METHOD PATH/NAMETAIL of each operand, as each_of() does it: `.about` is a struct things_wish. */
struct things_wish {
	const struct things *things;
	const char *method;
	const char *tail;		   /* "/lock"; NULL: nothing */
	char *(*body)(const void *values); /* new memory: JSON; NULL: no body */
	bool forcible; /* the command's values are a struct things_force: force asks with ?force=1 */
};
struct things_force {
	bool force;
};
int things_each(struct cli *cli, void *values, char **operands, struct err *err);

/* The request for one of them, where a command needs more than each_of(): `body` may be NULL, *ret_doc as client_call(). */
int things_call(struct cli *cli, const struct things *things, const char *method, const char *name, const char *tail,
		const char *body, yyjson_doc **ret_doc, struct err *err);
