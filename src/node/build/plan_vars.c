/* SPDX-License-Identifier: Apache-2.0
 *
 * Build arguments: those that are given, those of the platform, and ARG before the first FROM.
 */
#include "node/build/plan_impl.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/build/lint.h"
#include "node/build/nearest.h"
#include "node/build/shell_word.h"

#include <string.h>

static struct build_pair *find(const struct plan_vars *v, const char *name, size_t n)
{
	for (size_t i = 0; i < v->n; i++)
		if (!strncmp(v->v[i].name, name, n) && !v->v[i].name[n])
			return &v->v[i];
	return NULL;
}

const char *plan_vars_get(const struct plan_vars *v, const char *name, size_t n)
{
	struct build_pair *p = find(v, name, n);

	return p ? p->value : NULL;
}

bool plan_vars_has(const struct plan_vars *v, const char *name, size_t n)
{
	return find(v, name, n) != NULL;
}

void plan_vars_set(struct keep *k, struct plan_vars *v, const char *name, const char *value)
{
	struct build_pair *p = find(v, name, strlen(name));

	if (!p) {
		if (v->n == v->cap) {
			size_t cap = v->cap ? v->cap * 2 : 16;
			struct build_pair *more = keep_new_n(k, struct build_pair, cap);

			if (v->n)
				memcpy(more, v->v, v->n * sizeof(*more));
			v->v = more;
			v->cap = cap;
		}
		p = &v->v[v->n++];
		p->name = keep_str(k, name);
	}
	p->value = keep_str(k, value);
}

struct lookup {
	const struct plan_vars *vars;
	struct plan_matched matched;
	struct plan *p; /* for lint; may be NULL */
	unsigned line;
};

static const char *look_up(void *ctx, const char *name, size_t n)
{
	const struct lookup *l = ctx;

	return plan_vars_get(l->vars, name, n);
}

static const char *var_option(void *ctx, size_t i)
{
	const struct plan_vars *v = ctx;

	return i < v->n ? v->v[i].name : NULL;
}

static void note(void *ctx, const char *name, size_t n, bool found)
{
	struct lookup *l = ctx;
	mem_cleanup char *text = mem_strndup(name, n);
	const char *near;

	l->matched.found += found;
	l->matched.missing += !found;
	if (found && !strcmp(text, "TARGETPLATFORM"))
		l->matched.target_platform = true;
	if (found || !l->p || plan_vars_has(l->vars, name, n))
		return;
	near = nearest_word(text, var_option, (void *)(uintptr_t)l->vars);
	lint_add(l->p->lint, LINT_UNDEFINED_ARG_IN_FROM, l->line, "FROM argument '%s' is not declared%s%s%s", text,
		 near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

int plan_vars_expand(struct plan *p, const struct plan_vars *v, const char *text, unsigned line,
		     struct plan_matched *matched, char **ret, struct err *err)
{
	struct lookup l = {.vars = v, .p = matched ? p : NULL, .line = line};
	struct shell_word w = {.escape = p->d->escape, .lookup = look_up, .used = note, .ctx = &l};
	char *value;
	int r = shell_word_expand(&w, text, &value, err);

	if (r < 0)
		return err_wrap(err, "%s:%u", p->d->name, line);
	*ret = keep_own_str(&p->keep, value);
	if (matched)
		*matched = l.matched;
	return 0;
}

static int read_given(struct plan *p, const struct plan_options *o, struct err *err)
{
	for (char *const *v = o->build_args; v && *v; v++) {
		size_t n = strcspn(*v, "=");
		char *name = keep_strn(&p->keep, *v, n);

		if (!n || !(*v)[n])
			return err_set(err, EINVAL, "build argument \"%.100s\" is not NAME=VALUE", *v);
		plan_vars_set(&p->keep, &p->build_args, name, *v + n + 1);
	}
	return 0;
}

static int set_platform(struct plan *p, const char *prefix, const char *text, struct err *err)
{
	char *os, *arch, *variant;
	const struct {
		const char *name, *value;
	} rows[] = {{"OS", NULL}, {"ARCH", NULL}, {"VARIANT", NULL}, {"OSVERSION", ""}};
	const char *whole;

	if (!text || !plan_text_platform(&p->keep, text, &os, &arch, &variant))
		return err_set(err, EINVAL, "platform \"%.100s\" is not OS/ARCHITECTURE[/VARIANT], such as linux/arm64",
			       text ? text : "");
	whole = keep_printf(&p->keep, "%s/%s%s%s", os, arch, *variant ? "/" : "", variant);
	if (*prefix == 'T')
		p->platform = whole;
	plan_vars_set(&p->keep, &p->defaults, keep_printf(&p->keep, "%sPLATFORM", prefix), whole);
	for (size_t i = 0; i < 4; i++) {
		const char *value = i == 0 ? os : i == 1 ? arch : i == 2 ? variant : rows[i].value;

		plan_vars_set(&p->keep, &p->defaults, keep_printf(&p->keep, "%s%s", prefix, rows[i].name), value);
	}
	return 0;
}

/* The name of the last stage when no target is asked for. */
static const char *target_name(const struct plan *p, const struct plan_options *o)
{
	const char *name = "default";

	if (o->target && *o->target)
		return o->target;
	for (size_t i = 0; i < p->d->n; i++)
		if (p->d->instructions[i].kind == DOCKERFILE_FROM)
			name = p->d->instructions[i].args[1] ? p->d->instructions[i].args[2] : "default";
	return name;
}

int plan_vars_begin(struct plan *p, const struct plan_options *o, struct err *err)
{
	int r = read_given(p, o, err);

	if (r == 0)
		r = set_platform(p, "BUILD", o->build_platform, err);
	if (r == 0)
		r = set_platform(p, "TARGET", o->platform, err);
	if (r < 0)
		return r;
	plan_vars_set(&p->keep, &p->defaults, "TARGETSTAGE", target_name(p, o));
	for (size_t i = 0; i < p->defaults.n; i++) {
		const struct build_pair *d = &p->defaults.v[i];
		const char *given = plan_vars_get(&p->build_args, d->name, strlen(d->name));

		plan_vars_set(&p->keep, &p->globals, d->name, given ? given : d->value);
	}
	return 0;
}

int plan_vars_global(struct plan *p, const struct dockerfile_instruction *arg, struct err *err)
{
	for (char **v = arg->args; *v; v++) {
		size_t n = strcspn(*v, "=");
		char *name = keep_strn(&p->keep, *v, n), *value = NULL, *plain = NULL;
		const char *given = plan_vars_get(&p->build_args, name, n);
		int r = 0;

		if ((*v)[n])
			r = plan_vars_expand(p, &p->defaults, *v + n + 1, arg->line, NULL, &plain, given ? NULL : err);
		if (r == 0 && plain)
			plan_vars_set(&p->keep, &p->defaults, name, plain);
		if (given)
			value = keep_str(&p->keep, given);
		else if ((*v)[n])
			r = plan_vars_expand(p, &p->globals, *v + n + 1, arg->line, NULL, &value, err);
		if (r < 0 && !given)
			return r;
		if (value)
			plan_vars_set(&p->keep, &p->globals, name, value);
		else if (!plan_vars_has(&p->globals, name, n))
			plan_vars_set(&p->keep, &p->globals, name, NULL);
	}
	return 0;
}

int plan_vars_epoch(struct plan *p, struct err *err)
{
	static const char name[] = "SOURCE_DATE_EPOCH";
	const char *text = plan_vars_get(&p->build_args, name, strlen(name));
	char *end;
	long long n;

	if (!text)
		text = plan_vars_get(&p->globals, name, strlen(name));
	p->epoch = -1;
	if (!text || !*text)
		return 0;
	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || n > INT64_C(253402300799)) /* the year 9999 */
		return err_set(err, EINVAL, "%s=%.60s: seconds since 1970 are needed", name, text);
	p->epoch = n;
	return 0;
}
