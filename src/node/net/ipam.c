/* SPDX-License-Identifier: Apache-2.0 */
#include "node/net/net_impl.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/net/link.h"

#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#define SEARCH_MAX (1u << 20)

/* ---- subnets ---- */

struct range {
	const char *text;
	int prefix;
};

/* Docker's ranges and sizes, but for the last four of its /16: those, and what the routes of the machine have left of the others, are small
 * ones, of which there are many, for networks to go on when the large ones are gone. */
static const struct range defaults[] = {{"172.17.0.0/16", 16}, {"172.18.0.0/15", 16},  {"172.20.0.0/14", 16},
					{"172.24.0.0/14", 16}, {"192.168.0.0/16", 20}, {"172.28.0.0/14", 24},
					{"172.16.0.0/12", 24}, {"192.168.0.0/16", 24}};

/* Builds need few addresses, and should not cost a large one. */
static const struct range small[] = {{"172.28.0.0/14", 24}, {"172.16.0.0/12", 24}, {"192.168.0.0/16", 24}};

static bool is_ours(struct net *n, const struct cidr *c)
{
	for (size_t i = 0; i < n->n; i++) {
		for (size_t j = 0; j < n->list[i]->pub.n_pools; j++) {
			if (cidr_overlap(&n->list[i]->pools[j].subnet, c))
				return true;
		}
	}
	for (size_t j = 0; n->builds && j < n->builds->pub.n_pools; j++) {
		if (cidr_overlap(&n->builds->pools[j].subnet, c))
			return true;
	}
	return false;
}

int ipam_check_subnet(struct net *n, const struct cidr *c, struct err *err)
{
	return is_ours(n, c) ? err_set(err, EBUSY, "Pool overlaps with other one on this address space") : 0;
}

/* Everything that the machine's routes and addresses take, in one list. */
struct taken {
	struct cidr *v;
	size_t n, cap;
};
#define TAKEN_MAX 65536

static int note(void *ctx, const struct cidr *c, int index)
{
	struct taken *t = ctx;

	(void)index;
	if (t->n >= TAKEN_MAX)
		return 1;
	mem_grow(&t->v, &t->cap, t->n);
	t->v[t->n++] = *c;
	return 0;
}

static void list_taken(int family, struct taken *t)
{
	nl_cleanup struct nl nl = NL_NULL;

	/* A machine that does not tell has nothing to keep clear of that we could know. */
	if (nl_open(&nl, NETLINK_ROUTE, NULL) < 0)
		return;
	(void)link_each_address(&nl, family, note, t, NULL);
	(void)link_each_route(&nl, family, note, t, NULL);
}

static bool is_taken(const struct taken *t, const struct cidr *c)
{
	for (size_t i = 0; i < t->n; i++) {
		if (cidr_overlap(&t->v[i], c))
			return true;
	}
	return false;
}

bool ipam_is_used(const struct cidr *c)
{
	struct taken t = {.n = 0};
	bool used;

	list_taken(c->ip.family, &t);
	used = is_taken(&t, c);
	free(t.v);
	return used;
}

/* Where the search for a subnet of builds begins: daemons beside each other, of whose builds the kernel knows nothing between two steps, choose different
 * ones. */
static uint64_t own_place(const struct net *n)
{
	const unsigned char *b = n->ula.ip.b;

	return (uint64_t)b[3] << 16 | (uint64_t)b[4] << 8 | b[5];
}

static bool find_in(struct net *n, const struct taken *t, const struct cidr *range, int prefix, bool back,
		    struct cidr *ret)
{
	const uint64_t count = 1ull << (prefix - range->prefix);

	for (uint64_t at = 0; at < count; at++) {
		const uint64_t i = back ? (own_place(n) + count - at) % count : at;
		int shift = (int)ip_len(&range->ip) * 8 - prefix;
		struct cidr c = {.prefix = prefix};

		/* The subnets of /64 in a /48 are counted in the bytes that cidr_nth() does not reach. */
		c.ip = shift >= 64 ? range->ip : cidr_nth(range, i << shift);
		if (shift >= 64) {
			c.ip.b[6] = (unsigned char)(i >> 8);
			c.ip.b[7] = (unsigned char)i;
		}
		if (!is_ours(n, &c) && !is_taken(t, &c)) {
			*ret = c;
			return true;
		}
	}
	return false;
}

static bool find_in_ranges(struct net *n, const struct taken *t, const struct range *v, size_t count, bool back,
			   struct cidr *ret)
{
	for (size_t i = 0; i < count; i++) {
		struct cidr range;

		if (cidr_parse(v[i].text, &range, NULL) == 0 && find_in(n, t, &range, v[i].prefix, back, ret))
			return true;
	}
	return false;
}

static int find_subnet(struct net *n, int family, bool back, struct cidr *ret, struct err *err)
{
	struct taken t = {.n = 0};
	bool found;

	list_taken(family, &t);
	if (family == AF_INET6)
		found = find_in(n, &t, &n->ula, 64, back, ret);
	else if (back)
		found = find_in_ranges(n, &t, small, sizeof small / sizeof *small, true, ret);
	else
		found = find_in_ranges(n, &t, defaults, sizeof defaults / sizeof *defaults, false, ret);
	free(t.v);
	return found
		   ? 0
		   : err_set(
			 err, EDQUOT,
			 "could not find an available, non-overlapping %s address pool among the defaults to assign to "
			 "the "
			 "network: name one with --subnet, or remove networks that are not used (docker network prune)",
			 family == AF_INET ? "IPv4" : "IPv6");
}

int ipam_subnet(struct net *n, int family, struct cidr *ret, struct err *err)
{
	return find_subnet(n, family, false, ret, err);
}

int ipam_last_subnet(struct net *n, int family, struct cidr *ret, struct err *err)
{
	return find_subnet(n, family, true, ret, err);
}

/* ---- addresses ---- */

static bool claim(struct network *w, const struct ip *ip, void *owner)
{
	char text[IP_TEXT_MAX];

	if (map_get(&w->by_ip, ip_text(ip, text)))
		return false;
	(void)map_put(&w->by_ip, text, owner);
	return true;
}

static int take_fixed(struct network *w, int family, const char *wish, void *owner, struct pool **ret_pool,
		      struct ip *ret, struct err *err)
{
	struct ip ip;
	int r = ip_parse(wish, &ip, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < w->pub.n_pools && ip.family == family; i++) {
		if (!cidr_has(&w->pools[i].subnet, &ip))
			continue;
		if (!claim(w, &ip, owner))
			return err_set(err, EBUSY, "Address already in use");
		*ret_pool = &w->pools[i];
		*ret = ip;
		return 0;
	}
	return err_set(err, EINVAL, "invalid address %s: it is in no subnet of network %s", wish, w->pub.name);
}

static bool take_next(struct network *w, struct pool *p, void *owner, struct ip *ret)
{
	uint64_t size = cidr_size(&p->range);

	for (uint64_t i = 0; i < size && i < SEARCH_MAX; i++) {
		uint64_t at = (p->next + i) % size;
		struct ip ip = cidr_nth(&p->range, at);

		if (claim(w, &ip, owner)) {
			p->next = at + 1;
			*ret = ip;
			return true;
		}
	}
	return false;
}

int ipam_take(struct network *w, int family, const char *wish, void *owner, struct pool **ret_pool, struct ip *ret,
	      struct err *err)
{
	if (wish && *wish)
		return take_fixed(w, family, wish, owner, ret_pool, ret, err);
	for (size_t i = 0; i < w->pub.n_pools; i++) {
		if (w->pools[i].subnet.ip.family != family || !take_next(w, &w->pools[i], owner, ret))
			continue;
		*ret_pool = &w->pools[i];
		return 0;
	}
	return err_set(err, EDQUOT, "no available %s addresses on this network's address pools: %s (%s)",
		       family == AF_INET ? "IPv4" : "IPv6", w->pub.name, w->pub.id);
}

void ipam_give_back(struct network *w, const char *ip)
{
	if (*ip)
		(void)map_remove(&w->by_ip, ip);
}
