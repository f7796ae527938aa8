/* SPDX-License-Identifier: Apache-2.0 */
#include "node/net/guest.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/random.h"
#include "node/net/guest_names.h"
#include "node/net/link.h"
#include "node/net/net_impl.h"
#include "node/net/wall.h"
#include "node/runtime/netpool.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#define BOOK "builds.json"
#define DIR "guests"
#define LOCK "lock"
#define FIRST 2 /* behind the network's own address and the gateway */

struct guest {
	struct net *net;
	struct plug plug;
	int dir, slot, netns;
	struct guest_names names;
};

/* ---- the network ---- */

/* Nobody names it, so that no name can be taken. */
static int make_book(struct net *n, char **ret_text, size_t *ret_len, struct err *err)
{
	static const struct net_pair options[] = {{"com.docker.network.bridge.enable_icc", "false"}};
	static const int families[] = {AF_INET, AF_INET6};
	char id[65], subnets[2][CIDR_TEXT_MAX], gateways[2][IP_TEXT_MAX];
	struct net_pool pools[2];
	struct net_network w = {.id = id, .name = "builds", .driver = NET_BRIDGE, .ipv4 = 1, .ipv6 = net_has_ipv6()};

	for (int i = 0; i <= w.ipv6; i++) {
		struct cidr c;
		struct ip first;
		int r = ipam_last_subnet(n, families[i], &c, err);

		if (r < 0)
			return r;
		first = cidr_nth(&c, 1);
		pools[i] =
		    (struct net_pool){.subnet = cidr_text(&c, subnets[i]), .gateway = ip_text(&first, gateways[i])};
	}
	random_hex(id, sizeof id - 1);
	w.created_ns = clock_wall_ns();
	w.pools = pools;
	w.n_pools = (size_t)w.ipv6 + 1;
	w.options = options;
	w.n_options = sizeof options / sizeof *options;
	*ret_text = book_text(&w, ret_len);
	return fs_write_atomic(n->dir, BOOK, *ret_text, *ret_len, 0600, true, err);
}

int guest_book(struct net *n, struct err *err)
{
	mem_cleanup char *text = NULL;
	size_t len = 0;
	int r = fs_read(n->dir, BOOK, BOOK_MAX, &text, &len, err);

	if (r == -ENOENT) {
		err_clear(err);
		r = make_book(n, &text, &len, err);
	}
	return r < 0 ? r : book_parse(text, len, &n->builds, err);
}

static bool bridge_stands(const struct net *n)
{
	nl_cleanup struct nl nl = NL_NULL;

	return nl_open(&nl, NETLINK_ROUTE, NULL) == 0 && link_find(&nl, n->builds->bridge, NULL) > 0;
}

/* ---- locks ---- */

static int open_dir(const struct net *n, struct err *err)
{
	return fs_mkdirs_in(n->dir, DIR, 0700, FS_NO_SYMLINKS, err);
}

static int lock_file(int dir, const char *name, int how, struct err *err)
{
	fd_cleanup int fd = openat(dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_sys(err, errno, "open networks/" DIR "/%s", name);
	while (flock(fd, how) < 0) {
		if (errno == EWOULDBLOCK)
			return -EBUSY;
		if (errno != EINTR)
			return err_sys(err, errno, "lock networks/" DIR "/%s", name);
	}
	return fd_take(&fd);
}

static uint64_t last_slot(const struct network *w)
{
	uint64_t size = cidr_size(&w->pools[0].subnet);

	return size - 2 < 254 ? size - 2 : 254;
}

static int take_slot(int dir, const struct network *w, uint64_t *ret, struct err *err)
{
	for (uint64_t i = FIRST; i <= last_slot(w); i++) {
		char name[24];
		int fd;

		snprintf(name, sizeof name, "%u", (unsigned)i);
		fd = lock_file(dir, name, LOCK_EX | LOCK_NB, err);
		*ret = i;
		if (fd != -EBUSY)
			return fd;
	}
	return err_set(err, EDQUOT, "%u steps of builds have a network already", (unsigned)last_slot(w));
}

static bool is_taken(int dir, uint64_t slot)
{
	char name[24];
	fd_cleanup int fd = -1;

	snprintf(name, sizeof name, "%u", (unsigned)slot);
	if (faccessat(dir, name, F_OK, 0) < 0)
		return false;
	fd = lock_file(dir, name, LOCK_EX | LOCK_NB, NULL);
	return fd == -EBUSY;
}

/* Whether somebody has a slot; the files of the others go: nobody takes one meanwhile, for the caller holds the other lock. */
static bool is_used(int dir, const struct network *w)
{
	for (uint64_t i = FIRST; i <= last_slot(w); i++) {
		char name[24];

		if (is_taken(dir, i))
			return true;
		snprintf(name, sizeof name, "%u", (unsigned)i);
		(void)unlinkat(dir, name, 0);
	}
	return false;
}

/* ---- for the daemon ---- */

bool guest_present(struct net *n)
{
	fd_cleanup int dir = -1, lock = -1;

	if (!n->builds || n->bare)
		return false;
	dir = open_dir(n, NULL);
	lock = dir < 0 ? dir : lock_file(dir, LOCK, LOCK_EX | LOCK_NB, NULL);
	if (lock < 0)
		return lock == -EBUSY;
	if (!bridge_stands(n))
		return false;
	if (is_used(dir, n->builds))
		return true;
	(void)plug_remove_bridge(n->builds->bridge, n->table, NULL);
	return false;
}

int guest_hold(const struct net *n)
{
	fd_cleanup int dir = n->builds && !n->bare ? open_dir(n, NULL) : -1;

	return dir < 0 ? dir : lock_file(dir, LOCK, LOCK_EX | LOCK_NB, NULL);
}

static void fill_network(const struct net *n, struct plug_endpoint *e)
{
	const struct network *w = n->builds;

	*e = (struct plug_endpoint){.masquerade = true};
	snprintf(e->id, sizeof e->id, "%s", w->pub.id);
	snprintf(e->network, sizeof e->network, "%s", w->pub.id);
	snprintf(e->bridge, sizeof e->bridge, "%s", w->bridge);
}

/* All of it follows from the slot: so whoever knows that it is taken knows what it needs. */
static void fill_endpoint(const struct net *n, uint64_t slot, struct plug_endpoint *e)
{
	const struct network *w = n->builds;

	fill_network(n, e);
	e->antispoof = true;
	/* The beginning is that of all ends of containers; nothing else of ours has a letter there that is no hex digit. */
	snprintf(e->port, sizeof e->port, "bvg%.8s%02x", w->pub.id, (unsigned)slot & 0xff);
	snprintf(e->interface, sizeof e->interface, "eth0");
	for (size_t i = 0; i < w->pub.n_pools; i++) {
		const struct pool *p = &w->pools[i];
		bool four = p->subnet.ip.family == AF_INET;

		*(four ? &e->ip4 : &e->ip6) =
		    (struct cidr){.ip = cidr_nth(&p->subnet, slot), .prefix = p->subnet.prefix};
		*(four ? &e->gateway4 : &e->gateway6) = p->gateway;
		*(four ? &e->route4 : &e->route6) = true;
	}
	memcpy(e->mac,
	       (const unsigned char[]){0x02, 0x42, e->ip4.ip.b[0], e->ip4.ip.b[1], e->ip4.ip.b[2], e->ip4.ip.b[3]},
	       sizeof e->mac);
}

static void init_plug(const struct net *n, size_t endpoints, struct plug *p)
{
	*p = (struct plug){.endpoints = mem_new_n(struct plug_endpoint, endpoints)};
	snprintf(p->container, sizeof p->container, "build");
	snprintf(p->table, sizeof p->table, "%s", n->table);
	snprintf(p->owner, sizeof p->owner, "%s", n->owner);
}

void guest_fill_plug(const struct net *n, bool held, struct plug *p)
{
	fd_cleanup int dir = open_dir(n, NULL);
	const uint64_t last = last_slot(n->builds);

	init_plug(n, last + 1, p);
	fill_network(n, &p->endpoints[p->n_endpoints++]);
	for (uint64_t i = FIRST; i <= last; i++) {
		if (!held || is_taken(dir, i))
			fill_endpoint(n, i, &p->endpoints[p->n_endpoints++]);
	}
}

/* ---- one guest ---- */

static int make_netns(int *ret, struct err *err)
{
	struct netpool one = {.want = 1};
	int r = netpool_fill_one(&one, err);

	*ret = netpool_take(&one);
	return r < 0 ? r : 0;
}

static int plug_in(struct guest *g, struct err *err)
{
	fd_cleanup int lock = -1;
	uint64_t slot = 0;
	int r;

	g->dir = open_dir(g->net, err);
	lock = g->dir < 0 ? g->dir : lock_file(g->dir, LOCK, LOCK_EX, err);
	if (lock < 0)
		return lock;
	g->slot = take_slot(g->dir, g->net->builds, &slot, err);
	if (g->slot < 0)
		return g->slot;
	init_plug(g->net, 1, &g->plug);
	fill_endpoint(g->net, slot, &g->plug.endpoints[g->plug.n_endpoints++]);
	r = net_claim(g->net, err);
	if (r < 0)
		return r;
	/* What one that was killed left at this address. */
	plug_detach(&g->plug, NULL);
	r = make_netns(&g->netns, err);
	return r < 0 ? r : plug_attach(&g->plug, g->netns, NULL, err);
}

int guest_new(int data_dir, struct guest **ret, struct err *err)
{
	struct guest *g = mem_new(struct guest);
	int r;

	*g = (struct guest){.dir = -1, .slot = -1, .netns = -1};
	r = net_visit(data_dir, &g->net, err);
	if (r == 0)
		r = plug_in(g, err);
	if (r == 0)
		r = guest_names_start(g->netns, &g->names, err);
	if (r < 0)
		guest_free(g);
	else
		*ret = g;
	return r;
}

/* The last one turns off the light; where a daemon lives, the rules are its own. */
static void plug_out(struct guest *g)
{
	fd_cleanup int lock = lock_file(g->dir, LOCK, LOCK_EX, NULL);

	plug_detach(&g->plug, NULL);
	fd_closep(&g->slot);
	if (lock < 0 || is_used(g->dir, g->net->builds))
		return;
	(void)plug_remove_bridge(g->net->builds->bridge, g->net->table, NULL);
	net_leave(g->net);
}

struct guest *guest_free(struct guest *g)
{
	if (!g)
		return NULL;
	guest_names_stop(&g->names);
	fd_closep(&g->netns);
	if (g->slot >= 0 && g->plug.n_endpoints > 0)
		plug_out(g);
	plug_free(&g->plug);
	fd_closep(&g->slot);
	fd_closep(&g->dir);
	net_close(g->net);
	free(g);
	return NULL;
}

int guest_netns(const struct guest *g)
{
	return g->netns;
}

const char *guest_resolv_conf(const struct guest *g)
{
	return g->names.resolv_conf;
}
