/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/cache_from.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/build/cache_doc.h"
#include "node/image/blob.h"
#include "node/image/layer.h"
#include "node/registry/artifact.h"
#include "node/registry/fetch.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

struct cache_from {
	struct cache_option o;
	struct artifact artifact; /* its layers are those of doc; without any: an image of the store */
	struct cache_doc doc;
	char *from;    /* of a registry */
	int dir;       /* of a directory */
	bool in_store; /* nothing is fetched */
};

struct cache_from *cache_from_close(struct cache_from *c)
{
	if (!c)
		return NULL;
	cache_option_free(&c->o);
	artifact_free(&c->artifact);
	cache_doc_free(&c->doc);
	free(c->from);
	fd_closep(&c->dir);
	free(c);
	return NULL;
}

/* ---- opening ---- */

/* An image of the store that carries a cache: 1. */
static int open_stored(struct cache_from *c, struct image_store *s)
{
	cleanup_with(image_info_freep) struct image_info *info = NULL;
	mem_cleanup char *config = NULL;
	size_t n;

	if (image_find(s, c->o.ref, &info, NULL) < 0 ||
	    image_blob_read(s, info->id + strlen("sha256:"), CACHE_DOC_BYTES_MAX, &config, &n, NULL) < 0)
		return 0;
	c->in_store = cache_doc_parse_config(config, n, &c->doc, NULL) == 0;
	return c->in_store;
}

static int open_dir(struct cache_from *c, const struct platform *want, struct err *err)
{
	cleanup_with(bundle_freep) struct bundle *b = NULL;
	int r;

	c->dir = open(c->o.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->dir < 0)
		return err_sys(err, errno, "open \"%s\"", c->o.dir);
	r = bundle_open_dir(c->dir, &b, err);
	return r < 0 ? r : artifact_read(b, c->o.tag, c->o.digest, want, &c->artifact, err);
}

static int parse_doc(struct cache_from *c, struct err *err)
{
	const struct artifact *a = &c->artifact;
	int r;

	if (!strcmp(a->manifest.config.media_type, CACHE_DOC_TYPE))
		r = cache_doc_parse(a->config, a->n_config, &c->doc, err);
	else if (manifest_is_image(&a->manifest, NULL) == 0)
		r = cache_doc_parse_config(a->config, a->n_config, &c->doc, err);
	else
		return err_set(err, EINVAL,
			       "it is neither an image nor a build cache of berth: its config is \"%.100s\"",
			       a->manifest.config.media_type);
	if (r == 0 && c->doc.n_layers != a->manifest.n)
		r = err_set(err, EINVAL, "its manifest has %zu layers, its records are of %zu", a->manifest.n,
			    c->doc.n_layers);
	return r;
}

int cache_from_open(struct image_store *s, struct cache_option *o, const struct platform *want, struct cache_from **ret,
		    struct err *err)
{
	struct cache_from *c = mem_new(struct cache_from);
	int r = 0;

	*c = (struct cache_from){.o = *o, .artifact = ARTIFACT_INIT, .doc = CACHE_DOC_INIT, .dir = -1};
	*o = (struct cache_option){.ref = NULL};
	if ((!c->o.plain || !open_stored(c, s)) && !c->o.stored) {
		r = c->o.type == CACHE_LOCAL ? open_dir(c, want, err)
					     : registry_artifact_read(c->o.ref, want, &c->artifact, &c->from, err);
		if (r == 0)
			r = parse_doc(c, err);
	}
	if (r < 0) {
		if (err)
			err_wrap(err, "cache \"%s\"", c->o.name);
		cache_from_close(c);
		return r;
	}
	*ret = c;
	return 0;
}

/* ---- layers ---- */

const char *cache_from_find(const struct cache_from *c, const char *key)
{
	long at = cache_doc_find(&c->doc, key);

	return at < 0 ? NULL : c->doc.layers[at];
}

static int to_layer(void *ctx, const void *data, size_t n, struct err *err)
{
	int r = fd_write_all(*(const int *)ctx, data, n);

	return r < 0 ? err_sys(err, -r, "hand the layer to the process that unpacks it") : 0;
}

static int read_bytes(struct cache_from *c, const struct manifest_descriptor *d, int fd, struct err *err)
{
	cleanup_with(bundle_freep) struct bundle *b = NULL;
	const struct sink to = {.write = to_layer, .ctx = &fd};
	int r;

	if (c->from)
		return registry_fetch_blob(c->from, d->digest, d->size, &to, err);
	r = bundle_open_dir(c->dir, &b, err);
	return r < 0 ? r : artifact_read_layer(b, d, &to, err);
}

/* Another process may be at the same layer. */
static int begin(struct image_store *s, struct image_lease *lease, const struct image_layer_from *from,
		 const char *diff_hex, struct image_layer **ret, struct err *err)
{
	int r = image_layer_begin(s, lease, from, diff_hex, ret, err);

	while (r == IMAGE_LAYER_WAIT) {
		struct pollfd p = {.fd = image_layer_wait_fd(*ret), .events = POLLIN};

		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return err_sys(err, errno, "wait for another process");
		r = image_layer_again(*ret, err);
	}
	return r;
}

static int fetch(struct cache_from *c, struct image_store *s, struct image_lease *lease, size_t at, struct err *err)
{
	cleanup_with(image_layer_freep) struct image_layer *layer = NULL;
	const struct manifest_descriptor *d = &c->artifact.manifest.items[at];
	const struct image_layer_from from = {
	    .digest = d->digest, .size = (int64_t)d->size, .media_type = d->media_type, .from = c->from};
	struct image_unpacked u;
	struct err broken = ERR_INIT;
	int r = begin(s, lease, &from, c->doc.layers[at], &layer, err), sent;

	if (r != IMAGE_LAYER_BEGUN)
		return r < 0 ? r : 0;
	sent = read_bytes(c, d, image_layer_fd(layer), &broken);
	if (sent < 0 && sent != -EPIPE) {
		if (err)
			*err = broken;
		return sent;
	}
	/* Who unpacks knows why there is nobody to write to. */
	image_layer_close(layer);
	return image_layer_end(layer, &u, err);
}

int cache_from_fetch(struct cache_from *c, struct image_store *s, struct image_lease *lease, const char *key,
		     struct err *err)
{
	long at = cache_doc_find(&c->doc, key);
	void (*old)(int);
	int r;

	if (at < 0 || c->in_store)
		return err_set(err, ENOENT, "cache \"%s\": the layer is not there any more", c->o.name);
	old = signal(SIGPIPE, SIG_IGN);
	r = fetch(c, s, lease, (size_t)at, err);
	signal(SIGPIPE, old);
	return r < 0 && err ? err_wrap(err, "cache \"%s\"", c->o.name) : r;
}
