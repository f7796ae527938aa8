/* SPDX-License-Identifier: Apache-2.0
 *
 * progress: what long work with images tells those who watch: small events, drawn by the command line, turned into Docker's messages by the
 * API.
 */
#pragma once

#include <stdint.h>

struct image_progress {
	const char *id;	      /* what it is about: the first 12 digits of a layer, a name; "" = the whole */
	const char *action;   /* "Loading layer", "Saving layer", "Already exists" ... */
	uint64_t done, total; /* bytes; total 0 = not known */
};

typedef void image_progress_fn(void *ctx, const struct image_progress *p);
