/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/load_impl.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/core/sha256.h"
#include "node/image/config.h"

#include <stdio.h>
#include <string.h>

#define BLOB_NAME_MAX 80

static const char *blob_name(const char *hex, char text[static BLOB_NAME_MAX])
{
	snprintf(text, BLOB_NAME_MAX, "blobs/sha256/%s", hex);
	return text;
}

/* A document, whose size and digest must be what the descriptor says. */
static int read_document(struct load *l, const struct manifest_descriptor *d, char **ret, size_t *ret_len,
			 struct err *err)
{
	char name[BLOB_NAME_MAX], hex[SHA256_HEX_MAX];
	mem_cleanup char *text = NULL;
	int r = bundle_read(l->bundle, blob_name(d->digest, name), MANIFEST_BYTES_MAX, &text, ret_len, err);

	if (r < 0)
		return r;
	sha256_of(text, *ret_len, hex);
	if (strcmp(hex, d->digest) != 0)
		return err_set(err, EBADMSG, "\"%s\" is damaged: its digest is sha256:%s", name, hex);
	if (*ret_len != d->size)
		return err_set(err, EBADMSG, "\"%s\" has %zu bytes, but the descriptor says %llu", name, *ret_len,
			       (unsigned long long)d->size);
	*ret = mem_take(text);
	return 0;
}

static int load_layers(struct load *l, const struct manifest *m, char *const *diff_ids, struct err *err)
{
	if (mem_strv_len((char **)diff_ids) != m->n)
		return err_set(err, EINVAL, "the manifest has %zu layers, but the config has %zu", m->n,
			       mem_strv_len((char **)diff_ids));
	for (size_t i = 0; i < m->n; i++) {
		struct oci_blob blob = {.media_type = m->items[i].media_type, .size = m->items[i].size};
		char name[BLOB_NAME_MAX];
		uint64_t size;
		int r;

		memcpy(blob.hex, m->items[i].digest, sizeof blob.hex);
		r = load_layer(l, blob_name(blob.hex, name), &blob, diff_ids[i], &size, err);
		if (r < 0)
			return err_wrap(err, "layer %zu, sha256:%s", i + 1, blob.hex);
	}
	return 0;
}

static int load_parts(struct load *l, const struct manifest *m, struct image_docs *docs, const char *name,
		      struct err *err)
{
	cleanup_with(image_info_freep) struct image_info *info = NULL;
	char *const names[] = {(char *)name, NULL};
	mem_cleanup char *config = NULL;
	size_t n = 0;
	int r = manifest_is_image(m, err);

	if (r == 0)
		r = read_document(l, &m->config, &config, &n, err);
	if (r == 0)
		r = load_may_come(l, m->config.digest, err);
	if (r == 0)
		r = config_parse(config, n, &info, err);
	if (r == 0)
		r = load_layers(l, m, info->layers, err);
	if (r < 0)
		return r;
	docs->config = config;
	docs->n_config = n;
	return load_commit(l, docs, m->config.digest, names, err);
}

static int load_manifest(struct load *l, const struct manifest_descriptor *d, const char *index, size_t n_index,
			 const char *name, struct err *err)
{
	struct manifest m cleanup_with(manifest_free) = MANIFEST_INIT;
	const struct manifest_descriptor *chosen;
	mem_cleanup char *text = NULL;
	size_t n;
	int r = read_document(l, d, &text, &n, err);

	if (r == 0)
		r = manifest_parse(text, n, d->media_type, &m, err);
	if (r < 0)
		return r;
	if (m.is_index && index)
		return err_set(err, EINVAL, "an index in an index in " OCI_INDEX_NAME " is not supported");
	if (m.is_index) {
		r = manifest_choose(&m, &l->platform, &chosen, err);
		return r < 0 ? r : load_manifest(l, chosen, text, n, name, err);
	}
	return load_parts(
	    l, &m,
	    &(struct image_docs){
		.manifest = text, .n_manifest = n, .media_type = m.media_type, .index = index, .n_index = n_index},
	    name, err);
}

static bool is_attestation(const struct manifest_descriptor *d)
{
	return d->has_platform && !strcmp(d->platform.os, "unknown");
}

static bool same_name(const struct manifest_descriptor *a, const struct manifest_descriptor *b)
{
	mem_cleanup char *x = oci_entry_name(a), *y = oci_entry_name(b);

	return x && y ? !strcmp(x, y) : !x && !y;
}

/* One image for several platforms: all entries say a platform, no two the same, and they have one name or none. */
static bool is_one_image(const struct manifest *index)
{
	for (size_t i = 0; i < index->n; i++) {
		const struct manifest_descriptor *d = &index->items[i];

		if (!d->has_platform || !same_name(d, &index->items[0]))
			return false;
		for (size_t k = 0; k < i; k++) {
			if (!memcmp(&d->platform, &index->items[k].platform, sizeof d->platform) && !is_attestation(d))
				return false;
		}
	}
	return index->n > 1;
}

static int load_entry(struct load *l, const struct manifest_descriptor *d, struct err *err)
{
	mem_cleanup char *name = oci_entry_name(d);
	int r = load_manifest(l, d, NULL, 0, name, err);

	return r < 0 ? err_wrap(err, "image sha256:%s%s%.200s%s", d->digest, name ? " (" : "", name ? name : "",
				name ? ")" : "")
		     : 0;
}

static int load_entries(struct load *l, const struct manifest *index, struct err *err)
{
	const struct manifest_descriptor *chosen;
	size_t n = 0;
	int r = 0;

	if (is_one_image(index)) {
		r = manifest_choose(index, &l->platform, &chosen, err);
		return r < 0 ? r : load_entry(l, chosen, err);
	}
	for (size_t i = 0; i < index->n; i++)
		n += !is_attestation(&index->items[i]);
	if (n == 0)
		return err_set(err, EINVAL, OCI_INDEX_NAME " has no images");
	if (l->o->name && n != 1)
		return err_set(err, EINVAL, "the archive has %zu images; a name can be given to one only", n);
	for (size_t i = 0; r == 0 && i < index->n; i++) {
		if (!is_attestation(&index->items[i]))
			r = load_entry(l, &index->items[i], err);
	}
	return r;
}

/* The entries that were asked for, which are one image, perhaps for several platforms. */
static int load_picked(struct load *l, const struct manifest *index, struct err *err)
{
	mem_cleanup struct manifest_descriptor *items = mem_new_n(struct manifest_descriptor, index->n + 1);
	const char *pick = *l->o->pick ? l->o->pick : "latest";
	struct manifest view = *index;
	size_t images = 0;

	view.items = items;
	view.n = 0;
	for (size_t i = 0; i < index->n; i++) {
		images += !is_attestation(&index->items[i]);
		if (oci_entry_is(&index->items[i], pick))
			items[view.n++] = index->items[i];
	}
	if (view.n == 0 && images == 1 && !*l->o->pick)
		view = *index;
	if (view.n == 0)
		return err_set(err, ENOENT, OCI_INDEX_NAME " has %zu images, but none that is \"%.300s\"", images,
			       pick);
	if (view.n > 1 && !is_one_image(&view))
		return err_set(err, EINVAL, OCI_INDEX_NAME " has several images that are \"%.300s\"", pick);
	return load_entries(l, &view, err);
}

int load_oci(struct load *l, struct err *err)
{
	struct manifest index cleanup_with(manifest_free) = MANIFEST_INIT;
	mem_cleanup char *text = NULL;
	size_t n;
	int r = bundle_read(l->bundle, OCI_INDEX_NAME, MANIFEST_BYTES_MAX, &text, &n, err);

	if (r == 0)
		r = manifest_parse(text, n, MANIFEST_OCI_INDEX, &index, err);
	if (r < 0)
		return err_wrap(err, OCI_INDEX_NAME);
	return l->o->pick ? load_picked(l, &index, err) : load_entries(l, &index, err);
}
