/* SPDX-License-Identifier: Apache-2.0
 *
 * load: the project that a command works on, from its Compose files or by its name alone.
 */
#pragma once

struct err;
struct project;
struct project_command;
struct project_globals;

/* Fills name, dir, files, doc and services. Warnings of the file are told on stderr. */
int load_project(struct project *p, const struct project_globals *g, const struct project_command *c, char **operands,
		 struct err *err);
void load_free(struct project *p);
