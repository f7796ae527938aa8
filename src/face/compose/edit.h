/* SPDX-License-Identifier: Apache-2.0
 *
 * edit: changes to a tree that was read: what the short forms of Compose stand for is put in their place. New nodes
 * have the place in the text of the node they come from, so messages point to what the user wrote.
 */
#pragma once

#include "face/compose/node.h"

struct loader;

/* A string; `text` must live as long as the arena. */
struct node *edit_text(struct loader *l, const struct node *at, const char *text);
/* The same without quotes: "true", "80". */
struct node *edit_plain(struct loader *l, const struct node *at, const char *text);
struct node *edit_map(struct loader *l, const struct node *at);
/* Sets a key: in the place of the earlier value, or as the last one. */
void edit_put(struct loader *l, struct node *map, const char *key, struct node *value);
void edit_remove(struct node *map, const char *key);
/* Takes the item out of its list or map. */
void edit_remove_at(struct node *parent, size_t index);
/* Empty, of another kind; key, parent and place stay. */
void edit_become(struct node *n, enum node_kind kind);
/* `n` gets the value of `from`, whose items now belong to n. */
void edit_take(struct node *n, struct node *from);
/* The same values at and below both (places are not looked at). */
bool edit_equal(const struct node *a, const struct node *b);
