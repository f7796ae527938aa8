/* SPDX-License-Identifier: Apache-2.0
 *
 * node_facts: what the scheduler is told of a node, besides its size: what its agent says of it, its labels, and its role. The names are those of
 * docs/formats/select.md. An agent is not believed more than it needs: a text with control characters is left out.
 */
#pragma once

#include <stdbool.h>

struct node;

/* With these labels (JSON, or NULL): lines of a name, a blank and a value (sched.h); the caller frees. */
char *node_facts_text(const struct node *n, const char *labels);
/* An event for the scheduler, counted in n_telling until it is stored, unless the scheduler knows just that. */
void node_facts_tell(struct node *n);
/* Of labels: a name that an expression can name; a value in one line. NULL is a value. */
bool node_facts_name_ok(const char *name);
bool node_facts_value_ok(const char *value);
