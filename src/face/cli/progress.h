/* SPDX-License-Identifier: Apache-2.0
 *
 * progress: what `berth submit --wait` shows of a job while it runs. A model that is fed with replies of GET
 * /v1/jobs/ID, and two views of it: a block that is repainted on a terminal, and one line for each change elsewhere.
 * Time comes in as an argument.
 */
#pragma once

#include "base/wire/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

struct progress_task {
	char *name, *state, *why;
	bool service; /* does not end by itself: not part of the estimate */
	int64_t total, running, done, failed, left_out;
	bool changed; /* its state, since the last lines were taken */
};

struct progress {
	char *id, *state, *why;
	struct progress_task *tasks;
	size_t n, cap;
	int64_t start_ms; /* on the clock of the caller, when the watching began */
	size_t painted;	  /* lines of the block that is on the terminal */
	bool state_changed;
};

void progress_init(struct progress *p, int64_t now_ms);
void progress_free(struct progress *p);
void progress_update(struct progress *p, yyjson_val *job);

/* Milliseconds that it may still take, by the share of copies that are done; -1 when nobody can know. */
int64_t progress_left_ms(const struct progress *p, int64_t now_ms);

/* Adds what repaints the block: moves up over the old one, writes the new lines, clears the rest. No line is wider
 * than `width`, and there are less than `height` of them: tasks that are done are left out first. */
void progress_paint(struct progress *p, int64_t now_ms, size_t width, size_t height, int fd, struct buf *out);
/* Adds what wipes the block. */
void progress_wipe(struct progress *p, struct buf *out);

/* Adds a line for each task whose state changed since the last call: "[  3.2 s] map: running, 3 of 10 done". */
void progress_lines(struct progress *p, int64_t now_ms, struct buf *out);
