/* SPDX-License-Identifier: Apache-2.0
 *
 * backup: the records of a store as a file (docs/formats/backup.md): a line of JSON each, the first with the versions, the last with the number of the
 * records and the SHA-256 of all before it. What such a file says is believed only after all of it was read and compared.
 */
#pragma once

#include "base/store/store_record.h"

#include <yyjson.h>

struct err;

#define BACKUP_FORMAT 1
#define BACKUP_LINE_MAX (1u << 30)

/* Makes the file (mode 600; -EEXIST: it is there already), whole and synced, or none. */
int backup_write(struct store *from, const char *path, struct store_counts *ret, struct err *err);

/* Reads all of it and calls fn (NULL: only looks whether it is whole) for each record. -EBADMSG: damaged; -EPROTO: made by a newer version. */
int backup_read(const char *path, store_record_fn fn, void *ctx, struct store_counts *ret, struct err *err);

/* One line, without its end. Returns 1 for a record, whose strings point into *ret_doc, 0 for the first and the last line. */
int backup_line(const char *line, size_t n, struct store_record *ret, yyjson_doc **ret_doc, struct err *err);
