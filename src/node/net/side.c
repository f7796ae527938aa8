/* SPDX-License-Identifier: Apache-2.0 */
#include "node/net/side.h"

#include "base/core/err.h"
#include "base/core/fs.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "node/net/link.h"
#include "node/net/net_impl.h"
#include "node/net/wall.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FILE_NAME "side"
#define BRIDGE "berth0"

/* ---- names ---- */

/* The forty random bits of the prefix begin behind its first byte; 32 of them tell daemons of one machine apart. */
static void set_table(struct net *n)
{
	const unsigned char *b = n->ula.ip.b;

	if (n->side)
		snprintf(n->table, sizeof n->table, NET_TABLE "-%02x%02x%02x%02x", b[1], b[2], b[3], b[4]);
	else
		snprintf(n->table, sizeof n->table, NET_TABLE);
}

void side_load(struct net *n)
{
	n->side = faccessat(n->dir, FILE_NAME, F_OK, 0) == 0;
	set_table(n);
}

void side_name(const struct net *n, struct network *w)
{
	if (!w->pub.is_default || w->pub.driver != NET_BRIDGE || net_option(&w->pub, "com.docker.network.bridge.name"))
		return;
	snprintf(w->bridge, sizeof w->bridge, "%s", n->side ? n->table : BRIDGE);
}

static int step_aside(struct net *n, struct err *err)
{
	int r = fs_write_atomic(n->dir, FILE_NAME, "", 0, 0600, true, err);

	if (r < 0)
		return r;
	n->side = true;
	set_table(n);
	for (size_t i = 0; i < n->n; i++)
		side_name(n, n->list[i]);
	log_warning("another daemon has the nft table \"" NET_TABLE "\" or the bridge " BRIDGE
		    ": ours are called \"%s\" from now on",
		    n->table);
	return 0;
}

/* ---- who is there ---- */

/* The ends of containers outside, whoever made them (endpoint.c, guest.c). */
static bool has_ports(int bridge)
{
	nl_cleanup struct nl nl = NL_NULL;

	return nl_open(&nl, NETLINK_ROUTE, NULL) == 0 && link_count(&nl, bridge, "bv", NULL) > 0;
}

static bool bridge_has_ports(const struct network *w)
{
	nl_cleanup struct nl nl = NL_NULL;
	int index = nl_open(&nl, NETLINK_ROUTE, NULL) == 0 ? link_find(&nl, w->bridge, NULL) : -1;

	return index > 0 && link_count(&nl, index, "bv", NULL) > 0;
}

bool side_has_ports(const struct net *n)
{
	bool has = n->builds && bridge_has_ports(n->builds);

	for (size_t i = 0; i < n->n && !has; i++)
		has = n->list[i]->pub.driver == NET_BRIDGE && bridge_has_ports(n->list[i]);
	return has;
}

/* Somebody else's bridge with the name of ours. */
static bool bridge_is_taken(const struct net *n)
{
	for (size_t i = 0; i < n->n; i++) {
		const struct network *w = n->list[i];

		if (w->pub.is_default && w->pub.driver == NET_BRIDGE && !strcmp(w->bridge, BRIDGE))
			return plug_bridge_is_others(BRIDGE, w->pub.id);
	}
	return false;
}

int side_claim(struct net *n, struct err *err)
{
	const bool others = wall_is_others(n->table, n->owner);

	if (!n->side && n->holders.n == 0 && !wall_is_ours(n->table, n->owner) &&
	    (bridge_is_taken(n) || (others && has_ports(0))))
		return step_aside(n, err);
	if (!others)
		return 0;
	if (n->holders.n == 0 && !has_ports(0))
		return wall_assert(n->table, NULL, 0, n->owner, err);
	return err_set(err, EADDRINUSE,
		       "nft table \"inet %s\" is that of a berth daemon with another data directory, and both have "
		       "containers on networks: stop those of this one, then start them again",
		       n->table);
}

/* ---- subnets ---- */

static bool is_chosen(const struct network *w, size_t i)
{
	return (w->pub.pools[i].own || w->pub.is_default) && w->pools[i].subnet.ip.family == AF_INET;
}

/* As book.c has it, with the new subnets in place of the old ones. Everybody who has the network has it by its address: that stays. */
static int take_over(struct net *n, struct network *w, const struct net_network *wish, struct err *err)
{
	mem_cleanup char *text = NULL;
	struct network *fresh = NULL, old;
	size_t len = 0;
	int r;

	text = book_text(wish, &len);
	r = book_parse(text, len, &fresh, err);
	if (r == 0)
		r = book_save(n, fresh, err);
	if (r < 0) {
		book_free(fresh);
		return r;
	}
	side_name(n, fresh);
	old = *w;
	*w = *fresh;
	*fresh = old;
	w->pub.bridge = w->bridge;
	book_free(fresh);
	return 0;
}

static int move(struct net *n, struct network *w, struct err *err)
{
	mem_cleanup struct net_pool *pools = mem_new_n(struct net_pool, w->pub.n_pools);
	char subnet[CIDR_TEXT_MAX], gateway[IP_TEXT_MAX];
	struct net_network wish = w->pub;
	bool changed = false;

	memcpy(pools, w->pub.pools, w->pub.n_pools * sizeof *pools);
	for (size_t i = 0; i < w->pub.n_pools && !changed; i++) {
		struct cidr c;
		struct ip first;

		if (!is_chosen(w, i) || !ipam_is_used(&w->pools[i].subnet) || ipam_subnet(n, AF_INET, &c, NULL) < 0)
			continue;
		first = cidr_nth(&c, 1);
		log_warning("network %s: the machine uses %s otherwise by now; it has %s from now on", w->pub.name,
			    w->pub.pools[i].subnet, cidr_text(&c, subnet));
		pools[i] = (struct net_pool){.subnet = subnet, .gateway = ip_text(&first, gateway), .own = true};
		changed = true;
	}
	wish.pools = pools;
	return changed ? take_over(n, w, &wish, err) : 0;
}

int side_make_way(struct net *n, struct network *w, struct err *err)
{
	/* What the kernel has of it already is no reason to move. */
	if (n->bare || w->n > 0 || w->pub.driver != NET_BRIDGE || if_nametoindex(w->bridge) > 0)
		return 0;
	return move(n, w, err);
}
