/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /networks, GET /networks/NAME
 */
#include "base/core/err.h"
#include "base/wire/http_server.h"
#include "face/docker/age.h"
#include "face/docker/network.h"

#include <string.h>

typedef bool (*fits_fn)(const struct net_network *n, const char *value);

static bool fits_driver(const struct net_network *n, const char *value)
{
	return !strcmp(net_driver_name(n->driver), value);
}

static bool fits_id(const struct net_network *n, const char *value)
{
	return !strncmp(n->id, value, strlen(value));
}

static bool fits_name(const struct net_network *n, const char *value)
{
	return strstr(n->name, value);
}

static bool fits_scope(const struct net_network *n, const char *value)
{
	(void)n;
	return !strcmp(value, "local");
}

static bool fits_type(const struct net_network *n, const char *value)
{
	return !strcmp(value, n->is_default ? "builtin" : "custom");
}

static bool is_true(const char *text)
{
	return !strcmp(text, "1") || !strcasecmp(text, "true") || !strcasecmp(text, "t");
}

static bool fits_dangling(const struct net_network *n, const char *value)
{
	return network_dangles(n) == is_true(value);
}

static const struct {
	const char *key;
	fits_fn fn;
} filters[] = {{"driver", fits_driver}, {"id", fits_id},     {"name", fits_name},
	       {"scope", fits_scope},	{"type", fits_type}, {"dangling", fits_dangling}};
#define FILTERS (sizeof filters / sizeof *filters)

/* One value of each key has to fit; of the labels all. */
static bool fits(const struct net_network *n, const struct docker_filters *f)
{
	for (size_t i = 0; i < FILTERS; i++) {
		const char *value = docker_filter(f, filters[i].key, 0);
		bool one = !value;

		for (size_t k = 0; !one && (value = docker_filter(f, filters[i].key, k)); k++)
			one = filters[i].fn(n, value);
		if (!one)
			return false;
	}
	return network_labels_fit(n, f);
}

static int check_values(const struct docker_filters *f, struct err *err)
{
	static const char *const keys[] = {"driver",   "id",	"name",	  "scope", "type",
					   "dangling", "label", "label!", NULL};
	static const char *const bools[] = {"0", "1", "true", "false", "True", "False", "TRUE", "FALSE", "t", "f"};
	const char *type = docker_filter(f, "type", 0), *dangling = docker_filter(f, "dangling", 0);
	bool known = !dangling;

	if (docker_filters_check(f, keys, err) < 0)
		return -EINVAL;
	if (type && strcmp(type, "builtin") != 0 && strcmp(type, "custom") != 0)
		return err_set(err, EINVAL, "invalid filter: 'type'='%.100s'", type);
	for (size_t i = 0; !known && i < sizeof bools / sizeof *bools; i++)
		known = !strcmp(dangling, bools[i]);
	return known ? 0 : err_set(err, EINVAL, "invalid filter 'dangling=[%.100s]'", dangling);
}

void docker_networks(const struct docker_call *c)
{
	struct net *net = network_books(c);
	struct docker_filters f = {.doc = NULL};
	const struct net_network *n;
	struct err err = ERR_INIT;
	yyjson_mut_doc *doc;

	if (!net)
		return;
	if (docker_filters_parse(http_req_query(c->r, "filters"), &f, &err) < 0 || check_values(&f, &err) < 0) {
		docker_filters_free(&f);
		network_fail(c->r, &err);
		return;
	}
	doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_doc_set_root(doc, yyjson_mut_arr(doc));
	for (size_t i = 0; (n = net_at(net, i)); i++) {
		/* Old clients look for the containers here. */
		if (fits(n, &f))
			yyjson_mut_arr_append(yyjson_mut_doc_get_root(doc),
					      network_view(c->d, doc, n, !docker_since(c, DOCKER_NETWORKS_BRIEF)));
	}
	docker_filters_free(&f);
	docker_reply(c->r, 200, doc);
}

void docker_network_inspect(const struct docker_call *c)
{
	const struct net_network *n = network_named(c, c->arg);
	const char *scope = http_req_query(c->r, "scope");
	struct err err = ERR_INIT;
	yyjson_mut_doc *doc;

	if (!n)
		return;
	if (scope && *scope && strcmp(scope, "local") != 0) {
		err_set(&err, ENOENT, "network %.300s not found", c->arg);
		network_fail(c->r, &err);
		return;
	}
	doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_doc_set_root(doc, network_view(c->d, doc, n, true));
	docker_reply(c->r, 200, doc);
}
