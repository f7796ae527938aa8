/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /images/NAME/push: by a node that has NAME:TAG, or, without a tag, by the one that has all tags of the name.
 */
#include "face/onehost/onehost_private.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "base/wire/http_server.h"

#include <stdio.h>
#include <string.h>

struct pushing {
	struct http_req *r;
	struct call call;
	char *version, *name;
	struct gather *gather;
};

static void on_close(struct http_req *r, void *ctx)
{
	struct pushing *p = ctx;

	(void)r;
	gather_free(p->gather);
	free(p->version);
	free(p->name);
	free(p);
}

/* An image has other names, too. */
static bool is_tag_of(const char *text, const char *name)
{
	size_t n = strlen(name);

	return text && strncmp(text, name, n) == 0 && text[n] == ':' && !strchr(text + n, '/');
}

/* Adds those of its tags that are none yet; returns how many the node has. */
static size_t add_tags(struct map *tags, const char *name, const struct answer *a)
{
	yyjson_val *image, *tag;
	size_t i, n, k, m, count = 0;

	if (a->status != 200)
		return 0;
	yyjson_arr_foreach (yyjson_doc_get_root(a->doc), i, n, image) {
		yyjson_arr_foreach (yyjson_obj_get(image, "RepoTags"), k, m, tag) {
			if (!is_tag_of(yyjson_get_str(tag), name))
				continue;
			map_put(tags, yyjson_get_str(tag), tags);
			count++;
		}
	}
	return count;
}

static void push(struct pushing *p, const char *at)
{
	mem_cleanup char *version = mem_strdup(p->version), *name = mem_strdup(p->name);
	struct call c = p->call;
	char node[NODE_NAME_MAX];

	snprintf(node, sizeof node, "%s", at);
	c.version = version;
	c.arg = name;
	/* The relay has the request from now on. */
	http_req_on_close(p->r, NULL, NULL);
	on_close(p->r, p);
	relay_to(&c, node, name, NULL);
}

static void on_lists(void *ctx, struct answer *answers, size_t n)
{
	struct pushing *p = ctx;
	struct map tags = MAP_INIT;
	const struct answer *best = NULL;
	struct err err = ERR_INIT;
	size_t most = 0, all;

	p->gather = NULL;
	for (size_t i = 0; i < n; i++) {
		size_t has = add_tags(&tags, p->name, &answers[i]);

		best = has > most ? &answers[i] : best;
		most = has > most ? has : most;
	}
	all = tags.n;
	map_free(&tags);
	if (!best)
		err_set(&err, ENOENT, "An image does not exist locally with the tag: %.300s", p->name);
	else if (most < all)
		err_set(&err, EBUSY,
			"no node has all tags of %.300s (%s has %zu of %zu): push them one by one, %.300s:TAG", p->name,
			best->node, most, all, p->name);
	if (err.code)
		onehost_fail(p->r, &err);
	else
		push(p, best->node);
}

static void push_all(const struct call *c)
{
	struct pushing *p = mem_new(struct pushing);
	char **stores = onehost_stores(c->h);
	mem_cleanup char *encoded = http_url_encode(c->arg);
	mem_cleanup char *target =
	    mem_printf(ONEHOST_API "/images/json?filters=%%7B%%22reference%%22%%3A%%5B%%22%s%%22%%5D%%7D", encoded);
	const struct question q = {.method = "GET", .target = target, .nodes = stores, .wait_ms = ONEHOST_WAIT_MS};

	p->r = c->r;
	p->call = *c;
	p->version = mem_strdup(c->version);
	p->name = mem_strdup(c->arg);
	http_req_on_close(c->r, on_close, p);
	p->gather = gather_start(c->h, &q, on_lists, p);
	mem_strv_free(stores);
}

void call_image_push(const struct call *c)
{
	const char *tag = http_req_query(c->r, "tag");
	mem_cleanup char *whole = tag && *tag ? mem_printf("%s:%s", c->arg, tag) : NULL;
	const struct relay_how how = {.look_for = whole};

	if (whole)
		relay_found(c, KIND_IMAGE, &how);
	else
		push_all(c);
}
