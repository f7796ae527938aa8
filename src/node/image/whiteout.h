/* SPDX-License-Identifier: Apache-2.0
 *
 * whiteout: what a layer says is gone (image-spec 1.1, layer.md, "Whiteouts"), in the form that overlay wants.
 *
 *   dir/.wh.NAME         NAME of the layers below is gone: a character device 0:0 of that name, which anybody may make since Linux 5.8
 *   dir/.wh..wh..opq     everything in dir of the layers below is gone: an attribute of dir, set later by the store (layer.h)
 *   .wh..wh.ANYTHING     what AUFS kept for itself: passed over
 *
 * A whiteout is about the layers below only, so what the same layer has under that name stays, whichever of them comes first: a file simply
 * stays, a directory becomes opaque.
 */
#pragma once

#include <stdbool.h>

struct err;
struct tree;

enum whiteout_kind { WHITEOUT_NONE, WHITEOUT_NAME, WHITEOUT_OPAQUE, WHITEOUT_PASS };

/* What a cleaned name means. *ret is new memory of the caller: the name that is gone, or the directory that is opaque ("" = the top); NULL for
 * the others. -EINVAL: a whiteout of nothing, of "." or "..", or a directory called like one. */
int whiteout_kind(const char *name, enum whiteout_kind *ret_kind, char **ret, struct err *err);

/* The name goes, unless this layer has it. */
int whiteout_make(struct tree *t, const char *name, struct err *err);
/* Notes that the directory is opaque; it is made when it is missing. */
int whiteout_opaque(struct tree *t, const char *name, struct err *err);
