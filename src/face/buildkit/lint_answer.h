/* SPDX-License-Identifier: Apache-2.0
 *
 * lint_answer: what the rules say of a Dockerfile, as the request "frontend.lint" is answered: "result.json" and its like below "metadata".
 * Source: moby/buildkit frontend/subrequests/lint/lint.go.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/wire/json.h"

struct lint_answer;

/* answer: gets "metadata" at the end. */
struct lint_answer *lint_answer_new(yyjson_mut_doc *answer);
/* The Dockerfile: the first file that is told. */
void lint_answer_source(struct lint_answer *l, const char *name, const char *text, size_t n);
/* text: "Rule: what is wrong"; line 0 = of none. */
void lint_answer_add(struct lint_answer *l, const char *text, unsigned line);
/* Takes NULL, returns NULL. */
struct lint_answer *lint_answer_free(struct lint_answer *l, bool well);
