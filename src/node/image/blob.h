/* SPDX-License-Identifier: Apache-2.0
 *
 * blob: files of images/blobs/sha256, named by their digest. A blob that no name and no lease leads to is garbage: lease it
 * (image_lease_blob) before it is written.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct image_store;
struct image_lease;

/* A whole blob of at most `max` bytes, NUL-terminated, the caller's; its digest is checked (-EBADMSG: damaged). */
int image_blob_read(struct image_store *s, const char *hex, size_t max, char **ret, size_t *ret_len, struct err *err);
/* Writes a document under its digest, synced. */
int image_blob_write(struct image_store *s, const void *data, size_t n, char ret_hex[static 65], struct err *err);

bool image_blob_is_there(struct image_store *s, const char *hex, uint64_t *ret_size);
/* A file without a name below images/ (O_TMPFILE; it goes with its descriptor). */
int image_blob_stage(struct image_store *s, struct err *err);
