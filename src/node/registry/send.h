/* SPDX-License-Identifier: Apache-2.0
 *
 * send: one blob into a registry (distribution-spec 1.1, "Pushing a blob"): is it there, can it be had from another repository of the same
 * registry, else its bytes: in one PUT when digest and size are known before, else in a PATCH or, where the settings say so, in chunks, and a
 * PUT at the end.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "node/image/progress.h"
#include "node/registry/session.h"

struct send {
	struct session *session;
	const char *repo, *scope;
	const char *id; /* for people */
	image_progress_fn *progress;
	void *ctx;
	struct url location; /* of the upload that was begun */
};
void send_free(struct send *s);

/* 1 it is there, 0 it is not. */
int send_exists(struct send *s, const char *hex, uint64_t *ret_size, struct err *err);
/* Begins an upload. With `mount` (hex) the registry is asked to take it from the repository `from`: 1 = it did, 0 = the upload is begun. */
int send_begin(struct send *s, const char *mount, const char *from, struct err *err);
/* A blob in memory. */
int send_text(struct send *s, const char *hex, const char *text, size_t n, struct err *err);
/* From a pipe, whose bytes are known to have this digest and size. */
int send_known(struct send *s, int fd, const char *hex, uint64_t size, struct err *err);
/* From a pipe, to its end; then send_finish() with their digest. chunk: bytes of a chunk, 0 = all in one. */
int send_unknown(struct send *s, int fd, size_t chunk, struct err *err);
int send_finish(struct send *s, const char *hex, struct err *err);
/* A manifest under a tag or "sha256:<hex>". */
int send_manifest(struct send *s, const char *reference, const char *media_type, const char *text, size_t n,
		  struct err *err);
