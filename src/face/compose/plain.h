/* SPDX-License-Identifier: Apache-2.0
 *
 * plain: scalars of a Compose file as the texts and numbers that canonical output has in their place.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct loader;
struct node;

/* The scalar as text. Numbers and booleans without quotes are written as Go does: 0x10 is "16", 1.50 is "1.5". */
char *plain_text(struct loader *l, const struct node *n);
/* "1m30s", "0s", "1.5ms": nanoseconds as Go writes them. Memory of the arena. */
char *plain_duration(struct loader *l, int64_t ns);
/* A file mode: a plain number as it is (octal when it starts with 0), a text as octal. */
bool plain_mode(const struct node *n, int64_t *ret);
/* False for a build context that is no folder of this machine: a URL, a git repository, another service. */
bool plain_is_local(const char *context);
