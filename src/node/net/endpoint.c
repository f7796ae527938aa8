/* SPDX-License-Identifier: Apache-2.0 */
#include "node/net/net_impl.h"

#include "node/net/side.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/core/random.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* ---- holders ---- */

static bool unlist_endpoint(struct endpoint *e)
{
	struct network *w = e->network;
	size_t i = 0;

	while (i < w->n && w->endpoints[i] != e)
		i++;
	if (i == w->n)
		return false;
	memmove(&w->endpoints[i], &w->endpoints[i + 1], (--w->n - i) * sizeof *w->endpoints);
	w->pub.n_endpoints = w->n;
	return true;
}

static void free_endpoint(struct net *n, struct endpoint *e)
{
	struct network *w = e->network;

	if (unlist_endpoint(e))
		n->n_endpoints--;
	ipam_give_back(w, e->pub.ipv4);
	ipam_give_back(w, e->pub.ipv6);
	mem_strv_free(e->pub.aliases);
	mem_strv_free(e->pub.dns_names);
	mem_strv_free(e->pub.links);
	mem_strv_free(e->pub.link_local);
	free(e);
}

void endpoint_free_holder(struct net *n, struct holder *h)
{
	ports_drop(n, h);
	while (h->n > 0)
		free_endpoint(n, h->endpoints[--h->n]);
	free(h->endpoints);
	free(h);
}

struct holder *endpoint_holder(struct net *n, const char *container)
{
	struct holder *h = map_get(&n->holders, container);

	if (h)
		return h;
	h = mem_new(struct holder);
	snprintf(h->id, sizeof h->id, "%s", container);
	(void)map_put(&n->holders, container, h);
	return h;
}

void endpoint_drop_if_empty(struct net *n, struct holder *h)
{
	if (h->n > 0 || h->n_ports > 0)
		return;
	(void)map_remove(&n->holders, h->id);
	endpoint_free_holder(n, h);
}

const struct net_endpoint *net_endpoint_of(struct net *n, const char *container, size_t position)
{
	struct holder *h = map_get(&n->holders, container);

	return h && position < h->n ? &h->endpoints[position]->pub : NULL;
}

const struct net_endpoint *net_endpoint_at(struct net *n, const struct net_network *network, size_t position)
{
	struct network *w = map_get(&n->by_id, network->id);

	return w && position < w->n ? &w->endpoints[position]->pub : NULL;
}

/* ---- the default routes ---- */

static bool leads_out(const struct endpoint *e, int family)
{
	return !e->network->pub.internal && *(family == AF_INET ? e->pub.ipv4 : e->pub.ipv6);
}

static bool goes_before(const struct endpoint *a, const struct endpoint *b)
{
	if (a->pub.gw_priority != b->pub.gw_priority)
		return a->pub.gw_priority > b->pub.gw_priority;
	return strcmp(a->network->pub.name, b->network->pub.name) < 0;
}

static struct endpoint *way_out(struct holder *h, int family)
{
	struct endpoint *best = NULL;

	for (size_t i = 0; i < h->n; i++) {
		if (leads_out(h->endpoints[i], family) && (!best || goes_before(h->endpoints[i], best)))
			best = h->endpoints[i];
	}
	return best;
}

static void choose_routes(struct net *n, struct holder *h)
{
	struct endpoint *four = way_out(h, AF_INET), *six = way_out(h, AF_INET6);

	for (size_t i = 0; i < h->n; i++) {
		h->endpoints[i]->pub.route4 = h->endpoints[i] == four;
		h->endpoints[i]->pub.route6 = h->endpoints[i] == six;
	}
	ports_follow(n, h, four ? four->pub.ipv4 : "", six ? six->pub.ipv6 : "");
}

/* ---- connect ---- */

static bool has_interface(const struct holder *h, const char *name)
{
	for (size_t i = 0; i < h->n; i++) {
		if (!strcmp(h->endpoints[i]->pub.interface, name))
			return true;
	}
	return false;
}

static int name_interface(const struct holder *h, const char *wish, char ret[static NET_LINK_MAX], struct err *err)
{
	unsigned i = 0;

	if (wish && *wish) {
		if (!net_link_name_ok(wish) || !strcmp(wish, "lo") || has_interface(h, wish))
			return err_set(err, EINVAL, "\"%.32s\" cannot be the name of an interface", wish);
		snprintf(ret, NET_LINK_MAX, "%s", wish);
		return 0;
	}
	do
		snprintf(ret, NET_LINK_MAX, "eth%u", i++);
	while (has_interface(h, ret));
	return 0;
}

/* Of the address, so that a new owner of it is not taken for the old one. */
static int choose_mac(struct endpoint *e, const char *wish, struct err *err)
{
	unsigned char mac[PLUG_MAC_LEN];
	struct ip ip;
	char hex[9];

	if (wish && *wish) {
		if (!plug_mac_read(wish, mac))
			return err_set(err, EINVAL, "invalid MAC address: %.64s", wish);
	} else if (*e->pub.ipv4 && ip_read(e->pub.ipv4, &ip)) {
		memcpy(mac, (const unsigned char[]){0x02, 0x42, ip.b[0], ip.b[1], ip.b[2], ip.b[3]}, sizeof mac);
	} else {
		random_hex(hex, 8);
		mac[0] = 0x02;
		mac[1] = 0x42;
		(void)sscanf(hex, "%2hhx%2hhx%2hhx%2hhx", &mac[2], &mac[3], &mac[4], &mac[5]);
	}
	e->pub.fixed_mac = wish && *wish;
	plug_mac_text(mac, e->pub.mac);
	return 0;
}

static int choose_address(struct endpoint *e, int family, const char *wish, struct err *err)
{
	struct network *w = e->network;
	bool four = family == AF_INET;
	struct ip ip;
	int r;

	if (!(four ? w->pub.ipv4 : w->pub.ipv6)) {
		if (wish && *wish)
			return err_set(err, EINVAL, "network %s has no %s addresses", w->pub.name,
				       four ? "IPv4" : "IPv6");
		return 0;
	}
	r = ipam_take(w, family, wish, e, four ? &e->pool4 : &e->pool6, &ip, err);
	if (r < 0)
		return r;
	ip_text(&ip, four ? e->pub.ipv4 : e->pub.ipv6);
	*(four ? &e->pub.prefix4 : &e->pub.prefix6) = (four ? e->pool4 : e->pool6)->subnet.prefix;
	*(four ? &e->pub.fixed4 : &e->pub.fixed6) = wish && *wish;
	return 0;
}

/* With the prefix length that it has on an interface. */
static int read_link_local(const char *text, struct cidr *ret, struct err *err)
{
	struct ip ip;

	if (!ip_read(text, &ip))
		return err_set(err, EINVAL, "Invalid link-local IP address: [%.64s]", text);
	if (ip.family == AF_INET ? ip.b[0] != 169 || ip.b[1] != 254 : ip.b[0] != 0xfe || (ip.b[1] & 0xc0) != 0x80)
		return err_set(err, EINVAL, "invalid link local IP address: %.64s", text);
	*ret = (struct cidr){.ip = ip, .prefix = ip.family == AF_INET ? 16 : 64};
	return 0;
}

int net_check_link_local(const char *text, struct err *err)
{
	struct cidr c;

	return read_link_local(text, &c, err);
}

static int choose_link_local(struct endpoint *e, char *const *wish, struct err *err)
{
	struct cidr c;
	int r;

	if (mem_strv_len(wish) > NET_LINK_LOCAL_MAX)
		return err_set(err, E2BIG, "more than %d link-local addresses", NET_LINK_LOCAL_MAX);
	for (char *const *text = wish; text && *text; text++) {
		r = read_link_local(*text, &c, err);
		if (r < 0)
			return r;
		if (c.ip.family == AF_INET6 && !e->network->pub.ipv6)
			return err_set(err, EINVAL, "network %s has no IPv6 addresses", e->network->pub.name);
	}
	e->pub.link_local = mem_strv_dup(wish);
	return 0;
}

/* The text of a pool's gateway, which lives as long as the network. */
static const char *gateway_text(const struct network *w, const struct pool *p)
{
	return p ? w->pub.pools[p - w->pools].gateway : "";
}

static struct endpoint *new_endpoint(struct network *w, const char *container)
{
	struct endpoint *e = mem_new(struct endpoint);

	e->network = w;
	e->pub.network = &w->pub;
	snprintf(e->pub.container, sizeof e->pub.container, "%s", container);
	random_hex(e->pub.id, 64);
	snprintf(e->pub.port, sizeof e->pub.port, "bv%.12s", e->pub.id);
	return e;
}

static void list_endpoint(struct net *n, struct holder *h, struct endpoint *e)
{
	struct network *w = e->network;

	e->pub.gateway4 = gateway_text(w, e->pool4);
	e->pub.gateway6 = gateway_text(w, e->pool6);
	mem_grow(&w->endpoints, &w->cap, w->n);
	w->endpoints[w->n++] = e;
	w->pub.n_endpoints = w->n;
	mem_grow(&h->endpoints, &h->cap, h->n);
	h->endpoints[h->n++] = e;
	n->n_endpoints++;
	choose_routes(n, h);
}

static int check_connect(struct net *n, const char *container, const struct net_network *w, struct err *err)
{
	const struct net_endpoint *e;

	if (w->driver != NET_BRIDGE)
		return err_set(err, ENOTSUP,
			       "container cannot be connected to network %s while it runs: it has one of its own",
			       w->name);
	if (n->bare)
		return err_set(
		    err, ENOTSUP,
		    "network %s: berth of an ordinary user cannot make interfaces; start the daemon as root, or the "
		    "container with --network none",
		    w->name);
	if (n->n_endpoints >= NET_ENDPOINTS_MAX)
		return err_set(err, EDQUOT, "there are %zu endpoints", n->n_endpoints);
	for (size_t i = 0; (e = net_endpoint_of(n, container, i)); i++) {
		if (e->network == w)
			return err_set(err, EEXIST, "endpoint with name %.12s already exists in network %s", container,
				       w->name);
		if (i + 1 >= PLUG_ENDPOINTS_MAX)
			return err_set(err, E2BIG, "container %.12s is on %zu networks already", container, i + 1);
	}
	return 0;
}

static void set_names(struct endpoint *e, const struct net_endpoint_wish *wish)
{
	mem_strv_free(e->pub.aliases);
	mem_strv_free(e->pub.dns_names);
	mem_strv_free(e->pub.links);
	e->pub.aliases = mem_strv_dup(wish->aliases);
	e->pub.dns_names = mem_strv_dup(wish->dns_names);
	e->pub.links = mem_strv_dup(wish->links);
	e->pub.gw_priority = wish->gw_priority;
}

int net_rename(struct net *n, const char *container, const struct net_network *network,
	       const struct net_endpoint_wish *wish)
{
	struct holder *h = map_get(&n->holders, container);

	for (size_t i = 0; h && i < h->n; i++) {
		if (&h->endpoints[i]->network->pub != network)
			continue;
		set_names(h->endpoints[i], wish);
		choose_routes(n, h);
		return 0;
	}
	return -ENOENT;
}

static int fill(struct endpoint *e, struct holder *h, const struct net_endpoint_wish *wish, struct err *err)
{
	int r = choose_address(e, AF_INET, wish->ipv4, err);

	if (r == 0)
		r = choose_address(e, AF_INET6, wish->ipv6, err);
	if (r == 0)
		r = choose_link_local(e, wish->link_local, err);
	if (r == 0)
		r = choose_mac(e, wish->mac, err);
	if (r == 0)
		r = name_interface(h, wish->interface, e->pub.interface, err);
	if (mem_strv_len(wish->aliases) > NET_ALIASES_MAX || mem_strv_len(wish->links) > NET_ALIASES_MAX)
		r = err_set(err, E2BIG, "more than %d aliases or links", NET_ALIASES_MAX);
	if (r < 0)
		return r;
	set_names(e, wish);
	return 0;
}

static int make_endpoint(struct net *n, struct network *w, const char *container, const struct net_endpoint_wish *wish,
			 const struct net_endpoint **ret, struct err *err)
{
	struct holder *h = endpoint_holder(n, container);
	struct endpoint *e = new_endpoint(w, container);
	int r = fill(e, h, wish, err);

	if (r < 0) {
		free_endpoint(n, e);
		endpoint_drop_if_empty(n, h);
		return r;
	}
	list_endpoint(n, h, e);
	*ret = &e->pub;
	return 0;
}

int net_connect(struct net *n, const char *container, const struct net_endpoint_wish *wish,
		const struct net_endpoint **ret, struct err *err)
{
	const struct net_network *w = NULL;
	int r = net_find(n, wish->network, &w, err);

	if (r == 0)
		r = check_connect(n, container, w, err);
	if (r == 0 && n->holders.n == 0)
		r = net_claim(n, err);
	if (r == 0)
		r = side_make_way(n, map_get(&n->by_id, w->id), err);
	if (r < 0)
		return r;
	r = make_endpoint(n, map_get(&n->by_id, w->id), container, wish, ret, err);
	/* One that has ended may still have it. */
	if ((r != -EBUSY && r != -EDQUOT) || !endpoint_settle(n, map_get(&n->by_id, w->id), NULL))
		return r;
	if (err)
		err_clear(err);
	return make_endpoint(n, map_get(&n->by_id, w->id), container, wish, ret, err);
}

/* ---- disconnect ---- */

int net_disconnect(struct net *n, const char *container, const char *network, struct err *err)
{
	struct holder *h = map_get(&n->holders, container);
	const struct net_network *w = NULL;
	int r = net_find(n, network, &w, err);

	if (r < 0)
		return r;
	for (size_t i = 0; h && i < h->n; i++) {
		struct endpoint *e = h->endpoints[i];

		if (&e->network->pub != w)
			continue;
		memmove(&h->endpoints[i], &h->endpoints[i + 1], (--h->n - i) * sizeof(struct endpoint *));
		free_endpoint(n, e);
		choose_routes(n, h);
		endpoint_drop_if_empty(n, h);
		return 0;
	}
	return err_set(err, ENOENT, "container %s is not connected to network %s", container, w->name);
}

/* Its monitor has done so, unless it was killed; or the rules were written anew after that. */
static void shut(struct net *n, struct holder *h)
{
	plug_cleanup struct plug p = {.n_endpoints = 0};

	endpoint_fill_plug(n, h, &p);
	if (!n->bare)
		plug_shut(&p, &n->rules);
}

void net_part(struct net *n, const char *container)
{
	struct holder *h = map_get(&n->holders, container);

	if (!h)
		return;
	shut(n, h);
	while (h->n > 0) {
		struct endpoint *e = h->endpoints[--h->n];

		(void)unlist_endpoint(e);
		mem_grow(&n->parting, &n->cap_parting, n->n_parting);
		n->parting[n->n_parting++] = e;
	}
	(void)map_remove(&n->holders, container);
	endpoint_free_holder(n, h);
}

/* Its monitor has done so, unless it was killed: its network may live on in another container. */
static void pull(struct net *n, struct endpoint *e)
{
	plug_cleanup struct plug p = {.n_endpoints = 0};
	struct holder one = {.endpoints = &e, .n = 1};

	endpoint_fill_plug(n, &one, &p);
	plug_pull(&p);
}

bool endpoint_settle(struct net *n, const struct network *w, const char *container)
{
	size_t kept = 0, was = n->n_parting;

	for (size_t i = 0; i < was; i++) {
		struct endpoint *e = n->parting[i];

		if ((w && e->network != w) || (container && strcmp(e->pub.container, container) != 0)) {
			n->parting[kept++] = e;
			continue;
		}
		pull(n, e);
		free_endpoint(n, e);
		n->n_endpoints--;
	}
	n->n_parting = kept;
	return kept < was;
}

void net_release(struct net *n, const char *container)
{
	net_part(n, container);
	(void)endpoint_settle(n, NULL, container);
}

/* ---- the plug ---- */

static void fill_one(const struct endpoint *e, struct plug_endpoint *p)
{
	const struct net_network *w = &e->network->pub;

	*p = (struct plug_endpoint){
	    .mtu = (uint32_t)w->mtu,
	    .internal = w->internal,
	    .icc = w->icc,
	    .masquerade = w->masquerade,
	    .metadata = w->metadata,
	    .antispoof = w->antispoof,
	    .route4 = e->pub.route4,
	    .route6 = e->pub.route6,
	};
	snprintf(p->id, sizeof p->id, "%s", e->pub.id);
	snprintf(p->network, sizeof p->network, "%s", w->id);
	snprintf(p->bridge, sizeof p->bridge, "%s", w->bridge);
	snprintf(p->port, sizeof p->port, "%s", e->pub.port);
	snprintf(p->interface, sizeof p->interface, "%s", e->pub.interface);
	(void)plug_mac_read(e->pub.mac, p->mac);
	if (e->pool4 && ip_read(e->pub.ipv4, &p->ip4.ip)) {
		p->ip4.prefix = e->pub.prefix4;
		p->gateway4 = e->pool4->gateway;
	}
	if (e->pool6 && ip_read(e->pub.ipv6, &p->ip6.ip)) {
		p->ip6.prefix = e->pub.prefix6;
		p->gateway6 = e->pool6->gateway;
	}
	for (char *const *text = e->pub.link_local; text && *text; text++)
		p->n_link_local += read_link_local(*text, &p->link_local[p->n_link_local], NULL) == 0;
}

void endpoint_fill_plug(struct net *n, struct holder *h, struct plug *p)
{
	*p = (struct plug){.n_endpoints = h->n, .n_ports = h->n_ports};
	snprintf(p->container, sizeof p->container, "%s", h->id);
	snprintf(p->table, sizeof p->table, "%s", n->table);
	snprintf(p->owner, sizeof p->owner, "%s", n->owner);
	memcpy(p->doors, n->doors, sizeof p->doors);
	p->n_doors = n->n_doors;
	p->endpoints = mem_new_n(struct plug_endpoint, h->n + 1);
	p->ports = mem_new_n(struct plug_port, h->n_ports + 1);
	for (size_t i = 0; i < h->n; i++)
		fill_one(h->endpoints[i], &p->endpoints[i]);
	for (size_t i = 0; i < h->n_ports; i++) {
		const struct port *port = h->ports[i];

		p->ports[i] = (struct plug_port){.proto = port->pub.proto,
						 .host_ip = port->host_ip,
						 .host_port = port->pub.host_port,
						 .port = port->pub.port,
						 .ip = port->to};
	}
}

int net_plug(struct net *n, const char *container, struct buf *out, struct err *err)
{
	struct holder *h = map_get(&n->holders, container), none = {.n = 0};
	plug_cleanup struct plug p = {.n_endpoints = 0};

	snprintf(none.id, sizeof none.id, "%s", container);
	endpoint_fill_plug(n, h ? h : &none, &p);
	plug_write(&p, out);
	return out->full ? err_set(err, E2BIG, "the plug of container %.12s is too long", container) : 0;
}

/* ---- restore ---- */

static int restore_endpoint(struct net *n, const char *container, const struct plug_endpoint *p, struct err *err)
{
	struct network *w = map_get(&n->by_id, p->network);
	char four[IP_TEXT_MAX], six[IP_TEXT_MAX], mac[NET_MAC_MAX], local[NET_LINK_LOCAL_MAX][IP_TEXT_MAX];
	char *locals[NET_LINK_LOCAL_MAX + 1] = {NULL};
	struct net_endpoint_wish wish = {.interface = p->interface, .mac = plug_mac_text(p->mac, mac)};
	struct endpoint *e;
	struct holder *h;
	int r;

	if (!w)
		return err_set(err, ENOENT, "network %.12s not found", p->network);
	r = check_connect(n, container, &w->pub, err);
	if (r < 0)
		return r;
	wish.ipv4 = ip_text(&p->ip4.ip, four);
	wish.ipv6 = ip_text(&p->ip6.ip, six);
	for (size_t i = 0; i < p->n_link_local; i++) {
		(void)ip_text(&p->link_local[i].ip, local[i]);
		locals[i] = local[i];
	}
	wish.link_local = locals;
	h = endpoint_holder(n, container);
	e = new_endpoint(w, container);
	memcpy(e->pub.id, p->id, sizeof e->pub.id);
	memcpy(e->pub.port, p->port, sizeof e->pub.port);
	r = fill(e, h, &wish, err);
	if (r < 0) {
		free_endpoint(n, e);
		endpoint_drop_if_empty(n, h);
		return r;
	}
	e->pub.fixed4 = e->pub.fixed6 = e->pub.fixed_mac = false;
	list_endpoint(n, h, e);
	return 0;
}

int net_restore(struct net *n, const char *container, const char *text, size_t len, struct err *err)
{
	plug_cleanup struct plug p = {.n_endpoints = 0};
	int r = plug_parse(text, len, &p, err), one;

	if (r < 0)
		return r;
	for (size_t i = 0; i < p.n_endpoints; i++) {
		one = restore_endpoint(n, container, &p.endpoints[i], r < 0 ? NULL : err);
		r = r < 0 ? r : one;
	}
	for (size_t i = 0; i < p.n_ports && (n->bare || map_get(&n->holders, container)); i++) {
		one = ports_add(n, endpoint_holder(n, container), &p.ports[i], false, r < 0 ? NULL : err);
		r = r < 0 ? r : one;
	}
	return r;
}
