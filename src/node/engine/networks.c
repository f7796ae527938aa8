/* SPDX-License-Identifier: Apache-2.0
 *
 * Containers come to networks and leave them. What they want is written down first; one that runs gets a new plug, and its monitor is asked to
 * make it so.
 */
#include "node/engine/networks.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/engine/container.h"
#include "node/engine/network.h"
#include "node/engine/network_wish.h"

#include <string.h>

/* ---- what it wants ---- */

/* A list that can be changed. */
static yyjson_mut_doc *copy_wanted(int dir, const struct order *o)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	yyjson_val *list = network_wanted(dir, o, &doc);
	yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);

	yyjson_mut_doc_set_root(d, list ? yyjson_val_mut_copy(d, list) : yyjson_mut_arr(d));
	return d;
}

/* Its place in the list, or the list's length. */
static size_t find_wanted(struct engine *e, yyjson_mut_doc *d, const struct net_network *n)
{
	yyjson_mut_val *list = yyjson_mut_doc_get_root(d), *v;
	size_t i, max;

	yyjson_mut_arr_foreach (list, i, max, v) {
		if (network_wish_is(e->net, yyjson_mut_get_str(yyjson_mut_obj_get(v, "name")), n))
			return i;
	}
	return yyjson_mut_arr_size(list);
}

static void add_text(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, const char *value)
{
	if (value && *value)
		yyjson_mut_obj_add_strcpy(d, o, key, value);
}

static void add_wish(yyjson_mut_doc *d, const struct net_network *n, const struct net_endpoint_wish *w)
{
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(d, yyjson_mut_doc_get_root(d));

	add_text(d, o, "name", n->name);
	add_text(d, o, "ipv4", w->ipv4);
	add_text(d, o, "ipv6", w->ipv6);
	if (w->link_local && *w->link_local)
		json_add_strv(d, o, "link_local", w->link_local);
	add_text(d, o, "mac", w->mac);
	add_text(d, o, "interface", w->interface);
	json_add_strv(d, o, "aliases", w->aliases);
	json_add_strv(d, o, "links", w->links);
	if (w->gw_priority)
		yyjson_mut_obj_add_int(d, o, "gw_priority", w->gw_priority);
}

/* ---- one change ---- */

struct change {
	struct container *c;
	int dir;
	struct order o;
	const struct net_network *n;
	yyjson_mut_doc *wanted;
	size_t at; /* in wanted */
};

static int save_wanted(struct change *g, struct err *err)
{
	size_t n;
	mem_cleanup char *text = json_text(g->wanted, false, &n);

	g->c->networks_as_made = false;
	return fs_write_atomic(g->dir, NETWORK_WANTED, text, n, 0600, false, err);
}

static void change_free(struct change *g)
{
	fd_closep(&g->dir);
	order_free(&g->o);
	yyjson_mut_doc_free(g->wanted);
}

static int check_mode(const struct change *g, struct err *err)
{
	enum spec_ns_kind kind = g->o.spec.network_mode.kind;

	if (g->n->driver == NET_HOST)
		return err_set(err, EPERM,
			       "container cannot be disconnected from host network or connected to host network");
	if (g->n->driver == NET_NONE || kind == SPEC_NS_NONE)
		return err_set(err, EPERM,
			       "container cannot be connected to multiple networks with one of the networks in private "
			       "(none) mode");
	if (kind == SPEC_NS_HOST || kind == SPEC_NS_CONTAINER)
		return err_set(err, EPERM,
			       "container sharing network namespace with another container or host cannot be connected "
			       "to any other "
			       "network");
	return 0;
}

static int change_begin(struct engine *e, const char *container, const char *network, struct change *g, struct err *err)
{
	int r = container_find(e, container, &g->c, err);

	if (r == 0)
		r = net_find(e->net, network, &g->n, err);
	if (r < 0)
		return r;
	g->dir = container_dir(g->c, err);
	r = g->dir < 0 ? g->dir : order_read(g->dir, &g->o, err);
	if (r == 0)
		r = check_mode(g, err);
	if (r < 0)
		return r;
	g->wanted = copy_wanted(g->dir, &g->o);
	g->at = find_wanted(e, g->wanted, g->n);
	return 0;
}

/* It did not come to the network: nor does the next life. */
static void take_back(struct change *g)
{
	size_t at = find_wanted(g->c->e, g->wanted, g->n);

	(void)net_disconnect(g->c->e->net, g->c->pub.id, g->n->id, NULL);
	(void)yyjson_mut_arr_remove(yyjson_mut_doc_get_root(g->wanted), at);
	(void)save_wanted(g, NULL);
	(void)network_write_plug(g->c, g->dir, NULL);
}

/* came_to: the id of the network, "" when it left one. */
static void on_plugged(struct container *c, const char *came_to, const struct err *err)
{
	struct change g = {.dir = -1};

	if (err && *came_to && change_begin(c->e, c->pub.id, came_to, &g, NULL) == 0)
		take_back(&g);
	else if (!err && (g.dir = container_dir(c, NULL)) >= 0 && order_read(g.dir, &g.o, NULL) == 0)
		(void)network_tell_names(c, g.dir, &g.o, names_change, NULL);
	change_free(&g);
}

static int tell_monitor(struct change *g, bool comes, engine_done_fn done, void *ctx, struct engine_answer **ret,
			struct err *err)
{
	const struct answer_to to = {.inner = on_plugged, .about = comes ? g->n->id : NULL, .fn = done, .ctx = ctx};
	int r = network_write_plug(g->c, g->dir, err);

	return r < 0 ? r : answer_ask(g->c, "\"plug\":true", &to, ret, err);
}

static int connect(struct change *g, struct err *err)
{
	cleanup_with(network_wish_free) struct network_wish w = {.aliases = NULL};
	const struct net_endpoint *made;
	yyjson_doc *doc = yyjson_mut_doc_imut_copy(g->wanted, NULL);
	yyjson_val *v = yyjson_arr_get_last(yyjson_doc_get_root(doc));
	int r = network_wish_read(g->c, &g->o, v, &w, err);

	if (r == 0)
		r = net_connect(g->c->e->net, g->c->pub.id, &w.w, &made, err);
	/* Those that had nowhere to lead to. */
	if (r == 0 && !net_port_of(g->c->e->net, g->c->pub.id, 0)) {
		r = network_publish_all(g->c, &g->o, err);
		if (r < 0)
			(void)net_disconnect(g->c->e->net, g->c->pub.id, g->n->id, NULL);
	}
	yyjson_doc_free(doc);
	return r;
}

static int come(struct change *g, const struct net_endpoint_wish *wish, engine_done_fn done, void *ctx,
		struct engine_answer **ret, struct err *err)
{
	int r;

	if (g->at < yyjson_mut_arr_size(yyjson_mut_doc_get_root(g->wanted)))
		return err_set(err, EEXIST, "endpoint with name %s already exists in network %s", g->c->pub.name,
			       g->n->name);
	add_wish(g->wanted, g->n, wish);
	if (container_idle(g->c)) {
		r = save_wanted(g, err);
		return r < 0 ? r : 1;
	}
	r = connect(g, err);
	if (r < 0)
		return r;
	r = save_wanted(g, err);
	if (r == 0)
		r = tell_monitor(g, true, done, ctx, ret, err);
	if (r < 0)
		take_back(g);
	return r;
}

int engine_connect(struct engine *e, const char *container, const struct net_endpoint_wish *wish, engine_done_fn done,
		   void *ctx, struct engine_answer **ret, struct err *err)
{
	struct change g = {.dir = -1};
	int r = change_begin(e, container, wish->network, &g, err);

	if (r == 0)
		r = come(&g, wish, done, ctx, ret, err);
	change_free(&g);
	return r;
}

static int leave(struct change *g, engine_done_fn done, void *ctx, struct engine_answer **ret, struct err *err)
{
	yyjson_mut_val *list = yyjson_mut_doc_get_root(g->wanted);
	int r;

	if (g->at >= yyjson_mut_arr_size(list))
		return err_set(err, ENOENT, "container %s is not connected to network %s", g->c->pub.id, g->n->name);
	(void)yyjson_mut_arr_remove(list, g->at);
	r = save_wanted(g, err);
	if (r < 0 || container_idle(g->c))
		return r < 0 ? r : 1;
	r = net_disconnect(g->c->e->net, g->c->pub.id, g->n->id, err);
	return r < 0 ? r : tell_monitor(g, false, done, ctx, ret, err);
}

int engine_disconnect(struct engine *e, const char *container, const char *network, bool force, engine_done_fn done,
		      void *ctx, struct engine_answer **ret, struct err *err)
{
	struct change g = {.dir = -1};
	struct container *known = NULL;
	int r;

	if (force && container_find(e, container, &known, NULL) < 0) {
		r = net_disconnect(e->net, container, network, err);
		return r < 0 ? r : 1;
	}
	r = change_begin(e, container, network, &g, err);
	if (r == 0)
		r = leave(&g, done, ctx, ret, err);
	change_free(&g);
	return r;
}

/* ---- links ---- */

static bool is_link(const char *text, const char *alias)
{
	const char *colon = strchr(text, ':');

	return !strcmp(colon ? colon + 1 : text + (*text == '/'), alias);
}

static int drop_link(struct change *g, const char *alias, struct err *err)
{
	yyjson_mut_val *wish = yyjson_mut_arr_get(yyjson_mut_doc_get_root(g->wanted), g->at);
	yyjson_mut_val *links = yyjson_mut_obj_get(wish, "links"), *v;
	size_t i, n;

	yyjson_mut_arr_foreach (links, i, n, v) {
		if (!is_link(yyjson_mut_get_str(v), alias))
			continue;
		(void)yyjson_mut_arr_remove(links, i);
		return 0;
	}
	return err_set(err, ENOENT, "container %s has no link %s", g->c->pub.name, alias);
}

int engine_unlink(struct engine *e, const char *container, const char *alias, struct err *err)
{
	struct change g = {.dir = -1};
	int r = change_begin(e, container, "bridge", &g, err);

	if (r == 0)
		r = drop_link(&g, alias, err);
	if (r == 0)
		r = save_wanted(&g, err);
	if (r == 0 && !container_idle(g.c)) {
		r = network_recall_names(g.c, g.dir, &g.o, err);
		if (r == 0)
			r = network_write_links(g.c, g.dir, err);
		if (r == 0)
			r = network_tell_names(g.c, g.dir, &g.o, names_change, err);
	}
	change_free(&g);
	return r;
}
