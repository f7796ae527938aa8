/* SPDX-License-Identifier: Apache-2.0
 *
 * env_files: the files of variables for the Compose file itself (.env), as against those of services.
 */
#pragma once

struct loader;

/* Reads the files (NULL-terminated) behind what l->dotenv has: a name that is there already keeps its value, and of
 * these files the last wins. A file that cannot be read is an error. */
void env_files_load(struct loader *l, char *const *paths);
/* Path of the .env file in l->directory, or NULL when there is none. */
char *env_files_default(struct loader *l);
