/* SPDX-License-Identifier: Apache-2.0
 *
 * side: several daemons of one machine, with different data, beside each other. The first to have containers on networks has the usual names (nft table
 * "berth", bridge "berth0"); another one that finds them taken steps aside for good, to names made of its own IPv6 prefix ("berth-1a2b3c4d"). And a network
 * whose subnet was chosen by us gets another one, as long as nobody is on it, when the machine uses that one otherwise by now: for instance because another
 * daemon chose the same, when neither was in the kernel yet.
 */
#pragma once

#include <stdbool.h>

struct err;
struct net;
struct network;

/* Whether we have stepped aside: a file `side` beside the books. */
void side_load(struct net *n);
/* The bridge of the default network, as it is called now. */
void side_name(const struct net *n, struct network *w);
/* Before the first container comes to a network: steps aside when the usual names are another daemon's; what one left that is gone is removed. */
int side_claim(struct net *n, struct err *err);
/* Before the first container comes to this network. */
int side_make_way(struct net *n, struct network *w, struct err *err);
/* Whether a container is plugged into one of our networks, whoever put it there. */
bool side_has_ports(const struct net *n);
