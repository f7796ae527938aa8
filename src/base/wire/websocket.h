/* SPDX-License-Identifier: Apache-2.0
 *
 * websocket: the frames of RFC 6455, on the side of a server. Pure: bytes in, bytes out. Messages are not put together: a stream is carried by them, so
 * bytes of data (text as well as binary) are handed on as they come, frames of any size and number make one, and nothing is kept but the head of a
 * frame and one control frame of at most 125 bytes. Everything that the RFC says a server must refuse is refused: no mask, reserved bits,
 * unknown opcodes, control frames in pieces or too long, a message within another one, a continuation of none.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEBSOCKET_CONTROL_MAX 125
#define WEBSOCKET_HEAD_MAX 14

enum websocket_opcode {
	WEBSOCKET_CONTINUED = 0,
	WEBSOCKET_TEXT = 1,
	WEBSOCKET_BINARY = 2,
	WEBSOCKET_CLOSE = 8,
	WEBSOCKET_PING = 9,
	WEBSOCKET_PONG = 10,
};

struct websocket {
	uint8_t head[WEBSOCKET_HEAD_MAX];
	unsigned n_head;
	bool in_payload, in_message;
	uint64_t at, length; /* of the payload */
	uint8_t control[WEBSOCKET_CONTROL_MAX];
	size_t n_control;
};

/* Takes bytes of a client, at most up to the end of a control frame. Bytes of data go to `out` (room for n). Returns 0: all was taken; WEBSOCKET_PING
 * or WEBSOCKET_CLOSE: such a frame is in control, n_control; -EPROTO: the client breaks the rules, and must be left. */
int websocket_feed(struct websocket *w, const uint8_t *data, size_t n, size_t *ret_used, uint8_t *out, size_t *ret_out);

/* The reason in a close frame that was fed: 1000 when it says none, 1002 when it is none that a peer may say. */
unsigned websocket_close_code(const struct websocket *w);

/* The head of a frame of n bytes that a server sends; its length. */
size_t websocket_head(uint8_t out[static WEBSOCKET_HEAD_MAX], enum websocket_opcode opcode, uint64_t n);
