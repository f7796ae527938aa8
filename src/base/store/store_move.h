/* SPDX-License-Identifier: Apache-2.0
 *
 * store_move: a whole store into a file, out of one, or into another store: what `berth backup`, `berth restore` and `berth store copy` do. Each has a loop of
 * its own: for a process that does nothing else.
 */
#pragma once

#include "base/store/store_record.h"

struct err;

/* kind: as store_open(); of "sqlite" the directory. */
struct store_place {
	const char *kind, *dir;
};

/* Opening a store would make one: -ENOENT when there is none. Of etcd it is known when it is opened. */
int store_check_there(const struct store_place *p, struct err *err);

/* One moment of a store that may be in use. -ENOENT: there is none. */
int store_backup(const struct store_place *from, const char *path, struct store_counts *ret, struct err *err);
/* Into a store that is empty, and that no server has: -EEXIST, -EBUSY. The file is compared with its sum before anything is written, or the directory made. */
int store_restore(const char *path, const struct store_place *to, struct store_counts *ret, struct err *err);
/* From a store that no server has into an empty one: -EBUSY, -EEXIST. The source stays as it is. */
int store_copy(const struct store_place *from, const struct store_place *to, struct store_counts *ret, struct err *err);
