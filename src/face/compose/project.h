/* SPDX-License-Identifier: Apache-2.0
 *
 * project: what is around the file: its directory, the .env file beside it, the name of the project and the active
 * profiles.
 */
#pragma once

struct loader;

/* File name, directory and .env: before the YAML is looked at. */
void project_locate(struct loader *l);
/* Name and profiles: after the tree and the params are there. Sets l->job->name. */
void project_name(struct loader *l);
void project_profiles(struct loader *l);
