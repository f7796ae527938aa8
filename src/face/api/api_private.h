/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder share. Nobody else includes this.
 */
#pragma once

#include "base/wire/frame.h"
#include "face/api/api.h"
#include "node/engine/engine.h"

#include <stddef.h>
#include <yyjson.h>

struct buf;
struct err;
struct http_req;
struct door;
struct policy;

struct api {
	struct loop *loop;
	struct docker *docker;	 /* what is not below /v1/ */
	struct onehost *onehost; /* NULL: this is one machine */
	struct door *doors;
	struct policy *policy; /* NULL: everybody may do everything */
	struct api_options o;
	char *data_dir, *socket, *cgroup_layout, *agent_of;
};

/* A handler gets the part of the path that the route's '*' stands for ("" when it has none). */
typedef void (*api_fn)(struct api *a, struct http_req *r, const char *id);

/* route.c: ctx is the door */
void route_headers(struct http_req *r, void *ctx);
void route_request(struct http_req *r, void *ctx);

/* containers.c */
void containers_add(yyjson_mut_doc *d, yyjson_mut_val *o, const struct engine_container *c);
void containers_exit(const struct engine_container *c, struct buf *out); /* {"code": ...} */
void containers_list(struct api *a, struct http_req *r, const char *id);
void containers_get(struct api *a, struct http_req *r, const char *id);
void containers_kill(struct api *a, struct http_req *r, const char *id);
void containers_remove(struct api *a, struct http_req *r, const char *id);
/* wait.c */
void wait_any(struct api *a, struct http_req *r, const char *id);
void wait_stop(struct api *a, struct http_req *r, const char *id);
/* run.c */
void run_start(struct api *a, struct http_req *r, const char *id);
/* logs.c */
void logs_get(struct api *a, struct http_req *r, const char *id);
/* images.c */
void images_import(struct api *a, struct http_req *r, const char *id); /* from on_headers: the body is streamed */
void images_pull(struct api *a, struct http_req *r, const char *id);
void images_list(struct api *a, struct http_req *r, const char *id);
void images_inspect(struct api *a, struct http_req *r, const char *id);
void images_tag(struct api *a, struct http_req *r, const char *id);
void images_prune(struct api *a, struct http_req *r, const char *id);
void images_remove(struct api *a, struct http_req *r, const char *id);
/* jobs.c */
void jobs_submit(struct api *a, struct http_req *r, const char *id);
void jobs_list(struct api *a, struct http_req *r, const char *id);
void jobs_get(struct api *a, struct http_req *r, const char *id);
void jobs_cancel(struct api *a, struct http_req *r, const char *id);
void jobs_pause(struct api *a, struct http_req *r, const char *id);
void jobs_restart(struct api *a, struct http_req *r, const char *id);
void jobs_finish(struct api *a, struct http_req *r, const char *id);
void jobs_resume(struct api *a, struct http_req *r, const char *id);
void jobs_forget(struct api *a, struct http_req *r, const char *id);
/* nodes.c */
void nodes_list(struct api *a, struct http_req *r, const char *id);
void nodes_get(struct api *a, struct http_req *r, const char *id);
void nodes_lock(struct api *a, struct http_req *r, const char *id);
void nodes_drain(struct api *a, struct http_req *r, const char *id);
void nodes_unlock(struct api *a, struct http_req *r, const char *id);
void nodes_label(struct api *a, struct http_req *r, const char *id);
void nodes_remove(struct api *a, struct http_req *r, const char *id);
/* node_pass.c: true = it was a request for a node's own API, and has been taken */
bool node_pass(struct api *a, struct http_req *r);
/* limits.c */
void licences_list(struct api *a, struct http_req *r, const char *id);
void licences_set(struct api *a, struct http_req *r, const char *id);
void licences_remove(struct api *a, struct http_req *r, const char *id);
void quotas_list(struct api *a, struct http_req *r, const char *id);
void quotas_set(struct api *a, struct http_req *r, const char *id);
void quotas_remove(struct api *a, struct http_req *r, const char *id);

void sources_list(struct api *a, struct http_req *r, const char *id);
void sources_get(struct api *a, struct http_req *r, const char *id);
void sources_add(struct api *a, struct http_req *r, const char *id);
void sources_remove(struct api *a, struct http_req *r, const char *id);
void sources_pause(struct api *a, struct http_req *r, const char *id);
void sources_resume(struct api *a, struct http_req *r, const char *id);
/* schedules.c */
void schedules_list(struct api *a, struct http_req *r, const char *id);
void schedules_get(struct api *a, struct http_req *r, const char *id);
void schedules_pause(struct api *a, struct http_req *r, const char *id);
void schedules_resume(struct api *a, struct http_req *r, const char *id);
void schedules_run(struct api *a, struct http_req *r, const char *id);
void schedules_remove(struct api *a, struct http_req *r, const char *id);
void calendars_list(struct api *a, struct http_req *r, const char *id);
void calendars_set(struct api *a, struct http_req *r, const char *id);
void calendars_remove(struct api *a, struct http_req *r, const char *id);

void tokens_list(struct api *a, struct http_req *r, const char *id);
void tokens_create(struct api *a, struct http_req *r, const char *id);
void tokens_remove(struct api *a, struct http_req *r, const char *id);
/* events.c */
void events_get(struct api *a, struct http_req *r, const char *id);
/* system.c */
void system_ping(struct api *a, struct http_req *r, const char *id);
void system_info(struct api *a, struct http_req *r, const char *id);
void system_df(struct api *a, struct http_req *r, const char *id);
void system_down(struct api *a, struct http_req *r, const char *id);

/* answer.c: a server_done_fn and its ctx: {"KEY": id} with the status, {} for a key NULL, or the error. */
struct api_answer;
struct api_answer *api_answer_new(struct http_req *r, int status, const char *key);
void api_answer_warn(struct api_answer *w, char *text); /* told beside a good answer; it takes the text */
void api_answer(void *ctx, const char *id, const struct err *error);

/* A whole number in the query: 0 and *inout left alone when it is missing, -EINVAL answered to the client already. */
int api_query_int(struct http_req *r, const char *name, int64_t min, int64_t max, int64_t *inout);
bool api_query_bool(struct http_req *r, const char *name);
