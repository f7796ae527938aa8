/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "cluster/server/server.h"
#include "face/api/api_private.h"
#include "face/api/door.h"
#include "face/docker/docker.h"
#include "face/docker/policy.h"
#include "face/onehost/onehost.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* '*' stands for one or more characters, slashes too ("JOB/TASK/3", "registry:5000/team/image"); the first route that fits is taken. `stream`: the handler runs
 * when the headers are there and reads the body piece by piece. */
static const struct route {
	const char *method, *path;
	api_fn fn;
	bool stream;
	/* For those who may only change jobs of their own: is it that owner's? NULL: it is no job. */
	int (*is_owners)(struct server *s, const char *id, const char *owner, struct err *err);
} routes[] = {
    {"GET", "/v1/ping", system_ping, false},
    {"GET", "/v1/info", system_info, false},
    {"GET", "/v1/system/df", system_df, false},
    {"POST", "/v1/down", system_down, false},
    {"POST", "/v1/images/import", images_import, true},
    {"POST", "/v1/images/pull", images_pull, false},
    {"GET", "/v1/images", images_list, false},
    {"POST", "/v1/images/prune", images_prune, false},
    {"POST", "/v1/images/*/tag", images_tag, false},
    {"GET", "/v1/images/*", images_inspect, false},
    {"DELETE", "/v1/images/*", images_remove, false},
    {"POST", "/v1/containers/run", run_start, false},
    {"GET", "/v1/containers", containers_list, false},
    {"GET", "/v1/containers/*/logs", logs_get, false},
    {"GET", "/v1/containers/*/wait", wait_any, false},
    {"POST", "/v1/containers/*/kill", containers_kill, false},
    {"POST", "/v1/containers/*/stop", wait_stop, false},
    {"GET", "/v1/containers/*", containers_get, false},
    {"DELETE", "/v1/containers/*", containers_remove, false},
    {"POST", "/v1/jobs", jobs_submit, false},
    {"GET", "/v1/jobs", jobs_list, false},
    {"POST", "/v1/jobs/*/cancel", jobs_cancel, false, server_check_owner},
    {"POST", "/v1/jobs/*/pause", jobs_pause, false, server_check_owner},
    {"POST", "/v1/jobs/*/restart", jobs_restart, false, server_check_owner},
    {"POST", "/v1/jobs/*/finish", jobs_finish, false, server_check_owner},
    {"POST", "/v1/jobs/*/resume", jobs_resume, false, server_check_owner},
    {"GET", "/v1/jobs/*", jobs_get, false},
    {"DELETE", "/v1/jobs/*", jobs_forget, false, server_check_owner},
    {"GET", "/v1/events", events_get, false},
    {"GET", "/v1/nodes", nodes_list, false},
    {"POST", "/v1/nodes/*/lock", nodes_lock, false},
    {"POST", "/v1/nodes/*/unlock", nodes_unlock, false},
    {"POST", "/v1/nodes/*/drain", nodes_drain, false},
    {"POST", "/v1/nodes/*/labels", nodes_label, false},
    {"GET", "/v1/nodes/*", nodes_get, false},
    {"DELETE", "/v1/nodes/*", nodes_remove, false},
    {"GET", "/v1/quotas", quotas_list, false},
    {"POST", "/v1/quotas/*", quotas_set, false},
    {"DELETE", "/v1/quotas/*", quotas_remove, false},
    {"GET", "/v1/licences", licences_list, false},
    {"POST", "/v1/licences/*", licences_set, false},
    {"DELETE", "/v1/licences/*", licences_remove, false},
    {"GET", "/v1/sources", sources_list, false},
    {"POST", "/v1/sources", sources_add, false},
    {"POST", "/v1/sources/*/pause", sources_pause, false},
    {"POST", "/v1/sources/*/resume", sources_resume, false},
    {"GET", "/v1/sources/*", sources_get, false},
    {"DELETE", "/v1/sources/*", sources_remove, false},
    {"GET", "/v1/schedules", schedules_list, false},
    {"POST", "/v1/schedules/*/pause", schedules_pause, false, server_check_schedule},
    {"POST", "/v1/schedules/*/resume", schedules_resume, false, server_check_schedule},
    {"POST", "/v1/schedules/*/run", schedules_run, false, server_check_schedule},
    {"GET", "/v1/schedules/*", schedules_get, false},
    {"DELETE", "/v1/schedules/*", schedules_remove, false, server_check_schedule},
    {"GET", "/v1/calendars", calendars_list, false},
    {"PUT", "/v1/calendars/*", calendars_set, false},
    {"DELETE", "/v1/calendars/*", calendars_remove, false},
    {"GET", "/v1/tokens", tokens_list, false},
    {"POST", "/v1/tokens", tokens_create, false},
    {"DELETE", "/v1/tokens/*", tokens_remove, false},
};

/* Returns the text that '*' stands for (the caller's), "" for a pattern without one, NULL when the path does not fit. */
static char *fit(const char *pattern, const char *path)
{
	const char *star = strchr(pattern, '*');
	size_t before, after, n = strlen(path);

	if (!star)
		return strcmp(pattern, path) ? NULL : mem_strdup("");
	before = (size_t)(star - pattern);
	after = strlen(star + 1);
	if (n <= before + after || strncmp(pattern, path, before) != 0 || strcmp(path + n - after, star + 1) != 0)
		return NULL;
	return mem_strndup(path + before, n - before - after);
}

static bool is_for_owner(struct api *a, struct http_req *r, const struct route *route, const char *id)
{
	char buf[OWNER_MAX];
	const char *only = route->is_owners ? policy_only(r, buf) : NULL;
	struct err err = ERR_INIT;

	if (!only || route->is_owners(a->o.server, id, only, &err) == 0)
		return true;
	http_reply_err(r, &err);
	return false;
}

static const struct route *find(struct http_req *r, char **ret_id, bool *ret_path_known)
{
	*ret_path_known = false;
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		char *id = fit(routes[i].path, http_req_path(r));

		if (!id)
			continue;
		*ret_path_known = true;
		if (!strcmp(routes[i].method, http_req_method(r))) {
			*ret_id = id;
			return &routes[i];
		}
		free(id);
	}
	return NULL;
}

static void refuse(struct http_req *r, bool path_known)
{
	if (path_known)
		http_reply_json(r, 405, "{\"message\":\"this path does not know the method; see docs/API.md\"}");
	else
		http_reply_json(r, 404, "{\"message\":\"there is no such path; see docs/API.md\"}");
}

static bool is_allowed(struct http_req *r)
{
	struct err err = ERR_INIT;

	if (policy_check(r, http_req_path(r), &err) == 0)
		return true;
	http_reply_err(r, &err);
	return false;
}

/* An agent has no jobs of its own to tell of. */
static bool is_servers(const struct api *a, struct http_req *r)
{
	static const char *const paths[] = {"/v1/jobs",	    "/v1/nodes",     "/v1/tokens",    "/v1/quotas",
					    "/v1/licences", "/v1/schedules", "/v1/calendars", "/v1/sources"};
	struct err err = ERR_INIT;

	for (size_t i = 0; a->agent_of && i < sizeof paths / sizeof *paths; i++) {
		if (strncmp(http_req_path(r), paths[i], strlen(paths[i])) != 0)
			continue;
		err_set(&err, EBUSY, "this berth is an agent of the cluster of %s: ask there", a->agent_of);
		http_reply_err(r, &err);
		return true;
	}
	return false;
}

/* Only a route that streams acts here; everything else waits for its (bounded) body. */
void route_headers(struct http_req *r, void *ctx)
{
	mem_cleanup char *id = NULL;
	struct api *a = door_api(ctx);
	bool known;
	const struct route *route;

	if (!door_admits(ctx, r))
		return;
	if (a->onehost && onehost_headers(a->onehost, r))
		return;
	if (docker_takes(r)) {
		docker_headers(a->docker, r);
		return;
	}
	if (!is_allowed(r))
		return;
	route = find(r, &id, &known);
	if (route && route->stream)
		route->fn(a, r, id);
}

void route_request(struct http_req *r, void *ctx)
{
	mem_cleanup char *id = NULL;
	struct api *a = door_api(ctx);
	bool known;
	const struct route *route;

	if (!door_takes_body(r))
		return;
	if (a->onehost && onehost_request(a->onehost, r))
		return;
	if (docker_takes(r)) {
		docker_request(a->docker, r);
		return;
	}
	if (!is_allowed(r) || is_servers(a, r))
		return;
	if (node_pass(a, r))
		return;
	route = find(r, &id, &known);
	if (!route)
		refuse(r, known);
	else if (!route->stream && is_for_owner(a, r, route, id))
		route->fn(a, r, id);
}

int api_query_int(struct http_req *r, const char *name, int64_t min, int64_t max, int64_t *inout)
{
	const char *text = http_req_query(r, name);
	struct err err = ERR_INIT;
	char *end;
	long long n;

	if (!text)
		return 0;
	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno || end == text || *end || n < min || n > max) {
		err_set(&err, EINVAL, "%s: \"%s\" is not a whole number within %lld and %lld", name, text,
			(long long)min, (long long)max);
		http_reply_err(r, &err);
		return -EINVAL;
	}
	*inout = n;
	return 0;
}

bool api_query_bool(struct http_req *r, const char *name)
{
	const char *text = http_req_query(r, name);

	return text && strcmp(text, "0") != 0 && strcmp(text, "false") != 0;
}

int api_new(struct loop *l, int fd, const struct api_options *o, struct api **ret, struct err *err)
{
	struct api *a = mem_new(struct api);
	const struct docker_options docker = {
	    .engine = o->engine, .data_dir = o->data_dir, .cgroup_layout = o->cgroup_layout};
	int r;

	a->loop = l;
	a->o = *o;
	a->o.data_dir = a->data_dir = mem_strdup(o->data_dir);
	a->o.socket = a->socket = mem_strdup(o->socket);
	a->o.cgroup_layout = a->cgroup_layout = mem_strdup(o->cgroup_layout);
	a->o.agent_of = a->agent_of = mem_strdup(o->agent_of);
	a->docker = docker_new(l, &docker);
	if (o->cluster)
		a->onehost = onehost_new(l, o->server, a->docker, a->socket);
	r = o->policy ? policy_load(o->policy, &a->policy, err) : 0;
	if (r == 0 && o->log_default)
		r = docker_log_default(a->docker, o->log_default, err);
	if (r == 0)
		r = door_new(a, fd, &a->doors, err);
	else
		close(fd);
	if (r < 0) {
		api_free(a);
		return r;
	}
	*ret = a;
	return 0;
}

int api_listen(struct api *a, const struct api_doors *o, struct err *err)
{
	int r = 0;

	for (char *const *l = o->listen; l && *l && r >= 0; l++)
		r = door_open(a, *l, o, &a->doors, err);
	return r;
}

struct api *api_free(struct api *a)
{
	if (!a)
		return NULL;
	door_close_all(&a->doors);
	policy_free(a->policy);
	onehost_free(a->onehost);
	docker_free(a->docker);
	free(a->data_dir);
	free(a->socket);
	free(a->cgroup_layout);
	free(a->agent_of);
	free(a);
	return NULL;
}
