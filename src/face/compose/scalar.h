/* SPDX-License-Identifier: Apache-2.0
 *
 * scalar: numbers, booleans, durations, sizes and signals as Compose writes them. Pure; each returns false for a text
 * that is none.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* YAML's true and false; with `loose` also what Compose takes from an interpolated text: y, yes, on, n, no, off. */
bool scalar_bool(const char *text, bool loose, bool *ret);
/* A whole number as go-yaml reads one: 12, -3, 0x1f, 0o17, 017 (octal), 1_000. */
bool scalar_int(const char *text, int64_t *ret);
/* A number, finite: a whole one as above or a decimal one. */
bool scalar_number(const char *text, double *ret);
/* 1m30s, 500ms, 1.5h, 2d, 1w; units us, ms, s, m, h, d, w in any order, each with a number. Whole ms, rounded up; at
 * most 10 years. "0" is 0. A number without a unit is none. */
bool scalar_duration(const char *text, int64_t *ret_ms);
/* The same, exact and in nanoseconds; the unit ns, too. */
bool scalar_nanoseconds(const char *text, int64_t *ret_ns);
/* 512, 64k, 512m, 1.5gb, 2GiB, 3t: powers of 1024, letters in any case, in bytes. At most 2^53. */
bool scalar_size(const char *text, int64_t *ret_bytes);
/* 0.5, 2, 1.25 CPUs in thousandths, rounded up; at most 1,000,000 CPUs. */
bool scalar_cpus(const char *text, int64_t *ret_milli);
/* An octal mode as text: 0440, 440, 0o440, at most 07777. */
bool scalar_mode(const char *text, int64_t *ret);
/* SIGTERM, term, 15, RTMIN+3; ret_name is a static or caller's text "SIGTERM" of SCALAR_SIGNAL_MAX bytes. */
#define SCALAR_SIGNAL_MAX 16
bool scalar_signal(const char *text, char ret_name[static SCALAR_SIGNAL_MAX]);
/* The number of such a name, 0 = there is none. */
int scalar_signal_number(const char *name);
/* False for a text with bytes that are no UTF-8 (Unicode 15, table 3-7); *ret_at is where. */
bool scalar_utf8(const char *text, size_t n, size_t *ret_at);
