/* SPDX-License-Identifier: Apache-2.0
 *
 * volumes: the short form of mounts: [SOURCE:]TARGET[:OPTIONS].
 */
#pragma once

struct loader;
struct node;

/* Each text of the list becomes {type, source, target, ...}; sources of bind mounts become absolute. */
void volumes_expand(struct loader *l, struct node *n);
