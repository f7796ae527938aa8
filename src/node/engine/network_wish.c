/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/network_wish.h"

#include "base/core/err.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/engine/container.h"
#include "node/engine/network.h"

#include <stdio.h>
#include <string.h>

#define SHORT_ID 12

yyjson_val *network_wanted(int dir, const struct order *o, yyjson_doc **doc)
{
	mem_cleanup char *text = NULL;
	size_t n;

	*doc = NULL;
	if (fs_read(dir, NETWORK_WANTED, NETWORK_WANTED_MAX, &text, &n, NULL) == 0)
		*doc = json_parse(text, n, NETWORK_WANTED_MAX, NETWORK_WANTED, NULL);
	return *doc && yyjson_is_arr(yyjson_doc_get_root(*doc)) ? yyjson_doc_get_root(*doc) : o->spec.networks;
}

bool network_wish_is(struct net *n, const char *name, const struct net_network *w)
{
	const struct net_network *found = NULL;

	return name && net_find(n, !strcmp(name, "default") ? "bridge" : name, &found, NULL) == 0 && found == w;
}

void network_wish_free(struct network_wish *w)
{
	mem_strv_free(w->aliases);
	mem_strv_free(w->links);
	mem_strv_free(w->link_local);
	mem_strv_free(w->dns_names);
}

/* Its name first: so it is found backwards. */
static void name_it(struct container *c, const struct order *o, struct network_wish *w)
{
	char id[SHORT_ID + 1];

	snprintf(id, sizeof id, "%.*s", SHORT_ID, c->pub.id);
	mem_strv_add(&w->dns_names, c->pub.name);
	for (char **a = w->aliases; a && *a; a++)
		mem_strv_add(&w->dns_names, *a);
	mem_strv_add(&w->dns_names, id);
	if (o->hostname && strcmp(o->hostname, id) != 0)
		mem_strv_add(&w->dns_names, o->hostname);
	w->w.dns_names = w->dns_names;
}

int network_wish_read(struct container *c, const struct order *o, yyjson_val *v, struct network_wish *ret,
		      struct err *err)
{
	int r;

	*ret = (struct network_wish){.aliases = NULL};
	if (!yyjson_is_obj(v))
		return err_set(err, EINVAL, "networks: objects are needed");
	r = json_get_str(v, "name", &ret->w.network, err);
	if (r == 0)
		r = json_opt_str(v, "ipv4", &ret->w.ipv4, err);
	if (r == 0)
		r = json_opt_str(v, "ipv6", &ret->w.ipv6, err);
	if (r == 0)
		r = json_opt_strv(v, "link_local", &ret->link_local, err);
	if (r == 0)
		r = json_opt_str(v, "mac", &ret->w.mac, err);
	if (r == 0)
		r = json_opt_str(v, "interface", &ret->w.interface, err);
	if (r == 0)
		r = json_opt_int(v, "gw_priority", INT32_MIN, INT32_MAX, &ret->w.gw_priority, err);
	if (r == 0)
		r = json_opt_strv(v, "aliases", &ret->aliases, err);
	if (r == 0)
		r = json_opt_strv(v, "links", &ret->links, err);
	if (r < 0)
		return err_wrap(err, "networks");
	/* Docker's other name of it. */
	if (!strcmp(ret->w.network, "default"))
		ret->w.network = "bridge";
	ret->w.aliases = ret->aliases;
	ret->w.links = ret->links;
	ret->w.link_local = ret->link_local;
	name_it(c, o, ret);
	return 0;
}

int network_publish_read(yyjson_val *v, struct net_publish *ret, struct err *err)
{
	const char *protocol = "tcp";
	int64_t port = 0, first = 0, last = 0;
	int r = yyjson_is_obj(v) ? 0 : err_set(err, EINVAL, "an object is needed");

	*ret = (struct net_publish){.proto = NET_TCP};
	if (r == 0)
		r = json_get_int(v, "port", 1, 65535, &port, err);
	if (r == 0)
		r = json_opt_str(v, "protocol", &protocol, err);
	if (r == 0)
		r = json_opt_str(v, "host_ip", &ret->host_ip, err);
	if (r == 0)
		r = json_opt_int(v, "host_first", 0, 65535, &first, err);
	if (r == 0)
		r = json_opt_int(v, "host_last", 0, 65535, &last, err);
	if (r == 0)
		r = net_proto_parse(protocol, &ret->proto, err);
	ret->port = (uint16_t)port;
	ret->host_first = (uint16_t)first;
	ret->host_last = (uint16_t)(last < first ? first : last);
	return r < 0 ? err_wrap(err, "ports") : 0;
}

static int recall_one(struct container *c, const struct order *o, yyjson_val *v, struct err *err)
{
	cleanup_with(network_wish_free) struct network_wish w = {.aliases = NULL};
	const struct net_network *n = NULL;
	int r = network_wish_read(c, o, v, &w, err);

	if (r == 0)
		r = net_find(c->e->net, w.w.network, &n, err);
	return r < 0 ? r : net_rename(c->e->net, c->pub.id, n, &w.w);
}

int network_recall_names(struct container *c, int dir, const struct order *o, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	yyjson_val *list = network_wanted(dir, o, &doc), *v;
	size_t i, n;
	int r = 0, one;

	yyjson_arr_foreach (list, i, n, v) {
		one = recall_one(c, o, v, r < 0 ? NULL : err);
		r = r < 0 ? r : one;
	}
	return r == -ENOENT ? 0 : r;
}
