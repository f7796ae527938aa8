/* SPDX-License-Identifier: Apache-2.0
 *
 * volume_record: <data>/volume-records/<name>.json, what is known about a volume besides its files. Inside of node/engine only.
 */
#pragma once

#include "node/engine/volume.h"

#define VOLUME_RECORD_MAX (1u << 20)
#define VOLUME_RECORDS "volume-records"
#define VOLUME_ROOT "volumes"

/* Fills labels, options, anonymous and created_ms; without a record they stay as they are. dir: that of the records, -1 = there is none. */
int volume_record_read(int dir, const char *name, struct volume *ret, struct err *err);
int volume_record_write(int dir, const struct volume *v, struct err *err);
void volume_record_remove(int dir, const char *name);

/* The options of driver "local". */
struct volume_options {
	const char *type, *device, *o; /* NULL = not given */
};
/* -EINVAL: unknown ones, or a combination that cannot be. The strings are those of the list. */
int volume_options_parse(char *const *list, struct volume_options *ret, struct err *err);
/* A detached mount as the options say. */
int volume_options_mount(const struct volume_options *o, struct err *err);

/* What the image has at `target` goes into the volume, if it is empty. records: the directory of the records; volume: the volume's own. */
int volume_fill(int records, const struct volume_mount *m, int volume, struct err *err);
