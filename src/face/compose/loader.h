/* SPDX-License-Identifier: Apache-2.0
 *
 * loader: what all parts of one compose_load() share.
 */
#pragma once

#include "face/compose/arena.h"
#include "face/compose/compose.h"
#include "face/compose/messages.h"
#include "face/compose/node.h"

#include <stdint.h>

struct job;
struct param;

struct loader {
	const struct compose_options *options;
	struct compose_messages *messages;
	struct arena arena;
	char *file_name; /* as the user wrote it, for messages */
	char *file;	 /* absolute */
	char *directory; /* absolute, of relative paths */
	struct node *root;
	bool no_interpolate;   /* variables stay as they are */
	bool no_paths;	       /* relative paths stay as they are */
	bool merges;	       /* several files: !reset and !override have a meaning */
	size_t node_budget;    /* nodes that may still be made */
	size_t text_budget;    /* bytes that interpolation may still make */
	size_t file_budget;    /* bytes that secrets and configs may still have */
	char **dotenv;	       /* "NAME=value" of the .env file */
	char **profiles;       /* the active ones */
	const char *variables; /* name of the project as COMPOSE_PROJECT_NAME, once it is known */
	struct param *params;
	size_t n_params;
	struct job *job;
};

/* The value of a variable in the order params, environment, .env; NULL when it is not set. */
const char *loader_variable(const struct loader *l, const char *name);

/* An absolute path from one of the file: "~" is the home directory, a relative one starts at the file's directory. "."
 * and ".." are resolved as text. Memory of the arena. NULL (and an error at `at`) when "~" has no meaning. */
char *loader_path(struct loader *l, const struct node *at, const char *path);
/* The same for a path of the command line: relative to the current directory. */
char *loader_cwd_path(struct loader *l, const char *path);
/* "a/./b//../c/" -> "a/c", as text. Memory of the arena. */
char *loader_tidy(struct loader *l, const char *path);
/* The scalar's path becomes absolute, unless it is already, is empty, or l->no_paths; "~" is the home directory. */
void loader_absolute(struct loader *l, struct node *n);
/* True for a scalar with variables that stay as they are (l->no_interpolate): nothing can be said of its value. */
bool loader_is_open(const struct loader *l, const struct node *n);
/* Reads a file that the user named, links followed. `regular`: no FIFOs and devices. The caller frees. */
struct err;
int loader_read(const char *path, size_t limit, bool regular, char **ret_data, size_t *ret_len, struct err *err);
