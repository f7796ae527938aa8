/* SPDX-License-Identifier: Apache-2.0
 *
 * select: which services of the tree are active. By profiles, and, when the user named some, only these and what they
 * depend on. The others leave the tree; so do networks, volumes, secrets and configs that nobody uses.
 */
#pragma once

struct loader;
struct node;
struct strings;
struct compose_project_options;

/* Fills *ret_profiles (every profile that is named, sorted) and *ret_inactive. */
void select_services(struct loader *l, struct node *root, const struct compose_project_options *o,
		     struct strings *ret_profiles, struct strings *ret_inactive);
/* After everything is checked. */
void select_resources(struct loader *l, struct node *root);
