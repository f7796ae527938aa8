/* SPDX-License-Identifier: Apache-2.0
 *
 * Networks and volumes. Each is of one node, and the cluster calls it NODE/NAME: who makes one says where.
 */
#include "face/onehost/onehost_private.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"

#include <string.h>

#define BODY_MAX (1u << 20)

struct things {
	struct http_req *r;
	struct gather *gather;
	const char *member; /* of the answer that is the list; NULL: the answer is the list */
};

static void on_close(struct http_req *r, void *ctx)
{
	struct things *t = ctx;

	(void)r;
	gather_free(t->gather);
	free(t);
}

static void add_named(yyjson_mut_doc *d, yyjson_mut_val *list, yyjson_val *v, const char *node)
{
	yyjson_mut_val *o = yyjson_val_mut_copy(d, v);
	const char *name = yyjson_get_str(yyjson_obj_get(v, "Name"));
	mem_cleanup char *shown = mem_printf("%s/%s", node, name ? name : "");

	yyjson_mut_obj_put(o, yyjson_mut_str(d, "Name"), yyjson_mut_strcpy(d, shown));
	yyjson_mut_arr_append(list, o);
}

static void on_lists(void *ctx, struct answer *answers, size_t n)
{
	struct things *t = ctx;
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *list = yyjson_mut_arr(d), *root = t->member ? yyjson_mut_obj(d) : list;
	mem_cleanup char *text = NULL;
	yyjson_val *v;
	size_t k, max;

	t->gather = NULL;
	yyjson_mut_doc_set_root(d, root);
	for (size_t i = 0; i < n; i++) {
		yyjson_val *from = yyjson_doc_get_root(answers[i].doc);

		if (answers[i].status == 400) {
			http_reply(t->r, 400, "application/json", answers[i].text, answers[i].len);
			return;
		}
		if (answers[i].status != 200)
			continue;
		yyjson_arr_foreach (t->member ? yyjson_obj_get(from, t->member) : from, k, max, v) {
			add_named(d, list, v, answers[i].node);
		}
	}
	if (t->member) {
		yyjson_mut_obj_add_val(d, root, t->member, list);
		yyjson_mut_obj_add_null(d, root, "Warnings");
	}
	text = json_text(d, false, NULL);
	http_reply_json(t->r, 200, text);
}

static void ask_all(const struct call *c, const char *member)
{
	struct things *t = mem_new(struct things);
	mem_cleanup char *target = onehost_target(c, "");
	const struct question q = {
	    .method = "GET", .target = target, .role = policy_of(c->r), .wait_ms = ONEHOST_WAIT_MS};

	t->r = c->r;
	t->member = member;
	http_req_on_close(c->r, on_close, t);
	t->gather = gather_start(c->h, &q, on_lists, t);
}

void call_networks(const struct call *c)
{
	ask_all(c, NULL);
}

void call_volumes(const struct call *c)
{
	ask_all(c, "Volumes");
}

/* ---- one ---- */

/* The body with the node taken off the name of what `key` names; NULL: it stays as it is. The caller frees. */
static char *without_node(const struct call *c, const char *key, char node[static NODE_NAME_MAX])
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	json_mut_cleanup yyjson_mut_doc *d = NULL;
	const char *body, *name, *rest;
	yyjson_mut_val *root;
	size_t n;

	body = http_req_body(c->r, &n);
	doc = json_parse(body, n, BODY_MAX, "the body", NULL);
	name = yyjson_get_str(json_member(yyjson_doc_get_root(doc), key));
	if (!name || !onehost_split(c->h, name, node, &rest))
		return NULL;
	d = yyjson_doc_mut_copy(doc, NULL);
	root = yyjson_mut_doc_get_root(d);
	yyjson_mut_obj_put(root, yyjson_mut_str(d, key), yyjson_mut_strcpy(d, rest));
	return json_text(d, false, NULL);
}

void call_network(const struct call *c)
{
	char node[NODE_NAME_MAX];
	mem_cleanup char *body = without_node(c, "Container", node);
	const struct relay_how how = {.body = body};
	struct err err = ERR_INIT;

	/* Every node has these. */
	if (strcmp(c->arg, "bridge") != 0 && strcmp(c->arg, "host") != 0 && strcmp(c->arg, "none") != 0)
		relay_found(c, KIND_NETWORK, &how);
	else if (body)
		relay_to(c, node, c->arg, &how);
	else if (onehost_any_node(c->h, node, &err) < 0)
		onehost_fail(c->r, &err);
	else
		relay_to(c, node, c->arg, &how);
}

void call_volume(const struct call *c)
{
	relay_found(c, KIND_VOLUME, NULL);
}

/* ---- making ---- */

static void create(const struct call *c, const char *what)
{
	char node[NODE_NAME_MAX];
	mem_cleanup char *body = without_node(c, "Name", node);
	const struct relay_how how = {.body = body};
	char **nodes = onehost_connected(c->h);
	struct err err = ERR_INIT;

	if (body) {
		relay_to(c, node, "", &how);
	} else if (mem_strv_len(nodes) == 1) {
		relay_to(c, nodes[0], "", NULL);
	} else {
		err_set(
		    &err, EINVAL,
		    "a %s is of one node of the cluster: say where it is to be, in its name: NODE/NAME (berth node ls)",
		    what);
		onehost_fail(c->r, &err);
	}
	mem_strv_free(nodes);
}

void call_network_create(const struct call *c)
{
	create(c, "network");
}

void call_volume_create(const struct call *c)
{
	create(c, "volume");
}
