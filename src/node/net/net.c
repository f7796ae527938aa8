/* SPDX-License-Identifier: Apache-2.0 */
#include "node/net/net_impl.h"
#include "node/net/side.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/log.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/core/random.h"
#include "node/net/link.h"
#include "node/net/wall.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- list ---- */

int net_list(struct net *n, struct network *w, struct err *err)
{
	if (n->n >= NET_NETWORKS_MAX)
		return err_set(err, EDQUOT, "there are %zu networks; remove some first", n->n);
	if (map_get(&n->by_id, w->pub.id))
		return err_set(err, EEXIST, "two networks have the id %.12s", w->pub.id);
	if (map_get(&n->by_name, w->pub.name))
		return err_set(err, EEXIST, "network with name %s already exists", w->pub.name);
	side_name(n, w);
	mem_grow(&n->list, &n->cap, n->n);
	n->list[n->n++] = w;
	(void)map_put(&n->by_id, w->pub.id, w);
	(void)map_put(&n->by_name, w->pub.name, w);
	return 0;
}

static void unlist(struct net *n, struct network *w)
{
	size_t i = 0;

	while (i < n->n && n->list[i] != w)
		i++;
	if (i == n->n)
		return;
	memmove(&n->list[i], &n->list[i + 1], (--n->n - i) * sizeof *n->list);
	(void)map_remove(&n->by_id, w->pub.id);
	(void)map_remove(&n->by_name, w->pub.name);
}

const struct net_network *net_at(struct net *n, size_t position)
{
	return position < n->n ? &n->list[position]->pub : NULL;
}

static struct network *find_prefix(struct net *n, const char *prefix, bool *ret_several)
{
	struct network *found = NULL;
	size_t len = strlen(prefix);

	*ret_several = false;
	for (size_t i = 0; i < n->n && len > 0; i++) {
		if (strncmp(n->list[i]->pub.id, prefix, len) != 0)
			continue;
		*ret_several = found != NULL;
		if (found)
			return NULL;
		found = n->list[i];
	}
	return found;
}

int net_find(struct net *n, const char *name, const struct net_network **ret, struct err *err)
{
	struct network *w = map_get(&n->by_id, name);
	bool several = false;

	if (!w)
		w = map_get(&n->by_name, name);
	if (!w)
		w = find_prefix(n, name, &several);
	if (several)
		return err_set(err, EINVAL, "network %s is ambiguous (2 matches found on name)", name);
	if (!w)
		return err_set(err, ENOENT, "network %s not found", name);
	*ret = &w->pub;
	return 0;
}

/* ---- create ---- */

static bool name_ok(const char *name)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.- ";
	size_t n = strlen(name);

	return n > 0 && n <= NET_NAME_MAX && strspn(name, ok) == n && name[0] != '-' && name[0] != '.' &&
	       name[0] != ' ' && name[n - 1] != ' ';
}

bool net_has_ipv6(void)
{
	fd_cleanup int fd = open("/proc/sys/net/ipv6/conf/all/disable_ipv6", O_RDONLY | O_CLOEXEC);
	char c = '1';

	return fd >= 0 && read(fd, &c, 1) == 1 && c == '0';
}

/* The pools of a network while it is made: texts of our own. */
struct draft {
	struct net_network w;
	struct net_pool pools[NET_POOLS_MAX];
	char subnets[NET_POOLS_MAX][CIDR_TEXT_MAX], ranges[NET_POOLS_MAX][CIDR_TEXT_MAX],
	    gateways[NET_POOLS_MAX][IP_TEXT_MAX];
	char id[65];
};

static void set_pool(struct draft *d, size_t i, const struct cidr *subnet, const struct ip *gateway)
{
	struct ip first = cidr_nth(subnet, 1);

	d->pools[i].subnet = cidr_text(subnet, d->subnets[i]);
	d->pools[i].gateway = ip_text(gateway ? gateway : &first, d->gateways[i]);
}

static int check_pool(struct net *n, struct draft *d, size_t i, struct cidr *ret, struct err *err)
{
	struct net_pool *p = &d->pools[i];
	struct cidr range;
	struct ip gateway = {.family = 0};
	int r = cidr_parse(p->subnet, ret, err);

	if (r < 0)
		return r;
	if (ret->prefix >= (int)ip_len(&ret->ip) * 8)
		return err_set(err, EINVAL, "invalid network config: subnet %s has no room for a container", p->subnet);
	if (p->gateway && *p->gateway && (r = ip_parse(p->gateway, &gateway, err)) < 0)
		return r;
	if (p->ip_range && !*p->ip_range)
		p->ip_range = NULL;
	if (p->ip_range) {
		r = cidr_parse(p->ip_range, &range, err);
		if (r < 0)
			return r;
		p->ip_range = cidr_text(&range, d->ranges[i]);
	}
	if (gateway.family && !cidr_has(ret, &gateway))
		return err_set(err, EINVAL, "invalid network config: gateway %s is not in subnet %s", p->gateway,
			       p->subnet);
	set_pool(d, i, ret, gateway.family ? &gateway : NULL);
	return ipam_check_subnet(n, ret, err);
}

static int add_default(struct net *n, struct draft *d, int family, struct err *err)
{
	struct cidr c;
	int r;

	if (d->w.n_pools >= NET_POOLS_MAX)
		return err_set(err, E2BIG, "more than %d subnets", NET_POOLS_MAX);
	r = ipam_subnet(n, family, &c, err);
	if (r == 0)
		set_pool(d, d->w.n_pools++, &c, NULL);
	if (r == 0)
		d->pools[d->w.n_pools - 1].own = true;
	return r;
}

static bool overlaps_itself(const struct cidr *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < i; j++) {
			if (cidr_overlap(&v[i], &v[j]))
				return true;
		}
	}
	return false;
}

static int choose_pools(struct net *n, struct draft *d, struct err *err)
{
	struct cidr c[NET_POOLS_MAX];
	bool four = false, six = false;
	int r = 0;

	/* Unlike IPv4, which is left out only when somebody says so, IPv6 may be asked for by its subnet. */
	for (size_t i = 0; i < d->w.n_pools && r == 0; i++) {
		if (!d->pools[i].subnet || !*d->pools[i].subnet) {
			r = err_set(err, EINVAL,
				    "invalid network config: a subnet is needed with a gateway or a range");
			break;
		}
		r = check_pool(n, d, i, &c[i], err);
		four |= r == 0 && c[i].ip.family == AF_INET;
		six |= r == 0 && c[i].ip.family == AF_INET6;
	}
	if (r == 0 && overlaps_itself(c, d->w.n_pools))
		r = err_set(err, EINVAL, "invalid network config: two of the subnets overlap");
	if (d->w.ipv4 < 0)
		d->w.ipv4 = 1;
	d->w.ipv6_own = d->w.ipv6 < 0;
	if (d->w.ipv6_own)
		d->w.ipv6 = six || (d->w.n_pools == 0 && net_has_ipv6());
	if (r == 0 && d->w.ipv4 && !four)
		r = add_default(n, d, AF_INET, err);
	if (r == 0 && d->w.ipv6 && !six)
		r = add_default(n, d, AF_INET6, err);
	if (r == 0 && d->w.n_pools == 0)
		r = err_set(err, EINVAL, "IPv4 or IPv6 must be enabled");
	return r;
}

static int make(struct net *n, struct draft *d, struct network **ret, struct err *err)
{
	mem_cleanup char *text = NULL;
	struct network *w = NULL;
	size_t len;
	int r;

	random_hex(d->id, 64);
	d->w.id = d->id;
	d->w.created_ns = clock_wall_ns();
	d->w.pools = d->pools;
	text = book_text(&d->w, &len);
	r = book_parse(text, len, &w, err);
	if (r == 0)
		r = net_list(n, w, err);
	if (r == 0 && (r = book_save(n, w, err)) < 0)
		unlist(n, w);
	if (r < 0)
		book_free(w);
	else
		*ret = w;
	return r;
}

static int check_wish(struct net *n, const struct net_network *w, struct err *err)
{
	if (!w->name || !name_ok(w->name))
		return err_set(
		    err, EINVAL,
		    "invalid network name: \"%.64s\": letters, digits, _ . - and spaces between them are allowed",
		    w->name ? w->name : "");
	if (w->driver != NET_BRIDGE && !w->is_default)
		return err_set(err, EPERM, "only one instance of \"%s\" network is allowed",
			       net_driver_name(w->driver));
	if (map_get(&n->by_name, w->name))
		return err_set(err, EEXIST, "network with name %s already exists", w->name);
	if (w->n_pools > NET_POOLS_MAX)
		return err_set(err, E2BIG, "more than %d subnets", NET_POOLS_MAX);
	return 0;
}

static bool bridge_in_use(struct net *n, const struct network *w)
{
	for (size_t i = 0; i < n->n; i++) {
		if (n->list[i] != w && !strcmp(n->list[i]->bridge, w->bridge))
			return true;
	}
	return false;
}

int net_create(struct net *n, const struct net_network *wish, const struct net_network **ret, struct err *err)
{
	struct draft d = {.w = *wish};
	struct network *w = NULL;
	int r = check_wish(n, wish, err);

	if (r < 0)
		return r;
	if (wish->n_pools > 0)
		memcpy(d.pools, wish->pools, wish->n_pools * sizeof *d.pools);
	if (wish->driver == NET_BRIDGE)
		r = choose_pools(n, &d, err);
	if (r == 0)
		r = make(n, &d, &w, err);
	if (r == 0 && wish->driver == NET_BRIDGE && bridge_in_use(n, w)) {
		r = err_set(err, EBUSY, "networks have same bridge name: %s", w->bridge);
		(void)net_remove(n, w->pub.id, NULL);
	}
	if (r == 0)
		*ret = &w->pub;
	return r;
}

/* One that the user named may be his own. */
static int drop_bridge(struct net *n, const struct network *w)
{
	if (n->bare || w->pub.driver != NET_BRIDGE || net_option(&w->pub, "com.docker.network.bridge.name"))
		return 0;
	return plug_remove_bridge(w->bridge, n->table, NULL);
}

int net_remove(struct net *n, const char *id, struct err *err)
{
	const struct net_network *pub = NULL;
	struct network *w;
	char name[80];
	int r = net_find(n, id, &pub, err);

	if (r < 0)
		return r;
	w = map_get(&n->by_id, pub->id);
	if (pub->is_default)
		return err_set(err, EPERM, "%s is a pre-defined network and cannot be removed", pub->name);
	if (w->n > 0)
		return err_set(err, EBUSY, "error while removing network: network %s id %s has active endpoints",
			       pub->name, pub->id);
	(void)endpoint_settle(n, w, NULL);
	snprintf(name, sizeof name, "%s.json", pub->id);
	if (unlinkat(n->dir, name, 0) < 0 && errno != ENOENT)
		return err_sys(err, errno, "remove the file of network %s", pub->name);
	(void)drop_bridge(n, w);
	unlist(n, w);
	book_free(w);
	return 0;
}

/* ---- open ---- */

static int make_default(struct net *n, enum net_driver driver, const char *name, struct err *err)
{
	const struct net_network wish = {.name = name, .driver = driver, .is_default = true, .ipv4 = -1, .ipv6 = -1};
	const struct net_network *made;
	int r;

	if (map_get(&n->by_name, name))
		return 0;
	r = net_create(n, &wish, &made, err);
	/* A machine without a free subnet has the other two. */
	if (r == -EDQUOT) {
		log_err(err, "there is no network \"bridge\"");
		err_clear(err);
		r = 0;
	}
	return r;
}

static int make_defaults(struct net *n, struct err *err)
{
	int r = make_default(n, NET_BRIDGE, "bridge", err);

	if (r == 0)
		r = make_default(n, NET_HOST, "host", err);
	return r < 0 ? r : make_default(n, NET_NONE, "none", err);
}

static int open_dir(int data_dir, struct net *n, struct err *err)
{
	n->dir = fs_mkdirs_in(data_dir, "networks", 0700, FS_NO_SYMLINKS, err);
	return n->dir < 0 ? n->dir : 0;
}

static int load_all(struct net *n, struct err *err)
{
	int r = book_ula(n, err);

	if (r < 0)
		return r;
	cidr_text(&n->ula, n->owner);
	side_load(n);
	r = book_load_all(n, err);
	if (r == 0)
		r = make_defaults(n, err);
	if (r == 0 && !n->bare) {
		r = guest_book(n, err);
		if (r < 0)
			log_err(err, "there is no network for builds");
		err_clear(err);
	}
	return r == -EDQUOT ? 0 : r;
}

static struct net *new_books(void)
{
	struct net *n = mem_new(struct net);

	n->rules = NL_NULL;
	return n;
}

int net_open(int data_dir, struct loop *loop, bool bare, struct net **ret, struct err *err)
{
	struct net *n = new_books();
	int r = open_dir(data_dir, n, err);

	n->loop = loop;
	n->bare = bare;
	/* Not alone for what is made when it is not there: one who visits need not wait for more than that. */
	if (r == 0)
		(void)flock(n->dir, LOCK_EX | LOCK_NB);
	if (r == 0)
		r = load_all(n, err);
	if (r == 0 && flock(n->dir, LOCK_SH) < 0)
		r = err_sys(err, errno, "lock the directory of networks");
	if (r < 0)
		net_close(n);
	else
		*ret = n;
	return r;
}

int net_visit(int data_dir, struct net **ret, struct err *err)
{
	struct net *n = new_books();
	int r = open_dir(data_dir, n, err);

	/* A daemon that starts is waited for; beside one that lives nothing is to be made. */
	if (r == 0 && flock(n->dir, LOCK_EX | LOCK_NB) < 0 && flock(n->dir, LOCK_SH) < 0)
		r = err_sys(err, errno, "lock the directory of networks");
	if (r == 0)
		r = load_all(n, err);
	(void)flock(n->dir, LOCK_UN);
	if (r == 0 && !n->builds)
		r = err_set(err, EDQUOT, "no subnet is free for builds; remove networks that are not used");
	if (r < 0)
		net_close(n);
	else
		*ret = n;
	return r;
}

/* Without a container on a network nothing stays in the kernel; what is in use all the same is another daemon's. One that did not get to know its containers leaves
 * all as it is. */
static void clean(struct net *n)
{
	bool in_use = n->holders.n > 0 || !n->reconciled;

	for (size_t i = 0; i < n->n && !in_use; i++)
		in_use = drop_bridge(n, n->list[i]) < 0;
	in_use = in_use || guest_present(n);
	if (!in_use && wall_is_ours(n->table, n->owner))
		(void)wall_assert(n->table, NULL, 0, n->owner, NULL);
}

struct net *net_close(struct net *n)
{
	if (!n)
		return NULL;
	n->watch = wall_watch_free(n->watch);
	(void)endpoint_settle(n, NULL, NULL);
	clean(n);
	for (struct map_slot *s = NULL; (s = map_next(&n->holders, s));)
		endpoint_free_holder(n, s->value);
	for (size_t i = 0; i < n->n; i++)
		book_free(n->list[i]);
	book_free(n->builds);
	for (size_t i = 0; i < n->n_warnings; i++)
		free(n->warnings[i]);
	map_free(&n->holders);
	map_free(&n->by_id);
	map_free(&n->by_name);
	map_free(&n->ports);
	free(n->list);
	free(n->parting);
	nl_close(&n->rules);
	fd_closep(&n->dir);
	free(n);
	return NULL;
}

/* ---- the rules ---- */

/* Guests may have gone with the rules that they alone needed. */
void net_leave(struct net *n)
{
	if (flock(n->dir, LOCK_EX | LOCK_NB) == 0 && !side_has_ports(n) && wall_is_ours(n->table, n->owner))
		(void)wall_assert(n->table, NULL, 0, n->owner, NULL);
	(void)flock(n->dir, LOCK_UN);
}

int net_claim(struct net *n, struct err *err)
{
	return n->bare ? 0 : side_claim(n, err);
}

int net_assert(struct net *n, struct err *err)
{
	struct plug *plugs = mem_new_n(struct plug, n->holders.n + 1);
	const struct plug **list = mem_new_n(const struct plug *, n->holders.n + 1);
	fd_cleanup int held = -1;
	size_t count = 0;
	int r = 0;

	for (struct map_slot *s = NULL; (s = map_next(&n->holders, s));) {
		endpoint_fill_plug(n, s->value, &plugs[count]);
		list[count] = &plugs[count];
		count++;
	}
	/* Guests come and go without us: with us they always have what they need. */
	if (n->builds && (count > 0 || guest_present(n))) {
		held = guest_hold(n);
		guest_fill_plug(n, held >= 0, &plugs[count]);
		list[count] = &plugs[count];
		count++;
	}
	if (count > 0)
		r = net_claim(n, err);
	/* Nothing of ours is there and nothing has to be: the kernel need not even know nft. */
	if (r == 0 && (count > 0 || wall_is_ours(n->table, n->owner)))
		r = wall_assert(n->table, list, count, n->owner, err);
	for (size_t i = 0; i < count; i++)
		plug_free(&plugs[i]);
	free(plugs);
	free(list);
	return r;
}

static void on_flush(void *ctx)
{
	struct net *n = ctx;
	struct err err = ERR_INIT;

	if (n->holders.n == 0)
		return;
	if (net_assert(n, &err) < 0)
		log_err(&err, "the rules of the networks were removed by somebody, and could not be put back");
	else
		log_warning("the rules of the networks were removed by somebody and were put back");
}

/* ---- reconcile ---- */

/* Takes the text over. */
static void add_warning(struct net *n, char *text)
{
	if (n->n_warnings < sizeof n->warnings / sizeof *n->warnings)
		n->warnings[n->n_warnings++] = text;
	else
		free(text);
}

static void on_other(void *ctx, const char *chain)
{
	add_warning(ctx, mem_printf("another firewall's chain \"%s\" drops packets that it does not know, those of "
				    "containers too; docs/NETWORKS.md says how to let them pass",
				    chain));
}

int net_reconcile(struct net *n, struct err *err)
{
	int r;

	if (n->bare)
		return 0;
	n->reconciled = true;
	r = net_assert(n, err);
	wall_others(on_other, n);
	if (r == 0 && n->loop && !n->watch)
		r = wall_watch_new(n->loop, n->table, on_flush, n, &n->watch, err);
	return r;
}

const char *net_warning(struct net *n, size_t position)
{
	return position < n->n_warnings ? n->warnings[position] : NULL;
}
