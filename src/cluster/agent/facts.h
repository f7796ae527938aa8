/* SPDX-License-Identifier: Apache-2.0
 *
 * facts: what a node says of itself, for people and for the scheduler's choices: release, kernel, architecture, cores, NUMA nodes, what the processor can, images.
 */
#pragma once

struct disk;
struct engine;
struct holdings;

struct facts_number {
	unsigned cores, gpus, gpus_by_hand;
};

/* A JSON object, with what was last seen of the disk and the holdings, and the mark of the data spaces ("": none); the caller frees. */
char *facts_json(const struct facts_number *n, const struct disk *disk, const char *spaces, struct engine *e,
		 const struct holdings *h);
