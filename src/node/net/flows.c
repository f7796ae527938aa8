/* SPDX-License-Identifier: Apache-2.0 */
#include "node/net/flows.h"

#include "base/core/buf.h"
#include "node/net/nl.h"
#include "node/net/plug.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define FLOWS_MAX (8u << 20) /* bytes of requests to forget one, in one go: some 60,000 */

/* One end of a flow. */
struct end {
	struct ip ip;
	uint16_t port;
};

struct flows {
	const struct plug *p;
	bool comes;
	struct buf out; /* the requests */
};

/* ---- one flow ---- */

static bool read_end(const struct nlattr *tuple, int family, bool source, struct end *ret)
{
	const struct nlattr *parts[CTA_TUPLE_PROTO + 1], *ip[CTA_IP_V6_DST + 1], *proto[CTA_PROTO_DST_PORT + 1];
	uint16_t type = family == AF_INET ? source ? CTA_IP_V4_SRC : CTA_IP_V4_DST
			: source	  ? CTA_IP_V6_SRC
					  : CTA_IP_V6_DST;
	const void *address, *number, *port;
	size_t n_address, n_number, n_port;

	nl_nested(tuple, parts, CTA_TUPLE_PROTO);
	nl_nested(parts[CTA_TUPLE_IP], ip, CTA_IP_V6_DST);
	nl_nested(parts[CTA_TUPLE_PROTO], proto, CTA_PROTO_DST_PORT);
	*ret = (struct end){.ip.family = family};
	address = nl_data(ip[type], &n_address);
	number = nl_data(proto[CTA_PROTO_NUM], &n_number);
	port = nl_data(proto[source ? CTA_PROTO_SRC_PORT : CTA_PROTO_DST_PORT], &n_port);
	if (n_address != ip_len(&ret->ip) || n_number != 1 || *(const uint8_t *)number != IPPROTO_UDP || n_port != 2)
		return false;
	memcpy(ret->ip.b, address, n_address);
	memcpy(&ret->port, port, n_port);
	ret->port = ntohs(ret->port);
	return true;
}

/* to: where the client sends; by: who answers. */
static bool is_stale(const struct flows *f, const struct end *to, const struct end *by, uint32_t status)
{
	for (size_t i = 0; i < f->p->n_ports; i++) {
		const struct plug_port *x = &f->p->ports[i];
		bool led = status & IPS_DST_NAT, here = by->port == x->port && ip_equal(&by->ip, &x->ip);

		if (x->proto != NET_UDP || x->host_port != to->port || x->host_ip.family != to->ip.family ||
		    !(ip_is_any(&x->host_ip) || ip_equal(&x->host_ip, &to->ip)))
			continue;
		/* What goes out through this machine and is to come back has another source. */
		if (f->comes ? (led ? !here : !(status & IPS_SRC_NAT)) : led && here)
			return true;
	}
	return false;
}

static int on_flow(void *ctx, const struct nlmsghdr *h)
{
	const struct nfgenmsg *head = NLMSG_DATA(h);
	const struct nlattr *attrs[CTA_STATUS + 1];
	struct flows *f = ctx;
	struct end to, by;
	const void *tuple;
	size_t at, n;

	nl_attrs(h, sizeof *head, attrs, CTA_STATUS);
	if (!read_end(attrs[CTA_TUPLE_ORIG], head->nfgen_family, false, &to) ||
	    !read_end(attrs[CTA_TUPLE_REPLY], head->nfgen_family, true, &by) ||
	    !is_stale(f, &to, &by, ntohl(nl_get_u32(attrs[CTA_STATUS]))))
		return 0;
	at = nl_begin(&f->out, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, NLM_F_ACK, 1);
	nl_raw(&f->out, head, sizeof *head);
	tuple = nl_data(attrs[CTA_TUPLE_ORIG], &n);
	nl_put(&f->out, CTA_TUPLE_ORIG | NLA_F_NESTED, tuple, n);
	nl_finish(&f->out, at);
	return 0;
}

/* ---- all ---- */

static void ask(struct nl *nl, int family, struct flows *f)
{
	const struct nfgenmsg head = {.nfgen_family = (uint8_t)family, .version = NFNETLINK_V0};
	buf_cleanup struct buf b = BUF_LIMIT(256);
	size_t at = nl_begin(&b, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, NLM_F_DUMP, 1);

	nl_raw(&b, &head, sizeof head);
	nl_finish(&b, at);
	(void)nl_ask(nl, &b, on_flow, f);
}

/* One after the other: one that has ended meanwhile is no reason to keep the next. */
static void forget(struct nl *nl, const struct buf *all)
{
	size_t at = 0;

	while (!all->full && at < all->len) {
		buf_cleanup struct buf one = BUF_LIMIT(1024);
		uint32_t n;

		memcpy(&n, all->data + at, sizeof n);
		buf_add(&one, all->data + at, n);
		(void)nl_call(nl, &one);
		at += n;
	}
}

void flows_forget(const struct plug *p, bool comes, struct nl *keep)
{
	struct flows f = {.p = p, .comes = comes, .out = BUF_LIMIT(FLOWS_MAX)};
	nl_cleanup struct nl own = NL_NULL;
	struct nl *nl = keep ? keep : &own;
	bool udp = false;

	for (size_t i = 0; i < p->n_ports && !udp; i++)
		udp = p->ports[i].proto == NET_UDP;
	if (!udp || (nl->fd < 0 && nl_open(nl, NETLINK_NETFILTER, NULL) < 0))
		return;
	ask(nl, AF_INET, &f);
	ask(nl, AF_INET6, &f);
	forget(nl, &f.out);
	buf_free(&f.out);
}
