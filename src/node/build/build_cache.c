/* SPDX-License-Identifier: Apache-2.0
 *
 * Caches that travel: those that were named by --cache-from answer for steps that this machine has not made; --cache-to writes down, at the end,
 * what the steps of this build are. A cache that cannot be read makes the build slower, never wrong, and never fail.
 */
#include "node/build/build_impl.h"

#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/build/cache_doc.h"
#include "node/build/cache_from.h"
#include "node/image/artifact.h"
#include "node/registry/artifact.h"

#include <stdio.h>
#include <string.h>

#define INLINE_ARG "BUILDKIT_INLINE_CACHE=" /* how BuildKit was asked before it had type=inline */

int build_check_caches(const struct build_options *o, struct err *err)
{
	struct cache_option option;
	int r = 0;

	for (char *const *t = o->cache_from; r == 0 && t && *t; t++) {
		r = cache_option_parse(*t, CACHE_FROM, &option, err);
		if (r == 0)
			cache_option_free(&option);
	}
	for (char *const *t = o->cache_to; r == 0 && t && *t; t++) {
		r = cache_option_parse(*t, CACHE_TO, &option, err);
		if (r == 0)
			cache_option_free(&option);
	}
	return r;
}

static void warn(struct build *b, const struct err *err)
{
	mem_cleanup char *text = mem_printf("warning: %s; the build goes on without it", err->text);

	build_tell(b, NULL, BUILD_EVENT_NOTE, text, 0);
}

/* Where results of named images alone count: the layers of one that is here. It is not asked for elsewhere then. */
static void know_layers(struct build *b, struct cache_option *o)
{
	cleanup_with(image_info_freep) struct image_info *info = NULL;

	if (!b->o->cache_from_only || !o->plain || image_find(b->store, o->ref, &info, NULL) < 0)
		return;
	for (char **l = info->layers; l && *l; l++)
		mem_strv_add(&b->known, *l);
	o->stored = true;
}

static int open_import(struct build *b, const char *text, struct err *err)
{
	struct cache_option option;
	struct platform want;
	struct cache_from *c;
	int r = cache_option_parse(text, CACHE_FROM, &option, err);

	platform_host(&want);
	if (r == 0)
		know_layers(b, &option);
	if (r == 0 && b->o->platform)
		r = platform_parse(b->o->platform, &want, err);
	if (r == 0)
		r = cache_from_open(b->store, &option, &want, &c, err);
	if (r == 0)
		b->imports[b->n_imports++] = c;
	return r;
}

void build_open_caches(struct build *b)
{
	size_t n = mem_strv_len(b->o->cache_from);

	b->imports = mem_new_n(struct cache_from *, n + 1);
	for (size_t i = 0; i < n; i++) {
		struct err err = ERR_INIT;

		if (open_import(b, b->o->cache_from[i], &err) < 0)
			warn(b, &err);
	}
}

void build_close_caches(struct build *b)
{
	for (size_t i = 0; i < b->n_imports; i++)
		cache_from_close(b->imports[i]);
	free(b->imports);
	mem_strv_free(b->known);
}

static bool is_known(const struct build *b, const char *diff)
{
	for (char **l = b->known; l && *l; l++) {
		if (!strcmp(*l, diff))
			return true;
	}
	return false;
}

bool build_cached(struct build *b, const char *key, char ret_diff[static 65])
{
	const bool only = b->o->cache_from_only && b->o->cache_from && *b->o->cache_from;

	return cache_find(b->cache, b->lease, key, ret_diff) && (!only || is_known(b, ret_diff));
}

bool build_imported(struct build *b, const char *key, char ret_diff[static 65])
{
	for (size_t i = 0; i < b->n_imports; i++) {
		const char *diff = cache_from_find(b->imports[i], key);

		if (diff && image_lease_layer(b->lease, diff, NULL) == 1) {
			memcpy(ret_diff, diff, 65);
			cache_put_imported(b->cache, key, diff);
			return true;
		}
	}
	return false;
}

bool build_fetch_imported(struct build *b, const char *key, int out, char ret_diff[static 65])
{
	for (size_t i = 0; i < b->n_imports; i++) {
		struct err err = ERR_INIT;

		if (!cache_from_find(b->imports[i], key))
			continue;
		if (cache_from_fetch(b->imports[i], b->store, b->lease, key, &err) == 0)
			return build_imported(b, key, ret_diff);
		dprintf(out, "warning: %s; the step runs\n", err.text);
	}
	return false;
}

/* ---- export ---- */

/* A stage's own layers are the last ones, one for each of its steps. */
static bool add_stage(struct cache_doc *d, const struct build_stage *s)
{
	size_t n = mem_strv_len(s->keys), base = mem_strv_len(s->layers) - n;

	for (size_t i = 0; i < n; i++) {
		if (!cache_doc_add(d, s->keys[i], s->layers[base + i]))
			return false;
	}
	return true;
}

/* The target and the stages that it is made from. */
static bool add_target(struct build *b, struct cache_doc *d)
{
	const struct build_stage *s = &b->stages[plan_target(b->plan)];
	bool all = add_stage(d, s);

	while (s->plan->kind == PLAN_BASE_STAGE) {
		s = &b->stages[s->plan->base_stage];
		all = add_stage(d, s) && all;
	}
	return all;
}

/* The target first: what no longer fits is what is needed least. */
static bool fill(struct build *b, bool max, struct cache_doc *d)
{
	bool all = add_target(b, d);

	for (size_t i = 0; max && i < b->n_stages; i++) {
		if (b->stages[i].done)
			all = add_stage(d, &b->stages[i]) && all;
	}
	return all;
}

static bool wants_inline(const struct build *b)
{
	struct cache_option option;
	bool found = false;

	for (char *const *a = b->o->build_args; a && *a; a++)
		found = found || (!strncmp(*a, INLINE_ARG, strlen(INLINE_ARG)) &&
				  (!strcmp(*a, INLINE_ARG "1") || !strcmp(*a, INLINE_ARG "true")));
	for (char *const *t = b->o->cache_to; t && *t; t++) {
		if (cache_option_parse(*t, CACHE_TO, &option, NULL) < 0)
			continue;
		found = found || option.type == CACHE_INLINE;
		cache_option_free(&option);
	}
	return found;
}

char *build_inline_cache(struct build *b, const struct build_stage *s, char *config, size_t *inout_n)
{
	cleanup_with(cache_doc_free) struct cache_doc d = CACHE_DOC_INIT;

	if (!wants_inline(b))
		return config;
	d.layers = s->layers ? mem_strv_dup(s->layers) : NULL;
	d.n_layers = mem_strv_len(d.layers);
	(void)add_target(b, &d);
	return cache_doc_inline(&d, config, inout_n);
}

static int write_dir(struct build *b, const struct cache_option *o, const struct artifact_draft *draft, struct err *err)
{
	fd_cleanup int dir = fs_mkdirs(o->dir, 0755, err);

	return dir < 0 ? dir : artifact_write(b->store, dir, o->tag, draft, err);
}

static int export_one(struct build *b, const struct cache_option *o, struct err *err)
{
	cleanup_with(cache_doc_free) struct cache_doc d = CACHE_DOC_INIT;
	struct artifact_draft draft = {.config_type = CACHE_DOC_TYPE, .kind = o->kind, .level = o->level};
	bool all = fill(b, o->max, &d);
	char *none = NULL;
	mem_cleanup char *text = cache_doc_text(&d, &draft.n_config), *told = NULL;
	int r;

	draft.config = text;
	draft.layers = d.layers ? d.layers : &none;
	r = o->type == CACHE_LOCAL ? write_dir(b, o, &draft, err)
				   : registry_artifact_write(b->store, o->ref, &draft, err);
	if (r < 0)
		return err ? err_wrap(err, "--cache-to \"%s\"", o->name) : r;
	told = mem_printf("cache %s: %zu steps, %zu layers%s", o->name, d.n, d.n_layers,
			  all ? "" : "; the rest is more than a cache may hold");
	build_tell(b, NULL, BUILD_EVENT_NOTE, told, 0);
	return 0;
}

int build_export_caches(struct build *b, struct err *err)
{
	int r = 0;

	for (char *const *t = b->o->cache_to; r == 0 && t && *t; t++) {
		cleanup_with(cache_option_free) struct cache_option option = {.ref = NULL};
		struct err own = ERR_INIT;

		r = cache_option_parse(*t, CACHE_TO, &option, &own);
		if (r == 0 && option.type != CACHE_INLINE)
			r = export_one(b, &option, &own);
		if (r < 0 && option.ignore_error) {
			warn(b, &own);
			r = 0;
		} else if (r < 0 && err) {
			*err = own;
		}
	}
	return r;
}
