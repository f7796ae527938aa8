/* SPDX-License-Identifier: Apache-2.0
 *
 * node: the tree of a YAML file: scalars, lists and maps with their places in the text. A real tree: an alias is a
 * copy, so each node has one parent and one path ("services.map.volumes.0").
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct arena;

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };
/* Compose's tags for merging files: !reset takes the value of the earlier files away, !override replaces it. */
enum node_tag { NODE_UNTAGGED, NODE_RESET, NODE_OVERRIDE };

struct node {
	enum node_kind kind;
	bool plain;	   /* scalar without quotes or tag: its type is told by its text */
	bool interpolated; /* scalar that held a variable: takes the type that its place needs */
	enum node_tag tag;
	int line, column; /* from 1 */
	const char *file; /* in messages; NULL = the loader's */
	char *text;	  /* scalar: never NULL, NUL-terminated */
	char *bad;	  /* why this node cannot be used (an unsupported tag), or NULL */
	struct node *parent;
	struct node *key; /* in a map: its key, a scalar */
	size_t index;	  /* in a list or map */
	struct node **items;
	size_t n, cap;
};

struct node *node_new(struct arena *a, enum node_kind kind, int line, int column);
void node_add(struct arena *a, struct node *parent, struct node *key, struct node *child); /* key NULL in a list */
/* The value of a key, or NULL; also NULL when n is NULL or no map. A null value is given. */
struct node *node_get(const struct node *n, const char *key);
/* The same, but a null value counts as absent. */
struct node *node_value(const struct node *n, const char *key);
/* A copy with all below it, without parent. Every node costs one of *budget; NULL when it is used up. */
struct node *node_copy(struct arena *a, const struct node *n, size_t *budget);
/* Sets parent and index of everything below n, after it was built or changed. */
void node_link(struct node *n);
/* "services.map.image"; memory of the arena. `root` itself is "". */
char *node_path(struct arena *a, const struct node *n);
/* The path below `top`: "volumes.0". */
char *node_path_below(struct arena *a, const struct node *top, const struct node *n);
bool node_is_null(const struct node *n); /* plain ~, null or nothing */

/* "a list", "a map", "the number 5", "the string \"x\"", "nothing" ...; memory of the arena. */
char *node_what(struct arena *a, const struct node *n);

#define node_each(child, list)                                                                                         \
	(size_t node_i = 0; (list) && node_i < (list)->n && ((child) = (list)->items[node_i], true); node_i++)
