/* SPDX-License-Identifier: Apache-2.0
 *
 * tz: time zones, from the system's data base (files of RFC 8536, package tzdata). A zone is a row of spans, each with one offset from UTC; after the last
 * one that its file lists, the rule at the file's end goes on for ever. Unlike libc's, any number of zones can be in use, and nothing is global.
 *
 * tz_open() reads a file; all else is pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct err;
struct tz;

#define TZ_NAME_MAX 64
#define TZ_FILE_MAX (256u << 10)
#define TZ_OFFSET_MAX (26 * 3600) /* seconds, RFC 8536 3.2 */

/* "Europe/Paris" from $TZDIR or /usr/share/zoneinfo; "UTC" is always there. -EINVAL: not a name, or the file is not one of a zone; -ENOENT: no such zone. */
int tz_open(const char *name, struct tz **ret, struct err *err);
/* The bytes of such a file. -EINVAL. */
int tz_parse(const void *data, size_t n, struct tz **ret, struct err *err);
struct tz *tz_free(struct tz *z);

/* From `from` on and before `to` (seconds since 1970) the local time is UTC + offset seconds. The next span may have the same offset. */
struct tz_span {
	int64_t from, to; /* INT64_MIN, INT64_MAX: without an end */
	int32_t offset;
};
struct tz_span tz_span(const struct tz *z, int64_t utc_s);
