/* SPDX-License-Identifier: Apache-2.0
 *
 * interpolate: $VAR, ${VAR}, ${VAR:-default}, ${VAR-default}, ${VAR:?error}, ${VAR?error}, ${VAR:+other},
 * ${VAR+other} and $$ in values, as Compose does it (defaults, errors and others may hold variables again). Keys are
 * left alone. What a dollar sign before anything else means is said by the caller: jobs refuse it, projects and .env
 * files keep it, as Compose does.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct loader;
struct node;

#define INTERPOLATE_BYTES_MAX (1u << 20)
#define INTERPOLATE_DEPTH_MAX 16

/* One text, pure but for `lookup` (NULL = not set) and `unset`, told each variable without value and
 * default. Returns 0; or -EINVAL (-E2BIG) with the reason in `why`. */
#define INTERPOLATE_WHY_MAX 512
struct interpolate {
	const char *(*lookup)(void *ctx, const char *name);
	void (*unset)(void *ctx, const char *name);
	void *ctx;
	bool lone; /* a dollar sign that begins no name and no brace stays as it is; otherwise it is an error */
	char why[INTERPOLATE_WHY_MAX];
};
int interpolate_text(struct interpolate *in, const char *text, struct buf *out);

/* All values at and below n; errors and warnings go to the messages. */
void interpolate_node(struct loader *l, struct node *n);
