/* SPDX-License-Identifier: Apache-2.0
 *
 * buf: bytes that grow, with a hard limit.
 *
 * `struct buf b = BUF_INIT;` or `BUF_LIMIT(n)`. The data is always followed by a NUL that `len` does not count, so a buf
 * of text is a C string too (b.data is NULL only before the first write; buf_str() never is). Past the limit nothing
 * more is added and `full` stays set: check it once at the end.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#define BUF_DEFAULT_LIMIT (64u << 20)

struct buf {
	char *data;
	size_t len, cap;
	size_t limit; /* 0 = BUF_DEFAULT_LIMIT */
	bool full;
};

#define BUF_INIT                                                                                                       \
	{                                                                                                              \
		.data = NULL                                                                                           \
	}
#define BUF_LIMIT(n)                                                                                                   \
	{                                                                                                              \
		.data = NULL, .limit = (n)                                                                             \
	}
#define buf_cleanup __attribute__((cleanup(buf_free)))

void buf_free(struct buf *b);				/* back to empty; keeps the limit */
void buf_clear(struct buf *b);				/* len = 0, memory kept */
int buf_add(struct buf *b, const void *data, size_t n); /* 0, or -E2BIG at the limit (nothing added) */
int buf_adds(struct buf *b, const char *s);
int buf_addc(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for n more bytes at the end; returns the place, or NULL at the limit. Add what was written to len by buf_added(). */
char *buf_room(struct buf *b, size_t n);
void buf_added(struct buf *b, size_t n);
void buf_drop(struct buf *b, size_t n); /* removes n bytes from the front */
/*
 * For a reader that takes pieces from the front while others add at the end: moves its place *at on by n bytes. What lies before it goes once that is half
 * of all, so a buf whose reader always lags a little holds at most twice what still waits, and a byte is moved once at most in the mean.
 */
void buf_pass(struct buf *b, size_t *at, size_t n);
const char *buf_str(const struct buf *b); /* never NULL */
char *buf_take(struct buf *b);		  /* the string, owned by the caller; b is empty afterwards */
