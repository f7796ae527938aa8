/* SPDX-License-Identifier: Apache-2.0
 *
 * numa: which processors and which memory a container gets that asks for those of one NUMA node (x-berth: bind: numa). As with bind: cores, the scheduler counts
 * processors and memory of the whole machine, and the agent chooses which they are; here by the memory that the NUMA nodes have free, too, and by how far they
 * are from each other. The choice is pure; what the kernel says is read from a directory like /sys/devices/system/node.
 */
#pragma once

#include "cluster/agent/cores.h"

#define NUMA_MAX 64 /* nodes; what a machine has beyond them is left alone */

struct numa_node {
	unsigned id;
	unsigned cores;		    /* usable ones */
	uint64_t memory, available; /* bytes: all; free, or used as a cache alone */
	uint8_t distance[NUMA_MAX]; /* to the others, in their order; 10 = itself */
};

struct numa_map {
	struct cores_map cores;
	struct numa_node nodes[NUMA_MAX]; /* by id, those that are online */
	unsigned n;
};

/* This machine's directory, or -1. */
int numa_open(void);
/* usable: of the processors, those that may be given away. Without the directory (dir < 0), or when it says nothing: one node 0 with all of them. */
void numa_read(int dir, const struct cores *usable, struct numa_map *ret);

/* n processors that are not taken and nodes with so much memory available (bytes, 0 = any): of one node, the fullest that has both; else of as few as can be, near
 * each other. When all nodes together have not so much memory, processors alone decide: what is in use there may go away. ret_nodes: those of the memory. -EBUSY: there are not so
 * many processors. */
int numa_pick(const struct numa_map *m, const struct cores *taken, unsigned n, uint64_t memory, struct cores *ret,
	      struct cores *ret_nodes, struct err *err);
