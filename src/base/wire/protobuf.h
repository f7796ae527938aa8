/* SPDX-License-Identifier: Apache-2.0
 *
 * protobuf: the few words of that format that talking with criu and with etcd needs: numbers, bytes, texts and messages in messages.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

void pb_number(struct buf *b, unsigned field, uint64_t value); /* bool, enum, int32 and uint32 */
void pb_uint(struct buf *b, unsigned field, uint64_t value);   /* the same; 0 is left out, as version 3 has it */
void pb_bytes(struct buf *b, unsigned field, const void *data, size_t n); /* none are left out */
void pb_text(struct buf *b, unsigned field, const char *text);		  /* NULL: nothing is written */
void pb_message(struct buf *b, unsigned field, const struct buf *message);

struct pb_field {
	unsigned field;
	uint64_t number;  /* 0 for a text */
	const char *text; /* not terminated; NULL for a number */
	size_t n;
};

/* The next field of a message; *at goes on. 1, 0 at the end, or -EINVAL for what is no message. */
int pb_next(const char **at, const char *end, struct pb_field *ret);
