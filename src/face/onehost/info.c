/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /info: one host as large as all nodes together, and each of them in DriverStatus, where `docker info` prints them (as classic Swarm's did).
 */
#include "face/onehost/onehost_private.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "cluster/server/server.h"
#include "face/docker/docker.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct info {
	struct onehost *h;
	struct http_req *r;
	struct gather *gather;
};

static void on_close(struct http_req *r, void *ctx)
{
	struct info *i = ctx;

	(void)r;
	gather_free(i->gather);
	free(i);
}

static int64_t sum_of(const struct answer *answers, size_t n, const char *key)
{
	int64_t sum = 0;

	/* Of what no machine has the rest is left out: an answer is not trusted. */
	for (size_t i = 0; i < n; i++) {
		yyjson_val *v = yyjson_obj_get(yyjson_doc_get_root(answers[i].doc), key);

		if (answers[i].status == 200 && __builtin_add_overflow(sum, yyjson_get_sint(v), &sum))
			return INT64_MAX;
	}
	return sum;
}

struct table {
	yyjson_mut_doc *d;
	yyjson_mut_val *list;
	size_t n;
};

static void row(struct table *t, const char *name, const char *value)
{
	yyjson_mut_val *pair = yyjson_mut_arr_add_arr(t->d, t->list);

	yyjson_mut_arr_add_strcpy(t->d, pair, name);
	yyjson_mut_arr_add_strcpy(t->d, pair, value);
}

static void add_labels(struct table *t, const char *json)
{
	json_doc_cleanup yyjson_doc *doc = json ? yyjson_read(json, strlen(json), 0) : NULL;
	mem_cleanup char *text = mem_strdup("");
	yyjson_val *k, *v;
	size_t i, n;

	yyjson_obj_foreach (yyjson_doc_get_root(doc), i, n, k, v) {
		char *more = mem_printf("%s%s%s=%s", text, *text ? ", " : "", yyjson_get_str(k), yyjson_get_str(v));

		free(text);
		text = more;
	}
	if (*text)
		row(t, "  Labels", text);
}

static void count(void *ctx, const struct server_node *n)
{
	size_t *all = ctx;

	(void)n;
	(*all)++;
}

static void add_node(void *ctx, const struct server_node *n)
{
	struct table *t = ctx;
	mem_cleanup char *name = mem_printf(" %s", n->name);
	mem_cleanup char *containers = mem_printf("%zu", n->containers);
	mem_cleanup char *slots = mem_printf("%" PRIu32 " / %" PRIu32, n->slots_used, n->slots);
	mem_cleanup char *memory =
	    mem_printf("%" PRIu64 " MiB / %" PRIu64 " MiB", n->memory_used >> 20, n->memory >> 20);

	row(t, name, n->state);
	row(t, "  Containers", containers);
	row(t, "  Reserved CPUs", slots);
	row(t, "  Reserved Memory", memory);
	add_labels(t, n->labels);
}

static void add_nodes(struct info *i, yyjson_mut_doc *d, yyjson_mut_val *root)
{
	struct table t = {.d = d, .list = yyjson_mut_arr(d)};
	char number[24];

	server_nodes_each(i->h->server, count, &t.n);
	snprintf(number, sizeof number, "%zu", t.n);
	row(&t, "Nodes", number);
	server_nodes_each(i->h->server, add_node, &t);
	yyjson_mut_obj_put(root, yyjson_mut_str(d, "DriverStatus"), t.list);
}

static void on_infos(void *ctx, struct answer *answers, size_t n)
{
	static const char *const sums[] = {
	    "Containers", "ContainersRunning", "ContainersPaused", "ContainersStopped", "Images",
	    "NCPU",	  "MemTotal",	       "NEventsListener"};
	struct info *info = ctx;
	json_mut_cleanup yyjson_mut_doc *d = NULL;
	mem_cleanup char *text = NULL;
	yyjson_mut_val *root;
	char host[256] = "berth";
	size_t first = 0;

	info->gather = NULL;
	while (first < n && (answers[first].status != 200 || !yyjson_is_obj(yyjson_doc_get_root(answers[first].doc))))
		first++;
	if (first == n) {
		struct err err = ERR_INIT;

		err_set(&err, EAGAIN, "no node of the cluster answers now (berth node ls)");
		onehost_fail(info->r, &err);
		return;
	}
	d = yyjson_doc_mut_copy(answers[first].doc, NULL);
	root = yyjson_mut_doc_get_root(d);
	for (size_t i = 0; i < sizeof sums / sizeof *sums; i++)
		yyjson_mut_obj_put(root, yyjson_mut_str(d, sums[i]), yyjson_mut_sint(d, sum_of(answers, n, sums[i])));
	(void)gethostname(host, sizeof host - 1);
	yyjson_mut_obj_put(root, yyjson_mut_str(d, "Name"), yyjson_mut_strcpy(d, host));
	add_nodes(info, d, root);
	text = json_text(d, false, NULL);
	http_reply_json(info->r, 200, text);
}

void call_info(const struct call *c)
{
	struct info *i;
	mem_cleanup char *target = onehost_target(c, "");
	const struct question q = {.method = "GET", .target = target, .wait_ms = ONEHOST_WAIT_MS};
	char **nodes = onehost_connected(c->h);
	bool alone = mem_strv_len(nodes) == 0;

	mem_strv_free(nodes);
	if (alone) {
		docker_request(c->h->docker, c->r);
		return;
	}
	i = mem_new(struct info);
	i->h = c->h;
	i->r = c->r;
	http_req_on_close(c->r, on_close, i);
	i->gather = gather_start(c->h, &q, on_infos, i);
}
