/* SPDX-License-Identifier: Apache-2.0
 *
 * Networks as files: <data>/networks/<id>.json (docs/NETWORKS.md), and `ula`, the prefix of this installation.
 */
#include "node/net/net_impl.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fs.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/core/random.h"
#include "base/wire/json.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <string.h>
#include <unistd.h>

static const char *const drivers[] = {[NET_BRIDGE] = "bridge", [NET_HOST] = "host", [NET_NONE] = "null"};

const char *net_driver_name(enum net_driver d)
{
	return drivers[d];
}

/* ---- write ---- */

static void add_pairs(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, const struct net_pair *v, size_t n)
{
	yyjson_mut_val *obj = yyjson_mut_obj_add_obj(d, o, key);

	for (size_t i = 0; i < n; i++)
		yyjson_mut_obj_add(obj, yyjson_mut_strcpy(d, v[i].key), yyjson_mut_strcpy(d, v[i].value));
}

static void add_str(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, const char *value)
{
	if (value)
		yyjson_mut_obj_add_strcpy(d, o, key, value);
}

static void add_pools(yyjson_mut_doc *d, yyjson_mut_val *root, const struct net_network *w)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(d, root, "pools");

	for (size_t i = 0; i < w->n_pools; i++) {
		yyjson_mut_val *o = yyjson_mut_arr_add_obj(d, list);

		add_str(d, o, "subnet", w->pools[i].subnet);
		add_str(d, o, "ip_range", w->pools[i].ip_range);
		add_str(d, o, "gateway", w->pools[i].gateway);
		add_pairs(d, o, "aux", w->pools[i].aux, w->pools[i].n_aux);
		if (w->pools[i].own)
			yyjson_mut_obj_add_bool(d, o, "own", true);
	}
}

char *book_text(const struct net_network *w, size_t *ret_len)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(d);

	yyjson_mut_doc_set_root(d, root);
	add_str(d, root, "id", w->id);
	add_str(d, root, "name", w->name);
	add_str(d, root, "driver", drivers[w->driver]);
	yyjson_mut_obj_add_bool(d, root, "internal", w->internal);
	yyjson_mut_obj_add_bool(d, root, "attachable", w->attachable);
	yyjson_mut_obj_add_bool(d, root, "default", w->is_default);
	yyjson_mut_obj_add_bool(d, root, "ipv4", w->ipv4 > 0);
	yyjson_mut_obj_add_bool(d, root, "ipv6", w->ipv6 > 0);
	yyjson_mut_obj_add_bool(d, root, "ipv6_own", w->ipv6_own);
	yyjson_mut_obj_add_int(d, root, "created_ns", w->created_ns);
	add_str(d, root, "ipam_driver", w->ipam_driver ? w->ipam_driver : "default");
	add_pairs(d, root, "ipam_options", w->ipam_options, w->n_ipam_options);
	add_pairs(d, root, "labels", w->labels, w->n_labels);
	add_pairs(d, root, "options", w->options, w->n_options);
	add_pools(d, root, w);
	return json_text(d, true, ret_len);
}

int book_save(struct net *n, const struct network *w, struct err *err)
{
	size_t len;
	mem_cleanup char *text = book_text(&w->pub, &len);
	char name[80];

	snprintf(name, sizeof name, "%s.json", w->pub.id);
	return fs_write_atomic(n->dir, name, text, len, 0600, true, err);
}

/* ---- read ---- */

static int read_pairs(yyjson_val *v, const char *key, size_t max, const struct net_pair **ret, size_t *ret_n,
		      struct err *err)
{
	yyjson_val *obj = yyjson_obj_get(v, key), *k, *one;
	struct net_pair *pairs;
	size_t i, n, at = 0;

	if (!obj)
		return 0;
	if (!yyjson_is_obj(obj) || yyjson_obj_size(obj) > max)
		return err_set(err, EINVAL, "%s: an object of at most %zu members is needed", key, max);
	pairs = mem_new_n(struct net_pair, yyjson_obj_size(obj) + 1);
	*ret = pairs;
	yyjson_obj_foreach (obj, i, n, k, one) {
		if (!yyjson_is_str(one))
			return err_set(err, EINVAL, "%s: texts are needed", key);
		pairs[at++] = (struct net_pair){yyjson_get_str(k), yyjson_get_str(one)};
	}
	*ret_n = at;
	return 0;
}

static int read_pool(yyjson_val *v, struct net_pool *pub, struct pool *p, struct err *err)
{
	int r = json_get_str(v, "subnet", &pub->subnet, err);

	if (r == 0)
		r = json_opt_str(v, "ip_range", &pub->ip_range, err);
	if (r == 0)
		r = json_get_str(v, "gateway", &pub->gateway, err);
	if (r == 0)
		r = read_pairs(v, "aux", NET_AUX_MAX, &pub->aux, &pub->n_aux, err);
	if (r == 0)
		r = json_opt_bool(v, "own", &pub->own, err);
	if (r == 0)
		r = cidr_parse(pub->subnet, &p->subnet, err);
	if (r == 0)
		r = cidr_parse(pub->ip_range ? pub->ip_range : pub->subnet, &p->range, err);
	if (r == 0)
		r = ip_parse(pub->gateway, &p->gateway, err);
	if (r == 0 && (!cidr_within(&p->subnet, &p->range) || !cidr_has(&p->subnet, &p->gateway)))
		r = err_set(err, EINVAL, "invalid network config: %s does not hold %s and its gateway %s", pub->subnet,
			    pub->ip_range ? pub->ip_range : "its range", pub->gateway);
	return r;
}

/* Addresses that nobody may have. */
static void block(struct network *w, const struct ip *ip)
{
	char text[IP_TEXT_MAX];

	(void)map_put(&w->by_ip, ip_text(ip, text), w);
}

static void block_pool(struct network *w, const struct net_pool *pub, const struct pool *p)
{
	struct ip first = p->subnet.ip, last, ip;

	block(w, &p->gateway);
	if (p->subnet.prefix < (int)ip_len(&first) * 8 - 1) {
		block(w, &first);
		last = cidr_nth(&p->subnet, cidr_size(&p->subnet) - 1);
		if (first.family == AF_INET)
			block(w, &last);
	}
	for (size_t i = 0; i < pub->n_aux; i++) {
		if (ip_read(pub->aux[i].value, &ip))
			block(w, &ip);
	}
}

static int read_pools(yyjson_val *root, struct network *w, struct err *err)
{
	yyjson_val *list = NULL, *v;
	struct net_pool *pools;
	size_t i, n;
	int r = json_get_arr(root, "pools", &list, err);

	if (r < 0)
		return r;
	if (yyjson_arr_size(list) > NET_POOLS_MAX)
		return err_set(err, E2BIG, "more than %d subnets", NET_POOLS_MAX);
	pools = mem_new_n(struct net_pool, yyjson_arr_size(list) + 1);
	w->pub.pools = pools;
	w->pools = mem_new_n(struct pool, yyjson_arr_size(list) + 1);
	yyjson_arr_foreach (list, i, n, v) {
		if (!yyjson_is_obj(v))
			return err_set(err, EINVAL, "pools: an object is needed");
		w->pub.n_pools = i + 1;
		r = read_pool(v, &pools[i], &w->pools[i], err);
		if (r < 0)
			return r;
		block_pool(w, &pools[i], &w->pools[i]);
	}
	return 0;
}

const char *net_option(const struct net_network *network, const char *key)
{
	for (size_t i = 0; i < network->n_options; i++) {
		if (!strcmp(network->options[i].key, key))
			return network->options[i].value;
	}
	return NULL;
}

static int option_bool(const struct net_network *w, const char *key, bool missing, bool *ret, struct err *err)
{
	const char *text = net_option(w, key);

	*ret = missing;
	if (!text)
		return 0;
	*ret = !strcasecmp(text, "true") || !strcmp(text, "1");
	if (*ret || !strcasecmp(text, "false") || !strcmp(text, "0"))
		return 0;
	return err_set(err, EINVAL, "option %s: \"%.64s\" is neither true nor false", key, text);
}

static int read_bridge(struct network *w, struct err *err)
{
	const char *wanted = net_option(&w->pub, "com.docker.network.bridge.name");

	if (wanted && !net_link_name_ok(wanted))
		return err_set(err, EINVAL,
			       "option com.docker.network.bridge.name: \"%.32s\" is no name of an interface", wanted);
	if (wanted)
		snprintf(w->bridge, sizeof w->bridge, "%s", wanted);
	else if (w->pub.is_default)
		snprintf(w->bridge, sizeof w->bridge, "berth0");
	else
		snprintf(w->bridge, sizeof w->bridge, "br-%.12s", w->pub.id);
	w->pub.bridge = w->bridge;
	return 0;
}

static int read_mtu(struct network *w, struct err *err)
{
	const char *text = net_option(&w->pub, "com.docker.network.driver.mtu");
	char *end = NULL;

	if (!text)
		return 0;
	w->pub.mtu = strtol(text, &end, 10);
	if (*end || w->pub.mtu < 68 || w->pub.mtu > 65535 || (w->pub.ipv6 && w->pub.mtu < 1280))
		return err_set(
		    err, EINVAL,
		    "option com.docker.network.driver.mtu: \"%.32s\" is no MTU (68 to 65535, from 1280 with IPv6)",
		    text);
	return 0;
}

static int read_options(struct network *w, struct err *err)
{
	struct net_network *p = &w->pub;
	const char *binding = net_option(p, "com.docker.network.bridge.host_binding_ipv4");
	const char *metadata = net_option(p, "io.berth.metadata");
	struct ip ip;
	int r = read_bridge(w, err);

	if (r == 0)
		r = read_mtu(w, err);
	if (r == 0)
		r = option_bool(p, "com.docker.network.bridge.enable_icc", true, &p->icc, err);
	if (r == 0)
		r = option_bool(p, "com.docker.network.bridge.enable_ip_masquerade", true, &p->masquerade, err);
	if (r == 0)
		r = option_bool(p, "io.berth.antispoof", true, &p->antispoof, err);
	p->metadata = metadata && !strcmp(metadata, "allow");
	p->host_binding_ipv4 = binding && *binding ? binding : "0.0.0.0";
	if (r == 0 && (!ip_read(p->host_binding_ipv4, &ip) || ip.family != AF_INET))
		r = err_set(err, EINVAL,
			    "option com.docker.network.bridge.host_binding_ipv4: \"%.64s\" is no IPv4 address",
			    binding);
	return r;
}

static int read_driver(yyjson_val *root, enum net_driver *ret, struct err *err)
{
	const char *name = NULL;
	int r = json_get_str(root, "driver", &name, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++) {
		if (!strcmp(name, drivers[i])) {
			*ret = (enum net_driver)i;
			return 0;
		}
	}
	return err_set(err, EINVAL, "plugin \"%.64s\" not found", name);
}

static int read_network(struct network *w, struct err *err)
{
	yyjson_val *root = yyjson_doc_get_root(w->doc);
	struct net_network *p = &w->pub;
	bool ipv4 = false, ipv6 = false;
	int r;

	if (!yyjson_is_obj(root))
		return err_set(err, EINVAL, "an object is needed");
	p->ipam_driver = "default";
	r = json_get_str(root, "id", &p->id, err);
	if (r == 0)
		r = json_get_str(root, "name", &p->name, err);
	if (r == 0 && (strlen(p->id) != 64 || strspn(p->id, "0123456789abcdef") != 64))
		r = err_set(err, EINVAL, "\"%.80s\" is no id", p->id);
	if (r == 0)
		r = read_driver(root, &p->driver, err);
	if (r == 0)
		r = json_opt_bool(root, "internal", &p->internal, err);
	if (r == 0)
		r = json_opt_bool(root, "attachable", &p->attachable, err);
	if (r == 0)
		r = json_opt_bool(root, "default", &p->is_default, err);
	if (r == 0)
		r = json_opt_bool(root, "ipv4", &ipv4, err);
	if (r == 0)
		r = json_opt_bool(root, "ipv6", &ipv6, err);
	if (r == 0)
		r = json_opt_bool(root, "ipv6_own", &p->ipv6_own, err);
	if (r == 0)
		r = json_opt_int(root, "created_ns", 0, INT64_MAX, &p->created_ns, err);
	if (r == 0)
		r = json_opt_str(root, "ipam_driver", &p->ipam_driver, err);
	p->ipv4 = ipv4;
	p->ipv6 = ipv6;
	return r;
}

static int read_all(struct network *w, struct err *err)
{
	yyjson_val *root = yyjson_doc_get_root(w->doc);
	struct net_network *p = &w->pub;
	int r = read_network(w, err);

	if (r == 0)
		r = read_pairs(root, "ipam_options", NET_LABELS_MAX, &p->ipam_options, &p->n_ipam_options, err);
	if (r == 0)
		r = read_pairs(root, "labels", NET_LABELS_MAX, &p->labels, &p->n_labels, err);
	if (r == 0)
		r = read_pairs(root, "options", NET_LABELS_MAX, &p->options, &p->n_options, err);
	if (r == 0)
		r = read_pools(root, w, err);
	return r < 0 ? r : read_options(w, err);
}

struct network *book_free(struct network *w)
{
	if (!w)
		return NULL;
	for (size_t i = 0; i < w->pub.n_pools; i++)
		free((void *)w->pub.pools[i].aux);
	free((void *)w->pub.pools);
	free((void *)w->pub.ipam_options);
	free((void *)w->pub.labels);
	free((void *)w->pub.options);
	free(w->pools);
	free(w->endpoints);
	map_free(&w->by_ip);
	yyjson_doc_free(w->doc);
	free(w);
	return NULL;
}

int book_parse(const char *text, size_t n, struct network **ret, struct err *err)
{
	struct network *w = mem_new(struct network);
	int r;

	w->doc = json_parse(text, n, BOOK_MAX, "a network's file", err);
	r = w->doc ? read_all(w, err) : err ? -err->code : -EINVAL;
	if (r < 0) {
		book_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

/* ---- all ---- */

static void load(struct net *n, const char *name)
{
	mem_cleanup char *text = NULL;
	struct network *w = NULL;
	struct err err = ERR_INIT;
	size_t len = 0;
	int r = fs_read(n->dir, name, BOOK_MAX, &text, &len, &err);

	if (r == 0)
		r = book_parse(text, len, &w, &err);
	if (r == 0)
		r = net_list(n, w, &err);
	if (r < 0) {
		book_free(w);
		log_err(&err, "a network's file cannot be understood and is left out");
	}
}

static int by_creation(const void *a, const void *b)
{
	const struct network *x = *(struct network *const *)a, *y = *(struct network *const *)b;

	if (x->pub.created_ns != y->pub.created_ns)
		return x->pub.created_ns < y->pub.created_ns ? -1 : 1;
	return strcmp(x->pub.id, y->pub.id);
}

int book_load_all(struct net *n, struct err *err)
{
	int fd = openat(n->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d)
		return err_sys(err, errno, "read the directory of networks");
	for (struct dirent *entry = readdir(d); entry; entry = readdir(d)) {
		if (strlen(entry->d_name) == 69 && !strcmp(entry->d_name + 64, ".json"))
			load(n, entry->d_name);
	}
	closedir(d);
	if (n->n > 0)
		qsort(n->list, n->n, sizeof *n->list, by_creation);
	return 0;
}

/* RFC 4193: forty random bits, once for this installation. */
int book_ula(struct net *n, struct err *err)
{
	mem_cleanup char *text = NULL;
	char hex[11], prefix[CIDR_TEXT_MAX];
	size_t len;

	if (fs_read(n->dir, "ula", CIDR_TEXT_MAX - 1, &text, &len, NULL) == 0 && cidr_parse(text, &n->ula, NULL) == 0 &&
	    n->ula.ip.family == AF_INET6 && n->ula.prefix == 48)
		return 0;
	random_hex(hex, 10);
	snprintf(prefix, sizeof prefix, "fd%.2s:%.4s:%.4s::/48", hex, hex + 2, hex + 6);
	if (cidr_parse(prefix, &n->ula, err) < 0)
		return -EINVAL;
	return fs_write_atomic(n->dir, "ula", prefix, strlen(prefix), 0600, true, err);
}
