/* SPDX-License-Identifier: Apache-2.0
 *
 * archive: unpacks a tar (plain, gzip or zstd) that somebody else made, in a confined worker process (image_worker_confine), for contexts on
 * standard input and for ADD.
 */
#pragma once

struct err;

enum { ARCHIVE_OTHER = 0, ARCHIVE_UNPACKED = 1 };

/* What the first bytes of a file say. */
enum archive_kind { ARCHIVE_NONE, ARCHIVE_TAR, ARCHIVE_PACKED, ARCHIVE_FOREIGN };
/* PACKED: gzip or zstd data, perhaps of a tar; FOREIGN: bzip2 or xz, whose name goes to *ret_name. Reads at the beginning of fd by pread(2). */
enum archive_kind archive_look(int fd, const char **ret_name);

/* Unpacks fd below dir/"fs". ARCHIVE_OTHER: it is no tar at all (then there is no fs, or an empty one). What is damaged or against a limit is an
 * error. */
int archive_unpack(int fd, int dir, struct err *err);
