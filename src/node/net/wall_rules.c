/* SPDX-License-Identifier: Apache-2.0
 *
 * Read a rule from left to right: each step must hold, or the next rule is tried. docs/NETWORKS.md has them in nft's own words.
 */
#include "node/net/wall_rules.h"

#include <linux/if_ether.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>

/* nft's numbers of types of keys; several make one by six bits each. */
enum { T_IP4 = 7, T_IP6 = 8, T_MAC = 9, T_PROTO = 12, T_PORT = 13, T_IFNAME = 41 };
#define T2(a, b) ((a) << 6 | (b))
#define T3(a, b, c) (T2(a, b) << 6 | (c))

/* Kinds of ICMPv6 messages. */
enum { ROUTER_ADVERTISEMENT = 134, NEIGHBOUR_ADVERTISEMENT = 136, REDIRECT = 137 };

/* What they take in registers and keys. */
enum { L_IFNAME = 16, L_MAC = 8, L_IP4 = 4, L_IP6 = 16, L_WORD = 4, L_PORT = 2 };

const struct wall_set wall_sets[WALL_SETS] = {
    [WALL_BRIDGES] = {NFPROTO_INET, "bridges", T_IFNAME, 0, L_IFNAME, 0},
    [WALL_SAME] = {NFPROTO_INET, "same", T2(T_IFNAME, T_IFNAME), 0, 2 * L_IFNAME, 0},
    [WALL_INTERNAL] = {NFPROTO_INET, "internal", T_IFNAME, 0, L_IFNAME, 0},
    [WALL_ALONE] = {NFPROTO_INET, "alone", T_IFNAME, 0, L_IFNAME, 0},
    [WALL_HIDDEN] = {NFPROTO_INET, "hidden", T_IFNAME, 0, L_IFNAME, 0},
    [WALL_METADATA] = {NFPROTO_INET, "metadata", T_IFNAME, 0, L_IFNAME, 0},
    [WALL_DOORS] = {NFPROTO_INET, "doors", T_PORT, 0, L_PORT, 0},
    [WALL_ONE4] = {NFPROTO_INET, "one4", T3(T_IP4, T_PROTO, T_PORT), T2(T_IP4, T_PORT), L_IP4 + 2 * L_WORD,
		   L_IP4 + L_WORD},
    [WALL_ANY4] = {NFPROTO_INET, "any4", T2(T_PROTO, T_PORT), T2(T_IP4, T_PORT), 2 * L_WORD, L_IP4 + L_WORD},
    [WALL_ONE6] = {NFPROTO_INET, "one6", T3(T_IP6, T_PROTO, T_PORT), T2(T_IP6, T_PORT), L_IP6 + 2 * L_WORD,
		   L_IP6 + L_WORD},
    [WALL_ANY6] = {NFPROTO_INET, "any6", T2(T_PROTO, T_PORT), T2(T_IP6, T_PORT), 2 * L_WORD, L_IP6 + L_WORD},
    [WALL_PORTS] = {NFPROTO_BRIDGE, "ports", T_IFNAME, 0, L_IFNAME, 0},
    [WALL_FROM4] = {NFPROTO_BRIDGE, "from4", T3(T_IFNAME, T_MAC, T_IP4), 0, L_IFNAME + L_MAC + L_IP4, 0},
    [WALL_FROM6] = {NFPROTO_BRIDGE, "from6", T3(T_IFNAME, T_MAC, T_IP6), 0, L_IFNAME + L_MAC + L_IP6, 0},
};

/* A step a macro and a rule a line. */
/* clang-format off */
#define STEP(...) {__VA_ARGS__}
#define META(k, r) STEP(.kind = WALL_META, .key = (k), .to = (r))
#define IIF(r) META(NFT_META_IIFNAME, r)
#define OIF(r) META(NFT_META_OIFNAME, r)
#define LOAD(bs, off, len, r) STEP(.kind = WALL_PAYLOAD, .base = (bs), .offset = (off), .n = (len), .to = (r))
#define NET(off, len, r) LOAD(NFT_PAYLOAD_NETWORK_HEADER, off, len, r)
#define TRANSPORT(off, len, r) LOAD(NFT_PAYLOAD_TRANSPORT_HEADER, off, len, r)
#define SOURCE_MAC(r) LOAD(NFT_PAYLOAD_LL_HEADER, 6, 6, r)
#define IS1(r, v) STEP(.kind = WALL_IS, .at = (r), .n = 1, .data = {v})
#define IS2(r, v) STEP(.kind = WALL_IS, .at = (r), .n = 2, .data = {(v) >> 8, (v) & 0xff})
#define IS4(r, ...) STEP(.kind = WALL_IS, .at = (r), .n = 4, .data = {__VA_ARGS__})
#define IS16(r, ...) STEP(.kind = WALL_IS, .at = (r), .n = 16, .data = {__VA_ARGS__})
#define IS_WORD(r, v) STEP(.kind = WALL_IS, .at = (r), .n = 0, .word = (v))
#define IS_NOT_WORD(r, v) STEP(.kind = WALL_IS_NOT, .at = (r), .n = 0, .word = (v))
#define BIT(r, v) STEP(.kind = WALL_ANY_BIT, .at = (r), .word = (v))
#define IN(r, s) STEP(.kind = WALL_IN, .at = (r), .set = (s))
#define NOT_IN(r, s) STEP(.kind = WALL_NOT_IN, .at = (r), .set = (s))
#define LEADS(r, s, t) STEP(.kind = WALL_MAP, .at = (r), .to = (t), .set = (s))
#define DNAT(f, r) STEP(.kind = WALL_DNAT, .key = (f), .at = (r))
#define MASQUERADE STEP(.kind = WALL_MASQUERADE)
#define ACCEPT STEP(.kind = WALL_VERDICT, .key = NF_ACCEPT)
#define DROP STEP(.kind = WALL_VERDICT, .key = NF_DROP)
#define END STEP(.kind = WALL_END)

#define V4 META(NFT_META_NFPROTO, 15), IS1(15, NFPROTO_IPV4)
#define V6 META(NFT_META_NFPROTO, 15), IS1(15, NFPROTO_IPV6)
#define LOCAL STEP(.kind = WALL_ROUTE_TYPE, .key = NFTA_FIB_F_DADDR, .to = 15), IS_WORD(15, RTN_LOCAL)
#define FROM_ELSEWHERE STEP(.kind = WALL_ROUTE_TYPE, .key = NFTA_FIB_F_SADDR, .to = 15), IS_NOT_WORD(15, RTN_LOCAL)
#define CT(k, bits) STEP(.kind = WALL_CT, .key = (k), .to = 14), BIT(14, bits)
#define DNATED CT(NFT_CT_STATUS, IPS_DST_NAT)
#define KNOWN CT(NFT_CT_STATE, NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED))
#define L4(r) META(NFT_META_L4PROTO, r)
#define IS_LOOPBACK4(r) IS1(r, 127)
#define IS_LOOPBACK6(r) IS16(r, [15] = 1)
#define IS_METADATA4(r) IS4(r, 169, 254, 169, 254)
#define IS_METADATA6(r) IS16(r, 0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54)

/* Where a published port leads to: the address it is published on, or any of the machine's. */
#define TO_ONE4 V4, NET(16, 4, 0), L4(1), TRANSPORT(2, 2, 2), LEADS(0, WALL_ONE4, 4), DNAT(NFPROTO_IPV4, 4)
#define TO_ANY4 V4, LOCAL, L4(1), TRANSPORT(2, 2, 2), LEADS(1, WALL_ANY4, 4), DNAT(NFPROTO_IPV4, 4)
#define TO_ONE6 V6, NET(24, 16, 0), L4(4), TRANSPORT(2, 2, 5), LEADS(0, WALL_ONE6, 8), DNAT(NFPROTO_IPV6, 8)
#define TO_ANY6 V6, LOCAL, L4(4), TRANSPORT(2, 2, 5), LEADS(4, WALL_ANY6, 8), DNAT(NFPROTO_IPV6, 8)
#define PUBLISHED TO_ONE4, TO_ANY4, TO_ONE6, TO_ANY6
#define SAME_BRIDGE IIF(0), OIF(4), IN(0, WALL_SAME)
/* Who sends: the port it came through, its MAC; the address goes behind. */
#define SENDER IIF(0), SOURCE_MAC(4)
#define ETHER(v) META(NFT_META_PROTOCOL, 15), IS2(15, v)
#define UDP_FROM(v) L4(15), IS1(15, IPPROTO_UDP), TRANSPORT(0, 2, 15), IS2(15, v)
#define ICMP6(v) L4(15), IS1(15, IPPROTO_ICMPV6), TRANSPORT(0, 1, 15), IS1(15, v)

/* Our bridges may carry 127.0.0.0/8 (attach.c); nobody behind them may make use of it. Before connections are looked up: the answers that this is
 * for still have the bridge's address. */
static const struct wall_op raw[] = {
	V4, NET(16, 1, 0), IS_LOOPBACK4(0), IIF(0), IN(0, WALL_BRIDGES), DROP,
	END,
};

static const struct wall_op dstnat[] = {
	/* A port that is published on the loopback is for this machine alone. */
	V4, NET(16, 1, 0), IS_LOOPBACK4(0), ACCEPT,
	V6, NET(24, 16, 0), IS_LOOPBACK6(0), ACCEPT,
	PUBLISHED,
	END,
};

static const struct wall_op output[] = {
	/* The kernel would drop the answers: refused at once is better, the next address that a client tries is 127.0.0.1. */
	V6, NET(24, 16, 0), IS_LOOPBACK6(0), ACCEPT,
	PUBLISHED,
	END,
};

static const struct wall_op srcnat[] = {
	OIF(0), IN(0, WALL_BRIDGES), V4, NET(12, 1, 0), IS_LOOPBACK4(0), MASQUERADE,
	/* From a container by the machine's address to one beside it: else the answer would take the short way and not be known. */
	SAME_BRIDGE, DNATED, MASQUERADE,
	/* The same where the bridge shows its packets to us (br_netfilter): they have no incoming interface here. */
	META(NFT_META_IIF, 0), IS_WORD(0, 0), OIF(0), IN(0, WALL_BRIDGES), DNATED, FROM_ELSEWHERE, MASQUERADE,
	IIF(0), IN(0, WALL_HIDDEN), OIF(0), NOT_IN(0, WALL_BRIDGES), MASQUERADE,
	END,
};

/* The programs of the machine may be asked, but for the API: whoever has that has the machine. */
static const struct wall_op input[] = {
	IIF(0), IN(0, WALL_BRIDGES), L4(0), IS1(0, IPPROTO_TCP), TRANSPORT(2, 2, 0), IN(0, WALL_DOORS), DROP,
	END,
};

static const struct wall_op forward[] = {
	IIF(0), NOT_IN(0, WALL_BRIDGES), OIF(0), NOT_IN(0, WALL_BRIDGES), ACCEPT,
	SAME_BRIDGE, DNATED, ACCEPT,
	SAME_BRIDGE, NOT_IN(0, WALL_ALONE), ACCEPT,
	SAME_BRIDGE, DROP,
	IIF(0), IN(0, WALL_INTERNAL), DROP,
	OIF(0), IN(0, WALL_INTERNAL), DROP,
	IIF(0), IN(0, WALL_BRIDGES), NOT_IN(0, WALL_METADATA), V4, NET(16, 4, 0), IS_METADATA4(0), DROP,
	IIF(0), IN(0, WALL_BRIDGES), NOT_IN(0, WALL_METADATA), V6, NET(24, 16, 0), IS_METADATA6(0), DROP,
	KNOWN, ACCEPT,
	DNATED, ACCEPT,
	OIF(0), IN(0, WALL_BRIDGES), DROP,
	END,
};

/* Nobody on a bridge speaks with another one's MAC or address, plays the router or hands out addresses. */
static const struct wall_op sender[] = {
	IIF(0), NOT_IN(0, WALL_PORTS), ACCEPT,
	ETHER(ETH_P_ARP), SENDER, NET(14, 4, 6), NOT_IN(0, WALL_FROM4), DROP,
	ETHER(ETH_P_ARP), IIF(0), NET(8, 6, 4), NET(14, 4, 6), NOT_IN(0, WALL_FROM4), DROP,
	ETHER(ETH_P_ARP), ACCEPT,
	ETHER(ETH_P_IP), SENDER, NET(12, 4, 6), NOT_IN(0, WALL_FROM4), DROP,
	ETHER(ETH_P_IP), UDP_FROM(67), DROP,
	ETHER(ETH_P_IP), ACCEPT,
	ETHER(ETH_P_IPV6), SENDER, NET(8, 16, 6), NOT_IN(0, WALL_FROM6), DROP,
	ETHER(ETH_P_IPV6), UDP_FROM(547), DROP,
	ETHER(ETH_P_IPV6), ICMP6(ROUTER_ADVERTISEMENT), DROP,
	ETHER(ETH_P_IPV6), ICMP6(REDIRECT), DROP,
	ETHER(ETH_P_IPV6), ICMP6(NEIGHBOUR_ADVERTISEMENT), SENDER, TRANSPORT(8, 16, 6), NOT_IN(0, WALL_FROM6), DROP,
	ETHER(ETH_P_IPV6), ACCEPT,
	DROP,
	END,
};
/* clang-format on */

const struct wall_chain wall_chains[] = {
    {NFPROTO_INET, "raw", "filter", NF_INET_PRE_ROUTING, -300, raw},
    {NFPROTO_INET, "dstnat", "nat", NF_INET_PRE_ROUTING, -100, dstnat},
    {NFPROTO_INET, "output", "nat", NF_INET_LOCAL_OUT, -100, output},
    {NFPROTO_INET, "srcnat", "nat", NF_INET_POST_ROUTING, 100, srcnat},
    {NFPROTO_INET, "input", "filter", NF_INET_LOCAL_IN, 0, input},
    {NFPROTO_INET, "forward", "filter", NF_INET_FORWARD, 0, forward},
    {NFPROTO_BRIDGE, "sender", "filter", NF_INET_PRE_ROUTING, -300, sender},
};
const size_t wall_n_chains = sizeof wall_chains / sizeof *wall_chains;
