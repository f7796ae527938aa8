/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a build: the config with its layers and history and the manifest become an image of the store; --output writes the files of the
 * target somewhere else instead.
 */
#include "node/build/build_impl.h"

#include "base/core/clock.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/sha256.h"
#include "base/wire/json.h"
#include "node/build/copy.h"
#include "node/build/export.h"
#include "node/build/output.h"
#include "node/image/blob.h"
#include "node/image/config.h"
#include "node/image/layer.h"
#include "node/image/manifest.h"
#include "node/image/pack.h"
#include "node/image/save.h"
#include "node/image/save_target.h"

#include <fcntl.h>
#include <string.h>

/* ---- documents ---- */

static int add_layer(struct image_store *s, yyjson_mut_doc *doc, yyjson_mut_val *list, const char *hex, struct err *err)
{
	struct image_layer_meta meta = {.packed = ""};
	yyjson_mut_val *one = yyjson_mut_obj(doc);
	mem_cleanup char *digest = NULL;
	int r = image_layer_meta_read(s, hex, &meta, err);
	bool packed = r == 0 && *meta.packed && meta.media_type;

	if (r < 0)
		return r;
	/* As it came, so that a registry that has it need not get it again; ours as the plain tar that the diff id is of. */
	digest = mem_printf("sha256:%s", packed ? meta.packed : hex);
	yyjson_mut_obj_add_strcpy(doc, one, "mediaType", packed ? meta.media_type : MANIFEST_LAYER);
	yyjson_mut_obj_add_strcpy(doc, one, "digest", digest);
	yyjson_mut_obj_add_uint(doc, one, "size", packed ? meta.packed_size : meta.tar_size);
	yyjson_mut_arr_append(list, one);
	image_layer_meta_free(&meta);
	return 0;
}

int export_manifest(struct image_store *s, char *const *layers, const char *config, size_t n_config, char **ret,
		    size_t *ret_n, struct err *err)
{
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc), *c = yyjson_mut_obj(doc), *list = yyjson_mut_arr(doc);
	char hex[SHA256_HEX_MAX], digest[80] = "sha256:";
	int r = 0;

	sha256_of(config, n_config, hex);
	memcpy(digest + 7, hex, sizeof hex);
	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_int(doc, root, "schemaVersion", 2);
	yyjson_mut_obj_add_str(doc, root, "mediaType", MANIFEST_OCI);
	yyjson_mut_obj_add_str(doc, c, "mediaType", MANIFEST_CONFIG);
	yyjson_mut_obj_add_strcpy(doc, c, "digest", digest);
	yyjson_mut_obj_add_uint(doc, c, "size", n_config);
	yyjson_mut_obj_add_val(doc, root, "config", c);
	for (; r == 0 && layers && *layers; layers++)
		r = add_layer(s, doc, list, *layers, err);
	yyjson_mut_obj_add_val(doc, root, "layers", list);
	if (r == 0)
		*ret = json_text(doc, false, ret_n);
	return r;
}

static char *config_at(struct build *b, const struct build_stage *s, const char *created, size_t *ret_n)
{
	cleanup_with(mem_strv_freep) char **diffs = NULL;
	char *none = NULL;

	for (char **l = s->layers; l && *l; l++) {
		mem_cleanup char *diff = mem_printf("sha256:%s", *l);

		mem_strv_add(&diffs, diff);
	}
	return build_inline_cache(
	    b, s, build_config_text(s->plan->config, diffs ? diffs : &none, created, b->epoch >= 0, ret_n), ret_n);
}

/* When nothing had to be done, the image is the one that was made before, with its time, if it is still here: the cache remembers the config by
 * what it says besides the time. */
static char *make_config(struct build *b, const struct build_stage *s, size_t *ret_n, bool *ret_unchanged)
{
	mem_cleanup char *now = build_config_time(b->epoch >= 0 ? b->epoch : clock_wall_ms() / 1000);
	mem_cleanup char *timeless = config_at(b, s, "", ret_n);
	char key[SHA256_HEX_MAX], hex[SHA256_HEX_MAX], *config;

	if (b->epoch >= 0)
		return config_at(b, s, now, ret_n);
	sha256_of(timeless, *ret_n, key);
	if (b->n_cached == b->n_steps && cache_content_find(b->cache, key, hex) &&
	    image_blob_read(b->store, hex, CONFIG_BYTES_MAX, &config, ret_n, NULL) == 0) {
		*ret_unchanged = true;
		return config;
	}
	config = config_at(b, s, now, ret_n);
	sha256_of(config, *ret_n, hex);
	cache_content_put(b->cache, key, hex);
	return config;
}

/* ---- the image ---- */

static int commit(struct build *b, const struct image_docs *docs, const char *ref, struct build_result *ret,
		  struct err *err)
{
	cleanup_with(image_info_freep) struct image_info *info = NULL;
	int r = image_commit(b->store, b->lease, docs, ref, IMAGE_REPLACE_YES, &info, err);

	if (r < 0)
		return r;
	free(ret->id);
	free(ret->digest);
	ret->id = mem_strdup(info->id);
	ret->digest = mem_strdup(info->digest);
	if (ref)
		mem_strv_add(&ret->names, info->name);
	return 0;
}

/* An image has a layer, if only an empty one: what was built from nothing to carry labels, say. */
static int need_layer(struct build *b, struct build_stage *s, struct err *err)
{
	struct snapshot snapshot = SNAPSHOT_NULL;
	struct image_unpacked u;
	int r;

	if (s->layers && *s->layers)
		return 0;
	r = snapshot_open(b->store, b->lease, NULL, &snapshot, err);
	if (r == 0)
		r = snapshot_commit(&snapshot, b->epoch, &u, err);
	snapshot_discard(&snapshot);
	if (r == 0)
		r = image_lease_layer(b->lease, u.diff_id, err);
	if (r >= 0)
		mem_strv_add(&s->layers, u.diff_id);
	return r < 0 ? r : 0;
}

static int make_image(struct build *b, struct build_stage *s, char *const *names, struct build_result *ret,
		      struct err *err)
{
	mem_cleanup char *config = NULL, *manifest = NULL;
	struct image_docs docs = {.media_type = MANIFEST_OCI};
	int r = need_layer(b, s, err);

	if (r < 0)
		return r;
	config = make_config(b, s, &docs.n_config, &ret->unchanged);
	r = export_manifest(b->store, s->layers, config, docs.n_config, &manifest, &docs.n_manifest, err);
	docs.config = config;
	docs.manifest = manifest;
	if (r == 0 && (!names || !*names))
		r = commit(b, &docs, NULL, ret, err);
	for (char *const *name = names; r == 0 && name && *name; name++) {
		mem_cleanup char *ref = NULL;

		r = image_ref_normalise(*name, &ref, err);
		if (r == 0)
			r = commit(b, &docs, ref, ret, err);
	}
	return r;
}

/* ---- files ---- */

static int write_local(struct build *b, const struct build_stage *s, const char *dest, struct err *err)
{
	cleanup_with(snapshot_root_close) struct snapshot_root root = SNAPSHOT_ROOT_NULL;
	cleanup_with(source_list_free) struct source_list list = SOURCE_LIST_INIT;
	fd_cleanup int dir = fs_mkdirs(dest, 0755, err);
	struct source_tree tree;
	const struct copy c = {.draft = {.view = -1, .dir = dir}, .dest = "/", .dest_dir = true};
	int r = dir < 0 ? dir : build_tree(b, s->index, &tree, &root, err);

	if (r < 0 || tree.root < 0)
		return r;
	r = source_find(&tree, "/", &list, err);
	return r < 0 ? r : copy_items(&c, &tree, &list, err);
}

static int pack_target(struct build *b, const struct build_stage *s, int fd, const char *dest, struct err *err)
{
	const struct pack_options o = {.epoch = b->epoch, .whole_seconds = true};
	cleanup_with(snapshot_root_close) struct snapshot_root root = SNAPSHOT_ROOT_NULL;
	struct source_tree tree;
	struct packed_tree packed;
	struct sink_fd out;
	struct sink sink;
	int r = build_tree(b, s->index, &tree, &root, err);

	if (r == 0 && tree.root < 0)
		r = err_set(err, ENOENT, "the target has no files");
	sink_fd_init(&out, fd, dest ? dest : "standard output");
	sink = sink_to_plain(&out);
	return r < 0 ? r : pack_tree(tree.root, &o, NULL, &sink, &packed, err);
}

static int write_tar(struct build *b, const struct build_stage *s, const struct output *o, struct err *err)
{
	struct save_target t = SAVE_TARGET_NULL;
	int r = save_target_open(&t, o->dest, false, err);

	if (r == 0)
		r = pack_target(b, s, t.fd, o->dest, err);
	return save_target_close(&t, r, err);
}

/* ---- archives of the image ---- */

/* The names go into the archive alone, not into the store. */
static int write_archive(struct build *b, struct build_stage *s, const struct output *o, struct build_result *ret,
			 struct err *err)
{
	char **names cleanup_with(mem_strv_freep) = NULL;
	struct image_save_options save = {
	    .format = o->type == OUTPUT_OCI ? IMAGE_SAVE_OCI : IMAGE_SAVE_DOCKER,
	    .repack = o->repack,
	    .kind = o->kind,
	    .level = o->level,
	};
	struct save_target t = SAVE_TARGET_NULL;
	char *ids[2] = {NULL};
	int r = 0;

	for (char *const *n = o->names ? o->names : b->o->tags; r == 0 && n && *n; n++) {
		mem_cleanup char *name = NULL;

		r = image_ref_normalise(*n, &name, err);
		if (r == 0)
			mem_strv_add(&names, name);
	}
	save.as = names;
	if (r == 0)
		r = save_target_open(&t, o->dest, o->dir, err);
	if (r == 0)
		r = make_image(b, s, NULL, ret, err);
	ids[0] = ret->id;
	if (r == 0)
		r = image_save(b->store, ids, t.fd, &save, err);
	return save_target_close(&t, r, err);
}

static int write_output(struct build *b, struct build_stage *s, const struct output *o, struct build_result *ret,
			struct err *err)
{
	switch (o->type) {
	case OUTPUT_IMAGE:
		return make_image(b, s, o->names ? o->names : b->o->tags, ret, err);
	case OUTPUT_LOCAL:
		return write_local(b, s, o->dest, err);
	case OUTPUT_TAR:
		return write_tar(b, s, o, err);
	default:
		return write_archive(b, s, o, ret, err);
	}
}

int build_export(struct build *b, struct build_result *ret, struct err *err)
{
	struct build_stage *s = &b->stages[plan_target(b->plan)];
	int r = 0;

	if (!b->o->outputs || !*b->o->outputs)
		return make_image(b, s, b->o->tags, ret, err);
	for (char *const *text = b->o->outputs; r == 0 && *text; text++) {
		cleanup_with(output_free) struct output o = {.dest = NULL};

		r = output_parse(*text, &o, err);
		ret->on_stdout = ret->on_stdout || (!o.dest && o.type != OUTPUT_IMAGE);
		if (r == 0)
			r = write_output(b, s, &o, ret, err);
	}
	return r;
}
