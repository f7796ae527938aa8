/* SPDX-License-Identifier: Apache-2.0
 *
 * compose: a Compose file becomes the canonical job (docs/formats/job.md).
 *
 * compose_load() reads the YAML text, merges, interpolates and checks every key, and makes the JSON object that POST
 * /v1/jobs takes. It runs in the client and touches no file but the compose file, the `.env` beside it and what the
 * file names (env_file, bind sources, secrets, configs). It talks to nobody.
 *
 * Limits: 4 MiB of YAML, 64 levels, 200,000 nodes after aliases and merges, 1 MiB for one interpolated value, 1 MiB
 * for one secret, config or env_file, 16 MiB for the JSON text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err;

struct compose_options {
	const char *file; /* path, or "-" for standard input (relative paths are then those of the current directory) */
	char **params;	  /* "name=value", NULL-terminated; NULL = none (--param) */
	const char *input;  /* directory of the space `input`, or NULL (--input); must exist */
	const char *output; /* directory of the space `output`, or NULL (--output); need not exist yet */
	char **profiles;    /* active profiles, NULL-terminated; NULL or empty = COMPOSE_PROFILES; "*" = all */
	char **env;	    /* "NAME=value", normally environ; wins over the `.env` file; NULL = none */
	const char
	    *project; /* name of the project, or NULL: then COMPOSE_PROJECT_NAME, `name:`, the name of the directory */
};

/* What was found in the file, errors and warnings by line and column. Errors past COMPOSE_ERRORS_MAX and warnings past
 * COMPOSE_WARNINGS_MAX are counted only. */
#define COMPOSE_ERRORS_MAX 20
#define COMPOSE_WARNINGS_MAX 100

enum compose_level { COMPOSE_ERROR, COMPOSE_WARNING };

struct compose_message {
	enum compose_level level;
	int line, column; /* from 1; 0 = the file as a whole */
	char *text; /* "FILE:LINE:COL: error: services.map.imgae: unknown key; did you mean \"image\"?", one line */
};

struct compose_messages {
	struct compose_message *items;
	size_t n, cap;
	size_t n_errors, n_warnings; /* all that were found, the ones that were only counted included */
};

#define COMPOSE_MESSAGES_INIT                                                                                          \
	{                                                                                                              \
		.items = NULL                                                                                          \
	}
#define compose_messages_cleanup __attribute__((cleanup(compose_messages_free)))
void compose_messages_free(struct compose_messages *m); /* back to empty */

/* Returns 0 with the JSON text (NUL-terminated, owned by the caller) and its length, or a negative errno with *err set:
 * -EINVAL when the file is wrong (*err is the first error, ret_messages has all), -E2BIG when it is over a limit,
 * -ENOENT, -EACCES ... when the file itself cannot be read. ret_messages must be initialised; it is filled (warnings
 * too) in each case, and the caller frees it. */
int compose_load(const struct compose_options *o, char **ret_json, size_t *ret_len,
		 struct compose_messages *ret_messages, struct err *err);

/* The same for text that is already there: `o->file` names it in messages and gives the directory. */
int compose_parse(const struct compose_options *o, const char *text, size_t len, char **ret_json, size_t *ret_len,
		  struct compose_messages *ret_messages, struct err *err);
