/* SPDX-License-Identifier: Apache-2.0
 *
 * docker: the Docker Engine API (versions 1.24 to 1.44) for those who have Docker's clients.
 * Source: Docker's API description; docs/DOCKER.md says which calls there are and what is different.
 *
 * The paths of this API and of our own (/v1/...) do not meet, so one socket serves both. No handler blocks: what speaks to registries, unpacks
 * or builds is done by this program once more, as a process of its own (engine_tool, node/engine/engine.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct docker;
struct engine;
struct err;
struct http_req;
struct loop;

struct docker_options {
	struct engine *engine;	   /* must outlive it */
	const char *data_dir;	   /* copied */
	const char *cgroup_layout; /* as `berth info` says it; copied */
};

struct docker *docker_new(struct loop *l, const struct docker_options *o);
/* What containers that do not say log to: {"Type", "Config"}, as LogConfig. -EINVAL: there is no such driver or option. */
int docker_log_default(struct docker *d, const char *text, struct err *err);
struct docker *docker_free(struct docker *d); /* the requests are gone */

/* True for everything that is not of our own API. */
bool docker_takes(const struct http_req *r);
/* on_headers and on_request of an http_server. */
void docker_headers(struct docker *d, struct http_req *r);
void docker_request(struct docker *d, struct http_req *r);

/* Our own POST /v1/images/prune: answers with report_pruned() of node/image/report.h; a tool does the work. */
void docker_own_images_prune(struct docker *d, struct http_req *r, bool all, bool dry_run);

/* The whole life of the process "berth-tool"; returns its exit status. */
int docker_tool_main(void);
