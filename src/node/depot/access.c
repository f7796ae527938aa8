/* SPDX-License-Identifier: Apache-2.0 */
#include "node/depot/access.h"

#include "base/core/mem.h"

#include <string.h>

bool access_allows(const struct access *a, const char *repo, unsigned rights)
{
	unsigned have = a->everywhere;

	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->grants[i].repo, repo) == 0)
			have |= a->grants[i].rights;
	return (have & rights) == rights;
}

void access_grant(struct access *a, const char *repo, unsigned rights)
{
	mem_grow(&a->grants, &a->cap, a->n);
	a->grants[a->n++] = (struct access_grant){.repo = mem_strdup(repo), .rights = rights};
}

void access_free(struct access *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->grants[i].repo);
	free(a->grants);
	*a = (struct access){.everywhere = 0};
}
