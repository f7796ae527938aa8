/* SPDX-License-Identifier: Apache-2.0
 *
 * base64: RFC 4648 section 4, with its padding; nothing else is read.
 */
#pragma once

#include <stddef.h>

char *base64_text(const void *data, size_t n); /* new memory */
/* New memory, NUL-terminated, of *ret_len bytes; NULL when it is no base64. */
char *base64_bytes(const char *text, size_t *ret_len);
