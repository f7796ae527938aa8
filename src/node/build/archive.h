/* SPDX-License-Identifier: Apache-2.0
 *
 * archive: unpacks a tar (plain, or packed with gzip, zstd, bzip2 or xz) that somebody else made, in a confined worker process (image_worker_confine), for contexts on
 * standard input and for ADD.
 */
#pragma once

struct err;

enum { ARCHIVE_OTHER = 0, ARCHIVE_UNPACKED = 1 };

/* What the first bytes of a file say; PACKED may be of a tar or not. Reads at the beginning of fd by pread(2). */
enum archive_kind { ARCHIVE_NONE, ARCHIVE_TAR, ARCHIVE_PACKED };
enum archive_kind archive_look(int fd);

/* Unpacks fd below dir/"fs". ARCHIVE_OTHER: it is no tar at all (then there is no fs, or an empty one). What is damaged or against a limit is an
 * error. */
int archive_unpack(int fd, int dir, struct err *err);
/* The same into dir/"fs" as it is there already. */
int archive_unpack_more(int fd, int dir, struct err *err);
