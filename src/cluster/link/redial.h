/* SPDX-License-Identifier: Apache-2.0
 *
 * redial: how long an agent that has lost its server, or never had one, waits before it tries the next address. Pure: randomness comes in.
 *
 * Pauses grow from 200 ms to REDIAL_MAX_MS, each of a random length, so that a thousand agents do not come at once. Of several servers one leads, and the
 * others refuse connections: a round through all addresses has no pause, and those between rounds stay short (REDIAL_SEVERAL_MS), so that whoever begins to
 * lead has its agents soon, however long nobody led. Only who was refused by a server that leads waits as long as with a single one: it would hear the same.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REDIAL_MAX_MS 15000
#define REDIAL_SEVERAL_MS 1600

struct redial {
	bool several;	    /* servers */
	size_t n_addresses; /* of all of them */
	size_t tried;	    /* of this round */
	unsigned failures;  /* rounds, or addresses of a single server */
	bool refused;
};

/* The server has welcomed the agent. */
void redial_welcomed(struct redial *r);
/* The server that leads does not want it. */
void redial_refused(struct redial *r);
/* The address that was tried last has failed: milliseconds until the next one. */
int64_t redial_pause_ms(struct redial *r, uint32_t random);
