/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /images/get: several images in one archive, which one node writes: the one that has the most of them. What it lacks goes there first, and stays.
 */
#include "face/onehost/image_word.h"
#include "face/onehost/onehost_private.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "base/wire/http_server.h"

#include <stdio.h>
#include <string.h>

#define IMAGES_MAX 1000 /* of one archive */

/* One that was asked for. */
struct wanted {
	char *name;
	char **nodes;		/* that have it */
	struct image_word from; /* who gives it to one that lacks it, ... */
	struct err no_word;	/* ... or why nobody does */
};

struct getting {
	struct onehost *h;
	struct http_req *r;
	struct call call;
	char *version;
	struct wanted *images;
	size_t n, next;
	struct gather *gather;
	struct copy *copy;
	char node[NODE_NAME_MAX];
};

static void getting_free(struct getting *g)
{
	gather_free(g->gather);
	copy_free(g->copy);
	for (size_t i = 0; i < g->n; i++) {
		free(g->images[i].name);
		mem_strv_free(g->images[i].nodes);
	}
	free(g->images);
	free(g->version);
	free(g);
}

static void on_close(struct http_req *r, void *ctx)
{
	(void)r;
	getting_free(ctx);
}

static bool has(const struct wanted *w, const char *node)
{
	for (char **n = w->nodes; n && *n; n++) {
		if (!strcmp(*n, node))
			return true;
	}
	return false;
}

/* ---- the archive ---- */

static void get(struct getting *g)
{
	mem_cleanup char *version = mem_strdup(g->version);
	struct call c = g->call;
	char node[NODE_NAME_MAX];

	memcpy(node, g->node, sizeof node);
	c.version = version;
	c.arg = ""; /* the names are in the query */
	/* The relay has the request from now on. */
	http_req_on_close(g->r, NULL, NULL);
	getting_free(g);
	relay_to(&c, node, "", NULL);
}

static void bring(struct getting *g);

static void on_copied(void *ctx, const struct err *error)
{
	struct getting *g = ctx;

	g->copy = copy_free(g->copy);
	if (error)
		onehost_fail(g->r, error);
	else
		bring(g);
}

/* The next one that the node lacks. */
static void bring(struct getting *g)
{
	while (g->next < g->n) {
		const struct wanted *w = &g->images[g->next++];

		if (has(w, g->node))
			continue;
		if (w->no_word.code)
			onehost_fail(g->r, &w->no_word);
		else
			g->copy = copy_start(g->h, w->name, &w->from, g->node, on_copied, g);
		return;
	}
	get(g);
}

static size_t count(const struct getting *g, const char *node)
{
	size_t n = 0;

	for (size_t i = 0; i < g->n; i++)
		n += has(&g->images[i], node);
	return n;
}

static void choose(struct getting *g)
{
	size_t most = 0;

	for (size_t i = 0; i < g->n; i++) {
		for (char **node = g->images[i].nodes; *node; node++) {
			if (count(g, *node) <= most)
				continue;
			most = count(g, *node);
			snprintf(g->node, sizeof g->node, "%s", *node);
		}
	}
	g->next = 0;
	bring(g);
}

/* ---- who has them ---- */

static void ask(struct getting *g);

static void on_answers(void *ctx, struct answer *answers, size_t n)
{
	struct getting *g = ctx;
	struct wanted *w = &g->images[g->next];
	struct err err = ERR_INIT;

	g->gather = NULL;
	for (size_t i = 0; i < n; i++) {
		if (answers[i].status == 200)
			mem_strv_add(&w->nodes, answers[i].node);
	}
	if (!w->nodes) {
		err_set(&err, ENOENT, "No such image: %.300s", w->name);
		onehost_fail(g->r, &err);
		return;
	}
	(void)image_word(g->h, answers, n, w->name, &w->from, &w->no_word);
	if (++g->next < g->n)
		ask(g);
	else
		choose(g);
}

static void ask(struct getting *g)
{
	char **stores = onehost_stores(g->h);
	mem_cleanup char *encoded = http_url_encode(g->images[g->next].name);
	mem_cleanup char *target = mem_printf(ONEHOST_API "/images/%s/json", encoded);
	const struct question q = {.method = "GET", .target = target, .nodes = stores, .wait_ms = ONEHOST_WAIT_MS};

	g->gather = gather_start(g->h, &q, on_answers, g);
	mem_strv_free(stores);
}

void call_images_get(const struct call *c)
{
	struct getting *g = mem_new(struct getting);
	struct err err = ERR_INIT;
	const char *name;
	size_t cap = 0;

	g->h = c->h;
	g->r = c->r;
	g->call = *c;
	g->version = mem_strdup(c->version);
	http_req_on_close(c->r, on_close, g);
	while (g->n <= IMAGES_MAX && (name = http_req_query_at(c->r, "names", g->n))) {
		mem_grow_to((void **)&g->images, &cap, g->n + 1, sizeof *g->images);
		g->images[g->n++] = (struct wanted){.name = mem_strdup(name)};
	}
	if (g->n == 0)
		err_set(&err, EINVAL, "names: which images?");
	else if (g->n > IMAGES_MAX)
		err_set(&err, E2BIG, "names: more than %d images in one archive", IMAGES_MAX);
	if (err.code)
		onehost_fail(c->r, &err);
	else
		ask(g);
}
