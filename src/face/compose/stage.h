/* SPDX-License-Identifier: Apache-2.0
 *
 * stage: data spaces, and the rules of stage_in and stage_out.
 */
#pragma once

struct job_service;
struct loader;
struct node;

/* x-berth.spaces, --input and --output. Before any service. */
void stage_read_spaces(struct loader *l);
/* Tells the built-in spaces that are named on the command line and used by nobody. After all services. */
void stage_check_unused(struct loader *l);
void stage_read(struct loader *l, struct job_service *s);

/* "space:glob" in two. Tells an error and leaves both NULL when it is none. */
void stage_split(struct loader *l, const struct node *at, const char **ret_space, const char **ret_glob);
/* The space must be declared, or built in and (input, output) given a directory. */
void stage_check_space(struct loader *l, const struct node *at, const char *name);
/* Relative, without "..", placeholders known. `s` NULL: no placeholders are possible. */
void stage_check_pattern(struct loader *l, const struct node *at, const char *pattern, const struct job_service *s);
