/* SPDX-License-Identifier: Apache-2.0
 *
 * Networks and published ports of the spec:
 *   "networks": [{"name", "ipv4", "ipv6", "link_local": [], "mac", "aliases": [], "links": [], "driver_options": {}, "gw_priority"}], all but the name optional; none for the
 *               modes host, none and container:...
 *   "expose":   ["80/tcp"]
 *   "ports":    [{"port", "protocol", "host_ip", "host_first", "host_last"}], as net_publish of node/net/net.h; host_first 0 = any
 */
#include "face/docker/create_private.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/docker/network.h"
#include "face/docker/shape.h"

#include <arpa/inet.h>
#include <string.h>

#define PORTS_MAX 65536

/* ---- networks ---- */

static const struct shape endpoint_members[] = {
    {"IPAMConfig", SHAPE_OBJ},
    {"Links", SHAPE_STRV, NULL, "links"},
    {"Aliases", SHAPE_STRV, NULL, "aliases"},
    {"MacAddress", SHAPE_STR, NULL, "mac"},
    {"DriverOpts", SHAPE_MAP, NULL, "driver_options"},
    {"GwPriority", SHAPE_INT, NULL, "gw_priority"},
    {NULL},
};
static const struct shape ipam_members[] = {{"IPv4Address", SHAPE_STR, NULL, "ipv4"},
					    {"IPv6Address", SHAPE_STR, NULL, "ipv6"},
					    {"LinkLocalIPs", SHAPE_STRV, NULL, "link_local"},
					    {NULL}};

static const char *network_name(const char *name)
{
	return !strcmp(name, "default") ? "bridge" : name;
}

static int check_link_local(yyjson_val *ipam, struct err *err)
{
	cleanup_with(mem_strv_freep) char **addresses = NULL;
	int r = json_opt_strv(ipam, "LinkLocalIPs", &addresses, err);

	return r < 0 ? r : network_check_link_local(addresses, err);
}

static int pass_endpoint(struct making *m, const char *name, yyjson_val *v, struct err *err)
{
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(m->d, yyjson_mut_obj_get(m->spec, "networks"));
	yyjson_val *ipam = yyjson_obj_get(v, "IPAMConfig");

	yyjson_mut_obj_add_strcpy(m->d, o, "name", network_name(name));
	if (shape_copy(m->d, yyjson_mut_obj(m->d), v, endpoint_members, name, err) < 0 ||
	    shape_copy(m->d, yyjson_mut_obj(m->d), ipam, ipam_members, name, err) < 0)
		return -EINVAL;
	shape_pass(m->d, o, v, endpoint_members);
	shape_pass(m->d, o, ipam, ipam_members);
	return check_link_local(ipam, err);
}

static yyjson_val *endpoint_of(yyjson_val *endpoints, const char *name)
{
	yyjson_val *v = yyjson_obj_get(endpoints, name);

	return v || strcmp(name, "bridge") != 0 ? v : yyjson_obj_get(endpoints, "default");
}

/* The network that the mode names first, then all others of EndpointsConfig. */
static int pass_networks(struct making *m, const char *mode, struct err *err)
{
	yyjson_val *endpoints = yyjson_obj_get(m->network, "EndpointsConfig"), *key, *v;
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(m->d, m->spec, "networks"), *first;
	yyjson_val *links = yyjson_obj_get(m->host, "Links");
	const char *mac = shape_text(m->config, "MacAddress");
	size_t i, n;

	if (pass_endpoint(m, mode, endpoint_of(endpoints, network_name(mode)), err) < 0)
		return -EINVAL;
	/* Older clients give the address of the card in Config. */
	first = yyjson_mut_arr_get_first(list);
	if (*mac && !yyjson_mut_obj_get(first, "mac"))
		yyjson_mut_obj_add_strcpy(m->d, first, "mac", mac);
	/* Those of the default network stand in HostConfig. */
	if (shape_is_set(links) && !yyjson_mut_obj_get(first, "links"))
		yyjson_mut_obj_add_val(m->d, first, "links", yyjson_val_mut_copy(m->d, links));
	yyjson_obj_foreach (endpoints, i, n, key, v) {
		const char *name = yyjson_get_str(key);

		if (!strcmp(network_name(name), network_name(mode)))
			continue;
		if (pass_endpoint(m, name, v, err) < 0)
			return -EINVAL;
	}
	return 0;
}

/* ---- ports ---- */

struct range {
	unsigned first, last; /* 0, 0 = any */
};

static int parse_range(const char *text, size_t len, struct range *ret)
{
	unsigned long v[2] = {0, 0};
	const char *p = text;
	char *end;

	*ret = (struct range){0};
	if (len == 0)
		return 0;
	for (int i = 0; i < 2; i++) {
		if (*p < '0' || *p > '9')
			return -EINVAL;
		v[i] = strtoul(p, &end, 10);
		if (v[i] > 65535 || (size_t)(end - text) > len)
			return -EINVAL;
		if ((size_t)(end - text) == len) {
			*ret = (struct range){(unsigned)v[0], (unsigned)v[i]};
			return i == 1 && v[1] < v[0] ? -EINVAL : 0;
		}
		if (*end != '-')
			return -EINVAL;
		p = end + 1;
	}
	return -EINVAL;
}

/* "80/tcp", "80", "8000-8010/udp" */
static int parse_port(const char *text, struct range *ret, const char **ret_protocol, struct err *err)
{
	static const char *const protocols[] = {"tcp", "udp", "sctp"};
	size_t n = strcspn(text, "/");
	const char *protocol = text[n] ? text + n + 1 : "tcp";

	for (size_t i = 0; i < 3; i++) {
		if (strcasecmp(protocol, protocols[i]) != 0)
			continue;
		*ret_protocol = protocols[i];
		if (parse_range(text, n, ret) == 0 && ret->first > 0)
			return 0;
		return err_set(err, EINVAL, "invalid port specification: \"%.100s\"", text);
	}
	return err_set(err, EINVAL, "invalid port specification: \"%.100s\": the protocol is none of tcp, udp and sctp",
		       text);
}

struct wish {
	unsigned port;
	const char *protocol, *host_ip;
	struct range host;
};

static int add_port(struct making *m, const struct wish *w, struct err *err)
{
	yyjson_mut_val *list = yyjson_mut_obj_get(m->spec, "ports"), *o;

	if (!list)
		list = yyjson_mut_obj_add_arr(m->d, m->spec, "ports");
	if (yyjson_mut_arr_size(list) >= PORTS_MAX)
		return err_set(err, E2BIG, "PortBindings: more than %d ports", PORTS_MAX);
	o = yyjson_mut_arr_add_obj(m->d, list);
	yyjson_mut_obj_add_uint(m->d, o, "port", w->port);
	yyjson_mut_obj_add_str(m->d, o, "protocol", w->protocol);
	if (*w->host_ip)
		yyjson_mut_obj_add_strcpy(m->d, o, "host_ip", w->host_ip);
	yyjson_mut_obj_add_uint(m->d, o, "host_first", w->host.first);
	yyjson_mut_obj_add_uint(m->d, o, "host_last", w->host.last);
	return 0;
}

static const struct shape binding_members[] = {{"HostIp", SHAPE_STR, "\"\""}, {"HostPort", SHAPE_STR, "\"\""}, {NULL}};

static int check_ip(const char *ip, struct err *err)
{
	unsigned char address[16];

	if (!*ip || inet_pton(AF_INET, ip, address) == 1 || inet_pton(AF_INET6, ip, address) == 1)
		return 0;
	return err_set(err, EINVAL, "PortBindings: invalid HostIp \"%.100s\"", ip);
}

/* A range of the container's ports needs as many of the host's, or none. */
static int pass_binding(struct making *m, const struct range *ports, const char *protocol, yyjson_val *v,
			struct err *err)
{
	struct wish w = {.protocol = protocol, .host_ip = shape_text(v, "HostIp")};
	const char *host_port = shape_text(v, "HostPort");
	struct range host;
	bool pairwise;

	if (shape_copy(m->d, yyjson_mut_obj(m->d), v, binding_members, "PortBindings", err) < 0)
		return -EINVAL;
	if (parse_range(host_port, strlen(host_port), &host) < 0)
		return err_set(err, EINVAL, "invalid port specification: \"%.100s\"", host_port);
	if (check_ip(w.host_ip, err) < 0)
		return -EINVAL;
	pairwise = ports->last > ports->first && host.first > 0;
	if (pairwise && host.last - host.first != ports->last - ports->first)
		return err_set(err, EINVAL, "PortBindings: the ranges \"%.100s\" and %u-%u are not equally long",
			       host_port, ports->first, ports->last);
	for (w.port = ports->first; w.port <= ports->last; w.port++) {
		unsigned at = host.first + (w.port - ports->first);

		w.host = pairwise ? (struct range){at, at} : host;
		if (add_port(m, &w, err) < 0)
			return -E2BIG;
	}
	return 0;
}

static int pass_bindings(struct making *m, struct err *err)
{
	yyjson_val *bindings = yyjson_obj_get(m->host, "PortBindings"), *key, *list, *v;
	size_t i, n, k, max;

	yyjson_obj_foreach (bindings, i, n, key, list) {
		const char *protocol;
		struct range ports;

		if (parse_port(yyjson_get_str(key), &ports, &protocol, err) < 0)
			return -EINVAL;
		if (!yyjson_is_arr(list) && !yyjson_is_null(list))
			return err_set(err, EINVAL, "PortBindings: \"%.100s\" needs a list", yyjson_get_str(key));
		if (yyjson_arr_size(list) == 0 && pass_binding(m, &ports, protocol, NULL, err) < 0)
			return -err->code;
		yyjson_arr_foreach (list, k, max, v) {
			if (pass_binding(m, &ports, protocol, v, err) < 0)
				return -err->code;
		}
	}
	return 0;
}

static int add_exposed(struct making *m, const struct range *ports, const char *protocol, struct err *err)
{
	yyjson_mut_val *list = yyjson_mut_obj_get(m->spec, "expose");

	if (!list)
		list = yyjson_mut_obj_add_arr(m->d, m->spec, "expose");
	if (yyjson_mut_arr_size(list) + (ports->last - ports->first) >= PORTS_MAX)
		return err_set(err, E2BIG, "ExposedPorts: more than %d ports", PORTS_MAX);
	for (unsigned port = ports->first; port <= ports->last; port++) {
		mem_cleanup char *text = mem_printf("%u/%s", port, protocol);

		yyjson_mut_arr_add_strcpy(m->d, list, text);
	}
	return 0;
}

static int pass_exposed(struct making *m, struct err *err)
{
	yyjson_val *exposed = yyjson_obj_get(m->config, "ExposedPorts"), *key, *v;
	bool publish = yyjson_is_true(yyjson_obj_get(m->host, "PublishAllPorts"));
	size_t i, n;

	yyjson_obj_foreach (exposed, i, n, key, v) {
		const char *protocol;
		struct range ports;

		if (parse_port(yyjson_get_str(key), &ports, &protocol, err) < 0)
			return -EINVAL;
		if (add_exposed(m, &ports, protocol, err) < 0)
			return -err->code;
		if (!publish || yyjson_obj_get(yyjson_obj_get(m->host, "PortBindings"), yyjson_get_str(key)))
			continue;
		if (pass_binding(m, &ports, protocol, NULL, err) < 0)
			return -err->code;
	}
	return 0;
}

int create_network(struct making *m, struct err *err)
{
	bool off = yyjson_is_true(yyjson_obj_get(m->config, "NetworkDisabled"));
	const char *mode = off ? "none" : shape_text(m->host, "NetworkMode");
	bool foreign = !strncmp(mode, "container:", 10), host = !strcmp(mode, "host") || !strcmp(mode, "none");
	struct err own = ERR_INIT, *e = err ? err : &own;

	yyjson_mut_obj_add_strcpy(m->d, m->spec, "network_mode", mode);
	if (foreign && *shape_text(m->config, "Hostname"))
		return err_set(e, EINVAL, "conflicting options: hostname and the network mode");
	if (!foreign && !host && pass_networks(m, mode, e) < 0)
		return -EINVAL;
	if (pass_exposed(m, e) < 0)
		return -e->code;
	if (foreign && shape_is_set(yyjson_obj_get(m->host, "PortBindings")))
		return err_set(e, EINVAL, "conflicting options: port publishing and the container type network mode");
	/* With the machine's network there is nothing to publish. */
	if (foreign || host) {
		yyjson_mut_obj_remove_key(m->spec, "ports");
		if (shape_is_set(yyjson_obj_get(m->host, "PortBindings")) && !strcmp(mode, "host"))
			create_warn(m, "Published ports are discarded when using host network mode");
		return 0;
	}
	return pass_bindings(m, e);
}
