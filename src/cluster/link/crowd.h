/* SPDX-License-Identifier: Apache-2.0
 *
 * crowd: who stands at the door and has not proved who he is, by address; an IPv6 address counts with all of its /64, which one machine may have whole.
 * There are CROWD_MAX places, CROWD_OF_ONE of them for one address. When they are taken a newcomer gets that of another one, so that nobody keeps the others out:
 *
 *   all places taken, an address has at least two more than the newcomer's    who of that one has stood there longest
 *   all places taken otherwise                                                who has stood there longest, if for CROWD_GRACE_MS
 *   the address has all of its own                                            who of it has stood there longest, if for CROWD_GRACE_MS
 *
 * Whoever has proved himself, or waits for us, is not sent away (crowd_hold()). Pure: no clock, no socket.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define CROWD_MAX 256
#define CROWD_OF_ONE 64
#define CROWD_GRACE_MS 2000

/* Part of whoever stands there; all 0 at first. */
struct crowd_member {
	struct crowd_member *next; /* the one who came after it */
	struct crowd_origin *origin;
	int64_t since_ms;
	bool held;
};

struct crowd {
	struct crowd_origin *origins;
	struct crowd_member *first, **last; /* in the order they came */
	size_t n;
};

/* Whom an address counts as. */
struct in6_addr crowd_origin(const struct sockaddr_storage *a);

void crowd_init(struct crowd *c);
/* Whether there is a place for one more of that address: at once, or, *ret_leaves not NULL, when that one has left (the caller makes it leave). */
bool crowd_has_place(const struct crowd *c, const struct sockaddr_storage *from, int64_t now_ms,
		     struct crowd_member **ret_leaves);
void crowd_enter(struct crowd *c, struct crowd_member *m, const struct sockaddr_storage *from, int64_t now_ms);
void crowd_hold(struct crowd_member *m, bool held);	   /* held: it is not sent away */
void crowd_leave(struct crowd *c, struct crowd_member *m); /* also one that never entered */
