/* SPDX-License-Identifier: Apache-2.0
 *
 * What becomes of hosted containers on their nodes: removed by themselves (--rm), by somebody at the node, renamed there. Each time a node is there again it is
 * first asked for what it has, since its events of the time between are lost.
 */
#include "face/onehost/node_lines.h"

#include "base/core/mem.h"
#include "cluster/server/hosted.h"

#include <stdio.h>
#include <string.h>

#define EVENTS                                                                                                         \
	ONEHOST_API "/events?filters=%7B%22type%22%3A%5B%22container%22%5D%2C%22event%22%3A%5B%22create%22%2C%22"      \
		    "destroy%22%2C%22rename%22%5D%7D"

struct watch {
	struct watch *next;
	struct onehost *h;
	char node[NODE_NAME_MAX];
	struct node_lines *lines;
	struct gather *gather; /* what it has */
	uint64_t *asked;       /* numbers of the hosted ones that were there before the question */
	size_t n_asked;
};

static struct watch *watch_of(const struct onehost *h, const char *node)
{
	struct watch *w = h->watches;

	while (w && strcmp(w->node, node) != 0)
		w = w->next;
	return w;
}

static void release(struct watch *w)
{
	node_lines_free(w->lines);
	gather_free(w->gather);
	free(w->asked);
	free(w);
}

static void watch_free(struct watch *w)
{
	struct watch **link = &w->h->watches;

	while (*link != w)
		link = &(*link)->next;
	*link = w->next;
	release(w);
}

static bool is_needed(const struct onehost *h, const char *node)
{
	for (const struct hosted *x = hosted_first(h->server); x; x = x->next) {
		if (!strcmp(x->node, node))
			return true;
	}
	return false;
}

/* ---- what it has ---- */

static const char *id_in(yyjson_val *list, const struct hosted *h)
{
	yyjson_val *v;
	size_t i, n;

	yyjson_arr_foreach (list, i, n, v) {
		const char *id = yyjson_get_str(yyjson_obj_get(v, "Id"));
		const char *name = yyjson_get_str(yyjson_arr_get_first(yyjson_obj_get(v, "Names")));

		name = name ? name + (*name == '/') : "";
		if (id && ((h->id && !strcmp(h->id, id)) || (!h->id && !strcmp(h->name, name))))
			return id;
	}
	return NULL;
}

static void on_list(void *ctx, struct answer *answers, size_t n)
{
	struct watch *w = ctx;
	yyjson_val *list = n == 1 && answers[0].status == 200 ? yyjson_doc_get_root(answers[0].doc) : NULL;

	w->gather = NULL;
	for (size_t i = 0; list && i < w->n_asked; i++) {
		const struct hosted *h = hosted_by_number(w->h->server, w->asked[i]);
		const char *id = h ? id_in(list, h) : NULL;

		if (id)
			hosted_identify(w->h->server, h->number, id);
		else if (h)
			hosted_drop(w->h->server, h->number);
	}
	free(w->asked);
	w->asked = NULL;
	w->n_asked = 0;
}

static void on_ready(void *ctx)
{
	struct watch *w = ctx;
	char *const nodes[] = {w->node, NULL};
	const struct question q = {.method = "GET",
				   .target = ONEHOST_API "/containers/json?all=1",
				   .nodes = nodes,
				   .wait_ms = ONEHOST_WAIT_MS};
	size_t cap = 0;

	w->gather = gather_free(w->gather);
	w->n_asked = 0;
	for (const struct hosted *h = hosted_first(w->h->server); h; h = h->next) {
		if (strcmp(h->node, w->node) != 0 || making_has(w->h, h->number))
			continue;
		if (w->n_asked == cap)
			mem_grow_to((void **)&w->asked, &cap, w->n_asked + 1, sizeof *w->asked);
		w->asked[w->n_asked++] = h->number;
	}
	if (w->n_asked > 0)
		w->gather = gather_start(w->h, &q, on_list, w);
}

/* ---- what happens there ---- */

static const struct hosted *meant(const struct watch *w, const char *id, const char *name)
{
	const struct hosted *h = id ? hosted_by_id(w->h->server, id) : NULL;

	if (!h && name) {
		h = hosted_by_name(w->h->server, name);
		h = h && !h->id ? h : NULL;
	}
	return h && !strcmp(h->node, w->node) ? h : NULL;
}

static void on_line(void *ctx, yyjson_doc *event)
{
	struct watch *w = ctx;
	yyjson_val *o = yyjson_doc_get_root(event), *actor = yyjson_obj_get(o, "Actor");
	const char *action = yyjson_get_str(yyjson_obj_get(o, "Action")),
		   *id = yyjson_get_str(yyjson_obj_get(actor, "ID"));
	const char *name = yyjson_get_str(yyjson_obj_get(yyjson_obj_get(actor, "Attributes"), "name"));
	const struct hosted *h = meant(w, id, name);

	if (!h || !action)
		return;
	if (!strcmp(action, "create") && id)
		hosted_identify(w->h->server, h->number, id);
	else if (!strcmp(action, "rename") && name)
		hosted_rename(w->h->server, h->number, name);
	else if (!strcmp(action, "destroy"))
		hosted_drop(w->h->server, h->number);
	if (!is_needed(w->h, w->node))
		watch_free(w);
}

/* It is begun again when the node is there again, or has a container again. */
static void on_end(void *ctx)
{
	watch_free(ctx);
}

/* ---- life ---- */

void watch_start(struct onehost *h, const char *node)
{
	static const struct node_lines_hooks hooks = {.ready = on_ready, .line = on_line, .end = on_end};
	struct watch *w = watch_of(h, node);

	if (w || !is_needed(h, node))
		return;
	w = mem_new(struct watch);
	w->h = h;
	snprintf(w->node, sizeof w->node, "%s", node);
	w->lines = node_lines_open(h, node, EVENTS, &hooks, w);
	if (!w->lines) {
		free(w);
		return;
	}
	w->next = h->watches;
	h->watches = w;
}

void watch_start_all(struct onehost *h)
{
	char **nodes = onehost_connected(h);

	for (char **n = nodes; n && *n; n++)
		watch_start(h, *n);
	mem_strv_free(nodes);
}

void watch_end_all(struct onehost *h)
{
	while (h->watches) {
		struct watch *w = h->watches;

		h->watches = w->next;
		release(w);
	}
}
