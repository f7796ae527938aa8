/* SPDX-License-Identifier: Apache-2.0
 *
 * Networks, links and ports.
 */
#include "face/project/spec_private.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/show.h"
#include "face/project/project.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- ports ---- */

static yyjson_mut_val *member(struct spec *s, yyjson_mut_val *o, const char *key, bool list)
{
	yyjson_mut_val *v = yyjson_mut_obj_get(o, key);

	if (v)
		return v;
	v = list ? yyjson_mut_arr(s->d) : yyjson_mut_obj(s->d);
	yyjson_mut_obj_add(o, spec_text(s, key), v);
	return v;
}

static void publish(struct spec *s, const char *ip, const char *host, const char *port, const char *protocol)
{
	mem_cleanup char *key = mem_printf("%s/%s", port, protocol);
	yyjson_mut_val *o;

	member(s, member(s, s->root, "ExposedPorts", false), key, false);
	o = yyjson_mut_arr_add_obj(s->d, member(s, member(s, s->host, "PortBindings", false), key, true));
	yyjson_mut_obj_add_strcpy(s->d, o, "HostIp", ip);
	yyjson_mut_obj_add_strcpy(s->d, o, "HostPort", host);
}

static void ports(struct spec *s)
{
	yyjson_val *v;
	size_t i, n;

	yyjson_arr_foreach (yyjson_obj_get(s->service, "ports"), i, n, v) {
		mem_cleanup char *target = mem_printf("%" PRId64, show_int(v, "target", 0));

		publish(s, show_str(v, "host_ip", ""), show_str(v, "published", ""), target,
			show_str(v, "protocol", "tcp"));
	}
}

static void expose(struct spec *s)
{
	yyjson_val *v;
	size_t i, n;

	yyjson_arr_foreach (yyjson_obj_get(s->service, "expose"), i, n, v) {
		mem_cleanup char *plain =
		    yyjson_is_str(v) ? mem_strdup(yyjson_get_str(v)) : yyjson_val_write(v, 0, NULL);
		mem_cleanup char *key = mem_printf("%s%s", plain, plain && strchr(plain, '/') ? "" : "/tcp");

		member(s, member(s, s->root, "ExposedPorts", false), key, false);
	}
}

/* Of `run`: [[IP:]HOST:]PORT[/PROTOCOL] */
static int own_ports(struct spec *s)
{
	for (char **p = s->how->publish; p && *p; p++) {
		mem_cleanup char *text = mem_strdup(*p);
		char *protocol = strchr(text, '/'), *port, *host;

		if (protocol)
			*protocol++ = '\0';
		port = strrchr(text, ':');
		if (port)
			*port++ = '\0';
		host = port ? strrchr(text, ':') : NULL;
		if (host)
			*host++ = '\0';
		if (strtol(port ? port : text, NULL, 10) <= 0)
			return err_set(s->err, EINVAL,
				       "\"%s\" is no port; it looks like 8080:80 or 127.0.0.1:8080:80/tcp", *p);
		publish(s, host ? text : "",
			host   ? host
			: port ? text
			       : "",
			port ? port : text, protocol ? protocol : "tcp");
	}
	return 0;
}

/* ---- networks ---- */

static void links(struct spec *s, yyjson_mut_val *list)
{
	static const char *const keys[] = {"links", "external_links"};
	yyjson_val *v;
	size_t i, n;

	for (size_t k = 0; k < 2; k++) {
		yyjson_arr_foreach (yyjson_obj_get(s->service, keys[k]), i, n, v) {
			const char *text = yyjson_get_str(v) ? yyjson_get_str(v) : "", *alias = strchr(text, ':');
			mem_cleanup char *name = mem_strndup(text, strcspn(text, ":"));
			mem_cleanup char *container = NULL, *entry = NULL;
			yyjson_val *service = k == 0 ? project_service(s->p, name) : NULL;

			container = service ? spec_name(s->p, service, name, 1) : mem_strdup(name);
			entry = mem_printf("%s:%s", container, alias ? alias + 1 : name);
			yyjson_mut_arr_append(list, spec_text(s, entry));
		}
	}
}

static void add_network(struct spec *s, const char *key, yyjson_val *v)
{
	static const char *const names[][2] = {{"ipv4_address", "IPv4Address"}, {"ipv6_address", "IPv6Address"}};
	yyjson_mut_val *o = yyjson_mut_obj(s->d), *aliases, *ipam = NULL;
	yyjson_val *alias;
	size_t i, n;

	aliases = yyjson_mut_obj_add_arr(s->d, o, "Aliases");
	yyjson_mut_arr_append(aliases, spec_text(s, s->how->name));
	if (!s->how->no_aliases) {
		yyjson_mut_arr_append(aliases, spec_text(s, s->how->service));
		yyjson_arr_foreach (yyjson_obj_get(v, "aliases"), i, n, alias) {
			yyjson_mut_arr_append(aliases, yyjson_val_mut_copy(s->d, alias));
		}
	}
	for (i = 0; i < 2; i++) {
		if (!yyjson_is_str(yyjson_obj_get(v, names[i][0])))
			continue;
		if (!ipam)
			ipam = yyjson_mut_obj_add_obj(s->d, o, "IPAMConfig");
		yyjson_mut_obj_add_strcpy(s->d, ipam, names[i][1], show_str(v, names[i][0], ""));
	}
	if (yyjson_arr_size(yyjson_obj_get(v, "link_local_ips")) > 0)
		yyjson_mut_obj_add_val(s->d, ipam ? ipam : yyjson_mut_obj_add_obj(s->d, o, "IPAMConfig"),
				       "LinkLocalIPs", yyjson_val_mut_copy(s->d, yyjson_obj_get(v, "link_local_ips")));
	if (yyjson_is_str(yyjson_obj_get(v, "mac_address")))
		yyjson_mut_obj_add_strcpy(s->d, o, "MacAddress", show_str(v, "mac_address", ""));
	if (yyjson_is_obj(yyjson_obj_get(v, "driver_opts")))
		yyjson_mut_obj_add_val(s->d, o, "DriverOpts",
				       yyjson_val_mut_copy(s->d, yyjson_obj_get(v, "driver_opts")));
	links(s, yyjson_mut_obj_add_arr(s->d, o, "Links"));
	yyjson_mut_obj_add(s->endpoints, spec_text(s, project_real_name(s->p, "networks", key)), o);
}

static int refused(struct spec *s, const char *name, yyjson_val *v)
{
	static const char *const keys[] = {"interface_name", "gw_priority"};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		yyjson_val *one = yyjson_obj_get(v, keys[i]);

		if (one && !yyjson_is_null(one) && !(yyjson_is_int(one) && yyjson_get_sint(one) == 0))
			return err_set(s->err, EINVAL, "service %s: networks.%s.%s: this cannot be chosen here",
				       s->how->service, name, keys[i]);
	}
	return 0;
}

/* The first is the one of the highest priority, then by name. */
static const char *first_network(yyjson_val *networks)
{
	const char *best = NULL;
	int64_t priority = 0;
	yyjson_val *key, *val;
	size_t i, n;

	yyjson_obj_foreach (networks, i, n, key, val) {
		int64_t own = show_int(yyjson_is_obj(val) ? val : NULL, "priority", 0);

		if (!best || own > priority || (own == priority && strcmp(yyjson_get_str(key), best) < 0)) {
			best = yyjson_get_str(key);
			priority = own;
		}
	}
	return best;
}

int spec_networks(struct spec *s)
{
	const char *mode = show_str(s->service, "network_mode", ""), *first;
	yyjson_val *networks = yyjson_obj_get(s->service, "networks"), *key, *val;
	mem_cleanup char *real = NULL;
	size_t i, n;

	expose(s);
	if (!s->how->no_ports)
		ports(s);
	if (own_ports(s) < 0)
		return -EINVAL;
	if (*mode) {
		real = spec_mode(s, "network_mode", mode);
		if (!real)
			return -ENOENT;
		yyjson_mut_obj_add_val(s->d, s->host, "NetworkMode", spec_text(s, real));
		return 0;
	}
	first = first_network(networks);
	yyjson_mut_obj_add_val(s->d, s->host, "NetworkMode",
			       spec_text(s, first ? project_real_name(s->p, "networks", first) : "none"));
	yyjson_obj_foreach (networks, i, n, key, val) {
		if (refused(s, yyjson_get_str(key), val) < 0)
			return -EINVAL;
		add_network(s, yyjson_get_str(key), yyjson_is_obj(val) ? val : NULL);
	}
	return 0;
}
