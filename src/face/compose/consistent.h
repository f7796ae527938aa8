/* SPDX-License-Identifier: Apache-2.0
 *
 * consistent: what can only be judged when the whole project is there: names that refer to something, keys that
 * exclude each other, cycles.
 */
#pragma once

struct loader;
struct node;
struct strings;

/* `inactive`: services that exist but are not active. */
void consistent_check(struct loader *l, const struct node *root, const struct strings *inactive);
