/* SPDX-License-Identifier: Apache-2.0
 *
 * wall: two nft tables of ours, "inet berth" (or a name of its own, net.h; published ports, masquerade, who may speak to whom) and "bridge berth" (nobody sends in another one's name).
 * The rules are fixed; what changes stands in sets and maps, one element a port. Nothing else of the machine's is touched. docs/NETWORKS.md says
 * what the rules do.
 *
 *   wall_rules.c  the rules as tables     wall_code.c  tables -> netlink     wall.c  elements, and all calls     wall_watch.c  who flushed it?
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct loop;
struct nl;
struct plug;

/* `keep`: the socket that these two use and leave open, NL_NULL at first; NULL = one of their own. The kernel lets whoever closes a socket of nft wait until
 * what anybody removed just before is freed (5 to 20 ms), and everybody who changes rules waits with him: who is in a hurry closes later. */
/* The elements of a plug, in its table; puts the tables there when they are missing. */
int wall_add(const struct plug *p, struct nl *keep, struct err *err);
/* Takes away what is its own (not what belongs to its networks). 1: something of it was there; 0: nothing. */
int wall_remove(const struct plug *p, struct nl *keep, struct err *err);
/* The same for a network that goes. */
int wall_remove_bridge(const char *table, const char *bridge, struct err *err);

/* Both tables anew, in one step, with these plugs in them and this owner's. None = the tables are removed, if they are there. */
int wall_assert(const char *table, const struct plug *const *plugs, size_t n, const char *owner, struct err *err);
/* Whether both tables of this name and version are there. */
bool wall_stands(const char *table);
/* Whether they are there and of another daemon's networks. */
bool wall_is_others(const char *table, const char *owner);
/* Whether they are there, of whatever version, and of this one's. */
bool wall_is_ours(const char *table, const char *owner);

struct plug_port;
/* Whether a table of another daemon than this one's leads the port somewhere already. */
bool wall_port_is_others(const char *table, const struct plug_port *p);

/* Calls fn(ctx) soon after somebody other than wall_assert() of this process removed something of them. The name is borrowed. */
struct wall_watch;
typedef void (*wall_fn)(void *ctx);
int wall_watch_new(struct loop *l, const char *table, wall_fn fn, void *ctx, struct wall_watch **ret, struct err *err);
struct wall_watch *wall_watch_free(struct wall_watch *w);

/* Forward chains of others that drop what they do not know: fn for each, "ip filter FORWARD". */
typedef void (*wall_other_fn)(void *ctx, const char *chain);
void wall_others(wall_other_fn fn, void *ctx);
