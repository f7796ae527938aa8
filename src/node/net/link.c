/* SPDX-License-Identifier: Apache-2.0 */
#include "node/net/link.h"

#include "base/core/buf.h"
#include "base/core/err.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define MESSAGE_MAX 4096
#define CREATE (NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)

/* A message about an interface is begun. */
static size_t begin_link(struct buf *b, uint16_t type, uint16_t flags, int index, unsigned change)
{
	size_t at = nl_begin(b, type, flags, 1);
	const struct ifinfomsg info = {.ifi_index = index, .ifi_flags = change, .ifi_change = change};

	nl_raw(b, &info, sizeof info);
	return at;
}

static int call(struct nl *nl, struct buf *b, size_t at)
{
	nl_finish(b, at);
	return nl_call(nl, b);
}

/* ---- find ---- */

struct found {
	int index;
	bool bridge, up;
	unsigned char mac[LINK_MAC_LEN];
};

static int on_link(void *ctx, const struct nlmsghdr *h)
{
	const struct ifinfomsg *info = NLMSG_DATA(h);
	const struct nlattr *attrs[IFLA_LINKINFO + 1];
	struct found *f = ctx;
	const char *kind;
	size_t n;

	nl_attrs(h, sizeof *info, attrs, IFLA_LINKINFO);
	f->index = info->ifi_index;
	f->up = info->ifi_flags & IFF_UP;
	kind = nl_data(attrs[IFLA_ADDRESS], &n);
	if (kind && n == sizeof f->mac)
		memcpy(f->mac, kind, n);
	/* The kind is the first attribute inside. */
	kind = nl_data(attrs[IFLA_LINKINFO], &n);
	f->bridge = n >= sizeof(struct nlattr) + sizeof "bridge" &&
		    !memcmp(kind + sizeof(struct nlattr), "bridge", sizeof "bridge");
	return 0;
}

static int look_up(struct nl *nl, const char *name, struct found *f)
{
	buf_cleanup struct buf b = BUF_LIMIT(MESSAGE_MAX);
	size_t at = begin_link(&b, RTM_GETLINK, 0, 0, 0);

	nl_str(&b, IFLA_IFNAME, name);
	nl_finish(&b, at);
	return nl_ask(nl, &b, on_link, f);
}

int link_find(struct nl *nl, const char *name, struct err *err)
{
	struct found f = {.index = 0};
	int r = look_up(nl, name, &f);

	return r < 0 ? err_sys(err, -r, "look for interface %s", name) : f.index;
}

int link_find_mac(struct nl *nl, const char *name, unsigned char ret_mac[static LINK_MAC_LEN])
{
	struct found f = {.index = 0};
	int r = look_up(nl, name, &f);

	if (r < 0)
		return r;
	memcpy(ret_mac, f.mac, sizeof f.mac);
	return f.index;
}

/* ---- make ---- */

static int make_bridge(struct nl *nl, const char *name, uint32_t mtu, const unsigned char *mac)
{
	buf_cleanup struct buf b = BUF_LIMIT(MESSAGE_MAX);
	size_t info, at = begin_link(&b, RTM_NEWLINK, CREATE, 0, 0);

	nl_str(&b, IFLA_IFNAME, name);
	nl_u32(&b, IFLA_MTU, mtu);
	nl_put(&b, IFLA_ADDRESS, mac, LINK_MAC_LEN);
	info = nl_nest(&b, IFLA_LINKINFO);
	nl_str(&b, IFLA_INFO_KIND, "bridge");
	nl_end(&b, info);
	return call(nl, &b, at);
}

int link_bridge(struct nl *nl, const char *name, uint32_t mtu, const unsigned char mac[static LINK_MAC_LEN],
		enum link_state *ret_state, struct err *err)
{
	struct found f = {.index = 0};
	int r = look_up(nl, name, &f);

	*ret_state = f.up && !memcmp(f.mac, mac, sizeof f.mac) ? LINK_READY : LINK_SEEN;
	if (r == -ENODEV) {
		r = make_bridge(nl, name, mtu, mac);
		*ret_state = r == 0 ? LINK_NEW : LINK_SEEN;
		/* Another container's monitor may have been faster. */
		if (r == 0 || r == -EEXIST)
			r = look_up(nl, name, &f);
	}
	if (r < 0)
		return err_sys(err, -r, "make bridge %s", name);
	return f.bridge ? f.index : err_set(err, EEXIST, "interface %s is there already and is no bridge", name);
}

/* The other end, made where it will live. */
static void put_peer(struct buf *b, const struct link_veth *v)
{
	const struct ifinfomsg none = {.ifi_family = AF_UNSPEC};
	size_t data = nl_nest(b, IFLA_INFO_DATA), peer = nl_nest(b, VETH_INFO_PEER);

	nl_raw(b, &none, sizeof none);
	nl_str(b, IFLA_IFNAME, v->peer);
	nl_u32(b, IFLA_MTU, v->mtu);
	nl_put(b, IFLA_ADDRESS, v->peer_mac, LINK_MAC_LEN);
	nl_u32(b, IFLA_NET_NS_FD, (uint32_t)v->peer_netns);
	nl_end(b, peer);
	nl_end(b, data);
}

static int set_port(struct nl *nl, const struct link_veth *v, int index)
{
	buf_cleanup struct buf b = BUF_LIMIT(MESSAGE_MAX);
	size_t at, nest;

	if (!v->isolated && !v->hairpin)
		return 0;
	at = nl_begin(&b, RTM_SETLINK, NLM_F_ACK, 1);
	nl_raw(&b, &(struct ifinfomsg){.ifi_family = AF_BRIDGE, .ifi_index = index}, sizeof(struct ifinfomsg));
	nest = nl_nest(&b, IFLA_PROTINFO);
	nl_u8(&b, IFLA_BRPORT_ISOLATED, v->isolated);
	nl_u8(&b, IFLA_BRPORT_MODE, v->hairpin);
	nl_end(&b, nest);
	return call(nl, &b, at);
}

int link_veth(struct nl *nl, const struct link_veth *v, struct err *err)
{
	buf_cleanup struct buf b = BUF_LIMIT(MESSAGE_MAX);
	size_t info, at = begin_link(&b, RTM_NEWLINK, CREATE, 0, 0);
	struct found f = {.index = 0};
	int r;

	nl_str(&b, IFLA_IFNAME, v->name);
	nl_u32(&b, IFLA_MTU, v->mtu);
	nl_u32(&b, IFLA_MASTER, (uint32_t)v->bridge);
	info = nl_nest(&b, IFLA_LINKINFO);
	nl_str(&b, IFLA_INFO_KIND, "veth");
	put_peer(&b, v);
	nl_end(&b, info);
	r = call(nl, &b, at);
	if (r == 0)
		r = look_up(nl, v->name, &f);
	if (r == 0)
		r = set_port(nl, v, f.index);
	return r < 0 ? err_sys(err, -r, "make interface %s of the container", v->peer) : f.index;
}

int link_up(struct nl *nl, int index, struct err *err)
{
	buf_cleanup struct buf b = BUF_LIMIT(MESSAGE_MAX);
	size_t at = begin_link(&b, RTM_NEWLINK, NLM_F_ACK, index, IFF_UP);
	int r = call(nl, &b, at);

	return r < 0 ? err_sys(err, -r, "switch on interface %d", index) : 0;
}

int link_delete(struct nl *nl, const char *name, struct err *err)
{
	buf_cleanup struct buf b = BUF_LIMIT(MESSAGE_MAX);
	size_t at = begin_link(&b, RTM_DELLINK, NLM_F_ACK, 0, 0);
	int r;

	nl_str(&b, IFLA_IFNAME, name);
	r = call(nl, &b, at);
	return r < 0 && r != -ENODEV ? err_sys(err, -r, "remove interface %s", name) : 0;
}

int link_address(struct nl *nl, int index, const struct cidr *address, struct err *err)
{
	buf_cleanup struct buf b = BUF_LIMIT(MESSAGE_MAX);
	const struct ifaddrmsg info = {
	    .ifa_family = (uint8_t)address->ip.family,
	    .ifa_prefixlen = (uint8_t)address->prefix,
	    .ifa_flags = address->ip.family == AF_INET6 ? IFA_F_NODAD : 0,
	    .ifa_index = (uint32_t)index,
	};
	size_t at = nl_begin(&b, RTM_NEWADDR, CREATE, 1);
	char text[CIDR_TEXT_MAX];
	int r;

	nl_raw(&b, &info, sizeof info);
	nl_put(&b, IFA_LOCAL, address->ip.b, ip_len(&address->ip));
	nl_put(&b, IFA_ADDRESS, address->ip.b, ip_len(&address->ip));
	if (address->ip.family == AF_INET && address->prefix < 31) {
		struct cidr net = cidr_of(&address->ip, address->prefix);
		struct ip last = cidr_nth(&net, cidr_size(&net) - 1);

		nl_put(&b, IFA_BROADCAST, last.b, 4);
	}
	r = call(nl, &b, at);
	return r < 0 && r != -EEXIST ? err_sys(err, -r, "give an interface address %s", cidr_text(address, text)) : 0;
}

int link_default_route(struct nl *nl, int index, const struct ip *gateway, struct err *err)
{
	buf_cleanup struct buf b = BUF_LIMIT(MESSAGE_MAX);
	const struct rtmsg info = {
	    .rtm_family = (uint8_t)gateway->family,
	    .rtm_table = RT_TABLE_MAIN,
	    .rtm_protocol = RTPROT_BOOT,
	    .rtm_scope = RT_SCOPE_UNIVERSE,
	    .rtm_type = RTN_UNICAST,
	};
	size_t at = nl_begin(&b, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, 1);
	char text[IP_TEXT_MAX];
	int r;

	nl_raw(&b, &info, sizeof info);
	nl_put(&b, RTA_GATEWAY, gateway->b, ip_len(gateway));
	nl_u32(&b, RTA_OIF, (uint32_t)index);
	r = call(nl, &b, at);
	return r < 0 ? err_sys(err, -r, "make the default route by %s", ip_text(gateway, text)) : 0;
}
