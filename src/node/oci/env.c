/* SPDX-License-Identifier: Apache-2.0 */
#include "node/oci/env.h"

#include "base/core/map.h"
#include "base/core/mem.h"

#include <string.h>

struct merge {
	struct map places; /* name -> its place in the list + 1 */
	char **list;
	size_t n;
};

static void put(struct merge *m, const char *pair)
{
	mem_cleanup char *name = mem_strndup(pair, strcspn(pair, "="));
	size_t at = (size_t)(uintptr_t)map_get(&m->places, name);

	if (at == 0) {
		m->list[m->n++] = mem_strdup(pair);
		(void)map_put(&m->places, name, (void *)(uintptr_t)m->n);
		return;
	}
	free(m->list[at - 1]);
	m->list[at - 1] = mem_strdup(pair);
}

char **oci_env_merge(char *const *given, char *const *more)
{
	struct merge m = {.places = MAP_INIT};

	m.list = mem_new_n(char *, mem_strv_len(given) + mem_strv_len(more) + 1);
	for (; given && *given; given++)
		put(&m, *given);
	for (; more && *more; more++)
		put(&m, *more);
	map_free(&m.places);
	return m.list;
}
