/* SPDX-License-Identifier: Apache-2.0
 *
 * What there is: addresses, routes, names.
 */
#include "node/net/link.h"

#include "base/core/buf.h"
#include "base/core/err.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define MESSAGE_MAX 256
#define DUMPS_MAX 8 /* tries, while others change what is listed */

struct walk {
	int family;
	link_cidr_fn fn;
	void *ctx;
	int result;
};

/* An attribute that holds an address of the family, as a subnet. */
static bool read_cidr(const struct nlattr *a, int family, int prefix, struct cidr *ret)
{
	size_t n;
	const void *data = nl_data(a, &n);
	struct cidr c = {.ip.family = family, .prefix = prefix};

	if (!data || n != ip_len(&c.ip) || prefix > (int)n * 8)
		return false;
	memcpy(c.ip.b, data, n);
	*ret = c;
	return true;
}

static int tell(struct walk *w, const struct cidr *c, int index)
{
	w->result = w->fn(w->ctx, c, index);
	return w->result != 0;
}

static int on_address(void *ctx, const struct nlmsghdr *h)
{
	const struct ifaddrmsg *m = NLMSG_DATA(h);
	const struct nlattr *attrs[IFA_MAX + 1];
	struct walk *w = ctx;
	struct cidr c;

	nl_attrs(h, sizeof *m, attrs, IFA_MAX);
	if (m->ifa_family != w->family || !read_cidr(attrs[IFA_ADDRESS], w->family, m->ifa_prefixlen, &c))
		return 0;
	return tell(w, &c, (int)m->ifa_index);
}

static int on_route(void *ctx, const struct nlmsghdr *h)
{
	const struct rtmsg *m = NLMSG_DATA(h);
	const struct nlattr *attrs[RTA_MAX + 1];
	struct walk *w = ctx;
	struct cidr c;

	if (m->rtm_family != w->family || m->rtm_dst_len == 0 || m->rtm_type != RTN_UNICAST)
		return 0;
	nl_attrs(h, sizeof *m, attrs, RTA_MAX);
	if (!read_cidr(attrs[RTA_DST], w->family, m->rtm_dst_len, &c))
		return 0;
	return tell(w, &c, (int)nl_get_u32(attrs[RTA_OIF]));
}

/* -EAGAIN: something changed while it was told; what fn was told already it is told again. */
static int ask(struct nl *nl, uint16_t type, const void *head, size_t n, nl_fn fn, void *ctx)
{
	buf_cleanup struct buf b = BUF_LIMIT(MESSAGE_MAX);
	size_t at = nl_begin(&b, type, NLM_F_DUMP, 1);

	nl_raw(&b, head, n);
	nl_finish(&b, at);
	return nl_ask(nl, &b, fn, ctx);
}

static int dump(struct nl *nl, uint16_t type, const void *head, size_t n, nl_fn fn, struct walk *w, const char *what,
		struct err *err)
{
	int tries = DUMPS_MAX, r;

	do
		r = ask(nl, type, head, n, fn, w);
	while (r == -EAGAIN && --tries > 0);
	return r < 0 ? err_sys(err, -r, "list the machine's %s", what) : w->result;
}

int link_each_address(struct nl *nl, int family, link_cidr_fn fn, void *ctx, struct err *err)
{
	const struct ifaddrmsg head = {.ifa_family = (uint8_t)family};
	struct walk w = {.family = family, .fn = fn, .ctx = ctx};

	return dump(nl, RTM_GETADDR, &head, sizeof head, on_address, &w, "addresses", err);
}

int link_each_route(struct nl *nl, int family, link_cidr_fn fn, void *ctx, struct err *err)
{
	const struct rtmsg head = {.rtm_family = (uint8_t)family};
	struct walk w = {.family = family, .fn = fn, .ctx = ctx};

	return dump(nl, RTM_GETROUTE, &head, sizeof head, on_route, &w, "routes", err);
}

/* ---- the way out ---- */

struct way {
	int index[16];
	size_t n;
	uint32_t mtu;
};

static int on_default(void *ctx, const struct nlmsghdr *h)
{
	const struct rtmsg *m = NLMSG_DATA(h);
	const struct nlattr *attrs[RTA_MAX + 1];
	struct way *w = ctx;

	if (m->rtm_dst_len != 0 || m->rtm_type != RTN_UNICAST || m->rtm_table != RT_TABLE_MAIN ||
	    w->n >= sizeof w->index / sizeof *w->index)
		return 0;
	nl_attrs(h, sizeof *m, attrs, RTA_MAX);
	w->index[w->n++] = (int)nl_get_u32(attrs[RTA_OIF]);
	return 0;
}

static int on_mtu(void *ctx, const struct nlmsghdr *h)
{
	const struct ifinfomsg *m = NLMSG_DATA(h);
	const struct nlattr *attrs[IFLA_MTU + 1];
	struct way *w = ctx;
	uint32_t mtu;

	nl_attrs(h, sizeof *m, attrs, IFLA_MTU);
	mtu = nl_get_u32(attrs[IFLA_MTU]);
	for (size_t i = 0; i < w->n; i++) {
		if (w->index[i] == m->ifi_index && mtu && (!w->mtu || mtu < w->mtu))
			w->mtu = mtu;
	}
	return 0;
}

int link_default_mtu(struct nl *nl, uint32_t *ret, struct err *err)
{
	const struct rtmsg routes = {.rtm_family = AF_INET};
	const struct ifinfomsg links = {.ifi_family = AF_UNSPEC};
	struct way w;
	int tries = DUMPS_MAX, r;

	do {
		w = (struct way){.n = 0};
		r = ask(nl, RTM_GETROUTE, &routes, sizeof routes, on_default, &w);
		if (r == 0 && w.n > 0)
			r = ask(nl, RTM_GETLINK, &links, sizeof links, on_mtu, &w);
	} while (r == -EAGAIN && --tries > 0);
	if (r < 0)
		return err_sys(err, -r, "find the machine's way out");
	*ret = w.mtu;
	return 0;
}

/* ---- ports ---- */

struct ports {
	int bridge; /* 0 = of any, or none */
	const char *prefix;
	int n;
};

static int on_port(void *ctx, const struct nlmsghdr *h)
{
	const struct nlattr *attrs[IFLA_MASTER + 1];
	struct ports *p = ctx;
	const char *name;
	size_t n;

	nl_attrs(h, sizeof(struct ifinfomsg), attrs, IFLA_MASTER);
	name = nl_data(attrs[IFLA_IFNAME], &n);
	p->n += (!p->bridge || (int)nl_get_u32(attrs[IFLA_MASTER]) == p->bridge) && n > strlen(p->prefix) &&
		!memcmp(name, p->prefix, strlen(p->prefix));
	return 0;
}

int link_count(struct nl *nl, int bridge, const char *prefix, struct err *err)
{
	const struct ifinfomsg links = {.ifi_family = AF_UNSPEC};
	struct ports p;
	int tries = DUMPS_MAX, r;

	do {
		p = (struct ports){.bridge = bridge, .prefix = prefix};
		r = ask(nl, RTM_GETLINK, &links, sizeof links, on_port, &p);
	} while (r == -EAGAIN && --tries > 0);
	return r < 0 ? err_sys(err, -r, "list the machine's interfaces") : p.n;
}
