/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/plan_impl.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/build/lint.h"
#include "node/build/nearest.h"

#include <string.h>
#include <strings.h>

static const char *stage_option(void *ctx, size_t i)
{
	const struct plan *p = ctx;

	return i < p->n_stages ? p->nodes[i]->s.name : NULL;
}

static int find_target(struct plan *p, const char *target, struct err *err)
{
	const char *near;

	p->target = (int)p->n_stages - 1;
	if (!target || !*target)
		return 0;
	for (size_t i = p->n_stages; i-- > 0;)
		if (!strcasecmp(p->nodes[i]->s.name, target)) {
			p->target = (int)i;
			return 0;
		}
	if (!target[strspn(target, "0123456789")] && strlen(target) < 7 && strtoul(target, NULL, 10) < p->n_stages) {
		p->target = (int)strtoul(target, NULL, 10);
		return 0;
	}
	near = nearest_word(target, stage_option, p);
	return err_set(err, EINVAL, "%s: there is no stage \"%.100s\" to build%s%s%s", p->d->name, target,
		       near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

int plan_new(const struct dockerfile *d, const struct plan_options *o, struct plan **ret, struct err *err)
{
	struct plan *p __attribute__((cleanup(plan_freep))) = mem_new(struct plan);
	int r = dockerfile_check(d, err);

	p->d = d;
	p->keep.limit = PLAN_BYTES_MAX;
	p->lint = o->lint;
	p->no_cache = o->no_cache;
	p->contexts = keep_strv(&p->keep, o->contexts);
	p->labels = keep_strv(&p->keep, o->labels);
	p->no_cache_stages = keep_strv(&p->keep, o->no_cache_stages);
	if (r == 0)
		r = plan_vars_begin(p, o, err);
	if (r == 0)
		r = plan_stages_read(p, err);
	if (r == 0)
		r = plan_vars_epoch(p, err);
	if (r == 0)
		r = find_target(p, o->target, err);
	if (r < 0)
		return r;
	plan_stage_mark_needed(p);
	*ret = mem_take(p);
	return 0;
}

struct plan *plan_free(struct plan *p)
{
	if (!p)
		return NULL;
	for (size_t i = 0; i < p->n_triggers; i++)
		dockerfile_free(p->triggers[i]);
	free(p->triggers);
	free(p->nodes);
	keep_free(&p->keep);
	free(p);
	return NULL;
}

int plan_next_base(const struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->nodes[i]->s.wants_base)
			return (int)i;
	return -1;
}

static void check_platform(struct plan *p, struct plan_node *n, const char *chosen)
{
	char *os, *arch, *variant, *want_os, *want_arch;

	if (!chosen || !plan_text_platform(&p->keep, chosen, &os, &arch, &variant))
		return;
	if (plan_text_platform(&p->keep, n->s.platform, &want_os, &want_arch, &variant) &&
	    (strcmp(os, want_os) != 0 || strcmp(arch, want_arch) != 0))
		lint_add(p->lint, LINT_INVALID_BASE_IMAGE_PLATFORM, n->s.line,
			 "Base image %s was pulled with platform \"%s\", expected \"%s\" for current build", n->s.base,
			 chosen, n->s.platform);
	n->s.platform = keep_str(&p->keep, chosen);
}

int plan_set_base(struct plan *p, int stage, const char *text, size_t n, const char *chosen, struct err *err)
{
	struct plan_node *node = p->nodes[stage];
	char *os, *arch, *variant;
	int r = 0;

	if (node->base_given)
		return err_set(err, EINVAL, "%s:%u: the config of %.200s was given before", p->d->name, node->s.line,
			       node->s.base);
	if (text)
		r = build_config_read(&p->keep, text, n, &node->s.base_config, err);
	if (r < 0)
		return err_wrap(err, "%s:%u: %.200s", p->d->name, node->s.line, node->s.base);
	if (text)
		check_platform(p, node, chosen);
	if (!text && plan_text_platform(&p->keep, node->s.platform, &os, &arch, &variant))
		node->s.base_config = build_config_empty(&p->keep, os, arch, variant);
	node->base_given = true;
	/* A stage that a named context replaces is that context, as it is. */
	if (!node->s.implicit && !(node->s.kind == PLAN_BASE_CONTEXT && !strcasecmp(node->s.name, node->s.base)))
		r = plan_stage_triggers(p, stage, node->s.base_config->on_build, err);
	plan_stage_mark_needed(p);
	return r;
}

static bool declares(const struct dockerfile_instruction *i, const char *name)
{
	size_t n = strlen(name);

	if (i->kind == DOCKERFILE_ONBUILD && i->trigger)
		i = i->trigger;
	for (char **v = i->args; i->kind == DOCKERFILE_ARG && *v; v++)
		if (!strncmp(*v, name, n) && (!(*v)[n] || (*v)[n] == '='))
			return true;
	return false;
}

static bool is_used(const struct plan *p, const char *name)
{
	static const char *const known[] = {"http_proxy", "https_proxy", "ftp_proxy",
					    "no_proxy",	  "all_proxy",	 "source_date_epoch"};
	/* BUILDKIT_*: for the builder, as BuildKit's users give them. */
	bool used = plan_vars_has(&p->defaults, name, strlen(name)) || !strncmp(name, "BUILDKIT_", 9);

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		used = used || !strcasecmp(known[i], name);
	for (size_t i = 0; !used && i < p->d->n; i++)
		used = declares(&p->d->instructions[i], name);
	for (size_t i = 0; !used && i < p->n_triggers; i++)
		used = declares(&p->triggers[i]->instructions[0], name);
	return used;
}

char **plan_unused_args(struct plan *p)
{
	struct keep_list names = {0};

	for (size_t i = 0; i < p->build_args.n; i++)
		if (!is_used(p, p->build_args.v[i].name))
			keep_list_add(&p->keep, &names, p->build_args.v[i].name);
	return keep_list_end(&p->keep, &names);
}

size_t plan_count(const struct plan *p)
{
	return p->n;
}

const struct plan_stage *plan_stage(const struct plan *p, int i)
{
	return &p->nodes[i]->s;
}

int plan_target(const struct plan *p)
{
	return p->target;
}

int64_t plan_epoch(const struct plan *p)
{
	return p->epoch;
}
