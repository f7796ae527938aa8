/* SPDX-License-Identifier: Apache-2.0
 *
 * tar_stream: the bytes of an archive, uncompressed, hashed and counted as they pass. Gzip (RFC 1952, several members too) and zstd
 * (RFC 8878, several frames too) are recognised by their first bytes, and bzip2 and xz where unpacker_load() was called; everything else passes
 * as it is. Memory does not depend on the
 * archive, but for the zstd window, which has a limit.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/core/err.h"
#include "base/core/sha256.h"

#define TAR_STREAM_WINDOW (32ull << 20)	    /* zstd asks for 8 MiB up to its level 19 */
#define TAR_STREAM_RATIO_FROM (64ull << 20) /* a ratio says nothing about less than this */

/* Several workers of one process read archives at the same time, and a window is most of the memory that each takes. With a file of all of
 * them (open for writing) they take turns by locks on it: windows of up to 2 MiB are free, with larger ones of up to 8 MiB there is none of more
 * at the same time, and of those there is one at a time. -1, as it is at first: nobody waits. */
void tar_stream_share_windows(int fd);

struct tar_stream;

struct tar_stream_limits {
	uint64_t bytes;	 /* uncompressed */
	uint64_t ratio;	 /* uncompressed to compressed, looked at past TAR_STREAM_RATIO_FROM bytes */
	uint64_t window; /* of zstd, bytes; 0 = TAR_STREAM_WINDOW */
	bool packed;	 /* no limit: the bytes are hashed as they come, too */
};

/* Reads the first bytes of fd, which stays the caller's. -ENODATA when there are none. */
int tar_stream_open(int fd, const struct tar_stream_limits *limits, struct tar_stream **ret, struct err *err);
struct tar_stream *tar_stream_free(struct tar_stream *s);
static inline void tar_stream_freep(struct tar_stream **s)
{
	tar_stream_free(*s);
}

/* The next piece, which stays valid until the next call: its length, 0 at the end, or a negative errno that stays (-EBADMSG: damaged,
 * -ENODATA: the compressed data is cut short, -EFBIG: a limit); its text is tar_stream_err(). */
ssize_t tar_stream_next(struct tar_stream *s, const void **ret);
const struct err *tar_stream_err(const struct tar_stream *s); /* code 0 = no error */

/* From now on at the most `n` more bytes may be read (what = whose, for the text); 0 = as many as the limits allow. */
void tar_stream_allow(struct tar_stream *s, uint64_t n, const char *what);

bool tar_stream_ended(const struct tar_stream *s);
uint64_t tar_stream_size(const struct tar_stream *s); /* uncompressed bytes so far */
/* The digest of everything read so far; the stream is at its end afterwards. */
void tar_stream_digest(struct tar_stream *s, char hex[static SHA256_HEX_MAX]);

/* After tar_stream_digest(): the number of bytes as they came; hex is "" when they were not hashed. */
uint64_t tar_stream_packed(struct tar_stream *s, char hex[static SHA256_HEX_MAX]);

/* Whether these first bytes (8 tell all) are of packed data. */
bool tar_stream_is_packed(const void *head, size_t n);
/* "an xz file", "a zip file" ..., or NULL: what the first bytes say when they are not a tar's. */
const char *tar_stream_guess(const struct tar_stream *s);
/* "", "gzip", "zstd", "bzip2" or "xz" */
const char *tar_stream_packing(const struct tar_stream *s);
