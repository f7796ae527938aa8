/* SPDX-License-Identifier: Apache-2.0
 *
 * grpc_text: the form of grpc-message, percent-encoded UTF-8 ("gRPC over HTTP2").
 */
#pragma once

#include <stddef.h>

/* Control bytes become '?'; what does not fit is left out. dst is NUL-terminated. */
void grpc_text_decode(char *dst, size_t cap, const void *value, size_t n);
/* The caller's; at the most GRPC_TEXT_ENCODED bytes of text are taken. */
#define GRPC_TEXT_ENCODED 8192
char *grpc_text_encode(const char *text);
