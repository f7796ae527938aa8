/* SPDX-License-Identifier: Apache-2.0
 *
 * The images of jobs (cluster/server/bring.h): who has one is asked first, and it goes to the node from there if that one's word counts (image_word.h); what
 * nobody has, or those have differently, that node fetches from its registry. Asked are the node, this machine's own store, and some of those that have told of it, another one each time; all of them only in a small cluster,
 * for in a large one everybody would ask everybody. BRINGINGS_MAX go through here at a time, the others wait in order.
 */
#include "face/onehost/image_word.h"
#include "face/onehost/onehost_private.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_ask.h"
#include "base/wire/http_client.h"
#include "base/wire/json.h"
#include "cluster/server/server.h"

#include <stdio.h>
#include <string.h>

#define SAID_MAX (64u << 10)
#define BRINGINGS_MAX 16
#define HINTS_MAX 3
#define SMALL 64 /* nodes */

struct bringing {
	struct bringing *next;
	struct onehost *h;
	char node[NODE_NAME_MAX];
	char *image;
	bool begun, asked_all;
	struct gather *gather;
	struct copy *copy;
	struct http_ask *pull;
	int status;
	struct buf said; /* the end of what the pull has said */
	struct err word; /* why nobody's counts */
};

static void release(struct bringing *b)
{
	gather_free(b->gather);
	copy_free(b->copy);
	http_ask_free(b->pull);
	buf_free(&b->said);
	free(b->image);
	free(b);
}

static void bringing_free(struct bringing *b)
{
	struct bringing **p = &b->h->bringing;

	while (*p != b)
		p = &(*p)->next;
	*p = b->next;
	release(b);
}

static void begin_some(struct onehost *h);

static void done(struct bringing *b, const struct err *error)
{
	struct onehost *h = b->h;

	server_image_brought(h->server, b->node, b->image, error);
	bringing_free(b);
	begin_some(h);
}

/* ---- from its registry ---- */

static void on_pull_head(void *ctx, int status)
{
	struct bringing *b = ctx;

	b->status = status;
}

static void on_pull_body(void *ctx, const void *data, size_t n)
{
	struct bringing *b = ctx;

	if (b->said.len + n > SAID_MAX)
		buf_drop(&b->said, b->said.len);
	buf_add(&b->said, data, n);
}

/* The last message of the stream, or the whole body of an answer that is an error. */
static char *last_words(const struct bringing *b)
{
	const char *text = buf_str(&b->said), *at = strstr(text, "\"errorDetail\"");
	json_doc_cleanup yyjson_doc *doc = NULL;
	const char *words;

	while (at && at > text && at[-1] != '\n')
		at--;
	at = at ? at : text;
	doc = yyjson_read_opts((char *)(uintptr_t)at, strlen(at), YYJSON_READ_STOP_WHEN_DONE, NULL, NULL);
	words = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "error"));
	if (!words)
		words = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "message"));
	return mem_strdup(words ? words : "it could not be fetched");
}

static void on_pull_end(void *ctx, const struct err *error)
{
	struct bringing *b = ctx;
	mem_cleanup char *words = NULL;
	struct err why = ERR_INIT;

	if (!error && b->status == 200 && !strstr(buf_str(&b->said), "\"errorDetail\"")) {
		done(b, NULL);
		return;
	}
	words = error ? mem_strdup(error->text) : last_words(b);
	if (b->word.code == EEXIST)
		err_set(&why, ENOENT, "%s; and node %s cannot fetch it: %s", b->word.text, b->node, words);
	else
		err_set(&why, ENOENT, "no node has the image %.300s%s, and node %s cannot fetch it: %s", b->image,
			strchr(b->word.text, '(') ? " whose word counts" : "", b->node, words);
	done(b, &why);
}

static int pull(struct bringing *b, struct err *err)
{
	static const struct http_ask_hooks hooks = {.head = on_pull_head, .body = on_pull_body, .end = on_pull_end};
	mem_cleanup char *encoded = http_url_encode(b->image);
	mem_cleanup char *target = mem_printf(ONEHOST_API "/images/create?fromImage=%s", encoded);
	const char *const headers[] = {"Berth-Node", b->node, NULL};
	const struct http_ask_what what = {.method = "POST", .target = target, .headers = headers};
	int fd = onehost_dial(b->h, b->node, err);

	return fd < 0 ? fd : http_ask_new(b->h->loop, fd, &what, &hooks, b, &b->pull, err);
}

static void fetch(struct bringing *b)
{
	struct err err = ERR_INIT;

	if (pull(b, &err) < 0)
		done(b, &err);
	else
		begin_some(b->h);
}

/* ---- from another node ---- */

static void on_copied(void *ctx, const struct err *error)
{
	done(ctx, error);
}

/* ---- who has it ---- */

struct hints {
	const char *quoted; /* the image as a key of JSON */
	const char *but;    /* the node that wants it */
	char **nodes, **all;
	size_t n, n_all, skip;
	bool labelled; /* only what trusted nodes have counts (image_word.h) */
};

static void add_hint(void *ctx, const struct server_node *n)
{
	struct hints *x = ctx;

	if (!n->connected)
		return;
	x->n_all++;
	mem_strv_add(&x->all, n->name);
	if (n->here && strcmp(n->name, x->but) != 0) {
		mem_strv_add(&x->nodes, n->name); /* always: its word settles it */
		return;
	}
	if (!n->facts || !strstr(n->facts, x->quoted) || !strcmp(n->name, x->but) ||
	    (x->labelled && !image_word_is_trusted(n->labels)))
		return;
	if (x->n++ >= x->skip && mem_strv_len(x->nodes) <= HINTS_MAX)
		mem_strv_add(&x->nodes, n->name);
}

/* The nodes to ask; NULL: there is no more to ask. */
static char **whom(struct bringing *b)
{
	mem_cleanup char *quoted = mem_printf("\"%s\"", b->image);
	struct hints x = {.quoted = quoted, .but = b->node, .labelled = image_word_is_labelled(b->h)};
	char **result;
	bool first;

	server_nodes_each(b->h->server, add_hint, &x);
	if (x.n > HINTS_MAX && !b->asked_all) {
		x.skip = b->h->turn++ % (x.n - HINTS_MAX + 1);
		mem_strv_free(x.nodes);
		mem_strv_free(x.all);
		x = (struct hints){.quoted = quoted, .but = b->node, .skip = x.skip, .labelled = x.labelled};
		server_nodes_each(b->h->server, add_hint, &x);
	}
	/* Where any node may have a say, as many of them as possible: one that lies is found out by the others. */
	first = !b->asked_all;
	b->asked_all |= !x.labelled && x.n_all <= SMALL;
	if (b->asked_all)
		result = x.n_all <= SMALL ? mem_take(x.all) : NULL;
	else
		result = mem_take(x.nodes);
	if (!b->asked_all)
		mem_strv_add(&result, b->node);
	if (first && !onehost_is_node(b->h))
		mem_strv_add(&result, ONEHOST_SELF);
	mem_strv_free(x.nodes);
	mem_strv_free(x.all);
	return result;
}

static void on_images(void *ctx, struct answer *answers, size_t n);

/* false: there is nobody to ask. */
static bool ask(struct bringing *b)
{
	char **nodes = whom(b);
	mem_cleanup char *encoded = http_url_encode(b->image);
	mem_cleanup char *target = mem_printf(ONEHOST_API "/images/%s/json", encoded);
	const struct question q = {.method = "GET", .target = target, .nodes = nodes, .wait_ms = ONEHOST_WAIT_MS};

	if (nodes)
		b->gather = gather_start(b->h, &q, on_images, b);
	mem_strv_free(nodes);
	return b->gather != NULL;
}

static void on_images(void *ctx, struct answer *answers, size_t n)
{
	struct bringing *b = ctx;
	struct image_word from;
	bool has = false;

	b->gather = NULL;
	for (size_t i = 0; i < n; i++)
		has |= answers[i].status == 200 && !strcmp(answers[i].node, b->node);
	err_clear(&b->word);
	if (has) {
		done(b, NULL);
	} else if (image_word(b->h, answers, n, b->image, &from, &b->word) == 0) {
		b->copy = copy_start(b->h, b->image, &from, b->node, on_copied, b);
	} else if (!b->asked_all && b->word.code == ENOENT) {
		b->asked_all = true;
		if (!ask(b))
			fetch(b);
	} else {
		fetch(b);
	}
}

/* ---- in order ---- */

static void begin_some(struct onehost *h)
{
	size_t n = 0;

	for (struct bringing *b = h->bringing; b && n < BRINGINGS_MAX; b = b->next) {
		/* What a node fetches itself does not go through here. */
		n += !b->pull;
		if (b->begun)
			continue;
		b->begun = true;
		(void)ask(b); /* the node itself is always asked */
	}
}

void bring_image(void *ctx, const char *node, const char *image)
{
	struct onehost *h = ctx;
	struct bringing *b = mem_new(struct bringing), **last = &h->bringing;

	b->h = h;
	b->image = mem_strdup(image);
	b->said.limit = 2 * SAID_MAX;
	snprintf(b->node, sizeof b->node, "%s", node);
	while (*last)
		last = &(*last)->next;
	*last = b;
	begin_some(h);
}

void bring_end_all(struct onehost *h)
{
	while (h->bringing) {
		struct bringing *b = h->bringing;

		h->bringing = b->next;
		release(b);
	}
}
