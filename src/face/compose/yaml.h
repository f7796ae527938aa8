/* SPDX-License-Identifier: Apache-2.0
 *
 * yaml: text -> tree. libfyaml only tells the events (scanner and parser); the text of scalars, anchors, aliases,
 * merge keys, duplicate keys and all limits are ours, because libfyaml 0.7.12 decodes some scalars wrong, has no
 * limit on aliases, refuses inline maps in merge lists and names one line of a duplicate key.
 */
#pragma once

#include <stddef.h>

struct loader;

#define YAML_BYTES_MAX (4u << 20)
#define YAML_DEPTH_MAX 64
#define YAML_NODES_MAX 200000

/* Sets l->root (a map) and what is left of l->node_budget. False with messages when it is no YAML or over a limit. */
_Bool yaml_load(struct loader *l, const char *text, size_t len);
