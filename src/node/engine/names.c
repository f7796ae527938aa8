/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/names.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "node/engine/linked.h"
#include "node/engine/spec.h"
#include "node/net/dns.h"
#include "node/net/dns_inside.h"
#include "node/net/hosts.h"
#include "node/net/net.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define SHORT_ID 12

/* The networks on which a container has names. */
struct known {
	char **networks;
	bool served;
};

struct names {
	struct dns_server *dns;
	struct map known; /* by id of the container */
	int etc;
};

int names_open(struct loop *l, struct names **ret, struct err *err)
{
	struct names *n = mem_new(struct names);
	int r = dns_server_new(l, NULL, &n->dns, err);

	if (r < 0) {
		free(n);
		return r;
	}
	n->etc = open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*ret = n;
	return 0;
}

static void known_free(struct known *k)
{
	if (!k)
		return;
	mem_strv_free(k->networks);
	free(k);
}

struct names *names_close(struct names *n)
{
	if (!n)
		return NULL;
	n->dns = dns_server_free(n->dns);
	for (struct map_slot *s = NULL; (s = map_next(&n->known, s));)
		known_free(s->value);
	map_free(&n->known);
	fd_closep(&n->etc);
	free(n);
	return NULL;
}

/* ---- the name server ---- */

static bool has_names(const struct net_endpoint *e)
{
	return !e->network->is_default && e->network->driver == NET_BRIDGE;
}

static bool is_on(const struct names_of *c, const char *network)
{
	const struct net_endpoint *e;

	for (size_t i = 0; (e = net_endpoint_of(c->net, c->id, i)); i++) {
		if (has_names(e) && !strcmp(e->network->id, network))
			return true;
	}
	return false;
}

/* Leaves those that it is not on any more. */
static void leave(struct names *n, const struct names_of *c, struct known *k)
{
	char **stays = NULL;

	for (size_t i = 0; k->networks && k->networks[i]; i++) {
		if (is_on(c, k->networks[i]))
			mem_strv_add(&stays, k->networks[i]);
		else
			dns_server_leave(n->dns, k->networks[i], c->id);
	}
	mem_strv_free(k->networks);
	k->networks = stays;
}

static bool holds(char *const *v, const char *text)
{
	for (size_t i = 0; v && v[i]; i++) {
		if (!strcmp(v[i], text))
			return true;
	}
	return false;
}

static int join(struct names *n, const struct names_of *c, struct known *k, struct err *err)
{
	const struct net_endpoint *e;

	for (size_t i = 0; (e = net_endpoint_of(c->net, c->id, i)); i++) {
		const struct dns_endpoint d = {.network = e->network->id,
					       .network_name = e->network->name,
					       .container = c->id,
					       .internal = e->network->internal,
					       .names = e->dns_names,
					       .links = e->links,
					       .ip4 = e->ipv4,
					       .ip6 = e->ipv6};
		int r = has_names(e) ? dns_server_join(n->dns, &d, err) : 0;

		if (r < 0)
			return r;
		if (has_names(e) && !holds(k->networks, d.network))
			mem_strv_add(&k->networks, d.network);
	}
	return 0;
}

static struct known *known_of(struct names *n, const char *id)
{
	struct known *k = map_get(&n->known, id);

	if (!k) {
		k = mem_new(struct known);
		map_put(&n->known, id, k);
	}
	return k;
}

int names_recall(struct names *n, const struct names_of *c, struct err *err)
{
	struct known *k = known_of(n, c->id);

	leave(n, c, k);
	return join(n, c, k, err);
}

void names_forget(struct names *n, const char *id)
{
	struct known *k = map_remove(&n->known, id);

	dns_server_close(n->dns, id);
	for (size_t i = 0; k && k->networks && k->networks[i]; i++)
		dns_server_leave(n->dns, k->networks[i], id);
	known_free(k);
}

/* ---- files ---- */

/* Lists that the wish borrows. */
struct lists {
	char **addresses, **gateways;
	char **link_names;
	struct hosts_entry *links;
	size_t n_links;
	char short_id[SHORT_ID + 1];
};

static void lists_free(struct lists *l)
{
	mem_strv_free(l->addresses);
	mem_strv_free(l->gateways);
	mem_strv_free(l->link_names);
	free(l->links);
}

static void add_text(char ***v, const char *text)
{
	if (text && *text)
		mem_strv_add(v, text);
}

static void add_link(struct lists *l, const struct net_endpoint *e, const char *alias, const char *target)
{
	mem_cleanup char *names = mem_printf("%s %.*s %s", alias, SHORT_ID, e->container, target);

	mem_strv_add(&l->link_names, names);
	l->links[l->n_links] = (struct hosts_entry){.ip = e->ipv4, .names = l->link_names[l->n_links]};
	l->n_links++;
}

/* Others on the default bridge, by the names that the link gives: "TARGET:ALIAS" -> "ALIAS id TARGET". */
static void add_links(const struct names_of *c, const struct net_endpoint *own, struct lists *l)
{
	size_t n = mem_strv_len(own->links);

	if (has_names(own) || n == 0)
		return;
	l->links = mem_new_n(struct hosts_entry, n);
	for (size_t i = 0; i < n; i++) {
		mem_cleanup char *target = NULL, *alias = NULL;
		const struct net_endpoint *e = linked_find(c->net, own, own->links[i], &target, &alias);

		if (e)
			add_link(l, e, alias, target);
	}
}

/* host-gateway is the machine as the container's default route sees it; or as any network does. */
static void add_gateway(const struct net_endpoint *e, struct lists *l)
{
	if (e->network->internal || (mem_strv_len(l->gateways) > 0 && !e->route4 && !e->route6))
		return;
	mem_strv_free(l->gateways);
	l->gateways = NULL;
	add_text(&l->gateways, e->gateway4);
	if (*e->ipv6)
		add_text(&l->gateways, e->gateway6);
}

static enum hosts_servers servers_of(const struct names_of *c)
{
	const struct net_endpoint *e;

	if (c->spec->network_mode.kind == SPEC_NS_HOST)
		return HOSTS_MACHINE;
	if (c->spec->network_mode.kind == SPEC_NS_NONE)
		return HOSTS_NOWHERE;
	for (size_t i = 0; (e = net_endpoint_of(c->net, c->id, i)); i++) {
		if (has_names(e))
			return HOSTS_OURS;
	}
	/* An ordinary user's has another way out, where nobody of ours can be asked. */
	if (!net_endpoint_of(c->net, c->id, 0))
		return HOSTS_NOWHERE;
	return HOSTS_BRIDGE;
}

static struct hosts_wish wish_of(const struct names_of *c, struct lists *l)
{
	const struct net_endpoint *e;

	memcpy(l->short_id, c->id, strnlen(c->id, SHORT_ID));
	for (size_t i = 0; (e = net_endpoint_of(c->net, c->id, i)); i++) {
		add_text(&l->addresses, e->ipv4);
		add_text(&l->addresses, e->ipv6);
		add_gateway(e, l);
		if (!l->links)
			add_links(c, e, l);
	}
	/* On the machine's network the machine is right here. */
	if (c->spec->network_mode.kind == SPEC_NS_HOST)
		add_text(&l->gateways, "127.0.0.1");
	return (struct hosts_wish){.hostname = c->hostname && *c->hostname ? c->hostname : l->short_id,
				   .domainname = c->spec->domainname,
				   .addresses = l->addresses,
				   .extra = c->spec->extra_hosts,
				   .gateways = l->gateways,
				   .links = l->links,
				   .n_links = l->n_links,
				   .dns = c->spec->dns,
				   .search = c->spec->dns_search,
				   .options = c->spec->dns_options,
				   .servers = servers_of(c),
				   .owner = c->owner,
				   .group = c->group};
}

static bool shares_files(const struct names_of *c)
{
	return c->spec->network_mode.kind == SPEC_NS_CONTAINER;
}

int names_prepare(struct names *n, const struct names_of *c, int dir, struct err *err)
{
	cleanup_with(lists_free) struct lists l = {.addresses = NULL};
	struct hosts_wish w;
	bool ours;
	int r;

	if (shares_files(c))
		return 0;
	w = wish_of(c, &l);
	r = hosts_write(dir, n->etc, &w, &ours, err);
	return r < 0 ? r : names_recall(n, c, err);
}

int names_share(int dir, int other, struct err *err)
{
	static const char *const names[] = {HOSTS_FILE, HOSTS_RESOLV_FILE, HOSTS_HOSTNAME_FILE};

	/* The same files, which are rewritten in place: what becomes of the other's becomes of its. */
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (unlinkat(dir, names[i], 0) < 0 && errno != ENOENT)
			return err_sys(err, errno, "remove %s in a container's directory", names[i]);
		if (linkat(other, names[i], dir, names[i], 0) < 0 && errno != ENOENT)
			return err_sys(err, errno, "share %s of a container", names[i]);
	}
	return 0;
}

/* ---- while it runs ---- */

/* Its file says who is asked: it may be one of an earlier daemon, or the user's own. */
static bool asks_us(int dir)
{
	mem_cleanup char *text = NULL;
	size_t n;

	return fs_read(dir, HOSTS_RESOLV_FILE, HOSTS_TEXT_MAX, &text, &n, NULL) == 0 && strstr(text, DNS_ADDRESS);
}

int names_offer(int dir, int netns, struct err *err)
{
	return asks_us(dir) ? dns_inside_offer(netns, err) : 0;
}

int names_serve_at(struct names *n, const struct names_of *c, int netns, int monitor, struct err *err)
{
	const struct dns_box box = {.container = c->id, .netns = netns, .monitor = monitor, .servers = c->spec->dns};
	int r = dns_server_open(n->dns, &box, err);

	known_of(n, c->id)->served = r == 0;
	return r;
}

int names_serve(struct names *n, const struct names_of *c, int dir, const struct names_life *life, struct err *err)
{
	struct known *k = known_of(n, c->id);
	fd_cleanup int netns = -1;
	enum hosts_servers servers = servers_of(c);

	if (shares_files(c) || (servers != HOSTS_OURS && (servers != HOSTS_BRIDGE || !asks_us(dir)))) {
		dns_server_close(n->dns, c->id);
		k->served = false;
		return 0;
	}
	netns = dns_netns_of(life->pid, life->start_time, err);
	return netns < 0 ? netns : names_serve_at(n, c, netns, life->monitor, err);
}

int names_change(struct names *n, const struct names_of *c, int dir, const struct names_life *life, struct err *err)
{
	cleanup_with(lists_free) struct lists l = {.addresses = NULL};
	struct hosts_wish w = wish_of(c, &l);
	struct known *k;
	bool ours;
	int r = names_recall(n, c, err);

	if (r == 0)
		r = hosts_update(dir, n->etc, &w, &ours, err);
	if (r < 0)
		return r;
	k = known_of(n, c->id);
	/* A program whose questions come to us need not be disturbed. */
	return k->served && servers_of(c) == HOSTS_OURS ? 0 : names_serve(n, c, dir, life, err);
}
