/* SPDX-License-Identifier: Apache-2.0
 *
 * content: one digest for everything that a list of sources names: paths, types, modes, link targets, bytes, and owners where they are
 * kept. Times do not count: a touched file is the same content.
 */
#pragma once

#include <stdbool.h>

#include "base/core/sha256.h"
#include "node/build/source.h"

struct digests;

/* `owners`: the copy keeps them (no --chown, and the tree is no build context). `digests` may be NULL. */
int content_digest(const struct source_tree *t, const struct source_list *l, const struct ignore *exclude, bool owners,
		   struct digests *digests, char ret[static SHA256_HEX_MAX], struct err *err);
