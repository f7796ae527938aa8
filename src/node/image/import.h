/* SPDX-License-Identifier: Apache-2.0
 *
 * import: the imports under way of an open store; each has a lease of its own.
 */
#pragma once

struct image_store;

void import_free_all(struct image_store *s);
