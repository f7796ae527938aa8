/* SPDX-License-Identifier: Apache-2.0
 *
 * project: what is around the file: its directory, the .env file beside it, the name of the project and the active
 * profiles.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct loader;

/* File name, directory and .env: before the YAML is looked at. */
void project_locate(struct loader *l);
/* Name and profiles: after the tree and the params are there. Sets l->job->name. */
void project_name(struct loader *l);
void project_profiles(struct loader *l);

/* l->directory's name as Compose makes a project of it: lower case, what is not allowed left out. NULL when nothing
 * is left. */
char *project_name_of_directory(struct loader *l, size_t max);
bool project_name_ok(const char *name, size_t max);
