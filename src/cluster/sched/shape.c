/* SPDX-License-Identifier: Apache-2.0
 *
 * shape: what asks for the same, and so fits or does not fit alike. Shared and counted.
 */
#include "cluster/sched/state.h"

#include "base/core/buf.h"
#include "base/core/mem.h"

#include <inttypes.h>
#include <stdlib.h>

static char *shape_key(const struct shape *sh)
{
	struct buf key = BUF_INIT;

	buf_printf(&key, "%" PRIu32 " %" PRIu64 " %" PRIu64 " %" PRId64, sh->slots, sh->cpu_milli, sh->memory,
		   sh->walltime_ms);
	if (sh->tenant && *sh->tenant->name)
		buf_printf(&key, " by %s", sh->tenant->name);
	if (sh->quotas[1])
		buf_printf(&key, " in %s", sh->quotas[1]->name);
	for (size_t k = 0; k < sh->n_needs; k++)
		buf_printf(&key, " with %" PRIu32 " of %" PRIu32, sh->needs[k].n, sh->needs[k].licence->pos);
	for (size_t k = 0; sh->wants && k < sh->wants->n; k++)
		buf_printf(&key, " and %" PRIu32 " %s", sh->wants->list[k].n, sh->wants->list[k].name);
	if (sh->owner)
		buf_printf(&key, " of %" PRIu64 "/%" PRIu32, sh->owner->base.job->seq, sh->owner->idx);
	if (sh->selection)
		buf_printf(&key, " if %" PRIu64, sh->selection->number);
	if (sh->image)
		buf_printf(&key, " of image %" PRIu64, sh->image->number);
	for (size_t k = 0; k < sh->n_data; k++)
		buf_printf(&key, " near %" PRIu64, sh->data[k]->number);
	if (sh->probe)
		buf_printf(&key, " probed %" PRIu64, sh->probe->number);
	for (size_t k = 0; k < sh->n_banned; k++)
		buf_printf(&key, " %" PRIu32, sh->banned[k]);
	return buf_take(&key);
}

struct shape *sched_shape_get(struct sched *s, const struct shape *like)
{
	mem_cleanup char *key = shape_key(like);
	struct shape *sh = map_get(&s->by_shape, key);

	if (sh) {
		sh->refs++;
		return sh;
	}
	sh = mem_new(struct shape);
	*sh = *like;
	sh->items = NULL;
	sh->n_items = sh->cap_items = 0;
	sh->blocked = sh->limited = false;
	sh->hopeless = sh->probed = 0;
	if (sh->probe)
		sh->probe->refs++;
	sh->data = like->n_data ? mem_dup(like->data, like->n_data * sizeof(struct selection *)) : NULL;
	for (size_t k = 0; k < sh->n_data; k++)
		sh->data[k]->refs++;
	if (sh->selection)
		sh->selection->refs++;
	if (sh->image)
		sh->image->refs++;
	sh->banned = NULL;
	if (like->n_banned)
		sh->banned = mem_dup(like->banned, like->n_banned * sizeof *like->banned);
	sh->needs = like->n_needs ? mem_dup(like->needs, like->n_needs * sizeof *like->needs) : NULL;
	sh->wants = like->wants ? mem_dup(like->wants, sizeof *like->wants) : NULL;
	sh->refs = 1;
	sh->pos = s->n_shapes;
	sh->key = mem_take(key);
	mem_grow(&s->shapes, &s->cap_shapes, s->n_shapes);
	s->shapes[s->n_shapes++] = sh;
	map_put(&s->by_shape, sh->key, sh);
	return sh;
}

struct shape *sched_shape_ban(struct sched *s, const struct shape *sh, uint32_t node)
{
	mem_cleanup uint32_t *banned = mem_new_n(uint32_t, sh->n_banned + 1);
	struct shape like = *sh;
	size_t k = 0, n = 0;

	for (; k < sh->n_banned && sh->banned[k] < node; k++)
		banned[n++] = sh->banned[k];
	banned[n++] = node;
	for (k += k < sh->n_banned && sh->banned[k] == node; k < sh->n_banned; k++)
		banned[n++] = sh->banned[k];
	like.banned = banned;
	like.n_banned = n;
	return sched_shape_get(s, &like);
}

void sched_shape_drop(struct sched *s, struct shape *sh)
{
	if (!sh || --sh->refs)
		return;
	map_remove(&s->by_shape, sh->key);
	s->shapes[sh->pos] = s->shapes[--s->n_shapes];
	s->shapes[sh->pos]->pos = sh->pos;
	sched_selection_drop(s, sh->selection);
	sched_selection_drop(s, sh->image);
	sched_probe_drop(s, sh->probe);
	for (size_t k = 0; k < sh->n_data; k++)
		sched_selection_drop(s, sh->data[k]);
	free(sh->data);
	free(sh->key);
	free(sh->banned);
	free(sh->needs);
	free((struct counts *)sh->wants);
	free(sh->items);
	free(sh);
}

bool sched_shape_bans(const struct shape *sh, uint32_t node)
{
	for (size_t k = 0; k < sh->n_banned && sh->banned[k] <= node; k++) {
		if (sh->banned[k] == node)
			return true;
	}
	return false;
}
