/* SPDX-License-Identifier: Apache-2.0
 *
 * access: what the sender of a request may do. Filled in by whoever knows him (serve_auth.c), asked before anything is done.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum access_right {
	ACCESS_PULL = 1,
	ACCESS_PUSH = 2,
	ACCESS_DELETE = 4,
	ACCESS_CATALOG = 8, /* of the whole registry: lists and search */
	ACCESS_ALL = 15
};

struct access_grant {
	char *repo;
	unsigned rights;
};

struct access {
	bool known;	     /* has logged in, or nobody has to */
	unsigned everywhere; /* rights in every repository */
	struct access_grant *grants;
	size_t n, cap;
};

bool access_allows(const struct access *a, const char *repo, unsigned rights);
void access_grant(struct access *a, const char *repo, unsigned rights);
void access_free(struct access *a);
