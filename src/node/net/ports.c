/* SPDX-License-Identifier: Apache-2.0
 *
 * Which container has which port of the machine. A port that a program of the machine uses already is found by binding it for a moment; it is not
 * kept bound: one descriptor a port would cost more than all else.
 */
#include "node/net/net_impl.h"
#include "node/net/wall.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define KEY_MAX 32

static const char *key_of(enum net_proto proto, int family, unsigned port, char out[static KEY_MAX])
{
	snprintf(out, KEY_MAX, "%s%d:%u", net_proto_name(proto), family == AF_INET ? 4 : 6, port);
	return out;
}

/* ---- is it free? ---- */

static bool is_allocated(struct net *n, enum net_proto proto, const struct ip *ip, unsigned host_port)
{
	char key[KEY_MAX];

	for (struct port *p = map_get(&n->ports, key_of(proto, ip->family, host_port, key)); p; p = p->next) {
		if (ip_is_any(&p->host_ip) || ip_is_any(ip) || ip_equal(&p->host_ip, ip))
			return true;
	}
	return false;
}

static socklen_t socket_address(const struct ip *ip, unsigned port, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof *ret);
	if (ip->family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)ret;

		*in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
		memcpy(&in->sin_addr, ip->b, 4);
		return sizeof *in;
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

	*in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	memcpy(&in6->sin6_addr, ip->b, 16);
	return sizeof *in6;
}

/* 0, or -errno of bind(2). What this machine cannot make a socket for nobody can listen with. */
static int try_bind(enum net_proto proto, const struct ip *ip, unsigned port)
{
	static const struct {
		int type, protocol;
	} kinds[] = {
	    [NET_TCP] = {SOCK_STREAM, 0}, [NET_UDP] = {SOCK_DGRAM, 0}, [NET_SCTP] = {SOCK_STREAM, IPPROTO_SCTP}};
	fd_cleanup int fd = socket(ip->family, kinds[proto].type | SOCK_CLOEXEC, kinds[proto].protocol);
	struct sockaddr_storage address;
	socklen_t len = socket_address(ip, port, &address);
	int one = 1;

	if (fd < 0)
		return 0;
	/* Connections that are dying on it are no obstacle; for UDP it would hide a living owner. */
	if (proto == NET_TCP)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (ip->family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
	return bind(fd, (struct sockaddr *)&address, len) < 0 ? -errno : 0;
}

/* Why not, in Docker's words. */
static int check(struct net *n, enum net_proto proto, const struct ip *ip, unsigned port, struct err *err)
{
	char text[IP_TEXT_MAX], address[IP_TEXT_MAX + 3];
	int r;

	snprintf(address, sizeof address, ip->family == AF_INET ? "%s" : "[%s]", ip_text(ip, text));
	if (is_allocated(n, proto, ip, port))
		return err_set(err, EBUSY, "Bind for %s:%u failed: port is already allocated", address, port);
	r = try_bind(proto, ip, port);
	/* Of another daemon: no program listens on it, either. */
	if (r == 0 && !n->bare &&
	    wall_port_is_others(n->table,
				&(struct plug_port){.proto = proto, .host_ip = *ip, .host_port = (uint16_t)port}))
		r = -EADDRINUSE;
	if (r == 0)
		return 0;
	if (r == -EADDRINUSE)
		return err_set(err, EBUSY, "failed to bind host port for %s:%u/%s: address already in use", address,
			       port, net_proto_name(proto));
	return err_sys(err, -r, "failed to bind host port for %s:%u/%s", address, port, net_proto_name(proto));
}

/* ---- books ---- */

int ports_add(struct net *n, struct holder *h, const struct plug_port *p, bool ask, struct err *err)
{
	struct port *port;
	char key[KEY_MAX];
	int r = 0;

	if (ask)
		r = check(n, p->proto, &p->host_ip, p->host_port, err);
	else if (is_allocated(n, p->proto, &p->host_ip, p->host_port))
		r = err_set(err, EBUSY, "port %u is already allocated", p->host_port);
	if (r < 0)
		return r;
	port = mem_new(struct port);
	port->pub.proto = p->proto;
	port->pub.port = p->port;
	port->pub.host_port = p->host_port;
	port->pub.container = h->id;
	ip_text(&p->host_ip, port->pub.host_ip);
	port->host_ip = p->host_ip;
	port->to = p->ip;
	port->next = map_put(&n->ports, key_of(p->proto, p->host_ip.family, p->host_port, key), port);
	mem_grow(&h->ports, &h->cap_ports, h->n_ports);
	h->ports[h->n_ports++] = port;
	return 0;
}

static void drop_one(struct net *n, struct port *port)
{
	char key[KEY_MAX];
	struct port *first, **at = &first;

	first = map_get(&n->ports, key_of(port->pub.proto, port->host_ip.family, port->pub.host_port, key));
	while (*at && *at != port)
		at = &(*at)->next;
	if (*at)
		*at = port->next;
	if (first)
		(void)map_put(&n->ports, key, first);
	else
		(void)map_remove(&n->ports, key);
	free(port);
}

static void drop_from(struct net *n, struct holder *h, size_t first)
{
	while (h->n_ports > first)
		drop_one(n, h->ports[--h->n_ports]);
}

void ports_drop(struct net *n, struct holder *h)
{
	drop_from(n, h, 0);
	free(h->ports);
	h->ports = NULL;
	h->cap_ports = 0;
}

void ports_follow(struct net *n, struct holder *h, const char *ip4, const char *ip6)
{
	for (size_t i = h->n_ports; i-- > 0;) {
		struct port *port = h->ports[i];

		if (ip_read(port->host_ip.family == AF_INET ? ip4 : ip6, &port->to))
			continue;
		memmove(&h->ports[i], &h->ports[i + 1], (--h->n_ports - i) * sizeof(struct port *));
		drop_one(n, port);
	}
}

const struct net_port *net_port_of(struct net *n, const char *container, size_t position)
{
	struct holder *h = map_get(&n->holders, container);

	return h && position < h->n_ports ? &h->ports[position]->pub : NULL;
}

/* ---- publish ---- */

/* The addresses that a wish means, one of a family at most: the container's own behind each. */
struct targets {
	struct ip host[2], to[2];
	size_t n;
};

static void add_target(struct targets *t, const char *host, const char *to)
{
	if (*to && ip_read(host, &t->host[t->n]) && ip_read(to, &t->to[t->n]))
		t->n++;
}

static bool is_loopback6(const struct ip *ip)
{
	static const unsigned char one[16] = {[15] = 1};

	return ip->family == AF_INET6 && !memcmp(ip->b, one, sizeof one);
}

/* Of an ordinary user's container, to which a program leads: it has no address that we know. */
static int find_bare(const struct net_publish *wish, struct targets *t, struct err *err)
{
	const char *host = wish->host_ip && *wish->host_ip ? wish->host_ip : "0.0.0.0";
	struct ip ip;

	if (!ip_read(host, &ip))
		return err_set(err, EINVAL, "invalid host address \"%.64s\" of a published port", host);
	add_target(t, host, ip.family == AF_INET ? "0.0.0.0" : "::");
	if (host != wish->host_ip && net_has_ipv6())
		add_target(t, "::", "::");
	return 0;
}

static int find_targets(struct net *n, struct holder *h, const struct net_publish *wish, struct targets *t,
			struct err *err)
{
	const struct net_endpoint *four = NULL, *six = NULL;
	const char *host = wish->host_ip ? wish->host_ip : "";
	struct ip ip;

	t->n = 0;
	if (n->bare)
		return find_bare(wish, t, err);
	for (size_t i = 0; i < h->n; i++) {
		four = h->endpoints[i]->pub.route4 ? &h->endpoints[i]->pub : four;
		six = h->endpoints[i]->pub.route6 ? &h->endpoints[i]->pub : six;
	}
	if (*host && !ip_read(host, &ip))
		return err_set(err, EINVAL, "invalid host address \"%.64s\" of a published port", host);
	if (*host && is_loopback6(&ip))
		return err_set(
		    err, EINVAL,
		    "port %u cannot be published on [::1]: the kernel drops what comes back from there; take "
		    "127.0.0.1, where programs that ask for localhost come, too",
		    wish->port);
	if (*host && ip.family == AF_INET)
		add_target(t, host, four ? four->ipv4 : "");
	else if (*host)
		add_target(t, host, six ? six->ipv6 : "");
	else {
		const char *binding = four ? four->network->host_binding_ipv4 : "0.0.0.0";

		add_target(t, binding, four ? four->ipv4 : "");
		/* Who names an address for IPv4 does not want to be open to all of IPv6. */
		if (!strcmp(binding, "0.0.0.0"))
			add_target(t, "::", six ? six->ipv6 : "");
	}
	return 0;
}

static int add_all(struct net *n, struct holder *h, const struct net_publish *wish, const struct targets *t,
		   unsigned port, struct err *err)
{
	size_t first = h->n_ports;

	for (size_t i = 0; i < t->n; i++) {
		const struct plug_port p = {.proto = wish->proto,
					    .host_ip = t->host[i],
					    .host_port = (uint16_t)port,
					    .port = wish->port,
					    .ip = t->to[i]};
		int r = ports_add(n, h, &p, true, err);

		if (r < 0) {
			drop_from(n, h, first);
			return r;
		}
	}
	return 0;
}

static void ephemeral(unsigned *first, unsigned *last)
{
	fd_cleanup int fd = open("/proc/sys/net/ipv4/ip_local_port_range", O_RDONLY | O_CLOEXEC);
	char text[64] = "";
	unsigned a, b;

	*first = 49153;
	*last = 65535;
	if (fd >= 0 && read(fd, text, sizeof text - 1) > 0 && sscanf(text, "%u %u", &a, &b) == 2 && a > 0 && a <= b &&
	    b <= 65535) {
		*first = a;
		*last = b;
	}
}

static int publish_any(struct net *n, struct holder *h, const struct net_publish *wish, const struct targets *t,
		       struct err *err)
{
	unsigned first, last, at;

	ephemeral(&first, &last);
	for (unsigned i = 0; i <= last - first; i++) {
		at = n->next_port < first || n->next_port > last ? first : n->next_port;
		n->next_port = (uint16_t)(at + 1);
		if (add_all(n, h, wish, t, at, NULL) == 0)
			return 0;
	}
	return err_set(err, EBUSY, "all ports of %u-%u are allocated", first, last);
}

static int publish_one(struct net *n, struct holder *h, const struct net_publish *wish, struct err *err)
{
	struct targets t;
	int r = find_targets(n, h, wish, &t, err);

	/* On internal networks alone there is nobody to publish to. */
	if (r < 0 || t.n == 0)
		return r;
	if (wish->host_first == 0)
		return publish_any(n, h, wish, &t, err);
	if (wish->host_last <= wish->host_first)
		return add_all(n, h, wish, &t, wish->host_first, err);
	for (unsigned port = wish->host_first; port <= wish->host_last; port++) {
		if (add_all(n, h, wish, &t, port, NULL) == 0)
			return 0;
	}
	return err_set(err, EBUSY, "Bind for %s:%u-%u failed: all ports are allocated",
		       wish->host_ip && *wish->host_ip ? wish->host_ip : "0.0.0.0", wish->host_first, wish->host_last);
}

int net_publish(struct net *n, const char *container, const struct net_publish *wishes, size_t n_wishes,
		struct err *err)
{
	struct holder *h = n->bare && n_wishes > 0 ? endpoint_holder(n, container) : map_get(&n->holders, container);
	size_t first = h ? h->n_ports : 0;
	int r = 0;

	if (!h || n_wishes == 0)
		return 0;
	if (first + n_wishes > NET_PORTS_MAX)
		return err_set(err, E2BIG, "more than %d published ports", NET_PORTS_MAX);
	for (size_t i = 0; i < n_wishes && r == 0; i++)
		r = publish_one(n, h, &wishes[i], err);
	if (r < 0)
		drop_from(n, h, first);
	endpoint_drop_if_empty(n, h);
	return r;
}
