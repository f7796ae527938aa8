/* SPDX-License-Identifier: Apache-2.0
 *
 * api: the HTTP API (docs/API.md) over engine and server. One table of routes (route.c); each handler reads the request, calls down, and answers. No
 * handler blocks: what takes time continues from events, and an answer that streams obeys the reader's speed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct api;
struct engine;
struct err;
struct loop;
struct server;

/* What POST /v1/down asks for: the end of the process alone, or of what it runs first, for good or for the time that the machine is away. */
enum api_down { API_DOWN_ALONE, API_DOWN_ALL, API_DOWN_REST };

struct api_options {
	struct engine *engine;
	struct server *server;
	const char *data_dir, *socket, *cgroup_layout;
	int64_t started_ms;
	const char *policy;	 /* file (face/docker/policy.h), NULL = none */
	const char *log_default; /* of containers: {"Type", "Config"}, as Docker's LogConfig; NULL = ours */
	bool node_here;		 /* jobs may run on this machine: it can judge their images and spaces */
	const char *agent_of;	 /* an agent's server: jobs and nodes are asked for there. NULL = this is no agent */
	bool cluster; /* other nodes may come: containers are those of all of them (face/onehost/onehost.h) */
	bool alone;   /* of an ordinary user: its sockets are his only */
	gid_t group;  /* that may use its sockets (GROUP_NONE of base/core/group.h) */
	void (*down)(void *ctx, enum api_down how); /* POST /v1/down */
	void *ctx;
};

/* More places to listen at, NULL-terminated, as door.h says, and what they need. Files: absolute paths. */
struct api_doors {
	char *const *listen;
	const char *cert, *key, *client_ca, *token_file; /* each may be NULL */
	int given_fds;					 /* notify_listen_fds() */
};
int api_doors_check(const struct api_doors *o, struct err *err); /* what can be wrong before anything is opened */
int api_listen(struct api *a, const struct api_doors *o, struct err *err);

/* `fd` listens (http_listen_unix) and becomes the API's. */
int api_new(struct loop *l, int fd, const struct api_options *o, struct api **ret, struct err *err);
struct api *api_free(struct api *a);
