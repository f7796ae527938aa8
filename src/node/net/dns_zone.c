/* SPDX-License-Identifier: Apache-2.0 */
#include "node/net/dns_zone.h"

#include "base/core/err.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "node/net/dns.h"
#include "node/net/dns_message.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

struct endpoint {
	char *container;
	char **names, **links; /* lower-case; links: TARGET and ALIAS by turns */
	size_t n_names, n_links;
	bool has[2]; /* AF_INET, AF_INET6 */
	struct in6_addr address[2];
};

/* All that have one name. */
struct holders {
	struct endpoint **v;
	size_t n, cap, turn;
};

struct dns_zone {
	char *name;
	struct map by_container, by_name;
	size_t n_names;
};

static int slot(int family)
{
	return family == AF_INET6;
}

static void lower(char *text)
{
	for (; *text; text++)
		*text = (char)tolower((unsigned char)*text);
}

struct dns_zone *dns_zone_new(const char *name)
{
	struct dns_zone *z = mem_new(struct dns_zone);

	z->name = mem_strdup(name ? name : "");
	lower(z->name);
	return z;
}

static void endpoint_free(struct endpoint *e)
{
	if (!e)
		return;
	mem_strv_free(e->names);
	mem_strv_free(e->links);
	free(e->container);
	free(e);
}

static void endpoint_freep(struct endpoint **e)
{
	endpoint_free(*e);
}

struct dns_zone *dns_zone_free(struct dns_zone *z)
{
	if (!z)
		return NULL;
	for (struct map_slot *s = NULL; (s = map_next(&z->by_name, s));) {
		struct holders *h = s->value;

		free(h->v);
		free(h);
	}
	for (struct map_slot *s = NULL; (s = map_next(&z->by_container, s));)
		endpoint_free(s->value);
	map_free(&z->by_name);
	map_free(&z->by_container);
	free(z->name);
	free(z);
	return NULL;
}

/* ---- an endpoint from outside ---- */

/* Labels of 1 to 63 bytes without blanks, control bytes and escapes, 253 bytes in all. */
static bool name_ok(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > 253)
		return false;
	for (const char *label = name; *label;) {
		size_t len = strcspn(label, ".");

		if (len == 0 || len > 63)
			return false;
		label += len;
		if (*label == '.' && !*++label)
			return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (name[i] <= ' ' || name[i] == '\\' || (unsigned char)name[i] >= 0x7f)
			return false;
	}
	return true;
}

static int add_name(char ***v, size_t *n, const char *name, struct err *err)
{
	if (!name_ok(name))
		return err_set(err, EINVAL,
			       "\"%s\" cannot be a name in a network: letters, digits and -._ of at most 63 a part",
			       name);
	mem_strv_add(v, name);
	lower((*v)[(*n)++]);
	return 0;
}

static int take_names(struct endpoint *e, char *const *names, struct err *err)
{
	for (size_t i = 0; names && names[i]; i++) {
		bool twice = false;
		int r;

		for (size_t k = 0; k < e->n_names; k++)
			twice |= strcasecmp(e->names[k], names[i]) == 0;
		if (twice)
			continue;
		if (e->n_names >= DNS_NAMES_MAX)
			return err_set(err, E2BIG, "more than %d names of one container in a network", DNS_NAMES_MAX);
		r = add_name(&e->names, &e->n_names, names[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* "TARGET:ALIAS"; "TARGET" alone is its own alias. */
static int take_links(struct endpoint *e, char *const *links, struct err *err)
{
	for (size_t i = 0; links && links[i]; i++) {
		const char *colon = strchr(links[i], ':');
		mem_cleanup char *target =
		    colon ? mem_strndup(links[i], (size_t)(colon - links[i])) : mem_strdup(links[i]);
		int r;

		if (i >= DNS_NAMES_MAX)
			return err_set(err, E2BIG, "more than %d links of one container", DNS_NAMES_MAX);
		r = add_name(&e->links, &e->n_links, *target == '/' ? target + 1 : target, err);
		if (r == 0)
			r = add_name(&e->links, &e->n_links, colon ? colon + 1 : target, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int take_address(struct endpoint *e, int family, const char *text, struct err *err)
{
	if (!text || !*text)
		return 0;
	if (inet_pton(family, text, &e->address[slot(family)]) != 1)
		return err_set(err, EINVAL, "\"%s\" is not an IPv%d address", text, family == AF_INET ? 4 : 6);
	e->has[slot(family)] = true;
	return 0;
}

/* ---- membership ---- */

static void add_holders(struct dns_zone *z, struct endpoint *e)
{
	for (size_t i = 0; i < e->n_names; i++) {
		struct holders *h = map_get(&z->by_name, e->names[i]);

		if (!h) {
			h = mem_new(struct holders);
			map_put(&z->by_name, e->names[i], h);
		}
		mem_grow(&h->v, &h->cap, h->n);
		h->v[h->n++] = e;
	}
	z->n_names += e->n_names;
}

static void drop_holder(struct dns_zone *z, const char *name, const struct endpoint *e)
{
	struct holders *h = map_get(&z->by_name, name);
	size_t kept = 0;

	for (size_t i = 0; i < h->n; i++) {
		if (h->v[i] != e)
			h->v[kept++] = h->v[i];
	}
	h->n = kept;
	if (kept > 0)
		return;
	map_remove(&z->by_name, name);
	free(h->v);
	free(h);
}

void dns_zone_drop(struct dns_zone *z, const char *container)
{
	struct endpoint *e = map_remove(&z->by_container, container);

	if (!e)
		return;
	for (size_t i = 0; i < e->n_names; i++)
		drop_holder(z, e->names[i], e);
	z->n_names -= e->n_names;
	endpoint_free(e);
}

int dns_zone_set(struct dns_zone *z, const struct dns_endpoint *from, struct err *err)
{
	cleanup_with(endpoint_freep) struct endpoint *e = mem_new(struct endpoint);
	int r;

	e->container = mem_strdup(from->container);
	r = take_names(e, from->names, err);
	if (r == 0)
		r = take_links(e, from->links, err);
	if (r == 0)
		r = take_address(e, AF_INET, from->ip4, err);
	if (r == 0)
		r = take_address(e, AF_INET6, from->ip6, err);
	if (r < 0)
		return r;
	if (z->n_names + e->n_names > DNS_ZONE_NAMES_MAX)
		return err_set(err, E2BIG, "more than %d names in network %s", DNS_ZONE_NAMES_MAX, z->name);
	dns_zone_drop(z, e->container);
	map_put(&z->by_container, e->container, e);
	add_holders(z, e);
	e = NULL;
	return 0;
}

size_t dns_zone_count(const struct dns_zone *z)
{
	return z->by_container.n;
}

/* ---- questions ---- */

static void add_address(struct dns_found *found, const struct endpoint *e, int family)
{
	if (e->has[slot(family)] && found->n < DNS_ZONE_FOUND_MAX)
		found->address[found->n++] = e->address[slot(family)];
}

static bool find_name(struct dns_zone *z, const char *name, int family, struct dns_found *found)
{
	struct holders *h = map_get(&z->by_name, name);

	if (!h || h->n == 0)
		return false;
	for (size_t i = 0; i < h->n; i++)
		add_address(found, h->v[(h->turn + i) % h->n], family);
	h->turn = (h->turn + 1) % h->n;
	return true;
}

/* The target is a name on the network, or the beginning of an id. */
static bool find_link(struct dns_zone *z, const struct endpoint *asker, const char *name, int family,
		      struct dns_found *found)
{
	for (size_t i = 0; i + 1 < asker->n_links; i += 2) {
		const struct endpoint *e;

		if (strcmp(asker->links[i + 1], name) != 0)
			continue;
		if (find_name(z, asker->links[i], family, found))
			return true;
		e = map_get(&z->by_container, asker->links[i]);
		if (!e)
			continue;
		add_address(found, e, family);
		return true;
	}
	return false;
}

static bool find_here(struct dns_zone *z, const struct endpoint *asker, const char *name, int family,
		      struct dns_found *found)
{
	return find_link(z, asker, name, family, found) || find_name(z, name, family, found);
}

bool dns_zone_find(struct dns_zone *z, const char *asker, const char *name, int family, struct dns_found *inout)
{
	const struct endpoint *e = map_get(&z->by_container, asker);
	size_t n = strlen(name), tail = strlen(z->name);
	char head[DNS_NAME_TEXT];

	if (!e)
		return false;
	if (find_here(z, e, name, family, inout))
		return true;
	if (tail == 0 || n <= tail + 1 || n >= sizeof head || name[n - tail - 1] != '.' ||
	    strcmp(name + n - tail, z->name) != 0)
		return false;
	memcpy(head, name, n - tail - 1);
	head[n - tail - 1] = '\0';
	return find_here(z, e, head, family, inout);
}

char *dns_zone_reverse(const struct dns_zone *z, int family, const struct in6_addr *address)
{
	size_t size = family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);

	for (struct map_slot *s = NULL; (s = map_next(&z->by_container, s));) {
		const struct endpoint *e = s->value;

		if (!e->has[slot(family)] || e->n_names == 0 || memcmp(&e->address[slot(family)], address, size) != 0)
			continue;
		return *z->name ? mem_printf("%s.%s", e->names[0], z->name) : mem_strdup(e->names[0]);
	}
	return NULL;
}
