/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /build/prune: the records and cache mounts of builds, and the layers that only they held.
 */
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/docker/tool.h"
#include "node/build/cache.h"

static struct cache_limits limits_of(const struct tool *t)
{
	yyjson_val *until = yyjson_obj_get(t->request, "until_s");
	uint64_t keep = yyjson_get_uint(yyjson_obj_get(t->request, "keep"));

	/* Whoever names neither means everything, what was used this very second, too. */
	if (until)
		return (struct cache_limits){.size = UINT64_MAX,
					     .age_s = clock_wall_ms() / 1000 - yyjson_get_sint(until)};
	return keep > 0 ? (struct cache_limits){.size = keep, .age_s = CACHE_AGE_DEFAULT_S}
			: (struct cache_limits){.size = 0, .age_s = -1};
}

static int prune(struct tool *t, struct image_store *s, struct err *err)
{
	const struct cache_limits limits = limits_of(t);
	char **keys cleanup_with(mem_strv_freep) = NULL;
	struct cache *c = NULL;
	yyjson_mut_val *body;
	uint64_t bytes = 0;
	int r = cache_open(t->data, s, &c, err);

	if (r == 0)
		r = cache_prune(c, &limits, &keys, &bytes, err);
	cache_close(c);
	if (r < 0)
		return r;
	image_store_collect(s);
	body = yyjson_mut_obj_add_obj(t->answer, yyjson_mut_doc_get_root(t->answer), "body");
	(void)yyjson_mut_obj_add_arr(t->answer, body, "CachesDeleted");
	for (char **key = keys; key && *key; key++)
		yyjson_mut_arr_add_strcpy(t->answer, yyjson_mut_obj_get(body, "CachesDeleted"), *key);
	yyjson_mut_obj_add_uint(t->answer, body, "SpaceReclaimed", bytes);
	return 0;
}

int tool_build_prune(struct tool *t, struct err *err)
{
	/* Not in a process of its own (tool_on_store): it has an answer, and whenever it is ended the rest is a cache. */
	struct image_store *s = NULL;
	int r = image_store_open(t->data, &s, err);

	if (r == 0)
		r = prune(t, s, err);
	image_store_close(s);
	return r;
}
