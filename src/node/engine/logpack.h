/* SPDX-License-Identifier: Apache-2.0
 *
 * logpack: rotated files of a log, compressed (docs/formats/log.md, "Compression"). The monitor does it in its loop, a block a turn, so that neither
 * output nor requests wait for it and no process is needed. As much is done as was written meanwhile, so that nothing piles up.
 *
 * log.N is written anew as log.pack, which then takes its place in one step: a reader sees the one or the other, and what a crash leaves is begun again.
 * Positions of readers (logread.h) are those of the file as it was.
 *
 *     header as of a log, but "berthlgz" | zstd frames, each of LOGPACK_BLOCK bytes of what followed the header, the last one of the rest |
 *     u32 length of each frame | u64 size of the file as it was | u32 frames | u32 0 | "berthidx"          (little-endian)
 */
#pragma once

#include "base/core/buf.h"
#include "node/engine/logfile.h"

#define LOGPACK_BLOCK (64u << 10)
#define LOGPACK_FOOT 24
#define LOGPACK_BLOCKS_MAX (1u << 20) /* 64 GiB */
#define LOGPACK_MAGIC "berthidx"

struct logpack_foot {
	uint64_t size;
	uint32_t n, zero;
	char magic[8];
};
_Static_assert(sizeof(struct logpack_foot) == LOGPACK_FOOT, "the foot has 24 bytes");

struct logpack {
	const struct logfile *log; /* borrowed */
	bool wanted;
	bool looked; /* at all files, when the log had this generation */
	uint32_t seen;
	uint64_t total; /* log->total when the last turn ended */
	/* the file at work */
	int from, to; /* -1 = none */
	uint32_t generation;
	uint64_t at, size;
	struct buf lengths;
	struct zblock *packer;
};
#define LOGPACK_NULL                                                                                                   \
	{                                                                                                              \
		.from = -1, .to = -1                                                                                   \
	}

/* Of this log, which has been resumed; without `wanted` nothing is ever due. What an earlier life left undone is due, too. */
void logpack_init(struct logpack *p, const struct logfile *log, bool wanted);
/* Gives up what is at work. */
void logpack_close(struct logpack *p);
/* There is something to do now. */
bool logpack_due(const struct logpack *p);
/* Does a little of it. Never fails: what cannot be written, for example on a full disk, stays as it is until the next rotation. */
void logpack_turn(struct logpack *p);
