/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers of all nodes made one: images by their ids, figures by their sums.
 */
#include "face/onehost/onehost_private.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"

#include <string.h>

struct merge {
	struct call call;
	struct http_req *r;
	struct gather *gather;
	const char *key; /* of an image's id */
};

static void on_close(struct http_req *r, void *ctx)
{
	struct merge *m = ctx;

	(void)r;
	gather_free(m->gather);
	free(m);
}

/* The best of the errors: what a node said before that it was not there, "in use" before "no such image". */
static void reply_failure(struct http_req *r, const struct answer *answers, size_t n)
{
	const struct answer *best = NULL;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < n; i++) {
		if (answers[i].status && (!best || (best->status == 404 && answers[i].status != 404)))
			best = &answers[i];
	}
	if (best) {
		http_reply(r, best->status, best->doc ? "application/json" : "text/plain", best->text, best->len);
		return;
	}
	if (n == 0)
		err_set(&err, EAGAIN, "no node of the cluster is connected now (berth node ls)");
	else
		err_set(&err, EAGAIN, "node %s: %s", answers[0].node, answers[0].error);
	onehost_fail(r, &err);
}

/* Of images, this machine's own store is asked, too. */
static void start(const struct call *c, gather_fn fn, const char *key, int64_t wait_ms)
{
	bool images = strstr(c->route->path, "/images") != NULL;
	char **stores = images ? onehost_stores(c->h) : NULL;
	struct merge *m = mem_new(struct merge);
	mem_cleanup char *target = onehost_target(c, c->arg);
	const char *body;
	size_t n;
	char only[OWNER_MAX];
	struct question q = {.method = http_req_method(c->r),
			     .target = target,
			     .nodes = stores,
			     .role = policy_of(c->r),
			     .only = policy_only(c->r, only),
			     .wait_ms = wait_ms};

	body = http_req_body(c->r, &n);
	q.body = n > 0 ? body : NULL;
	m->r = c->r;
	m->key = key;
	http_req_on_close(c->r, on_close, m);
	m->gather = gather_start(c->h, &q, fn, m);
	mem_strv_free(stores);
}

/* ---- images ---- */

static bool has_str(yyjson_mut_val *list, const char *text)
{
	yyjson_mut_val *v;
	size_t i, n;

	yyjson_mut_arr_foreach (list, i, n, v) {
		if (yyjson_mut_equals_str(v, text))
			return true;
	}
	return false;
}

static void add_names(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, yyjson_val *from)
{
	yyjson_mut_val *list = yyjson_mut_obj_get(o, key);
	yyjson_val *v;
	size_t i, n;

	yyjson_arr_foreach (from, i, n, v) {
		if (yyjson_is_str(v) && yyjson_mut_is_arr(list) && !has_str(list, yyjson_get_str(v)))
			yyjson_mut_arr_add_strcpy(d, list, yyjson_get_str(v));
	}
}

static void merge_image(yyjson_mut_doc *d, yyjson_mut_val *list, struct map *seen, const char *key, yyjson_val *v)
{
	static const char *const names[] = {"RepoTags", "RepoDigests"};
	const char *said = yyjson_get_str(yyjson_obj_get(v, key));
	const char *id = said ? said : yyjson_get_str(yyjson_obj_get(v, "id"));
	yyjson_mut_val *o = id ? map_get(seen, id) : NULL;

	if (!o) {
		o = yyjson_val_mut_copy(d, v);
		yyjson_mut_arr_append(list, o);
		if (id)
			map_put(seen, id, o);
		return;
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		add_names(d, o, names[i], yyjson_obj_get(v, names[i]));
}

static void on_images(void *ctx, struct answer *answers, size_t n)
{
	struct merge *m = ctx;
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *list = yyjson_mut_arr(d);
	struct map seen = MAP_INIT;
	mem_cleanup char *text = NULL;
	yyjson_val *v;
	size_t k, max, well = 0;

	m->gather = NULL;
	yyjson_mut_doc_set_root(d, list);
	for (size_t i = 0; i < n; i++) {
		if (answers[i].status != 200)
			continue;
		well++;
		yyjson_arr_foreach (yyjson_doc_get_root(answers[i].doc), k, max, v) {
			merge_image(d, list, &seen, m->key, v);
		}
	}
	map_free(&seen);
	if (n > 0 && well == 0) {
		reply_failure(m->r, answers, n);
		return;
	}
	text = json_text(d, false, NULL);
	http_reply_json(m->r, 200, text);
}

void call_images(const struct call *c)
{
	start(c, on_images, "Id", ONEHOST_WAIT_MS);
}

void call_own_images(const struct call *c)
{
	/* One line for each name there, and what has none is told by its id. */
	start(c, on_images, "name", ONEHOST_WAIT_MS);
}

/* ---- sums ---- */

/* An answer is not trusted. */
static int64_t sum_of(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static void add_value(yyjson_mut_doc *d, yyjson_mut_val *to, const char *key, yyjson_val *v);

static void add_members(yyjson_mut_doc *d, yyjson_mut_val *to, yyjson_val *from)
{
	yyjson_val *k, *member;
	size_t i, n;

	yyjson_obj_foreach (from, i, n, k, member) {
		add_value(d, to, yyjson_get_str(k), member);
	}
}

#define ROWS_MAX 64 /* that are compared: ours has ten */

/* The row of the list that is about the same: {"what": "layers", "bytes": ...} */
static yyjson_mut_val *row_of(yyjson_mut_val *list, yyjson_val *row)
{
	const char *what = yyjson_get_str(yyjson_obj_get(row, "what"));
	yyjson_mut_val *v;
	size_t i, n;

	yyjson_mut_arr_foreach (list, i, n, v) {
		if (!what || i == ROWS_MAX)
			break;
		if (yyjson_mut_equals_str(yyjson_mut_obj_get(v, "what"), what))
			return v;
	}
	return NULL;
}

static void add_value(yyjson_mut_doc *d, yyjson_mut_val *to, const char *key, yyjson_val *v)
{
	yyjson_mut_val *old = yyjson_mut_obj_get(to, key), *sum;
	yyjson_val *item;
	size_t i, n;

	if (!old || yyjson_mut_is_null(old)) {
		yyjson_mut_obj_put(to, yyjson_mut_strcpy(d, key), yyjson_val_mut_copy(d, v));
	} else if (yyjson_is_int(v) && yyjson_mut_is_int(old)) {
		sum = yyjson_mut_sint(d, sum_of(yyjson_mut_get_sint(old), yyjson_get_sint(v)));
		yyjson_mut_obj_put(to, yyjson_mut_strcpy(d, key), sum);
	} else if (yyjson_is_arr(v) && yyjson_mut_is_arr(old)) {
		yyjson_arr_foreach (v, i, n, item) {
			yyjson_mut_val *row = row_of(old, item);

			if (row)
				add_members(d, row, item);
			else
				yyjson_mut_arr_append(old, yyjson_val_mut_copy(d, item));
		}
	} else if (yyjson_is_obj(v) && yyjson_mut_is_obj(old)) {
		add_members(d, old, v);
	}
}

static void on_sum(void *ctx, struct answer *answers, size_t n)
{
	struct merge *m = ctx;
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(d);
	mem_cleanup char *text = NULL;
	yyjson_val *k, *v;
	size_t i, max, well = 0;

	m->gather = NULL;
	yyjson_mut_doc_set_root(d, root);
	for (size_t a = 0; a < n; a++) {
		if (answers[a].status != 200)
			continue;
		well++;
		yyjson_obj_foreach (yyjson_doc_get_root(answers[a].doc), i, max, k, v) {
			add_value(d, root, yyjson_get_str(k), v);
		}
	}
	if (well == 0) {
		reply_failure(m->r, answers, n);
		return;
	}
	text = json_text(d, false, NULL);
	http_reply_json(m->r, 200, text);
}

/* As long as it takes: to count what files have is work. */
void call_sum(const struct call *c)
{
	start(c, on_sum, NULL, 0);
}

/* ---- done at each node that has it ---- */

static void on_everywhere(void *ctx, struct answer *answers, size_t n)
{
	struct merge *m = ctx;
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *list = yyjson_mut_arr(d);
	const struct answer *well = NULL;
	mem_cleanup char *text = NULL;
	yyjson_val *v;
	size_t k, max;

	m->gather = NULL;
	for (size_t i = 0; i < n; i++) {
		if (answers[i].status < 200 || answers[i].status > 299) {
			/* It is there, and stays: the caller is to know. */
			if (answers[i].status != 404 && answers[i].status != 0) {
				reply_failure(m->r, &answers[i], 1);
				return;
			}
			continue;
		}
		well = &answers[i];
		yyjson_arr_foreach (yyjson_doc_get_root(answers[i].doc), k, max, v) {
			yyjson_mut_arr_append(list, yyjson_val_mut_copy(d, v));
		}
	}
	if (!well) {
		reply_failure(m->r, answers, n);
		return;
	}
	yyjson_mut_doc_set_root(d, list);
	text = yyjson_is_arr(yyjson_doc_get_root(well->doc)) ? json_text(d, false, NULL) : NULL;
	http_reply(m->r, well->status, "application/json", text ? text : well->text, text ? strlen(text) : well->len);
}

void call_everywhere(const struct call *c)
{
	start(c, on_everywhere, NULL, 0);
}
