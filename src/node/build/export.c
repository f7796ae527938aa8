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
#include "node/image/blob.h"
#include "node/image/config.h"
#include "node/image/layer.h"
#include "node/image/manifest.h"
#include "node/image/pack.h"

#include <fcntl.h>
#include <string.h>

struct output {
	char *type, *dest, *name;
};

static void output_free(struct output *o)
{
	free(o->type);
	free(o->dest);
	free(o->name);
}

/* "type=tar,dest=FILE,name=REF"; "DIR" alone is type=local, "-" type=tar to standard output. */
static int output_parse(const char *text, struct output *ret, struct err *err)
{
	*ret = (struct output){.type = NULL};
	if (!strchr(text, '=')) {
		ret->type = mem_strdup(!strcmp(text, "-") ? "tar" : "local");
		ret->dest = mem_strdup(text);
		return 0;
	}
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, ","), key = strcspn(p, "=");
		char **to = NULL;

		if (key == 4 && !strncmp(p, "type", 4))
			to = &ret->type;
		else if (key == 4 && !strncmp(p, "dest", 4))
			to = &ret->dest;
		else if (key == 4 && !strncmp(p, "name", 4))
			to = &ret->name;
		if (!to || key >= n)
			return err_set(err, EINVAL, "--output: unknown part \"%.*s\"; type, dest and name are known",
				       (int)n, p);
		free(*to);
		*to = mem_strndup(p + key + 1, n - key - 1);
		p += n + (p[n] == ',');
	}
	return ret->type ? 0 : err_set(err, EINVAL, "--output \"%s\": type= is missing", text);
}

/* ---- documents ---- */

static int add_layer(struct build *b, yyjson_mut_doc *doc, yyjson_mut_val *list, const char *hex, struct err *err)
{
	struct image_layer_meta meta = {.packed = ""};
	yyjson_mut_val *one = yyjson_mut_obj(doc);
	mem_cleanup char *digest = NULL;
	int r = image_layer_meta_read(b->store, hex, &meta, err);
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

static int manifest_text(struct build *b, char *const *layers, const char *config, size_t n_config, char **ret,
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
		r = add_layer(b, doc, list, *layers, err);
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
	return build_config_text(s->plan->config, diffs ? diffs : &none, created, b->epoch >= 0, ret_n);
}

/* When nothing had to be done, the image is the one that was made before, with its time, if it is still here: the cache remembers the config by
 * what it says besides the time. */
static char *make_config(struct build *b, const struct build_stage *s, size_t *ret_n)
{
	mem_cleanup char *now = build_config_time(b->epoch >= 0 ? b->epoch : clock_wall_ms() / 1000);
	mem_cleanup char *timeless = config_at(b, s, "", ret_n);
	char key[SHA256_HEX_MAX], hex[SHA256_HEX_MAX], *config;

	if (b->epoch >= 0)
		return config_at(b, s, now, ret_n);
	sha256_of(timeless, *ret_n, key);
	if (b->n_cached == b->n_steps && cache_content_find(b->cache, key, hex) &&
	    image_blob_read(b->store, hex, CONFIG_BYTES_MAX, &config, ret_n, NULL) == 0)
		return config;
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

static int make_image(struct build *b, const struct build_stage *s, char *const *names, struct build_result *ret,
		      struct err *err)
{
	mem_cleanup char *config = NULL, *manifest = NULL;
	struct image_docs docs = {.media_type = MANIFEST_OCI};
	int r;

	config = make_config(b, s, &docs.n_config);
	r = manifest_text(b, s->layers, config, docs.n_config, &manifest, &docs.n_manifest, err);
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

static int write_tar(struct build *b, const struct build_stage *s, const char *dest, struct err *err)
{
	const struct pack_options o = {.epoch = b->epoch, .whole_seconds = true};
	cleanup_with(snapshot_root_close) struct snapshot_root root = SNAPSHOT_ROOT_NULL;
	struct source_tree tree;
	struct packed_tree packed;
	struct sink_fd out;
	struct sink sink;
	fd_cleanup int fd = -1;
	int r;

	if (!strcmp(dest, "-"))
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	else
		fd = open(dest, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(err, errno, "open \"%s\"", dest);
	r = build_tree(b, s->index, &tree, &root, err);
	if (r == 0 && tree.root < 0)
		r = err_set(err, ENOENT, "the target has no files");
	sink_fd_init(&out, fd, dest);
	sink = sink_to_fd(&out);
	return r < 0 ? r : pack_tree(tree.root, &o, NULL, &sink, &packed, err);
}

static int write_output(struct build *b, const struct build_stage *s, const struct output *o, struct build_result *ret,
			struct err *err)
{
	const char *names[] = {o->name, NULL};

	if (!strcmp(o->type, "image"))
		return make_image(b, s, o->name ? (char *const *)names : b->o->tags, ret, err);
	if (!o->dest || !*o->dest)
		return err_set(err, EINVAL, "--output type=%s: dest= is missing", o->type);
	if (!strcmp(o->type, "local"))
		return write_local(b, s, o->dest, err);
	if (!strcmp(o->type, "tar"))
		return write_tar(b, s, o->dest, err);
	return err_set(err, EINVAL, "--output: the type \"%s\" is not known; image, local and tar are", o->type);
}

int build_export(struct build *b, struct build_result *ret, struct err *err)
{
	const struct build_stage *s = &b->stages[plan_target(b->plan)];
	int r = 0;

	if (!b->o->outputs || !*b->o->outputs)
		return make_image(b, s, b->o->tags, ret, err);
	for (char *const *text = b->o->outputs; r == 0 && *text; text++) {
		cleanup_with(output_free) struct output o = {.type = NULL};

		r = output_parse(*text, &o, err);
		if (r == 0)
			r = write_output(b, s, &o, ret, err);
	}
	return r;
}
