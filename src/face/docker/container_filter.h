/* SPDX-License-Identifier: Apache-2.0
 *
 * container_filter: which containers a client wants to see.
 */
#pragma once

#include "face/docker/container.h"

struct container_pattern;
struct container_patterns {
	struct container_pattern *v;
	size_t n;
};

struct container_wanted {
	bool all; /* with those that do not run */
	size_t limit;
	struct docker_filters filters;
	int64_t before_ms, since_ms; /* made before, after; 0 = at any time */
	char before[65], since[65];  /* those containers */
	char **images;		     /* ids of "ancestor" */
	struct container_patterns ids, names;
};
/* Reads the filters of the query. container_wanted_free() is called in every case. */
int container_wanted_read(struct container_wanted *w, const struct docker_call *c, struct err *err);
void container_wanted_free(struct container_wanted *w);
/* By what the engine knows at once, and by what is written down. */
bool container_wanted(const struct container_wanted *w, const struct engine_container *c);
bool container_wanted_doc(const struct container_wanted *w, struct docker *d, const struct engine_container *c,
			  const struct container_doc *doc);

/* container_list.c: ContainerSummary of all that are wanted, newest first. */
void container_list_add(struct docker *dk, yyjson_mut_doc *d, yyjson_mut_val *list, const struct container_wanted *w);
