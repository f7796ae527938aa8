/* SPDX-License-Identifier: Apache-2.0 */
#include "face/onehost/image_word.h"
#include "face/onehost/onehost_private.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "base/wire/http_server.h"
#include "cluster/server/hosted.h"
#include "cluster/server/server.h"
#include "face/docker/docker.h"
#include "face/docker/policy.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* '*' stands for one or more characters, slashes too; the first that fits is taken. What is not here is this machine's own (ping, version, jobs ...). */
static const struct route docker_routes[] = {
    {"GET", "/info", call_info, false, LAST_CUT, NULL},
    {"GET", "/events", call_events, false, LAST_CUT, NULL},
    {"GET", "/system/df", call_sum, false, LAST_CUT, NULL},
    {"GET", "/containers/json", call_containers, false, LAST_CUT, NULL},
    {"POST", "/containers/create", call_create, false, LAST_CUT, NULL},
    {"POST", "/containers/prune", call_sum, false, LAST_CUT, NULL},
    {"GET", "/containers/*/json", call_inspect, false, LAST_CUT, NULL},
    {"GET", "/containers/*/logs", call_container, false, LAST_FRAME, NULL},
    {"POST", "/containers/*/wait", call_container, false, LAST_WAIT, NULL},
    {"POST", "/containers/*/attach", call_container_stream, false, LAST_CUT, NULL},
    {"GET", "/containers/*/attach/ws", call_container_stream, false, LAST_CUT, NULL},
    {"POST", "/containers/*/exec", call_exec_create, false, LAST_CUT, NULL},
    {"POST", "/containers/*/rename", call_rename, false, LAST_CUT, NULL},
    {"PUT", "/containers/*/archive", call_container, true, LAST_CUT, NULL},
    {"GET", "/containers/*/*", call_container, false, LAST_CUT, NULL},
    {"HEAD", "/containers/*/archive", call_container, false, LAST_CUT, NULL},
    {"POST", "/containers/*/*", call_container, false, LAST_CUT, NULL},
    {"DELETE", "/containers/*", call_container, false, LAST_CUT, NULL},
    {"POST", "/exec/*/start", call_exec_stream, false, LAST_CUT, NULL},
    {"POST", "/exec/*/resize", call_exec, false, LAST_CUT, NULL},
    {"GET", "/exec/*/json", call_exec, false, LAST_CUT, NULL},
    {"POST", "/commit", call_commit, false, LAST_CUT, NULL},
    {"POST", "/build", call_any, true, LAST_MESSAGE, NULL},
    {"POST", "/build/prune", call_sum, false, LAST_CUT, NULL},
    {"POST", "/images/create", call_any, true, LAST_MESSAGE, NULL},
    {"POST", "/images/load", call_any, true, LAST_MESSAGE, NULL},
    {"GET", "/images/json", call_images, false, LAST_CUT, NULL},
    {"POST", "/images/prune", call_sum, false, LAST_CUT, NULL},
    {"GET", "/images/search", call_any, false, LAST_CUT, NULL},
    {"GET", "/images/get", call_images_get, false, LAST_CUT, NULL},
    {"GET", "/images/*/json", call_image, false, LAST_CUT, NULL},
    {"GET", "/images/*/history", call_image, false, LAST_CUT, NULL},
    {"GET", "/images/*/get", call_image, false, LAST_CUT, NULL},
    {"POST", "/images/*/push", call_image_push, false, LAST_MESSAGE, NULL},
    {"POST", "/images/*/tag", call_everywhere, false, LAST_CUT, NULL},
    {"DELETE", "/images/*", call_everywhere, false, LAST_CUT, NULL},
    {"GET", "/networks", call_networks, false, LAST_CUT, NULL},
    {"POST", "/networks/create", call_network_create, false, LAST_CUT, NULL},
    {"POST", "/networks/prune", call_sum, false, LAST_CUT, NULL},
    {"GET", "/networks/*", call_network, false, LAST_CUT, NULL},
    {"POST", "/networks/*/connect", call_network, false, LAST_CUT, NULL},
    {"POST", "/networks/*/disconnect", call_network, false, LAST_CUT, NULL},
    {"DELETE", "/networks/*", call_network, false, LAST_CUT, NULL},
    {"GET", "/volumes", call_volumes, false, LAST_CUT, NULL},
    {"POST", "/volumes/create", call_volume_create, false, LAST_CUT, NULL},
    {"POST", "/volumes/prune", call_sum, false, LAST_CUT, NULL},
    {"GET", "/volumes/*", call_volume, false, LAST_CUT, NULL},
    {"DELETE", "/volumes/*", call_volume, false, LAST_CUT, NULL},
};

/* The server answers it as any machine does. */
static void leave(const struct call *c)
{
	(void)c;
}

/* Our own, without "/v1". */
static const struct route own_routes[] = {
    {"GET", "/system/df", call_sum, false, LAST_CUT, NULL},
    {"GET", "/containers", call_own_containers, false, LAST_CUT, NULL},
    {"POST", "/containers/run", call_run, false, LAST_CUT, NULL},
    {"GET", "/containers/*/logs", call_container, false, LAST_CUT, call_job_logs},
    {"GET", "/containers/*/wait", call_container, false, LAST_CUT, leave},
    {"POST", "/containers/*/kill", call_container, false, LAST_CUT, NULL},
    {"POST", "/containers/*/stop", call_container, false, LAST_CUT, NULL},
    {"GET", "/containers/*", call_container, false, LAST_CUT, NULL},
    {"DELETE", "/containers/*", call_container, false, LAST_CUT, NULL},
    {"POST", "/images/import", call_any, true, LAST_CUT, NULL},
    {"POST", "/images/pull", call_any, false, LAST_CUT, NULL},
    {"POST", "/images/prune", call_sum, false, LAST_CUT, NULL},
    {"GET", "/images", call_own_images, false, LAST_CUT, NULL},
    {"POST", "/images/*/tag", call_everywhere, false, LAST_CUT, NULL},
    {"GET", "/images/*", call_image, false, LAST_CUT, NULL},
    {"DELETE", "/images/*", call_everywhere, false, LAST_CUT, NULL},
};

/* ---- nodes ---- */

struct looking {
	const char *name;
	char **connected;
	char best[NODE_NAME_MAX];
	uint32_t best_free;
	bool trusted; /* only those whose images count (image_word.h) and this machine */
	bool any, known, here, best_here;
};

static void look(void *ctx, const struct server_node *n)
{
	struct looking *l = ctx;
	uint32_t free_slots = n->slots > n->slots_used ? n->slots - n->slots_used : 0;

	if (l->name && !strcmp(n->name, l->name)) {
		l->known = true;
		l->here = n->here;
	}
	if (!n->connected)
		return;
	mem_strv_add(&l->connected, n->name);
	if (l->trusted && !n->here && !image_word_is_trusted(n->labels))
		return;
	if (!l->any || n->here || (!l->best_here && free_slots > l->best_free)) {
		snprintf(l->best, sizeof l->best, "%s", n->name);
		l->best_free = free_slots;
		l->best_here = n->here;
	}
	l->any = true;
}

char **onehost_connected(const struct onehost *h)
{
	struct looking l = {.name = NULL};

	server_nodes_each(h->server, look, &l);
	return l.connected;
}

/* Asked for itself, this machine may not be taken for the cluster: the header Berth-Node sees to it. */
static int dial_self(const struct onehost *h, struct err *err)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	fd_cleanup int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || strlen(h->socket) >= sizeof to.sun_path)
		return err_set(err, EAGAIN, "this berth cannot ask itself");
	memcpy(to.sun_path, h->socket, strlen(h->socket));
	if (connect(fd, (const struct sockaddr *)&to, sizeof to) < 0)
		return err_sys(err, EAGAIN, "connect to \"%s\"", h->socket);
	return fd_take(&fd);
}

int onehost_dial(const struct onehost *h, const char *node, struct err *err)
{
	return strcmp(node, ONEHOST_SELF) != 0 ? server_node_dial(h->server, node, err) : dial_self(h, err);
}

static void look_here(void *ctx, const struct server_node *n)
{
	bool *here = ctx;

	*here = *here || n->here;
}

bool onehost_is_node(const struct onehost *h)
{
	bool here = false;

	server_nodes_each(h->server, look_here, &here);
	return here;
}

char **onehost_stores(const struct onehost *h)
{
	char **nodes = onehost_connected(h);

	if (!onehost_is_node(h))
		mem_strv_add(&nodes, ONEHOST_SELF);
	return nodes;
}

int onehost_any_node(const struct onehost *h, char node[static NODE_NAME_MAX], struct err *err)
{
	struct looking l = {.trusted = image_word_is_labelled(h)};

	server_nodes_each(h->server, look, &l);
	mem_strv_free(l.connected);
	if (!l.any)
		return err_set(err, EAGAIN, "no node of the cluster%s is connected now (berth node ls)",
			       l.trusted ? " that is labelled " WORD_LABEL "=" WORD_TRUSTED : "");
	memcpy(node, l.best, NODE_NAME_MAX);
	return 0;
}

bool onehost_is_here(const struct onehost *h, const char *node)
{
	struct looking l = {.name = node};

	server_nodes_each(h->server, look, &l);
	mem_strv_free(l.connected);
	return l.here;
}

bool onehost_split(const struct onehost *h, const char *name, char node[static NODE_NAME_MAX], const char **ret_rest)
{
	const char *from = name + (*name == '/'), *slash = strchr(from, '/');
	struct looking l = {.name = node};

	if (!slash || slash == from || (size_t)(slash - from) >= NODE_NAME_MAX || !slash[1])
		return false;
	snprintf(node, NODE_NAME_MAX, "%.*s", (int)(slash - from), from);
	server_nodes_each(h->server, look, &l);
	mem_strv_free(l.connected);
	*ret_rest = slash + 1;
	return l.known;
}

/* ---- targets ---- */

char *onehost_target(const struct call *c, const char *arg)
{
	mem_cleanup char *encoded = http_url_encode(arg);
	const char *target = http_req_target(c->r), *query = strchr(target, '?');
	const char *path = c->route->path, *star = strchr(path, '*'), *second = star ? strchr(star + 1, '*') : NULL;
	struct buf out = BUF_INIT;

	if (second) {
		/* "/containers/X/stop": what stands after the argument is the path's own. It was decoded: as it stands it could end the line. */
		mem_cleanup char *verb = http_url_encode(strrchr(http_req_path(c->r), '/') + 1);

		buf_printf(&out, "%s/containers/%s/%s", c->version, encoded, verb);
	} else if (star) {
		buf_printf(&out, "%s%.*s%s%s", c->version, (int)(star - path), path, encoded, star + 1);
	} else {
		buf_printf(&out, "%s%s", c->version, path);
	}
	buf_adds(&out, query ? query : "");
	return buf_take(&out);
}

/* "/containers/n1/web/stop" with the pattern "/containers/STAR/STAR": the argument is "n1/web". */
static char *fit(const char *pattern, const char *path)
{
	const char *star = strchr(pattern, '*'), *tail, *last = strrchr(path, '/');
	size_t before, after, n = strlen(path);

	if (!star)
		return strcmp(pattern, path) == 0 ? mem_strdup("") : NULL;
	before = (size_t)(star - pattern);
	if (strncmp(pattern, path, before) != 0)
		return NULL;
	tail = star + 1;
	if (!strcmp(tail, "/*"))
		return last > path + before && last[1] ? mem_strndup(path + before, (size_t)(last - path) - before)
						       : NULL;
	after = strlen(tail);
	if (n <= before + after || strcmp(path + n - after, tail) != 0)
		return NULL;
	return mem_strndup(path + before, n - before - after);
}

static const struct route *find(const struct route *routes, size_t n, const char *method, const char *path,
				char **ret_arg)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(routes[i].method, method) != 0)
			continue;
		*ret_arg = fit(routes[i].path, path);
		if (*ret_arg)
			return &routes[i];
	}
	return NULL;
}

#define N(table) (sizeof(table) / sizeof *(table))

/* The length of "/v1.41" at the beginning; 0: what stands there is none. */
static size_t version_len(const char *path)
{
	size_t n = strncmp(path, "/v1.", 4) ? 0 : 4 + strspn(path + 4, "0123456789");

	return n > 4 && path[n] == '/' ? n : 0;
}

/* "/v1.41/info" -> "/v1.41" and "/info"; our own API is "/v1". */
static const struct route *route_of(struct http_req *r, char **ret_version, char **ret_arg)
{
	const char *path = http_req_path(r), *method = http_req_method(r);
	size_t n;

	if (!docker_takes(r)) {
		*ret_version = mem_strdup("/v1");
		return find(own_routes, N(own_routes), method, path + strlen("/v1"), ret_arg);
	}
	n = version_len(path);
	*ret_version = mem_strndup(path, n);
	return find(docker_routes, N(docker_routes), method, path + n, ret_arg);
}

/* ---- requests ---- */

void onehost_fail(struct http_req *r, const struct err *err)
{
	struct err known = *err;

	/* 503: it may be there again in a moment. */
	if (known.code == ENOTCONN || known.code == EPROTO || known.code == EPIPE)
		known.code = EAGAIN;
	http_reply_err(r, &known);
}

/* `berth wait` and `berth logs` are of jobs, too. */
static bool is_job(const struct onehost *h, const char *name)
{
	mem_cleanup char *first = mem_strndup(name, strcspn(name, "/"));
	char id[128];

	return !hosted_by_name(h->server, name) && server_find(h->server, first, id, sizeof id, NULL) == 0;
}

static bool take(struct onehost *h, struct http_req *r, bool headers)
{
	mem_cleanup char *version = NULL, *arg = NULL;
	const struct route *route;
	struct err err = ERR_INIT;
	struct call c;
	call_fn fn;

	if (http_req_header(r, "Berth-Node"))
		return false;
	route = route_of(r, &version, &arg);
	if (!route)
		return false;
	fn = route->job && is_job(h, arg) ? route->job : route->fn;
	if (fn == leave)
		return false;
	if (route->stream != headers)
		return true;
	c = (struct call){.h = h, .r = r, .route = route, .version = version, .arg = arg};
	/* What the role may do to a container is judged by the node that does it (POLICY_HEADER). */
	if (policy_check(r, http_req_path(r) + (docker_takes(r) ? strlen(version) : 0), &err) == 0)
		fn(&c);
	else
		http_reply_err(r, &err);
	return true;
}

/* A body for one node (/v1/nodes/NODE/api/...) that is no JSON goes through in pieces like any of ours. What is small or has none is api/node_pass.c's.
 * Returns the target at the node, or NULL. */
static const char *body_for_node(struct http_req *r, char node[static NODE_NAME_MAX])
{
	static const char prefix[] = "/v1/nodes/", api[] = "/api/";
	const char *type = http_req_header(r, "Content-Type"), *name = http_req_target(r) + strlen(prefix), *rest;

	if (http_req_header(r, "Berth-Node") || !type || !strncmp(type, "application/json", 16) ||
	    strncmp(http_req_target(r), prefix, strlen(prefix)) != 0)
		return NULL;
	rest = strchr(name, '/');
	if (!rest || rest - name >= NODE_NAME_MAX || strncmp(rest, api, strlen(api)) != 0)
		return NULL;
	snprintf(node, NODE_NAME_MAX, "%.*s", (int)(rest - name), name);
	return rest + strlen(api) - 1;
}

static bool take_body_for_node(struct onehost *h, struct http_req *r)
{
	static const struct route route = {.path = "", .stream = true, .last = LAST_CUT};
	char node[NODE_NAME_MAX];
	struct relay_how how = {.target = body_for_node(r, node)};
	struct call c = {.h = h, .r = r, .route = &route, .version = "", .arg = ""};
	struct err err = ERR_INIT;

	if (!how.target)
		return false;
	if (policy_check(r, http_req_path(r), &err) == 0)
		relay_to(&c, node, "", &how);
	else
		http_reply_err(r, &err);
	return true;
}

bool onehost_headers(struct onehost *h, struct http_req *r)
{
	return take(h, r, true) || take_body_for_node(h, r);
}

bool onehost_request(struct onehost *h, struct http_req *r)
{
	char node[NODE_NAME_MAX];

	return take(h, r, false) || body_for_node(r, node);
}

/* ---- simple handlers ---- */

void call_container(const struct call *c)
{
	relay_found(c, KIND_CONTAINER, NULL);
}

void call_container_stream(const struct call *c)
{
	relay_stream(c, KIND_CONTAINER);
}

void call_exec(const struct call *c)
{
	relay_found(c, KIND_EXEC, NULL);
}

void call_exec_stream(const struct call *c)
{
	relay_stream(c, KIND_EXEC);
}

void call_image(const struct call *c)
{
	relay_found(c, KIND_IMAGE, NULL);
}

void call_any(const struct call *c)
{
	char node[NODE_NAME_MAX];
	struct err err = ERR_INIT;

	if (onehost_any_node(c->h, node, &err) < 0)
		onehost_fail(c->r, &err);
	else
		relay_to(c, node, c->arg, NULL);
}

/* ---- life ---- */

static int on_server(void *ctx, const char *json, size_t len, const char *job)
{
	struct onehost *h = ctx;
	json_doc_cleanup yyjson_doc *doc = NULL;
	const char *kind, *node;

	(void)job;
	if (!strstr(json, "\"node_up\"") && !strstr(json, "\"node_down\""))
		return 0;
	doc = yyjson_read(json, len, 0);
	kind = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "kind"));
	node = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "node"));
	if (!kind || !node)
		return 0;
	if (!strcmp(kind, "node_up")) {
		watch_start(h, node);
		node_events_node(h, node);
	}
	if (!strcmp(kind, "node_up") || !strcmp(kind, "node_down"))
		events_node(h, node, !strcmp(kind, "node_up"));
	return 0;
}

struct onehost *onehost_new(struct loop *l, struct server *s, struct docker *docker, const char *socket)
{
	struct onehost *h = mem_new(struct onehost);

	h->loop = l;
	h->server = s;
	h->docker = docker;
	h->socket = mem_strdup(socket);
	h->nodes = server_listen(s, on_server, h);
	watch_start_all(h);
	server_bring_images(s, bring_image, h);
	return h;
}

struct onehost *onehost_free(struct onehost *h)
{
	if (!h)
		return NULL;
	server_unlisten(h->nodes);
	server_bring_images(h->server, NULL, NULL);
	bring_end_all(h);
	making_end_all(h);
	watch_end_all(h);
	find_forget_all(h);
	free(h->socket);
	free(h);
	return NULL;
}
