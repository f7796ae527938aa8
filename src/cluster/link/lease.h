/* SPDX-License-Identifier: Apache-2.0
 *
 * lease: how long a node may run what must not run twice, and how long the server waits before it starts that elsewhere. Pure.
 *
 * Both sides go by their own clocks, which nobody can set (clock_mono_ms()), and never compare their readings. A node's lease is counted from the moment
 * when it *sent* the last word that the server has answered; the server counts from the moment when it *heard* the last word, which cannot be earlier.
 * So the node's lease ends first as long as the server waits for the lease and a margin, and the margin covers what the clocks' rates may differ
 * (LEASE_DRIFT) and the time that killing takes (LEASE_KILL_MS).
 */
#pragma once

#include <stdint.h>

#define LEASE_DRIFT 20	  /* a clock may be wrong by one part of so many: 5 %, a hundred times what real ones are */
#define LEASE_KILL_MS 500 /* until the last process of a container that is killed has gone */

/* At the node, by its clock. lease_ms 0: its server is this process itself, and nobody waits: never. */
int64_t lease_end(int64_t sent_ms, int64_t lease_ms);
/* At the server, by its clock: without a word for so long a node is given up. */
int64_t lease_patience(int64_t lease_ms);
