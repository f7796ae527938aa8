/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of warnings and which rules are on. The rules themselves: lint_rules.c, and where a plan is made.
 */
#include "node/build/lint.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/build/dockerfile.h"
#include "node/build/nearest.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *name, *about;
} rules[LINT_N_RULES] = {
    [LINT_CONSISTENT_INSTRUCTION_CASING] = {"ConsistentInstructionCasing",
					    "all instructions are in capitals, or all in small letters"},
    [LINT_COPY_IGNORED_FILE] = {"CopyIgnoredFile", "COPY and ADD of a file that .dockerignore leaves out"},
    [LINT_DUPLICATE_STAGE_NAME] = {"DuplicateStageName", "two stages have the same name"},
    [LINT_EXPOSE_INVALID_FORMAT] = {"ExposeInvalidFormat", "EXPOSE with an address or a port of the host"},
    [LINT_EXPOSE_PROTO_CASING] = {"ExposeProtoCasing", "the protocol in EXPOSE is in small letters"},
    [LINT_FROM_AS_CASING] = {"FromAsCasing", "AS is written like FROM"},
    [LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED] = {"FromPlatformFlagConstDisallowed", "FROM --platform is a constant"},
    [LINT_INVALID_BASE_IMAGE_PLATFORM] = {"InvalidBaseImagePlatform", "the base image is for another platform"},
    [LINT_INVALID_DEFAULT_ARG_IN_FROM] = {"InvalidDefaultArgInFrom",
					  "FROM names no image when no build argument is given"},
    [LINT_INVALID_DEFINITION_DESCRIPTION] = {"InvalidDefinitionDescription",
					     "a comment above ARG or FROM begins with its name"},
    [LINT_JSON_ARGS_RECOMMENDED] = {"JSONArgsRecommended",
				    "CMD and ENTRYPOINT in the JSON form, so that signals arrive"},
    [LINT_LEGACY_KEY_VALUE_FORMAT] = {"LegacyKeyValueFormat", "ENV and LABEL as name=value"},
    [LINT_MAINTAINER_DEPRECATED] = {"MaintainerDeprecated", "a label instead of MAINTAINER"},
    [LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED] = {"MultipleInstructionsDisallowed",
					       "only the last CMD, ENTRYPOINT or HEALTHCHECK counts"},
    [LINT_NO_EMPTY_CONTINUATION] = {"NoEmptyContinuation", "an empty line within an instruction"},
    [LINT_REDUNDANT_TARGET_PLATFORM] = {"RedundantTargetPlatform",
					"FROM --platform=$TARGETPLATFORM is what happens without it"},
    [LINT_RESERVED_STAGE_NAME] = {"ReservedStageName", "a stage is named scratch or context"},
    [LINT_SECRETS_USED_IN_ARG_OR_ENV] = {"SecretsUsedInArgOrEnv", "secrets do not belong into ARG and ENV"},
    [LINT_STAGE_NAME_CASING] = {"StageNameCasing", "names of stages are in small letters"},
    [LINT_UNDEFINED_ARG_IN_FROM] = {"UndefinedArgInFrom", "FROM uses an ARG that was not declared before"},
    [LINT_UNDEFINED_VAR] = {"UndefinedVar", "a variable is used that nothing defines"},
    [LINT_WORKDIR_RELATIVE_PATH] = {"WorkdirRelativePath", "a relative WORKDIR depends on the base image"},
};

const char *lint_rule_name(enum lint_rule rule)
{
	return rules[rule].name;
}

const char *lint_rule_about(enum lint_rule rule)
{
	return rules[rule].about;
}

void lint_free(struct lint *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->warnings[i].text);
	free(l->warnings);
	*l = (struct lint)LINT_INIT;
}

static bool is_on(const struct lint *l, enum lint_rule rule)
{
	uint32_t bit = UINT32_C(1) << rule;

	if (rule == LINT_INVALID_DEFINITION_DESCRIPTION && !l->experimental_all && !(l->experimental & bit))
		return false;
	return !l->skip_all && !l->skip_all_here && !((l->skip | l->skip_here) & bit);
}

void lint_add(struct lint *l, enum lint_rule rule, unsigned line, const char *fmt, ...)
{
	va_list ap;
	struct lint_warning *w;

	if (!l || !is_on(l, rule))
		return;
	if (l->n == LINT_WARNINGS_MAX) {
		l->dropped = true;
		return;
	}
	mem_grow(&l->warnings, &l->cap, l->n);
	w = &l->warnings[l->n];
	w->rule = rule;
	w->line = line;
	va_start(ap, fmt);
	if (vasprintf(&w->text, fmt, ap) < 0)
		abort(); /* no memory, as in mem.h */
	va_end(ap);
	/* Variables that stand twice in an instruction are told once. */
	for (size_t i = 0; i < l->n; i++)
		if (l->warnings[i].rule == rule && l->warnings[i].line == line &&
		    !strcmp(l->warnings[i].text, w->text)) {
			free(w->text);
			return;
		}
	l->n++;
}

static const char *rule_option(void *ctx, size_t i)
{
	(void)ctx;
	return i < LINT_N_RULES ? rules[i].name : NULL;
}

/* "A,B" or "all". */
static int read_rules(const char *text, size_t n, uint32_t *bits, bool *all, struct err *err)
{
	mem_cleanup char *copy = mem_strndup(text, n);
	char *rest = copy;

	for (char *name; (name = strsep(&rest, ",")) != NULL;) {
		const char *near;
		size_t i = 0;

		name += strspn(name, " \t");
		name[strcspn(name, " \t")] = '\0';
		if (!*name)
			continue;
		if (!strcasecmp(name, "all")) {
			*all = true;
			continue;
		}
		while (i < LINT_N_RULES && strcasecmp(rules[i].name, name) != 0)
			i++;
		near = i == LINT_N_RULES ? nearest_word(name, rule_option, NULL) : NULL;
		if (i == LINT_N_RULES)
			return err_set(err, EINVAL, "check: there is no rule %.60s%s%s%s", name,
				       near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
		*bits |= UINT32_C(1) << i;
	}
	return 0;
}

static int read_error(struct lint *l, const char *value, size_t n, struct err *err)
{
	bool yes = (n == 4 && !strncasecmp(value, "true", 4)) || (n == 1 && *value == '1');

	if (!yes && !(n == 5 && !strncasecmp(value, "false", 5)) && !(n == 1 && *value == '0'))
		return err_set(err, EINVAL, "check: error=%.*s: only true and false are possible",
			       (int)(n > 60 ? 60 : n), value);
	l->error = yes;
	return 0;
}

static int read_option(struct lint *l, const char *p, size_t n, struct err *err)
{
	const char *value = memchr(p, '=', n);
	size_t key = value ? (size_t)(value - p) : n, length;

	if (!n)
		return 0;
	if (!value)
		return err_set(err, EINVAL, "check: \"%.*s\" is no KEY=VALUE", (int)(n > 60 ? 60 : n), p);
	value++;
	length = n - key - 1;
	if (key == 4 && !memcmp(p, "skip", 4))
		return read_rules(value, length, &l->skip, &l->skip_all, err);
	if (key == 12 && !memcmp(p, "experimental", 12))
		return read_rules(value, length, &l->experimental, &l->experimental_all, err);
	if (key == 5 && !memcmp(p, "error", 5))
		return read_error(l, value, length, err);
	return err_set(err, EINVAL, "check: \"%.*s\" is none of skip, experimental and error",
		       (int)(key > 60 ? 60 : key), p);
}

int lint_options(struct lint *l, const char *text, struct err *err)
{
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, ";"), length = n;
		const char *start = p;
		int r;

		for (; length && strchr(" \t", *start); start++)
			length--;
		while (length && strchr(" \t", start[length - 1]))
			length--;
		r = read_option(l, start, length, err);
		if (r < 0)
			return r;
		p += n + (p[n] == ';');
	}
	return 0;
}

void lint_at(struct lint *l, const struct dockerfile_instruction *i)
{
	struct lint here = LINT_INIT;

	if (!l)
		return;
	for (char **c = i ? i->comments : NULL; c && *c; c++)
		if (!strncmp(*c, "check=", 6))
			(void)lint_options(&here, *c + 6, NULL);
	l->skip_here = here.skip;
	l->skip_all_here = here.skip_all;
}

static int by_line(const void *a, const void *b)
{
	const struct lint_warning *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->rule != y->rule)
		return x->rule < y->rule ? -1 : 1;
	return strcmp(x->text, y->text);
}

int lint_end(struct lint *l, struct err *err)
{
	if (l->n)
		qsort(l->warnings, l->n, sizeof(*l->warnings), by_line);
	if (!l->error || !l->n)
		return 0;
	return err_set(
	    err, EINVAL,
	    "the Dockerfile has %zu warning%s, and error=true makes that an error; the first: line %u: %s (%s)", l->n,
	    l->n == 1 ? "" : "s", l->warnings[0].line, l->warnings[0].text, rules[l->warnings[0].rule].name);
}
