/* SPDX-License-Identifier: Apache-2.0 */
#include "node/registry/pull.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/image/config.h"
#include "node/image/lease.h"
#include "node/image/manifest.h"
#include "node/image/store.h"
#include "node/registry/download.h"
#include "node/registry/remote.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#define WAIT_MS 1000

/* One pull. */
struct pull {
	struct image_store *store;
	struct remote *remote;
	const struct name *name;
	const struct registry_pull_options *o;
	struct platform want;
	struct image_lease *lease;
	struct remote_document index, document, config; /* index.text NULL: the name means a manifest */
	struct manifest manifest;
	struct image_info *info; /* of the config: the diff ids */
	char *from;		 /* "host/repo", for the records */
	bool fresh;
};

static void pull_free(struct pull *p)
{
	remote_document_free(&p->index);
	remote_document_free(&p->document);
	remote_document_free(&p->config);
	manifest_free(&p->manifest);
	image_info_free(p->info);
	image_lease_free(p->lease);
	free(p->from);
}

void registry_pulled_free(struct registry_pulled *p)
{
	image_info_free(p->info);
	free(p->name);
	*p = (struct registry_pulled){.info = NULL};
}

static void tell(const struct pull *p, const char *id, const char *action)
{
	const struct image_progress event = {.id = id, .action = action};

	if (p->o->progress)
		p->o->progress(p->o->ctx, &event);
}

/* ---- which manifest ---- */

static int choose(struct pull *p, struct manifest *index, struct err *err)
{
	const struct manifest_descriptor *d;
	mem_cleanup char *digest = NULL;
	int r = manifest_choose(index, &p->want, &d, err);

	if (r < 0)
		return err_wrap(err, "image %s", p->name->local);
	digest = mem_printf("sha256:%s", d->digest);
	p->index = p->document;
	p->document = (struct remote_document){.text = NULL};
	r = remote_manifest(p->remote, p->name->repo, digest, &p->document, err);
	if (r < 0)
		return r;
	if (p->document.n != d->size)
		return err_set(err, EBADMSG, "manifest %s of %s has %zu bytes, not %" PRIu64 " as the index says",
			       digest, p->name->local, p->document.n, d->size);
	/* What the index calls it is what it must be (the server may have said something else). */
	return manifest_parse(p->document.text, p->document.n, d->media_type, &p->manifest, err);
}

static int find_manifest(struct pull *p, struct err *err)
{
	cleanup_with(manifest_free) struct manifest first = MANIFEST_INIT;
	int r = remote_manifest(p->remote, p->name->repo, name_reference(p->name), &p->document, err);

	if (r == 0)
		r = manifest_parse(p->document.text, p->document.n, p->document.media_type, &first, err);
	if (r < 0)
		return r;
	if (first.is_index) {
		r = choose(p, &first, err);
	} else {
		p->manifest = first;
		first = (struct manifest)MANIFEST_INIT;
	}
	if (r == 0 && p->manifest.is_index)
		r = err_set(err, EINVAL, "an index inside of an index is not understood");
	if (r == 0)
		r = manifest_is_image(&p->manifest, err);
	return r < 0 ? err_wrap(err, "image %s", p->name->local) : 0;
}

/* ---- what it consists of ---- */

static int check_platform(struct pull *p, struct err *err)
{
	struct platform have;
	char want[PLATFORM_TEXT_MAX];

	if (p->index.text || !p->info->platform || platform_parse(p->info->platform, &have, NULL) < 0 ||
	    platform_match(&p->want, &have) > 0)
		return 0;
	if (p->o->platform)
		return err_set(err, ENOENT, "image %s is there for %s only, not for %s", p->name->local,
			       p->info->platform, platform_text(&p->want, want));
	tell(p, "", "The image is for another platform than this machine's");
	return 0;
}

static int find_config(struct pull *p, struct err *err)
{
	const struct manifest_descriptor *d = &p->manifest.config;
	int r = remote_blob(p->remote, p->name->repo, d->digest, d->size, CONFIG_BYTES_MAX, &p->config, err);

	if (r == 0)
		r = config_parse(p->config.text, p->config.n, &p->info, err);
	if (r == 0 && mem_strv_len(p->info->layers) != p->manifest.n)
		r = err_set(err, EINVAL, "the manifest has %zu layers, the config %zu", p->manifest.n,
			    mem_strv_len(p->info->layers));
	if (r == 0)
		r = check_platform(p, err);
	return r < 0 ? err_wrap(err, "image %s", p->name->local) : 0;
}

/* ---- layers ---- */

static bool seen_before(const struct pull *p, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (strcmp(p->info->layers[k], p->info->layers[i]) == 0)
			return true;
	}
	return false;
}

struct slots {
	struct download *d[16];
	struct transport_fd fds[16];
	size_t n, next; /* in use; of the manifest's layers */
};

static void slots_free(struct slots *s)
{
	for (size_t i = 0; i < s->n; i++)
		download_free(s->d[i]);
	s->n = 0;
}

static void fill_slots(struct pull *p, struct slots *s)
{
	size_t most = (size_t)p->remote->hosts.downloads;

	for (; s->n < most && s->next < p->manifest.n; s->next++) {
		const struct download_of of = {.remote = p->remote,
					       .first = p->document.from,
					       .repo = p->name->repo,
					       .from = p->from,
					       .blob = &p->manifest.items[s->next],
					       .diff_hex = p->info->layers[s->next],
					       .store = p->store,
					       .lease = p->lease,
					       .progress = p->o->progress,
					       .ctx = p->o->ctx};

		if (!seen_before(p, s->next))
			s->d[s->n++] = download_new(&of);
	}
}

static int step_slots(struct slots *s, bool *ret_ended, struct err *err)
{
	*ret_ended = false;
	for (size_t i = 0; i < s->n;) {
		int r = download_step(s->d[i], err);

		if (r < 0)
			return r;
		if (r == 0) {
			i++;
			continue;
		}
		*ret_ended = true;
		download_free(s->d[i]);
		s->d[i] = s->d[--s->n];
	}
	return 0;
}

static int wait_for_slots(struct pull *p, struct slots *s, struct err *err)
{
	int least = WAIT_MS;

	for (size_t i = 0; i < s->n; i++) {
		int ms;

		download_wait(s->d[i], &s->fds[i], &ms);
		if (ms >= 0 && ms < least)
			least = ms;
	}
	return transport_step(p->remote->transport, s->fds, s->n, least, err);
}

struct room {
	uint64_t need, have;
};

/* Before anything was written: packed, what is not here yet; and what is free. */
static struct room look_at_room(const struct pull *p)
{
	struct statvfs fs = {.f_bavail = 0};
	struct room room = {.need = 0};

	for (size_t i = 0; i < p->manifest.n; i++)
		room.need += seen_before(p, i) ? 0 : p->manifest.items[i].size;
	(void)fstatvfs(p->store->root, &fs);
	room.have = (uint64_t)fs.f_bavail * fs.f_frsize;
	return room;
}

/* How much is missing at the least: unpacked they are seldom smaller. */
static int no_room(const struct pull *p, const struct room *room, struct err *err)
{
	if (room->have >= room->need)
		return err_wrap(err, "image %s: no room for its layers (%" PRIu64 " MiB were free)", p->name->local,
				room->have >> 20);
	return err_set(err, ENOSPC,
		       "image %s: no room for its layers: at least %" PRIu64 " MiB are missing, %" PRIu64
		       " MiB were free",
		       p->name->local, ((room->need - room->have) >> 20) + 1, room->have >> 20);
}

static int find_layers(struct pull *p, struct err *err)
{
	cleanup_with(slots_free) struct slots s = {.n = 0};
	const struct room room = look_at_room(p);
	bool ended;
	int r = 0;

	for (fill_slots(p, &s); r == 0 && s.n > 0; fill_slots(p, &s)) {
		r = step_slots(&s, &ended, err);
		if (r == 0 && !ended)
			r = wait_for_slots(p, &s, err);
	}
	if (r == -ENOSPC)
		return no_room(p, &room, err);
	return r < 0 ? err_wrap(err, "image %s", p->name->local) : 0;
}

/* ---- the whole ---- */

/* 1 = the name means this manifest here, too, and all of it is there. */
static int is_here(struct pull *p, const char *local, struct image_info **ret)
{
	cleanup_with(image_info_freep) struct image_info *i = NULL;

	/* By a digest it may be found under a tag: then it gets its name by digest still. */
	if (image_find(p->store, local, &i, NULL) < 0 || strcmp(i->name, local) != 0)
		return 0;
	if (strcmp(i->digest + strlen("sha256:"), p->document.digest) != 0)
		return 0;
	if (p->index.text && (!i->index || strcmp(i->index + strlen("sha256:"), p->index.digest) != 0))
		return 0;
	if (image_lease_image(p->lease, i, NULL) < 0)
		return 0;
	*ret = mem_take(i);
	return 1;
}

static int commit(struct pull *p, const char *local, struct image_info **ret, struct err *err)
{
	const struct image_docs docs = {.manifest = p->document.text,
					.n_manifest = p->document.n,
					.media_type = p->manifest.media_type,
					.config = p->config.text,
					.n_config = p->config.n,
					.index = p->index.text,
					.n_index = p->index.n};

	return image_commit(p->store, p->lease, &docs, local, IMAGE_REPLACE_YES, ret, err);
}

static int pull_all(struct pull *p, struct registry_pulled *ret, struct err *err)
{
	mem_cleanup char *local = name_local(p->name);
	mem_cleanup char *what = mem_printf("pull %s", local);
	int r = image_lease_new(p->store, what, &p->lease, err);

	if (r == 0)
		r = find_manifest(p, err);
	if (r < 0)
		return r;
	r = is_here(p, local, &ret->info);
	if (r == 0) {
		p->fresh = true;
		r = find_config(p, err);
		if (r == 0)
			r = find_layers(p, err);
		if (r == 0)
			r = commit(p, local, &ret->info, err);
	}
	if (r < 0)
		return r;
	ret->fresh = p->fresh;
	ret->name = mem_take(local);
	snprintf(ret->digest, sizeof ret->digest, "sha256:%s", p->index.text ? p->index.digest : p->document.digest);
	return 0;
}

int registry_pull_from(struct image_store *s, struct remote *r, const struct name *name,
		       const struct registry_pull_options *o, struct registry_pulled *ret, struct err *err)
{
	cleanup_with(pull_free) struct pull p = {.store = s, .remote = r, .name = name, .o = o};
	int code = 0;

	p.from = mem_printf("%s/%s", name->host, name->repo);
	if (o->platform)
		code = platform_parse(o->platform, &p.want, err);
	else
		platform_host(&p.want);
	return code < 0 ? code : pull_all(&p, ret, err);
}

int registry_pull(struct image_store *s, const char *image, const struct registry_pull_options *o,
		  struct registry_pulled *ret, struct err *err)
{
	cleanup_with(name_free) struct name name = NAME_INIT;
	cleanup_with(remote_close) struct remote r = REMOTE_INIT;
	int code = name_parse(image, &name, err);

	if (code == 0)
		code = remote_open(name.host, true, &r, err);
	return code < 0 ? code : registry_pull_from(s, &r, &name, o, ret, err);
}

int registry_all_tags(const char *image, char ***ret, struct err *err)
{
	cleanup_with(name_free) struct name name = NAME_INIT;
	cleanup_with(remote_close) struct remote r = REMOTE_INIT;
	char **tags cleanup_with(mem_strv_freep) = NULL;
	char **names = mem_new_n(char *, 1);
	int code = name_parse(image, &name, err);

	if (code == 0)
		code = remote_open(name.host, true, &r, err);
	if (code == 0)
		code = remote_tags(&r, name.repo, &tags, err);
	for (char **t = tags; code == 0 && t && *t; t++) {
		mem_cleanup char *whole = mem_printf("%s:%s", name.local, *t);

		mem_strv_add(&names, whole);
	}
	if (code < 0) {
		mem_strv_free(names);
		return code;
	}
	*ret = names;
	return 0;
}
