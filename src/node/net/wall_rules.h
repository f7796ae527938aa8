/* SPDX-License-Identifier: Apache-2.0
 *
 * wall_rules: what stands in our tables, as constant data. Inside of the wall only.
 */
#pragma once

/* Before the kernel's, which know it then. */
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <stddef.h>
#include <stdint.h>

#define WALL_TABLE "berth" /* begins the label of all tables of ours, whatever their names */
/* Of the layout below: another one is replaced at the daemon's start. */
#define WALL_VERSION "berth 3"
#define WALL_LABEL_MAX 128 /* of a table: the version, a blank and the owner */

enum wall_kind {
	WALL_END,
	WALL_META,    /* key -> to */
	WALL_CT,      /* key -> to */
	WALL_PAYLOAD, /* base, offset, n -> to */
	WALL_IS,      /* register `at` equals n bytes of data */
	WALL_IS_NOT,
	WALL_ANY_BIT, /* at & data (in the machine's order) is not 0 */
	WALL_IN,      /* at is in `set` */
	WALL_NOT_IN,
	WALL_MAP,	 /* at in map `set` -> to */
	WALL_ROUTE_TYPE, /* kind of route that the destination or the source (key) has -> to */
	WALL_DNAT,	 /* to the address and port in `at`, family key */
	WALL_MASQUERADE,
	WALL_VERDICT, /* key */
};

struct wall_op {
	uint8_t kind, key, at, to; /* at, to: number of a 32-bit register */
	uint8_t base, offset, n;
	uint8_t set; /* enum wall_set_id */
	uint8_t data[16];
	uint32_t word;
};

struct wall_chain {
	uint8_t family;
	const char *name, *type; /* "filter", "nat" */
	uint32_t hook;
	int32_t priority;
	const struct wall_op *
	    ops; /* the rules, one after the other: each ends with a verdict or an address translation; then WALL_END */
};
extern const struct wall_chain wall_chains[];
extern const size_t wall_n_chains;

enum wall_set_id {
	WALL_BRIDGES,  /* interface: all bridges of ours */
	WALL_SAME,     /* interface, interface: each bridge with itself */
	WALL_INTERNAL, /* interface: nobody leaves or comes in */
	WALL_ALONE,    /* interface: its containers do not speak to each other */
	WALL_HIDDEN,   /* interface: what leaves gets the machine's address */
	WALL_METADATA, /* interface: may ask 169.254.169.254 */
	WALL_DOORS,    /* port: the API listens there, and no container comes to it */
	WALL_ONE4,     /* address, protocol, port : address, port */
	WALL_ANY4,     /* protocol, port : address, port */
	WALL_ONE6,
	WALL_ANY6,
	WALL_PORTS, /* interface: ports of bridges that are watched */
	WALL_FROM4, /* interface, MAC, address: who may say that it is who */
	WALL_FROM6,
	WALL_SETS,
};

struct wall_set {
	uint8_t family;
	const char *name;
	uint32_t key_type, data_type; /* nft's numbers, for `nft list` */
	uint8_t key_len, data_len;    /* data_len 0 = a set */
};
extern const struct wall_set wall_sets[WALL_SETS];
