/* SPDX-License-Identifier: Apache-2.0
 *
 * build_view: what `berth build` shows. On a terminal one line for each step that is over, and below them the steps that run with their last
 * lines, repainted in place; elsewhere plain lines, each with the number of its step:
 *
 *   #3 [build 2/4] RUN make
 *   #3 0.8 cc -c main.c
 *   #3 DONE 2.1 s
 *
 * The warnings about the Dockerfile stand at the end, where they are seen.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/core/buf.h"
#include "node/build/build.h"

enum build_view_mode { BUILD_VIEW_PLAIN, BUILD_VIEW_TERMINAL, BUILD_VIEW_QUIET };

#define BUILD_VIEW_LINES 6 /* of a running step */

struct build_view_step {
	size_t index;
	char *title;
	int64_t started_ms;
	char *lines[BUILD_VIEW_LINES]; /* the last ones, oldest first */
	size_t n_lines;
};

struct build_view {
	enum build_view_mode mode;
	int fd;
	struct build_view_step *steps; /* those that run */
	size_t n, cap;
	size_t painted;	 /* lines of the block on the terminal */
	int64_t last_ms; /* of the last painting */
	size_t n_warnings;
	struct buf warnings; /* what is to be told at the end */
};

void build_view_init(struct build_view *v, enum build_view_mode mode, int fd);
void build_view_free(struct build_view *v); /* wipes the block, tells the warnings */
build_event_fn build_view_event;	    /* ctx is the view */
