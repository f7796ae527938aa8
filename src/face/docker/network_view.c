/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/container.h"
#include "face/docker/network.h"

#include <errno.h>
#include <string.h>

struct net *network_books(const struct docker_call *c)
{
	struct net *n = engine_net(c->d->engine);

	if (!n)
		docker_message(c->r, 503, "this engine has no networks");
	return n;
}

const struct net_network *network_named(const struct docker_call *c, const char *name)
{
	struct net *n = network_books(c);
	const struct net_network *found;
	struct err err = ERR_INIT;

	if (!n)
		return NULL;
	if (net_find(n, name, &found, &err) == 0)
		return found;
	network_fail(c->r, &err);
	return NULL;
}

/* Docker says 403 where the state of a network forbids something, and 409 of names alone. */
void network_fail(struct http_req *r, const struct err *err)
{
	static const struct {
		int code, status;
	} rows[] = {{ENOENT, 404}, {EEXIST, 409}, {EBUSY, 403},	 {EPERM, 403},
		    {EINVAL, 400}, {E2BIG, 400},  {ENOTSUP, 403}};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].code == err->code) {
			docker_message(r, rows[i].status, "%s", err->text);
			return;
		}
	}
	docker_message(r, 500, "%s", err->text);
}

/* ---- JSON ---- */

static void add_pairs(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, const struct net_pair *v, size_t n)
{
	yyjson_mut_val *map = yyjson_mut_obj_add_obj(d, o, key);

	for (size_t i = 0; i < n; i++)
		yyjson_mut_obj_add(map, yyjson_mut_strcpy(d, v[i].key), yyjson_mut_strcpy(d, v[i].value));
}

#define MTU_USUAL 1500

static void add_text(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, const char *text)
{
	if (text && *text)
		yyjson_mut_obj_add_strcpy(d, o, key, text);
}

static void add_ipam(yyjson_mut_doc *d, yyjson_mut_val *o, const struct net_network *n)
{
	yyjson_mut_val *ipam = yyjson_mut_obj_add_obj(d, o, "IPAM"), *list;

	yyjson_mut_obj_add_strcpy(d, ipam, "Driver", n->ipam_driver ? n->ipam_driver : "default");
	if (n->n_ipam_options > 0)
		add_pairs(d, ipam, "Options", n->ipam_options, n->n_ipam_options);
	else
		yyjson_mut_obj_add_null(d, ipam, "Options");
	list = yyjson_mut_obj_add_arr(d, ipam, "Config");
	for (size_t i = 0; i < n->n_pools; i++) {
		yyjson_mut_val *pool = yyjson_mut_arr_add_obj(d, list);

		add_text(d, pool, "Subnet", n->pools[i].subnet);
		add_text(d, pool, "IPRange", n->pools[i].ip_range);
		add_text(d, pool, "Gateway", n->pools[i].gateway);
		if (n->pools[i].n_aux > 0)
			add_pairs(d, pool, "AuxiliaryAddresses", n->pools[i].aux, n->pools[i].n_aux);
	}
}

static void add_address(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, const char *ip, int prefix)
{
	mem_cleanup char *text = *ip ? mem_printf("%s/%d", ip, prefix) : mem_strdup("");

	yyjson_mut_obj_add_strcpy(d, o, key, text);
}

static void add_containers(struct docker *d, yyjson_mut_doc *doc, yyjson_mut_val *map, const struct net_network *n)
{
	const struct net_endpoint *e;

	for (size_t i = 0; (e = net_endpoint_at(engine_net(d->engine), n, i)); i++) {
		const struct engine_container *c = NULL;
		yyjson_mut_val *o = yyjson_mut_obj(doc);

		yyjson_mut_obj_add(map, yyjson_mut_strcpy(doc, e->container), o);
		(void)engine_find(d->engine, e->container, &c, NULL);
		yyjson_mut_obj_add_strcpy(doc, o, "Name", c ? c->name : "");
		yyjson_mut_obj_add_strcpy(doc, o, "EndpointID", e->id);
		yyjson_mut_obj_add_strcpy(doc, o, "MacAddress", e->mac);
		add_address(doc, o, "IPv4Address", e->ipv4, e->prefix4);
		add_address(doc, o, "IPv6Address", e->ipv6, e->prefix6);
	}
}

/* Docker writes down those of its own bridge: whoever wants its interface looks here. */
static void add_bridge_options(yyjson_mut_doc *d, yyjson_mut_val *o, const struct net_network *n)
{
	mem_cleanup char *mtu = mem_printf("%lld", (long long)(n->mtu ? n->mtu : MTU_USUAL));
	const struct net_pair all[] = {
	    {"com.docker.network.bridge.default_bridge", "true"},
	    {"com.docker.network.bridge.enable_icc", n->icc ? "true" : "false"},
	    {"com.docker.network.bridge.enable_ip_masquerade", n->masquerade ? "true" : "false"},
	    {"com.docker.network.bridge.host_binding_ipv4", n->host_binding_ipv4 ? n->host_binding_ipv4 : "0.0.0.0"},
	    {"com.docker.network.bridge.name", n->bridge},
	    {"com.docker.network.driver.mtu", mtu},
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if (!yyjson_mut_obj_get(o, all[i].key))
			yyjson_mut_obj_add_strcpy(d, o, all[i].key, all[i].value);
	}
}

yyjson_mut_val *network_view(struct docker *d, yyjson_mut_doc *doc, const struct net_network *n, bool with_containers)
{
	yyjson_mut_val *o = yyjson_mut_obj(doc), *from, *containers;
	char time[DOCKER_TIME_MAX];

	yyjson_mut_obj_add_strcpy(doc, o, "Name", n->name);
	yyjson_mut_obj_add_strcpy(doc, o, "Id", n->id);
	yyjson_mut_obj_add_strcpy(doc, o, "Created", docker_time(n->created_ns / 1000000, time));
	yyjson_mut_obj_add_str(doc, o, "Scope", "local");
	yyjson_mut_obj_add_str(doc, o, "Driver", net_driver_name(n->driver));
	yyjson_mut_obj_add_bool(doc, o, "EnableIPv4", n->ipv4 != 0);
	/* What was asked for: docker-compose 1 takes a network that has what it did not ask for as one to be made anew. */
	yyjson_mut_obj_add_bool(doc, o, "EnableIPv6", n->ipv6 > 0 && !n->ipv6_own);
	add_ipam(doc, o, n);
	yyjson_mut_obj_add_bool(doc, o, "Internal", n->internal);
	yyjson_mut_obj_add_bool(doc, o, "Attachable", n->attachable);
	yyjson_mut_obj_add_bool(doc, o, "Ingress", n->ingress);
	from = yyjson_mut_obj_add_obj(doc, o, "ConfigFrom");
	yyjson_mut_obj_add_str(doc, from, "Network", "");
	yyjson_mut_obj_add_bool(doc, o, "ConfigOnly", false);
	containers = yyjson_mut_obj_add_obj(doc, o, "Containers");
	if (with_containers)
		add_containers(d, doc, containers, n);
	add_pairs(doc, o, "Options", n->options, n->n_options);
	if (n->is_default && n->driver == NET_BRIDGE)
		add_bridge_options(doc, yyjson_mut_obj_get(o, "Options"), n);
	add_pairs(doc, o, "Labels", n->labels, n->n_labels);
	return o;
}

/* ---- filters ---- */

/* "name" or "name=value" */
static bool has_label(const struct net_network *n, const char *wanted)
{
	size_t len = strcspn(wanted, "=");

	for (size_t i = 0; i < n->n_labels; i++) {
		const struct net_pair *l = &n->labels[i];

		if (strlen(l->key) == len && !memcmp(l->key, wanted, len))
			return !wanted[len] || !strcmp(l->value, wanted + len + 1);
	}
	return false;
}

bool network_labels_fit(const struct net_network *n, const struct docker_filters *f)
{
	const char *value;

	for (size_t i = 0; (value = docker_filter(f, "label", i)); i++) {
		if (!has_label(n, value))
			return false;
	}
	for (size_t i = 0; (value = docker_filter(f, "label!", i)); i++) {
		if (has_label(n, value))
			return false;
	}
	return true;
}

bool network_dangles(const struct net_network *n)
{
	return !n->is_default && n->n_endpoints == 0;
}
