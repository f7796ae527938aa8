/* SPDX-License-Identifier: Apache-2.0
 *
 * dockerfile: the text of a Dockerfile (BuildKit's dialect) as a list of instructions. Pure: text in, struct out. Nothing is expanded here and
 * no instruction is judged beyond its own form; plan.h makes sense of the list.
 *
 *   # syntax=docker/dockerfile:1     directives: only at the very top, each once: syntax (kept, never executed), escape, check
 *   RUN a \                          a line that ends in the escape character goes on; comments in between are dropped, empty lines
 *     b                              there are dropped with a warning (NoEmptyContinuation)
 *   COPY --chmod=644 <<A <<"B" /d/   flags, then arguments; heredocs of RUN, COPY and ADD (also behind ONBUILD)
 *   CMD ["a", "b"]                   the JSON form where the instruction has one; what is no valid JSON is the shell form
 *
 * Every error text starts with "FILE:LINE: ".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "node/build/keep.h"

struct err;
struct lint;

#define DOCKERFILE_BYTES_MAX (1u << 20)
#define DOCKERFILE_LINE_MAX (256u << 10) /* one instruction with its continuations */
#define DOCKERFILE_INSTRUCTIONS_MAX 10000u
#define DOCKERFILE_HEREDOCS_MAX 100u /* of one instruction */
#define DOCKERFILE_FLAGS_MAX 100u    /* of one instruction */
#define DOCKERFILE_ARGS_MAX 10000u   /* of one instruction */

enum dockerfile_kind {
	DOCKERFILE_UNKNOWN, /* kept by the parser, refused by dockerfile_check() */
	DOCKERFILE_ADD,
	DOCKERFILE_ARG,
	DOCKERFILE_CMD,
	DOCKERFILE_COPY,
	DOCKERFILE_ENTRYPOINT,
	DOCKERFILE_ENV,
	DOCKERFILE_EXPOSE,
	DOCKERFILE_FROM,
	DOCKERFILE_HEALTHCHECK,
	DOCKERFILE_LABEL,
	DOCKERFILE_MAINTAINER,
	DOCKERFILE_ONBUILD,
	DOCKERFILE_RUN,
	DOCKERFILE_SHELL,
	DOCKERFILE_STOPSIGNAL,
	DOCKERFILE_USER,
	DOCKERFILE_VOLUME,
	DOCKERFILE_WORKDIR,
	DOCKERFILE_N_KINDS
};

struct dockerfile_heredoc {
	char *name;    /* without quotes */
	char *content; /* as written, with its last newline */
	unsigned fd;   /* the number before << */
	bool expand;   /* the name was not quoted */
	bool chomp;    /* <<-: leading tabs go away (dockerfile_chomp) */
};

struct dockerfile_instruction {
	enum dockerfile_kind kind;
	char *name;	/* as written: "RUN", "run" */
	char *original; /* the whole instruction on one line, continuations joined */
	char **flags;	/* "--name=value", quotes removed */
	char **
	    args; /* by kind: one string (shell form), a list (JSON form, COPY, FROM ...), triples name, value, "=" or "" (ENV, LABEL);
			   ONBUILD has none, see trigger */
	bool json; /* args were a JSON array */
	struct dockerfile_heredoc *heredocs;
	size_t n_heredocs;
	struct dockerfile_instruction *trigger; /* of ONBUILD */
	char **comments;			/* the lines of comment directly above, without '#' */
	unsigned line, end_line;		/* first and last line, the heredocs included; from 1 */
};

struct dockerfile {
	struct keep keep;
	char *name; /* of the file, for errors */
	char escape;
	char *syntax, *check; /* values of the directives, NULL = not given */
	unsigned check_line;
	struct dockerfile_instruction *instructions;
	size_t n, cap;
	unsigned n_empty, *empty; /* lines where an instruction with empty continuation lines ends */
};

/* Parses `n` bytes. `name` is the file's name in errors. -EINVAL with file, line and what is wrong; -E2BIG past a limit. */
int dockerfile_parse(const char *text, size_t n, const char *name, struct dockerfile **ret, struct err *err);
struct dockerfile *dockerfile_free(struct dockerfile *d);
static inline void dockerfile_freep(struct dockerfile **d)
{
	dockerfile_free(*d);
}

const char *dockerfile_kind_name(enum dockerfile_kind kind); /* "RUN"; "" for DOCKERFILE_UNKNOWN */
enum dockerfile_kind dockerfile_kind_of(const char *name, size_t n);

/* "<<EOF", "3<<-'A b'": fills *ret (of malloc: name) and returns 1; 0 when the word is none; -EINVAL when it is a broken one. */
int dockerfile_heredoc_word(const char *word, struct dockerfile_heredoc *ret, struct err *err);
/* The text without the tabs at the beginning of its lines; of malloc. */
char *dockerfile_chomp(const char *content);

/* The forms of all instructions: known names (with a suggestion for a misspelt one), known flags, numbers of arguments. The first error. */
int dockerfile_check(const struct dockerfile *d, struct err *err);
int dockerfile_check_one(const struct dockerfile *d, const struct dockerfile_instruction *i, struct err *err);

/* The value of a flag, NULL when it is not there; "" stands for a flag without "=". Flags that may be repeated: the next one after *at (start
 * with 0). */
const char *dockerfile_flag(const struct dockerfile_instruction *i, const char *name);
const char *dockerfile_flag_next(const struct dockerfile_instruction *i, const char *name, size_t *at);
/* --name, --name=true or --name=false; checked by dockerfile_check_one(). */
bool dockerfile_flag_bool(const struct dockerfile_instruction *i, const char *name);
