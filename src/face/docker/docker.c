/* SPDX-License-Identifier: Apache-2.0 */
#include "face/docker/container.h"
#include "face/docker/log_default.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/random.h"
#include "base/wire/http_server.h"
#include "face/docker/policy.h"
#include "face/docker/ws_pump.h"
#include "node/engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* '*' stands for one or more characters, slashes too; the first route that fits is taken. `stream`: runs when the headers are there. */
static const struct route {
	const char *method, *path;
	docker_fn fn;
	bool stream;
} routes[] = {
    {"GET", "/_ping", docker_ping, false},
    {"HEAD", "/_ping", docker_ping, false},
    {"GET", "/version", docker_version, false},
    {"GET", "/info", docker_info, false},
    {"GET", "/system/df", docker_df, false},
    {"POST", "/auth", docker_auth, false},
    {"POST", "/build", docker_build, true},
    {"POST", "/build/cancel", docker_build_cancel, false},
    {"POST", "/build/prune", docker_build_prune, false},
    {"POST", "/grpc", docker_grpc, false},
    {"POST", "/session", docker_session, false},
    {"GET", "/distribution/*/json", docker_distribution, false},
    {"GET", "/images/json", docker_images, false},
    {"GET", "/images/search", docker_search, false},
    {"GET", "/images/get", docker_images_get, false},
    {"POST", "/images/create", docker_image_create, true},
    {"POST", "/images/load", docker_images_load, true},
    {"POST", "/images/prune", docker_images_prune, false},
    {"GET", "/images/*/json", docker_image_inspect, false},
    {"GET", "/images/*/history", docker_image_history, false},
    {"GET", "/images/*/get", docker_image_get, false},
    {"POST", "/images/*/push", docker_image_push, false},
    {"POST", "/images/*/tag", docker_image_tag, false},
    {"DELETE", "/images/*", docker_image_delete, false},
    {"GET", "/containers/json", docker_containers, false},
    {"POST", "/containers/create", docker_container_create, false},
    {"POST", "/containers/prune", docker_containers_prune, false},
    {"GET", "/containers/*/json", docker_container_inspect, false},
    {"GET", "/containers/*/logs", docker_container_logs, false},
    {"GET", "/containers/*/top", docker_container_top, false},
    {"POST", "/containers/*/start", docker_container_start, false},
    {"POST", "/containers/*/restart", docker_container_restart, false},
    {"POST", "/containers/*/stop", docker_container_stop, false},
    {"POST", "/containers/*/kill", docker_container_kill, false},
    {"POST", "/containers/*/pause", docker_container_pause, false},
    {"POST", "/containers/*/unpause", docker_container_unpause, false},
    {"POST", "/containers/*/rename", docker_container_rename, false},
    {"POST", "/containers/*/update", docker_container_update, false},
    {"POST", "/containers/*/wait", docker_container_wait, false},
    {"POST", "/containers/*/attach", docker_container_attach, false},
    {"GET", "/containers/*/attach/ws", docker_container_ws, false},
    {"POST", "/containers/*/resize", docker_container_resize, false},
    {"POST", "/containers/*/exec", docker_exec_create, false},
    {"POST", "/exec/*/start", docker_exec_start, false},
    {"POST", "/exec/*/resize", docker_exec_resize, false},
    {"GET", "/exec/*/json", docker_exec_inspect, false},
    {"DELETE", "/containers/*", docker_container_delete, false},
    {"GET", "/events", docker_events, false},
    /* `docker inspect NAME` asks for one kind after the other. */
    {"GET", "/networks", docker_networks, false},
    {"POST", "/networks/create", docker_network_create, false},
    {"POST", "/networks/prune", docker_networks_prune, false},
    {"POST", "/networks/*/connect", docker_network_connect, false},
    {"POST", "/networks/*/disconnect", docker_network_disconnect, false},
    {"GET", "/networks/*", docker_network_inspect, false},
    {"DELETE", "/networks/*", docker_network_delete, false},
    {"HEAD", "/containers/*/archive", docker_archive_stat, false},
    {"GET", "/containers/*/archive", docker_archive_get, false},
    {"PUT", "/containers/*/archive", docker_archive_put, true},
    {"GET", "/containers/*/changes", docker_container_changes, false},
    {"GET", "/containers/*/export", docker_container_export, false},
    {"GET", "/containers/*/stats", docker_container_stats, false},
    {"POST", "/commit", docker_commit, false},
    {"GET", "/volumes", docker_volumes, false},
    {"POST", "/volumes/create", docker_volume_create, false},
    {"POST", "/volumes/prune", docker_volumes_prune, false},
    {"GET", "/volumes/*", docker_volume_inspect, false},
    {"PUT", "/volumes/*", docker_volume_update, false},
    {"DELETE", "/volumes/*", docker_volume_delete, false},
    {"GET", "/plugins", docker_plugins, false},
    {"GET", "/plugins/*/json", docker_not_here, false},
};

bool docker_takes(const struct http_req *r)
{
	return strncmp(http_req_path(r), "/v1/", 4) != 0;
}

/* ---- answers ---- */

void docker_reply(struct http_req *r, int status, yyjson_mut_doc *doc)
{
	mem_cleanup char *text = json_text(doc, false, NULL);

	yyjson_mut_doc_free(doc);
	http_reply_json(r, status, text);
}

bool docker_flag(const struct http_req *r, const char *name, bool otherwise)
{
	const char *text = http_req_query(r, name);

	if (!text || !*text)
		return otherwise;
	return strcmp(text, "0") != 0 && strcasecmp(text, "false") != 0;
}

static bool has_tag(const char *name, size_t n)
{
	const char *slash = memrchr(name, '/', n), *last = slash ? slash + 1 : name;

	return memchr(last, ':', n - (size_t)(last - name)) || memchr(name, '@', n);
}

void docker_fail(struct http_req *r, const struct err *err)
{
	static const char before[] = "image \"", after[] = "\" is not here";
	const char *end = strstr(err->text, after), *name = strstr(err->text, before);
	struct err named = ERR_INIT;
	int n;

	if (err->code != ENOENT || !strstr(err->text, " is not here")) {
		http_reply_err(r, err);
		return;
	}
	if (!end || !name || name + strlen(before) > end) {
		err_set(&named, ENOENT, "No such image: %s", err->text);
		http_reply_err(r, &named);
		return;
	}
	name += strlen(before);
	n = (int)(end - name);
	/* As Docker names it: with the tag that was meant. */
	err_set(&named, ENOENT, "No such image: %.*s%s", n, name, has_tag(name, (size_t)n) ? "" : ":latest");
	http_reply_err(r, &named);
}

char *docker_time(int64_t ms, char text[static DOCKER_TIME_MAX])
{
	time_t s = ms / 1000;
	struct tm tm;
	size_t n;

	gmtime_r(&s, &tm);
	n = strftime(text, DOCKER_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, DOCKER_TIME_MAX - n, ".%03dZ", (int)(ms % 1000));
	return text;
}

/* ---- routes ---- */

/* "/v1.41/images/json" -> 41 and "/images/json"; without a version the newest. 0, -EINVAL answered in Docker's words. */
static int split_version(struct http_req *r, unsigned *ret_minor, const char **ret_path)
{
	const char *path = http_req_path(r);
	mem_cleanup char *json = NULL;
	unsigned minor = DOCKER_API_MAX;
	int n = 0;

	*ret_path = path;
	*ret_minor = minor;
	if (strncmp(path, "/v1.", 4) != 0)
		return 0;
	if (sscanf(path, "/v1.%3u%n", &minor, &n) != 1 || path[n] != '/') {
		http_reply_json(r, 404, "{\"message\":\"page not found\"}");
		return -EINVAL;
	}
	*ret_minor = minor;
	*ret_path = path + n;
	if (minor >= DOCKER_API_MIN && minor <= DOCKER_API_MAX)
		return 0;
	json = mem_printf(minor > DOCKER_API_MAX
			      ? "{\"message\":\"client version 1.%u is too new. Maximum supported API version is "
				"" DOCKER_API_TEXT "\"}"
			      : "{\"message\":\"client version 1.%u is too old. Minimum supported API version is "
				"" DOCKER_API_MIN_TEXT ", please upgrade your client to a newer version\"}",
			  minor);
	http_reply_json(r, 400, json);
	return -EINVAL;
}

static bool fits(const char *pattern, const char *path, char **ret_arg)
{
	const char *star = strchr(pattern, '*');
	size_t before, after, n = strlen(path);

	*ret_arg = NULL;
	if (!star)
		return strcmp(pattern, path) == 0;
	before = (size_t)(star - pattern);
	after = strlen(star + 1);
	if (n <= before + after || strncmp(pattern, path, before) != 0 || strcmp(path + n - after, star + 1) != 0)
		return false;
	*ret_arg = mem_strndup(path + before, n - before - after);
	return true;
}

static const struct route *find(const struct http_req *r, const char *path, char **ret_arg)
{
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		if (!strcmp(routes[i].method, http_req_method(r)) && fits(routes[i].path, path, ret_arg))
			return &routes[i];
	}
	return NULL;
}

void docker_no_swarm(struct http_req *r)
{
	http_reply_json(r, 503,
			"{\"message\":\"This node is not a swarm manager. Use \\\"berth submit\\\" for services.\"}");
}

static void refuse(struct http_req *r, const char *path)
{
	static const char *const later[] = {"/containers", "/volumes", "/events", "/commit", "/plugins"};
	static const char *const swarm[] = {"/swarm", "/nodes", "/services", "/tasks", "/secrets", "/configs"};

	for (size_t i = 0; i < sizeof swarm / sizeof *swarm; i++) {
		if (!strncmp(path, swarm[i], strlen(swarm[i]))) {
			docker_no_swarm(r);
			return;
		}
	}
	for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
		if (!strncmp(path, later[i], strlen(later[i]))) {
			http_reply_json(r, 501,
					"{\"message\":\"berth does not serve this call of Docker's API yet; see "
					"docs/DOCKER.md\"}");
			return;
		}
	}
	http_reply_json(r, 404, "{\"message\":\"page not found\"}");
}

static void serve(struct docker *d, struct http_req *r, bool headers_only)
{
	struct docker_call c = {.d = d, .r = r, .arg = ""};
	mem_cleanup char *arg = NULL;
	const struct route *route;
	struct err err = ERR_INIT;
	const char *path;

	if (split_version(r, &c.minor, &path) < 0)
		return;
	if (policy_check(r, path, &err) < 0) {
		docker_fail(r, &err);
		return;
	}
	route = find(r, path, &arg);
	if (arg)
		c.arg = docker_local_name(arg);
	if (route && route->stream == headers_only)
		route->fn(&c);
	else if (!route && !headers_only)
		refuse(r, path);
}

void docker_headers(struct docker *d, struct http_req *r)
{
	serve(d, r, true);
}

void docker_request(struct docker *d, struct http_req *r)
{
	serve(d, r, false);
}

/* ---- life ---- */

#define ID_FILE "id"

static void on_engine(void *ctx, const struct engine_event *ev)
{
	if (ev->type == ENGINE_EV_REMOVED && ev->c)
		container_doc_forget(ctx, ev->c->id);
}

/* A random UUID (RFC 9562, version 4). */
static void make_id(char id[static 37])
{
	char hex[33];

	random_hex(hex, 32);
	hex[12] = '4';
	hex[16] = "89ab"[hex[16] & 3];
	snprintf(id, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

/* The file <data>/id; without one that can be read or written it lives as long as the daemon. */
static void read_id(struct docker *d)
{
	fd_cleanup int dir = open(d->data_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	mem_cleanup char *text = NULL;
	size_t n;

	if (dir >= 0 && fs_read(dir, ID_FILE, sizeof d->id, &text, &n, NULL) == 0 && n == sizeof d->id - 1 &&
	    strspn(text, "0123456789abcdef-") == n) {
		snprintf(d->id, sizeof d->id, "%s", text);
		return;
	}
	make_id(d->id);
	if (dir >= 0)
		(void)fs_write_atomic(dir, ID_FILE, d->id, strlen(d->id), 0600, false, NULL);
}

struct docker *docker_new(struct loop *l, const struct docker_options *o)
{
	struct docker *d = mem_new(struct docker);

	*d = (struct docker){.loop = l,
			     .engine = o->engine,
			     .images = engine_images(o->engine),
			     .data_dir = mem_strdup(o->data_dir),
			     .cgroup_layout = mem_strdup(o->cgroup_layout)};
	read_id(d);
	d->removed = engine_listen(o->engine, on_engine, d);
	return d;
}

int docker_log_default(struct docker *d, const char *text, struct err *err)
{
	return log_default_read(text, &d->log_default, err);
}

struct docker *docker_free(struct docker *d)
{
	if (!d)
		return NULL;
	engine_unlisten(d->removed);
	builder_free(d->builder);
	ws_pump_end_all(&d->pumps);
	container_doc_forget_all(d);
	yyjson_doc_free(d->log_default);
	free(d->data_dir);
	free(d->cgroup_layout);
	free(d);
	return NULL;
}
