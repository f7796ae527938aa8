/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/prune.h"

#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/image/store.h"
#include "node/image/usage.h"

#include <string.h>

void image_pruned_free(struct image_pruned *p)
{
	mem_strv_free(p->images);
	mem_strv_free(p->gone);
	*p = (struct image_pruned){.images = NULL};
}

/* A job's lease names layers and documents, not an image: the image is in use when its manifest or its top layer is. */
static bool is_used(const struct store_leases *l, const struct store_image *i)
{
	return !i->info || store_holds(l, i) > 0 || map_get(&l->blobs, i->manifest);
}

static bool is_due(const struct image_prune_options *o, const struct store_leases *l, const struct store_image *i)
{
	return (o->all || !*i->name) && !is_used(l, i);
}

static bool has_id(const struct image_store *s, const char *id)
{
	for (size_t n = 0; n < s->n; n++) {
		if (s->images[n].info && !strcmp(s->images[n].info->id, id))
			return true;
	}
	return false;
}

static int drop_due(struct image_store *s, const struct image_prune_options *o, struct image_pruned *p, struct err *err)
{
	struct store_leases l;
	int r = store_leases_read(s, &l, err);

	if (r < 0)
		return r;
	for (size_t n = s->n; n-- > 0;) {
		struct store_image *i = &s->images[n];
		mem_cleanup char *id = NULL;

		if (!is_due(o, &l, i))
			continue;
		mem_strv_add(&p->images, *i->name ? i->name : i->info->id);
		id = mem_strdup(i->info->id);
		store_drop(s, i);
		if (!has_id(s, id))
			mem_strv_add(&p->gone, id);
	}
	store_leases_free(&l);
	return p->images && !o->dry_run ? store_save(s, err) : 0;
}

static void add_up(struct image_store *s, const struct store_garbage *g, struct image_pruned *p)
{
	struct usage_seen seen = USAGE_SEEN_INIT;

	for (char **place = g->places; place && *place; place++)
		p->bytes += usage_tree(s->root, *place, &seen);
	p->n_layers = g->n_layers;
	usage_seen_free(&seen);
}

int image_prune(struct image_store *s, const struct image_prune_options *o, struct image_pruned *ret, struct err *err)
{
	struct store_garbage garbage = {.look_only = o->dry_run};
	struct image_pruned p = {.images = NULL};
	fd_cleanup int lock = store_lock(s, err);
	int r = lock < 0 ? lock : store_refresh(s, err);

	if (r == 0)
		r = store_check_version(s, err);
	if (r == 0)
		r = drop_due(s, o, &p, err);
	if (r == 0)
		store_sweep_to(s, &garbage);
	/* The table is not what refs.json says after a failure, and after a dry run. */
	if (r < 0 || o->dry_run)
		s->seen.inode = 0;
	fd_closep(&lock);
	if (r == 0)
		add_up(s, &garbage, &p);
	mem_strv_free(garbage.places);
	if (r < 0) {
		image_pruned_free(&p);
		return r;
	}
	store_empty(s);
	*ret = p;
	return 0;
}
