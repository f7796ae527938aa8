/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /networks/create, DELETE /networks/NAME, POST /networks/prune
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

static void tell(const struct docker_call *c, const char *action, const struct net_network *n)
{
	engine_action_add(c->d->engine, "network", action, n->id,
			  (const char *const[]){"name", n->name, "type", net_driver_name(n->driver), NULL});
}

/* ---- create ---- */

/* What there is one of; what other machines are needed for. 0, or answered. */
static int refuse_kind(const struct docker_call *c, const struct network_body *w)
{
	static const char *const own[] = {"bridge", "host", "none"};

	for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
		if (strcmp(w->w.name, own[i]) != 0)
			continue;
		docker_message(c->r, 403, "operation is not permitted on predefined %s network ", own[i]);
		return -EPERM;
	}
	if (w->w.driver != NET_BRIDGE) {
		docker_message(c->r, 403, "only one instance of \"%s\" network is allowed",
			       net_driver_name(w->w.driver));
		return -EPERM;
	}
	if (w->scope_swarm || w->w.ingress) {
		docker_message(c->r, 503, "This node is not a swarm manager. Networks of berth belong to one machine.");
		return -ENOTSUP;
	}
	if (w->config_only) {
		docker_message(c->r, 501, "networks that are a configuration alone are not supported");
		return -ENOTSUP;
	}
	return 0;
}

static void create(const struct docker_call *c, struct net *net, yyjson_val *body)
{
	cleanup_with(network_body_free) struct network_body w;
	const struct net_network *n;
	struct err err = ERR_INIT;
	yyjson_mut_doc *doc;
	yyjson_mut_val *root;

	if (network_parse(body, &w, &err) < 0) {
		network_fail(c->r, &err);
		return;
	}
	if (refuse_kind(c, &w) < 0)
		return;
	if (net_create(net, &w.w, &n, &err) < 0) {
		network_fail(c->r, &err);
		return;
	}
	tell(c, "create", n);
	doc = yyjson_mut_doc_new(NULL);
	root = yyjson_mut_obj(doc);
	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_strcpy(doc, root, "Id", n->id);
	yyjson_mut_obj_add_str(doc, root, "Warning", "");
	docker_reply(c->r, 201, doc);
}

void docker_network_create(const struct docker_call *c)
{
	struct net *net = network_books(c);
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct err err = ERR_INIT;
	size_t n;
	const char *body = http_req_body(c->r, &n);

	if (!net)
		return;
	doc = json_parse(body, n, BODY_MAX, "the body", &err);
	if (doc)
		create(c, net, yyjson_doc_get_root(doc));
	else
		network_fail(c->r, &err);
}

/* ---- delete ---- */

void docker_network_delete(const struct docker_call *c)
{
	const struct net_network *n = network_named(c, c->arg);
	struct err err = ERR_INIT;
	mem_cleanup char *id = n ? mem_strdup(n->id) : NULL, *name = n ? mem_strdup(n->name) : NULL;

	if (!n)
		return;
	if (n->is_default) {
		docker_message(c->r, 403, "%s is a pre-defined network and cannot be removed", n->name);
		return;
	}
	if (net_remove(engine_net(c->d->engine), id, &err) < 0) {
		network_fail(c->r, &err);
		return;
	}
	engine_action_add(c->d->engine, "network", "destroy", id,
			  (const char *const[]){"name", name, "type", net_driver_name(NET_BRIDGE), NULL});
	http_reply(c->r, 204, NULL, NULL, 0);
}

/* ---- prune ---- */

static int parse_prune(const struct docker_call *c, struct docker_filters *f, int64_t *ret_until, struct err *err)
{
	static const char *const keys[] = {"label", "label!", "until", NULL};

	if (docker_filters_parse(http_req_query(c->r, "filters"), f, err) < 0 || docker_filters_check(f, keys, err) < 0)
		return -EINVAL;
	return docker_until(f, ret_until, err);
}

/* The ids of those that go; the list of the books changes as they go. */
static char **unused(struct net *net, const struct docker_filters *f, int64_t until)
{
	const struct net_network *n;
	char **ids = NULL;

	for (size_t i = 0; (n = net_at(net, i)); i++) {
		if (network_dangles(n) && n->created_ns < until && network_labels_fit(n, f))
			mem_strv_add(&ids, n->id);
	}
	return ids;
}

static void prune(const struct docker_call *c, struct net *net, char *const *ids)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc), *list = yyjson_mut_arr(doc);

	yyjson_mut_doc_set_root(doc, root);
	for (size_t i = 0; ids && ids[i]; i++) {
		const struct net_network *n;
		mem_cleanup char *name = NULL;

		if (net_find(net, ids[i], &n, NULL) < 0)
			continue;
		name = mem_strdup(n->name);
		if (net_remove(net, ids[i], NULL) < 0)
			continue;
		yyjson_mut_arr_add_strcpy(doc, list, name);
		engine_action_add(c->d->engine, "network", "destroy", ids[i],
				  (const char *const[]){"name", name, "type", net_driver_name(NET_BRIDGE), NULL});
	}
	engine_action_add(c->d->engine, "network", "prune", "", (const char *const[]){"reclaimed", "0", NULL});
	yyjson_mut_obj_add_val(doc, root, "NetworksDeleted",
			       yyjson_mut_arr_size(list) > 0 ? list : yyjson_mut_null(doc));
	docker_reply(c->r, 200, doc);
}

void docker_networks_prune(const struct docker_call *c)
{
	struct net *net = network_books(c);
	cleanup_with(mem_strv_freep) char **ids = NULL;
	struct docker_filters f = {.doc = NULL};
	struct err err = ERR_INIT;
	int64_t until;

	if (!net)
		return;
	if (parse_prune(c, &f, &until, &err) < 0) {
		network_fail(c->r, &err);
	} else {
		ids = unused(net, &f, until);
		prune(c, net, ids);
	}
	docker_filters_free(&f);
}
