/* SPDX-License-Identifier: Apache-2.0
 *
 * registry_header: our logins at registries, as headers for a daemon that pulls, pushes or builds for us. Each is a whole line; new memory.
 */
#pragma once

struct err;

/* X-Registry-Auth: of the registry that `image` is of. */
int registry_header_one(const char *image, char **ret, struct err *err);
/* X-Registry-Config: of all registries that docker's config.json names, those of credential helpers too; NULL: there are none. */
int registry_header_all(char **ret, struct err *err);
