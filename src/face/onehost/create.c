/* SPDX-License-Identifier: Apache-2.0
 *
 * A new container: who has its image is asked first (nobody: the client is told so, as by Docker, and pulls), then the server chooses a node and takes the name,
 * and when that is durable the image goes there, if need be, and the request after it. What the node then answers is the client's; whether it is there in the
 * end, when it is lost in between, is found out when the node is there again (watch.c).
 */
#include "face/onehost/image_word.h"
#include "face/onehost/onehost_private.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/core/nickname.h"
#include "base/wire/http_client.h"
#include "base/wire/http_server.h"
#include "cluster/server/hosted.h"

#include <stdio.h>
#include <string.h>

#define BODY_MAX (16u << 20)
#define NAME_MAX_BYTES 255

struct making {
	struct making *next;
	struct onehost *h;
	struct http_req *r; /* NULL: the client has gone */
	struct call call;
	char *version, *name, *image;
	bool own; /* POST /v1/containers/run */
	yyjson_mut_doc *body;
	struct place_wish wish;
	struct gather *gather;
	char **has_image;
	struct image_word from; /* who gives it to a node that lacks it, ... */
	struct err no_word;	/* ... or why nobody does */
	bool choosing;		/* the server will call back */
	uint64_t number;
	char node[NODE_NAME_MAX];
	struct copy *copy;
};

bool making_has(const struct onehost *h, uint64_t number)
{
	const struct making *m = h->makings;

	while (m && m->number != number)
		m = m->next;
	return m != NULL;
}

static void making_free(struct making *m)
{
	struct making **link = m->h ? &m->h->makings : NULL;

	while (link && *link != m)
		link = &(*link)->next;
	if (link)
		*link = m->next;
	gather_free(m->gather);
	copy_free(m->copy);
	place_wish_free(&m->wish);
	mem_strv_free(m->has_image);
	yyjson_mut_doc_free(m->body);
	free(m->version);
	free(m->name);
	free(m->image);
	free(m);
}

void making_end_all(struct onehost *h)
{
	while (h->makings) {
		struct making *m = h->makings;

		/* The server still calls it: what it has written then is looked for at the next start. */
		if (m->choosing) {
			h->makings = m->next;
			m->h = NULL;
			m->r = NULL;
		} else {
			making_free(m);
		}
	}
}

/* The name is taken back, unless the node has been asked already. */
static void on_close(struct http_req *r, void *ctx)
{
	struct making *m = ctx;

	(void)r;
	m->r = NULL;
	if (m->choosing)
		return;
	if (m->number)
		hosted_drop(m->h->server, m->number);
	making_free(m);
}

static void fail(struct making *m, const struct err *err)
{
	onehost_fail(m->r, err);
}

/* ---- the node's answer: by then the making is gone, and arg is the name ---- */

static void on_head(const struct call *c, const char *node, int status)
{
	const struct hosted *h = hosted_by_name(c->h->server, c->arg);

	if (status >= 400 && h && !h->id && !strcmp(h->node, node))
		hosted_drop(c->h->server, h->number);
}

static void edit(const struct call *c, const char *node, int status, yyjson_mut_doc *doc)
{
	const struct hosted *h = hosted_by_name(c->h->server, c->arg);
	const char *id = yyjson_mut_get_str(yyjson_mut_obj_get(yyjson_mut_doc_get_root(doc), "Id"));

	if (status == 201 && id && h && !strcmp(h->node, node))
		hosted_identify(c->h->server, h->number, id);
}

static void put_str(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, const char *value)
{
	yyjson_mut_obj_put(o, yyjson_mut_str(d, key), yyjson_mut_strcpy(d, value));
}

/* So `docker ps --filter label=berth.node=n1` finds it. */
static void put_label(struct making *m)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(m->body), *labels = yyjson_mut_obj_get(root, "Labels");

	if (m->own)
		return;
	if (!yyjson_mut_is_obj(labels)) {
		labels = yyjson_mut_obj(m->body);
		yyjson_mut_obj_put(root, yyjson_mut_str(m->body, "Labels"), labels);
	}
	put_str(m->body, labels, ONEHOST_NODE_LABEL, m->node);
}

/* The query as it came, but for the name, which every container of the cluster has. */
static char *target_of(const struct making *m)
{
	mem_cleanup char *name = http_url_encode(m->name);
	const char *platform = http_req_query(m->r, "platform");
	mem_cleanup char *encoded = platform ? http_url_encode(platform) : NULL;

	if (m->own)
		return mem_printf("/v1/containers/run");
	return mem_printf("%s/containers/create?name=%s%s%s", m->version, name, encoded ? "&platform=" : "",
			  encoded ? encoded : "");
}

static char *body_of(struct making *m)
{
	put_label(m);
	if (m->own)
		put_str(m->body, yyjson_mut_doc_get_root(m->body), "name", m->name);
	return json_text(m->body, false, NULL);
}

static void ask_node(struct making *m)
{
	mem_cleanup char *body = body_of(m), *target = target_of(m);
	mem_cleanup char *name = mem_strdup(m->name), *version = mem_strdup(m->version);
	const struct relay_how how = {.edit = m->own ? NULL : edit, .head = on_head, .body = body, .target = target};
	struct call c = m->call;
	char node[NODE_NAME_MAX];

	memcpy(node, m->node, sizeof node);
	c.arg = name;
	c.version = version;
	watch_start(m->h, node);
	/* The relay has the request from now on. */
	http_req_on_close(m->r, NULL, NULL);
	making_free(m);
	relay_to(&c, node, "", &how);
}

/* ---- the image ---- */

static void on_copied(void *ctx, const struct err *error)
{
	struct making *m = ctx;

	m->copy = copy_free(m->copy);
	if (!error) {
		ask_node(m);
		return;
	}
	hosted_drop(m->h->server, m->number);
	m->number = 0;
	fail(m, error);
}

static bool has_image(const struct making *m)
{
	for (char **n = m->has_image; n && *n; n++) {
		if (!strcmp(*n, m->node))
			return true;
	}
	return false;
}

/* ---- the place ---- */

static void on_chosen(void *ctx, const struct hosted *h, const struct err *error)
{
	struct making *m = ctx;

	m->choosing = false;
	if (!m->r) {
		if (h && m->h)
			hosted_drop(m->h->server, h->number);
		making_free(m);
		return;
	}
	if (!h && error->code == EEXIST) {
		struct err taken = ERR_INIT;

		err_set(&taken, EEXIST, "Conflict. The container name \"/%s\" is already in use: %s", m->name,
			error->text);
		fail(m, &taken);
	} else if (!h) {
		fail(m, error);
	} else {
		m->number = h->number;
		snprintf(m->node, sizeof m->node, "%s", h->node);
		if (has_image(m))
			ask_node(m);
		else if (m->no_word.code)
			on_copied(m, &m->no_word);
		else
			m->copy = copy_start(m->h, m->image, &m->from, m->node, on_copied, m);
	}
}

static bool name_taken(void *ctx, const char *name)
{
	const struct onehost *h = ctx;

	return hosted_by_name(h->server, name) != NULL;
}

/* A node may have containers of its own, whose names have no number as a rule. Nobody else can get the name before the server has it: that is one call. */
static void choose_name(struct making *m)
{
	m->name = mem_zalloc(1, NICKNAME_SIZE);
	nickname_make(m->name, 3, name_taken, m->h);
}

static void choose(struct making *m)
{
	const struct hosted_wish w = {.name = m->name,
				      .image = m->image,
				      .slots = m->wish.slots,
				      .cpu_milli = m->wish.cpu_milli,
				      .memory = m->wish.memory,
				      .gpus = m->wish.gpus,
				      .constraints = m->wish.constraints,
				      .has_image = m->has_image};

	m->choosing = true;
	hosted_make(m->h->server, &w, on_chosen, m);
}

static void on_images(void *ctx, struct answer *answers, size_t n)
{
	struct making *m = ctx;
	struct err err = ERR_INIT;
	const char *slash = strrchr(m->image, '/');

	m->gather = NULL;
	for (size_t i = 0; i < n; i++) {
		if (answers[i].status == 200)
			mem_strv_add(&m->has_image, answers[i].node);
	}
	if (m->has_image) {
		if (!m->name)
			choose_name(m);
		(void)image_word(m->h, answers, n, m->image, &m->from, &m->no_word);
		choose(m);
		return;
	}
	/* With the tag that was meant: clients pull it then. */
	err_set(&err, ENOENT, "No such image: %.300s%s", m->image,
		strchr(slash ? slash : m->image, ':') || strchr(m->image, '@') ? "" : ":latest");
	fail(m, &err);
}

/* ---- the request ---- */

/* "n1/web" is web at n1. */
static void take_name(struct making *m, const char *name)
{
	char node[NODE_NAME_MAX];
	const char *rest;
	mem_cleanup char *constraint = NULL;

	name = name ? name + (*name == '/') : "";
	if (onehost_split(m->h, name, node, &rest)) {
		constraint = mem_printf("node==%s", node);
		mem_strv_add(&m->wish.constraints, constraint);
		name = rest;
	}
	m->name = *name ? mem_strdup(name) : NULL;
}

static int read_body(struct making *m, struct err *err)
{
	static const char *const parts[] = {"Image", "HostConfig", "NetworkingConfig", "Env", "Labels", NULL};
	json_doc_cleanup yyjson_doc *doc = NULL;
	const char *text, *image;
	yyjson_mut_val *root;
	size_t n;

	text = http_req_body(m->r, &n);
	doc = json_parse(text, n, BODY_MAX, "the body", err);
	if (!doc)
		return -err->code;
	if (!yyjson_is_obj(yyjson_doc_get_root(doc)))
		return err_set(err, EINVAL, "the body: an object is needed");
	if (!m->own)
		json_fold(yyjson_doc_get_root(doc), parts);
	m->body = yyjson_doc_mut_copy(doc, NULL);
	root = yyjson_mut_doc_get_root(m->body);
	image = yyjson_mut_get_str(yyjson_mut_obj_get(root, m->own ? "image" : "Image"));
	if (!image || !*image)
		return err_set(err, EINVAL, "%s: the container needs an image", m->own ? "image" : "Image");
	m->image = mem_strdup(image);
	place_wish_read(m->h, m->body, &m->wish);
	take_name(m, m->own ? yyjson_mut_get_str(yyjson_mut_obj_get(root, "name")) : http_req_query(m->r, "name"));
	if (m->name && (strlen(m->name) > NAME_MAX_BYTES || strchr(m->name, '/')))
		return err_set(err, EINVAL,
			       "Invalid container name (%.200s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", m->name);
	return 0;
}

static struct gather *ask_images(struct making *m)
{
	char **stores = onehost_stores(m->h);
	mem_cleanup char *encoded = http_url_encode(m->image);
	mem_cleanup char *target = mem_printf(ONEHOST_API "/images/%s/json", encoded);
	const struct question q = {.method = "GET", .target = target, .nodes = stores, .wait_ms = ONEHOST_WAIT_MS};
	struct gather *g = gather_start(m->h, &q, on_images, m);

	mem_strv_free(stores);
	return g;
}

static void start(const struct call *c, bool own)
{
	struct making *m = mem_new(struct making);
	struct err err = ERR_INIT;

	m->h = c->h;
	m->r = c->r;
	m->own = own;
	m->call = *c;
	m->version = mem_strdup(c->version);
	m->next = c->h->makings;
	c->h->makings = m;
	http_req_on_close(c->r, on_close, m);
	if (read_body(m, &err) < 0)
		fail(m, &err);
	else
		m->gather = ask_images(m);
}

void call_create(const struct call *c)
{
	start(c, false);
}

void call_run(const struct call *c)
{
	start(c, true);
}
