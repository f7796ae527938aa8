/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/params.h"

#include "face/compose/interpolate.h"
#include "face/compose/loader.h"
#include "face/compose/read.h"
#include "face/compose/scalar.h"
#include "face/compose/suggest.h"

#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#define PATTERN_MAX 256
#define REPEAT_MAX 10000

static bool name_ok(const char *name)
{
	if (!isalpha((unsigned char)*name) && *name != '_')
		return false;
	while (isalnum((unsigned char)*name) || *name == '_')
		name++;
	return !*name;
}

/* The value of the last --param of that name, or NULL. */
static const char *given(const struct loader *l, const char *name)
{
	char **params = l->options->params;
	const char *found = NULL;
	size_t n = strlen(name);

	for (size_t i = 0; params && params[i]; i++)
		if (strncmp(params[i], name, n) == 0 && params[i][n] == '=')
			found = params[i] + n + 1;
	return found;
}

static const char *wrong_type(const char *type, const char *value)
{
	double number;
	int64_t whole;
	bool truth;

	if (strcmp(type, "integer") == 0 && !scalar_int(value, &whole))
		return "a whole number";
	if (strcmp(type, "number") == 0 && !scalar_number(value, &number))
		return "a number";
	if (strcmp(type, "boolean") == 0 && !scalar_bool(value, true, &truth))
		return "a boolean (true or false)";
	return NULL;
}

static bool in_enum(const struct node *list, const char *value)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->items[i]->kind == NODE_SCALAR && strcmp(list->items[i]->text, value) == 0)
			return true;
	return list->n == 0;
}

static void check_range(struct loader *l, const struct node *at, const struct node *map, const char *value)
{
	static const char *const keys[] = {"min", "max"};
	double number, limit;

	for (int i = 0; i < 2; i++) {
		const char *text = read_str(map, keys[i], NULL);

		if (!text || !scalar_number(value, &number))
			continue;
		if (!scalar_number(text, &limit))
			message_error(l, node_get(map, keys[i]), "a number is needed, not \"%s\"", text);
		else if (i == 0 ? number < limit : number > limit)
			message_key_error(l, at, "the value %s is %s than %s (%s)", value, i == 0 ? "less" : "more",
					  text, keys[i]);
	}
}

/* glibc's regcomp() copies what is repeated: bound the product of the counts. Back references may take for ever. */
static bool pattern_ok(const char *pattern)
{
	double product = 1;

	if (strlen(pattern) > PATTERN_MAX)
		return false;
	for (const char *p = pattern; *p; p++) {
		double most = 1;

		if (*p == '\\' && isdigit((unsigned char)p[1]))
			return false;
		if (*p != '{')
			continue;
		for (const char *d = p + 1; isdigit((unsigned char)*d) || *d == ','; d++) {
			if (isdigit((unsigned char)*d) && !isdigit((unsigned char)d[-1]) && strtod(d, NULL) > most)
				most = strtod(d, NULL);
		}
		product *= most;
		if (product > REPEAT_MAX)
			return false;
	}
	return true;
}

static void check_pattern(struct loader *l, const struct node *at, const struct node *map, const char *value)
{
	const char *pattern = read_str(map, "pattern", NULL);
	regex_t regex;

	if (!pattern)
		return;
	if (!pattern_ok(pattern) || regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
		message_error(l, node_get(map, "pattern"),
			      "this is no regular expression, or one with too many repetitions");
		return;
	}
	if (regexec(&regex, value, 0, NULL, 0) != 0)
		message_key_error(l, at, "the value \"%s\" does not match the pattern %s", value, pattern);
	regfree(&regex);
}

static void check_one(struct loader *l, const struct node *at, const struct node *map, const char *value)
{
	const char *type = read_str(map, "type", "string"), *need = wrong_type(type, value);
	const struct node *list = read_list(map, "enum");

	if (need) {
		message_key_error(l, at, "%s is needed, not \"%s\"", need, value);
		return;
	}
	if (list && !in_enum(list, value))
		message_key_error(l, at, "the value \"%s\" is none of the values in enum", value);
	check_range(l, at, map, value);
	check_pattern(l, at, map, value);
}

/* integer and number for a plain default of that kind: `parts: 4` does not take --param parts=many. */
static void check_by_default(struct loader *l, const struct node *at, const char *value)
{
	double number;
	bool truth;

	if (!at->plain || at->interpolated)
		return;
	if (scalar_number(at->text, &number) && !scalar_number(value, &number))
		message_key_error(l, at, "a number is needed, not \"%s\", because the default %s is one", value,
				  at->text);
	else if (scalar_bool(at->text, false, &truth) && !scalar_bool(value, true, &truth))
		message_key_error(l, at, "a boolean is needed, not \"%s\", because the default %s is one", value,
				  at->text);
}

static void load_one(struct loader *l, const struct node *at, struct param *p)
{
	const char *text = given(l, at->key->text);

	p->name = at->key->text;
	if (!name_ok(p->name))
		message_key_error(l, at, "a param is named by letters, digits and _, not starting with a digit");
	if (at->kind == NODE_SCALAR) {
		p->value = text ? text : node_is_null(at) ? NULL : at->text;
		if (text)
			check_by_default(l, at, text);
	} else if (at->kind == NODE_MAP) {
		p->value = text ? text : read_str(at, "default", NULL);
		if (p->value)
			check_one(l, at, at, p->value);
	}
	if (!p->value && at->kind != NODE_LIST)
		message_key_error(l, at, "the param has no default and needs a value: --param %s=VALUE", p->name);
}

static void check_given(struct loader *l, const char *param, const struct node *declared)
{
	const char *equals = strchr(param, '=');
	struct suggest s = {0};
	char text[SUGGEST_TEXT_MAX];

	if (!equals || equals == param) {
		message_place_error(l, 0, 0, "--param %s: NAME=VALUE is needed", param);
		return;
	}
	s.wrong = arena_strndup(&l->arena, param, (size_t)(equals - param));
	if (node_get(declared, s.wrong))
		return;
	for (size_t i = 0; declared && declared->kind == NODE_MAP && i < declared->n; i++)
		suggest_try(&s, declared->items[i]->key->text);
	message_place_error(l, 0, 0, "--param %s: x-berth.params has no such param%s", s.wrong, suggest_text(&s, text));
}

/* All but patterns and descriptions: a regular expression ends in "$". */
static void interpolate_params(struct loader *l, struct node *params)
{
	for (size_t i = 0; i < params->n; i++) {
		struct node *p = params->items[i];

		if (p->kind != NODE_MAP)
			interpolate_node(l, p);
		for (size_t k = 0; p->kind == NODE_MAP && k < p->n; k++)
			if (strcmp(p->items[k]->key->text, "pattern") != 0 &&
			    strcmp(p->items[k]->key->text, "description") != 0)
				interpolate_node(l, p->items[k]);
	}
}

void params_load(struct loader *l)
{
	struct node *params = node_get(node_get(l->root, "x-berth"), "params");
	char **o = l->options->params;

	if (params && params->kind == NODE_MAP) {
		struct param *list = arena_new_n(&l->arena, struct param, params->n);

		interpolate_params(l, params);
		for (size_t i = 0; i < params->n; i++)
			load_one(l, params->items[i], &list[i]);
		l->params = list;
		l->n_params = params->n;
	}
	for (size_t i = 0; o && o[i]; i++)
		check_given(l, o[i], params);
}
