/* SPDX-License-Identifier: Apache-2.0
 *
 * sha1: of a short text, for protocols that prescribe it where nothing depends on its strength (the handshake of RFC 6455).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHA1_TEXT_MAX 119 /* bytes: two blocks */

/* n: at most SHA1_TEXT_MAX. */
void sha1_of(const void *text, size_t n, uint8_t ret[static 20]);
