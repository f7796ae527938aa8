/* SPDX-License-Identifier: Apache-2.0
 *
 * ws_pump: carries a plain stream over a websocket. The daemon stays in between, because somebody has to take the frames off; of each direction it holds
 * one piece, so that a side which takes nothing holds the other one up, not the memory. Pings are answered (the last one, when several wait), a close
 * is answered and ends the stream; a stream that ends is a close with 1000, a client that breaks the rules gets 1002. Whoever was told so has two
 * seconds to go.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err;
struct loop;
struct ws_pump;

#define WS_PUMPS_MAX 256

/* All there are. {NULL} is none. */
struct ws_pumps {
	struct ws_pump *first;
	size_t n;
};

/* Between `socket` and `stream`; both belong to the pump in every case. text: frames to the client say that they are text. -EBUSY: there are too many. */
int ws_pump_start(struct ws_pumps *all, struct loop *loop, int socket, int stream, bool text, struct err *err);
void ws_pump_end_all(struct ws_pumps *all);
