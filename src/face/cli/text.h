/* SPDX-License-Identifier: Apache-2.0
 *
 * text: words, times and sizes for people, and the door through which text of others reaches a terminal.
 *
 * Names, commands, errors and logs come from images, jobs and other users. On a terminal a control byte in them could
 * move the cursor, set the clipboard or forge a line (attack class A6), so they are escaped: control characters of
 * ASCII and of Unicode (C1), bytes that are no UTF-8, line separators and the marks that change the direction of
 * writing become \x1b or \u202e.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct buf;

/* Adds one line's text, escaped: newlines and tabs too. */
void text_escape(struct buf *out, const char *s, size_t n);
/* The same into new memory of the caller; NULL gives "". */
char *text_escaped(const char *s);

/* A stream of log bytes for a terminal: newlines and tabs stay, "\r\n" becomes "\n", and a character may be split
 * between two calls. */
struct text_filter {
	char carry[4];
	size_t n;
};
void text_filter_add(struct text_filter *f, struct buf *out, const char *s, size_t n);
void text_filter_end(struct text_filter *f, struct buf *out); /* what was incomplete comes out escaped */

/* Columns that valid text takes on a terminal, and the length in bytes of its first `columns` columns. */
size_t text_width(const char *s);
size_t text_cut(const char *s, size_t columns);

#define TEXT_MAX 48
/* "0.8 s", "12 s", "3 min 20 s", "2 h 5 min", "3 d 4 h". Negative counts as 0. Returns text. */
char *text_duration(char text[static TEXT_MAX], int64_t ms);
/* "3 min ago", "just now"; "-" for 0. */
char *text_ago(char text[static TEXT_MAX], int64_t then_ms, int64_t now_ms);
/* "512 B", "1.5 MiB". */
char *text_size(char text[static TEXT_MAX], uint64_t bytes);

#define TEXT_ID 12
/* The part of an ID that people need: 12 digits of a hexadecimal one (after "sha256:"), any other as it is. New
 * memory, escaped. */
char *text_id(const char *id);

/* A line that a program may read on `to`: as it is, but for a terminal control bytes are escaped. */
void text_raw_line(FILE *to, const char *s, size_t n);
/* One line for a person on `to`: the format's result is escaped, then a newline. text_error begins with "berth: ". */
void text_line(FILE *to, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
