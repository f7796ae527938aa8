/* SPDX-License-Identifier: Apache-2.0
 *
 * sources: which Compose files a project has, its directory, and its variables.
 */
#pragma once

#include <stddef.h>

struct compose_project_options;
struct loader;
struct tree_file;

struct sources {
	struct tree_file *files; /* not read yet; none when nothing was found */
	size_t n;
	char **env_files; /* of the command line or COMPOSE_ENV_FILES, as given; NULL = none */
};

/* Sets l->directory and l->dotenv, too. What is wrong is in the messages. */
void sources_find(struct loader *l, const struct compose_project_options *o, struct sources *ret);
