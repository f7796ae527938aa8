/* SPDX-License-Identifier: Apache-2.0
 *
 * What a step reads, and the keys that follow from it. The key of the cache is the one of key.h and the layers below: its record answers for
 * this very root, so a step that was made again with another result has no stale children.
 */
#include "node/build/build_impl.h"

#include "base/core/mem.h"
#include "base/core/sha256.h"
#include "node/build/content.h"
#include "node/build/ignore.h"
#include "node/build/outside.h"

#include <stdio.h>
#include <string.h>

#define CONTEXT_PATHS 200

static bool from_ready(const struct build *b, int from)
{
	return from < 0 || b->stages[from].done;
}

bool build_inputs_ready(const struct build *b, const struct plan_step *step)
{
	if (step->kind == STEP_COPY || step->kind == STEP_ADD)
		return from_ready(b, step->copy->from);
	for (size_t i = 0; step->kind == STEP_RUN && i < step->run->n_mounts; i++) {
		const struct step_mount *m = &step->run->mounts[i];

		if ((m->type == STEP_MOUNT_BIND || m->type == STEP_MOUNT_CACHE) && !from_ready(b, m->from))
			return false;
	}
	return true;
}

int build_inputs_look(struct build *b, const struct plan_step *step, struct err *err)
{
	int ready = 1;

	for (char **s = step->kind == STEP_ADD ? step->copy->sources : NULL; s && *s; s++) {
		int r = outside_is(*s) ? outside_look(b->outside, *s, step->copy, err) : 1;

		if (r < 0)
			return r;
		ready = ready && r;
	}
	return ready;
}

/* ---- what the context must have ---- */

/* False: all of it may be needed. */
static bool add_path(char ***paths, const char *path)
{
	path += strspn(path, "./");
	if (!*path || strpbrk(path, "*?[\\") || strstr(path, "..") || mem_strv_len(*paths) >= CONTEXT_PATHS)
		return false;
	mem_strv_add(paths, path);
	return true;
}

static bool add_copy(char ***paths, const struct step_copy *c)
{
	for (char **s = c->from == STEP_FROM_CONTEXT ? c->sources : NULL; s && *s; s++) {
		if (!outside_is(*s) && !add_path(paths, *s))
			return false;
	}
	return true;
}

static bool add_mounts(char ***paths, const struct step_run *run)
{
	for (size_t i = 0; i < run->n_mounts; i++) {
		const struct step_mount *m = &run->mounts[i];

		if ((m->type == STEP_MOUNT_BIND || m->type == STEP_MOUNT_CACHE) && m->from == STEP_FROM_CONTEXT &&
		    !add_path(paths, m->source))
			return false;
	}
	return true;
}

static bool add_stage(char ***paths, const struct plan_stage *s)
{
	for (size_t i = 0; s->needed && i < s->n_steps; i++) {
		const struct plan_step *step = &s->steps[i];

		if ((step->kind == STEP_COPY || step->kind == STEP_ADD) && !add_copy(paths, step->copy))
			return false;
		if (step->kind == STEP_RUN && !add_mounts(paths, step->run))
			return false;
	}
	return true;
}

/* From the client comes what some step of this build reads. */
static int load_context(struct build *b, struct err *err)
{
	cleanup_with(mem_strv_freep) char **paths = NULL;
	bool some = true;

	for (size_t i = 0; some && i < b->n_stages; i++)
		some = add_stage(&paths, b->stages[i].plan);
	return context_load(&b->context, some ? paths : NULL, err);
}

int build_tree(struct build *b, int from, struct source_tree *ret, struct snapshot_root *root, struct err *err)
{
	struct build_stage *s = from >= 0 ? &b->stages[from] : NULL;
	int r;

	if (from == STEP_FROM_CONTEXT && b->context.client && b->context.tree.root < 0) {
		r = load_context(b, err);
		if (r < 0)
			return r;
	}
	if (!s || s->context.tree.root >= 0) {
		*ret = s ? s->context.tree : b->context.tree;
		return 0;
	}
	r = snapshot_root_open(b->store, s->layers, root, err);
	*ret = (struct source_tree){.root = root->view, .what = s->what};
	return r;
}

char *build_escape(const char *path)
{
	char *out = mem_zalloc(2, strlen(path) + 1), *p = out;

	for (; *path; path++) {
		if (strchr("*?[\\", *path))
			*p++ = '\\';
		*p++ = *path;
	}
	return out;
}

static void add_layers(struct sha256 *sha, char *const *layers)
{
	for (; layers && *layers; layers++) {
		sha256_add(sha, *layers, strlen(*layers));
		sha256_add(sha, "\n", 1);
	}
}

struct input {
	int from;
	const char *pattern;
	char *const *exclude;
	bool owners;
};

/* The name under which a digest of files in layers is kept: all that it depends on. */
static void content_key(const struct build_stage *s, const struct input *in, char ret[static SHA256_HEX_MAX])
{
	struct sha256 sha;

	sha256_init(&sha);
	sha256_add(&sha, in->owners ? "o" : "-", 1);
	sha256_add(&sha, in->pattern, strlen(in->pattern) + 1);
	for (char *const *e = in->exclude; e && *e; e++)
		sha256_add(&sha, *e, strlen(*e) + 1);
	sha256_add(&sha, "\n", 1);
	add_layers(&sha, s->layers);
	sha256_hex(&sha, ret);
}

static int digest(struct build *b, const struct input *in, char ret[static SHA256_HEX_MAX], struct err *err)
{
	cleanup_with(snapshot_root_close) struct snapshot_root root = SNAPSHOT_ROOT_NULL;
	cleanup_with(source_list_free) struct source_list list = SOURCE_LIST_INIT;
	cleanup_with(ignore_freep) struct ignore *exclude = NULL;
	const struct build_stage *s = in->from >= 0 ? &b->stages[in->from] : NULL;
	bool layers = s && s->context.tree.root < 0;
	char name[SHA256_HEX_MAX];
	struct source_tree tree;
	int r;

	if (layers)
		content_key(s, in, name);
	if (layers && cache_content_find(b->cache, name, ret))
		return 0;
	r = build_tree(b, in->from, &tree, &root, err);
	if (r == 0 && in->exclude && *in->exclude)
		r = ignore_new(in->exclude, &exclude, err);
	if (r == 0)
		r = source_find(&tree, in->pattern, &list, err);
	if (r == 0)
		r = content_digest(&tree, &list, exclude, in->owners, layers ? NULL : b->digests, ret, err);
	if (r == 0 && layers)
		cache_content_put(b->cache, name, ret);
	return r;
}

static int copy_digest(struct build *b, const struct plan_step *step, size_t source, char ret[static SHA256_HEX_MAX],
		       struct err *err)
{
	const struct step_copy *c = step->copy;
	const char *pattern = c->sources[source];
	bool context = c->from < 0 || b->stages[c->from].context.tree.root >= 0;
	const struct input in = {
	    .from = c->from, .pattern = pattern, .exclude = c->exclude, .owners = !context && !c->chown};

	if (step->kind == STEP_ADD && outside_is(pattern))
		return outside_digest(b->outside, pattern, c, ret, err);
	return digest(b, &in, ret, err);
}

static int mount_digest(struct build *b, const struct plan_step *step, size_t mount, char ret[static SHA256_HEX_MAX],
			struct err *err)
{
	const struct step_mount *m = &step->run->mounts[mount];
	mem_cleanup char *pattern = build_escape(m->source);
	const struct input in = {.from = m->from, .pattern = pattern, .owners = true};

	return digest(b, &in, ret, err);
}

/* What key.h leaves to us: the layers below (but of a --link), and the time that clamps all others. */
static void record_key(const struct build *b, const struct build_stage *s, const struct plan_step *step,
		       const struct key *key, char ret[static 65])
{
	bool link = (step->kind == STEP_COPY || step->kind == STEP_ADD) && step->copy->link;
	struct sha256 sha;
	char epoch[32];
	int n = snprintf(epoch, sizeof epoch, "\n%lld\n", (long long)b->epoch);

	sha256_init(&sha);
	sha256_add(&sha, key->hex, strlen(key->hex));
	sha256_add(&sha, epoch, (size_t)n);
	if (!link)
		add_layers(&sha, s->layers);
	sha256_hex(&sha, ret);
}

int build_step_key(struct build *b, struct build_stage *s, const struct plan_step *step, struct key *ret_next,
		   char ret[static 65], struct err *err)
{
	size_t n = key_inputs(step);
	mem_cleanup char(*hex)[SHA256_HEX_MAX] = mem_zalloc(n + 1, SHA256_HEX_MAX);
	mem_cleanup struct key_content *contents = mem_new_n(struct key_content, n + 1);
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		size_t at = key_input(step, i);

		r = step->kind == STEP_RUN ? mount_digest(b, step, at, hex[i], err)
					   : copy_digest(b, step, at, hex[i], err);
		contents[i].digest = hex[i];
	}
	if (r < 0)
		return r;
	key_step(&s->key, step, contents, n, ret_next);
	record_key(b, s, step, ret_next, ret);
	key_next(&s->key, step, ret_next, ret_next);
	return 0;
}
