/* SPDX-License-Identifier: Apache-2.0
 *
 * dotenv: files of NAME=value lines (.env and env_file), as Compose reads them: comments, `export`, single quotes (as
 * is, but for \'), double quotes (with \n and its kin and variables), bare values (with variables, a comment after a
 * blank). A backslash or a dollar sign that means nothing stays. A name alone is given without a value.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define DOTENV_BYTES_MAX (1u << 20)
#define DOTENV_WHY_MAX 640

struct dotenv {
	/* variables that the file itself does not set before; NULL = not set */
	const char *(*lookup)(void *ctx, const char *name);
	/* told each line; value NULL for a name alone */
	void (*set)(void *ctx, const char *name, const char *value);
	void *ctx;
	bool raw; /* no quotes, no variables, no comments behind values */
	char why[DOTENV_WHY_MAX];
};

/* 0, or -EINVAL with the line and reason in d->why. */
int dotenv_parse(struct dotenv *d, const char *text);
