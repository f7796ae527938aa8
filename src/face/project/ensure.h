/* SPDX-License-Identifier: Apache-2.0
 *
 * ensure: networks, volumes and images that a project needs are there, or are made.
 */
#pragma once

#include <stdbool.h>

struct err;
struct project;

int ensure_networks(struct project *p, struct err *err);
int ensure_volumes(struct project *p, struct err *err);

struct ensure_images {
	bool build, no_build, quiet, no_cache, build_pull;
	const char *pull; /* --pull: always, missing, never, build; NULL: as the file says */
	char **build_args, **ssh;
	int depth; /* of builds that need other services' images */
};
/* Images of these services (NULL-terminated). What pulls and builds is this program once more. */
int ensure_images(struct project *p, char *const *services, const struct ensure_images *how, struct err *err);
int ensure_build(struct project *p, const char *service, const struct ensure_images *how, struct err *err);
int ensure_run(struct project *p, char *const *words,
	       struct err *err); /* berth WORDS...; its exit status, or a negative errno */

/* The id of an image at the daemon; -ENOENT when it is not there. New memory. */
int ensure_image_id(struct project *p, const char *image, char **ret, struct err *err);
