/* SPDX-License-Identifier: Apache-2.0
 *
 * layer_tar: the uncompressed tar of an unpacked layer, bit for bit as it came, from its record and its files.
 */
#pragma once

#include <stdint.h>

#include "node/image/sink.h"

struct image_store;

/* Streams the tar into the sink, with constant memory, and compares its digest with the diff id at the end: whoever takes the bytes must
 * not use them before this has returned 0. -ENOENT: there is no such layer; -ENODATA: it has no record (its tar cannot be made again, the
 * layer must be fetched again to be sent on); -EBADMSG: record or files are damaged, or the digest is another one. */
int layer_tar_write(struct image_store *s, const char *diff_hex, const struct sink *to, uint64_t *ret_size,
		    struct err *err);

/* The same for a directory that holds fs/ and the record. */
int layer_tar_write_at(int layer_dir, const char *diff_hex, const struct sink *to, uint64_t *ret_size, struct err *err);
