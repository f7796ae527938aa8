/* SPDX-License-Identifier: Apache-2.0
 *
 * What `docker save` writes has no manifest: one is made, of the config and the layers as plain tars. The same image always gets the same.
 */
#include "node/image/load_impl.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/core/sha256.h"
#include "node/image/config.h"
#include "node/image/docker_archive.h"

#include <stdio.h>
#include <string.h>

#define LIST_MAX (4u << 20)

static int load_layers(struct load *l, const struct docker_image *image, char *const *diff_ids, struct oci_blob *layers,
		       struct err *err)
{
	for (size_t i = 0; diff_ids[i]; i++) {
		int r = load_layer(l, image->layers[i], NULL, diff_ids[i], &layers[i].size, err);

		if (r < 0)
			return err_wrap(err, "layer %zu, \"%.200s\"", i + 1, image->layers[i]);
		layers[i].media_type = MANIFEST_LAYER;
		snprintf(layers[i].hex, sizeof layers[i].hex, "%s", diff_ids[i]);
	}
	return 0;
}

static int load_parts(struct load *l, const struct docker_image *image, const char *config, size_t n_config,
		      char *const *diff_ids, struct err *err)
{
	size_t n = mem_strv_len((char **)diff_ids), n_manifest;
	mem_cleanup struct oci_blob *layers = mem_new_n(struct oci_blob, n + 1);
	struct oci_blob blob = {.media_type = MANIFEST_CONFIG, .size = n_config};
	mem_cleanup char *manifest = NULL;
	int r;

	if (mem_strv_len(image->layers) != n)
		return err_set(err, EINVAL, "it has %zu layers, but its config has %zu", mem_strv_len(image->layers),
			       n);
	sha256_of(config, n_config, blob.hex);
	r = load_may_come(l, blob.hex, err);
	if (r == 0)
		r = load_layers(l, image, diff_ids, layers, err);
	if (r < 0)
		return r;
	manifest = oci_manifest_text(&blob, layers, n, &n_manifest);
	return load_commit(l,
			   &(struct image_docs){.manifest = manifest,
						.n_manifest = n_manifest,
						.media_type = MANIFEST_OCI,
						.config = config,
						.n_config = n_config},
			   blob.hex, image->tags, err);
}

static int load_one(struct load *l, const struct docker_image *image, struct err *err)
{
	cleanup_with(image_info_freep) struct image_info *info = NULL;
	mem_cleanup char *config = NULL;
	size_t n;
	int r = bundle_read(l->bundle, image->config, CONFIG_BYTES_MAX, &config, &n, err);

	if (r == 0)
		r = config_parse(config, n, &info, err);
	return r < 0 || !info ? r : load_parts(l, image, config, n, info->layers, err);
}

int load_docker(struct load *l, struct err *err)
{
	struct docker_archive a cleanup_with(docker_archive_free) = {.n = 0};
	mem_cleanup char *text = NULL;
	size_t n;
	int r = bundle_read(l->bundle, DOCKER_ARCHIVE_NAME, LIST_MAX, &text, &n, err);

	if (r == 0)
		r = docker_archive_parse(text, n, &a, err);
	if (r == 0 && l->o->name && a.n != 1)
		r = err_set(err, EINVAL, "the archive has %zu images; a name can be given to one only", a.n);
	for (size_t i = 0; r == 0 && i < a.n; i++) {
		const char *name = a.images[i].tags ? a.images[i].tags[0] : NULL;

		r = load_one(l, &a.images[i], err);
		if (r < 0)
			return err_wrap(err, "image %zu (%.200s)", i + 1, name ? name : "without a name");
	}
	return r;
}
