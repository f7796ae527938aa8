/* SPDX-License-Identifier: Apache-2.0
 *
 * Who has it: what the server has written down, then what was seen before, then all nodes are asked. A name that is whole counts before the beginning of an id.
 */
#include "face/onehost/onehost_private.h"

#include "base/core/err.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "cluster/server/hosted.h"
#include "cluster/server/server.h"

#include <stdio.h>
#include <string.h>

#define SEEN_MAX 8192
#define ID_DIGITS 64

static const struct {
	const char *word;	    /* "No such container: x" */
	const char *before, *after; /* the path that a node answers about it */
	const char *id, *name;	    /* members of the answer */
	bool every;		    /* each node that has it will do */
} kinds[] = {
    [KIND_CONTAINER] = {"container", "/containers/", "/json", "Id", "Name", false},
    [KIND_EXEC] = {"exec instance", "/exec/", "/json", "ID", "ID", false},
    [KIND_IMAGE] = {"image", "/images/", "/json", "Id", "Id", true},
    [KIND_NETWORK] = {"network", "/networks/", "", "Id", "Name", false},
    [KIND_VOLUME] = {"volume", "/volumes/", "", "Name", "Name", false},
};

struct finding {
	struct onehost *h;
	enum kind kind;
	find_fn fn;
	void *ctx;
	char *ref;
	struct found found; /* known at once */
	struct err why;
	struct gather *gather;
	struct loop_timer *timer;
};

/* ---- what was seen ---- */

void find_note(struct onehost *h, const char *id, const char *node)
{
	const char *known = map_get(&h->seen, id);
	char *before;

	/* No two containers have one id: a second node that says so does not get what is meant for the first. */
	if (known && strcmp(known, node) != 0 && server_node_reaches(h->server, known, NULL) == 0)
		return;
	if (!h->seen_order)
		h->seen_order = mem_new_n(char *, SEEN_MAX);
	before = map_put(&h->seen, id, mem_strdup(node));
	if (before) {
		free(before);
		return;
	}
	if (h->seen_order[h->seen_next]) {
		free(map_remove(&h->seen, h->seen_order[h->seen_next]));
		free(h->seen_order[h->seen_next]);
	}
	h->seen_order[h->seen_next] = mem_strdup(id);
	h->seen_next = (h->seen_next + 1) % SEEN_MAX;
}

void find_forget_all(struct onehost *h)
{
	for (struct map_slot *slot = NULL; (slot = map_next(&h->seen, slot));)
		free(slot->value);
	map_free(&h->seen);
	for (size_t i = 0; h->seen_order && i < SEEN_MAX; i++)
		free(h->seen_order[i]);
	free(h->seen_order);
	h->seen_order = NULL;
}

static bool is_whole_id(const char *text)
{
	return strlen(text) == ID_DIGITS && strspn(text, "0123456789abcdef") == ID_DIGITS;
}

/* ---- without asking ---- */

static bool set(struct found *f, const char *node, const char *ref)
{
	snprintf(f->node, sizeof f->node, "%s", node);
	f->ref = mem_strdup(ref);
	return true;
}

static bool known(const struct onehost *h, enum kind kind, const char *ref, struct found *f)
{
	const struct hosted *hosted = NULL;
	const char *rest, *node;
	char split[NODE_NAME_MAX];

	if (kind != KIND_IMAGE && kind != KIND_EXEC && onehost_split(h, ref, split, &rest))
		return set(f, split, rest);
	ref += kind == KIND_CONTAINER && *ref == '/';
	if (kind == KIND_CONTAINER)
		hosted = is_whole_id(ref) ? hosted_by_id(h->server, ref) : hosted_by_name(h->server, ref);
	if (hosted)
		return set(f, hosted->node, hosted->id ? hosted->id : hosted->name);
	node = is_whole_id(ref) && kind != KIND_IMAGE ? map_get(&h->seen, ref) : NULL;
	return node && set(f, node, ref);
}

/* ---- asking ---- */

static bool is_whole_name(const struct finding *f, yyjson_val *o)
{
	const char *id = yyjson_get_str(yyjson_obj_get(o, kinds[f->kind].id));
	const char *name = yyjson_get_str(yyjson_obj_get(o, kinds[f->kind].name));

	name = name ? name + (*name == '/') : "";
	return (id && !strcmp(id, f->ref)) || !strcmp(name, f->ref);
}

struct absent {
	char name[NODE_NAME_MAX]; /* of the first */
	size_t n;
};

static void count_absent(void *ctx, const struct server_node *n)
{
	struct absent *a = ctx;

	if (!n->connected && a->n++ == 0)
		snprintf(a->name, sizeof a->name, "%s", n->name);
}

/* In Docker's words, and what could not be asked. */
static int not_found(struct finding *f)
{
	struct absent a = {.n = 0};
	mem_cleanup char *also = NULL;

	if (f->kind == KIND_CONTAINER)
		server_nodes_each(f->h->server, count_absent, &a);
	if (a.n == 1)
		also = mem_printf(FIND_ABSENT "; %s is not", a.name);
	else if (a.n > 1)
		also = mem_printf(FIND_ABSENT "; %s and %zu more are not", a.name, a.n - 1);
	return err_set(&f->why, ENOENT, "No such %s: %.300s%s", kinds[f->kind].word, f->ref, also ? also : "");
}

static int pick(struct finding *f, const struct answer *answers, size_t n, struct found *ret)
{
	const struct answer *best = NULL;
	const char *id;
	bool whole = false;
	size_t equals = 0;

	for (size_t i = 0; i < n; i++) {
		const struct answer *a = &answers[i];
		bool is_whole = a->status == 200 && is_whole_name(f, yyjson_doc_get_root(a->doc));

		/* Its own prefix fits several there. */
		if (a->status == 400 || a->status == 409) {
			const char *words = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(a->doc), "message"));

			return err_set(&f->why, EBUSY, "node %s: %s", a->node, words ? words : "several fit there");
		}
		if (a->status != 200 || (whole && !is_whole))
			continue;
		equals = is_whole == whole ? equals + 1 : 1;
		whole = is_whole;
		best = best && equals > 1 ? best : a;
	}
	if (!best)
		return not_found(f);
	if (equals > 1 && !kinds[f->kind].every)
		return err_set(&f->why, EBUSY, "several nodes have a %s %.300s: say which one is meant, NODE/%.300s",
			       kinds[f->kind].word, f->ref, f->ref);
	id = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(best->doc), kinds[f->kind].id));
	if (id && is_whole_id(id))
		find_note(f->h, id, best->node);
	set(ret, best->node, id && f->kind == KIND_CONTAINER ? id : f->ref);
	return 0;
}

static void on_answers(void *ctx, struct answer *answers, size_t n)
{
	struct finding *f = ctx;
	struct found found = {.ref = NULL};
	bool any = pick(f, answers, n, &found) == 0;
	struct err why = f->why;

	f->gather = NULL;
	f->fn(f->ctx, any ? &found : NULL, any ? NULL : &why); /* may free the finding */
	free(found.ref);
}

static void on_known(void *ctx)
{
	struct finding *f = ctx;
	struct found found = f->found;

	f->found.ref = NULL;
	f->fn(f->ctx, &found, NULL);
	free(found.ref);
}

struct finding *find_free(struct finding *f)
{
	if (!f)
		return NULL;
	gather_free(f->gather);
	loop_timer_free(f->timer);
	free(f->found.ref);
	free(f->ref);
	free(f);
	return NULL;
}

struct finding *find_start(struct onehost *h, enum kind kind, const char *ref, find_fn fn, void *ctx)
{
	struct finding *f = mem_new(struct finding);
	mem_cleanup char *encoded = http_url_encode(ref + (kind == KIND_CONTAINER && *ref == '/'));
	mem_cleanup char *target = mem_printf(ONEHOST_API "%s%s%s", kinds[kind].before, encoded, kinds[kind].after);
	char **stores = kind == KIND_IMAGE ? onehost_stores(h) : NULL;
	const struct question q = {.method = "GET", .target = target, .nodes = stores, .wait_ms = ONEHOST_WAIT_MS};

	f->h = h;
	f->kind = kind;
	f->fn = fn;
	f->ctx = ctx;
	f->ref = mem_strdup(ref + (kind == KIND_CONTAINER && *ref == '/'));
	if (known(h, kind, ref, &f->found)) {
		f->timer = loop_timer_new(h->loop, on_known, f);
		loop_timer_arm(f->timer, 0);
	} else {
		f->gather = gather_start(h, &q, on_answers, f);
	}
	mem_strv_free(stores);
	return f;
}
