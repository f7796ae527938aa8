/* SPDX-License-Identifier: Apache-2.0
 *
 * image_fetch: images that a container or a job needs are pulled before it is asked for, so the daemon never waits for a registry.
 */
#pragma once

#include <stdbool.h>

struct cli;
struct err;

enum image_fetch { IMAGE_FETCH_MISSING, IMAGE_FETCH_ALWAYS, IMAGE_FETCH_NEVER };
/* The value of --pull; NULL: missing. */
int image_fetch_parse(const char *text, enum image_fetch *ret, struct err *err);

/* 1 = the running berth has the image, 0 = it has not. */
int image_fetch_is_here(struct cli *cli, const char *image, struct err *err);
/* Pulls it into the store of the running berth, with progress on stderr. -ECANCELED: interrupted. Who may not open
 * the store has the daemon pull it. */
int image_fetch(struct cli *cli, const char *image, bool quiet, struct err *err);
