/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/flow.h"

#include "base/core/mem.h"
#include "node/engine/logread.h"

#include <errno.h>
#include <unistd.h>

#define FILES_MAX 128

struct flow_replay {
	int dir; /* borrowed */
	struct logread file;
	bool any;
	off_t at;
};

struct flow_replay *flow_replay_new(int dir)
{
	struct flow_replay *r = mem_new(struct flow_replay);

	r->dir = dir;
	r->file = (struct logread)LOGREAD_NULL;
	return r;
}

struct flow_replay *flow_replay_free(struct flow_replay *r)
{
	if (!r)
		return NULL;
	logread_close(&r->file);
	free(r);
	return NULL;
}

/* Goes to the oldest file that is newer than the present one. */
static bool next_file(struct flow_replay *r)
{
	struct logread best = LOGREAD_NULL;

	for (unsigned i = 0; i < FILES_MAX; i++) {
		struct logread one = LOGREAD_NULL;
		int got = logread_open(r->dir, i, &one, NULL);

		if (got < 0 && i > 0 && got != -EBADMSG)
			break;
		if (got < 0)
			continue;
		if (r->any && one.generation <= r->file.generation) {
			logread_close(&one);
			break;
		}
		logread_close(&best);
		best = one;
	}
	if (best.fd < 0)
		return false;
	logread_close(&r->file);
	r->file = best;
	r->any = true;
	r->at = LOGFILE_HEADER;
	return true;
}

static ssize_t read_record(struct flow_replay *r, unsigned char *data, struct logfile_record *ret)
{
	ssize_t n = logread_at(&r->file, data, LOGFILE_HEAD, r->at), whole;

	if (n < LOGFILE_HEAD || logfile_peek(data, LOGFILE_HEAD, ret) < 0)
		return -1;
	n = logread_at(&r->file, data, LOGFILE_HEAD + ret->n + LOGFILE_TAIL, r->at);
	whole = n <= 0 ? n : logfile_peek(data, (size_t)n, ret);
	if (whole > 0)
		r->at += whole;
	return whole;
}

bool flow_replay_next(struct flow_replay *r, unsigned char *data, struct logfile_record *ret)
{
	do {
		/* A torn tail, or damage: what follows in this file cannot be found. */
		if (r->file.fd >= 0 && read_record(r, data, ret) > 0)
			return true;
	} while (next_file(r));
	return false;
}
