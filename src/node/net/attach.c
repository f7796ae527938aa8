/* SPDX-License-Identifier: Apache-2.0
 *
 * The plug in the kernel. Two network namespaces are at work: ours, with the bridges and the rules, and the container's, which we enter to open
 * a netlink socket and to set what is a file below /proc/sys; then we go back.
 */
#include "node/net/plug.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "node/net/flows.h"
#include "node/net/link.h"
#include "node/net/wall.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define MTU_DEFAULT 1500
#define OUTSIDE_TRIES 10
#define LOOPBACK_INDEX 1 /* of every network namespace */

struct attach {
	const struct plug *plug;
	struct nl host, inside;
	struct nl *rules;
	int home, netns;
	struct plug_endpoint made[PLUG_ENDPOINTS_MAX]; /* by this call */
	size_t n_made;
	int index[PLUG_ENDPOINTS_MAX]; /* inside, of those of the plug that were made */
};

/* ---- /proc/sys ---- */

static int write_sys(const char *path, const char *value)
{
	fd_cleanup int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

static int set_of_link(const char *family, const char *link, const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof path, "/proc/sys/net/%s/conf/%s/%s", family, link, name);
	return write_sys(path, value);
}

struct setting {
	const char *family, *name, *value;
};

/* A bridge believes no router (CVE-2020-13401), carries connections from 127.0.0.1 to published ports, and sends nobody another way. */
static const struct setting of_bridge[] = {
    {"ipv6", "accept_ra", "0"},	     {"ipv6", "accept_redirects", "0"}, {"ipv6", "accept_dad", "0"},
    {"ipv4", "route_localnet", "1"}, {"ipv4", "send_redirects", "0"},	{"ipv4", "forwarding", "1"},
    {"ipv6", "forwarding", "1"},
};
static const struct setting of_container[] = {{"ipv4", "accept_redirects", "0"}};
static const struct setting of_container6[] = {
    {"ipv6", "disable_ipv6", "0"}, {"ipv6", "accept_ra", "0"},	   {"ipv6", "accept_redirects", "0"},
    {"ipv6", "accept_dad", "0"},   {"ipv6", "addr_gen_mode", "0"},
};
static const struct setting of_port[] = {{"ipv6", "disable_ipv6", "1"}, {"ipv6", "accept_ra", "0"}};

/* What a kernel does not have is not needed there. */
static void set_all(const struct setting *v, size_t n, const char *link)
{
	for (size_t i = 0; i < n; i++)
		(void)set_of_link(v[i].family, link, v[i].name, v[i].value);
}
#define SET_ALL(table, link) set_all(table, sizeof(table) / sizeof *(table), link)

static bool is_set(const char *path)
{
	fd_cleanup int fd = open(path, O_RDONLY | O_CLOEXEC);
	char c = '0';

	return fd >= 0 && read(fd, &c, 1) == 1 && c != '0';
}

/* The switch for the whole machine makes it a router, and IPv6 then believes no router's word of the way out any more: unless it is told to go on. */
static int let_forward(const struct plug_endpoint *e, struct err *err)
{
	static const char four[] = "/proc/sys/net/ipv4/ip_forward", six[] = "/proc/sys/net/ipv6/conf/all/forwarding";
	int r = 0;

	if (e->internal)
		return 0;
	if (e->ip4.ip.family && !is_set(four))
		r = write_sys(four, "1");
	if (r < 0)
		return err_sys(err, -r, "switch on forwarding (write 1 to %s)", four);
	if (e->ip6.ip.family && !is_set(six))
		r = write_sys(six, "1");
	return r < 0 ? err_sys(err, -r, "switch on forwarding (write 1 to %s)", six) : 0;
}

/* ---- outside ---- */

static int find_mtu(struct nl *nl, const struct plug_endpoint *e, uint32_t *ret, struct err *err)
{
	int r = 0;

	*ret = e->mtu;
	if (e->mtu == 0)
		r = link_default_mtu(nl, ret, err);
	if (e->mtu == 0 && (*ret == 0 || *ret > MTU_DEFAULT))
		*ret = MTU_DEFAULT;
	return r;
}

/* Two bridges of one machine must not have the same; one bridge keeps its own. */
static void bridge_mac(const char *network, unsigned char ret[static LINK_MAC_LEN])
{
	unsigned v = 0;

	(void)sscanf(network, "%8x", &v);
	ret[0] = 0x02;
	ret[1] = 0x42;
	for (size_t i = 0; i < 4; i++)
		ret[2 + i] = (unsigned char)(v >> (8 * i));
}

static int give_gateway(struct attach *a, int index, const struct cidr *of, const struct ip *gateway, struct err *err)
{
	const struct cidr address = {.ip = *gateway, .prefix = of->prefix};

	return of->ip.family && gateway->family ? link_address(&a->host, index, &address, err) : 0;
}

/* Made, or found half done, which a monitor that died in between has left: it is switched on last, and then all this is as it should be. */
static void set_bridge(const struct plug_endpoint *e, enum link_state state)
{
	SET_ALL(of_bridge, e->bridge);
	if (!e->ip6.ip.family && state == LINK_NEW)
		(void)set_of_link("ipv6", e->bridge, "disable_ipv6", "1");
	if (e->ip6.ip.family)
		(void)set_of_link("ipv6", e->bridge, "disable_ipv6", "0");
}

static int make_bridge(struct attach *a, const struct plug_endpoint *e, uint32_t mtu, struct err *err)
{
	unsigned char mac[LINK_MAC_LEN];
	enum link_state state;
	int index, r;

	bridge_mac(e->network, mac);
	index = link_bridge(&a->host, e->bridge, mtu, mac, &state, err);
	if (index < 0)
		return index;
	if (state != LINK_READY)
		set_bridge(e, state);
	r = give_gateway(a, index, &e->ip4, &e->gateway4, err);
	if (r == 0)
		r = give_gateway(a, index, &e->ip6, &e->gateway6, err);
	if (r == 0 && state != LINK_READY)
		r = link_up(&a->host, index, err);
	return r < 0 ? r : index;
}

static int make_veth(struct attach *a, const struct plug_endpoint *e, int bridge, uint32_t mtu, struct err *err)
{
	const struct link_veth v = {
	    .name = e->port,
	    .bridge = bridge,
	    .mtu = mtu,
	    .isolated = !e->icc,
	    /* It may ask for its own published port by the machine's address; with br_netfilter that does not leave the bridge. */
	    .hairpin = a->plug->n_ports > 0,
	    .peer = e->interface,
	    .peer_netns = a->netns,
	    .peer_mac = e->mac,
	};
	int index = link_veth(&a->host, &v, err);

	if (index < 0)
		return index;
	SET_ALL(of_port, e->port);
	return link_up(&a->host, index, err);
}

/* Another daemon of the machine that had the bridge's name may take its own away until ours stands. */
static int make_outside(struct attach *a, const struct plug_endpoint *e, uint32_t mtu, struct err *err)
{
	int bridge, r;

	for (int tries = 0;; tries++) {
		bridge = make_bridge(a, e, mtu, err);
		r = bridge < 0 ? bridge : make_veth(a, e, bridge, mtu, err);
		if (r >= 0 || if_nametoindex(e->bridge) > 0 || tries == OUTSIDE_TRIES)
			return r;
		err_clear(err);
	}
}

/* ---- inside ---- */

static int visit(struct attach *a, struct err *err)
{
	return setns(a->netns, CLONE_NEWNET) < 0 ? err_sys(err, errno, "enter the container's network") : 0;
}

static int leave(struct attach *a, struct err *err)
{
	return setns(a->home, CLONE_NEWNET) < 0 ? err_sys(err, errno, "return from the container's network") : 0;
}

static int open_inside(struct attach *a, struct err *err)
{
	int back, r = visit(a, err);

	if (r < 0)
		return r;
	r = nl_open(&a->inside, NETLINK_ROUTE, err);
	back = leave(a, err);
	return r < 0 ? r : back;
}

static int set_inside(struct attach *a, const struct plug_endpoint *e, struct err *err)
{
	int r = visit(a, err);

	if (r < 0)
		return r;
	SET_ALL(of_container, e->interface);
	if (e->ip6.ip.family)
		SET_ALL(of_container6, e->interface);
	else
		(void)set_of_link("ipv6", e->interface, "disable_ipv6", "1");
	return leave(a, err);
}

static int configure(struct attach *a, const struct plug_endpoint *e, int *ret_index, struct err *err)
{
	int index = link_find(&a->inside, e->interface, err), r = index;

	if (r > 0)
		r = set_inside(a, e, err);
	if (r == 0 && e->ip4.ip.family)
		r = link_address(&a->inside, index, &e->ip4, err);
	if (r == 0 && e->ip6.ip.family)
		r = link_address(&a->inside, index, &e->ip6, err);
	for (size_t i = 0; i < e->n_link_local && r == 0; i++)
		r = link_address(&a->inside, index, &e->link_local[i], err);
	*ret_index = index;
	return r < 0 ? r : link_up(&a->inside, index, err);
}

/* After all interfaces are there: one may have to give the way out to another. */
static int route(struct attach *a, const struct plug_endpoint *e, int index, struct err *err)
{
	int r = 0;

	if (!e->route4 && !e->route6)
		return 0;
	if (index == 0)
		index = link_find(&a->inside, e->interface, err);
	if (index < 0)
		return index;
	if (e->route4 && e->gateway4.family)
		r = link_default_route(&a->inside, index, &e->gateway4, err);
	if (r == 0 && e->route6 && e->gateway6.family)
		r = link_default_route(&a->inside, index, &e->gateway6, err);
	return r;
}

/* ---- all ---- */

static int attach_one(struct attach *a, const struct plug_endpoint *e, int *ret_index, struct err *err)
{
	uint32_t mtu = 0;
	int r;

	/* It is there from an earlier call. */
	if (link_find(&a->host, e->port, NULL) > 0)
		return 0;
	a->made[a->n_made++] = *e;
	r = let_forward(e, err);
	if (r == 0)
		r = find_mtu(&a->host, e, &mtu, err);
	if (r == 0)
		r = make_outside(a, e, mtu, err);
	return r < 0 ? r : configure(a, e, ret_index, err);
}

static int attach_all(struct attach *a, struct err *err)
{
	const struct plug *p = a->plug;
	int r = nl_open(&a->host, NETLINK_ROUTE, err);

	if (r == 0)
		r = open_inside(a, err);
	/* A network that came with a container's first process is as the kernel makes it, and has nothing for a name server to listen on. */
	if (r == 0)
		r = link_up(&a->inside, LOOPBACK_INDEX, err);
	/* The rules stand before the first packet can come. */
	if (r == 0)
		r = wall_add(p, a->rules, err);
	if (r == 0)
		flows_forget(p, true, a->rules);
	for (size_t i = 0; i < p->n_endpoints && r == 0; i++)
		r = attach_one(a, &p->endpoints[i], &a->index[i], err);
	for (size_t i = 0; i < p->n_endpoints && r == 0; i++)
		r = route(a, &p->endpoints[i], a->index[i], err);
	return r;
}

static void undo(struct attach *a)
{
	struct plug made = {.endpoints = a->made, .n_endpoints = a->n_made};

	memcpy(made.table, a->plug->table, sizeof made.table);
	/* All of it is new, or the container goes on with what it had. */
	plug_detach(a->n_made == a->plug->n_endpoints ? a->plug : &made, a->rules);
}

int plug_attach(const struct plug *p, int netns, struct nl *rules, struct err *err)
{
	struct attach a = {.plug = p, .host = NL_NULL, .inside = NL_NULL, .rules = rules, .netns = netns};
	fd_cleanup int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int r;

	if (p->n_endpoints == 0)
		return 0;
	if (home < 0)
		return err_sys(err, errno, "open /proc/self/ns/net");
	a.home = home;
	r = attach_all(&a, err);
	nl_close(&a.host);
	nl_close(&a.inside);
	if (r < 0)
		undo(&a);
	return r;
}

void plug_shut(const struct plug *p, struct nl *rules)
{
	/* Nobody is there to tell: what stays leads to an address that nobody has, and the daemon's next writing of the rules drops it. */
	if (p->n_endpoints > 0 && wall_remove(p, rules, NULL) > 0)
		flows_forget(p, false, rules);
}

void plug_pull(const struct plug *p)
{
	nl_cleanup struct nl nl = NL_NULL;

	if (p->n_endpoints == 0 || nl_open(&nl, NETLINK_ROUTE, NULL) < 0)
		return;
	for (size_t i = 0; i < p->n_endpoints; i++) {
		/* Asked without the lock that making and removing interfaces waits for: the daemon calls this too, when mostly nothing is left. */
		if (if_nametoindex(p->endpoints[i].port) > 0)
			(void)link_delete(&nl, p->endpoints[i].port, NULL);
	}
}

void plug_detach(const struct plug *p, struct nl *rules)
{
	plug_shut(p, rules);
	plug_pull(p);
}

static bool has_endpoint(const struct plug *p, const char *id)
{
	for (size_t i = 0; i < p->n_endpoints; i++) {
		if (!strcmp(p->endpoints[i].id, id))
			return true;
	}
	return false;
}

static bool same_ports(const struct plug *a, const struct plug *b)
{
	if (a->n_ports != b->n_ports)
		return false;
	for (size_t i = 0; i < a->n_ports; i++) {
		const struct plug_port *x = &a->ports[i], *y = &b->ports[i];

		if (x->proto != y->proto || x->host_port != y->host_port || x->port != y->port ||
		    !ip_equal(&x->host_ip, &y->host_ip) || !ip_equal(&x->ip, &y->ip))
			return false;
	}
	return true;
}

int plug_change(const struct plug *from, const struct plug *to, int netns, struct nl *rules, struct err *err)
{
	struct plug ports = {.ports = from->ports, .n_ports = from->n_ports};
	int r = 0;

	memcpy(ports.table, from->table, sizeof ports.table);
	for (size_t i = 0; i < from->n_endpoints; i++) {
		struct plug gone = {.endpoints = &from->endpoints[i], .n_endpoints = 1};

		memcpy(gone.table, from->table, sizeof gone.table);
		if (!has_endpoint(to, from->endpoints[i].id))
			plug_detach(&gone, rules);
	}
	/* An element of a map cannot be given another value. */
	if (!same_ports(from, to))
		r = wall_remove(&ports, rules, err);
	return r < 0 ? r : plug_attach(to, netns, rules, err);
}

int plug_remove_bridge(const char *bridge, const char *table, struct err *err)
{
	nl_cleanup struct nl nl = NL_NULL;
	int index, ports, r = nl_open(&nl, NETLINK_ROUTE, err);

	if (r < 0)
		return r;
	index = link_find(&nl, bridge, NULL);
	ports = index < 0 ? 0 : link_count(&nl, index, "", err);
	if (ports != 0)
		return ports < 0 ? ports : err_set(err, EBUSY, "bridge %s has %d interfaces", bridge, ports);
	if (index >= 0)
		r = link_delete(&nl, bridge, err);
	/* Where there are no rules there is nothing to take away. */
	if (r == 0 && index >= 0 && wall_stands(table))
		r = wall_remove_bridge(table, bridge, err);
	return r;
}

bool plug_bridge_is_others(const char *bridge, const char *network)
{
	unsigned char ours[LINK_MAC_LEN], is[LINK_MAC_LEN] = {0};
	nl_cleanup struct nl nl = NL_NULL;

	bridge_mac(network, ours);
	return nl_open(&nl, NETLINK_ROUTE, NULL) == 0 && link_find_mac(&nl, bridge, is) > 0 &&
	       memcmp(ours, is, sizeof is) != 0;
}
