/* SPDX-License-Identifier: Apache-2.0
 *
 * units: numbers, sizes, times and words as people type them. All return 0 or -EINVAL with a text that quotes what
 * was typed.
 */
#pragma once

#include <stdint.h>

struct err;

int units_count(const char *text, uint64_t *ret, struct err *err); /* "17" */
/* Bytes, with an optional unit: b k m g t, kb mb gb tb, kib mib gib tib, in any case; all are powers of 1024, as
 * docker has them. "1.5g" works. */
int units_size(const char *text, uint64_t *ret, struct err *err);
int units_cpus(const char *text, uint64_t *ret_milli,
	       struct err *err); /* "1.5" -> 1500; at least 0.001, at the most 100000 */
/* Milliseconds of a duration: seconds as a plain number, or "500ms", "1m30s", "2h". */
int units_time(const char *text, uint64_t *ret_ms, struct err *err);
/* A moment for Docker's API, seconds since 1970, of what people write: "2024-05-01T10:00:00Z", "2024-05-01" (local time), "42m" (ago), or seconds since 1970
 * with a fraction or without. New memory. */
int units_moment(const char *text, char **ret, struct err *err);
int units_level(const char *text, uint64_t *ret, struct err *err); /* error, warning, info, debug -> enum log_level */

/* A command line as words, with '...', "..." and backslash as in a shell but nothing expanded; or a JSON list of
 * strings when it begins with '['. The NULL-terminated array is the caller's (mem_strv_free). */
int units_words(const char *text, char ***ret, struct err *err);
