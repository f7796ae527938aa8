/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/docker/network.h"
#include "face/docker/shape.h"
#include "node/engine/network_wish.h"

#include <stdio.h>
#include <string.h>

/* ---- networks ---- */

static void add_list(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, char *const *v)
{
	if (v && v[0])
		json_add_strv(d, o, key, v);
	else
		yyjson_mut_obj_add_null(d, o, key);
}

static void add_asked(yyjson_mut_doc *d, yyjson_mut_val *o, const char *ip4, const char *ip6, yyjson_mut_val *local)
{
	yyjson_mut_val *ipam;

	if (!*ip4 && !*ip6 && !local) {
		yyjson_mut_obj_add_null(d, o, "IPAMConfig");
		return;
	}
	ipam = yyjson_mut_obj_add_obj(d, o, "IPAMConfig");
	if (*ip4)
		yyjson_mut_obj_add_strcpy(d, ipam, "IPv4Address", ip4);
	if (*ip6)
		yyjson_mut_obj_add_strcpy(d, ipam, "IPv6Address", ip6);
	if (local)
		yyjson_mut_obj_add_val(d, ipam, "LinkLocalIPs", local);
}

static void copy_member(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, yyjson_val *spec, const char *from)
{
	yyjson_val *v = yyjson_obj_get(spec, from);

	if (v)
		yyjson_mut_obj_add_val(d, o, key, yyjson_val_mut_copy(d, v));
	else
		yyjson_mut_obj_add_null(d, o, key);
}

/* What was asked for when it was made. */
static yyjson_val *wish_of(struct net *net, yyjson_val *spec, const struct net_network *network)
{
	size_t i, n;
	yyjson_val *v;

	yyjson_arr_foreach (yyjson_obj_get(spec, "networks"), i, n, v) {
		if (network_wish_is(net, shape_text(v, "name"), network))
			return v;
	}
	return NULL;
}

static yyjson_mut_val *endpoint_view(yyjson_mut_doc *d, const struct net_endpoint *e, yyjson_val *wish)
{
	yyjson_mut_val *o = yyjson_mut_obj(d), *local = NULL;

	if (e->link_local && *e->link_local) {
		json_add_strv(d, o, "LinkLocalIPs", e->link_local);
		local = yyjson_mut_obj_remove_key(o, "LinkLocalIPs");
	}
	add_asked(d, o, e->fixed4 ? e->ipv4 : "", e->fixed6 ? e->ipv6 : "", local);
	/* Those of the default network stand in HostConfig. */
	add_list(d, o, "Links", e->network->is_default ? NULL : e->links);
	add_list(d, o, "Aliases", e->aliases);
	yyjson_mut_obj_add_strcpy(d, o, "MacAddress", e->mac);
	copy_member(d, o, "DriverOpts", wish, "driver_options");
	yyjson_mut_obj_add_int(d, o, "GwPriority", e->gw_priority);
	yyjson_mut_obj_add_strcpy(d, o, "NetworkID", e->network->id);
	yyjson_mut_obj_add_strcpy(d, o, "EndpointID", e->id);
	yyjson_mut_obj_add_strcpy(d, o, "Gateway", *e->ipv4 ? e->gateway4 : "");
	yyjson_mut_obj_add_strcpy(d, o, "IPAddress", e->ipv4);
	yyjson_mut_obj_add_int(d, o, "IPPrefixLen", *e->ipv4 ? e->prefix4 : 0);
	yyjson_mut_obj_add_strcpy(d, o, "IPv6Gateway", *e->ipv6 ? e->gateway6 : "");
	yyjson_mut_obj_add_strcpy(d, o, "GlobalIPv6Address", e->ipv6);
	yyjson_mut_obj_add_int(d, o, "GlobalIPv6PrefixLen", *e->ipv6 ? e->prefix6 : 0);
	add_list(d, o, "DNSNames", e->network->is_default ? NULL : e->dns_names);
	return o;
}

/* One that it will be on when it runs. */
static yyjson_mut_val *wish_view(struct net *net, yyjson_mut_doc *d, yyjson_val *wish)
{
	static const char *const texts[] = {"EndpointID", "Gateway", "IPAddress", "IPv6Gateway", "GlobalIPv6Address"};
	yyjson_mut_val *o = yyjson_mut_obj(d);
	const struct net_network *n = NULL;

	(void)net_find(net, shape_text(wish, "name"), &n, NULL);
	add_asked(d, o, shape_text(wish, "ipv4"), shape_text(wish, "ipv6"),
		  yyjson_val_mut_copy(d, yyjson_obj_get(wish, "link_local")));
	copy_member(d, o, "Links", n && n->is_default ? NULL : wish, "links");
	copy_member(d, o, "Aliases", wish, "aliases");
	yyjson_mut_obj_add_strcpy(d, o, "MacAddress", shape_text(wish, "mac"));
	copy_member(d, o, "DriverOpts", wish, "driver_options");
	yyjson_mut_obj_add_int(d, o, "GwPriority", shape_number(wish, "gw_priority"));
	yyjson_mut_obj_add_strcpy(d, o, "NetworkID", n ? n->id : "");
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		yyjson_mut_obj_add_str(d, o, texts[i], "");
	yyjson_mut_obj_add_int(d, o, "IPPrefixLen", 0);
	yyjson_mut_obj_add_int(d, o, "GlobalIPv6PrefixLen", 0);
	yyjson_mut_obj_add_null(d, o, "DNSNames");
	return o;
}

static void add_wishes(struct net *net, yyjson_mut_doc *d, yyjson_mut_val *map, yyjson_val *wishes)
{
	size_t i, n;
	yyjson_val *v;

	yyjson_arr_foreach (wishes, i, n, v) {
		const struct net_network *found = NULL;

		(void)net_find(net, shape_text(v, "name"), &found, NULL);
		yyjson_mut_obj_put(map, yyjson_mut_strcpy(d, found ? found->name : shape_text(v, "name")),
				   wish_view(net, d, v));
	}
}

static void add_wanted(struct docker *d, yyjson_mut_doc *doc, yyjson_mut_val *map, const char *container,
		       yyjson_val *spec)
{
	json_doc_cleanup yyjson_doc *changed = NULL;

	if (engine_networks(d->engine, container, &changed, NULL) == 0)
		add_wishes(engine_net(d->engine), doc, map, yyjson_doc_get_root(changed));
	else
		add_wishes(engine_net(d->engine), doc, map, yyjson_obj_get(spec, "networks"));
}

/* The machine's network, or none, is a network too. */
static void add_mode(struct net *net, yyjson_mut_doc *d, yyjson_mut_val *map, yyjson_val *spec)
{
	const char *mode = shape_text(spec, "network_mode");
	const struct net_network *n;
	yyjson_mut_val *o;

	if ((strcmp(mode, "host") != 0 && strcmp(mode, "none") != 0) || net_find(net, mode, &n, NULL) < 0)
		return;
	o = wish_view(net, d, NULL);
	yyjson_mut_obj_put(o, yyjson_mut_str(d, "NetworkID"), yyjson_mut_strcpy(d, n->id));
	yyjson_mut_obj_put(map, yyjson_mut_strcpy(d, n->name), o);
}

yyjson_mut_val *network_settings_networks(struct docker *d, yyjson_mut_doc *doc, const char *container,
					  yyjson_val *spec)
{
	struct net *net = engine_net(d->engine);
	yyjson_mut_val *map = yyjson_mut_obj(doc);
	const struct net_endpoint *e;

	if (!net)
		return map;
	for (size_t i = 0; (e = net_endpoint_of(net, container, i)); i++)
		yyjson_mut_obj_put(map, yyjson_mut_strcpy(doc, e->network->name),
				   endpoint_view(doc, e, wish_of(net, spec, e->network)));
	if (yyjson_mut_obj_size(map) == 0)
		add_wanted(d, doc, map, container, spec);
	if (yyjson_mut_obj_size(map) == 0)
		add_mode(net, doc, map, spec);
	return map;
}

/* ---- ports ---- */

static yyjson_mut_val *port_entry(yyjson_mut_doc *d, yyjson_mut_val *map, const struct net_port *p)
{
	mem_cleanup char *key = mem_printf("%u/%s", p->port, net_proto_name(p->proto));
	yyjson_mut_val *list = yyjson_mut_obj_get(map, key);

	if (yyjson_mut_is_arr(list))
		return list;
	list = yyjson_mut_arr(d);
	yyjson_mut_obj_put(map, yyjson_mut_strcpy(d, key), list);
	return list;
}

yyjson_mut_val *network_settings_ports(struct docker *d, yyjson_mut_doc *doc, const char *container,
				       yyjson_val *exposed)
{
	struct net *net = engine_net(d->engine);
	yyjson_mut_val *map = yyjson_mut_obj(doc);
	const struct net_port *p;
	size_t i, n;
	yyjson_val *key, *v;

	/* Nothing is open when it does not run. */
	if (!net || (!net_endpoint_of(net, container, 0) && !net_port_of(net, container, 0)))
		return map;
	yyjson_obj_foreach (exposed, i, n, key, v) {
		yyjson_mut_obj_add(map, yyjson_val_mut_copy(doc, key), yyjson_mut_null(doc));
	}
	for (i = 0; (p = net_port_of(net, container, i)); i++) {
		yyjson_mut_val *o = yyjson_mut_arr_add_obj(doc, port_entry(doc, map, p));
		char number[8];

		snprintf(number, sizeof number, "%u", p->host_port);
		yyjson_mut_obj_add_strcpy(doc, o, "HostIp", p->host_ip);
		yyjson_mut_obj_add_strcpy(doc, o, "HostPort", number);
	}
	return map;
}

static bool is_published(struct net *net, const char *container, unsigned port, const char *protocol)
{
	const struct net_port *p;

	for (size_t i = 0; (p = net_port_of(net, container, i)); i++) {
		if (p->port == port && !strcmp(net_proto_name(p->proto), protocol))
			return true;
	}
	return false;
}

static void add_exposed(struct net *net, yyjson_mut_doc *d, yyjson_mut_val *list, const char *container,
			yyjson_val *exposed)
{
	size_t i, n;
	yyjson_val *key, *v;

	yyjson_obj_foreach (exposed, i, n, key, v) {
		char protocol[8];
		unsigned port;
		yyjson_mut_val *o;

		if (sscanf(yyjson_get_str(key), "%5u/%7s", &port, protocol) < 2 ||
		    is_published(net, container, port, protocol))
			continue;
		o = yyjson_mut_arr_add_obj(d, list);
		yyjson_mut_obj_add_uint(d, o, "PrivatePort", port);
		yyjson_mut_obj_add_strcpy(d, o, "Type", protocol);
	}
}

yyjson_mut_val *network_settings_port_list(struct docker *d, yyjson_mut_doc *doc, const char *container,
					   yyjson_val *exposed)
{
	struct net *net = engine_net(d->engine);
	yyjson_mut_val *list = yyjson_mut_arr(doc);
	const struct net_port *p;

	if (!net || (!net_endpoint_of(net, container, 0) && !net_port_of(net, container, 0)))
		return list;
	add_exposed(net, doc, list, container, exposed);
	for (size_t i = 0; (p = net_port_of(net, container, i)); i++) {
		yyjson_mut_val *o = yyjson_mut_arr_add_obj(doc, list);

		yyjson_mut_obj_add_strcpy(doc, o, "IP", p->host_ip);
		yyjson_mut_obj_add_uint(doc, o, "PrivatePort", p->port);
		yyjson_mut_obj_add_uint(doc, o, "PublicPort", p->host_port);
		yyjson_mut_obj_add_str(doc, o, "Type", net_proto_name(p->proto));
	}
	return list;
}
