/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/load.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/image/docker_archive.h"
#include "node/image/layer.h"
#include "node/image/load_impl.h"
#include "node/image/store.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define COPY_SIZE (64u << 10)

void image_loads_free(struct image_loads *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].name);
		free(l->v[i].taken);
		free(l->v[i].taken_by);
		free(l->v[i].moved_from);
		free(l->v[i].id);
		free(l->v[i].digest);
	}
	free(l->v);
	*l = (struct image_loads){.n = 0};
}

static void tell(const struct load *l, const char *hex, const char *action, uint64_t done, uint64_t total)
{
	char id[13];

	if (!l->o->progress)
		return;
	snprintf(id, sizeof id, "%.12s", hex);
	l->o->progress(l->o->ctx, &(struct image_progress){.id = id, .action = action, .done = done, .total = total});
}

/* ---- layers ---- */

/* A worker that has enough (or has failed) closes its end: EPIPE is no failure of ours, image_layer_end() says what it is. */
static int feed(struct load *l, struct image_layer *layer, const struct bundle_member *m, const char *hex,
		struct err *err)
{
	mem_cleanup char *data = mem_zalloc(1, COPY_SIZE);
	uint64_t done = 0;

	while (done < m->size) {
		uint64_t left = m->size - done;
		ssize_t n = pread(m->fd, data, left < COPY_SIZE ? left : COPY_SIZE, (off_t)(m->offset + done));
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(err, n < 0 ? errno : EIO, "read the archive");
		r = fd_write_all(image_layer_fd(layer), data, (size_t)n);
		if (r == -EPIPE)
			return 0;
		if (r < 0)
			return err_sys(err, -r, "hand the layer to the process that unpacks it");
		done += (uint64_t)n;
		tell(l, hex, "Loading layer", done, m->size);
	}
	return 0;
}

static int begin(struct load *l, const struct image_layer_from *from, const char *diff_hex, struct image_layer **ret,
		 struct err *err)
{
	int r = image_layer_begin(l->store, l->lease, from, diff_hex, ret, err);

	while (r == IMAGE_LAYER_WAIT) {
		struct pollfd p = {.fd = image_layer_wait_fd(*ret), .events = POLLIN};

		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return err_sys(err, errno, "wait for another process");
		r = image_layer_again(*ret, err);
	}
	return r;
}

static int size_of_layer(struct load *l, const char *diff_hex, uint64_t *ret, struct err *err)
{
	struct image_layer_meta meta;
	int r = image_layer_meta_read(l->store, diff_hex, &meta, err);

	if (r < 0)
		return r;
	*ret = meta.tar_size;
	image_layer_meta_free(&meta);
	return 0;
}

int load_layer(struct load *l, const char *member, const struct oci_blob *blob, const char *diff_hex,
	       uint64_t *ret_size, struct err *err)
{
	cleanup_with(image_layer_freep) struct image_layer *layer = NULL;
	struct image_layer_from from = {.size = -1};
	struct image_unpacked u;
	struct bundle_member m;
	int r;

	if (blob)
		from = (struct image_layer_from){
		    .digest = blob->hex, .size = (int64_t)blob->size, .media_type = blob->media_type};
	r = begin(l, &from, diff_hex, &layer, err);
	if (r < 0)
		return r;
	if (r == IMAGE_LAYER_THERE) {
		tell(l, diff_hex, "Already exists", 0, 0);
		return size_of_layer(l, diff_hex, ret_size, err);
	}
	r = bundle_find(l->bundle, member, &m, err);
	if (r == 0 && blob && m.size != blob->size)
		r = err_set(err, EINVAL, "\"%.300s\" has %llu bytes, but the manifest says %llu", member,
			    (unsigned long long)m.size, (unsigned long long)blob->size);
	if (r == 0)
		r = feed(l, layer, &m, diff_hex, err);
	if (r < 0)
		return r;
	image_layer_close(layer);
	r = image_layer_end(layer, &u, err);
	if (r == 0)
		*ret_size = u.tar_size;
	return r;
}

/* ---- images ---- */

static struct image_loaded *add_loaded(struct load *l, const struct image_info *i, const char *name)
{
	struct image_loaded *one;

	mem_grow(&l->loads->v, &l->loads->cap, l->loads->n);
	one = &l->loads->v[l->loads->n++];
	one->id = mem_strdup(i->id);
	one->digest = mem_strdup(i->digest);
	one->name = mem_strdup(name);
	return one;
}

int load_may_come(const struct load *l, const char *config_hex, struct err *err)
{
	if (!l->o->only || (!strncmp(l->o->only, "sha256:", 7) && !strcmp(l->o->only + 7, config_hex)))
		return 0;
	return err_set(err, EINVAL, "the archive has the image sha256:%s in the place of %.80s", config_hex,
		       l->o->only);
}

static int commit_unnamed(struct load *l, const struct image_docs *docs, const char *taken,
			  const struct image_info *taken_by, struct err *err)
{
	cleanup_with(image_info_freep) struct image_info *i = NULL;
	struct image_loaded *one;
	int r = image_commit(l->store, l->lease, docs, NULL, IMAGE_REPLACE_NO, &i, err);

	if (r < 0)
		return r;
	one = add_loaded(l, i, NULL);
	one->taken = mem_strdup(taken);
	one->taken_by = taken_by ? mem_strdup(taken_by->id) : NULL;
	return 0;
}

/* An image of this id that has the name already keeps its own manifest, which may be the one of a registry. */
static int commit_named(struct load *l, const struct image_docs *docs, const char *config_hex, const char *raw,
			struct err *err)
{
	cleanup_with(image_info_freep) struct image_info *i = NULL, *old = NULL;
	mem_cleanup char *name = NULL;
	struct image_loaded *one;
	int r = image_ref_normalise(raw, &name, err);

	if (r < 0)
		return r;
	if (strchr(name, '@'))
		return err_set(err, EINVAL, "\"%.300s\" has a digest; an image of an archive has a name and a tag",
			       raw);
	(void)image_find(l->store, name, &old, NULL);
	if (old && !strcmp(old->id + 7, config_hex)) {
		add_loaded(l, old, name);
		return 0;
	}
	if (old && !l->o->force)
		return commit_unnamed(l, docs, name, old, err);
	r = image_commit(l->store, l->lease, docs, name, l->o->force ? IMAGE_REPLACE_KEEP : IMAGE_REPLACE_NO, &i, err);
	/* Another process gave the name meanwhile */
	if (r == -EEXIST)
		return commit_unnamed(l, docs, name, NULL, err);
	if (r < 0)
		return r;
	one = add_loaded(l, i, name);
	one->moved_from = old ? mem_strdup(old->id) : NULL;
	return 0;
}

int load_commit(struct load *l, const struct image_docs *docs, const char *config_hex, char *const *names,
		struct err *err)
{
	int r = 0;

	if (l->o->name)
		return commit_named(l, docs, config_hex, l->o->name, err);
	if (l->o->pick || l->o->only || !names || !*names)
		return commit_unnamed(l, docs, NULL, NULL, err);
	for (; r == 0 && *names; names++) {
		mem_cleanup char *name = oci_name_short(*names);

		r = commit_named(l, docs, config_hex, name, err);
	}
	return r;
}

/* ---- archives ---- */

static bool has_member(struct load *l, const char *name)
{
	struct bundle_member m;

	return bundle_find(l->bundle, name, &m, NULL) == 0;
}

static int load_any(struct load *l, struct err *err)
{
	if (has_member(l, OCI_INDEX_NAME))
		return load_oci(l, err);
	if (l->o->pick)
		return err_set(err, EINVAL, "it is no OCI layout: it has no " OCI_INDEX_NAME);
	if (has_member(l, DOCKER_ARCHIVE_NAME))
		return load_docker(l, err);
	if (has_member(l, DOCKER_REPOSITORIES_NAME))
		return err_set(err, EINVAL,
			       "the archive was written by a docker older than 1.10, which is not supported; load it "
			       "there and save it with a newer one");
	return err_set(err, EINVAL,
		       "there are no images in it: neither " OCI_INDEX_NAME " (OCI layout) nor " DOCKER_ARCHIVE_NAME
		       " (docker save); a root filesystem is taken by `berth image import`");
}

static int load_bundle(struct load *l, int fd, int tmp, struct err *err)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "look at the archive");
	r = S_ISDIR(st.st_mode) ? bundle_open_dir(fd, &l->bundle, err) : bundle_open_tar(fd, tmp, 0, &l->bundle, err);
	if (r == 0)
		r = load_any(l, err);
	l->bundle = bundle_free(l->bundle);
	return r;
}

int image_load(struct image_store *s, int fd, const struct image_load_options *o, struct image_loads *ret,
	       struct err *err)
{
	struct load l = {.store = s, .o = o, .loads = ret};
	void (*old)(int) = signal(SIGPIPE, SIG_IGN);
	struct err own = ERR_INIT;
	fd_cleanup int tmp = -1;
	char name[64];
	int r;

	err = err ? err : &own;
	*ret = (struct image_loads){.n = 0};
	if (o->platform)
		l.platform = *o->platform;
	else
		platform_host(&l.platform);
	r = image_lease_new(s, "load", &l.lease, err);
	if (r == 0)
		r = image_lease_tmp(l.lease, &tmp, name, err);
	if (r == 0) {
		r = load_bundle(&l, fd, tmp, err);
		(void)fs_remove_tree(s->tmp, name, NULL);
	}
	image_lease_free(l.lease);
	signal(SIGPIPE, old);
	return r;
}
