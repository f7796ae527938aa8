/* SPDX-License-Identifier: Apache-2.0 */
#include "node/registry/push.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/core/sha256.h"
#include "base/wire/json.h"
#include "node/image/blob.h"
#include "node/image/config.h"
#include "node/image/layer.h"
#include "node/image/lease.h"
#include "node/image/manifest.h"
#include "node/image/packed.h"
#include "node/registry/remote.h"
#include "node/registry/send_layer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A layer as the registry has it in the end. */
struct part {
	char hex[65];
	uint64_t size;
	const char *media_type; /* NULL = as the manifest says */
};

struct push {
	struct image_store *store;
	struct name name;
	const struct registry_push_options *o;
	struct remote remote;
	struct image_lease *lease;
	struct image_info *info;
	char *manifest_text, *config_text;
	size_t n_manifest, n_config;
	struct manifest manifest;
	struct part *parts;
	char *scope;
};

static void push_free(struct push *p)
{
	name_free(&p->name);
	manifest_free(&p->manifest);
	image_info_free(p->info);
	image_lease_free(p->lease);
	free(p->manifest_text);
	free(p->config_text);
	free(p->parts);
	free(p->scope);
	remote_close(&p->remote);
}

void registry_pushed_free(struct registry_pushed *p)
{
	free(mem_take(p->host));
}

static void tell(const struct push *p, const char *id, const char *action)
{
	const struct image_progress event = {.id = id, .action = action};

	if (p->o->progress)
		p->o->progress(p->o->ctx, &event);
}

static struct send send_of(const struct push *p, const char *id)
{
	return (struct send){.session = p->remote.sessions[0],
			     .repo = p->name.repo,
			     .scope = p->scope,
			     .id = id,
			     .progress = p->o->progress,
			     .ctx = p->o->ctx};
}

/* ---- one layer ---- */

struct layer {
	struct push *p;
	const struct manifest_descriptor *d;
	const char *diff;
	struct part *part;
	struct image_layer_meta meta;
	struct send send;
	char id[13];
};

static int gone_already(struct layer *l, const char *hex, uint64_t size, const char *action)
{
	snprintf(l->part->hex, sizeof l->part->hex, "%s", hex);
	l->part->size = size;
	tell(l->p, l->id, action);
	return 1;
}

/* The name of another repository on the same registry that has the blob; NULL = none. */
static const char *neighbour(const struct layer *l)
{
	size_t n = strlen(l->p->name.host);
	const char *from = l->meta.from;

	if (!from || strcmp(l->meta.packed, l->d->digest) != 0 || strncmp(from, l->p->name.host, n) != 0 ||
	    from[n] != '/')
		return NULL;
	return strcmp(from + n + 1, l->p->name.repo) != 0 ? from + n + 1 : NULL;
}

/* The blob as the manifest has it. 1 = done, 0 = it cannot be made. */
static int as_it_is(struct layer *l, struct err *err)
{
	struct packer_job j = {.store = l->p->store, .diff_hex = l->diff, .hex = l->d->digest, .size = l->d->size};
	enum compress_kind kind;
	struct compressed c;
	int level, r = packed_find(l->p->store, l->diff, l->d->digest, &kind, &level, err);

	if (r < 0)
		return r;
	if (r == 0 && (!l->meta.from || strcmp(l->meta.packed, l->d->digest) != 0))
		return 0;
	j.way = r == 1 ? PACKER_AGAIN : PACKER_FETCH;
	j.from = l->meta.from;
	r = send_layer(&l->send, &j, 0, &c, err);
	if (r == 0)
		return gone_already(l, l->d->digest, l->d->size, "Pushed");
	if (j.way == PACKER_AGAIN)
		return r;
	/* Where it came from it is no more, or not for us: it is packed anew. */
	tell(l->p, l->id, "Cannot be fetched again from where it came, is packed anew");
	err_clear(err);
	return 0;
}

static const char *new_type(const struct push *p, enum compress_kind kind)
{
	bool docker = strcmp(p->manifest.media_type, MANIFEST_DOCKER) == 0 && kind != COMPRESS_ZSTD;

	switch (kind) {
	case COMPRESS_GZIP:
		return docker ? MANIFEST_DOCKER_LAYER_GZIP : MANIFEST_LAYER_GZIP;
	case COMPRESS_ZSTD:
		return MANIFEST_LAYER_ZSTD;
	default:
		return docker ? MANIFEST_DOCKER_LAYER : MANIFEST_LAYER;
	}
}

static int packed_anew(struct layer *l, struct err *err)
{
	const struct registry_push_options *o = l->p->o;
	const struct packer_job j = {.store = l->p->store,
				     .diff_hex = l->diff,
				     .way = PACKER_NEW,
				     .kind = o->repack ? o->kind : COMPRESS_GZIP,
				     .level = o->repack ? o->level : COMPRESS_LEVEL_DEFAULT};
	struct compressed c;
	int r = send_layer(&l->send, &j, l->p->remote.hosts.chunk, &c, err);

	if (r < 0)
		return r;
	l->part->media_type = new_type(l->p, j.kind);
	return gone_already(l, c.hex, c.size, "Pushed");
}

static int mount_from(struct layer *l, const char *repo, struct err *err)
{
	int r = send_begin(&l->send, l->d->digest, repo, err);

	return r == 1 ? gone_already(l, l->d->digest, l->d->size, "Mounted from another repository") : r;
}

/* A plain tar that was never anywhere: it has no digest that anybody else could know. */
static bool is_plain_of_ours(const struct layer *l)
{
	return !l->meta.from && strcmp(l->d->digest, l->diff) == 0;
}

static int push_one(struct layer *l, struct err *err)
{
	const char *repo = neighbour(l);
	int r = 0;

	tell(l->p, l->id, "Preparing");
	if (!l->p->o->repack)
		r = send_exists(&l->send, l->d->digest, NULL, err);
	if (r == 1)
		return gone_already(l, l->d->digest, l->d->size, "Layer already exists");
	if (r == 0 && !l->p->o->repack && repo)
		r = mount_from(l, repo, err);
	if (r == 0 && !l->p->o->repack && !is_plain_of_ours(l))
		r = as_it_is(l, err);
	return r == 0 ? packed_anew(l, err) : r;
}

static int push_layer(struct push *p, size_t i, struct err *err)
{
	struct layer l = {.p = p, .d = &p->manifest.items[i], .diff = p->info->layers[i], .part = &p->parts[i]};
	int r = image_layer_meta_read(p->store, l.diff, &l.meta, err);

	if (r < 0)
		return r;
	snprintf(l.id, sizeof l.id, "%.12s", l.d->digest);
	l.send = send_of(p, l.id);
	r = push_one(&l, err);
	/* What is streamed cannot be sent twice: the layer is begun again. */
	for (int tries = 1; r == -ECONNRESET && tries < p->remote.hosts.attempts; tries++) {
		tell(p, l.id, "Retrying");
		err_clear(err);
		r = transport_step(p->remote.transport, NULL, 0, p->remote.hosts.retry_delay_ms * tries, err);
		if (r == 0)
			r = push_one(&l, err);
	}
	send_free(&l.send);
	image_layer_meta_free(&l.meta);
	return r < 0 ? err_wrap(err, "layer %s", l.id) : 0;
}

/* ---- the documents ---- */

static int read_documents(struct push *p, struct err *err)
{
	mem_cleanup char *local = name_local(&p->name);
	int r = image_find(p->store, local, &p->info, err);

	if (r == 0)
		r = image_lease_new(p->store, "push", &p->lease, err);
	if (r == 0)
		r = image_lease_image(p->lease, p->info, err);
	if (r == 0)
		r = image_blob_read(p->store, p->info->digest + strlen("sha256:"), MANIFEST_BYTES_MAX,
				    &p->manifest_text, &p->n_manifest, err);
	if (r == 0)
		r = image_blob_read(p->store, p->info->id + strlen("sha256:"), CONFIG_BYTES_MAX, &p->config_text,
				    &p->n_config, err);
	if (r == 0)
		r = manifest_parse(p->manifest_text, p->n_manifest, NULL, &p->manifest, err);
	if (r == 0 && p->manifest.n != mem_strv_len(p->info->layers))
		r = err_set(err, EINVAL, "image %s: its manifest and its config do not fit each other", local);
	return r;
}

static int push_config(struct push *p, struct err *err)
{
	struct send s = send_of(p, "config");
	int r = send_exists(&s, p->manifest.config.digest, NULL, err);

	if (r == 0)
		r = send_text(&s, p->manifest.config.digest, p->config_text, p->n_config, err);
	send_free(&s);
	return r < 0 ? r : 0;
}

static bool is_changed(const struct push *p)
{
	for (size_t i = 0; i < p->manifest.n; i++) {
		if (p->parts[i].media_type)
			return true;
	}
	return false;
}

/* The manifest with the layers as they are now; all else stays. A layer packed with zstd makes Docker's manifest an OCI one. */
static int write_manifest(struct push *p, struct err *err)
{
	yyjson_doc *doc json_doc_cleanup =
	    json_parse(p->manifest_text, p->n_manifest, MANIFEST_BYTES_MAX, "the manifest", err);
	yyjson_mut_doc *out json_mut_cleanup = doc ? yyjson_doc_mut_copy(doc, NULL) : NULL;
	yyjson_mut_val *layers = out ? yyjson_mut_obj_get(yyjson_mut_doc_get_root(out), "layers") : NULL, *one;
	size_t i, max;

	if (!out)
		return -EINVAL;
	yyjson_mut_arr_foreach (layers, i, max, one) {
		mem_cleanup char *digest = mem_printf("sha256:%s", p->parts[i].hex);

		if (!p->parts[i].media_type)
			continue;
		yyjson_mut_obj_put(one, yyjson_mut_str(out, "mediaType"), yyjson_mut_str(out, p->parts[i].media_type));
		yyjson_mut_obj_put(one, yyjson_mut_str(out, "digest"), yyjson_mut_strcpy(out, digest));
		yyjson_mut_obj_put(one, yyjson_mut_str(out, "size"), yyjson_mut_uint(out, p->parts[i].size));
	}
	free(p->manifest_text);
	p->manifest_text = json_text(out, false, &p->n_manifest);
	return 0;
}

/* The store takes the manifest over, so that the name has one digest here and there. */
static int take_over(struct push *p, struct err *err)
{
	cleanup_with(image_info_freep) struct image_info *info = NULL;
	mem_cleanup char *local = name_local(&p->name);
	const struct image_docs docs = {.manifest = p->manifest_text,
					.n_manifest = p->n_manifest,
					.media_type = p->manifest.media_type,
					.config = p->config_text,
					.n_config = p->n_config};

	return image_commit(p->store, p->lease, &docs, p->name.digest ? NULL : local, IMAGE_REPLACE_YES, &info, err);
}

static int push_manifest(struct push *p, struct registry_pushed *ret, struct err *err)
{
	struct send s = send_of(p, name_reference(&p->name));
	char hex[SHA256_HEX_MAX];
	int r = 0;

	ret->changed = is_changed(p);
	if (ret->changed)
		r = write_manifest(p, err);
	if (r == 0)
		r = send_manifest(&s, name_reference(&p->name), p->manifest.media_type, p->manifest_text, p->n_manifest,
				  err);
	if (r == 0 && ret->changed)
		r = take_over(p, err);
	send_free(&s);
	if (r < 0)
		return r;
	sha256_of(p->manifest_text, p->n_manifest, hex);
	snprintf(ret->digest, sizeof ret->digest, "sha256:%s", hex);
	ret->size = p->n_manifest;
	ret->host = mem_strdup(p->name.host);
	return 0;
}

int registry_push(struct image_store *s, const char *image, const struct registry_push_options *o,
		  struct registry_pushed *ret, struct err *err)
{
	cleanup_with(push_free) struct push p = {.store = s, .o = o, .remote = REMOTE_INIT};
	int r = name_parse(image, &p.name, err);

	if (r == 0 && p.name.digest)
		r = err_set(err, EINVAL, "\"%s\": what is pushed is named by a tag, the registry makes the digest",
			    image);
	if (r == 0)
		r = read_documents(&p, err);
	if (r == 0)
		r = remote_open(p.name.host, false, &p.remote, err);
	if (r < 0)
		return r;
	p.scope = remote_scope(p.name.repo, "pull,push");
	p.parts = mem_new_n(struct part, p.manifest.n + 1);
	for (size_t i = 0; r == 0 && i < p.manifest.n; i++)
		r = push_layer(&p, i, err);
	if (r == 0)
		r = push_config(&p, err);
	if (r == 0)
		r = push_manifest(&p, ret, err);
	return r < 0 ? err_wrap(err, "push of %s", p.name.local) : 0;
}
