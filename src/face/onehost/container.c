/* SPDX-License-Identifier: Apache-2.0
 *
 * Containers as the cluster shows them: the name "/n1/web" in lists, as classic Swarm had it, the label berth.node, and in an inspection the member Node.
 */
#include "face/onehost/onehost_private.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "base/wire/http_server.h"
#include "cluster/server/hosted.h"
#include "cluster/server/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- one ---- */

static void put_str(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, const char *value)
{
	yyjson_mut_obj_put(o, yyjson_mut_strcpy(d, key), yyjson_mut_strcpy(d, value));
}

static void put_label(yyjson_mut_doc *d, yyjson_mut_val *o, const char *node)
{
	yyjson_mut_val *labels = yyjson_mut_obj_get(o, "Labels");

	if (!yyjson_mut_is_obj(labels)) {
		labels = yyjson_mut_obj(d);
		yyjson_mut_obj_put(o, yyjson_mut_str(d, "Labels"), labels);
	}
	put_str(d, labels, ONEHOST_NODE_LABEL, node);
}

void container_mark(yyjson_mut_doc *d, yyjson_mut_val *o, const char *node)
{
	yyjson_mut_val *names = yyjson_mut_obj_get(o, "Names"), *list = yyjson_mut_arr(d), *v;
	size_t i, n;

	yyjson_mut_arr_foreach (names, i, n, v) {
		const char *name = yyjson_mut_get_str(v);
		mem_cleanup char *shown = mem_printf("/%s/%s", node, name ? name + (*name == '/') : "");

		yyjson_mut_arr_add_strcpy(d, list, shown);
	}
	yyjson_mut_obj_put(o, yyjson_mut_str(d, "Names"), list);
	put_label(d, o, node);
}

struct finding_node {
	yyjson_mut_doc *d;
	yyjson_mut_val *root;
	const char *node;
};

static void add_node(void *ctx, const struct server_node *n)
{
	struct finding_node *f = ctx;
	yyjson_mut_val *o, *labels;
	json_doc_cleanup yyjson_doc *doc = NULL;

	if (strcmp(n->name, f->node) != 0)
		return;
	o = yyjson_mut_obj(f->d);
	yyjson_mut_obj_put(f->root, yyjson_mut_str(f->d, "Node"), o);
	put_str(f->d, o, "ID", n->name);
	put_str(f->d, o, "Name", n->name);
	put_str(f->d, o, "State", n->state);
	yyjson_mut_obj_add_uint(f->d, o, "Cpus", n->slots);
	yyjson_mut_obj_add_uint(f->d, o, "Memory", n->memory);
	doc = n->labels ? yyjson_read(n->labels, strlen(n->labels), 0) : NULL;
	labels = doc ? yyjson_val_mut_copy(f->d, yyjson_doc_get_root(doc)) : yyjson_mut_obj(f->d);
	yyjson_mut_obj_put(o, yyjson_mut_str(f->d, "Labels"), labels);
}

static void edit_inspect(const struct call *c, const char *node, int status, yyjson_mut_doc *doc)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	struct finding_node f = {.d = doc, .root = root, .node = node};

	if (status != 200)
		return;
	server_nodes_each(c->h->server, add_node, &f);
	put_label(doc, yyjson_mut_obj_get(root, "Config"), node);
}

void call_inspect(const struct call *c)
{
	const struct relay_how how = {.edit = edit_inspect};

	relay_found(c, KIND_CONTAINER, &how);
}

static void edit_exec(const struct call *c, const char *node, int status, yyjson_mut_doc *doc)
{
	const char *id = yyjson_mut_get_str(yyjson_mut_obj_get(yyjson_mut_doc_get_root(doc), "Id"));

	if (status == 201 && id)
		find_note(c->h, id, node);
}

void call_exec_create(const struct call *c)
{
	const struct relay_how how = {.edit = edit_exec};

	relay_found(c, KIND_CONTAINER, &how);
}

/* A name is the cluster's. What the node makes of it is told by its event (watch.c). */
void call_rename(const struct call *c)
{
	const char *name = http_req_query(c->r, "name");
	const struct hosted *other;
	struct err err = ERR_INIT;

	name = name ? name + (*name == '/') : "";
	other = hosted_by_name(c->h->server, name);
	if (!other) {
		relay_found(c, KIND_CONTAINER, NULL);
		return;
	}
	err_set(&err, EEXIST, "Conflict. The container name \"/%.200s\" is already in use by a container on node %s",
		name, other->node);
	onehost_fail(c->r, &err);
}

/* ---- commit: its container is a parameter ---- */

void call_commit(const struct call *c)
{
	struct call at = *c;

	at.arg = http_req_query(c->r, "container");
	at.arg = at.arg ? at.arg : "";
	relay_found(&at, KIND_CONTAINER, NULL);
}

/* ---- lists ---- */

typedef void (*mark_fn)(yyjson_mut_doc *d, yyjson_mut_val *o, const char *node);

struct list {
	struct onehost *h;
	struct http_req *r;
	struct gather *gather;
	int64_t limit;	 /* 0 = all */
	bool all, plain; /* also what is not running; without filters */
	bool dockers;	 /* Docker's list, and not ours */
	mark_fn mark;	 /* tells the node of each */
};

static void on_close(struct http_req *r, void *ctx)
{
	struct list *l = ctx;

	(void)r;
	gather_free(l->gather);
	free(l);
}

/* What is known of one whose node does not answer. */
static void add_absent(yyjson_mut_doc *d, yyjson_mut_val *list, const struct hosted *h)
{
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(d, list), *part;
	char nobody[65];

	memset(nobody, '0', sizeof nobody - 1);
	nobody[sizeof nobody - 1] = '\0';
	put_str(d, o, "Id", h->id ? h->id : nobody);
	yyjson_mut_arr_add_strcpy(d, yyjson_mut_obj_add_arr(d, o, "Names"), h->name);
	put_str(d, o, "Image", h->image);
	put_str(d, o, "ImageID", "");
	put_str(d, o, "Command", "");
	yyjson_mut_obj_add_int(d, o, "Created", h->created_ms / 1000);
	(void)yyjson_mut_obj_add_arr(d, o, "Ports");
	put_str(d, o, "State", "unknown");
	put_str(d, o, "Status", "Host Down");
	part = yyjson_mut_obj_add_obj(d, o, "HostConfig");
	put_str(d, part, "NetworkMode", "");
	part = yyjson_mut_obj_add_obj(d, o, "NetworkSettings");
	(void)yyjson_mut_obj_add_obj(d, part, "Networks");
	(void)yyjson_mut_obj_add_arr(d, o, "Mounts");
	container_mark(d, o, h->node);
}

static void add_all_absent(const struct onehost *h, yyjson_mut_doc *d, yyjson_mut_val *list,
			   const struct answer *answers, size_t n)
{
	struct map answered = MAP_INIT;

	for (size_t i = 0; i < n; i++) {
		if (answers[i].status == 200)
			map_put(&answered, answers[i].node, (void *)(uintptr_t)&answers[i]);
	}
	for (const struct hosted *x = hosted_first(h->server); x; x = x->next) {
		if (!map_get(&answered, x->node))
			add_absent(d, list, x);
	}
	map_free(&answered);
}

static int64_t created(yyjson_mut_val *o)
{
	yyjson_mut_val *v = yyjson_mut_obj_get(o, "Created");

	v = v ? v : yyjson_mut_obj_get(o, "created_ms");
	return yyjson_mut_is_int(v) ? yyjson_mut_get_sint(v) : 0;
}

static int newest_first(const void *a, const void *b)
{
	int64_t x = created(*(yyjson_mut_val *const *)a), y = created(*(yyjson_mut_val *const *)b);

	return x < y ? 1 : x > y ? -1 : 0;
}

/* The same, by their time, and no more than are wanted. */
static yyjson_mut_val *sorted(yyjson_mut_doc *d, yyjson_mut_val *list, int64_t limit)
{
	size_t n = yyjson_mut_arr_size(list), i, max;
	mem_cleanup yyjson_mut_val **items = mem_new_n(yyjson_mut_val *, n + 1);
	yyjson_mut_val *out = yyjson_mut_arr(d), *v;

	yyjson_mut_arr_foreach (list, i, max, v) {
		items[i] = v;
	}
	qsort(items, n, sizeof *items, newest_first);
	for (i = 0; i < n && (limit == 0 || (int64_t)i < limit); i++)
		yyjson_mut_arr_append(out, items[i]);
	return out;
}

/* The first answer that is an error, when no node has answered well. */
static bool all_failed(struct list *l, const struct answer *answers, size_t n)
{
	const struct answer *first = NULL;

	for (size_t i = 0; i < n; i++) {
		if (answers[i].status == 200)
			return false;
		if (answers[i].status && !first)
			first = &answers[i];
	}
	if (first)
		http_reply(l->r, first->status, "application/json", first->text, first->len);
	return first != NULL;
}

static void reply_list(struct list *l, yyjson_mut_doc *d, yyjson_mut_val *list)
{
	mem_cleanup char *text = NULL;

	yyjson_mut_doc_set_root(d, sorted(d, list, l->limit));
	text = json_text(d, false, NULL);
	http_reply_json(l->r, 200, text);
}

/* The containers of all answers, each marked with its node. */
static yyjson_mut_val *join(yyjson_mut_doc *d, const struct answer *answers, size_t n, mark_fn mark)
{
	yyjson_mut_val *list = yyjson_mut_arr(d);
	yyjson_val *v;
	size_t k, max;

	for (size_t i = 0; i < n; i++) {
		yyjson_arr_foreach (yyjson_doc_get_root(answers[i].doc), k, max, v) {
			yyjson_mut_val *o = yyjson_val_mut_copy(d, v);

			mark(d, o, answers[i].node);
			yyjson_mut_arr_append(list, o);
		}
	}
	return list;
}

static void on_lists(void *ctx, struct answer *answers, size_t n)
{
	struct list *l = ctx;
	json_mut_cleanup yyjson_mut_doc *d = NULL;
	yyjson_mut_val *list;

	l->gather = NULL;
	if (all_failed(l, answers, n))
		return;
	d = yyjson_mut_doc_new(NULL);
	list = join(d, answers, n, l->mark);
	if (l->all && l->plain && l->dockers)
		add_all_absent(l->h, d, list, answers, n);
	reply_list(l, d, list);
}

static void ask_all(const struct call *c, mark_fn mark, bool dockers)
{
	struct list *l = mem_new(struct list);
	const char *limit = http_req_query(c->r, "limit"), *all = http_req_query(c->r, "all");
	const char *filters = http_req_query(c->r, "filters");
	mem_cleanup char *target = onehost_target(c, "");
	const struct question q = {
	    .method = "GET", .target = target, .role = policy_of(c->r), .wait_ms = ONEHOST_WAIT_MS};

	l->h = c->h;
	l->r = c->r;
	l->limit = limit ? strtoll(limit, NULL, 10) : 0;
	l->limit = l->limit > 0 ? l->limit : 0;
	l->all = (all && strcmp(all, "0") != 0 && strcasecmp(all, "false") != 0) || l->limit > 0;
	l->plain = !filters || strlen(filters) <= 2;
	http_req_on_close(c->r, on_close, l);
	l->mark = mark;
	l->dockers = dockers;
	l->gather = gather_start(c->h, &q, on_lists, l);
}

void call_containers(const struct call *c)
{
	ask_all(c, container_mark, true);
}

static void put_node(yyjson_mut_doc *d, yyjson_mut_val *o, const char *node)
{
	put_str(d, o, "node", node);
}

void call_own_containers(const struct call *c)
{
	ask_all(c, put_node, false);
}
