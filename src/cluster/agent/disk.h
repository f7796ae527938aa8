/* SPDX-License-Identifier: Apache-2.0
 *
 * disk: the file system that holds this node's data: images, layers of containers, volumes, spaces. What jobs may be promised of it in all, and how much is free, which
 * the agent looks at with each heartbeat and tells when it has changed by a 32nd of all: each telling is an event of the server's log.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct disk {
	uint64_t total; /* bytes that jobs may be promised: what the node was told, or all of the file system */
	uint64_t all;	/* of the file system; 0 = nobody knows */
	uint64_t free;	/* as it was told; for ordinary users, as statvfs(3) has it */
};

/* `told`: bytes, 0 = all. A directory that cannot be looked at has none. */
void disk_open(struct disk *d, const char *dir, uint64_t told);
/* Looks again; true: it has changed by so much that it is to be told, and `free` is the new number. */
bool disk_look(struct disk *d, const char *dir);
/* What the counter COUNTS_DISK has of it, in MiB; whole GiB from 16 GiB on, for people. 0 = no counter. */
uint32_t disk_units(const struct disk *d);
