/* SPDX-License-Identifier: Apache-2.0
 *
 * load: the project that a command works on, from its Compose files or by its name alone.
 */
#pragma once

#include "face/compose/compose_project.h"

struct err;
struct project;
struct project_command;
struct project_globals;

/* What the options before the command say, for compose_project_load(). */
struct compose_project_options load_options(const struct project_globals *g);
/* Prints the messages of a load that returned r. What is told is no longer in *err. */
void load_tell(const struct compose_messages *m, int r, struct err *err);

/* Fills name, dir, files, doc and services. Warnings of the file are told on stderr. */
int load_project(struct project *p, const struct project_globals *g, const struct project_command *c, char **operands,
		 struct err *err);
void load_free(struct project *p);
