/* SPDX-License-Identifier: Apache-2.0
 *
 * unite: the canonical trees of two files become one, by Compose's rules: maps are united key by key, lists grow,
 * anything else is replaced; commands and tests are replaced as a whole; entries of a list with the same identity
 * (a port, a mount's target ...) are one, the last wins. !reset removes, !override replaces.
 */
#pragma once

struct loader;
struct model;
struct node;

/* `over` into `base`; both have the keys of `table` (NULL: any). `over` is used up. */
void unite_maps(struct loader *l, struct node *base, struct node *over, const struct model *table);
/* Once after all files: entries of lists with the same identity become one, tags without a file before go away. */
void unite_finish(struct loader *l, struct node *n, const struct model *table);
