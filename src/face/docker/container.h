/* SPDX-License-Identifier: Apache-2.0
 *
 * container: containers in Docker's words, for the handlers of this folder.
 */
#pragma once

#include "face/docker/docker_private.h"
#include "node/engine/engine.h"

/* The container that the path names; what is not there has been answered: 404 "No such container: x". */
const struct engine_container *docker_container(const struct docker_call *c);
/* {"message": ...} */
void docker_message(struct http_req *r, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Whether it can be one; if not, the answer is given. */
bool docker_name_ok(const struct docker_call *c, const char *name);
/* "Conflict. The container name ..." with 409. */
void docker_name_taken(const struct docker_call *c, const char *name);
/* A whole number in the query, `otherwise` when it is missing or none. */
int64_t docker_number(const struct http_req *r, const char *name, int64_t otherwise);
/* "1700000000", "1700000000.5" or a time as RFC 3339, from 1970 on -> ns since then; `otherwise` when it is missing, -1 when it is none. */
int64_t docker_moment(const struct http_req *r, const char *name, int64_t otherwise);
int64_t docker_moment_of(const char *text);
/* The filter `until`, a moment or a time back from now ("24h", "10m30s"), in ns since 1970; INT64_MAX when it is missing. -EINVAL */
int docker_until(const struct docker_filters *f, int64_t *ret_ns, struct err *err);
/* Of "SIGTERM", "TERM", "15". -EINVAL "invalid signal: x" */
int docker_signal(const char *text, struct err *err);

/* "created", "running", "paused", "restarting", "removing", "exited", "dead" */
const char *container_state(const struct engine_container *c);
/* It has a life at this moment, or its policy is about to give it one: what Docker's State.Running means. */
bool container_runs(const struct engine_container *c);
/* Docker's: 128 of one whose last start was no matter of its program. */
int container_exit_code(const struct engine_container *c);
/* "Up 5 minutes (healthy)", "Exited (1) 2 hours ago" */
#define CONTAINER_STATUS_MAX 96
const char *container_status(const struct engine_container *c, int64_t now_ms, char text[static CONTAINER_STATUS_MAX]);
/* "none", "starting", "healthy", "unhealthy" */
const char *container_health(const struct engine_container *c);

/* container_link.c: the container that "OWNER/ALIAS" means by a link, or NULL; *ret_owner: whose link it is. */
const struct engine_container *container_link_find(struct docker *d, const char *path,
						   const struct engine_container **ret_owner);
/* HostConfig.Links of a container on the default network, as Docker writes them: "/TARGET:/OWNER/ALIAS", of those that are there. */
void container_link_show(struct docker *d, yyjson_mut_doc *doc, yyjson_mut_val *host, const struct engine_container *c,
			 yyjson_val *spec);
/* For lists: "/OWNER/ALIAS" of all links there are. The containers are not to change meanwhile. */
struct container_link {
	const struct engine_container *target;
	char *name;
};
struct container_links {
	struct container_link *v;
	size_t n, cap;
};
void container_links_read(struct docker *d, struct container_links *ret);
void container_links_free(struct container_links *l);
/* Answers a DELETE with link=1. */
void container_link_delete(const struct docker_call *c);

/* What is written down about it. For one that was not made by this API Config and HostConfig are made up of its spec. */
struct container_doc {
	yyjson_doc *doc, *made;
	yyjson_val *order;			/* config.json */
	yyjson_val *spec;			/* its member */
	yyjson_val *config, *host, *networking; /* of Docker */
	char *image; /* its id, "" = unknown; the caller of container_doc_free() keeps nothing */
};
#define CONTAINER_DOC_INIT                                                                                             \
	{                                                                                                              \
		.doc = NULL                                                                                            \
	}
int container_doc_read(struct docker *d, const struct engine_container *c, struct container_doc *ret, struct err *err);
void container_doc_free(struct container_doc *doc);
/* The same for lists, from memory mostly: of Config, HostConfig and the spec only what ContainerSummary and the filters of its list need. */
int container_doc_brief(struct docker *d, const struct engine_container *c, struct container_doc *ret, struct err *err);
void container_doc_forget(struct docker *d, const char *id);
void container_doc_forget_all(struct docker *d);

/* The list "Mounts". */
yyjson_mut_val *container_mounts(struct docker *d, yyjson_mut_doc *out, const struct container_doc *doc);
/* Answers by a list of containers or one of them ("Id"), or an object with such a list as "Containers" and one of "Volumes", with what their files take;
 * takes the document. */
void container_sizes(const struct docker_call *c, yyjson_mut_doc *view);
/* What the files of containers and volumes take: lists that end with NULL, or NULL. The answer has "ids" and "volumes", a list of numbers for each. */
int docker_count_sizes(struct docker *d, char *const *ids, char *const *volumes, bool build, engine_tool_fn done,
		       void *ctx, struct engine_tool **ret, struct err *err);

bool container_label_fits(const struct engine_container *c, const char *wanted);
