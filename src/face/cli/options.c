/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/options.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/units.h"
#include "face/compose/suggest.h"

#include <string.h>

struct parser {
	const struct option_set *sets;
	size_t n_sets;
	char **next; /* the words that are still to be read */
	struct err *err;
};

struct match {
	const struct option_spec *spec;
	void *variable;
};

static int (*const readers[])(const char *text, uint64_t *ret, struct err *err) = {
    [OPTION_COUNT] = units_count, [OPTION_SIZE] = units_size,	[OPTION_CPUS] = units_cpus,
    [OPTION_TIME] = units_time,	  [OPTION_LEVEL] = units_level,
};

static bool find(const struct parser *p, const char *name, size_t n, char letter, struct match *ret)
{
	for (size_t i = 0; i < p->n_sets; i++) {
		for (const struct option_spec *s = p->sets[i].specs; s && s->name; s++) {
			bool hit = name ? strncmp(s->name, name, n) == 0 && s->name[n] == '\0' : s->letter == letter;

			if (!hit)
				continue;
			*ret = (struct match){.spec = s, .variable = (char *)p->sets[i].values + s->offset};
			return true;
		}
	}
	return false;
}

static int unknown(const struct parser *p, const char *name)
{
	struct suggest near = {.wrong = name};

	for (size_t i = 0; i < p->n_sets; i++) {
		for (const struct option_spec *s = p->sets[i].specs; s && s->name; s++)
			suggest_try(&near, s->name);
	}
	if (near.best)
		return err_set(p->err, EINVAL, "unknown option \"--%s\"; did you mean \"--%s\"?", name, near.best);
	return err_set(p->err, EINVAL, "unknown option \"--%s\"", name);
}

static int set_value(const struct parser *p, const struct match *m, const char *text)
{
	struct err why = ERR_INIT;

	switch (m->spec->kind) {
	case OPTION_TEXT:
		*(const char **)m->variable = text;
		return 0;
	case OPTION_LIST:
		mem_strv_add((char ***)m->variable, text);
		return 0;
	default:
		if (readers[m->spec->kind](text, m->variable, &why) < 0)
			return err_set(p->err, EINVAL, "--%s: %s", m->spec->name, why.text);
		return 0;
	}
}

static int set_flag(const struct parser *p, const struct match *m, const char *text)
{
	if (text && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return err_set(p->err, EINVAL, "--%s takes no value (it was given \"%s\")", m->spec->name, text);
	*(bool *)m->variable = !text || strcmp(text, "true") == 0;
	return 0;
}

/* `text` is the value that stands in the same word, or NULL. */
static int apply(struct parser *p, const struct match *m, const char *text)
{
	if (m->spec->kind == OPTION_FLAG)
		return set_flag(p, m, text);
	if (!text && !*p->next)
		return err_set(p->err, EINVAL, "--%s needs a value: --%s %s", m->spec->name, m->spec->name,
			       m->spec->arg);
	return set_value(p, m, text ? text : *p->next++);
}

static int long_option(struct parser *p, const char *word)
{
	size_t n = strcspn(word, "=");
	struct match m;

	if (!find(p, word, n, 0, &m)) {
		mem_cleanup char *name = mem_strndup(word, n);

		return unknown(p, name);
	}
	return apply(p, &m, word[n] == '=' ? word + n + 1 : NULL);
}

static int short_options(struct parser *p, const char *letters)
{
	struct match m;
	int r;

	for (const char *l = letters; *l; l++) {
		if (!find(p, NULL, 0, *l, &m))
			return err_set(p->err, EINVAL, "unknown option \"-%c\"", *l);
		if (m.spec->kind != OPTION_FLAG)
			return apply(p, &m, l[1] ? l + 1 : NULL);
		r = set_flag(p, &m, NULL);
		if (r < 0)
			return r;
	}
	return 0;
}

int options_parse(const struct option_set *sets, size_t n_sets, char **argv, bool stop, char ***ret_operands,
		  struct err *err)
{
	struct parser p = {.sets = sets, .n_sets = n_sets, .next = argv, .err = err};
	mem_cleanup char **operands = mem_new_n(char *, mem_strv_len(argv) + 1);
	bool ended = false;
	size_t n = 0;

	while (*p.next) {
		char *word = *p.next++;
		int r = 0;

		if (ended || word[0] != '-' || word[1] == '\0') {
			operands[n++] = word;
			ended = ended || stop;
		} else if (strcmp(word, "--") == 0) {
			ended = true;
		} else {
			r = word[1] == '-' ? long_option(&p, word + 2) : short_options(&p, word + 1);
		}
		if (r < 0)
			return r;
	}
	*ret_operands = mem_take(operands);
	return 0;
}

void options_free(const struct option_set *set)
{
	for (const struct option_spec *s = set->specs; s && s->name; s++) {
		char ***list = (char ***)(void *)((char *)set->values + s->offset);

		if (s->kind != OPTION_LIST)
			continue;
		mem_strv_free(*list);
		*list = NULL;
	}
}
