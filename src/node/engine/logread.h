/* SPDX-License-Identifier: Apache-2.0
 *
 * logread: one file of a log for reading, packed (logpack.h) or not: the bytes at a position are those of the file as the monitor wrote it.
 */
#pragma once

#include "node/engine/logfile.h"

struct logread {
	int fd; /* -1 = none */
	uint32_t generation;
	/* of a packed one: where each block ends in it, and the one that was read last */
	uint64_t *ends;
	size_t n;
	uint64_t size;
	unsigned char *block;
	size_t block_at, block_n;
};
#define LOGREAD_NULL                                                                                                   \
	{                                                                                                              \
		.fd = -1                                                                                               \
	}

/* Of index 0 (`log`), 1 (`log.1`) ...; errors as of logfile_open(), -EBADMSG also for a packed file that is not whole. */
int logread_open(int dir, unsigned index, struct logread *ret, struct err *err);
/* Fewer bytes than asked for: the end, or damage. Of a file that is being written more may come. */
ssize_t logread_at(struct logread *f, void *data, size_t n, off_t pos);
off_t logread_size(const struct logread *f);
void logread_rest(struct logread *f); /* it will not be read for a while: keeps no block */
void logread_close(struct logread *f);
