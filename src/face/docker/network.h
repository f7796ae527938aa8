/* SPDX-License-Identifier: Apache-2.0
 *
 * network: networks in Docker's words, for the handlers of this folder.
 *
 *   network_view.c    one network as JSON     network_parse.c   the body of a creation, and of an endpoint
 *   network_list.c    list and inspect        network_change.c  create, delete, prune
 *   network_member.c  connect and disconnect  network_settings.c  what inspect of a container shows
 */
#pragma once

#include "face/docker/docker_private.h"
#include "node/engine/networks.h"

/* The network that the path names; what is not there has been answered: 404 "network x not found". */
const struct net_network *network_named(const struct docker_call *c, const char *name);
/* The books; NULL has been answered. */
struct net *network_books(const struct docker_call *c);
/* Answers an error of the books with Docker's status for it. */
void network_fail(struct http_req *r, const struct err *err);

/* All members; with_containers: the map "Containers" is filled. */
yyjson_mut_val *network_view(struct docker *d, yyjson_mut_doc *doc, const struct net_network *n, bool with_containers);

/* Filters "label" and "label!". */
bool network_labels_fit(const struct net_network *n, const struct docker_filters *f);
/* Not a default one, and nobody is on it. */
bool network_dangles(const struct net_network *n);

/* What a body asks for; the texts are borrowed from it. network_body_free() after a failure, too. */
struct network_body {
	struct net_network w;
	struct net_pair *labels, *options, *ipam_options, *aux[NET_POOLS_MAX];
	struct net_pool pools[NET_POOLS_MAX];
	bool scope_swarm, config_only;
};
int network_parse(yyjson_val *body, struct network_body *ret, struct err *err);
void network_body_free(struct network_body *w);

/* EndpointConfig; the network of it is set by the caller. */
struct network_endpoint_body {
	struct net_endpoint_wish w;
	char **aliases, **links, **link_local;
	struct net_pair *driver_options;
};
int network_parse_endpoint(yyjson_val *config, struct network_endpoint_body *ret, struct err *err);
/* LinkLocalIPs; -EINVAL, -E2BIG. */
int network_check_link_local(char *const *addresses, struct err *err);
void network_endpoint_body_free(struct network_endpoint_body *w);

/* network_settings.c: members of NetworkSettings in a container's inspect, and of containers/json. In each the endpoints and ports that the container has; when it
 * has none of them (it does not run), the networks of its spec ("networks") with what was asked for. */
yyjson_mut_val *network_settings_networks(struct docker *d, yyjson_mut_doc *doc, const char *container,
					  yyjson_val *spec);
/* {"80/tcp": [{"HostIp", "HostPort"}], "443/tcp": null} */
yyjson_mut_val *network_settings_ports(struct docker *d, yyjson_mut_doc *doc, const char *container,
				       yyjson_val *exposed);
/* [{"IP", "PrivatePort", "PublicPort", "Type"}] */
yyjson_mut_val *network_settings_port_list(struct docker *d, yyjson_mut_doc *doc, const char *container,
					   yyjson_val *exposed);
