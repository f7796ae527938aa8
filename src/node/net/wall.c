/* SPDX-License-Identifier: Apache-2.0 */
#include "node/net/wall.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/net/nl.h"
#include "node/net/plug.h"
#include "node/net/wall_code.h"
#include "node/net/wall_impl.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <string.h>

/* ---- keys ---- */

/* Parts of a key or of what a map leads to, each padded to four bytes. */
struct key {
	unsigned char b[64];
	size_t n;
};

static void add(struct key *k, const void *data, size_t n, size_t room)
{
	memcpy(k->b + k->n, data, n);
	k->n += room;
}

static void add_name(struct key *k, const char *name)
{
	add(k, name, strnlen(name, 15), 16);
}

static void add_ip(struct key *k, const struct ip *ip)
{
	add(k, ip->b, ip_len(ip), ip_len(ip));
}

static void add_port(struct key *k, uint16_t port)
{
	uint16_t be = htons(port);

	add(k, &be, sizeof be, 4);
}

static void put_name(struct wall_batch *w, enum wall_set_id set, const char *name, bool in)
{
	struct key k = {.n = 0};

	add_name(&k, name);
	if (set == WALL_SAME)
		add_name(&k, name);
	wall_put_element(w, set, k.b, NULL, in);
}

/* ---- elements of a plug ---- */

static void put_bridge(struct wall_batch *w, const struct plug_endpoint *e)
{
	const struct {
		enum wall_set_id set;
		bool in;
	} sets[] = {
	    {WALL_BRIDGES, true},
	    {WALL_SAME, true},
	    {WALL_INTERNAL, e->internal},
	    {WALL_ALONE, !e->icc},
	    {WALL_HIDDEN, e->masquerade && !e->internal},
	    {WALL_METADATA, e->metadata},
	};

	for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
		if (sets[i].in)
			put_name(w, sets[i].set, e->bridge, true);
	}
}

static void put_sender(struct wall_batch *w, const struct plug_endpoint *e, const struct ip *ip, bool in)
{
	struct key k = {.n = 0};

	add_name(&k, e->port);
	add(&k, e->mac, sizeof e->mac, 8);
	add_ip(&k, ip);
	wall_put_element(w, ip->family == AF_INET ? WALL_FROM4 : WALL_FROM6, k.b, NULL, in);
}

/* The address that an interface makes itself of its MAC (RFC 4291, appendix A). */
static struct ip link_local(const unsigned char *mac)
{
	return (struct ip){.family = AF_INET6,
			   .b = {0xfe, 0x80, [8] = mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]}};
}

static void put_endpoint(struct wall_batch *w, const struct plug_endpoint *e, bool in)
{
	const struct ip none = {.family = AF_INET6}, local = link_local(e->mac);

	if (!e->antispoof)
		return;
	put_name(w, WALL_PORTS, e->port, in);
	if (e->ip4.ip.family)
		put_sender(w, e, &e->ip4.ip, in);
	for (size_t i = 0; i < e->n_link_local; i++)
		put_sender(w, e, &e->link_local[i].ip, in);
	if (!e->ip6.ip.family)
		return;
	put_sender(w, e, &e->ip6.ip, in);
	put_sender(w, e, &local, in);
	/* Who asks whether an address is free has none yet. */
	put_sender(w, e, &none, in);
}

static enum wall_set_id port_key(const struct plug_port *p, bool any, struct key *ret)
{
	static const uint8_t protocols[] = {
	    [NET_TCP] = IPPROTO_TCP, [NET_UDP] = IPPROTO_UDP, [NET_SCTP] = IPPROTO_SCTP};

	*ret = (struct key){.n = 0};
	if (!any)
		add_ip(ret, &p->host_ip);
	add(ret, &protocols[p->proto], 1, 4);
	add_port(ret, p->host_port);
	if (p->host_ip.family == AF_INET)
		return any ? WALL_ANY4 : WALL_ONE4;
	return any ? WALL_ANY6 : WALL_ONE6;
}

static void put_port(struct wall_batch *w, const struct plug_port *p, bool in)
{
	struct key k, to = {.n = 0};
	enum wall_set_id set = port_key(p, ip_is_any(&p->host_ip), &k);

	add_ip(&to, &p->ip);
	add_port(&to, p->port);
	wall_put_element(w, set, k.b, to.b, in);
}

/* They stay until the rules are written anew. */
static void put_door(struct wall_batch *w, uint16_t port)
{
	struct key k = {.n = 0};

	add_port(&k, port);
	wall_put_element(w, WALL_DOORS, k.b, NULL, true);
}

static void put_plug(struct wall_batch *w, const struct plug *p)
{
	for (size_t i = 0; i < p->n_endpoints; i++) {
		put_bridge(w, &p->endpoints[i]);
		put_endpoint(w, &p->endpoints[i], true);
	}
	for (size_t i = 0; i < p->n_ports; i++)
		put_port(w, &p->ports[i], true);
	for (size_t i = 0; i < p->n_doors; i++)
		put_door(w, p->doors[i]);
}

/* ---- add ---- */

static int try_add(struct nl *nl, const struct plug *p, bool tables)
{
	buf_cleanup struct buf b = BUF_LIMIT(NL_BATCH_MAX);
	struct wall_batch w;

	wall_begin(&w, &b, p->table, p->owner);
	if (tables)
		wall_put_all(&w, true);
	put_plug(&w, p);
	wall_end(&w);
	return nl_batch(nl, &b, NULL);
}

static int open_rules(struct nl *nl, struct err *err)
{
	return nl->fd >= 0 ? 0 : nl_open(nl, NETLINK_NETFILTER, err);
}

int wall_add(const struct plug *p, struct nl *keep, struct err *err)
{
	nl_cleanup struct nl own = NL_NULL;
	struct nl *nl = keep ? keep : &own;
	int r = open_rules(nl, err);
	/* Several monitors may find that there are no tables: one makes them. */
	int tries = 8;

	if (r < 0)
		return r;
	do {
		r = try_add(nl, p, false);
		if (r == -ENOENT)
			r = try_add(nl, p, true);
	} while ((r == -EEXIST || r == -ENOENT || r == -EBUSY) && --tries > 0);
	if (r == -EOPNOTSUPP || r == -EPROTONOSUPPORT || r == -EPFNOSUPPORT)
		return err_set(err, -r,
			       "the kernel has no nftables (CONFIG_NF_TABLES_INET, CONFIG_NFT_NAT ...); --network none "
			       "does without");
	return r < 0 ? err_sys(err, -r, "add the container to nft table \"inet %s\"", p->table) : 0;
}

/* ---- remove ---- */

/* Only what is there: one that is not would keep all others in. And nothing at all is no transaction, which would wait for the kernel (20 ms). */
static int remove_all(const char *table, void (*put)(struct wall_batch *w, const void *what), const void *what,
		      struct nl *keep, struct err *err)
{
	buf_cleanup struct buf b = BUF_LIMIT(NL_BATCH_MAX);
	nl_cleanup struct nl own = NL_NULL;
	struct nl *nl = keep ? keep : &own;
	int r = open_rules(nl, err);
	/* Somebody may have taken one meanwhile. */
	int tries = 8, there = 0;

	if (r < 0)
		return r;
	do {
		struct wall_batch w;

		buf_clear(&b);
		wall_begin(&w, &b, table, "");
		w.present = nl;
		put(&w, what);
		wall_end(&w);
		r = w.n_elements > 0 ? nl_batch(nl, &b, NULL) : 0;
		there = w.n_elements > 0;
	} while (r == -ENOENT && --tries > 0);
	return r < 0 ? r : there;
}

static void take_plug(struct wall_batch *w, const void *what)
{
	const struct plug *p = what;

	for (size_t i = 0; i < p->n_endpoints; i++)
		put_endpoint(w, &p->endpoints[i], false);
	for (size_t i = 0; i < p->n_ports; i++)
		put_port(w, &p->ports[i], false);
}

int wall_remove(const struct plug *p, struct nl *keep, struct err *err)
{
	int r = remove_all(p->table, take_plug, p, keep, err);

	return r < 0 ? err_sys(err, -r, "remove the container from nft table \"inet %s\"", p->table) : r;
}

static void take_bridge(struct wall_batch *w, const void *what)
{
	for (enum wall_set_id set = WALL_BRIDGES; set <= WALL_METADATA; set++)
		put_name(w, set, what, false);
}

int wall_remove_bridge(const char *table, const char *bridge, struct err *err)
{
	int r = remove_all(table, take_bridge, bridge, NULL, err);

	return r < 0 ? err_sys(err, -r, "remove %s from nft table \"inet %s\"", bridge, table) : 0;
}

/* ---- assert ---- */

uint32_t wall_last_port;

int wall_assert(const char *table, const struct plug *const *plugs, size_t n, const char *owner, struct err *err)
{
	nl_cleanup struct nl nl = NL_NULL;
	buf_cleanup struct buf b = BUF_LIMIT(NL_BATCH_MAX);
	struct wall_batch w;
	int r = nl_open(&nl, NETLINK_NETFILTER, err);

	if (r < 0)
		return r;
	wall_last_port = nl.port;
	wall_begin(&w, &b, table, owner);
	wall_put_away(&w);
	if (n > 0)
		wall_put_all(&w, false);
	for (size_t i = 0; i < n; i++)
		put_plug(&w, plugs[i]);
	wall_end(&w);
	r = nl_batch(&nl, &b, NULL);
	return r < 0 ? err_sys(err, -r, "write nft table \"inet %s\"", table) : 0;
}

/* ---- whose are they? ---- */

static int on_table(void *ctx, const struct nlmsghdr *h)
{
	const struct nlattr *attrs[NFTA_TABLE_USERDATA + 1];
	char *label = ctx;
	const void *data;
	size_t n;

	nl_attrs(h, 4, attrs, NFTA_TABLE_USERDATA);
	data = nl_data(attrs[NFTA_TABLE_USERDATA], &n);
	memcpy(label, data ? data : "", n < WALL_LABEL_MAX ? n : 0);
	return 0;
}

/* Its version and owner; "" = it is not there, or somebody else's of the same name. */
static const char *label_of(const char *table, uint8_t family, char out[static WALL_LABEL_MAX])
{
	buf_cleanup struct buf b = BUF_LIMIT(4096);
	nl_cleanup struct nl nl = NL_NULL;

	memset(out, 0, WALL_LABEL_MAX);
	if (nl_open(&nl, NETLINK_NETFILTER, NULL) < 0)
		return out;
	wall_put_question(&b, family, table);
	(void)nl_ask(&nl, &b, on_table, out);
	return out;
}

bool wall_stands(const char *table)
{
	static const uint8_t families[] = {NFPROTO_INET, NFPROTO_BRIDGE};
	static const char version[] = WALL_VERSION " ";
	char label[WALL_LABEL_MAX];

	for (size_t i = 0; i < sizeof families; i++) {
		if (strncmp(label_of(table, families[i], label), version, sizeof version - 1) != 0)
			return false;
	}
	return true;
}

/* Of any version: an upgrade changes no owner. NULL = there is no table of berth's. */
static const char *owner_of(const char *table, char label[static WALL_LABEL_MAX])
{
	static const char name[] = WALL_TABLE " ";
	size_t n = sizeof name - 1;

	if (strncmp(label_of(table, NFPROTO_INET, label), name, n) != 0)
		return NULL;
	n += strspn(label + n, "0123456789");
	return label[n] == ' ' ? label + n + 1 : NULL;
}

bool wall_is_others(const char *table, const char *owner)
{
	char label[WALL_LABEL_MAX];
	const char *is = owner_of(table, label);

	return is && *is && strcmp(is, owner) != 0;
}

bool wall_is_ours(const char *table, const char *owner)
{
	char label[WALL_LABEL_MAX];
	const char *is = owner_of(table, label);

	return is && strcmp(is, owner) == 0;
}

/* ---- daemons beside us ---- */

#define OTHERS_MAX 16

struct beside {
	const char *own;
	char names[OTHERS_MAX][NET_LINK_MAX];
	size_t n;
};

static int on_beside(void *ctx, const struct nlmsghdr *h)
{
	const struct nlattr *attrs[NFTA_TABLE_NAME + 1];
	struct beside *b = ctx;
	const char *name;
	size_t n;

	nl_attrs(h, 4, attrs, NFTA_TABLE_NAME);
	name = nl_data(attrs[NFTA_TABLE_NAME], &n);
	if (!name || n == 0 || n > NET_LINK_MAX || name[n - 1] || strncmp(name, NET_TABLE, strlen(NET_TABLE)) != 0 ||
	    !strcmp(name, b->own) || b->n == OTHERS_MAX)
		return 0;
	memcpy(b->names[b->n++], name, n);
	return 0;
}

bool wall_port_is_others(const char *table, const struct plug_port *p)
{
	buf_cleanup struct buf question = BUF_LIMIT(4096);
	nl_cleanup struct nl nl = NL_NULL;
	struct beside b = {.own = table};

	if (nl_open(&nl, NETLINK_NETFILTER, NULL) < 0)
		return false;
	wall_put_question_all(&question, NFPROTO_INET);
	(void)nl_ask(&nl, &question, on_beside, &b);
	for (size_t i = 0; i < b.n; i++) {
		struct key k;

		/* One for all addresses has it, too. */
		if (wall_has_element(&nl, b.names[i], port_key(p, true, &k), k.b) ||
		    (!ip_is_any(&p->host_ip) && wall_has_element(&nl, b.names[i], port_key(p, false, &k), k.b)))
			return true;
	}
	return false;
}
