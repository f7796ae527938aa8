/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /networks/NAME/connect, POST /networks/NAME/disconnect
 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/container.h"
#include "face/docker/network.h"
#include "node/engine/action.h"

#include <errno.h>
#include <string.h>

#define BODY_MAX (1u << 20)

/* A request that waits for the container's monitor. */
struct member {
	struct docker *d;
	struct http_req *r; /* NULL once answered */
	struct engine_answer *answer;
	const char *action; /* "connect", "disconnect" */
	char *network, *name, *container;
};

static void on_close(struct http_req *r, void *ctx)
{
	struct member *m = ctx;

	(void)r;
	if (m->answer)
		engine_answer_forget(m->answer);
	free(m->network);
	free(m->name);
	free(m->container);
	free(m);
}

static void succeed(struct member *m, struct http_req *r)
{
	engine_action_add(m->d->engine, "network", m->action, m->network,
			  (const char *const[]){"container", m->container, "name", m->name, "type",
						net_driver_name(NET_BRIDGE), NULL});
	http_reply(r, 200, NULL, NULL, 0);
}

static void on_done(void *ctx, const struct err *err)
{
	struct member *m = ctx;
	struct http_req *r = m->r;

	m->answer = NULL;
	m->r = NULL;
	if (err)
		network_fail(r, err);
	else
		succeed(m, r);
}

/* Docker forbids what the state of a container does not let happen; only names are conflicts. */
static void fail(struct http_req *r, struct err *err)
{
	if (err->code == EEXIST)
		err->code = EPERM;
	network_fail(r, err);
}

/* The body: an object with "Container"; NULL has been answered. */
static yyjson_doc *read_body(const struct docker_call *c, const char **ret_container)
{
	struct err err = ERR_INIT;
	size_t n;
	const char *body = http_req_body(c->r, &n);
	yyjson_doc *doc = json_parse(body, n, BODY_MAX, "the body", &err);
	yyjson_val *root = yyjson_doc_get_root(doc);

	*ret_container = yyjson_get_str(json_member(root, "Container"));
	if (doc && *ret_container && **ret_container)
		return doc;
	if (doc)
		err_set(&err, EINVAL, "Container: the name of a container is needed");
	yyjson_doc_free(doc);
	network_fail(c->r, &err);
	return NULL;
}

static const struct engine_container *member_container(const struct docker_call *c, const char *name)
{
	const struct docker_call named = {.d = c->d, .r = c->r, .minor = c->minor, .arg = name};

	return docker_container(&named);
}

/* What engine_connect() said: <0 an error, 0 its monitor is asked, 1 it is done. */
static void take_result(struct member *m, int result, struct err *err)
{
	struct http_req *r = m->r;

	if (result == 0)
		return;
	m->r = NULL;
	if (result < 0)
		fail(r, err);
	else
		succeed(m, r);
}

static struct member *member_new(const struct docker_call *c, const char *action, const struct net_network *n,
				 const char *container)
{
	struct member *m = mem_new(struct member);

	*m = (struct member){.d = c->d,
			     .r = c->r,
			     .action = action,
			     .network = mem_strdup(n->id),
			     .name = mem_strdup(n->name),
			     .container = mem_strdup(container)};
	http_req_on_close(c->r, on_close, m);
	return m;
}

void docker_network_connect(const struct docker_call *c)
{
	const char *name;
	const struct net_network *n = network_named(c, c->arg);
	json_doc_cleanup yyjson_doc *doc = n ? read_body(c, &name) : NULL;
	const struct engine_container *container = doc ? member_container(c, name) : NULL;
	cleanup_with(network_endpoint_body_free) struct network_endpoint_body w = {.aliases = NULL};
	struct err err = ERR_INIT;
	struct member *m;

	if (!container)
		return;
	if (network_parse_endpoint(json_member(yyjson_doc_get_root(doc), "EndpointConfig"), &w, &err) < 0) {
		network_fail(c->r, &err);
		return;
	}
	w.w.network = n->id;
	m = member_new(c, "connect", n, container->id);
	take_result(m, engine_connect(c->d->engine, container->id, &w.w, on_done, m, &m->answer, &err), &err);
}

void docker_network_disconnect(const struct docker_call *c)
{
	const char *name;
	const struct net_network *n = network_named(c, c->arg);
	json_doc_cleanup yyjson_doc *doc = n ? read_body(c, &name) : NULL;
	const struct engine_container *container = NULL;
	struct err err = ERR_INIT;
	struct member *m;
	bool force;
	int r;

	if (!doc)
		return;
	force = yyjson_is_true(json_member(yyjson_doc_get_root(doc), "Force"));
	/* With force the books may know it while the engine does not any more. */
	if (engine_find(c->d->engine, name, &container, NULL) < 0 && !force) {
		(void)member_container(c, name);
		return;
	}
	m = member_new(c, "disconnect", n, container ? container->id : name);
	r = engine_disconnect(c->d->engine, m->container, m->network, force, on_done, m, &m->answer, &err);
	take_result(m, r, &err);
}
