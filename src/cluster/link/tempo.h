/* SPDX-License-Identifier: Apache-2.0
 *
 * tempo: how often one address may come to the door. Before anybody has said who he is the server signs for him, which takes 0.7 to 1 ms of its only thread: places
 * (crowd.h) do not keep somebody from coming and going for ever. An address may come TEMPO_BURST times at once, and TEMPO_PER_S times a second after that; a tenth
 * of a processor at the most. Whoever comes more often is sent away before he has cost anything, as agents are when the door is crowded: they try again
 * after a pause. An IPv6 address counts with all of its /64 (crowd_origin()).
 *
 * From this machine itself one may come as often as one likes: whoever is here has its processors anyway, and hundreds of agents of a local source come from
 * here at once.
 *
 * There are TEMPO_MAX addresses in its memory; one more takes the place of the one that has come least. Pure: no clock, no socket.
 */
#pragma once

#include "base/core/bucket.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define TEMPO_BURST 1000
#define TEMPO_PER_S 100
#define TEMPO_MAX 1024

struct tempo {
	struct tempo_address {
		struct in6_addr addr;
		struct bucket bucket;
	} list[TEMPO_MAX];
	size_t n;
};

/* One more from there, at that time of a clock that never goes back; false: it came too often. All 0 is a tempo that has seen nobody. */
bool tempo_take(struct tempo *t, const struct sockaddr_storage *from, int64_t now_us);
