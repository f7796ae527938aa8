/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/flow.h"

#include "base/core/fd.h"
#include "base/core/mem.h"

#include <errno.h>
#include <unistd.h>

#define FILES_MAX 128

struct flow_replay {
	int dir; /* borrowed */
	int fd;
	bool any;
	uint32_t generation;
	off_t at;
};

struct flow_replay *flow_replay_new(int dir)
{
	struct flow_replay *r = mem_new(struct flow_replay);

	r->dir = dir;
	r->fd = -1;
	return r;
}

struct flow_replay *flow_replay_free(struct flow_replay *r)
{
	if (!r)
		return NULL;
	fd_closep(&r->fd);
	free(r);
	return NULL;
}

/* Goes to the oldest file that is newer than the present one. */
static bool next_file(struct flow_replay *r)
{
	fd_cleanup int best = -1;
	uint32_t best_generation = 0;

	for (unsigned i = 0; i < FILES_MAX; i++) {
		uint32_t generation;
		fd_cleanup int fd = logfile_open(r->dir, i, &generation, NULL);

		if (fd < 0 && i > 0)
			break;
		if (fd < 0)
			continue;
		if (r->any && generation <= r->generation)
			break;
		fd_closep(&best);
		best = fd_take(&fd);
		best_generation = generation;
	}
	if (best < 0)
		return false;
	fd_closep(&r->fd);
	r->fd = fd_take(&best);
	r->generation = best_generation;
	r->any = true;
	r->at = LOGFILE_HEADER;
	return true;
}

static ssize_t read_at(const struct flow_replay *r, unsigned char *data, size_t n)
{
	ssize_t got;

	do {
		got = pread(r->fd, data, n, r->at);
	} while (got < 0 && errno == EINTR);
	return got;
}

static ssize_t read_record(struct flow_replay *r, unsigned char *data, struct logfile_record *ret)
{
	ssize_t n = read_at(r, data, LOGFILE_HEAD), whole;

	if (n < LOGFILE_HEAD || logfile_peek(data, LOGFILE_HEAD, ret) < 0)
		return -1;
	n = read_at(r, data, LOGFILE_HEAD + ret->n + LOGFILE_TAIL);
	whole = n <= 0 ? n : logfile_peek(data, (size_t)n, ret);
	if (whole > 0)
		r->at += whole;
	return whole;
}

bool flow_replay_next(struct flow_replay *r, unsigned char *data, struct logfile_record *ret)
{
	do {
		/* A torn tail, or damage: what follows in this file cannot be found. */
		if (r->fd >= 0 && read_record(r, data, ret) > 0)
			return true;
	} while (next_file(r));
	return false;
}
