/* SPDX-License-Identifier: Apache-2.0 */
#include "node/net/dns_inside.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "node/net/dns.h"
#include "node/net/nl.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HERE "/proc/thread-self/ns/net"
#define TABLE "berth-dns"
#define LISTEN_MAX 64
#define RECEIVE_BYTES (512 << 10)
/* Where the monitor keeps them: nothing else of it comes as far. */
#define OFFER_UDP 960
#define OFFER_TCP 961

int dns_inside_socket(int netns, int family, int type, int protocol, struct err *err)
{
	fd_cleanup int home = netns >= 0 ? open(HERE, O_RDONLY | O_CLOEXEC) : -1;
	int fd, saved;

	if (netns >= 0 && home < 0)
		return err_sys(err, errno, "open " HERE);
	if (netns >= 0 && setns(netns, CLONE_NEWNET) < 0)
		return err_sys(err, errno, "enter the network namespace of a container");
	fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	saved = errno;
	if (netns >= 0 && setns(home, CLONE_NEWNET) < 0) {
		log_error("cannot return from the network namespace of a container: %s", strerror(errno));
		abort();
	}
	return fd < 0 ? err_sys(err, saved, "make a socket in a network namespace") : fd;
}

/* ---- the rules, as messages of one transaction ---- */

static size_t begin(struct buf *m, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource)
{
	const struct nfgenmsg g = {.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource)};
	size_t at = nl_begin(m, type, flags, 0);

	nl_raw(m, &g, sizeof g);
	return at;
}

static size_t begin_nft(struct buf *m, uint16_t type, uint16_t flags)
{
	return begin(m, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, NFPROTO_IPV4, 0);
}

static void add_bound(struct buf *m, uint16_t type)
{
	nl_finish(m, begin(m, type, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

static void add_table(struct buf *m, uint16_t type, uint16_t flags)
{
	size_t at = begin_nft(m, type, flags);

	nl_str(m, NFTA_TABLE_NAME, TABLE);
	nl_finish(m, at);
}

static void add_chain(struct buf *m, const char *name, int priority)
{
	size_t hook, at = begin_nft(m, NFT_MSG_NEWCHAIN, NLM_F_CREATE);

	nl_str(m, NFTA_CHAIN_TABLE, TABLE);
	nl_str(m, NFTA_CHAIN_NAME, name);
	nl_str(m, NFTA_CHAIN_TYPE, "filter");
	hook = nl_nest(m, NFTA_CHAIN_HOOK);
	nl_be32(m, NFTA_HOOK_HOOKNUM, NF_INET_LOCAL_OUT);
	nl_be32(m, NFTA_HOOK_PRIORITY, (uint32_t)priority);
	nl_end(m, hook);
	nl_finish(m, at);
}

struct expression {
	size_t element, data;
};

static struct expression expression(struct buf *m, const char *name)
{
	struct expression e = {.element = nl_nest(m, NFTA_LIST_ELEM)};

	nl_str(m, NFTA_EXPR_NAME, name);
	e.data = nl_nest(m, NFTA_EXPR_DATA);
	return e;
}

static void expression_end(struct buf *m, const struct expression *e)
{
	nl_end(m, e->data);
	nl_end(m, e->element);
}

static void add_data(struct buf *m, uint16_t type, const void *value, size_t n)
{
	size_t at = nl_nest(m, type);

	nl_put(m, NFTA_DATA_VALUE, value, n);
	nl_end(m, at);
}

static void add_compare(struct buf *m, const void *value, size_t n)
{
	struct expression e = expression(m, "cmp");

	nl_be32(m, NFTA_CMP_SREG, NFT_REG_1);
	nl_be32(m, NFTA_CMP_OP, NFT_CMP_EQ);
	add_data(m, NFTA_CMP_DATA, value, n);
	expression_end(m, &e);
}

static void match_payload(struct buf *m, uint32_t base, uint32_t offset, const void *value, size_t n)
{
	struct expression e = expression(m, "payload");

	nl_be32(m, NFTA_PAYLOAD_DREG, NFT_REG_1);
	nl_be32(m, NFTA_PAYLOAD_BASE, base);
	nl_be32(m, NFTA_PAYLOAD_OFFSET, offset);
	nl_be32(m, NFTA_PAYLOAD_LEN, (uint32_t)n);
	expression_end(m, &e);
	add_compare(m, value, n);
}

static void match_protocol(struct buf *m, uint8_t protocol)
{
	struct expression e = expression(m, "meta");

	nl_be32(m, NFTA_META_DREG, NFT_REG_1);
	nl_be32(m, NFTA_META_KEY, NFT_META_L4PROTO);
	expression_end(m, &e);
	add_compare(m, &protocol, 1);
}

static void write_port(struct buf *m, uint32_t offset, uint32_t checksum, uint16_t port)
{
	struct expression e = expression(m, "immediate");

	port = htons(port);
	nl_be32(m, NFTA_IMMEDIATE_DREG, NFT_REG_1);
	add_data(m, NFTA_IMMEDIATE_DATA, &port, sizeof port);
	expression_end(m, &e);
	e = expression(m, "payload");
	nl_be32(m, NFTA_PAYLOAD_SREG, NFT_REG_1);
	nl_be32(m, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
	nl_be32(m, NFTA_PAYLOAD_OFFSET, offset);
	nl_be32(m, NFTA_PAYLOAD_LEN, sizeof port);
	nl_be32(m, NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_INET);
	nl_be32(m, NFTA_PAYLOAD_CSUM_OFFSET, checksum);
	expression_end(m, &e);
}

struct way {
	const char *chain;
	uint32_t address, port; /* offsets in the headers */
};
static const struct way to_us = {"to", 16, 2}, from_us = {"from", 12, 0};

static void add_rule(struct buf *m, const struct way *w, uint8_t protocol, uint16_t old_port, uint16_t new_port)
{
	struct in_addr address = {.s_addr = inet_addr(DNS_ADDRESS)};
	uint16_t port = htons(old_port);
	size_t list, at = begin_nft(m, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);

	nl_str(m, NFTA_RULE_TABLE, TABLE);
	nl_str(m, NFTA_RULE_CHAIN, w->chain);
	list = nl_nest(m, NFTA_RULE_EXPRESSIONS);
	match_payload(m, NFT_PAYLOAD_NETWORK_HEADER, w->address, &address, sizeof address);
	match_protocol(m, protocol);
	match_payload(m, NFT_PAYLOAD_TRANSPORT_HEADER, w->port, &port, sizeof port);
	write_port(m, w->port, protocol == IPPROTO_UDP ? 6 : 16, new_port);
	nl_end(m, list);
	nl_finish(m, at);
}

/* What the container itself may track sees one and the same pair of ports both ways: questions are changed before it, answers behind it. */
static void fill(struct buf *m, uint16_t udp_port, uint16_t tcp_port)
{
	add_bound(m, NFNL_MSG_BATCH_BEGIN);
	add_table(m, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	add_table(m, NFT_MSG_DELTABLE, 0);
	add_table(m, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	add_chain(m, to_us.chain, -450);
	add_chain(m, from_us.chain, 450);
	add_rule(m, &to_us, IPPROTO_UDP, 53, udp_port);
	add_rule(m, &to_us, IPPROTO_TCP, 53, tcp_port);
	add_rule(m, &from_us, IPPROTO_UDP, udp_port, 53);
	add_rule(m, &from_us, IPPROTO_TCP, tcp_port, 53);
	add_bound(m, NFNL_MSG_BATCH_END);
}

int dns_inside_redirect(int netns, uint16_t udp_port, uint16_t tcp_port, struct err *err)
{
	fd_cleanup int fd = dns_inside_socket(netns, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER, err);
	buf_cleanup struct buf m = BUF_INIT;
	struct nl nl = {.fd = fd};
	int r;

	if (fd < 0)
		return fd;
	fill(&m, udp_port, tcp_port);
	r = nl_batch(&nl, &m, NULL);
	if (r < 0)
		return err_sys(err, -r, "lead port 53 of " DNS_ADDRESS " to the name server");
	return fd_take(&fd);
}

/* ---- the sockets ---- */

/* At 127.0.0.11 in there, at that port or (0) any. Returns the descriptor and its port. */
static int open_at(int netns, int type, uint16_t *inout_port, struct err *err)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(*inout_port)};
	socklen_t length = sizeof a;
	fd_cleanup int fd = dns_inside_socket(netns, AF_INET, type, 0, err);
	int bytes = RECEIVE_BYTES, one = 1;

	if (fd < 0)
		return fd;
	a.sin_addr.s_addr = inet_addr(DNS_ADDRESS);
	if (type == SOCK_DGRAM)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
	else
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, (const struct sockaddr *)&a, sizeof a) < 0)
		return err_sys(err, errno, "bind " DNS_ADDRESS " port %u in a container's network namespace",
			       *inout_port);
	if (type == SOCK_STREAM && listen(fd, LISTEN_MAX) < 0)
		return err_sys(err, errno, "listen at " DNS_ADDRESS);
	if (getsockname(fd, (struct sockaddr *)&a, &length) < 0)
		return err_sys(err, errno, "the port of a socket");
	*inout_port = ntohs(a.sin_port);
	return fd_take(&fd);
}

static int open_pair(int netns, uint16_t port, struct dns_sockets *s, struct err *err)
{
	uint16_t udp = port, tcp = port;

	s->udp = open_at(netns, SOCK_DGRAM, &udp, err);
	if (s->udp < 0)
		return s->udp;
	s->tcp = open_at(netns, SOCK_STREAM, &tcp, err);
	if (s->tcp < 0 || port > 0)
		return s->tcp < 0 ? s->tcp : 0;
	s->rules = dns_inside_redirect(netns, udp, tcp, err);
	return s->rules < 0 ? s->rules : 0;
}

int dns_inside_open(int netns, struct dns_sockets *ret, struct err *err)
{
	struct dns_sockets s = DNS_SOCKETS_NULL;
	int r = open_pair(netns, 0, &s, err);

	if (r < 0) {
		dns_inside_close(&s);
		err_clear(err);
		r = open_pair(netns, 53, &s, err);
	}
	if (r < 0)
		dns_inside_close(&s);
	else
		*ret = s;
	return r;
}

void dns_inside_close(struct dns_sockets *s)
{
	fd_closep(&s->udp);
	fd_closep(&s->tcp);
	fd_closep(&s->rules);
}

/* ---- from the monitor to the daemon ---- */

int dns_inside_offer(int netns, struct err *err)
{
	cleanup_with(dns_inside_close) struct dns_sockets s = DNS_SOCKETS_NULL;
	int r = dns_inside_open(netns, &s, err);

	if (r < 0)
		return r;
	if (dup3(s.udp, OFFER_UDP, O_CLOEXEC) < 0 || dup3(s.tcp, OFFER_TCP, O_CLOEXEC) < 0)
		return err_sys(err, errno, "keep the sockets of the name server");
	/* To close it would wait for the kernel; it goes with the process. */
	(void)fd_take(&s.rules);
	return 0;
}

static int take_one(int pidfd, int number, int type, int *ret, struct err *err)
{
	struct sockaddr_in a = {.sin_family = AF_UNSPEC};
	socklen_t length = sizeof a, size = sizeof(int);
	fd_cleanup int fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	int is;

	if (fd < 0)
		return err_sys(err, errno == EBADF ? ENOENT : errno, "take the name server's socket of a monitor");
	if (getsockname(fd, (struct sockaddr *)&a, &length) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &is, &size) < 0 || a.sin_family != AF_INET ||
	    a.sin_addr.s_addr != inet_addr(DNS_ADDRESS) || is != type)
		return err_set(err, ENOENT, "the monitor has no sockets of a name server");
	*ret = fd_take(&fd);
	return 0;
}

int dns_inside_take(pid_t monitor, struct dns_sockets *ret, struct err *err)
{
	fd_cleanup int pidfd = proc_pidfd_open(monitor);
	struct dns_sockets s = DNS_SOCKETS_NULL;
	int r;

	if (pidfd < 0)
		return err_sys(err, -pidfd, "open the monitor %d", (int)monitor);
	r = take_one(pidfd, OFFER_UDP, SOCK_DGRAM, &s.udp, err);
	if (r == 0)
		r = take_one(pidfd, OFFER_TCP, SOCK_STREAM, &s.tcp, err);
	if (r < 0)
		dns_inside_close(&s);
	else
		*ret = s;
	return r;
}
