/* SPDX-License-Identifier: Apache-2.0
 *
 * age: what an answer or a wish of an older version of the API means. One table says since which version something is as it is now; a handler asks
 * docker_since() and does it the old way otherwise. Before the version of its first appearance a member of a body has no meaning and is dropped,
 * whatever a client sends (age_body).
 */
#pragma once

#include <stdbool.h>

#include "base/wire/json.h"

struct docker_call;

enum docker_change {
	DOCKER_SECURITY_NAMED,	/* SecurityOptions of info are "name=seccomp,...", not "seccomp" */
	DOCKER_SOCKET_BINARY,	/* frames of attach/ws are binary */
	DOCKER_NETWORKS_BRIEF,	/* a list of networks tells nothing of their containers */
	DOCKER_WAIT_CONDITION,	/* wait knows conditions, and answers its headers at once */
	DOCKER_IPC_PRIVATE,	/* the IPC of a container is its own unless it says otherwise */
	DOCKER_FILTERS_ONLY,	/* images?filter= is gone */
	DOCKER_STATS_ONE_SHOT,	/* stats?one-shot= */
	DOCKER_STREAM_TYPES,	/* content types tell framed streams from raw ones */
	DOCKER_STOP_SIGNAL,	/* stop?signal=, restart?signal= */
	DOCKER_PRUNE_ANONYMOUS, /* a prune of volumes spares those with a name */
	DOCKER_NO_NONE_TAGS,	/* an image without names has none, not "<none>:<none>" */
	DOCKER_NO_VIRTUAL_SIZE, /* images have no VirtualSize */
};

bool docker_since(const struct docker_call *c, enum docker_change what);
/* The same for whoever has kept the version alone. */
bool age_since(unsigned minor, enum docker_change what);

/* A body of create (with HostConfig inside) or of an exec, without what the version does not know. Takes the document over. */
yyjson_doc *age_body(unsigned minor, yyjson_doc *body);
