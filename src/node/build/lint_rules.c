/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules that need nothing but the text.
 */
#include "node/build/lint.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/build/dockerfile.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* 1: all capitals, -1: all small letters, 0: mixed. */
static int casing(const char *name)
{
	bool small = false, capital = false;

	for (; *name; name++) {
		small = small || islower((unsigned char)*name);
		capital = capital || isupper((unsigned char)*name);
	}
	return small && capital ? 0 : small ? -1 : 1;
}

static void check_casing(struct lint *l, const struct dockerfile *d)
{
	size_t capitals = 0, smalls = 0;
	bool small;

	for (size_t i = 0; i < d->n; i++) {
		capitals += casing(d->instructions[i].name) == 1;
		smalls += casing(d->instructions[i].name) == -1;
	}
	small = smalls > capitals;
	for (size_t i = 0; i < d->n; i++) {
		lint_at(l, &d->instructions[i]);
		if (casing(d->instructions[i].name) != (small ? -1 : 1))
			lint_add(l, LINT_CONSISTENT_INSTRUCTION_CASING, d->instructions[i].line,
				 "Command '%s' should match the case of the command majority (%s)",
				 d->instructions[i].name, small ? "lowercase" : "uppercase");
	}
}

static void check_stage_name(struct lint *l, const struct dockerfile *d, size_t at)
{
	const struct dockerfile_instruction *i = &d->instructions[at];
	const char *name = i->args[2];

	if (casing(name) != -1 && name[strcspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")])
		lint_add(l, LINT_STAGE_NAME_CASING, i->line, "Stage name '%s' should be lowercase", name);
	if (casing(i->name) && casing(i->args[1]) != casing(i->name))
		lint_add(l, LINT_FROM_AS_CASING, i->line, "'%s' and '%s' keywords' casing do not match", i->args[1],
			 i->name);
	if (!strcasecmp(name, "scratch") || !strcasecmp(name, "context"))
		lint_add(l, LINT_RESERVED_STAGE_NAME, i->line,
			 "Stage name should not use the same name as reserved stage \"%s\"", name);
	for (size_t k = 0; k < at; k++) {
		const struct dockerfile_instruction *other = &d->instructions[k];

		if (other->kind == DOCKERFILE_FROM && other->args[1] && !strcasecmp(other->args[2], name)) {
			lint_add(l, LINT_DUPLICATE_STAGE_NAME, i->line,
				 "Duplicate stage name \"%s\", stage names should be unique", name);
			return;
		}
	}
}

/* A word of the list between '_' or the ends of the name. */
static bool has_word(const char *name, const char *const *words)
{
	for (const char *p = name; *p; p += strcspn(p, "_"), p += *p == '_') {
		size_t n = strcspn(p, "_");

		for (const char *const *w = words; *w; w++)
			if (strlen(*w) == n && !strncasecmp(*w, p, n))
				return true;
	}
	return false;
}

static void check_secret(struct lint *l, const struct dockerfile_instruction *i, const char *name)
{
	static const char *const secret[] = {"apikey", "auth",	 "credential", "credentials", "key", "password",
					     "pword",  "passwd", "secret",     "token",	      NULL};
	static const char *const harmless[] = {"public", "file", "version", NULL};

	if (has_word(name, secret) && !has_word(name, harmless))
		lint_add(l, LINT_SECRETS_USED_IN_ARG_OR_ENV, i->line,
			 "Do not use ARG or ENV instructions for sensitive data (%s \"%s\")",
			 dockerfile_kind_name(i->kind), name);
}

static void check_pairs(struct lint *l, const struct dockerfile_instruction *i)
{
	for (char **v = i->args; *v; v += 3) {
		if (!*v[2])
			lint_add(l, LINT_LEGACY_KEY_VALUE_FORMAT, i->line,
				 "\"%s key=value\" should be used instead of legacy \"%s key value\" format", i->name,
				 i->name);
		if (i->kind == DOCKERFILE_ENV)
			check_secret(l, i, *v);
	}
}

static void check_arg(struct lint *l, const struct dockerfile_instruction *i)
{
	for (char **v = i->args; *v; v++) {
		mem_cleanup char *name = mem_strndup(*v, strcspn(*v, "="));

		check_secret(l, i, name);
	}
}

/* The last line of a comment right above begins with the name of what is defined. */
static void check_description(struct lint *l, const struct dockerfile_instruction *i)
{
	bool arg = i->kind == DOCKERFILE_ARG;
	size_t n = mem_strv_len(i->comments), n_names = arg ? mem_strv_len(i->args) : 1, length;
	char **names = arg ? i->args : i->args + 2;
	const char *comment;

	if (!n || !n_names || (!arg && !i->args[1]))
		return;
	comment = i->comments[n - 1];
	length = strcspn(comment, " ");
	for (size_t k = 0; k < n_names; k++)
		if (strcspn(names[k], "=") == length && !strncasecmp(names[k], comment, length))
			return;
	lint_add(l, LINT_INVALID_DEFINITION_DESCRIPTION, i->line,
		 "Comment for %s should follow the format: `# %.*s <description>`", dockerfile_kind_name(i->kind),
		 n_names > 1 ? 9 : (int)strcspn(names[0], "="), n_names > 1 ? "<arg_key>" : names[0]);
}

static void check_instruction(struct lint *l, const struct dockerfile *d, size_t at, bool in_stage)
{
	const struct dockerfile_instruction *i = &d->instructions[at];

	switch (i->kind) {
	case DOCKERFILE_FROM:
		if (i->args[1])
			check_stage_name(l, d, at);
		check_description(l, i);
		break;
	case DOCKERFILE_MAINTAINER:
		lint_add(l, LINT_MAINTAINER_DEPRECATED, i->line,
			 "Maintainer instruction is deprecated in favor of using label");
		break;
	case DOCKERFILE_ENV:
	case DOCKERFILE_LABEL:
		check_pairs(l, i);
		break;
	case DOCKERFILE_ARG:
		if (in_stage)
			check_arg(l, i);
		check_description(l, i);
		break;
	default:
		break;
	}
}

/* The earlier ones are told: they do nothing. */
static void check_once(struct lint *l, const struct dockerfile *d)
{
	const struct dockerfile_instruction *last[DOCKERFILE_N_KINDS] = {0};

	for (size_t k = 0; k < d->n; k++) {
		const struct dockerfile_instruction *i = &d->instructions[k], *before = last[i->kind];

		if (i->kind == DOCKERFILE_FROM)
			memset(last, 0, sizeof(last));
		if (i->kind != DOCKERFILE_CMD && i->kind != DOCKERFILE_ENTRYPOINT && i->kind != DOCKERFILE_HEALTHCHECK)
			continue;
		lint_at(l, i);
		if (before)
			lint_add(l, LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED, before->line,
				 "Multiple %s instructions should not be used in the same stage because only the last "
				 "one will be used",
				 i->name);
		last[i->kind] = i;
	}
}

int lint_dockerfile(struct lint *l, const struct dockerfile *d, struct err *err)
{
	bool in_stage = false;
	int r = d->check ? lint_options(l, d->check, err) : 0;

	if (r < 0)
		return err_wrap(err, "%s:%u", d->name, d->check_line);
	r = dockerfile_check(d, err);
	if (r < 0)
		return r;
	check_casing(l, d);
	check_once(l, d);
	for (size_t i = 0; i < d->n; i++) {
		lint_at(l, &d->instructions[i]);
		in_stage = in_stage || d->instructions[i].kind == DOCKERFILE_FROM;
		check_instruction(l, d, i, in_stage);
	}
	lint_at(l, NULL);
	for (unsigned i = 0; i < d->n_empty; i++)
		lint_add(l, LINT_NO_EMPTY_CONTINUATION, d->empty[i], "Empty continuation line");
	return 0;
}
