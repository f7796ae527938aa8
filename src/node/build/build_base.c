/* SPDX-License-Identifier: Apache-2.0
 *
 * Bases of stages: images of the store (fetched when they are not there) and named contexts.
 */
#include "node/build/build_impl.h"

#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/image/blob.h"
#include "node/image/load.h"
#include "node/image/platform.h"

#include <fcntl.h>
#include <string.h>

#define CONTEXT_IMAGE "docker-image://"
#define CONTEXT_LAYOUT "oci-layout://"

/* The value of NAME=VALUE for a name, without tag ":latest"; NULL. */
static const char *named_context(const struct build *b, const char *name)
{
	size_t n = strlen(name);

	for (char *const *c = b->o->contexts; c && *c; c++) {
		if (!strncasecmp(*c, name, n) && (*c)[n] == '=')
			return *c + n + 1;
	}
	return NULL;
}

static int find_image(struct build *b, const char *ref, const char *platform, struct image_info **ret, struct err *err)
{
	int r = b->o->pull && b->o->fetch ? b->o->fetch(b->o->fetch_ctx, b->store, ref, platform, err) : 0;

	if (r < 0)
		return r;
	r = image_find(b->store, ref, ret, err);
	if (r != -ENOENT || !b->o->fetch || b->o->pull)
		return r;
	err_clear(err);
	r = b->o->fetch(b->o->fetch_ctx, b->store, ref, platform, err);
	return r < 0 ? r : image_find(b->store, ref, ret, err);
}

static int check_platform(const struct image_info *i, const char *ref, const char *want_text, struct err *err)
{
	struct platform want, have;
	int r = platform_parse(want_text, &want, err);

	if (r == 0 && i->platform && platform_parse(i->platform, &have, NULL) == 0 && !platform_match(&want, &have))
		return err_set(err, EINVAL,
			       "image \"%s\" is for %s, not for %s; choose another image, or --platform=%s on its FROM",
			       ref, i->platform, want_text, i->platform);
	return r;
}

/* s->image is found. */
static int use_found(struct build *b, struct build_stage *s, const char *ref, struct err *err)
{
	mem_cleanup char *config = NULL;
	size_t n;
	int r = check_platform(s->image, ref, s->plan->platform, err);

	if (r == 0)
		r = image_lease_image(b->lease, s->image, err);
	if (r >= 0)
		r = image_blob_read(b->store, s->image->id + 7, BUILD_CONFIG_BYTES_MAX, &config, &n, err);
	return r < 0 ? r : plan_set_base(b->plan, s->index, config, n, s->image->platform, err);
}

static int use_image(struct build *b, struct build_stage *s, const char *ref, struct err *err)
{
	int r = find_image(b, ref, s->plan->platform, &s->image, err);

	return r < 0 ? r : use_found(b, s, ref, err);
}

/* "DIR", "DIR:TAG", "DIR@sha256:HEX" */
static char *split_layout(const char *text, const char **ret_reference)
{
	const char *at = strchr(text, '@'), *slash = strrchr(text, '/'), *colon = strrchr(text, ':');

	if (!at && colon && (!slash || colon > slash))
		at = colon;
	*ret_reference = at ? at + 1 : "";
	return at ? mem_strndup(text, (size_t)(at - text)) : mem_strdup(text);
}

/* The image comes into the store, without a name. */
static int use_layout(struct build *b, struct build_stage *s, const char *text, struct err *err)
{
	const char *reference;
	mem_cleanup char *path = split_layout(text, &reference);
	cleanup_with(image_loads_free) struct image_loads loads = {.n = 0};
	fd_cleanup int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct platform platform;
	const struct image_load_options o = {.pick = reference, .platform = &platform};
	int r;

	if (dir < 0)
		return err_sys(err, errno, "open the OCI layout \"%s\"", path);
	r = platform_parse(s->plan->platform, &platform, err);
	if (r == 0)
		r = image_load(b->store, dir, &o, &loads, err);
	if (r < 0)
		return err ? err_wrap(err, "OCI layout \"%s\"", path) : r;
	if (loads.n == 0)
		return err_set(err, ENOENT, "OCI layout \"%s\" has no image", path);
	r = image_find(b->store, loads.v[0].id, &s->image, err);
	return r < 0 ? r : use_found(b, s, text, err);
}

static int use_context(struct build *b, struct build_stage *s, struct err *err)
{
	const char *value = named_context(b, s->plan->base);
	struct context_from from = {.stdin_fd = -1, .client = b->o->client};
	int r;

	if (!value)
		return err_set(err, EINVAL, "there is no build context named \"%s\"", s->plan->base);
	if (!strncmp(value, CONTEXT_IMAGE, strlen(CONTEXT_IMAGE)))
		return use_image(b, s, value + strlen(CONTEXT_IMAGE), err);
	if (!b->o->client && !strncmp(value, CONTEXT_LAYOUT, strlen(CONTEXT_LAYOUT)))
		return use_layout(b, s, value + strlen(CONTEXT_LAYOUT), err);
	from.path = value;
	from.outside = b->outside;
	from.cache = b->cache;
	r = context_open_named(s->plan->base, &from, b->lease, &s->context, err);
	return r < 0 ? r : plan_set_base(b->plan, s->index, NULL, 0, NULL, err);
}

/* Triggers of a base may bring new stages. */
static void add_stages(struct build *b)
{
	size_t n = plan_count(b->plan);
	struct build_stage *more = mem_new_n(struct build_stage, n);

	if (b->n_stages > 0)
		memcpy(more, b->stages, b->n_stages * sizeof *more);
	for (size_t i = b->n_stages; i < n; i++) {
		more[i] = (struct build_stage){.index = (int)i, .context = CONTEXT_NULL};
		more[i].job.out = more[i].job.result = -1;
		more[i].job.snapshot = (struct snapshot)SNAPSHOT_NULL;
	}
	free(b->stages);
	b->stages = more;
	b->n_stages = n;
	for (size_t i = 0; i < n; i++)
		b->stages[i].plan = plan_stage(b->plan, (int)i);
}

static char *what_of(const struct plan_stage *p)
{
	return mem_printf("%s \"%s\"", p->implicit ? "image" : "stage", p->implicit && *p->base ? p->base : p->label);
}

int build_find_bases(struct build *b, struct err *err)
{
	int i, r = 0;

	add_stages(b);
	while (r == 0 && (i = plan_next_base(b->plan)) >= 0) {
		struct build_stage *s = &b->stages[i];

		r = s->plan->kind == PLAN_BASE_CONTEXT ? use_context(b, s, err) : use_image(b, s, s->plan->base, err);
		if (r < 0)
			return err ? err_wrap(err, "%s:%u", b->context.name, s->plan->line) : r;
		add_stages(b);
	}
	if (r == 0)
		r = plan_expand(b->plan, err);
	for (size_t n = 0; n < b->n_stages; n++)
		b->stages[n].what = what_of(b->stages[n].plan);
	return r;
}
