/* SPDX-License-Identifier: Apache-2.0
 *
 * expr: which nodes will do, as an expression over what is known of a node: `cores >= 8 && has(avx2) && labels.disk == ssd`.
 * Compiled once, then asked for each node. The language, for people, stands in docs/formats/select.md:
 *
 *   or:      and || and ...                 and:     not && not ...
 *   not:     ! not, ( or ), has(WORD), NAME == VALUE (!= < <= > >=), NAME in [VALUE, ...]
 *   VALUE:   a word of letters, digits and . _ : / @ + -, or any text in '...' or "..."
 *
 * NAME is one of a table in expr.c, or `labels.X` for a user's label; `node.` may stand before it, and platform.os and platform.arch are Swarm's
 * words for os and arch. Numbers and sizes (64g, 1.5t: powers of 1024) are compared as numbers, other texts by < and > like versions:
 * part by part. What a node does not say equals nothing: of it only != is true.
 *
 * Limits: EXPR_TEXT_MAX bytes, EXPR_TERMS_MAX comparisons, EXPR_DEPTH_MAX brackets and exclamation marks within each other.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err;
struct expr;

#define EXPR_TEXT_MAX 4096
#define EXPR_TERMS_MAX 128
#define EXPR_DEPTH_MAX 32

/* Compiles the text. -EINVAL: the error says what was expected, and *ret_at (may be NULL) is the offset of the byte where it is wrong. The
 * caller frees *ret. */
int expr_parse(const char *text, struct expr **ret, size_t *ret_at, struct err *err);
struct expr *expr_free(struct expr *e); /* takes NULL, returns NULL */

/* What is known under a name ("arch", "labels.disk"; for has(avx2): "has.avx2"), NULL when nothing is. */
typedef const char *(*expr_fact_fn)(void *ctx, const char *name);
bool expr_holds(const struct expr *e, expr_fact_fn fact, void *ctx);

/* The parts that && joins at the top, of which all must hold (one, when || is at the top): to tell people which one does not. */
size_t expr_parts(const struct expr *e);
bool expr_part_holds(const struct expr *e, size_t part, expr_fact_fn fact, void *ctx);
/* Its text, not terminated; valid as long as the expression. */
const char *expr_part_text(const struct expr *e, size_t part, size_t *ret_n);
/* The name that the part is about when it is a single comparison ("memory"), NULL otherwise. */
const char *expr_part_name(const struct expr *e, size_t part);

/* -1, 0, 1: numbers and sizes as such, else as versions. */
int expr_compare(const char *a, const char *b);
