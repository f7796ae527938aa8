/* SPDX-License-Identifier: Apache-2.0
 *
 * dockerfile_parts: what the files of the parser share; nobody else includes it.
 */
#pragma once

#include "node/build/dockerfile.h"

/* "FILE:LINE: text" */
#define DOCKERFILE_ERR(d, number, err, code, ...) DOCKERFILE_ERR_(d, number, err, code, __VA_ARGS__, "")
#define DOCKERFILE_ERR_(d, number, err, code, fmt, ...)                                                                \
	err_set((err), (code), "%s:%u: " fmt "%s", (d)->name, (number), __VA_ARGS__)

static inline bool dockerfile_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Splits the whole line of an instruction into name, flags and arguments by its kind; i->line is set. `depth`: below ONBUILD. */
int dockerfile_split(struct dockerfile *d, const char *line, int depth, struct dockerfile_instruction *i,
		     struct err *err);
/* The names of the heredocs on the line of an instruction that may have some, without content. */
int dockerfile_find_heredocs(struct dockerfile *d, struct dockerfile_instruction *i, struct err *err);
