/* SPDX-License-Identifier: Apache-2.0
 *
 * record: what is known about a container's life, as one JSON object of one line. The monitor writes it to state.json and exit.json and
 * sends it over its socket, always whole, so that a reader never depends on what it has missed. Described in docs/formats/container.md.
 */
#pragma once

#include "node/engine/engine.h"

struct buf;

#define RECORD_MAX 8192 /* of one record; exit.json is allocated ahead with this size */
#define RECORD_ERROR_MAX 1024

struct record {
	enum engine_state state;
	enum engine_health health;
	uint32_t run; /* the number of the life; absent = 1, a record of an earlier version */
	bool paused;
	uint32_t ooms; /* how often it has run out of memory in this life, as far as that was watched */
	int pid;
	uint64_t start_time; /* of pid, field 22 of /proc/pid/stat */
	int64_t started_ms, ended_ms;
	int64_t warned_ms; /* it got its warning then, 0 = not */
	char *cgroup;	   /* rt_host_place() of its monitor, owned; NULL = not known */
	uint64_t staged_files, staged_bytes;
	struct engine_exit exit; /* its error is owned by the record */
};

void record_write(struct buf *out, const struct record *r); /* with a newline */
int record_parse(const char *text, size_t n, struct record *ret, struct err *err);
void record_clear(struct record *r);

/* Reads exit.json or state.json of a container's directory. */
int record_read(int dir, const char *name, struct record *ret, struct err *err);
const char *record_health_name(enum engine_health h);
