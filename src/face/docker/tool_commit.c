/* SPDX-License-Identifier: Apache-2.0
 *
 * "commit": the writable layer of a container becomes one more layer on its image, with the container's own Config, changed by lines of a
 * Dockerfile. What those mean is what they mean in a build. Without "id" it is an image with another config: what an import has made and "changes" say.
 */
#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "face/docker/tool.h"
#include "node/build/build_config.h"
#include "node/build/export.h"
#include "node/build/plan.h"
#include "node/engine/archive.h"
#include "node/image/blob.h"
#include "node/image/config.h"
#include "node/image/layer.h"
#include "node/image/manifest.h"
#include "node/image/platform.h"
#include "node/image/sink.h"

#include <signal.h>
#include <string.h>

/* ---- the config ---- */

/* What a container says of itself takes the place of what its image said. */
static void take_config(yyjson_mut_doc *d, yyjson_val *container)
{
	static const char *const members[] = {"User",	 "ExposedPorts", "Env",	       "Entrypoint",
					      "Cmd",	 "Volumes",	 "WorkingDir", "Labels",
					      "OnBuild", "StopSignal",	 "Shell",      "Healthcheck"};
	yyjson_mut_val *root = yyjson_mut_doc_get_root(d), *config = yyjson_mut_obj_get(root, "config");

	if (!yyjson_mut_is_obj(config)) {
		yyjson_mut_obj_remove_key(root, "config");
		config = yyjson_mut_obj_add_obj(d, root, "config");
	}
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		yyjson_val *v = yyjson_obj_get(container, members[i]);

		if (!v)
			continue;
		yyjson_mut_obj_remove_key(config, members[i]);
		if (!yyjson_is_null(v))
			yyjson_mut_obj_add_val(d, config, members[i], yyjson_val_mut_copy(d, v));
	}
}

static int base_config(struct tool *t, struct image_store *s, const char *image, char **ret, size_t *ret_n,
		       struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	json_mut_cleanup yyjson_mut_doc *d = NULL;
	mem_cleanup char *text = NULL;
	size_t n;
	int r = image_blob_read(s, image + (strncmp(image, "sha256:", 7) ? 0 : 7), CONFIG_BYTES_MAX, &text, &n, err);

	if (r < 0)
		return r;
	doc = json_parse(text, n, CONFIG_BYTES_MAX, "the image's config", err);
	if (!doc)
		return -EINVAL;
	d = yyjson_doc_mut_copy(doc, NULL);
	take_config(d, yyjson_obj_get(t->request, "config"));
	*ret = json_text(d, false, ret_n);
	return 0;
}

/* ---- the changes ---- */

static int check_kinds(const struct dockerfile *d, struct err *err)
{
	static const enum dockerfile_kind allowed[] = {DOCKERFILE_CMD,	      DOCKERFILE_ENTRYPOINT,  DOCKERFILE_ENV,
						       DOCKERFILE_EXPOSE,     DOCKERFILE_HEALTHCHECK, DOCKERFILE_LABEL,
						       DOCKERFILE_ONBUILD,    DOCKERFILE_USER,	      DOCKERFILE_VOLUME,
						       DOCKERFILE_STOPSIGNAL, DOCKERFILE_WORKDIR};

	for (size_t i = 1; i < d->n; i++) {
		bool ok = false;

		for (size_t k = 0; k < sizeof allowed / sizeof *allowed; k++)
			ok = ok || d->instructions[i].kind == allowed[k];
		if (!ok)
			return err_set(err, EINVAL, "%.100s is not a valid change command", d->instructions[i].name);
	}
	return 0;
}

static int expand(struct plan *p, const char *config, size_t n, struct err *err)
{
	int i, r = 0;

	while (r == 0 && (i = plan_next_base(p)) >= 0)
		r = plan_set_base(p, i, config, n, NULL, err);
	return r < 0 ? r : plan_expand(p, err);
}

struct changed {
	struct dockerfile *file;
	struct plan *plan;
	const struct build_config *config; /* of the plan */
};

static void changed_free(struct changed *c)
{
	plan_free(c->plan);
	dockerfile_free(c->file);
}

static int apply(struct tool *t, const char *config, size_t n, struct changed *ret, struct err *err)
{
	buf_cleanup struct buf text = BUF_LIMIT(DOCKERFILE_BYTES_MAX);
	char **changes cleanup_with(mem_strv_freep) = NULL;
	char platform[PLATFORM_TEXT_MAX];
	const struct plan_options o = {.platform = platform, .build_platform = platform};
	struct platform host;
	int r = tool_list(t, "changes", &changes, err);

	platform_host(&host);
	(void)platform_text(&host, platform);
	if (r < 0)
		return r;
	buf_adds(&text, "FROM container\n");
	for (char **one = changes; one && *one; one++)
		buf_printf(&text, "%s\n", *one);
	if (text.full)
		return err_set(err, E2BIG, "the changes are longer than %u bytes", DOCKERFILE_BYTES_MAX);
	r = dockerfile_parse(buf_str(&text), text.len, "changes", &ret->file, err);
	if (r == 0)
		r = dockerfile_check(ret->file, err);
	if (r == 0)
		r = check_kinds(ret->file, err);
	if (r == 0)
		r = plan_new(ret->file, &o, &ret->plan, err);
	if (r == 0)
		r = expand(ret->plan, config, n, err);
	if (r == 0)
		ret->config = plan_stage(ret->plan, plan_target(ret->plan))->config;
	return r;
}

/* ---- the layer ---- */

static int write_layer(struct tool *t, struct image_layer *l, struct image_unpacked *ret, struct err *err)
{
	struct sink_fd to;
	struct sink sink = sink_to_fd(&to);
	struct err own = ERR_INIT;
	int r, end;

	sink_fd_init(&to, image_layer_fd(l), "the layer");
	r = changes_layer(t->data, tool_text(t, "id"), &sink, err);
	image_layer_close(l);
	end = image_layer_end(l, ret, r < 0 ? &own : err);
	return r < 0 ? r : end;
}

static int make_layer(struct tool *t, struct image_store *s, struct image_lease *lease, struct image_unpacked *ret,
		      struct err *err)
{
	const struct image_layer_from from = {.size = -1, .media_type = MANIFEST_LAYER};
	struct image_layer *layer = NULL;
	int r = image_layer_begin(s, lease, &from, NULL, &layer, err);

	if (r == IMAGE_LAYER_BEGUN)
		r = write_layer(t, layer, ret, err);
	else if (r > 0)
		r = err_set(err, EBUSY, "the layer cannot be made now");
	image_layer_free(layer);
	return r;
}

/* ---- the image ---- */

static char **layers_of(const struct build_config *c, const char *own)
{
	char **layers = NULL;

	for (char **diff = c->diff_ids; diff && *diff; diff++)
		mem_strv_add(&layers, *diff + 7);
	if (own)
		mem_strv_add(&layers, own);
	return layers;
}

static char *config_with(struct tool *t, const struct build_config *c, char *const *layers, size_t *ret_n)
{
	struct keep keep = {.full = false};
	struct build_config *config = build_config_dup(&keep, c);
	const char *author = tool_text(t, "author");
	mem_cleanup char *now = build_config_time(clock_wall_ms() / 1000);
	struct build_history h = {.created_by = tool_text(t, "command"),
				  .author = author && *author ? author : NULL,
				  .comment = tool_text(t, "comment"),
				  .stage = -1,
				  .step = -1,
				  .created = now};
	char **diffs cleanup_with(mem_strv_freep) = NULL;
	char *text;

	for (; *layers; layers++) {
		mem_cleanup char *diff = mem_printf("sha256:%s", *layers);

		mem_strv_add(&diffs, diff);
	}
	/* The changes are no steps of a build: one commit is one line of the history. */
	config->n_history = 0;
	for (size_t i = 0; i < c->n_history; i++) {
		if (c->history[i].stage < 0)
			build_config_add_history(&keep, config, &c->history[i]);
	}
	/* Of an import there is a line already. */
	if (tool_text(t, "id"))
		build_config_add_history(&keep, config, &h);
	if (author && *author)
		config->author = keep_str(&keep, author);
	text = build_config_text(config, diffs, now, false, ret_n);
	keep_free(&keep);
	return text;
}

/* Docker's images know what they were committed from. */
static char *with_parent(const struct tool *t, const char *config, size_t *n)
{
	yyjson_doc *doc json_doc_cleanup = yyjson_read(config, *n, 0);
	json_mut_cleanup yyjson_mut_doc *d = yyjson_doc_mut_copy(doc, NULL);
	yyjson_mut_val *root = yyjson_mut_doc_get_root(d);

	yyjson_mut_obj_add_strcpy(d, root, "parent", tool_text(t, "image"));
	return json_text(d, false, n);
}

static int make_image(struct tool *t, struct image_store *s, struct image_lease *lease, const struct build_config *c,
		      struct err *err)
{
	cleanup_with(image_info_freep) struct image_info *info = NULL;
	struct image_unpacked layer = {.tar_size = 0};
	mem_cleanup char *bare = NULL, *config = NULL, *manifest = NULL;
	char **layers cleanup_with(mem_strv_freep) = NULL;
	struct image_docs docs = {.media_type = MANIFEST_OCI};
	const char *ref = tool_text(t, "ref");
	/* Without a container there is another config alone. */
	const bool container = tool_text(t, "id") != NULL;
	int r = container ? make_layer(t, s, lease, &layer, err) : 0;

	if (r < 0)
		return r;
	layers = layers_of(c, container ? layer.diff_id : NULL);
	bare = config_with(t, c, layers, &docs.n_config);
	config = container ? with_parent(t, bare, &docs.n_config) : mem_take(bare);
	r = export_manifest(s, layers, config, docs.n_config, &manifest, &docs.n_manifest, err);
	docs.config = config;
	docs.manifest = manifest;
	if (r == 0)
		r = image_commit(s, lease, &docs, ref && *ref ? ref : NULL, IMAGE_REPLACE_KEEP, &info, err);
	if (r == 0)
		yyjson_mut_obj_add_strcpy(t->answer, yyjson_mut_doc_get_root(t->answer), "id", info->id);
	return r;
}

static int commit(struct tool *t, struct image_store *s, struct err *err)
{
	cleanup_with(image_lease_freep) struct image_lease *lease = NULL;
	cleanup_with(image_info_freep) struct image_info *image = NULL;
	struct changed c cleanup_with(changed_free) = {.file = NULL};
	const char *from = tool_text(t, "image");
	mem_cleanup char *config = NULL;
	size_t n;
	int r = image_find(s, from ? from : "", &image, err);

	/* A layer's worker that gives up says why itself. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (r == 0)
		r = image_lease_new(s, "commit", &lease, err);
	if (r == 0)
		r = image_lease_image(lease, image, err);
	if (r == 0)
		r = base_config(t, s, image->id, &config, &n, err);
	if (r == 0)
		r = apply(t, config, n, &c, err);
	if (r >= 0 && !c.config)
		r = err_set(err, EINVAL, "the changes make no image");
	return r < 0 ? r : make_image(t, s, lease, c.config, err);
}

/* The answer is made in this process, so the store's work is not given to another one. */
int tool_commit(struct tool *t, struct err *err)
{
	struct image_store *s = NULL;
	int r = image_store_open(t->data, &s, err);

	if (r == 0)
		r = commit(t, s, err);
	image_store_close(s);
	return r;
}
