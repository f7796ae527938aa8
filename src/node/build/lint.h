/* SPDX-License-Identifier: Apache-2.0
 *
 * lint: `berth build --check`: the rules of BuildKit by their names, and the warnings that were found. The rules that look at the text alone
 * run by lint_dockerfile(); those that need expanded values run while a plan is made (plan_options.lint).
 *
 * "# check=skip=A,B;error=true" at the top of a Dockerfile, and the same text as an option, choose: skip=all or names, error=true makes
 * the build fail when there is a warning, experimental=all or names switches on the experimental rules. "# check=skip=A" directly above an
 * instruction skips for that one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct ignore;
struct dockerfile;
struct dockerfile_instruction;

#define LINT_WARNINGS_MAX 1000u

enum lint_rule {
	LINT_CONSISTENT_INSTRUCTION_CASING,
	LINT_COPY_IGNORED_FILE,
	LINT_DUPLICATE_STAGE_NAME,
	LINT_EXPOSE_INVALID_FORMAT,
	LINT_EXPOSE_PROTO_CASING,
	LINT_FROM_AS_CASING,
	LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED,
	LINT_INVALID_BASE_IMAGE_PLATFORM,
	LINT_INVALID_DEFAULT_ARG_IN_FROM,
	LINT_INVALID_DEFINITION_DESCRIPTION, /* experimental */
	LINT_JSON_ARGS_RECOMMENDED,
	LINT_LEGACY_KEY_VALUE_FORMAT,
	LINT_MAINTAINER_DEPRECATED,
	LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED,
	LINT_NO_EMPTY_CONTINUATION,
	LINT_REDUNDANT_TARGET_PLATFORM,
	LINT_RESERVED_STAGE_NAME,
	LINT_SECRETS_USED_IN_ARG_OR_ENV,
	LINT_STAGE_NAME_CASING,
	LINT_UNDEFINED_ARG_IN_FROM,
	LINT_UNDEFINED_VAR,
	LINT_WORKDIR_RELATIVE_PATH,
	LINT_N_RULES
};

struct lint_warning {
	enum lint_rule rule;
	unsigned line;
	char *text;
};

struct lint {
	uint32_t skip, experimental; /* bits by rule */
	bool skip_all, experimental_all, error;
	bool dropped; /* there were more than LINT_WARNINGS_MAX */
	struct lint_warning *warnings;
	size_t n, cap;
	const struct ignore *ignore; /* for CopyIgnoredFile; NULL = not known */
	uint32_t skip_here;	     /* for the present instruction, see lint_at() */
	bool skip_all_here;
};

#define LINT_INIT                                                                                                      \
	{                                                                                                              \
		.skip = 0                                                                                              \
	}

/* "skip=A,B;error=true;experimental=C" into *l. -EINVAL: an unknown key or rule, with a suggestion. */
int lint_options(struct lint *l, const char *text, struct err *err);
void lint_free(struct lint *l);

const char *lint_rule_name(enum lint_rule rule);
const char *lint_rule_about(enum lint_rule rule);

/* A warning, unless its rule is skipped. `l` may be NULL. */
void lint_add(struct lint *l, enum lint_rule rule, unsigned line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Follows what the comments above an instruction say; i = NULL: none. */
void lint_at(struct lint *l, const struct dockerfile_instruction *i);

/* The rules that need the text alone, and the file's own "# check=". */
int lint_dockerfile(struct lint *l, const struct dockerfile *d, struct err *err);

/* Warnings in the order of their lines. With error=true and a warning: -EINVAL. Call it at the end. */
int lint_end(struct lint *l, struct err *err);
