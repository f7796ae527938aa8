/* SPDX-License-Identifier: Apache-2.0
 *
 * project_json: the canonical tree as JSON, keys in the order of model.h, names sorted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct loader;
struct node;

/* New memory of the caller. `contents`: secrets and configs from variables have their content. */
char *project_json(struct loader *l, const struct node *root, bool contents, size_t *ret_len);
