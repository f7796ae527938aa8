/* SPDX-License-Identifier: Apache-2.0
 *
 * spec: a service of the file becomes the body of POST /containers/create.
 */
#pragma once

#include "base/wire/json.h"

#include <stdbool.h>

struct err;
struct member;
struct project;

/* What a container differs in from its service. */
struct spec_how {
	const char *name; /* of the container */
	const char *service;
	int64_t number;
	bool oneoff, no_ports, no_aliases, no_tty, auto_remove;
	const char *image_id; /* label com.docker.compose.image */
	const char *hash;
	const struct member
	    *before; /* the container that it takes the place of: its anonymous volumes go on; NULL = none */
	yyjson_val *mounts_before; /* "Mounts" of its inspection */
	/* of `run` */
	char **command, **env, **volumes, **publish, **labels, **cap_add, **cap_drop;
	const char *entrypoint, *user, *workdir;
	/* "service:NAME" -> the id of its container; NULL = there is none */
	const char *(*id_of)(void *ctx, const char *service);
	void *ctx;
};

/* New memory, NULL with *err set. */
char *spec_body(const struct project *p, yyjson_val *service, const struct spec_how *how, struct err *err);
/* PROJECT-SERVICE-N, or container_name; new memory. */
char *spec_name(const struct project *p, yyjson_val *service, const char *name, int64_t number);
/* The image of a service: its `image`, or PROJECT-SERVICE of one that is built; new memory. */
char *spec_image(const struct project *p, yyjson_val *service, const char *name);
