/* SPDX-License-Identifier: Apache-2.0
 *
 * How an image comes into being: its layers are there and leased, its documents are written, everything is on the disk, and only then
 * refs.json names it. Until that last rename everything new is garbage when the lease goes.
 */
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/sha256.h"
#include "node/image/blob.h"
#include "node/image/config.h"
#include "node/image/guard.h"
#include "node/image/lease.h"
#include "node/image/manifest.h"
#include "node/image/ref.h"
#include "node/image/store.h"

#include <string.h>

/* ---- names ---- */

static bool is_same(const struct store_image *i, const char *manifest, const char *index)
{
	return !strcmp(i->manifest, manifest) && !strcmp(i->index, index);
}

static bool has_another_place(const struct image_store *s, const struct store_image *i)
{
	for (size_t n = 0; n < s->n; n++) {
		if (&s->images[n] != i && !s->images[n].detached && !strcmp(s->images[n].manifest, i->manifest))
			return true;
	}
	return false;
}

/* The image keeps its place without its name, or goes. */
static void lose_name(struct image_store *s, const struct store_leases *l, struct store_image *i,
		      enum image_replace replace)
{
	bool is_kept = i->info && replace == IMAGE_REPLACE_KEEP && !has_another_place(s, i);
	bool stays = is_kept || (i->info && store_holds(l, i) > 0 && !store_named_elsewhere(s, i));

	if (!stays) {
		store_drop(s, i);
		return;
	}
	store_unname(i);
	i->detached = !is_kept;
}

/* What gets a name is not among the nameless any more. */
static void drop_nameless(struct image_store *s, const char *manifest)
{
	for (size_t n = s->n; n-- > 0;) {
		if (!*s->images[n].name && !strcmp(s->images[n].manifest, manifest))
			store_drop(s, &s->images[n]);
	}
}

static int add(struct image_store *s, const char *name, const char *manifest, const char *index, struct err *err)
{
	struct image_info *info = NULL;
	struct store_image *i;
	int r = store_load(s, manifest, &info, err);

	if (r < 0)
		return r;
	drop_nameless(s, manifest);
	i = store_add(s, name, manifest, info);
	memcpy(i->index, index, sizeof i->index);
	info->index = *index ? mem_printf("sha256:%s", index) : NULL;
	store_sort(s);
	return store_save(s, err);
}

static int name_it(struct image_store *s, const char *name, const char *manifest, const char *index,
		   const struct store_leases *l, enum image_replace replace, struct err *err)
{
	struct store_image *old = *name ? store_by_name(s, name) : NULL;

	for (size_t n = 0; !*name && n < s->n; n++) {
		if (!strcmp(s->images[n].manifest, manifest) && !s->images[n].detached)
			return 0; /* it is kept already */
	}
	if (old && is_same(old, manifest, index))
		return 0;
	if (old && replace == IMAGE_REPLACE_NO && strcmp(old->manifest, manifest) != 0)
		return err_set(err, EEXIST,
			       "there is another image \"%s\" already; remove it, or say that it is to be replaced",
			       name);
	if (old)
		lose_name(s, l, old, replace);
	return add(s, name, manifest, index, err);
}

int store_name(struct image_store *s, const char *name, const char *manifest_hex, const char *index_hex,
	       enum image_replace replace, struct err *err)
{
	char index[65] = "";
	struct store_leases l;
	int r = store_leases_read(s, &l, err);

	if (r < 0)
		return r;
	if (index_hex)
		memcpy(index, index_hex, strlen(index_hex) < sizeof index ? strlen(index_hex) + 1 : 0);
	r = name_it(s, name, manifest_hex, index, &l, replace, err);
	store_leases_free(&l);
	/* The table is not what the file says: it is read again. */
	if (r < 0) {
		s->seen.inode = 0;
		(void)store_refresh(s, NULL);
	}
	return r;
}

/* ---- documents ---- */

struct documents {
	struct manifest manifest;
	struct image_info *info;
	char hex[65], config[65], index[65];
};

static void documents_free(struct documents *d)
{
	manifest_free(&d->manifest);
	image_info_free(d->info);
}

/* The index must name the manifest: otherwise a pull by the digest of the index would show something that was never in it. */
static int check_index(const struct image_docs *docs, struct documents *d, struct err *err)
{
	cleanup_with(manifest_free) struct manifest index = MANIFEST_INIT;
	int r = manifest_parse(docs->index, docs->n_index, NULL, &index, err);

	if (r < 0)
		return r;
	if (!index.is_index)
		return err_set(err, EINVAL, "what should be the index of the image is none");
	sha256_of(docs->index, docs->n_index, d->index);
	for (size_t i = 0; i < index.n; i++) {
		if (!strcmp(index.items[i].digest, d->hex))
			return 0;
	}
	return err_set(err, EINVAL, "manifest sha256:%s is not in its index sha256:%s", d->hex, d->index);
}

static int check_documents(const struct image_store *s, const struct image_docs *docs, struct documents *d,
			   struct err *err)
{
	int r = manifest_parse(docs->manifest, docs->n_manifest, docs->media_type, &d->manifest, err);

	if (r == 0)
		r = manifest_is_image(&d->manifest, err);
	if (r == 0)
		r = config_parse(docs->config, docs->n_config, &d->info, err);
	if (r < 0)
		return r;
	sha256_of(docs->manifest, docs->n_manifest, d->hex);
	sha256_of(docs->config, docs->n_config, d->config);
	if (strcmp(d->config, d->manifest.config.digest) != 0 || docs->n_config != d->manifest.config.size)
		return err_set(err, EINVAL, "the config sha256:%s is not the one that manifest sha256:%s names",
			       d->config, d->hex);
	if (mem_strv_len(d->info->layers) != d->manifest.n)
		return err_set(err, EINVAL, "manifest sha256:%s and its config disagree about the layers", d->hex);
	if (d->manifest.n > s->layers_max)
		return err_set(err, E2BIG, "the image has %zu layers; the limit is %llu", d->manifest.n,
			       (unsigned long long)s->layers_max);
	return docs->index ? check_index(docs, d, err) : 0;
}

static int check_layers(struct image_lease *lease, const struct documents *d, struct err *err)
{
	for (char **l = d->info->layers; *l; l++) {
		int r = image_lease_layer(lease, *l, err);

		if (r < 0)
			return r;
		if (r == 0)
			return err_set(err, ENOENT, "layer sha256:%s is not in the store", *l);
	}
	return 0;
}

static int write_documents(struct image_store *s, struct image_lease *lease, const struct image_docs *docs,
			   const struct documents *d, struct err *err)
{
	const struct {
		const char *text;
		size_t n;
		const char *hex;
	} all[] = {{docs->config, docs->n_config, d->config},
		   {docs->manifest, docs->n_manifest, d->hex},
		   {docs->index, docs->n_index, d->index}};
	char hex[65];

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		int r = all[i].text ? image_lease_blob(lease, all[i].hex, err) : 0;

		if (r >= 0 && all[i].text)
			r = image_blob_write(s, all[i].text, all[i].n, hex, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int name_documents(struct image_store *s, const struct documents *d, const char *name,
			  enum image_replace replace, struct err *err)
{
	fd_cleanup int lock = store_lock(s, err);
	int r = lock < 0 ? lock : store_refresh(s, err);

	if (r == 0)
		r = store_name(s, name, d->hex, d->index, replace, err);
	if (r == 0)
		store_sweep(s); /* what the name stood for */
	fd_closep(&lock);
	if (r == 0)
		store_empty(s);
	return r;
}

static int commit(struct image_store *s, struct image_lease *lease, const struct image_docs *docs, const char *name,
		  enum image_replace replace, bool sync, char ret_config[static 65], struct err *err)
{
	cleanup_with(documents_free) struct documents d = {.info = NULL};
	int r = check_documents(s, docs, &d, err);

	if (r == 0)
		r = check_layers(lease, &d, err);
	if (r == 0)
		r = write_documents(s, lease, docs, &d, err);
	/* Once for all files of all layers: after this a power cut cannot leave a name with half a layer. */
	if (r == 0 && sync && syncfs(s->layers) < 0)
		r = err_sys(err, errno, "write the image to the disk");
	if (r == 0)
		r = name_documents(s, &d, name, replace, err);
	memcpy(ret_config, d.config, sizeof d.config);
	return r;
}

/* An image may be named by a digest that is its own; docs NULL: by none. */
static bool is_digest_of(const struct image_docs *docs, const char *digest)
{
	char manifest[SHA256_HEX_MAX] = "", index[SHA256_HEX_MAX] = "";

	if (docs)
		sha256_of(docs->manifest, docs->n_manifest, manifest);
	if (docs && docs->index)
		sha256_of(docs->index, docs->n_index, index);
	return !strcmp(digest, manifest) || !strcmp(digest, index);
}

static int clean_name(const char *given, const struct image_docs *docs, char **ret, struct err *err)
{
	cleanup_with(ref_free) struct ref ref = {.text = NULL};
	int r = given ? ref_parse(given, &ref, err) : 0;

	if (r < 0)
		return r;
	if (ref.digest && IMAGE_GUARD(I8) && !is_digest_of(docs, ref.digest + strlen("sha256:")))
		return err_set(err, EINVAL,
			       "\"%.300s\": an image is named by a name and a tag, not by the digest of another",
			       given);
	/* "sha256:<hex>" would be a name and an id. */
	if (given && !strcmp(ref.name, "sha256"))
		return err_set(err, EINVAL, "\"%.300s\": an image cannot be named sha256, ids begin so", given);
	if (!given)
		*ret = mem_strdup("");
	else if (ref.digest)
		*ret = mem_printf("%s@%s", ref.name, ref.digest);
	else
		*ret = mem_printf("%s:%s", ref.name, ref.tag ? ref.tag : "latest");
	return 0;
}

int store_commit(struct image_store *s, struct image_lease *lease, const struct image_docs *docs, const char *ref,
		 enum image_replace replace, bool sync, struct image_info **ret, struct err *err)
{
	mem_cleanup char *name = NULL;
	char id[65];
	int r = clean_name(ref, docs, &name, err);

	if (r == 0)
		r = commit(s, lease, docs, name, replace, sync, id, err);
	return r < 0 ? r : image_find(s, *name ? name : id, ret, err);
}

int image_commit(struct image_store *s, struct image_lease *lease, const struct image_docs *docs, const char *ref,
		 enum image_replace replace, struct image_info **ret, struct err *err)
{
	return store_commit(s, lease, docs, ref, replace, true, ret, err);
}

static int tag(struct image_store *s, const char *name, const char *new_name, enum image_replace replace,
	       struct err *err)
{
	cleanup_with(image_info_freep) struct image_info *i = NULL;
	int r = image_find(s, name, &i, err);

	if (r == 0)
		r = store_name(s, new_name, i->digest + 7, i->index ? i->index + 7 : NULL, replace, err);
	if (r == 0)
		store_sweep(s);
	return r;
}

int image_tag(struct image_store *s, const char *name, const char *new_name, enum image_replace replace,
	      struct err *err)
{
	mem_cleanup char *clean = NULL;
	fd_cleanup int lock = -1;
	int r = clean_name(new_name, NULL, &clean, err);

	if (r < 0)
		return r;
	lock = store_lock(s, err);
	r = lock < 0 ? lock : store_refresh(s, err);
	if (r == 0)
		r = tag(s, name, clean, replace, err);
	fd_closep(&lock);
	if (r == 0)
		store_empty(s);
	return r;
}
