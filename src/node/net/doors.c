/* SPDX-License-Identifier: Apache-2.0
 *
 * The API is no place for containers: whoever has it has the machine. The rules keep them out, and the door itself knows them by their address.
 */
#include "node/net/net_impl.h"

#include "base/core/err.h"
#include "base/core/guard.h"
#include "node/net/wall.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

int net_door(struct net *n, uint16_t port, struct err *err)
{
	if (n->bare || !RT_GUARD(A2))
		return 0;
	for (size_t i = 0; i < n->n_doors; i++) {
		if (n->doors[i] == port)
			return 0;
	}
	if (n->n_doors >= NET_DOORS_MAX)
		return err_set(err, E2BIG, "the API listens at more than %d ports", NET_DOORS_MAX);
	n->doors[n->n_doors++] = port;
	/* Containers of an earlier daemon may be there; the plugs of later ones bring it along. */
	return n->reconciled ? net_assert(n, err) : 0;
}

static struct ip ip_of(const struct sockaddr_storage *peer)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)peer;
	struct ip ip = {.family = peer->ss_family};

	if (peer->ss_family == AF_INET) {
		memcpy(ip.b, &((const struct sockaddr_in *)peer)->sin_addr, 4);
	} else if (peer->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
		ip.family = AF_INET;
		memcpy(ip.b, &six->sin6_addr.s6_addr[12], 4);
	} else if (peer->ss_family == AF_INET6) {
		memcpy(ip.b, &six->sin6_addr, 16);
	}
	return ip;
}

/* The gateway is the machine's own address there: nobody else sends from it. */
static bool holds(const struct network *w, const struct ip *ip)
{
	for (size_t i = 0; i < w->pub.n_pools; i++) {
		if (cidr_has(&w->pools[i].subnet, ip))
			return !ip_equal(&w->pools[i].gateway, ip);
	}
	return false;
}

/* A link-local address says behind which interface it is. */
static void link_of(const struct sockaddr_storage *peer, char ret[static IF_NAMESIZE])
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)peer;

	if (peer->ss_family != AF_INET6 || six->sin6_scope_id == 0 || !if_indextoname(six->sin6_scope_id, ret))
		ret[0] = '\0';
}

bool net_is_inside(struct net *n, const struct sockaddr_storage *peer)
{
	struct ip ip = ip_of(peer);
	char link[IF_NAMESIZE];

	if (!RT_GUARD(A2))
		return false;
	link_of(peer, link);
	/* Guests come without asking the daemon: it does not know whether there is one. */
	if (n->builds && (holds(n->builds, &ip) || !strcmp(n->builds->bridge, link)))
		return true;
	for (size_t i = 0; i < n->n; i++) {
		const struct network *w = n->list[i];

		if (w->n > 0 && (holds(w, &ip) || !strcmp(w->bridge, link)))
			return true;
	}
	return false;
}
