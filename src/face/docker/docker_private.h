/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder share. Nobody else includes this.
 */
#pragma once

#include "base/core/map.h"
#include "base/wire/json.h"
#include "face/docker/docker.h"
#include "face/docker/ws_pump.h"

#include <stddef.h>

struct buf;
struct err;
struct http_req;
struct image_info;
struct image_store;

#define DOCKER_API_MAX 44 /* 1.44 */
#define DOCKER_API_MIN 24
#define DOCKER_API_TEXT "1.44"
#define DOCKER_API_MIN_TEXT "1.24"

struct docker {
	struct loop *loop;
	struct engine *engine;
	struct image_store *images;
	char *data_dir, *cgroup_layout;
	char id[37];		 /* of `docker info`: a UUID of this data directory */
	yyjson_doc *log_default; /* log_default.h, or NULL */
	struct engine_listener *removed;
	struct map briefs; /* id -> struct brief, container_doc.c */
	size_t brief_bytes;
	size_t n_event_clients; /* event_stream.c */
	struct ws_pumps pumps;
	struct builder *builder; /* builder.c; NULL = nobody builds by BuildKit's protocol */
};

/* A call that goes to a handler: the version that the client speaks, and the part of the path that '*' stands for. */
struct docker_call {
	struct docker *d;
	struct http_req *r;
	unsigned minor;	 /* 1.minor */
	const char *arg; /* "" = the route has none; valid during the call alone */
};
typedef void (*docker_fn)(const struct docker_call *c);

/* system.c */
void docker_ping(const struct docker_call *c);
void docker_version(const struct docker_call *c);
/* system_info.c */
void docker_info(const struct docker_call *c);

void docker_not_here(const struct docker_call *c);
void docker_plugins(const struct docker_call *c);

/* builder.c: BuildKit's protocol */
void docker_grpc(const struct docker_call *c);
void docker_session(const struct docker_call *c);
void docker_build_cancel(const struct docker_call *c);
void docker_build_session(const struct docker_call *c); /* POST /build?version=2, from on_headers */
struct builder *builder_free(struct builder *b);	/* takes NULL */

/* image_list.c */
void docker_images(const struct docker_call *c);
void docker_df(const struct docker_call *c);

/* image_inspect.c */
void docker_image_inspect(const struct docker_call *c);
void docker_image_history(const struct docker_call *c);

/* image_change.c */
void docker_image_tag(const struct docker_call *c);
void docker_image_delete(const struct docker_call *c);
/* For `docker events`: an image was tagged, untagged, deleted, pulled ...; id NULL = its name stands for it. */
void docker_image_event(struct docker *d, const char *action, const char *id, const char *name);
/* The event "tag", which tells the name in full. */
void docker_image_tagged(struct docker *d, const char *id, const char *name);

/* image_prune.c */
void docker_images_prune(const struct docker_call *c);

/* image_import.c: a root filesystem becomes an image; from on_headers */
void docker_image_import(const struct docker_call *c, const char *source);

/* transfer.c: what a tool does */
void docker_image_create(const struct docker_call *c); /* from on_headers */
void docker_image_push(const struct docker_call *c);
void docker_images_load(const struct docker_call *c); /* from on_headers */
void docker_images_get(const struct docker_call *c);
void docker_image_get(const struct docker_call *c);
void docker_search(const struct docker_call *c);
void docker_auth(const struct docker_call *c);
void docker_build(const struct docker_call *c); /* from on_headers */
void docker_build_prune(const struct docker_call *c);
void docker_distribution(const struct docker_call *c);

/* container_files.c, container_stats.c, container_commit.c */
void docker_archive_stat(const struct docker_call *c);
void docker_archive_get(const struct docker_call *c);
void docker_archive_put(const struct docker_call *c); /* from on_headers */
void docker_container_changes(const struct docker_call *c);
void docker_container_export(const struct docker_call *c);
void docker_container_stats(const struct docker_call *c);
void docker_commit(const struct docker_call *c);

/* volume_list.c, volume_change.c */
void docker_volumes(const struct docker_call *c);
void docker_volume_inspect(const struct docker_call *c);
void docker_volume_update(const struct docker_call *c); /* of volumes of a Swarm alone, which are not here */
void docker_volume_create(const struct docker_call *c);
void docker_volume_delete(const struct docker_call *c);
void docker_volumes_prune(const struct docker_call *c);

/* network_list.c, network_change.c, network_member.c */
void docker_networks(const struct docker_call *c);
void docker_network_inspect(const struct docker_call *c);
void docker_network_create(const struct docker_call *c);
void docker_network_delete(const struct docker_call *c);
void docker_networks_prune(const struct docker_call *c);
void docker_network_connect(const struct docker_call *c);
void docker_network_disconnect(const struct docker_call *c);

/* request.c: the request for a tool is a JSON object with "op" and what the operation needs. */
yyjson_mut_doc *docker_tool_request(const char *op);
/* X-Registry-Auth for one registry, X-Registry-Config for several, as Docker's config.json has them. What cannot be decoded is left out. */
void docker_request_auth(yyjson_mut_doc *request, const struct http_req *r, const char *image);
/* The JSON in such a header: base64 with the letters of either alphabet, padded or not; NULL when it is none. */
yyjson_doc *docker_auth_decode(const char *text);
/* The operation "build" from the query; -EINVAL names the parameter. */
int docker_build_request(yyjson_mut_doc *request, const struct http_req *r, struct err *err);
/* What the store calls an image whose name a client has written out: "docker.io/library/busybox:1" -> "busybox:1". Points into the text. */
const char *docker_local_name(const char *name);
/* "busybox" and "1.36", "sha256:..." or NULL -> "busybox:1.36", "busybox@sha256:..."; the caller's. */
char *docker_image_name(const char *name, const char *tag);
/* It has neither tag nor digest: where Docker then means all tags. */
bool docker_image_is_repo(const char *name);

/* container_*.c, event_stream.c */
void docker_containers(const struct docker_call *c);
void docker_containers_prune(const struct docker_call *c);
void docker_container_create(const struct docker_call *c);
void docker_container_inspect(const struct docker_call *c);
void docker_container_start(const struct docker_call *c);
void docker_container_restart(const struct docker_call *c);
void docker_container_stop(const struct docker_call *c);
void docker_container_kill(const struct docker_call *c);
void docker_container_pause(const struct docker_call *c);
void docker_container_unpause(const struct docker_call *c);
void docker_container_rename(const struct docker_call *c);
void docker_container_update(const struct docker_call *c);
void docker_container_wait(const struct docker_call *c);
void docker_container_delete(const struct docker_call *c);
void docker_container_logs(const struct docker_call *c);
void docker_container_top(const struct docker_call *c);
void docker_events(const struct docker_call *c);

/* container_attach.c, exec.c */
void docker_container_ws(const struct docker_call *c); /* container_ws.c */
void docker_container_attach(const struct docker_call *c);
void docker_container_resize(const struct docker_call *c);
void docker_exec_create(const struct docker_call *c);
void docker_exec_start(const struct docker_call *c);
void docker_exec_resize(const struct docker_call *c);
void docker_exec_inspect(const struct docker_call *c);

/* task.c: runs a tool for a request. */
struct docker_task {
	const char *type; /* of the answer */
	int status;	  /* of the answer, 200 mostly */
	bool body;	  /* the body of the request is its input: from on_headers */
	bool messages;	  /* its output are Docker's messages: an error after the first one becomes one more */
	bool always;	  /* `messages`, and an error before the first one, too */
	bool answer;	  /* its answer, not its output, is the reply */
	int denied;	  /* status for -EACCES, 0 = as usual */
	/* What `docker events` tells of the images that the request names ("image", "tags", "names") when it has succeeded, of a load those
	 * that the answer does ("images"). */
	const char *event;
	struct lodger *lodger; /* engine_tool() */
};
/* Takes the document, and the lodger. */
void docker_task_run(struct docker *d, struct http_req *r, const struct docker_task *how, yyjson_mut_doc *request);

/* filter.c: the query parameter "filters", {"label": {"a=b": true}} or {"label": ["a=b"]}. */
struct docker_filters {
	yyjson_doc *doc; /* NULL = there are none */
};
int docker_filters_parse(const char *text, struct docker_filters *ret, struct err *err);
void docker_filters_free(struct docker_filters *f);
/* The nth value of a key, NULL past the last. */
const char *docker_filter(const struct docker_filters *f, const char *key, size_t nth);
/* -EINVAL for a key that is not in the NULL-terminated list. */
int docker_filters_check(const struct docker_filters *f, const char *const *keys, struct err *err);

/* Helpers of handlers (docker.c) */
void docker_reply(struct http_req *r, int status, yyjson_mut_doc *doc); /* frees doc */
bool docker_flag(const struct http_req *r, const char *name, bool otherwise);
/* 503 in Docker's words: a call of Swarm's. */
void docker_no_swarm(struct http_req *r);
/* {"message": ...}; an image that is not here gets the words that clients look for. */
void docker_fail(struct http_req *r, const struct err *err);
/* "2026-11-22T10:00:00.123456789Z" */
#define DOCKER_TIME_MAX 40
char *docker_time(int64_t ms, char text[static DOCKER_TIME_MAX]);
