/* SPDX-License-Identifier: Apache-2.0
 *
 * From instructions to steps, stage by stage, with the variables as they are at each place. ENV wins over ARG of the same name.
 */
#include "node/build/plan_impl.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/build/lint.h"
#include "node/build/nearest.h"
#include "node/build/shell_word.h"

#include <string.h>
#include <strings.h>

#define PATH_DEFAULT "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define COMMENT "buildkit.dockerfile.v0" /* the form of the entries, by which tools know it */

static const char *look_up(void *ctx, const char *name, size_t n)
{
	const struct plan_expand *x = ctx;

	for (char **v = x->c->env; v && *v; v++)
		if (!strncmp(*v, name, n) && (*v)[n] == '=')
			return *v + n + 1;
	return plan_vars_get(&x->node->args, name, n);
}

static const char *env_option(void *ctx, size_t i)
{
	return ((char **)ctx)[i];
}

/* Told as warning: a name that neither ENV nor ARG knows, with the one that may be meant. */
static void note(void *ctx, const char *name, size_t n, bool found)
{
	struct plan_expand *x = ctx;
	mem_cleanup char *text = NULL;
	char **env, **names __attribute__((cleanup(mem_strv_freep))) = NULL;
	const char *near;

	if (found || !x->lint || plan_vars_has(&x->node->args, name, n))
		return;
	text = mem_strndup(name, n);
	env = plan_environment(x);
	for (size_t i = 0; i < 200 && env[i]; i++) {
		mem_cleanup char *one = mem_strndup(env[i], strcspn(env[i], "="));

		mem_strv_add(&names, one);
	}
	near = names ? nearest_word(text, env_option, names) : NULL;
	lint_add(x->lint, LINT_UNDEFINED_VAR, x->line, "Usage of undefined variable '$%s'%s%s%s", text,
		 near ? " (did you mean $" : "", near ? near : "", near ? "?)" : "");
}

static int check_room(struct plan_expand *x)
{
	if (keep_ok(&x->p->keep))
		return 0;
	return PLAN_ERR(x->p, x->line, x->err, E2BIG, "the instructions expand to more than %u bytes", PLAN_BYTES_MAX);
}

static int expand(struct plan_expand *x, const struct shell_word *w, const char *text, char **ret)
{
	char *value;
	int r = shell_word_expand(w, text, &value, x->err);

	if (r < 0)
		return err_wrap(x->err, "%s:%u: %s", x->p->d->name, x->line, dockerfile_kind_name(x->i->kind));
	*ret = keep_own_str(&x->p->keep, value);
	return check_room(x);
}

int plan_word(struct plan_expand *x, const char *text, char **ret)
{
	struct shell_word w = {.escape = x->p->d->escape, .lookup = look_up, .used = note, .ctx = x};

	return expand(x, &w, text, ret);
}

int plan_heredoc(struct plan_expand *x, const char *text, char **ret)
{
	struct shell_word w = {.lookup = look_up, .used = note, .ctx = x, .no_quotes = true};

	return expand(x, &w, text, ret);
}

int plan_words(struct plan_expand *x, const char *text, struct keep_list *list)
{
	struct shell_word w = {.escape = x->p->d->escape, .lookup = look_up, .used = note, .ctx = x};
	char **words __attribute__((cleanup(mem_strv_freep))) = NULL;
	int r = shell_word_split(&w, text, &words, x->err);

	if (r < 0)
		return err_wrap(x->err, "%s:%u: %s", x->p->d->name, x->line, dockerfile_kind_name(x->i->kind));
	for (char **v = words; *v; v++)
		keep_list_add(&x->p->keep, list, keep_str(&x->p->keep, *v));
	return check_room(x);
}

void plan_history(struct plan_expand *x, const char *created_by, bool empty_layer)
{
	struct build_history h = {.created_by = created_by,
				  .comment = COMMENT,
				  .empty_layer = empty_layer,
				  .stage = x->node->s.index,
				  .step = (int)(x->step - x->node->s.steps)};

	x->step->history = (int)x->c->n_history;
	build_config_add_history(&x->p->keep, x->c, &h);
}

char **plan_environment(struct plan_expand *x)
{
	struct keep_list env = {0};
	struct keep *k = &x->p->keep;

	for (char **v = x->c->env; v && *v; v++)
		keep_list_add(k, &env, *v);
	for (size_t i = 0; i < x->node->args.n; i++) {
		const struct build_pair *a = &x->node->args.v[i];

		if (a->value && !build_config_env(x->c, a->name))
			keep_list_add(k, &env, keep_printf(k, "%s=%s", a->name, a->value));
	}
	return keep_list_end(k, &env);
}

char **plan_shell(struct plan_expand *x, char *const *args)
{
	static char sh[] = "/bin/sh", option[] = "-c";
	char *standard[] = {sh, option, NULL};
	struct keep_list argv = {0};
	struct keep *k = &x->p->keep;

	for (char **v = x->c->shell && x->c->shell[0] ? x->c->shell : standard; *v; v++)
		keep_list_add(k, &argv, keep_str(k, *v));
	keep_list_add(k, &argv, plan_text_join(k, args));
	return argv.v;
}

/* The instruction with its variables, as it is shown; what cannot be expanded so is shown as written. */
static const char *display(struct plan_expand *x)
{
	struct shell_word w = {.escape = x->p->d->escape,
			       .lookup = look_up,
			       .ctx = x,
			       .raw_quotes = true,
			       .raw_escapes = true,
			       .keep_unset = true};
	const char *rest = x->i->original + strlen(x->i->name);
	mem_cleanup char *text = NULL;

	if (shell_word_expand(&w, rest, &text, NULL) == 0)
		rest = text;
	return keep_printf(&x->p->keep, "%s%.4096s", dockerfile_kind_name(x->i->kind), rest);
}

static bool without_cache(const struct plan *p, const struct plan_stage *s)
{
	if (p->no_cache)
		return true;
	for (char **v = p->no_cache_stages; *v; v++)
		if (!**v || !strcasecmp(*v, s->name) || !strcasecmp(*v, s->label))
			return true;
	return false;
}

static int one_step(struct plan_expand *x)
{
	struct plan_step *step = x->step;
	int r;

	if (++x->p->n_steps > PLAN_STEPS_MAX)
		return PLAN_ERR(x->p, x->line, x->err, E2BIG, "more than %u steps", PLAN_STEPS_MAX);
	step->name = dockerfile_kind_name(x->i->kind);
	step->text = display(x);
	step->line = x->line;
	step->end_line = step->on_build ? x->line : x->i->end_line;
	step->history = -1;
	step->no_cache = without_cache(x->p, &x->node->s);
	step->user = x->c->user ? x->c->user : "";
	step->workdir = x->c->working_dir ? x->c->working_dir : "/";
	if (x->i->kind == DOCKERFILE_RUN)
		r = plan_run_step(x);
	else if (x->i->kind == DOCKERFILE_COPY || x->i->kind == DOCKERFILE_ADD)
		r = plan_copy_step(x);
	else
		r = plan_config_step(x);
	return r < 0 ? r : check_room(x);
}

static void number_steps(struct plan_stage *s)
{
	int total = s->kind == PLAN_BASE_IMAGE || s->kind == PLAN_BASE_CONTEXT, number = total;

	for (size_t i = 0; i < s->n_steps; i++)
		total += s->steps[i].kind != STEP_CONFIG;
	for (size_t i = 0; i < s->n_steps; i++) {
		s->steps[i].total = total;
		if (s->steps[i].kind != STEP_CONFIG)
			s->steps[i].number = ++number;
	}
}

/* What a stage starts with. */
static struct build_config *start_config(struct plan *p, struct plan_node *n)
{
	struct build_config *c;
	char *os, *arch, *variant;
	struct keep_list env = {0};

	if (n->s.kind == PLAN_BASE_STAGE) {
		const struct plan_node *b = p->nodes[n->s.base_stage];

		n->s.platform = b->s.platform;
		n->s.base_config = b->s.config;
		n->workdir_set = b->workdir_set;
		for (size_t i = 0; i < b->args.n; i++)
			plan_vars_set(&p->keep, &n->args, b->args.v[i].name, b->args.v[i].value);
	} else if (n->s.kind == PLAN_BASE_SCRATCH) {
		(void)plan_text_platform(&p->keep, n->s.platform, &os, &arch, &variant);
		n->s.base_config = build_config_empty(&p->keep, os, arch, variant);
	}
	c = build_config_dup(&p->keep, n->s.base_config);
	c->on_build = NULL;
	c->created = NULL;
	if (n->s.implicit)
		return c;
	if (!build_config_env(c, "PATH")) {
		for (char **v = c->env; v && *v; v++)
			keep_list_add(&p->keep, &env, *v);
		keep_list_add(&p->keep, &env, keep_str(&p->keep, PATH_DEFAULT));
		c->env = env.v;
	}
	if (c->working_dir)
		c->working_dir = plan_text_path(&p->keep, "/", c->working_dir);
	return c;
}

static int expand_stage(struct plan *p, struct plan_node *n, struct err *err)
{
	struct plan_expand x = {.p = p, .node = n, .err = err};
	int r = 0;

	if (n->expanded || !n->s.needed)
		return 0;
	if (n->s.wants_base)
		return PLAN_ERR(p, n->s.line, err, EINVAL, "the config of %.200s is not known", n->s.base);
	n->s.config = x.c = start_config(p, n);
	n->s.steps = keep_new_n(&p->keep, struct plan_step, n->n_todo);
	for (size_t i = 0; r == 0 && i < n->n_todo; i++) {
		bool trigger = i < n->n_triggers;

		x.i = n->todo[i];
		x.line = trigger ? n->s.line : x.i->line;
		x.lint = trigger ? NULL : p->lint;
		x.step = &n->s.steps[n->s.n_steps++];
		x.step->on_build = trigger;
		lint_at(x.lint, x.i);
		r = one_step(&x);
	}
	lint_at(p->lint, NULL);
	number_steps(&n->s);
	n->expanded = r == 0;
	return r;
}

int plan_expand(struct plan *p, struct err *err)
{
	struct build_config *c;
	int r = 0;

	for (size_t i = p->n_stages; r == 0 && i < p->n; i++)
		r = expand_stage(p, p->nodes[i], err);
	for (size_t i = 0; r == 0 && i < p->n_stages; i++)
		r = expand_stage(p, p->nodes[i], err);
	if (r < 0)
		return r;
	c = p->nodes[p->target]->s.config;
	for (char **v = p->labels; *v; v++) {
		size_t n = strcspn(*v, "=");

		build_config_set_pair(&p->keep, &c->labels, &c->n_labels, keep_strn(&p->keep, *v, n),
				      (*v)[n] ? *v + n + 1 : "");
	}
	return 0;
}
