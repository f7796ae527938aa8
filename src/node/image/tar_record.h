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
 * Writing has two levels. Who writes a tar itself says tar_record_literal(), tar_record_file() and tar_record_piece() in the order of the bytes. Who
 * reads a tar through another reader shows every byte as it passes, tar_record_stream(), and says which of them became the content of a file,
 * tar_record_content(): the bytes are compared, so a mistake about their place is found (the record is given up then, not the unpacking).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct stat;
struct tar_record;

#define TAR_RECORD_NAME "tar"

/* Makes `dir`/tar; dir stays the caller's and must stay open. */
int tar_record_new(int dir, struct tar_record **ret, struct err *err);
struct tar_record *tar_record_free(struct tar_record *r);
static inline void tar_record_freep(struct tar_record **r)
{
	tar_record_free(*r);
}

int tar_record_literal(struct tar_record *r, const void *data, size_t n, struct err *err);
/* The file below fs/ (a cleaned name, at the most 4095 bytes) that the next pieces belong to, and its inode. */
int tar_record_file(struct tar_record *r, const char *name, uint64_t ino, struct err *err);
int tar_record_piece(struct tar_record *r, uint64_t offset, uint64_t n, struct err *err);

/* All bytes of the tar, in order. */
int tar_record_stream(struct tar_record *r, const void *data, size_t n, struct err *err);
/* The n bytes from `pos` on of the stream were written to the present file at `offset`. */
int tar_record_content(struct tar_record *r, uint64_t pos, const void *data, size_t n, uint64_t offset,
		       struct err *err);

/* Called before dir_fd/name (st is what it is) goes for good because a later entry takes its place: the content of a regular file is put
 * aside, to become a literal; after everything else the names in the record are looked at again. */
int tar_record_replaced(struct tar_record *r, int dir_fd, const char *name, const struct stat *st, struct err *err);

/* The last byte has passed. *ret_ok = false: the tar cannot be made again (a name leads to another file now, or the reader's positions
 * were not true), and there is no record. */
int tar_record_end(struct tar_record *r, bool *ret_ok, struct err *err);

/* Reading. */
struct tar_record_item {
	enum { TAR_RECORD_LITERAL, TAR_RECORD_PIECE } kind;
	const unsigned char *data; /* literal; valid until the next call */
	const char *name;	   /* piece; valid until the next call */
	uint64_t n, offset;
};
struct tar_record_reader;
/* fd stays the caller's. -EBADMSG: not a record, damaged or cut short (tar_record_next() too). */
int tar_record_open(int fd, struct tar_record_reader **ret, struct err *err);
struct tar_record_reader *tar_record_close(struct tar_record_reader *r);
static inline void tar_record_closep(struct tar_record_reader **r)
{
	tar_record_close(*r);
}
/* 1 = an item (a long literal comes in several), 0 = the end, whose size agrees with the items. */
int tar_record_next(struct tar_record_reader *r, struct tar_record_item *ret, struct err *err);
