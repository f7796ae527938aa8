/* SPDX-License-Identifier: Apache-2.0
 *
 * formula: a small arithmetic expression over named numbers, for policies of node sources: "min(20, ceil(queued / 4)) + (hour >= 8 && hour < 18 ? 2 : 0)".
 *
 * Numbers are doubles. Operators as in C, by rising strength: ?: || && (== != < <= > >=) (+ -) (* / %) and unary - !; functions min(a, b, ...), max(a, b, ...), ceil(a),
 * floor(a), round(a), abs(a). Truth is 1 or 0. There is no loop, no assignment and no text: an evaluation takes time in proportion to the length. A division by
 * zero gives no number, which only matters when the result depends on it.
 */
#pragma once

#include <stddef.h>

struct err;

#define FORMULA_MAX 1000     /* bytes */
#define FORMULA_DEPTH_MAX 32 /* of brackets and signs */

struct formula_name {
	const char *name; /* NULL ends a list */
	double value;
};

/* The value. -EINVAL: it is no formula (the text quotes the place), or an unknown name; -ERANGE: the result is no number (x / 0). -E2BIG: over a limit. */
int formula_eval(const char *text, const struct formula_name *names, double *ret, struct err *err);
/* The same without values: everything but -ERANGE. */
int formula_check(const char *text, const struct formula_name *names, struct err *err);
