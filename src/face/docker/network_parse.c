/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/docker/network.h"

#include <errno.h>
#include <string.h>

static bool absent(yyjson_val *v)
{
	return !v || yyjson_is_null(v);
}

/* {"a": "b"} -> pairs, in new memory. */
static int read_pairs(yyjson_val *obj, const char *key, size_t limit, struct net_pair **ret, size_t *ret_n,
		      struct err *err)
{
	yyjson_val *o = yyjson_obj_get(obj, key), *k, *v;
	size_t i, max;

	if (absent(o))
		return 0;
	if (!yyjson_is_obj(o))
		return err_set(err, EINVAL, "%s: an object is needed", key);
	if (yyjson_obj_size(o) > limit)
		return err_set(err, E2BIG, "%s: more than %zu entries", key, limit);
	*ret = mem_new_n(struct net_pair, yyjson_obj_size(o) + 1);
	yyjson_obj_foreach (o, i, max, k, v) {
		if (!yyjson_is_str(v))
			return err_set(err, EINVAL, "%s: the value of \"%.100s\" must be a string", key,
				       yyjson_get_str(k));
		(*ret)[(*ret_n)++] = (struct net_pair){yyjson_get_str(k), yyjson_get_str(v)};
	}
	return 0;
}

/* Of all objects here: clients write them with other capitals, too. */
static const char *const members[] = {"Name",
				      "Driver",
				      "Scope",
				      "Internal",
				      "Attachable",
				      "Ingress",
				      "ConfigOnly",
				      "EnableIPv4",
				      "EnableIPv6",
				      "IPAM",
				      "Options",
				      "Labels",
				      "Config",
				      "Subnet",
				      "IPRange",
				      "Gateway",
				      "AuxiliaryAddresses",
				      "IPAMConfig",
				      "IPv4Address",
				      "IPv6Address",
				      "LinkLocalIPs",
				      "MacAddress",
				      "GwPriority",
				      "Aliases",
				      "Links",
				      "DriverOpts",
				      NULL};

static int read_text(yyjson_val *obj, const char *key, const char **ret, struct err *err)
{
	int r = json_opt_str(obj, key, ret, err);

	if (r == 0 && *ret && !**ret)
		*ret = NULL;
	return r;
}

static int read_pool(yyjson_val *v, struct network_body *w, struct err *err)
{
	size_t at = w->w.n_pools;
	struct net_pool *p = &w->pools[at];
	int r;

	if (!yyjson_is_obj(v))
		return err_set(err, EINVAL, "IPAM: Config must be a list of objects");
	/* What older clients send when nothing was asked for. */
	if (yyjson_obj_size(v) == 0)
		return 0;
	json_fold(v, members);
	r = read_text(v, "Subnet", &p->subnet, err);
	if (r == 0)
		r = read_text(v, "IPRange", &p->ip_range, err);
	if (r == 0)
		r = read_text(v, "Gateway", &p->gateway, err);
	if (r == 0)
		r = read_pairs(v, "AuxiliaryAddresses", NET_AUX_MAX, &w->aux[at], &p->n_aux, err);
	p->aux = w->aux[at];
	w->w.n_pools++;
	return r;
}

static int read_ipam(yyjson_val *body, struct network_body *w, struct err *err)
{
	yyjson_val *ipam = yyjson_obj_get(body, "IPAM"), *list, *v;
	size_t i, n;
	int r;

	if (absent(ipam))
		return 0;
	if (!yyjson_is_obj(ipam))
		return err_set(err, EINVAL, "IPAM: an object is needed");
	json_fold(ipam, members);
	r = read_text(ipam, "Driver", &w->w.ipam_driver, err);
	if (r == 0 && w->w.ipam_driver && *w->w.ipam_driver && strcmp(w->w.ipam_driver, "default") != 0)
		return err_set(err, ENOENT,
			       "plugin \"%.100s\" not found: addresses are given by the driver \"default\"",
			       w->w.ipam_driver);
	if (r == 0)
		r = read_pairs(ipam, "Options", NET_LABELS_MAX, &w->ipam_options, &w->w.n_ipam_options, err);
	list = yyjson_obj_get(ipam, "Config");
	if (r < 0 || absent(list))
		return r;
	if (!yyjson_is_arr(list))
		return err_set(err, EINVAL, "IPAM: Config must be a list of objects");
	if (yyjson_arr_size(list) > NET_POOLS_MAX)
		return err_set(err, E2BIG, "IPAM: more than %d subnets", NET_POOLS_MAX);
	yyjson_arr_foreach (list, i, n, v) {
		r = read_pool(v, w, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_driver(const char *name, enum net_driver *ret, struct err *err)
{
	for (int d = NET_BRIDGE; d <= NET_NONE; d++) {
		if (!name || !strcmp(name, net_driver_name((enum net_driver)d))) {
			*ret = (enum net_driver)d;
			return 0;
		}
	}
	return err_set(err, ENOENT, "plugin \"%.100s\" not found: berth has the driver \"bridge\"", name);
}

static int read_flags(yyjson_val *body, struct network_body *w, struct err *err)
{
	yyjson_val *ipv4 = yyjson_obj_get(body, "EnableIPv4"), *ipv6 = yyjson_obj_get(body, "EnableIPv6");
	int r = json_opt_bool(body, "Internal", &w->w.internal, err);

	if (r == 0)
		r = json_opt_bool(body, "Attachable", &w->w.attachable, err);
	if (r == 0)
		r = json_opt_bool(body, "Ingress", &w->w.ingress, err);
	if (r == 0)
		r = json_opt_bool(body, "ConfigOnly", &w->config_only, err);
	/* Who does not say gets what the machine has. */
	w->w.ipv4 = yyjson_is_bool(ipv4) ? yyjson_get_bool(ipv4) : -1;
	w->w.ipv6 = yyjson_is_bool(ipv6) ? yyjson_get_bool(ipv6) : -1;
	return r;
}

int network_parse(yyjson_val *body, struct network_body *ret, struct err *err)
{
	const char *driver = NULL, *scope = NULL;
	int r;

	*ret = (struct network_body){.w = {.ipv4 = -1, .ipv6 = -1}};
	if (!yyjson_is_obj(body))
		return err_set(err, EINVAL, "the body must be an object");
	json_fold(body, members);
	r = read_text(body, "Name", &ret->w.name, err);
	if (r == 0)
		r = read_text(body, "Driver", &driver, err);
	if (r == 0)
		r = read_text(body, "Scope", &scope, err);
	if (r == 0)
		r = read_flags(body, ret, err);
	if (r == 0)
		r = read_ipam(body, ret, err);
	if (r == 0)
		r = read_pairs(body, "Options", NET_LABELS_MAX, &ret->options, &ret->w.n_options, err);
	if (r == 0)
		r = read_pairs(body, "Labels", NET_LABELS_MAX, &ret->labels, &ret->w.n_labels, err);
	if (r == 0)
		r = read_driver(driver, &ret->w.driver, err);
	ret->scope_swarm = scope && !strcmp(scope, "swarm");
	ret->w.pools = ret->pools;
	ret->w.options = ret->options;
	ret->w.labels = ret->labels;
	ret->w.ipam_options = ret->ipam_options;
	if (r == 0 && !ret->w.name)
		return err_set(err, EINVAL, "invalid network name: the name is empty");
	return r;
}

void network_body_free(struct network_body *w)
{
	free(w->labels);
	free(w->options);
	free(w->ipam_options);
	for (size_t i = 0; i < NET_POOLS_MAX; i++)
		free(w->aux[i]);
	*w = (struct network_body){.w = {.name = NULL}};
}

/* ---- an endpoint ---- */

static int read_list(yyjson_val *v, const char *key, char ***ret, struct err *err)
{
	yyjson_val *list = yyjson_obj_get(v, key);
	int r = absent(list) ? 0 : json_get_strv(v, key, ret, err);

	if (r == 0 && mem_strv_len(*ret) > NET_ALIASES_MAX)
		return err_set(err, E2BIG, "%s: more than %d", key, NET_ALIASES_MAX);
	return r;
}

int network_check_link_local(char *const *addresses, struct err *err)
{
	int r = 0;

	if (mem_strv_len(addresses) > NET_LINK_LOCAL_MAX)
		return err_set(err, E2BIG, "LinkLocalIPs: more than %d", NET_LINK_LOCAL_MAX);
	for (char *const *a = addresses; a && *a && r == 0; a++)
		r = net_check_link_local(*a, err);
	return r;
}

static int read_addresses(yyjson_val *config, struct network_endpoint_body *w, struct err *err)
{
	yyjson_val *ipam = yyjson_obj_get(config, "IPAMConfig");
	int r;

	if (absent(ipam))
		return 0;
	if (!yyjson_is_obj(ipam))
		return err_set(err, EINVAL, "IPAMConfig: an object is needed");
	json_fold(ipam, members);
	r = read_text(ipam, "IPv4Address", &w->w.ipv4, err);
	if (r == 0)
		r = read_text(ipam, "IPv6Address", &w->w.ipv6, err);
	if (r == 0)
		r = read_list(ipam, "LinkLocalIPs", &w->link_local, err);
	w->w.link_local = w->link_local;
	return r < 0 ? r : network_check_link_local(w->link_local, err);
}

int network_parse_endpoint(yyjson_val *config, struct network_endpoint_body *ret, struct err *err)
{
	int r;

	*ret = (struct network_endpoint_body){.w = {.network = NULL}};
	if (absent(config))
		return 0;
	if (!yyjson_is_obj(config))
		return err_set(err, EINVAL, "EndpointConfig: an object is needed");
	json_fold(config, members);
	r = read_addresses(config, ret, err);
	if (r == 0)
		r = read_text(config, "MacAddress", &ret->w.mac, err);
	if (r == 0)
		r = json_opt_int(config, "GwPriority", INT32_MIN, INT32_MAX, &ret->w.gw_priority, err);
	if (r == 0)
		r = read_list(config, "Aliases", &ret->aliases, err);
	if (r == 0)
		r = read_list(config, "Links", &ret->links, err);
	if (r == 0)
		r = read_pairs(config, "DriverOpts", NET_LABELS_MAX, &ret->driver_options, &ret->w.n_driver_options,
			       err);
	ret->w.aliases = ret->aliases;
	ret->w.links = ret->links;
	ret->w.driver_options = ret->driver_options;
	return r;
}

void network_endpoint_body_free(struct network_endpoint_body *w)
{
	mem_strv_free(w->aliases);
	mem_strv_free(w->links);
	mem_strv_free(w->link_local);
	free(w->driver_options);
	*w = (struct network_endpoint_body){.w = {.network = NULL}};
}
