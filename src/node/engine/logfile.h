/* SPDX-License-Identifier: Apache-2.0
 *
 * logfile: the output of a container on disk, written by its monitor and read by anybody at the same time (docs/formats/log.md).
 *
 * A file starts with a header (magic, version, generation); then come records
 *     u32 n | u8 stream | u8 flags | u16 0 | u64 time in ns since 1970 | n bytes | u32 n          (little-endian)
 * so that a reader can walk both ways. `log` is the file being written; rotation renames it to log.1, log.1 to log.2 and so on and starts the
 * next generation. What follows the last whole record is a torn tail and is ignored.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

#define LOGFILE_HEADER 16
#define LOGFILE_HEAD 16
#define LOGFILE_TAIL 4
#define LOGFILE_DATA_MAX 65536 /* of one record; a larger one is damage */
#define LOGFILE_STREAM_MAX 2
#define LOGFILE_RECORD_MAX (LOGFILE_HEAD + LOGFILE_DATA_MAX + LOGFILE_TAIL)

/* What a file begins with. */
#define LOGFILE_PLAIN "berthlog"
#define LOGFILE_PACKED "berthlgz" /* logpack.h */

struct logfile_header {
	char magic[8];
	uint32_t version, generation;
};
_Static_assert(sizeof(struct logfile_header) == LOGFILE_HEADER, "the file header has 16 bytes");
struct logfile_header logfile_header(const char *magic, uint32_t generation);

#define LOGFILE_NAME_MAX 24
void logfile_name(char name[static LOGFILE_NAME_MAX], unsigned index); /* "log", "log.1" ... */

/* ---- writing ---- */

struct logfile {
	int dir; /* borrowed */
	int fd;
	uint64_t size, max_size;
	uint32_t generation;
	unsigned max_files;
	uint64_t lost;	/* bytes since the last notice */
	int lost_errno; /* why */
	bool rotated;	/* since the caller last cleared it */
	uint64_t total; /* bytes of records written, for wake-ups */
};

void logfile_init(struct logfile *l, int dir, uint64_t max_size, unsigned max_files);
/* Goes on with the log of an earlier life, if there is one. */
void logfile_resume(struct logfile *l);
void logfile_close(struct logfile *l);
/* One record of at most LOGFILE_DATA_MAX bytes. Never fails: what cannot be written is counted, and a notice (stream 0) says so as soon as there is
 * room again. */
void logfile_write(struct logfile *l, int stream, int64_t time_ns, const void *data, size_t n);

/* ---- reading ---- */

struct logfile_record {
	int stream;
	int64_t time_ns;
	const unsigned char *data;
	size_t n;
};

/* Looks at the record at the start of p[0..n). Returns its whole size, 0 when more bytes are needed, -EBADMSG when it is damaged. */
ssize_t logfile_peek(const unsigned char *p, size_t n, struct logfile_record *ret);
/* The same for the record that ends at the end of p[0..n): its whole size, 0 = more bytes are needed before p, -EBADMSG. */
ssize_t logfile_peek_back(const unsigned char *p, size_t n, struct logfile_record *ret);

/* Opens the file of index 0 (`log`), 1 (`log.1`) ... for reading (by logread.h, which knows how to read one that is packed); -ENOENT when there is none,
 * -EBADMSG when its header is not ours or incomplete. */
int logfile_open(int dir, unsigned index, uint32_t *ret_generation, bool *ret_packed, struct err *err);
