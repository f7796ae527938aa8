/* SPDX-License-Identifier: Apache-2.0 */
#include "node/net/plug.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const protos[] = {[NET_TCP] = "tcp", [NET_UDP] = "udp", [NET_SCTP] = "sctp"};

const char *net_proto_name(enum net_proto p)
{
	return protos[p];
}

int net_proto_parse(const char *text, enum net_proto *ret, struct err *err)
{
	for (size_t i = 0; i < sizeof protos / sizeof *protos; i++) {
		if (!strcmp(text, protos[i]) || (i == NET_TCP && !*text)) {
			*ret = (enum net_proto)i;
			return 0;
		}
	}
	return err_set(err, EINVAL, "invalid proto: %.32s: tcp, udp or sctp", text);
}

bool net_link_name_ok(const char *name)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t n = strlen(name);

	return n > 0 && n < NET_LINK_MAX && strspn(name, ok) == n && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

bool plug_mac_read(const char *text, unsigned char ret[static PLUG_MAC_LEN])
{
	unsigned v[PLUG_MAC_LEN];
	int end = 0;

	if (strlen(text) != 17 ||
	    sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &end) != PLUG_MAC_LEN ||
	    end != 17)
		return false;
	for (size_t i = 0; i < PLUG_MAC_LEN; i++)
		ret[i] = (unsigned char)v[i];
	/* One of a group cannot be an interface's, nor can none. */
	return !(ret[0] & 1) && (v[0] | v[1] | v[2] | v[3] | v[4] | v[5]);
}

const char *plug_mac_text(const unsigned char mac[static PLUG_MAC_LEN], char out[static NET_MAC_MAX])
{
	snprintf(out, NET_MAC_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return out;
}

void plug_free(struct plug *p)
{
	free(p->endpoints);
	free(p->ports);
	*p = (struct plug){.n_endpoints = 0};
}

/* ---- write ---- */

static void add_text(struct buf *out, const char *key, const char *value)
{
	if (*value)
		buf_printf(out, ",\"%s\":\"%s\"", key, value);
}

static void add_flag(struct buf *out, const char *key, bool value)
{
	if (value)
		buf_printf(out, ",\"%s\":true", key);
}

static void write_endpoint(const struct plug_endpoint *e, struct buf *out)
{
	char text[CIDR_TEXT_MAX], mac[NET_MAC_MAX];

	buf_printf(out, "{\"id\":\"%s\",\"network\":\"%s\",\"bridge\":\"%s\",\"port\":\"%s\",\"interface\":\"%s\"",
		   e->id, e->network, e->bridge, e->port, e->interface);
	add_text(out, "mac", plug_mac_text(e->mac, mac));
	buf_printf(out, ",\"mtu\":%" PRIu32, e->mtu);
	add_flag(out, "internal", e->internal);
	add_flag(out, "icc", e->icc);
	add_flag(out, "masquerade", e->masquerade);
	add_flag(out, "metadata", e->metadata);
	add_flag(out, "antispoof", e->antispoof);
	if (e->ip4.ip.family) {
		add_text(out, "ip4", cidr_text(&e->ip4, text));
		add_text(out, "gateway4", ip_text(&e->gateway4, text));
	}
	if (e->ip6.ip.family) {
		add_text(out, "ip6", cidr_text(&e->ip6, text));
		add_text(out, "gateway6", ip_text(&e->gateway6, text));
	}
	for (size_t i = 0; i < e->n_link_local; i++)
		buf_printf(out, "%s\"%s\"%s", i ? "," : ",\"link_local\":[", cidr_text(&e->link_local[i], text),
			   i + 1 < e->n_link_local ? "" : "]");
	add_flag(out, "route4", e->route4);
	add_flag(out, "route6", e->route6);
	buf_addc(out, '}');
}

static void write_port(const struct plug_port *p, struct buf *out)
{
	char host[IP_TEXT_MAX], ip[IP_TEXT_MAX];

	buf_printf(out, "{\"proto\":\"%s\",\"host_ip\":\"%s\",\"host_port\":%u,\"ip\":\"%s\",\"port\":%u}",
		   protos[p->proto], ip_text(&p->host_ip, host), p->host_port, ip_text(&p->ip, ip), p->port);
}

void plug_write(const struct plug *p, struct buf *out)
{
	buf_printf(out, "{\"container\":\"%s\"", p->container);
	if (*p->table && strcmp(p->table, NET_TABLE) != 0)
		add_text(out, "table", p->table);
	add_text(out, "owner", p->owner);
	buf_adds(out, ",\"endpoints\":[");
	for (size_t i = 0; i < p->n_endpoints; i++) {
		buf_adds(out, i ? ",\n" : "\n");
		write_endpoint(&p->endpoints[i], out);
	}
	buf_adds(out, "],\"ports\":[");
	for (size_t i = 0; i < p->n_ports; i++) {
		buf_adds(out, i ? ",\n" : "\n");
		write_port(&p->ports[i], out);
	}
	buf_adds(out, "],\"doors\":[");
	for (size_t i = 0; i < p->n_doors; i++)
		buf_printf(out, "%s%u", i ? "," : "", p->doors[i]);
	buf_adds(out, "]}\n");
}

/* ---- read ---- */

static int copy_id(yyjson_val *v, const char *key, char ret[static 65], struct err *err)
{
	const char *text = NULL;
	int r = json_get_str(v, key, &text, err);

	if (r < 0)
		return r;
	if (strlen(text) != 64 || strspn(text, "0123456789abcdef") != 64)
		return err_set(err, EINVAL, "%s: \"%.80s\" is no id", key, text);
	memcpy(ret, text, 65);
	return 0;
}

static int copy_owner(yyjson_val *v, char ret[static NET_CIDR_MAX], struct err *err)
{
	const char *text = "";
	int r = json_opt_str(v, "owner", &text, err);

	if (r == 0 && (strlen(text) >= NET_CIDR_MAX || strspn(text, "0123456789abcdef:/") != strlen(text)))
		r = err_set(err, EINVAL, "owner: \"%.64s\" is no prefix", text);
	if (r == 0)
		snprintf(ret, NET_CIDR_MAX, "%s", text);
	return r;
}

static int copy_table(yyjson_val *v, char ret[static NET_LINK_MAX], struct err *err)
{
	const char *text = NET_TABLE;
	int r = json_opt_str(v, "table", &text, err);

	if (r == 0 && (strlen(text) >= NET_LINK_MAX || strncmp(text, NET_TABLE, strlen(NET_TABLE)) != 0))
		r = err_set(err, EINVAL, "table: \"%.64s\" is no name of a table of ours", text);
	if (r == 0)
		snprintf(ret, NET_LINK_MAX, "%s", text);
	return r;
}

static int copy_link(yyjson_val *v, const char *key, char ret[static NET_LINK_MAX], struct err *err)
{
	const char *text = NULL;
	int r = json_get_str(v, key, &text, err);

	if (r < 0)
		return r;
	if (!net_link_name_ok(text))
		return err_set(err, EINVAL, "%s: \"%.32s\" is no name of an interface", key, text);
	snprintf(ret, NET_LINK_MAX, "%s", text);
	return 0;
}

static int read_mac(yyjson_val *v, unsigned char ret[static PLUG_MAC_LEN], struct err *err)
{
	const char *text = NULL;
	int r = json_get_str(v, "mac", &text, err);

	if (r < 0)
		return r;
	return plug_mac_read(text, ret) ? 0 : err_set(err, EINVAL, "mac: \"%.32s\" is no MAC address", text);
}

static int read_address(yyjson_val *v, const char *key, const char *gateway_key, int family, struct cidr *ret,
			struct ip *ret_gateway, struct err *err)
{
	const char *address = NULL, *gateway = NULL;
	int r = json_opt_str(v, key, &address, err);

	if (r == 0)
		r = json_opt_str(v, gateway_key, &gateway, err);
	if (r < 0 || !address)
		return r;
	r = cidr_parse_host(address, ret, err);
	if (r == 0 && gateway)
		r = ip_parse(gateway, ret_gateway, err);
	if (r == 0 && (ret->ip.family != family || (gateway && ret_gateway->family != family)))
		r = err_set(err, EINVAL, "%s: \"%.64s\" is of the other family", key, address);
	return r;
}

/* Older ones have none. */
static int read_link_local(yyjson_val *v, struct plug_endpoint *e, struct err *err)
{
	yyjson_val *list = yyjson_obj_get(v, "link_local"), *one;
	size_t i, n;
	int r = 0;

	if (list && (!yyjson_is_arr(list) || yyjson_arr_size(list) > NET_LINK_LOCAL_MAX))
		return err_set(err, EINVAL, "link_local: a list of at most %d addresses is needed", NET_LINK_LOCAL_MAX);
	yyjson_arr_foreach (list, i, n, one) {
		if (!yyjson_is_str(one))
			return err_set(err, EINVAL, "link_local: an address is a string");
		if (r == 0)
			r = cidr_parse_host(yyjson_get_str(one), &e->link_local[e->n_link_local++], err);
	}
	return r;
}

static int read_flags(yyjson_val *v, struct plug_endpoint *e, struct err *err)
{
	const struct {
		const char *key;
		bool *to;
	} flags[] = {
	    {"internal", &e->internal},	    {"icc", &e->icc},
	    {"masquerade", &e->masquerade}, {"metadata", &e->metadata},
	    {"antispoof", &e->antispoof},   {"route4", &e->route4},
	    {"route6", &e->route6},
	};
	int r = 0;

	for (size_t i = 0; i < sizeof flags / sizeof *flags && r == 0; i++)
		r = json_opt_bool(v, flags[i].key, flags[i].to, err);
	return r;
}

static int read_endpoint(yyjson_val *v, struct plug_endpoint *e, struct err *err)
{
	int64_t mtu = 0;
	int r;

	if (!yyjson_is_obj(v))
		return err_set(err, EINVAL, "endpoints: an object is needed");
	r = copy_id(v, "id", e->id, err);
	if (r == 0)
		r = copy_id(v, "network", e->network, err);
	if (r == 0)
		r = copy_link(v, "bridge", e->bridge, err);
	if (r == 0)
		r = copy_link(v, "port", e->port, err);
	if (r == 0)
		r = copy_link(v, "interface", e->interface, err);
	if (r == 0)
		r = read_mac(v, e->mac, err);
	if (r == 0)
		r = json_opt_int(v, "mtu", 0, 65535, &mtu, err);
	if (r == 0)
		r = read_address(v, "ip4", "gateway4", AF_INET, &e->ip4, &e->gateway4, err);
	if (r == 0)
		r = read_address(v, "ip6", "gateway6", AF_INET6, &e->ip6, &e->gateway6, err);
	if (r == 0)
		r = read_link_local(v, e, err);
	e->mtu = (uint32_t)mtu;
	return r < 0 ? r : read_flags(v, e, err);
}

static int read_port(yyjson_val *v, struct plug_port *p, struct err *err)
{
	const char *proto = NULL, *host_ip = NULL, *ip = NULL;
	int64_t host_port = 0, port = 0;
	int r;

	if (!yyjson_is_obj(v))
		return err_set(err, EINVAL, "ports: an object is needed");
	r = json_get_str(v, "proto", &proto, err);
	if (r == 0)
		r = net_proto_parse(proto, &p->proto, err);
	if (r == 0)
		r = json_get_str(v, "host_ip", &host_ip, err);
	if (r == 0)
		r = json_get_str(v, "ip", &ip, err);
	if (r == 0)
		r = json_get_int(v, "host_port", 1, 65535, &host_port, err);
	if (r == 0)
		r = json_get_int(v, "port", 1, 65535, &port, err);
	if (r == 0)
		r = ip_parse(host_ip, &p->host_ip, err);
	if (r == 0)
		r = ip_parse(ip, &p->ip, err);
	if (r == 0 && p->ip.family != p->host_ip.family)
		r = err_set(err, EINVAL, "ports: \"%s\" and \"%s\" are of two families", host_ip, ip);
	p->host_port = (uint16_t)host_port;
	p->port = (uint16_t)port;
	return r;
}

/* Older ones have none. */
static int read_doors(yyjson_val *root, struct plug *ret, struct err *err)
{
	yyjson_val *doors = yyjson_obj_get(root, "doors"), *v;
	size_t i, n;

	if (doors && (!yyjson_is_arr(doors) || yyjson_arr_size(doors) > NET_DOORS_MAX))
		return err_set(err, EINVAL, "doors: a list of at most %d ports is needed", NET_DOORS_MAX);
	yyjson_arr_foreach (doors, i, n, v) {
		if (!yyjson_is_uint(v) || yyjson_get_uint(v) == 0 || yyjson_get_uint(v) > UINT16_MAX)
			return err_set(err, EINVAL, "doors: a port is 1 to 65535");
		ret->doors[ret->n_doors++] = (uint16_t)yyjson_get_uint(v);
	}
	return 0;
}

static int read_plug(yyjson_val *root, struct plug *ret, struct err *err)
{
	yyjson_val *endpoints = NULL, *ports = NULL, *v;
	size_t i, n;
	int r;

	if (!yyjson_is_obj(root))
		return err_set(err, EINVAL, "an object is needed");
	r = copy_id(root, "container", ret->container, err);
	if (r == 0)
		r = copy_table(root, ret->table, err);
	if (r == 0)
		r = copy_owner(root, ret->owner, err);
	if (r == 0)
		r = json_get_arr(root, "endpoints", &endpoints, err);
	if (r == 0)
		r = json_get_arr(root, "ports", &ports, err);
	if (r < 0)
		return r;
	if (yyjson_arr_size(endpoints) > PLUG_ENDPOINTS_MAX || yyjson_arr_size(ports) > 2 * NET_PORTS_MAX)
		return err_set(err, E2BIG, "too many endpoints or ports");
	ret->endpoints = mem_new_n(struct plug_endpoint, yyjson_arr_size(endpoints) + 1);
	ret->ports = mem_new_n(struct plug_port, yyjson_arr_size(ports) + 1);
	yyjson_arr_foreach (endpoints, i, n, v) {
		if (r == 0)
			r = read_endpoint(v, &ret->endpoints[ret->n_endpoints++], err);
	}
	yyjson_arr_foreach (ports, i, n, v) {
		if (r == 0)
			r = read_port(v, &ret->ports[ret->n_ports++], err);
	}
	return r < 0 ? r : read_doors(root, ret, err);
}

int plug_parse(const char *text, size_t n, struct plug *ret, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = json_parse(text, n, PLUG_TEXT_MAX, PLUG_NAME, err);
	int r;

	*ret = (struct plug){.n_endpoints = 0};
	if (!doc)
		return err ? -err->code : -EINVAL;
	r = read_plug(yyjson_doc_get_root(doc), ret, err);
	return r < 0 ? err_wrap(err, PLUG_NAME) : 0;
}
