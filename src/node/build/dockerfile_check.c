/* SPDX-License-Identifier: Apache-2.0
 *
 * The form of each instruction: its flags and the number of its arguments.
 */
#include "node/build/dockerfile_parts.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/build/build_health.h"
#include "node/build/nearest.h"

#include <string.h>
#include <strings.h>

enum flag_type { FLAG_STRING, FLAG_BOOL, FLAG_MANY };

struct flag {
	const char *name;
	enum flag_type type;
};

#define FLAGS_MAX 8

static const struct {
	size_t least, most; /* arguments; 0 = any number */
	struct flag flags[FLAGS_MAX];
} forms[DOCKERFILE_N_KINDS] = {
    [DOCKERFILE_ADD] = {2,
			0,
			{{"chown", FLAG_STRING},
			 {"chmod", FLAG_STRING},
			 {"link", FLAG_BOOL},
			 {"keep-git-dir", FLAG_BOOL},
			 {"checksum", FLAG_STRING},
			 {"unpack", FLAG_BOOL},
			 {"exclude", FLAG_MANY}}},
    [DOCKERFILE_ARG] = {1, 0, {{0}}},
    [DOCKERFILE_COPY] = {2,
			 0,
			 {{"from", FLAG_STRING},
			  {"chown", FLAG_STRING},
			  {"chmod", FLAG_STRING},
			  {"link", FLAG_BOOL},
			  {"parents", FLAG_BOOL},
			  {"exclude", FLAG_MANY}}},
    [DOCKERFILE_ENV] = {3, 0, {{0}}},
    [DOCKERFILE_EXPOSE] = {1, 0, {{0}}},
    [DOCKERFILE_FROM] = {1, 3, {{"platform", FLAG_STRING}}},
    [DOCKERFILE_HEALTHCHECK] = {1,
				0,
				{{"interval", FLAG_STRING},
				 {"timeout", FLAG_STRING},
				 {"start-period", FLAG_STRING},
				 {"start-interval", FLAG_STRING},
				 {"retries", FLAG_STRING}}},
    [DOCKERFILE_LABEL] = {3, 0, {{0}}},
    [DOCKERFILE_MAINTAINER] = {1, 1, {{0}}},
    [DOCKERFILE_RUN] =
	{1, 0, {{"mount", FLAG_MANY}, {"network", FLAG_STRING}, {"security", FLAG_STRING}, {"device", FLAG_MANY}}},
    [DOCKERFILE_SHELL] = {1, 0, {{0}}},
    [DOCKERFILE_STOPSIGNAL] = {1, 1, {{0}}},
    [DOCKERFILE_USER] = {1, 1, {{0}}},
    [DOCKERFILE_VOLUME] = {1, 0, {{0}}},
    [DOCKERFILE_WORKDIR] = {1, 1, {{0}}},
};

static const char *kind_option(void *ctx, size_t i)
{
	(void)ctx;
	return i + 1 < DOCKERFILE_N_KINDS ? dockerfile_kind_name((enum dockerfile_kind)(i + 1)) : NULL;
}

static const char *flag_option(void *ctx, size_t i)
{
	const struct flag *flags = ctx;

	return i < FLAGS_MAX ? flags[i].name : NULL;
}

static const struct flag *find_flag(const struct dockerfile_instruction *i, const char *name, size_t n)
{
	const struct flag *f = forms[i->kind].flags;

	for (size_t k = 0; k < FLAGS_MAX && f[k].name; k++)
		if (strlen(f[k].name) == n && !memcmp(f[k].name, name, n))
			return &f[k];
	return NULL;
}

static int check_bool(const struct dockerfile *d, const struct dockerfile_instruction *i, const char *flag,
		      const char *value, struct err *err)
{
	if (!value || !strcasecmp(value, "true") || !strcasecmp(value, "false"))
		return 0;
	return DOCKERFILE_ERR(d, i->line, err, EINVAL, "%s %s: only true and false are possible",
			      dockerfile_kind_name(i->kind), flag);
}

static int unknown_flag(const struct dockerfile *d, const struct dockerfile_instruction *i, const char *flag, size_t n,
			struct err *err)
{
	mem_cleanup char *name = mem_strndup(flag, n);
	const char *near = nearest_word(name, flag_option, (void *)(uintptr_t)forms[i->kind].flags);

	return DOCKERFILE_ERR(d, i->line, err, EINVAL, "%s has no flag --%.60s%s%s%s", dockerfile_kind_name(i->kind),
			      name, near ? " (did you mean --" : "", near ? near : "", near ? "?)" : "");
}

static int check_flags(const struct dockerfile *d, const struct dockerfile_instruction *i, struct err *err)
{
	const struct flag *seen[FLAGS_MAX] = {0};
	size_t n_seen = 0;

	for (char **v = i->flags; *v; v++) {
		size_t n = strcspn(*v + 2, "=");
		const char *value = (*v)[2 + n] ? *v + 3 + n : NULL;
		const struct flag *f = find_flag(i, *v + 2, n);
		int r;

		if (!f)
			return unknown_flag(d, i, *v + 2, n, err);
		for (size_t k = 0; k < n_seen; k++)
			if (seen[k] == f && f->type != FLAG_MANY)
				return DOCKERFILE_ERR(d, i->line, err, EINVAL, "%s: --%s is given twice",
						      dockerfile_kind_name(i->kind), f->name);
		if (n_seen < FLAGS_MAX)
			seen[n_seen++] = f;
		if (f->type != FLAG_BOOL && !value)
			return DOCKERFILE_ERR(d, i->line, err, EINVAL, "%s: --%s needs a value: --%s=...",
					      dockerfile_kind_name(i->kind), f->name, f->name);
		r = f->type == FLAG_BOOL ? check_bool(d, i, *v, value, err) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static bool stage_name_ok(const char *name)
{
	if (!((*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z')))
		return false;
	return !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")];
}

static int check_from(const struct dockerfile *d, const struct dockerfile_instruction *i, size_t n, struct err *err)
{
	if (n != 1 && (n != 3 || strcasecmp(i->args[1], "as") != 0))
		return DOCKERFILE_ERR(d, i->line, err, EINVAL, "%s", "FROM takes an image, or an image, AS and a name");
	if (n == 3 && !stage_name_ok(i->args[2]))
		return DOCKERFILE_ERR(d, i->line, err, EINVAL,
				      "\"%.100s\" cannot name a stage: a letter first, then letters, digits and . _ -",
				      i->args[2]);
	return 0;
}

static int check_pairs(const struct dockerfile *d, const struct dockerfile_instruction *i, struct err *err)
{
	size_t step = i->kind == DOCKERFILE_ARG ? 1 : 3;

	for (char **v = i->args; *v; v += step)
		if (!**v || **v == '=')
			return DOCKERFILE_ERR(d, i->line, err, EINVAL, "%s: a name is empty",
					      dockerfile_kind_name(i->kind));
	return 0;
}

static int check_copy(const struct dockerfile *d, const struct dockerfile_instruction *i, size_t n, struct err *err)
{
	struct dockerfile_heredoc h;

	if (i->json)
		return 0;
	if (dockerfile_heredoc_word(i->args[n - 1], &h, NULL) == 1) {
		free(h.name);
		return DOCKERFILE_ERR(d, i->line, err, EINVAL, "%s: the destination cannot be a heredoc",
				      dockerfile_kind_name(i->kind));
	}
	return 0;
}

static int check_trigger(const struct dockerfile *d, const struct dockerfile_instruction *i, struct err *err)
{
	const struct dockerfile_instruction *t = i->trigger;

	if (!t)
		return DOCKERFILE_ERR(d, i->line, err, EINVAL, "%s", "ONBUILD needs an instruction");
	if (t->kind == DOCKERFILE_ONBUILD || t->kind == DOCKERFILE_FROM || t->kind == DOCKERFILE_MAINTAINER)
		return DOCKERFILE_ERR(d, i->line, err, EINVAL, "ONBUILD %s is not possible",
				      dockerfile_kind_name(t->kind));
	return dockerfile_check_one(d, t, err);
}

static int check_health(const struct dockerfile *d, const struct dockerfile_instruction *i, struct err *err)
{
	struct keep k = {0};
	struct build_health h;
	int r = build_health_parse(&k, i, &h, err);

	keep_free(&k);
	return r < 0 ? err_wrap(err, "%s:%u", d->name, i->line) : 0;
}

static int check_volume(const struct dockerfile *d, const struct dockerfile_instruction *i, struct err *err)
{
	for (char **v = i->args; *v; v++)
		if (!(*v)[strspn(*v, " \t\r\n\v\f")])
			return DOCKERFILE_ERR(d, i->line, err, EINVAL, "%s", "VOLUME: a path is empty");
	return 0;
}

static int check_args(const struct dockerfile *d, const struct dockerfile_instruction *i, size_t n, struct err *err)
{
	switch (i->kind) {
	case DOCKERFILE_FROM:
		return check_from(d, i, n, err);
	case DOCKERFILE_ENV:
	case DOCKERFILE_LABEL:
	case DOCKERFILE_ARG:
		return check_pairs(d, i, err);
	case DOCKERFILE_COPY:
	case DOCKERFILE_ADD:
		return check_copy(d, i, n, err);
	case DOCKERFILE_ONBUILD:
		return check_trigger(d, i, err);
	case DOCKERFILE_HEALTHCHECK:
		return check_health(d, i, err);
	case DOCKERFILE_VOLUME:
		return check_volume(d, i, err);
	case DOCKERFILE_SHELL:
		return i->json ? 0
			       : DOCKERFILE_ERR(d, i->line, err, EINVAL, "%s",
						"SHELL needs the JSON form: SHELL [\"/bin/sh\", \"-c\"]");
	default:
		return 0;
	}
}

static int unknown_instruction(const struct dockerfile *d, const struct dockerfile_instruction *i, struct err *err)
{
	const char *near = nearest_word(i->name, kind_option, NULL);

	return DOCKERFILE_ERR(d, i->line, err, EINVAL, "unknown instruction %.60s%s%s%s", i->name,
			      near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

int dockerfile_check_one(const struct dockerfile *d, const struct dockerfile_instruction *i, struct err *err)
{
	size_t n = mem_strv_len(i->args);
	const char *name = dockerfile_kind_name(i->kind);
	int r;

	if (i->kind == DOCKERFILE_UNKNOWN)
		return unknown_instruction(d, i, err);
	r = check_flags(d, i, err);
	if (r < 0)
		return r;
	if (n < forms[i->kind].least && forms[i->kind].least == 2)
		return DOCKERFILE_ERR(d, i->line, err, EINVAL, "%s needs a source and a destination", name);
	if (n < forms[i->kind].least && forms[i->kind].least == 3)
		return DOCKERFILE_ERR(d, i->line, err, EINVAL, "%s needs name=value", name);
	if (n < forms[i->kind].least)
		return DOCKERFILE_ERR(d, i->line, err, EINVAL, "%s needs an argument", name);
	if (forms[i->kind].most && n > forms[i->kind].most)
		return DOCKERFILE_ERR(d, i->line, err, EINVAL, "%s takes %zu argument%s at the most, not %zu", name,
				      forms[i->kind].most, forms[i->kind].most == 1 ? "" : "s", n);
	return check_args(d, i, n, err);
}

int dockerfile_check(const struct dockerfile *d, struct err *err)
{
	bool from = false;

	for (size_t n = 0; n < d->n; n++) {
		const struct dockerfile_instruction *i = &d->instructions[n];
		int r = dockerfile_check_one(d, i, err);

		if (r < 0)
			return r;
		from = from || i->kind == DOCKERFILE_FROM;
		if (!from && i->kind != DOCKERFILE_ARG)
			return DOCKERFILE_ERR(d, i->line, err, EINVAL,
					      "%s stands before the first FROM, where only ARG may",
					      dockerfile_kind_name(i->kind));
	}
	return from ? 0 : err_set(err, EINVAL, "%s: there is no FROM in it", d->name);
}

const char *dockerfile_flag_next(const struct dockerfile_instruction *i, const char *name, size_t *at)
{
	size_t n = strlen(name);

	for (; i->flags[*at]; (*at)++) {
		const char *flag = i->flags[*at] + 2;

		if (strncmp(flag, name, n) != 0 || (flag[n] && flag[n] != '='))
			continue;
		(*at)++;
		return flag[n] ? flag + n + 1 : "";
	}
	return NULL;
}

const char *dockerfile_flag(const struct dockerfile_instruction *i, const char *name)
{
	size_t at = 0;

	return dockerfile_flag_next(i, name, &at);
}

bool dockerfile_flag_bool(const struct dockerfile_instruction *i, const char *name)
{
	const char *value = dockerfile_flag(i, name);

	return value && strcasecmp(value, "false") != 0;
}
