/* SPDX-License-Identifier: Apache-2.0
 *
 * Sizes and digests of all blobs are known before the first byte is written: a tar cannot be corrected afterwards. Plain layers are what
 * their records say; packed anew they wait in files without a name.
 */
#include "node/image/save.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "node/image/blob.h"
#include "node/image/docker_archive.h"
#include "node/image/layer.h"
#include "node/image/manifest.h"
#include "node/image/oci_layout.h"
#include "node/image/packed.h"
#include "node/image/save_out.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define BLOB_NAME_MAX 80
#define COPY_SIZE (128u << 10)
#define IMAGES_MAX DOCKER_ARCHIVE_IMAGES_MAX

/* A layer as it goes out. */
struct part {
	struct oci_blob blob;
	char diff[65];
	int staged; /* a file that holds it, or -1 */
};

struct saved {
	struct image_info *info;
	char **names;
	char *manifest, *config;
	size_t n_manifest, n_config;
	char manifest_hex[65];
	struct manifest parsed;
	struct part *parts;
	size_t n;
};

struct save {
	struct image_store *store;
	struct image_lease *lease;
	const struct image_save_options *o;
	struct saved *images;
	size_t n, cap;
	struct save_out out;
	struct map written; /* blobs */
};

static void save_free(struct save *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct saved *one = &s->images[i];

		for (size_t k = 0; k < one->n; k++)
			fd_closep(&one->parts[k].staged);
		free(one->parts);
		image_info_free(one->info);
		mem_strv_free(one->names);
		free(one->manifest);
		free(one->config);
		manifest_free(&one->parsed);
	}
	free(s->images);
	map_free(&s->written);
	save_out_free(&s->out);
	image_lease_free(s->lease);
}

static void tell(const struct save *s, const char *hex, const char *action, uint64_t done, uint64_t total)
{
	char id[13];

	if (!s->o->progress)
		return;
	snprintf(id, sizeof id, "%.12s", hex);
	s->o->progress(s->o->ctx, &(struct image_progress){.id = id, .action = action, .done = done, .total = total});
}

/* ---- what is saved ---- */

static bool has_name(char *const *names, const char *name)
{
	for (; names && *names; names++) {
		if (!strcmp(*names, name))
			return true;
	}
	return false;
}

/* An image that was asked for by its name is saved under that name; by an id, under none. */
static void add_name(struct saved *one, const char *asked, const struct image_info *info)
{
	mem_cleanup char *full = NULL;

	if (image_ref_normalise(asked, &full, NULL) < 0 || strcmp(full, info->name) != 0 || strchr(full, '@'))
		return;
	if (!has_name(one->names, full))
		mem_strv_add(&one->names, full);
}

static int add_image(struct save *s, const char *name, struct err *err)
{
	cleanup_with(image_info_freep) struct image_info *info = NULL;
	int r = image_find(s->store, name, &info, err);

	if (r == 0)
		r = image_lease_image(s->lease, info, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->n; i++) {
		if (!strcmp(s->images[i].info->digest, info->digest)) {
			add_name(&s->images[i], name, info);
			return 0;
		}
	}
	if (s->n >= IMAGES_MAX)
		return err_set(err, E2BIG, "an archive has at the most %u images", IMAGES_MAX);
	mem_grow(&s->images, &s->cap, s->n);
	s->images[s->n].parsed = (struct manifest)MANIFEST_INIT;
	add_name(&s->images[s->n], name, info);
	s->images[s->n++].info = mem_take(info);
	return 0;
}

static int read_documents(struct save *s, struct saved *one, struct err *err)
{
	int r =
	    image_blob_read(s->store, one->info->digest + 7, MANIFEST_BYTES_MAX, &one->manifest, &one->n_manifest, err);

	if (r == 0)
		r = manifest_parse(one->manifest, one->n_manifest, NULL, &one->parsed, err);
	if (r == 0)
		r = image_blob_read(s->store, one->info->id + 7, MANIFEST_BYTES_MAX, &one->config, &one->n_config, err);
	if (r == 0 && one->parsed.n != mem_strv_len(one->info->layers))
		r = err_set(err, EBADMSG, "its manifest and its config disagree about the layers");
	return r;
}

/* ---- layers ---- */

static const char *const layer_types[] = {MANIFEST_LAYER, MANIFEST_LAYER_GZIP, MANIFEST_LAYER_ZSTD};

static int stage_new(struct save *s, struct part *p, struct err *err)
{
	struct sink_fd file;
	struct sink to = sink_to_fd(&file);
	struct compressed packed;
	int r;

	p->staged = image_blob_stage(s->store, err);
	if (p->staged < 0)
		return p->staged;
	sink_fd_init(&file, p->staged, "a temporary file");
	tell(s, p->diff, "Packing layer", 0, 0);
	r = packed_new(s->store, p->diff, s->o->kind, s->o->level, &to, &packed, err);
	if (r < 0)
		return r;
	p->blob.media_type = layer_types[s->o->kind];
	p->blob.size = packed.size;
	snprintf(p->blob.hex, sizeof p->blob.hex, "%s", packed.hex);
	return 0;
}

static int plain_part(struct save *s, struct part *p, struct err *err)
{
	struct image_layer_meta meta;
	int r = image_layer_meta_read(s->store, p->diff, &meta, err);

	if (r < 0)
		return r;
	p->blob = (struct oci_blob){.media_type = MANIFEST_LAYER, .size = meta.tar_size};
	snprintf(p->blob.hex, sizeof p->blob.hex, "%s", p->diff);
	image_layer_meta_free(&meta);
	return 0;
}

/* The layer as the manifest has it, when that can be made again; else plain. */
static int stored_part(struct save *s, const struct manifest_descriptor *d, struct part *p, struct err *err)
{
	enum compress_kind kind;
	int level, r = packed_find(s->store, p->diff, d->digest, &kind, &level, err);

	if (r <= 0)
		return r < 0 ? r : plain_part(s, p, err);
	p->blob = (struct oci_blob){.media_type = d->media_type, .size = d->size};
	snprintf(p->blob.hex, sizeof p->blob.hex, "%s", d->digest);
	return 0;
}

static int choose_parts(struct save *s, struct saved *one, struct err *err)
{
	one->parts = mem_new_n(struct part, one->parsed.n + 1);
	for (one->n = 0; one->n < one->parsed.n;) {
		struct part *p = &one->parts[one->n];
		int r;

		p->staged = -1;
		snprintf(p->diff, sizeof p->diff, "%s", one->info->layers[one->n]);
		if (s->o->repack)
			r = s->o->kind == COMPRESS_NONE ? plain_part(s, p, err) : stage_new(s, p, err);
		else
			r = stored_part(s, &one->parsed.items[one->n], p, err);
		one->n++;
		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_as_stored(const struct saved *one)
{
	for (size_t i = 0; i < one->n; i++) {
		if (strcmp(one->parts[i].blob.hex, one->parsed.items[i].digest) != 0)
			return false;
	}
	return true;
}

static void make_manifest(struct saved *one)
{
	mem_cleanup struct oci_blob *layers = mem_new_n(struct oci_blob, one->n + 1);
	struct oci_blob config = {.media_type = MANIFEST_CONFIG, .size = one->n_config};

	snprintf(config.hex, sizeof config.hex, "%s", one->info->id + 7);
	for (size_t i = 0; i < one->n; i++) {
		layers[i] = one->parts[i].blob;
		/* A layer in a manifest of Docker's: the same bytes by OCI's name for them */
		if (!strncmp(layers[i].media_type, MANIFEST_DOCKER_LAYER, strlen(MANIFEST_DOCKER_LAYER)))
			layers[i].media_type = !strcmp(layers[i].media_type, MANIFEST_DOCKER_LAYER_GZIP)
						   ? MANIFEST_LAYER_GZIP
						   : MANIFEST_LAYER;
	}
	free(one->manifest);
	one->manifest = oci_manifest_text(&config, layers, one->n, &one->n_manifest);
}

static int prepare(struct save *s, struct saved *one, struct err *err)
{
	int r = read_documents(s, one, err);

	if (r == 0)
		r = choose_parts(s, one, err);
	if (r < 0)
		return r;
	if (!is_as_stored(one))
		make_manifest(one);
	sha256_of(one->manifest, one->n_manifest, one->manifest_hex);
	return 0;
}

/* ---- writing ---- */

static const char *blob_name(const char *hex, char text[static BLOB_NAME_MAX])
{
	snprintf(text, BLOB_NAME_MAX, "blobs/sha256/%s", hex);
	return text;
}

/* False when the archive has it already. */
static bool is_new(struct save *s, const char *hex)
{
	return !map_put(&s->written, hex, s);
}

static int write_document(struct save *s, const char *hex, const char *text, size_t n, struct err *err)
{
	char name[BLOB_NAME_MAX];

	return is_new(s, hex) ? save_out_text(&s->out, blob_name(hex, name), text, n, err) : 0;
}

static int copy_staged(struct save *s, const struct part *p, struct err *err)
{
	mem_cleanup char *data = mem_zalloc(1, COPY_SIZE);
	uint64_t done = 0;

	while (done < p->blob.size) {
		ssize_t n = pread(p->staged, data, COPY_SIZE, (off_t)done);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(err, n < 0 ? errno : EIO, "read a temporary file");
		r = save_out_write(&s->out, data, (size_t)n, err);
		if (r < 0)
			return r;
		done += (uint64_t)n;
	}
	return 0;
}

struct counted {
	struct save *s;
	const struct part *p;
	uint64_t done;
};

static int write_counted(void *ctx, const void *data, size_t n, struct err *err)
{
	struct counted *c = ctx;

	c->done += n;
	tell(c->s, c->p->diff, "Saving layer", c->done, c->p->blob.size);
	return save_out_write(&c->s->out, data, n, err);
}

static int write_layer(struct save *s, const struct part *p, struct err *err)
{
	struct counted c = {.s = s, .p = p};
	struct compressed packed;
	char name[BLOB_NAME_MAX];
	int r;

	if (!is_new(s, p->blob.hex))
		return 0;
	r = save_out_begin(&s->out, blob_name(p->blob.hex, name), p->blob.size, err);
	if (r == 0 && p->staged >= 0)
		r = copy_staged(s, p, err);
	else if (r == 0)
		r = packed_write(s->store, p->diff, p->blob.hex, &(struct sink){write_counted, &c}, &packed, err);
	return r < 0 ? r : save_out_end(&s->out, p->blob.size, err);
}

static int write_blobs(struct save *s, const struct saved *one, struct err *err)
{
	int r = write_document(s, one->manifest_hex, one->manifest, one->n_manifest, err);

	if (r == 0)
		r = write_document(s, one->info->id + 7, one->config, one->n_config, err);
	for (size_t i = 0; r == 0 && i < one->n; i++)
		r = write_layer(s, &one->parts[i], err);
	return r;
}

static int write_index(struct save *s, struct err *err)
{
	mem_cleanup struct oci_entry *entries = mem_new_n(struct oci_entry, s->n + 1);
	mem_cleanup char *text = NULL;
	size_t n;

	for (size_t i = 0; i < s->n; i++) {
		const struct saved *one = &s->images[i];

		entries[i].manifest = (struct oci_blob){
		    .media_type = one->parsed.media_type ? one->parsed.media_type : MANIFEST_OCI,
		    .size = one->n_manifest,
		};
		if (!is_as_stored(one))
			entries[i].manifest.media_type = MANIFEST_OCI;
		snprintf(entries[i].manifest.hex, sizeof entries[i].manifest.hex, "%s", one->manifest_hex);
		entries[i].names = one->names;
	}
	text = oci_index_text(entries, s->n, &n);
	return save_out_text(&s->out, OCI_INDEX_NAME, text, n, err);
}

static void docker_image(const struct saved *one, struct docker_image *ret)
{
	char name[BLOB_NAME_MAX];

	ret->config = mem_strdup(blob_name(one->info->id + 7, name));
	ret->tags = one->names ? mem_strv_dup(one->names) : NULL;
	for (size_t i = 0; i < one->n; i++)
		mem_strv_add(&ret->layers, blob_name(one->parts[i].blob.hex, name));
}

/* manifest.json and repositories, for docker. */
static int write_docker(struct save *s, struct err *err)
{
	struct docker_archive a cleanup_with(docker_archive_free) = {.n = s->n};
	mem_cleanup char **tops = mem_new_n(char *, s->n + 1);
	mem_cleanup char *list = NULL, *repositories = NULL;
	size_t n_list, n_repositories;
	int r;

	a.images = mem_new_n(struct docker_image, s->n + 1);
	for (size_t i = 0; i < s->n; i++) {
		docker_image(&s->images[i], &a.images[i]);
		tops[i] = s->images[i].n ? s->images[i].parts[s->images[i].n - 1].diff : s->images[i].info->id + 7;
	}
	list = docker_archive_text(&a, &n_list);
	repositories = docker_repositories_text(&a, tops, &n_repositories);
	r = save_out_text(&s->out, DOCKER_ARCHIVE_NAME, list, n_list, err);
	return r < 0 ? r : save_out_text(&s->out, DOCKER_REPOSITORIES_NAME, repositories, n_repositories, err);
}

/* The lists first, so that who reads from a pipe knows what the blobs are when they come. */
static int write_all(struct save *s, struct err *err)
{
	int r = save_out_text(&s->out, OCI_LAYOUT_NAME, OCI_LAYOUT_TEXT, strlen(OCI_LAYOUT_TEXT), err);

	if (r == 0)
		r = write_index(s, err);
	if (r == 0 && s->o->format == IMAGE_SAVE_DOCKER && !s->out.is_dir)
		r = write_docker(s, err);
	for (size_t i = 0; r == 0 && i < s->n; i++) {
		r = write_blobs(s, &s->images[i], err);
		if (r < 0)
			return err_wrap(err, "save \"%s\"", s->images[i].info->name);
	}
	return r < 0 ? r : save_out_close(&s->out, err);
}

static int save_names(struct save *s, char *const *names, int fd, struct err *err)
{
	int r = 0;

	for (; r == 0 && *names; names++)
		r = add_image(s, *names, err);
	if (r == 0 && s->o->as && s->n > 0) {
		mem_strv_free(s->images[0].names);
		s->images[0].names = mem_strv_dup(s->o->as);
	}
	for (size_t i = 0; r == 0 && i < s->n; i++) {
		r = prepare(s, &s->images[i], err);
		if (r < 0)
			return err_wrap(err, "save \"%s\"", s->images[i].info->name);
	}
	if (r == 0)
		r = save_out_open(&s->out, fd, err);
	return r < 0 ? r : write_all(s, err);
}

int image_save(struct image_store *store, char *const *names, int fd, const struct image_save_options *o,
	       struct err *err)
{
	struct save s = {.store = store, .o = o, .written = MAP_INIT, .out = {.file = -1}};
	void (*old)(int) = signal(SIGPIPE, SIG_IGN);
	struct err own = ERR_INIT;
	int r;

	err = err ? err : &own;
	r = image_lease_new(store, "save", &s.lease, err);
	if (r == 0)
		r = save_names(&s, names, fd, err);
	save_free(&s);
	signal(SIGPIPE, old);
	return r;
}
