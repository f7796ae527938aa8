/* SPDX-License-Identifier: Apache-2.0
 *
 * cores: which processors a container gets that asks for processors of its own (x-berth: bind: cores). The scheduler counts them (each is a whole CPU of the
 * node's); which they are the agent chooses, for it alone knows the machine, and has to know what is taken after a restart without the server. What is taken
 * stands in the label CORES_LABEL of the containers themselves, so nothing has to be kept beside them. The choice itself is pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define CORES_MAX 1024
#define CORES_LABEL "io.berth.cpus"
#define CORES_TEXT_MAX 5120 /* bytes of a list with the NUL */

/* A set of processors, or of NUMA nodes. */
struct cores {
	uint64_t bits[CORES_MAX / 64];
};

struct cores_map {
	struct cores usable;	     /* by this process */
	uint16_t node_of[CORES_MAX]; /* NUMA node of each processor */
};

bool cores_has(const struct cores *c, unsigned n);
void cores_add(struct cores *c, unsigned n);
unsigned cores_count(const struct cores *c);
bool cores_overlap(const struct cores *a, const struct cores *b);
/* "0-3,8" -> set; false for a text that is no list, or beyond CORES_MAX. */
bool cores_parse(const char *text, struct cores *ret);
void cores_text(const struct cores *c, char text[static CORES_TEXT_MAX]);

/* n of those that are usable and not taken: on the NUMA node with the fewest free ones that has enough; else on as few NUMA nodes as can be. -EBUSY: there are
 * not so many. */
int cores_pick(const struct cores_map *m, const struct cores *taken, unsigned n, struct cores *ret, struct err *err);
/* The NUMA nodes of these. */
void cores_nodes(const struct cores_map *m, const struct cores *c, struct cores *ret);

/* Those of this machine that this process may use. */
void cores_usable(struct cores *ret);
