/* SPDX-License-Identifier: Apache-2.0
 *
 * node_lines: an answer of one JSON object a line, as long as it lasts (events of a node).
 */
#pragma once

#include "face/onehost/onehost_private.h"

struct node_lines;
struct node_lines_hooks {
	void (*ready)(void *ctx); /* its answer has begun: what happens from now on is told. May be NULL */
	void (*line)(void *ctx, yyjson_doc *event); /* valid during the call; may free the lines */
	void (*end)(void *ctx);			    /* once: the node has ended it, or is lost; may free the lines */
};

/* NULL: the node does not answer now. */
struct node_lines *node_lines_open(struct onehost *h, const char *node, const char *target,
				   const struct node_lines_hooks *hooks, void *ctx);
struct node_lines *node_lines_free(struct node_lines *l); /* takes NULL */
void node_lines_pause(struct node_lines *l);
void node_lines_resume(struct node_lines *l);
