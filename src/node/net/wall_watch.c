/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel tells what is removed from nft, and by whom: nothing is asked again and again.
 */
#include "node/net/wall.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "node/net/nl.h"
#include "node/net/wall_code.h"
#include "node/net/wall_impl.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define RECEIVE_MAX 16384

struct wall_watch {
	struct nl nl;
	struct loop_fd *watch;
	const char *table;
	wall_fn fn;
	void *ctx;
};

/* The name of the table is the first attribute of all of them. */
enum { TABLE_NAME = 1 };

static bool is_ours(const struct wall_watch *w, const struct nlmsghdr *h)
{
	const struct nlattr *attrs[TABLE_NAME + 1];
	const char *name;
	size_t n;

	nl_attrs(h, sizeof(struct nfgenmsg), attrs, TABLE_NAME);
	name = nl_data(attrs[TABLE_NAME], &n);
	return n == strlen(w->table) + 1 && memcmp(name, w->table, n) == 0;
}

static bool is_loss(const struct wall_watch *w, const struct nlmsghdr *h)
{
	static const uint8_t losses[] = {NFT_MSG_DELTABLE, NFT_MSG_DELCHAIN, NFT_MSG_DELRULE, NFT_MSG_DELSET};

	if (h->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES || h->nlmsg_pid == wall_last_port)
		return false;
	for (size_t i = 0; i < sizeof losses; i++) {
		if ((h->nlmsg_type & 0xff) == losses[i])
			return is_ours(w, h);
	}
	return false;
}

static void on_message(void *ctx, int events)
{
	static char data[RECEIVE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct wall_watch *w = ctx;
	bool lost = false;

	(void)events;
	for (;;) {
		ssize_t got = recv(w->nl.fd, data, sizeof data, MSG_DONTWAIT);
		size_t n = got > 0 ? (size_t)got : 0;

		if (got < 0 && errno == EINTR)
			continue;
		/* More than the socket holds has happened: who knows what. */
		if (got < 0 && errno == ENOBUFS) {
			lost = true;
			continue;
		}
		if (got <= 0)
			break;
		for (struct nlmsghdr *h = (struct nlmsghdr *)data; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n))
			lost |= is_loss(w, h);
	}
	if (lost)
		w->fn(w->ctx);
}

int wall_watch_new(struct loop *l, const char *table, wall_fn fn, void *ctx, struct wall_watch **ret, struct err *err)
{
	struct wall_watch *w = mem_new(struct wall_watch);
	int group = NFNLGRP_NFTABLES, r;

	*w = (struct wall_watch){.nl = NL_NULL, .table = table, .fn = fn, .ctx = ctx};
	r = nl_open(&w->nl, NETLINK_NETFILTER, err);
	if (r == 0 && setsockopt(w->nl.fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
		r = err_sys(err, errno, "watch the nft rules");
	if (r == 0 && (r = fd_nonblock(w->nl.fd)) < 0)
		r = err_sys(err, -r, "watch the nft rules");
	if (r == 0)
		r = loop_fd_new(l, w->nl.fd, LOOP_IN, on_message, w, &w->watch, err);
	if (r < 0)
		wall_watch_free(w);
	else
		*ret = w;
	return r;
}

struct wall_watch *wall_watch_free(struct wall_watch *w)
{
	if (!w)
		return NULL;
	w->watch = loop_fd_free(w->watch);
	nl_close(&w->nl);
	free(w);
	return NULL;
}

/* ---- other firewalls ---- */

struct others {
	wall_other_fn fn;
	void *ctx;
};

static uint32_t be32_of(const struct nlattr *a)
{
	return ntohl(nl_get_u32(a));
}

/* The number of the hook is the first attribute inside. */
static bool hooks_forward(const struct nlattr *hook)
{
	size_t n;
	const char *data = nl_data(hook, &n);
	uint32_t number;

	if (n < sizeof(struct nlattr) + sizeof number)
		return false;
	memcpy(&number, data + sizeof(struct nlattr), sizeof number);
	return ntohl(number) == NF_INET_FORWARD;
}

static int on_chain(void *ctx, const struct nlmsghdr *h)
{
	const struct nfgenmsg *head = NLMSG_DATA(h);
	const struct nlattr *attrs[NFTA_CHAIN_POLICY + 1];
	const char *family = head->nfgen_family == NFPROTO_IPV4	  ? "ip"
			     : head->nfgen_family == NFPROTO_IPV6 ? "ip6"
			     : head->nfgen_family == NFPROTO_INET ? "inet"
								  : NULL;
	struct others *o = ctx;
	const char *table, *name;
	char text[96];
	size_t n;

	nl_attrs(h, sizeof *head, attrs, NFTA_CHAIN_POLICY);
	table = nl_data(attrs[NFTA_CHAIN_TABLE], &n);
	name = nl_data(attrs[NFTA_CHAIN_NAME], &n);
	if (!family || !table || !name || !attrs[NFTA_CHAIN_POLICY] || be32_of(attrs[NFTA_CHAIN_POLICY]) != NF_DROP ||
	    !hooks_forward(attrs[NFTA_CHAIN_HOOK]) || !strcmp(table, WALL_TABLE))
		return 0;
	snprintf(text, sizeof text, "%s %.32s %.32s", family, table, name);
	o->fn(o->ctx, text);
	return 0;
}

void wall_others(wall_other_fn fn, void *ctx)
{
	buf_cleanup struct buf b = BUF_LIMIT(256);
	nl_cleanup struct nl nl = NL_NULL;
	struct others o = {fn, ctx};
	const struct nfgenmsg head = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0};
	size_t at;

	if (nl_open(&nl, NETLINK_NETFILTER, NULL) < 0)
		return;
	at = nl_begin(&b, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN, NLM_F_DUMP, 1);
	nl_raw(&b, &head, sizeof head);
	nl_finish(&b, at);
	(void)nl_ask(&nl, &b, on_chain, &o);
}
