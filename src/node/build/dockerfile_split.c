/* SPDX-License-Identifier: Apache-2.0
 *
 * One instruction on one line: its name, its flags, and its arguments by the form that the instruction has.
 */
#include "node/build/dockerfile_parts.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"

#include <string.h>
#include <strings.h>

enum form {
	FORM_NONE,
	FORM_STRING,
	FORM_LIST,
	FORM_WORDS,
	FORM_PAIRS,
	FORM_JSON,
	FORM_JSON_LIST,
	FORM_HEALTH,
	FORM_TRIGGER
};

static const struct {
	const char *name;
	enum form form;
} kinds[DOCKERFILE_N_KINDS] = {
    [DOCKERFILE_UNKNOWN] = {"", FORM_NONE},	      [DOCKERFILE_ADD] = {"ADD", FORM_JSON_LIST},
    [DOCKERFILE_ARG] = {"ARG", FORM_WORDS},	      [DOCKERFILE_CMD] = {"CMD", FORM_JSON},
    [DOCKERFILE_COPY] = {"COPY", FORM_JSON_LIST},     [DOCKERFILE_ENTRYPOINT] = {"ENTRYPOINT", FORM_JSON},
    [DOCKERFILE_ENV] = {"ENV", FORM_PAIRS},	      [DOCKERFILE_EXPOSE] = {"EXPOSE", FORM_LIST},
    [DOCKERFILE_FROM] = {"FROM", FORM_LIST},	      [DOCKERFILE_HEALTHCHECK] = {"HEALTHCHECK", FORM_HEALTH},
    [DOCKERFILE_LABEL] = {"LABEL", FORM_PAIRS},	      [DOCKERFILE_MAINTAINER] = {"MAINTAINER", FORM_STRING},
    [DOCKERFILE_ONBUILD] = {"ONBUILD", FORM_TRIGGER}, [DOCKERFILE_RUN] = {"RUN", FORM_JSON},
    [DOCKERFILE_SHELL] = {"SHELL", FORM_JSON},	      [DOCKERFILE_STOPSIGNAL] = {"STOPSIGNAL", FORM_STRING},
    [DOCKERFILE_USER] = {"USER", FORM_STRING},	      [DOCKERFILE_VOLUME] = {"VOLUME", FORM_JSON_LIST},
    [DOCKERFILE_WORKDIR] = {"WORKDIR", FORM_STRING},
};

const char *dockerfile_kind_name(enum dockerfile_kind kind)
{
	return kinds[kind].name;
}

enum dockerfile_kind dockerfile_kind_of(const char *name, size_t n)
{
	for (enum dockerfile_kind k = DOCKERFILE_UNKNOWN + 1; k < DOCKERFILE_N_KINDS; k++)
		if (strlen(kinds[k].name) == n && !strncasecmp(kinds[k].name, name, n))
			return k;
	return DOCKERFILE_UNKNOWN;
}

static const char *skip_blanks(const char *p)
{
	while (dockerfile_blank(*p))
		p++;
	return p;
}

static int add_arg(struct dockerfile *d, struct dockerfile_instruction *i, struct keep_list *args, char *arg,
		   struct err *err)
{
	if (args->n == DOCKERFILE_ARGS_MAX)
		return DOCKERFILE_ERR(d, i->line, err, E2BIG, "%s has more than %u arguments", kinds[i->kind].name,
				      DOCKERFILE_ARGS_MAX);
	keep_list_add(&d->keep, args, arg);
	return 0;
}

/* One flag at p, quotes and escapes removed; *ret is what stands behind it. */
static char *read_flag(struct dockerfile *d, const char *p, const char **ret)
{
	buf_cleanup struct buf word = BUF_INIT;
	char quote = '\0';

	for (; *p && (quote || !dockerfile_blank(*p)); p++) {
		if (*p == quote) {
			quote = '\0';
		} else if (!quote && (*p == '\'' || *p == '"')) {
			quote = *p;
		} else if (*p != d->escape) {
			buf_addc(&word, *p);
		} else if (p[1]) {
			buf_addc(&word, *++p);
		}
	}
	*ret = p;
	return keep_str(&d->keep, buf_str(&word));
}

/* The flags in front of the arguments; "--" ends them. Returns where the arguments begin, or NULL with *err set. */
static const char *split_flags(struct dockerfile *d, struct dockerfile_instruction *i, const char *p, struct err *err)
{
	struct keep_list flags = {0};

	for (p = skip_blanks(p); p[0] == '-' && p[1] == '-'; p = skip_blanks(p)) {
		char *flag = read_flag(d, p, &p);

		if (!strcmp(flag, "--"))
			break;
		if (flags.n == DOCKERFILE_FLAGS_MAX) {
			(void)DOCKERFILE_ERR(d, i->line, err, E2BIG, "more than %u flags", DOCKERFILE_FLAGS_MAX);
			return NULL;
		}
		keep_list_add(&d->keep, &flags, flag);
	}
	i->flags = keep_list_end(&d->keep, &flags);
	return skip_blanks(p);
}

/* The end of the word at p, where quotes and the escape character stay. */
static const char *word_end(const char *p, char escape, struct buf *word)
{
	char quote = '\0';

	for (; *p && (quote || !dockerfile_blank(*p)); p++) {
		if (*p == quote) {
			quote = '\0';
		} else if (!quote && (*p == '\'' || *p == '"')) {
			quote = *p;
		} else if (*p == escape && quote != '\'') {
			if (!p[1])
				continue; /* at the end of the line it means nothing */
			buf_addc(word, *p++);
		}
		buf_addc(word, *p);
	}
	return p;
}

static int split_words(struct dockerfile *d, struct dockerfile_instruction *i, const char *p, struct err *err)
{
	struct keep_list args = {0};
	int r = 0;

	for (p = skip_blanks(p); r == 0 && *p; p = skip_blanks(p)) {
		buf_cleanup struct buf word = BUF_INIT;

		p = word_end(p, d->escape, &word);
		if (word.len)
			r = add_arg(d, i, &args, keep_str(&d->keep, buf_str(&word)), err);
	}
	i->args = keep_list_end(&d->keep, &args);
	return r;
}

/* Blanks of a line without its '\n', which stays in what it is written in. */
static bool is_gap(char c)
{
	return dockerfile_blank(c) && c != '\n';
}

static int split_list(struct dockerfile *d, struct dockerfile_instruction *i, const char *p, struct err *err)
{
	struct keep_list args = {0};
	int r = 0;

	while (r == 0 && *p) {
		const char *start = p;

		while (*p && !is_gap(*p))
			p++;
		r = add_arg(d, i, &args, keep_strn(&d->keep, start, (size_t)(p - start)), err);
		while (is_gap(*p))
			p++;
	}
	i->args = keep_list_end(&d->keep, &args);
	return r;
}

static void set_string(struct dockerfile *d, struct dockerfile_instruction *i, const char *p)
{
	struct keep_list args = {0};

	if (*p)
		keep_list_add(&d->keep, &args, keep_str(&d->keep, p));
	i->args = keep_list_end(&d->keep, &args);
}

/* "NAME value with blanks", the form of old. */
static int split_old_pair(struct dockerfile *d, struct dockerfile_instruction *i, const char *p, struct err *err)
{
	struct keep_list args = {0};
	const char *end = p;

	while (*end && !is_gap(*end))
		end++;
	if (!*skip_blanks(end))
		return DOCKERFILE_ERR(d, i->line, err, EINVAL, "%s needs a name and a value: %s name=value",
				      kinds[i->kind].name, kinds[i->kind].name);
	keep_list_add(&d->keep, &args, keep_strn(&d->keep, p, (size_t)(end - p)));
	keep_list_add(&d->keep, &args, keep_str(&d->keep, skip_blanks(end)));
	keep_list_add(&d->keep, &args, keep_str(&d->keep, ""));
	i->args = args.v;
	return 0;
}

static int split_pairs(struct dockerfile *d, struct dockerfile_instruction *i, const char *p, struct err *err)
{
	struct keep_list args = {0};
	int r = split_words(d, i, p, err);
	char **words = i->args;

	if (r < 0)
		return r;
	if (words[0] && !strchr(words[0], '='))
		return split_old_pair(d, i, p, err);
	for (; *words; words++) {
		char *equals = strchr(*words, '=');

		if (!equals)
			return DOCKERFILE_ERR(d, i->line, err, EINVAL, "%s: \"%.200s\" has no \"=\": write name=value",
					      kinds[i->kind].name, *words);
		keep_list_add(&d->keep, &args, keep_strn(&d->keep, *words, (size_t)(equals - *words)));
		keep_list_add(&d->keep, &args, keep_str(&d->keep, equals + 1));
		keep_list_add(&d->keep, &args, keep_str(&d->keep, "="));
	}
	i->args = keep_list_end(&d->keep, &args);
	return 0;
}

/* 1 when p is a JSON array of strings: then it is in i->args. 0 when it is no JSON array at all. */
static int try_json(struct dockerfile *d, struct dockerfile_instruction *i, const char *p, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct keep_list args = {0};
	size_t at, max;
	yyjson_val *v;

	if (*p == '[')
		doc = yyjson_read(p, strlen(p), YYJSON_READ_ALLOW_INVALID_UNICODE);
	if (!doc || !yyjson_is_arr(yyjson_doc_get_root(doc)))
		return 0;
	yyjson_arr_foreach (yyjson_doc_get_root(doc), at, max, v) {
		int r;

		if (!yyjson_is_str(v))
			return DOCKERFILE_ERR(d, i->line, err, EINVAL,
					      "%s: a JSON array holds strings only: quote each of them",
					      kinds[i->kind].name);
		if (strlen(yyjson_get_str(v)) != yyjson_get_len(v))
			return DOCKERFILE_ERR(d, i->line, err, EINVAL, "%s: no argument can hold the character \\u0000",
					      kinds[i->kind].name);
		r = add_arg(d, i, &args, keep_str(&d->keep, yyjson_get_str(v)), err);
		if (r < 0)
			return r;
	}
	i->args = keep_list_end(&d->keep, &args);
	i->json = true;
	return 1;
}

static int split_health(struct dockerfile *d, struct dockerfile_instruction *i, const char *p, struct err *err)
{
	struct keep_list args = {0};
	const char *end = p;
	int r;

	while (*end && !dockerfile_blank(*end))
		end++;
	r = try_json(d, i, skip_blanks(end), err);
	if (r < 0)
		return r;
	if (r == 0)
		set_string(d, i, skip_blanks(end));
	if (end > p)
		keep_list_add(&d->keep, &args, keep_strn(&d->keep, p, (size_t)(end - p)));
	for (char **v = i->args; *v; v++)
		keep_list_add(&d->keep, &args, *v);
	i->args = keep_list_end(&d->keep, &args);
	return 0;
}

static int split_trigger(struct dockerfile *d, struct dockerfile_instruction *i, const char *p, int depth,
			 struct err *err)
{
	set_string(d, i, "");
	if (!*p || depth > 0) /* ONBUILD ONBUILD is refused by dockerfile_check_one() */
		return 0;
	i->trigger = keep_new(&d->keep, struct dockerfile_instruction);
	i->trigger->line = i->line;
	return dockerfile_split(d, p, depth + 1, i->trigger, err);
}

static int split_args(struct dockerfile *d, struct dockerfile_instruction *i, const char *p, int depth, struct err *err)
{
	enum form form = kinds[i->kind].form;
	int r;

	switch (form) {
	case FORM_STRING:
		set_string(d, i, p);
		return 0;
	case FORM_LIST:
		return split_list(d, i, p, err);
	case FORM_WORDS:
		return split_words(d, i, p, err);
	case FORM_PAIRS:
		return split_pairs(d, i, p, err);
	case FORM_HEALTH:
		return split_health(d, i, p, err);
	case FORM_TRIGGER:
		return split_trigger(d, i, p, depth, err);
	case FORM_JSON:
	case FORM_JSON_LIST:
		r = try_json(d, i, p, err);
		if (r != 0)
			return r < 0 ? r : 0;
		if (form == FORM_JSON_LIST)
			return split_list(d, i, p, err);
		set_string(d, i, p);
		return 0;
	default:
		set_string(d, i, "");
		return 0;
	}
}

int dockerfile_split(struct dockerfile *d, const char *line, int depth, struct dockerfile_instruction *i,
		     struct err *err)
{
	const char *p = skip_blanks(line), *end;
	size_t n = strlen(p);
	char *rest;

	while (n && dockerfile_blank(p[n - 1]))
		n--;
	i->original = keep_strn(&d->keep, p, n);
	p = end = i->original;
	while (*end && !is_gap(*end))
		end++;
	i->name = keep_strn(&d->keep, p, (size_t)(end - p));
	i->kind = dockerfile_kind_of(p, (size_t)(end - p));
	p = split_flags(d, i, end, err);
	if (!p)
		return -E2BIG;
	rest = keep_str(&d->keep, p);
	return split_args(d, i, rest, depth, err);
}
