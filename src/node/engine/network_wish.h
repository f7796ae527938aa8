/* SPDX-License-Identifier: Apache-2.0
 *
 * network_wish: what a container wants of networks, as its spec and networks.json say it (docs/formats/container.md). Inside of network.c and
 * networks.c only.
 */
#pragma once

#include "node/engine/names.h"
#include "node/engine/order.h"
#include "node/net/net.h"

struct container;

/* A member of `networks`: {"name", "ipv4", "ipv6", "link_local", "mac", "aliases", "links", "driver_options", "gw_priority", "interface"}. */
struct network_wish {
	struct net_endpoint_wish w; /* borrowed from the JSON and from these */
	char **aliases, **links, **dns_names, **link_local;
};
int network_wish_read(struct container *c, const struct order *o, yyjson_val *v, struct network_wish *ret,
		      struct err *err);
void network_wish_free(struct network_wish *w);
/* A member of `ports`: {"port", "protocol", "host_ip", "host_first", "host_last"}. */
int network_publish_read(yyjson_val *v, struct net_publish *ret, struct err *err);

/* The list of networks that it wants; NULL = none. *doc: to be freed after the list was used. */
yyjson_val *network_wanted(int dir, const struct order *o, yyjson_doc **doc);
/* Whether this is what that name means in such a list. */
bool network_wish_is(struct net *n, const char *name, const struct net_network *w);

/* network.c, for networks.c */
typedef int (*network_names_fn)(struct names *n, const struct names_of *c, int dir, const struct names_life *life,
				struct err *err);
struct names_of network_names_of(struct container *c, const struct order *o);
int network_publish_all(struct container *c, const struct order *o, struct err *err);
int network_write_plug(struct container *c, int dir, struct err *err);
int network_tell_names(struct container *c, int dir, const struct order *o, network_names_fn fn, struct err *err);
/* links.json, by the links of its endpoints. */
int network_write_links(struct container *c, int dir, struct err *err);
/* What a plug does not say of endpoints: aliases and names. */
int network_recall_names(struct container *c, int dir, const struct order *o, struct err *err);
