/* SPDX-License-Identifier: Apache-2.0
 *
 * record: what a tar consists of besides the content of the files that were unpacked from it, so that the very same tar can be made again
 * from the record and the files, whatever program wrote it. It is the file "tar" beside the layer's fs/: zstd around
 *
 *   "berth-record 1\n"                                    then items, numbers in little-endian order:
 *   'L' u32 n, n bytes                                    bytes of the tar as they are: headers, padding, the end mark
 *   'F' u16 n, n bytes name, u64 offset, u64 size         so many bytes of the file of that name below fs/
 *   'E' u64 size                                          the end; the size of the whole tar
 *
 * Every byte of a tar is in it once, as a literal or as a piece of a file, so a record is never larger than its tar.
 *
 * Writing has two levels. Who writes a tar itself says record_literal(), record_file() and record_piece() in the order of the bytes. Who
 * reads a tar through another reader shows every byte as it passes, record_stream(), and says which of them became the content of a file,
 * record_content(): the bytes are compared, so a mistake about their place is found (the record is given up then, not the unpacking).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct stat;
struct record;

#define RECORD_NAME "tar"

/* Makes `dir`/tar; dir stays the caller's and must stay open. */
int record_new(int dir, struct record **ret, struct err *err);
struct record *record_free(struct record *r);
static inline void record_freep(struct record **r)
{
	record_free(*r);
}

int record_literal(struct record *r, const void *data, size_t n, struct err *err);
/* The file below fs/ (a cleaned name, at the most 4095 bytes) that the next pieces belong to, and its inode. */
int record_file(struct record *r, const char *name, uint64_t ino, struct err *err);
int record_piece(struct record *r, uint64_t offset, uint64_t n, struct err *err);

/* All bytes of the tar, in order. */
int record_stream(struct record *r, const void *data, size_t n, struct err *err);
/* The n bytes from `pos` on of the stream were written to the present file at `offset`. */
int record_content(struct record *r, uint64_t pos, const void *data, size_t n, uint64_t offset, struct err *err);

/* Called before dir_fd/name (st is what it is) goes for good because a later entry takes its place: the content of a regular file is put
 * aside, to become a literal; after everything else the names in the record are looked at again. */
int record_replaced(struct record *r, int dir_fd, const char *name, const struct stat *st, struct err *err);

/* The last byte has passed. *ret_ok = false: the tar cannot be made again (a name leads to another file now, or the reader's positions
 * were not true), and there is no record. */
int record_end(struct record *r, bool *ret_ok, struct err *err);

/* Reading. */
struct record_item {
	enum { RECORD_LITERAL, RECORD_PIECE } kind;
	const unsigned char *data; /* literal; valid until the next call */
	const char *name;	   /* piece; valid until the next call */
	uint64_t n, offset;
};
struct record_reader;
/* fd stays the caller's. -EBADMSG: not a record, damaged or cut short (record_next() too). */
int record_open(int fd, struct record_reader **ret, struct err *err);
struct record_reader *record_close(struct record_reader *r);
static inline void record_closep(struct record_reader **r)
{
	record_close(*r);
}
/* 1 = an item (a long literal comes in several), 0 = the end, whose size agrees with the items. */
int record_next(struct record_reader *r, struct record_item *ret, struct err *err);
