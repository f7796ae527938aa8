/* SPDX-License-Identifier: Apache-2.0
 *
 * The stages and the edges between them. An edge leads to an earlier stage or to an implicit one, so the order of the stages is an order
 * in which they can be built, and there are no circles.
 */
#include "node/build/plan_impl.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/build/lint.h"

#include <string.h>
#include <strings.h>

static bool is_number(const char *s)
{
	return *s && !s[strspn(s, "0123456789")] && strlen(s) < 7;
}

static struct plan_node *add_node(struct plan *p)
{
	struct plan_node *n = keep_new(&p->keep, struct plan_node);

	mem_grow(&p->nodes, &p->cap, p->n);
	n->s =
	    (struct plan_stage){.index = (int)p->n, .name = "", .base = "", .base_stage = -1, .platform = p->platform};
	p->nodes[p->n++] = n;
	return n;
}

static const char *lower(struct plan *p, const char *name)
{
	char *s = keep_str(&p->keep, name);

	for (char *c = s; *c; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
	return s;
}

/* The last stage before `end` with the name, or -1. */
static int stage_by_name(const struct plan *p, const char *name, size_t end)
{
	for (size_t i = end; i-- > 0;)
		if (*p->nodes[i]->s.name && !strcasecmp(p->nodes[i]->s.name, name))
			return (int)i;
	return -1;
}

/* The named context that a name means; "alpine" and "alpine:latest" are the same. */
static const char *context_by_name(const struct plan *p, const char *name)
{
	size_t n = strlen(name);

	if (!strcasecmp(name, "scratch") || !strcasecmp(name, "context"))
		return NULL;
	if (n > 7 && !strcmp(name + n - 7, ":latest"))
		n -= 7;
	for (char **v = p->contexts; *v; v++) {
		size_t m = strlen(*v);

		if (m > 7 && !strcmp(*v + m - 7, ":latest"))
			m -= 7;
		if (m == n && !strncasecmp(*v, name, n))
			return *v;
	}
	return NULL;
}

/* What may stand between "FROM" and "AS": enough of the grammar of references to tell a slip. */
static bool reference_like(const char *s)
{
	const char *tag = strrchr(s, ':'), *slash = strrchr(s, '/'), *end = s + strlen(s);
	static const char path[] = "abcdefghijklmnopqrstuvwxyz0123456789._-/";
	const char *at = strchr(s, '@');

	if (at)
		return at > s && strchr(at, ':');
	if (tag && (!slash || tag > slash)) {
		if (!tag[1] || strlen(tag + 1) > 128 ||
		    tag[1 + strspn(tag + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")])
			return false;
		end = tag;
	}
	if (end == s || end[-1] == '/' || *s == '/')
		return false;
	/* The part before the first slash may be a host, with a port and capitals. */
	slash = memchr(s, '/', (size_t)(end - s));
	return !slash || strspn(slash + 1, path) >= (size_t)(end - slash - 1)
		   ? (slash || strspn(s, path) >= (size_t)(end - s))
		   : false;
}

static int set_base(struct plan *p, struct plan_node *n, const char *base, struct err *err)
{
	const char *context;

	if (!*base)
		return PLAN_ERR(p, n->s.line, err, EINVAL, "%s",
				"FROM: the name of the image is empty; give the ARG in it a value");
	if (strlen(base) > 1024 || base[strcspn(base, " \t\r\n")])
		return PLAN_ERR(p, n->s.line, err, EINVAL, "FROM: \"%.100s\" is no name of an image", base);
	n->s.base_stage = stage_by_name(p, base, p->n - 1);
	context = context_by_name(p, base);
	if (n->s.base_stage >= 0) {
		n->s.kind = PLAN_BASE_STAGE;
		n->s.platform = p->nodes[n->s.base_stage]->s.platform;
	} else if (!strcasecmp(base, "scratch")) {
		n->s.kind = PLAN_BASE_SCRATCH;
	} else {
		n->s.kind = context ? PLAN_BASE_CONTEXT : PLAN_BASE_IMAGE;
		n->s.base = keep_str(&p->keep, context ? context : base);
	}
	return 0;
}

static void lint_platform(struct plan *p, const struct plan_node *n, const char *flag, const struct plan_matched *m,
			  const char *value, const char *os, const char *arch)
{
	if (m->found == 1 && !m->missing && m->target_platform && !strcmp(value, p->platform))
		lint_add(p->lint, LINT_REDUNDANT_TARGET_PLATFORM, n->s.line,
			 "Setting platform to predefined %s in FROM is redundant as this is the default behavior",
			 flag);
	if (!m->found && !m->missing && !strstr(n->s.name, os) && !strstr(n->s.name, arch))
		lint_add(p->lint, LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED, n->s.line,
			 "FROM --platform flag should not use constant value \"%s\"", value);
}

static int set_platform(struct plan *p, struct plan_node *n, const char *flag, struct err *err)
{
	char *value, *os, *arch, *variant;
	struct plan_matched m = {0};
	int r = plan_vars_expand(p, &p->globals, flag, n->s.line, &m, &value, err);

	if (r < 0)
		return r;
	if (!plan_text_platform(&p->keep, value, &os, &arch, &variant))
		return PLAN_ERR(
		    p, n->s.line, err, EINVAL,
		    "FROM --platform=%.100s: \"%.100s\" is not OS/ARCHITECTURE[/VARIANT], such as linux/arm64", flag,
		    value);
	lint_platform(p, n, flag, &m, value, os, arch);
	n->s.platform = keep_printf(&p->keep, "%s/%s%s%s", os, arch, *variant ? "/" : "", variant);
	return 0;
}

static int add_stage(struct plan *p, const struct dockerfile_instruction *i, struct err *err)
{
	struct plan_node *n = add_node(p);
	const char *platform = dockerfile_flag(i, "platform"), *context;
	struct plan_matched m = {0};
	char *base, *plain = NULL;
	int r;

	if (p->n > PLAN_STAGES_MAX)
		return PLAN_ERR(p, i->line, err, E2BIG, "more than %u stages", PLAN_STAGES_MAX);
	lint_at(p->lint, i);
	n->s.line = i->line;
	n->s.name = i->args[1] ? lower(p, i->args[2]) : "";
	n->s.label = *n->s.name ? n->s.name : keep_printf(&p->keep, "stage-%d", n->s.index);
	r = plan_vars_expand(p, &p->globals, i->args[0], i->line, &m, &base, err);
	if (r == 0 && plan_vars_expand(p, &p->defaults, i->args[0], i->line, NULL, &plain, NULL) == 0 &&
	    !reference_like(plain))
		lint_add(p->lint, LINT_INVALID_DEFAULT_ARG_IN_FROM, i->line,
			 "Default value for ARG %s results in empty or invalid base image name", i->args[0]);
	if (r == 0)
		r = set_base(p, n, base, err);
	if (r == 0 && platform)
		r = set_platform(p, n, platform, err);
	context = *n->s.name ? context_by_name(p, n->s.name) : NULL;
	if (r < 0 || !context)
		return r;
	n->s.kind = PLAN_BASE_CONTEXT; /* --build-context with the name of a stage takes its place */
	n->s.base = keep_str(&p->keep, context);
	n->s.base_stage = -1;
	return 0;
}

/* Its instructions, behind the triggers of the stage that it is based on. */
static void set_todo(struct plan *p, struct plan_node *n, size_t first, size_t end)
{
	const struct dockerfile *d = p->d;
	size_t triggers = 0;

	if (n->s.kind == PLAN_BASE_CONTEXT && *n->s.name && context_by_name(p, n->s.name))
		return;
	if (n->s.kind == PLAN_BASE_STAGE) {
		const struct plan_node *b = p->nodes[n->s.base_stage];

		n->todo = keep_new_n(&p->keep, const struct dockerfile_instruction *, b->n_todo + end - first);
		for (size_t i = b->n_triggers; i < b->n_todo; i++)
			if (b->todo[i]->kind == DOCKERFILE_ONBUILD)
				n->todo[triggers++] = b->todo[i]->trigger;
	} else {
		n->todo = keep_new_n(&p->keep, const struct dockerfile_instruction *, end - first);
	}
	n->n_triggers = triggers;
	n->n_todo = triggers;
	for (size_t i = first; i < end; i++)
		n->todo[n->n_todo++] = &d->instructions[i];
}

int plan_stages_read(struct plan *p, struct err *err)
{
	const struct dockerfile *d = p->d;
	size_t i = 0;
	int r = 0;

	for (; i < d->n && d->instructions[i].kind == DOCKERFILE_ARG && r == 0; i++)
		r = plan_vars_global(p, &d->instructions[i], err);
	while (r == 0 && i < d->n) {
		size_t first = i + 1, end = first;

		while (end < d->n && d->instructions[end].kind != DOCKERFILE_FROM)
			end++;
		r = add_stage(p, &d->instructions[i], err);
		if (r == 0)
			set_todo(p, p->nodes[p->n - 1], first, end);
		i = end;
	}
	lint_at(p->lint, NULL);
	p->n_stages = p->n;
	for (size_t k = 0; r == 0 && k < p->n_stages; k++)
		for (i = 0; r == 0 && i < p->nodes[k]->n_todo; i++)
			r = plan_stage_link(
			    p, (int)k, p->nodes[k]->todo[i],
			    i < p->nodes[k]->n_triggers ? p->nodes[k]->s.line : p->nodes[k]->todo[i]->line, err);
	return r;
}

static int find_implicit(struct plan *p, const char *name, unsigned line, int *ret, struct err *err)
{
	const char *context = context_by_name(p, name), *base = context ? context : name;
	enum plan_base kind = context ? PLAN_BASE_CONTEXT : PLAN_BASE_IMAGE;
	struct plan_node *n;

	for (size_t i = p->n_stages; i < p->n; i++)
		if (p->nodes[i]->s.kind == kind && !strcmp(p->nodes[i]->s.base, base)) {
			*ret = (int)i;
			return 0;
		}
	if (p->n - p->n_stages >= PLAN_STAGES_MAX)
		return PLAN_ERR(p, line, err, E2BIG, "more than %u images are copied from", PLAN_STAGES_MAX);
	n = add_node(p);
	n->s.kind = kind;
	n->s.base = keep_str(&p->keep, base);
	n->s.label = n->s.base;
	n->s.implicit = true;
	n->s.line = line;
	*ret = n->s.index;
	return 0;
}

int plan_stage_find(struct plan *p, int self, const char *name, unsigned line, int *ret, struct err *err)
{
	const char *dollar = strchr(name, '$');
	int later;

	if (!*name || strlen(name) > 1024 || name[strcspn(name, " \t\r\n")])
		return PLAN_ERR(p, line, err, EINVAL, "from=\"%.100s\": a stage, an image or a named context is needed",
				name);
	if (dollar && dollar[1])
		return PLAN_ERR(
		    p, line, err, EINVAL,
		    "from=%.100s: variables are not possible here; add a stage with FROM %.100s AS NAME and use NAME",
		    name, name);
	if (!strcasecmp(name, "scratch")) {
		*ret = STEP_FROM_NOTHING;
		return 0;
	}
	if (is_number(name)) {
		*ret = (int)strtol(name, NULL, 10);
		if (*ret < self)
			return 0;
		return PLAN_ERR(p, line, err, EINVAL,
				"from=%s: this stage has the number %d, and only earlier ones can be read", name, self);
	}
	*ret = stage_by_name(p, name, (size_t)self);
	if (*ret >= 0)
		return 0;
	later = stage_by_name(p, name, p->n_stages);
	if (later >= 0)
		return PLAN_ERR(p, line, err, EINVAL, "from=%s: the stage %s %s", name, name,
				later == self ? "cannot read itself" : "stands behind this one; move it up");
	return find_implicit(p, name, line, ret, err);
}

static void add_dep(struct plan *p, struct plan_node *n, int dep)
{
	for (size_t i = 0; i < n->s.n_deps; i++)
		if (n->s.deps[i] == dep)
			return;
	if (dep < 0)
		return;
	if (n->s.n_deps == n->cap_deps) {
		size_t cap = n->cap_deps ? n->cap_deps * 2 : 4;
		int *deps = keep_new_n(&p->keep, int, cap);

		if (n->s.n_deps)
			memcpy(deps, n->s.deps, n->s.n_deps * sizeof(*deps));
		n->s.deps = deps;
		n->cap_deps = cap;
	}
	n->s.deps[n->s.n_deps++] = dep;
}

int plan_stage_link(struct plan *p, int self, const struct dockerfile_instruction *i, unsigned line, struct err *err)
{
	const char *from = i->kind == DOCKERFILE_COPY ? dockerfile_flag(i, "from") : NULL, *mount;
	struct plan_node *n = p->nodes[self];
	size_t at = 0;
	int dep = -1, r;

	if (from) {
		r = plan_stage_find(p, self, from, line, &dep, err);
		if (r < 0)
			return r;
		add_dep(p, n, dep);
	}
	while (i->kind == DOCKERFILE_RUN && (mount = dockerfile_flag_next(i, "mount", &at)) != NULL) {
		char *name = NULL;

		r = plan_mount_from(p, mount, line, &name, err);
		if (r == 0 && name)
			r = plan_stage_find(p, self, name, line, &dep, err);
		if (r < 0)
			return r;
		if (name)
			add_dep(p, n, dep);
	}
	return 0;
}

static int read_trigger(struct plan *p, struct plan_node *n, const char *text,
			const struct dockerfile_instruction **ret, struct err *err)
{
	mem_cleanup char *name = mem_printf("%s:%u: ONBUILD of %.200s", p->d->name, n->s.line, n->s.base);
	struct dockerfile *d __attribute__((cleanup(dockerfile_freep))) = NULL;
	int r = dockerfile_parse(text, strlen(text), name, &d, err);

	if (r < 0)
		return r;
	r = dockerfile_check_one(d, &d->instructions[0], err);
	if (r < 0)
		return r;
	if (d->n != 1 || d->instructions[0].kind == DOCKERFILE_ONBUILD || d->instructions[0].kind == DOCKERFILE_FROM ||
	    d->instructions[0].kind == DOCKERFILE_MAINTAINER)
		return err_set(err, EINVAL, "%s: \"%.100s\" is not one instruction that may be a trigger", name, text);
	*ret = &d->instructions[0];
	mem_grow(&p->triggers, &p->cap_triggers, p->n_triggers);
	p->triggers[p->n_triggers++] = mem_take(d);
	return 0;
}

int plan_stage_triggers(struct plan *p, int self, char *const *texts, struct err *err)
{
	struct plan_node *n = p->nodes[self];
	size_t count = mem_strv_len(texts);
	const struct dockerfile_instruction **todo;

	if (count > 1000)
		return PLAN_ERR(p, n->s.line, err, E2BIG, "%.200s has more than 1000 ONBUILD triggers", n->s.base);
	todo = keep_new_n(&p->keep, const struct dockerfile_instruction *, count + n->n_todo);
	for (size_t i = 0; i < count; i++) {
		int r = read_trigger(p, n, texts[i], &todo[i], err);

		if (r == 0)
			r = plan_stage_link(p, self, todo[i], n->s.line, err);
		if (r < 0)
			return r;
	}
	if (n->n_todo)
		memcpy(todo + count, n->todo, n->n_todo * sizeof(*todo));
	n->todo = todo;
	n->n_todo += count;
	n->n_triggers = count;
	return 0;
}

static void mark(struct plan *p, int i)
{
	struct plan_stage *s = &p->nodes[i]->s;

	s->needed = true;
	s->wants_base = !p->nodes[i]->base_given && (s->kind == PLAN_BASE_IMAGE || s->kind == PLAN_BASE_CONTEXT);
}

void plan_stage_mark_needed(struct plan *p)
{
	mark(p, p->target);
	for (int i = p->target; i >= 0; i--) {
		const struct plan_stage *s = &p->nodes[i]->s;

		if (!s->needed)
			continue;
		if (s->base_stage >= 0)
			mark(p, s->base_stage);
		for (size_t k = 0; k < s->n_deps; k++)
			mark(p, s->deps[k]);
	}
	for (size_t i = 0; i < p->n; i++)
		if (p->nodes[i]->s.needed)
			mark(p, (int)i);
}
