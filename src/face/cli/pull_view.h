/* SPDX-License-Identifier: Apache-2.0
 *
 * pull_view: what `berth pull` and `berth push` show while they work: on a terminal one line for each layer, with a bar, which is repainted and
 * goes when all is done; elsewhere a line for each change. Events come in by pull_view_event().
 */
#pragma once

#include "node/image/progress.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

struct pull_view_line {
	char *id, *action;
	uint64_t done, total;
	bool changed; /* its action, since it was printed */
};

struct pull_view {
	int fd;
	bool quiet, repaint;
	struct pull_view_line *lines;
	size_t n, cap, painted;
	int64_t painted_ms;
};

void pull_view_init(struct pull_view *v, int fd, bool quiet);
/* Wipes the block. */
void pull_view_end(struct pull_view *v);
image_progress_fn pull_view_event; /* ctx: the view */

/* The parts that make text, for tests. */
void pull_view_take(struct pull_view *v, const struct image_progress *p);
void pull_view_paint(struct pull_view *v, size_t width, size_t height, struct buf *out);
void pull_view_plain(struct pull_view *v, struct buf *out);
