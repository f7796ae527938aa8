/* SPDX-License-Identifier: Apache-2.0
 *
 * merge: the keys of one map: duplicates are refused, `<<` is replaced by the keys of the map or maps that it names
 * (YAML 1.1 merge key: keys of the map itself win, then earlier maps of a list).
 */
#pragma once

struct loader;
struct node;

void merge_map(struct loader *l, struct node *map);
