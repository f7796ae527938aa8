/* SPDX-License-Identifier: Apache-2.0
 *
 * The build cache: what it keeps (GET /system/df, "build_usage"), and POST /build/prune: the records and cache mounts of builds, and the layers that only they
 * held.
 */
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/docker/docker_private.h"
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

/* Not in a process of its own (tool_on_store): it has an answer, and whenever it is ended the rest is a cache. */
static int on_store(struct tool *t, int (*fn)(struct tool *t, struct image_store *s, struct err *err), struct err *err)
{
	struct image_store *s = NULL;
	int r = image_store_open(t->data, &s, err);

	if (r == 0)
		r = fn(t, s, err);
	image_store_close(s);
	return r;
}

int tool_build_prune(struct tool *t, struct err *err)
{
	return on_store(t, prune, err);
}

/* ---- what it keeps ---- */

#define USAGE_RECORDS 4000u

static const struct {
	const char *type, *words;
} kinds[] = {[CACHE_USE_STEP] = {"regular", "result of a step"},
	     [CACHE_USE_MOUNT] = {"exec.cachemount", "cache mount of RUN"},
	     [CACHE_USE_CONTEXT] = {"source.local", "copy of a client's directory"}};

static void add_record(yyjson_mut_doc *d, yyjson_mut_val *list, const struct cache_use *use)
{
	yyjson_mut_val *one = yyjson_mut_arr_add_obj(d, list);
	char text[DOCKER_TIME_MAX];

	docker_time(use->used_s * 1000, text);
	yyjson_mut_obj_add_strcpy(d, one, "ID", use->id);
	(void)yyjson_mut_obj_add_arr(d, one, "Parents");
	yyjson_mut_obj_add_str(d, one, "Type", kinds[use->kind].type);
	yyjson_mut_obj_add_str(d, one, "Description", kinds[use->kind].words);
	yyjson_mut_obj_add_bool(d, one, "InUse", false);
	yyjson_mut_obj_add_bool(d, one, "Shared", use->shared);
	yyjson_mut_obj_add_uint(d, one, "Size", use->size);
	/* The cache knows the last use alone. */
	yyjson_mut_obj_add_strcpy(d, one, "CreatedAt", text);
	yyjson_mut_obj_add_strcpy(d, one, "LastUsedAt", text);
	yyjson_mut_obj_add_uint(d, one, "UsageCount", 1);
}

static int uses_of(const struct tool *t, struct image_store *s, struct cache_use **ret, size_t *ret_n, struct err *err)
{
	struct cache *c = NULL;
	int r = cache_open(t->data, s, &c, err);

	if (r == 0)
		cache_uses(c, ret, ret_n);
	cache_close(c);
	return r;
}

int tool_build_records(struct tool *t, struct image_store *s, yyjson_mut_val *list, struct err *err)
{
	mem_cleanup struct cache_use *uses = NULL;
	size_t n = 0;
	int r = uses_of(t, s, &uses, &n, err);

	for (size_t i = 0; i < n; i++)
		add_record(t->answer, list, &uses[i]);
	return r;
}

/* For BuildKit's protocol: no more than its answer holds (solver.h), the oldest first. */
static int usage(struct tool *t, struct image_store *s, struct err *err)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(t->answer, yyjson_mut_doc_get_root(t->answer), "records");
	mem_cleanup struct cache_use *uses = NULL;
	size_t n = 0;
	int r = uses_of(t, s, &uses, &n, err);

	for (size_t i = 0; i < n && i < USAGE_RECORDS; i++) {
		yyjson_mut_val *one = yyjson_mut_arr_add_obj(t->answer, list);

		yyjson_mut_obj_add_strcpy(t->answer, one, "id", uses[i].id);
		yyjson_mut_obj_add_str(t->answer, one, "type", kinds[uses[i].kind].type);
		yyjson_mut_obj_add_uint(t->answer, one, "size", uses[i].size);
		yyjson_mut_obj_add_int(t->answer, one, "used_s", uses[i].used_s);
		yyjson_mut_obj_add_bool(t->answer, one, "shared", uses[i].shared);
	}
	return r;
}

int tool_build_usage(struct tool *t, struct err *err)
{
	return on_store(t, usage, err);
}
