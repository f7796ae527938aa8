/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/action.h"
#include "node/engine/network.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/engine/container.h"
#include "node/engine/linked.h"
#include "node/engine/names.h"
#include "node/engine/network_wish.h"
#include "node/engine/networks.h"
#include "node/engine/order.h"
#include "node/net/plug.h"
#include "node/runtime/rootless.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct net *engine_net(struct engine *e)
{
	return e->net;
}

int engine_door(struct engine *e, uint16_t port, struct err *err)
{
	return e->net ? net_door(e->net, port, err) : 0;
}

bool engine_holds(struct engine *e, const struct sockaddr_storage *peer)
{
	return e->net && net_is_inside(e->net, peer);
}

int network_open(struct engine *e, struct err *err)
{
	/* Only root of the machine makes interfaces there; root of a user namespace is not. */
	int r = net_open(e->data_dir, e->loop, rootless_inside() || geteuid() != 0, &e->net, err);

	return r < 0 ? r : names_open(e->loop, &e->names, err);
}

void network_close(struct engine *e)
{
	e->names = names_close(e->names);
	e->net = net_close(e->net);
}

/* ---- what a container wants ---- */

struct names_of network_names_of(struct container *c, const struct order *o)
{
	return (struct names_of){
	    .id = c->pub.id,
	    .hostname = o->hostname,
	    .spec = &o->spec,
	    .net = c->e->net,
	    .owner = c->userns_base ? (uid_t)c->userns_base : geteuid(),
	    .group = c->userns_base ? (gid_t)c->userns_base : getegid(),
	};
}

/* Of the mode alone there is the default network, which a daemon that cannot make it replaces by what it has (monitor_network.c). */
static bool is_default_alone(const char *name)
{
	return !strcmp(name, "bridge") || !strcmp(name, "default");
}

static int connect_one(struct container *c, const struct order *o, yyjson_val *v, struct err *err)
{
	cleanup_with(network_wish_free) struct network_wish w = {.aliases = NULL};
	const struct net_endpoint *made;
	int r = network_wish_read(c, o, v, &w, err);

	if (r < 0)
		return r;
	if (rootless_inside() && is_default_alone(w.w.network))
		return 0;
	return net_connect(c->e->net, c->pub.id, &w.w, &made, err);
}

static int connect_all(struct container *c, int dir, const struct order *o, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	yyjson_val *list = network_wanted(dir, o, &doc), *v;
	size_t i, n;
	int r = 0;

	yyjson_arr_foreach (list, i, n, v) {
		if (r == 0)
			r = connect_one(c, o, v, err);
	}
	return r;
}

int network_publish_all(struct container *c, const struct order *o, struct err *err)
{
	size_t n = yyjson_arr_size(o->spec.ports), i, max;
	struct net_publish *wishes;
	yyjson_val *v;
	int r = 0;

	if (n == 0)
		return 0;
	if (n > NET_PORTS_MAX)
		return err_set(err, E2BIG, "ports: more than %d", NET_PORTS_MAX);
	wishes = mem_new_n(struct net_publish, n);
	yyjson_arr_foreach (o->spec.ports, i, max, v) {
		if (r == 0)
			r = network_publish_read(v, &wishes[i], err);
	}
	if (r == 0)
		r = net_publish(c->e->net, c->pub.id, wishes, n, err);
	free(wishes);
	return r;
}

int network_write_plug(struct container *c, int dir, struct err *err)
{
	buf_cleanup struct buf text = BUF_LIMIT(PLUG_TEXT_MAX);
	int r;

	if (!net_endpoint_of(c->e->net, c->pub.id, 0) && !net_port_of(c->e->net, c->pub.id, 0)) {
		(void)unlinkat(dir, PLUG_NAME, 0);
		return 0;
	}
	r = net_plug(c->e->net, c->pub.id, &text, err);
	return r < 0 ? r : fs_write_atomic(dir, PLUG_NAME, text.data, text.len, 0600, false, err);
}

/* Containers that nobody gave a network mode have an own network, empty or with a way out, and no files of ours. */
static bool has_files(const struct order *o)
{
	enum spec_ns_kind kind = o->spec.network_mode.kind;

	return kind == SPEC_NS_NAMED || kind == SPEC_NS_HOST || kind == SPEC_NS_NONE;
}

static int share_files(struct container *c, int dir, const struct order *o, struct err *err)
{
	struct container *other;
	fd_cleanup int from = -1;
	int r = container_find(c->e, o->spec.network_mode.name, &other, err);

	if (r < 0)
		return r;
	from = container_dir(other, err);
	return from < 0 ? from : names_share(dir, from, err);
}

/* ---- links ---- */

static bool has(char *const *v, const char *text)
{
	for (; v && *v; v++) {
		if (!strcmp(*v, text))
			return true;
	}
	return false;
}

/* The environment that a container was given, without what we add to that of each. */
static char **given_environment(const struct order *o)
{
	static const char *const ours[] = {"HOSTNAME=", "TERM="};
	char **env = NULL;

	for (char *const *v = o->env; v && *v; v++) {
		bool mine = false;

		for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
			mine |= !strncmp(*v, ours[i], strlen(ours[i])) && !has(o->spec.environment, *v);
		if (!mine)
			mem_strv_add(&env, *v);
	}
	return env;
}

static int add_link(struct container *c, const struct net_endpoint *e, const char *alias, char ***env, struct err *err)
{
	cleanup_with(mem_strv_freep) char **given = NULL;
	struct order o = {.doc = NULL};
	struct container *other;
	fd_cleanup int dir = -1;
	int r = container_find(c->e, e->container, &other, err);

	if (r == 0)
		r = dir = container_dir(other, err);
	if (r >= 0)
		r = order_read(dir, &o, err);
	if (r == 0) {
		given = given_environment(&o);
		linked_environment(
		    &(struct linked){
			.name = c->pub.name, .alias = alias, .ip = e->ipv4, .ports = o.spec.expose, .env = given},
		    env);
	}
	order_free(&o);
	return r;
}

int network_write_links(struct container *c, int dir, struct err *err)
{
	cleanup_with(mem_strv_freep) char **env = NULL;
	const struct net_endpoint *own;
	int r = 0;

	for (size_t i = 0; r == 0 && (own = net_endpoint_of(c->e->net, c->pub.id, i)); i++) {
		for (char **text = own->network->is_default ? own->links : NULL; r == 0 && text && *text; text++) {
			mem_cleanup char *target = NULL, *alias = NULL;
			const struct net_endpoint *e = linked_find(c->e->net, own, *text, &target, &alias);

			if (e)
				r = add_link(c, e, alias, &env, err);
		}
	}
	return r < 0 ? r : linked_write(dir, env, err);
}

static bool is_linked_to(struct net *n, const struct net_endpoint *from, const struct net_endpoint *to)
{
	bool is = false;

	for (char **text = from->links; !is && text && *text; text++) {
		mem_cleanup char *target = NULL, *alias = NULL;

		is = linked_find(n, from, *text, &target, &alias) == to;
	}
	return is;
}

/* One that runs and has a link to it learns the address of its new life. */
static void tell_linked(struct engine *e, const char *id)
{
	struct order o = {.doc = NULL};
	struct container *other;
	fd_cleanup int dir = -1;
	struct err err = ERR_INIT;
	int r = container_find(e, id, &other, &err);

	if (r == 0)
		r = dir = container_dir(other, &err);
	if (r >= 0)
		r = order_read(dir, &o, &err);
	if (r == 0 && other->pub.state == ENGINE_RUNNING)
		r = network_tell_names(other, dir, &o, names_change, &err);
	if (r < 0 && r != -ESRCH && r != -ENOENT)
		log_err(&err, "a container's /etc/hosts keeps the old address of a link");
	order_free(&o);
}

static void tell_all_linked(struct container *c)
{
	const struct net_endpoint *own, *from;

	for (size_t i = 0; (own = net_endpoint_of(c->e->net, c->pub.id, i)); i++) {
		for (size_t j = 0; own->network->is_default && (from = net_endpoint_at(c->e->net, own->network, j));
		     j++) {
			if (from != own && is_linked_to(c->e->net, from, own))
				tell_linked(c->e, from->container);
		}
	}
}

static int prepare(struct container *c, int dir, const struct order *o, struct err *err)
{
	const struct names_of of = network_names_of(c, o);
	enum spec_ns_kind kind = o->spec.network_mode.kind;
	int r = 0;

	if (kind != SPEC_NS_HOST && kind != SPEC_NS_NONE && kind != SPEC_NS_CONTAINER) {
		r = connect_all(c, dir, o, err);
		if (r == 0)
			r = network_publish_all(c, o, err);
	}
	if (r == 0)
		r = network_write_plug(c, dir, err);
	if (r == 0)
		r = network_write_links(c, dir, err);
	if (r == 0 && has_files(o))
		r = names_prepare(c->e->names, &of, dir, err);
	else if (r == 0 && kind == SPEC_NS_CONTAINER)
		r = share_files(c, dir, o, err);
	return r;
}

/* `docker events` has the networks that a container comes to for a life, and leaves with it. */
static void tell_all(struct container *c, const char *action)
{
	const struct net_endpoint *e;

	for (size_t i = 0; (e = net_endpoint_of(c->e->net, c->pub.id, i)); i++)
		engine_action_add(c->e, "network", action, e->network->id,
				  (const char *const[]){"container", c->pub.id, "name", e->network->name, "type",
							net_driver_name(e->network->driver), NULL});
}

static void release(struct container *c)
{
	fd_cleanup int dir = container_dir(c, NULL);

	names_forget(c->e->names, c->pub.id);
	net_release(c->e->net, c->pub.id);
	if (dir >= 0) {
		(void)unlinkat(dir, PLUG_NAME, 0);
		(void)unlinkat(dir, LINKED_NAME, 0);
	}
}

int network_prepare(struct container *c, int dir, struct err *err)
{
	struct order o = {.doc = NULL};
	int r;

	/* A daemon that starts may have found what an earlier one prepared. */
	release(c);
	r = order_read(dir, &o, err);
	if (r == 0)
		r = prepare(c, dir, &o, err);
	order_free(&o);
	if (r < 0) {
		release(c);
		return r;
	}
	tell_all(c, "connect");
	tell_all_linked(c);
	return 0;
}

void network_part(struct container *c)
{
	tell_all(c, "disconnect");
	names_forget(c->e->names, c->pub.id);
	net_part(c->e->net, c->pub.id);
}

void network_release(struct container *c)
{
	tell_all(c, "disconnect");
	release(c);
}

/* ---- names ---- */

/* The parent of the container's first process. */
static int monitor_of(int pid)
{
	mem_cleanup char *text = NULL;
	char path[40];
	fd_cleanup int fd = -1;
	size_t n;
	int parent = 0;
	char *close;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fd_read_all(fd, 4096, &text, &n) < 0)
		return 0;
	close = strrchr(text, ')');
	return close && sscanf(close, ") %*c %d", &parent) == 1 ? parent : 0;
}

int network_tell_names(struct container *c, int dir, const struct order *o, network_names_fn fn, struct err *err)
{
	struct record rec;
	const struct names_of of = network_names_of(c, o);
	struct names_life life = {.pid = 0};
	int r = record_read(dir, "state.json", &rec, err);

	if (r < 0)
		return r;
	life.pid = rec.pid;
	life.start_time = rec.start_time;
	life.monitor = monitor_of(rec.pid);
	record_clear(&rec);
	return fn(c->e->names, &of, dir, &life, err);
}

void network_started(struct container *c, int pid, uint64_t start_time)
{
	fd_cleanup int dir = container_dir(c, NULL);
	struct order o = {.doc = NULL};
	struct err err = ERR_INIT;
	int r = dir < 0 ? dir : order_read(dir, &o, &err);

	if (r == 0 && has_files(&o)) {
		const struct names_of of = network_names_of(c, &o);
		const struct names_life life = {.pid = pid, .start_time = start_time, .monitor = monitor_of(pid)};

		r = names_serve(c->e->names, &of, dir, &life, &err);
	}
	/* One that has ended meanwhile asks for nothing. */
	if (r < 0 && r != -ESRCH && r != -ENOENT)
		log_err(&err, "a container cannot ask for names");
	order_free(&o);
}

/* ---- the daemon's start ---- */

static bool is_wanted(struct net *n, yyjson_val *list, const struct net_network *w)
{
	yyjson_val *v;
	size_t i, max;

	yyjson_arr_foreach (list, i, max, v) {
		if (network_wish_is(n, yyjson_get_str(yyjson_obj_get(v, "name")), w))
			return true;
	}
	return false;
}

static bool is_on(struct container *c, yyjson_val *v)
{
	const char *name = yyjson_get_str(yyjson_obj_get(v, "name"));
	const struct net_endpoint *e;

	for (size_t i = 0; (e = net_endpoint_of(c->e->net, c->pub.id, i)); i++) {
		if (network_wish_is(c->e->net, name, e->network))
			return true;
	}
	return false;
}

static size_t count_endpoints(struct container *c)
{
	size_t n = 0;

	while (net_endpoint_of(c->e->net, c->pub.id, n))
		n++;
	return n;
}

static int leave_unwanted(struct container *c, yyjson_val *list, struct err *err)
{
	const struct net_endpoint *e;
	size_t i = 0;
	int r = 0;

	while (r == 0 && (e = net_endpoint_of(c->e->net, c->pub.id, i))) {
		if (is_wanted(c->e->net, list, e->network))
			i++;
		else
			r = net_disconnect(c->e->net, c->pub.id, e->network->id, err);
	}
	return r;
}

/* The daemon before this one wrote down that it comes to a network or leaves one, and died before it wrote the plug. The monitor follows when we
 * connect to it (monitor_network_catch_up). */
static int settle(struct container *c, int dir, const struct order *o, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	yyjson_val *list = network_wanted(dir, o, &doc), *v;
	size_t i, n, had = count_endpoints(c), stays;
	int r = leave_unwanted(c, list, err);

	stays = count_endpoints(c);
	yyjson_arr_foreach (list, i, n, v) {
		if (r == 0 && !is_on(c, v))
			r = connect_one(c, o, v, err);
	}
	if (r < 0 || (stays == had && count_endpoints(c) == had))
		return r;
	if (!net_port_of(c->e->net, c->pub.id, 0))
		r = network_publish_all(c, o, err);
	return r < 0 ? r : network_write_plug(c, dir, err);
}

static int recall(struct container *c, int dir, const struct order *o, struct err *err)
{
	const struct names_of of = network_names_of(c, o);
	mem_cleanup char *plug = NULL;
	size_t n;
	int r = fs_read(dir, PLUG_NAME, PLUG_TEXT_MAX, &plug, &n, err);

	if (r == 0)
		r = net_restore(c->e->net, c->pub.id, plug, n, err);
	else if (r == -ENOENT)
		r = 0;
	if (r == 0)
		r = settle(c, dir, o, err);
	if (r == 0)
		r = network_recall_names(c, dir, o, err);
	if (r == 0 && has_files(o))
		r = names_recall(c->e->names, &of, err);
	return r;
}

void network_recall(struct container *c)
{
	fd_cleanup int dir = container_dir(c, NULL);
	struct order o = {.doc = NULL};
	struct err err = ERR_INIT;
	int r = dir < 0 ? dir : order_read(dir, &o, &err);

	if (r == 0)
		r = recall(c, dir, &o, &err);
	if (r == 0 && has_files(&o) && c->pub.state == ENGINE_RUNNING)
		r = network_tell_names(c, dir, &o, names_serve, &err);
	if (r < 0 && r != -ESRCH && err.code)
		log_err(&err, "the networks of a container are not as they were");
	order_free(&o);
}

void network_renamed(struct container *c)
{
	fd_cleanup int dir = -1;
	struct order o = {.doc = NULL};
	struct err err = ERR_INIT;
	int r;

	if (!net_endpoint_of(c->e->net, c->pub.id, 0))
		return;
	dir = container_dir(c, &err);
	r = dir < 0 ? dir : order_read(dir, &o, &err);
	if (r == 0)
		r = network_recall_names(c, dir, &o, &err);
	if (r == 0 && has_files(&o)) {
		const struct names_of of = network_names_of(c, &o);

		r = names_recall(c->e->names, &of, &err);
	}
	if (r < 0)
		log_err(&err, "a container is known by its old name");
	order_free(&o);
}

void network_reconcile(struct engine *e)
{
	struct err err = ERR_INIT;

	if (net_reconcile(e->net, &err) < 0)
		log_err(&err, "the rules of the networks could not be put right");
}

const char *engine_warning(struct engine *e, size_t position)
{
	return net_warning(e->net, position);
}
