/* SPDX-License-Identifier: Apache-2.0
 *
 * ref: the parts of an image's name, and the grammar of digests. image_ref_normalise() in image.h is made of it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "node/image/image.h"

struct ref {
	char *text;	 /* owns the parts */
	char *name;	 /* host and path */
	const char *tag; /* NULL = not given */
	char *digest;	 /* "sha256:<hex>", NULL = not given */
};

/* -EINVAL says which part breaks which rule. */
int ref_parse(const char *name, struct ref *ret, struct err *err);
void ref_free(struct ref *r);

/* Bytes of the repository at the beginning of a whole name ("host:5000/a:1", "a@sha256:..."). */
size_t ref_repository(const char *name);

bool ref_is_hex(const char *s, size_t n); /* exactly n lower-case hexadecimal digits */
bool ref_is_digest(const char *s);	  /* "sha256:" and 64 of them: the only algorithm, in the only spelling */
