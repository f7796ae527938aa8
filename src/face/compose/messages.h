/* SPDX-License-Identifier: Apache-2.0
 *
 * messages: what is wrong with the file, collected. One text is told once, however often an alias repeats its cause.
 */
#pragma once

#include "face/compose/compose.h"
#include "face/compose/node.h"

struct loader;

/* At the place of a node, with its path before the text: "FILE:3:5: error: services.a.image: TEXT". */
void message_error(struct loader *l, const struct node *at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void message_warn(struct loader *l, const struct node *at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* At the key of a value. */
void message_key_error(struct loader *l, const struct node *value, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void message_key_warn(struct loader *l, const struct node *value, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* At a line and column (0 = unknown), without a path. */
void message_place_error(struct loader *l, int line, int column, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void message_place_warn(struct loader *l, int line, int column, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts what was found in the order of lines and columns. */
void messages_sort(struct compose_messages *m);
