/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/server/hosted.h"

#include "base/core/buf.h"
#include "base/core/counts.h"
#include "base/core/err.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "cluster/server/fleet.h"
#include "cluster/server/server_private.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RECORD_MAX (64u << 10)
#define REASONS_MAX 512
#define CONSTRAINTS_MAX 64
#define ID_DIGITS 64
#define NAME_MAX_BYTES 255

/* ---- the list ---- */

const struct hosted *hosted_first(const struct server *s)
{
	return s->hosted;
}

static struct hosted *by_number(const struct server *s, uint64_t number)
{
	struct hosted *h = s->hosted;

	while (h && h->number != number)
		h = h->next;
	return h;
}

const struct hosted *hosted_by_number(const struct server *s, uint64_t number)
{
	return by_number(s, number);
}

const struct hosted *hosted_by_name(const struct server *s, const char *name)
{
	return map_get(&s->hosted_names, name);
}

const struct hosted *hosted_by_id(const struct server *s, const char *id)
{
	const struct hosted *h = s->hosted;

	while (h && (!h->id || strcmp(h->id, id) != 0))
		h = h->next;
	return h;
}

static void append(struct server *s, struct hosted *h)
{
	struct hosted **last = &s->hosted;

	while (*last)
		last = &(*last)->next;
	*last = h;
	map_put(&s->hosted_names, h->name, h);
	s->n_hosted++;
	if (h->number > s->hosted_number)
		s->hosted_number = h->number;
}

static void hosted_free(struct hosted *h)
{
	free(h->name);
	free(h->node);
	free(h->image);
	free(h->id);
	free(h);
}

static void take_out(struct server *s, struct hosted *h)
{
	struct hosted **link = &s->hosted;

	while (*link != h)
		link = &(*link)->next;
	*link = h->next;
	map_remove(&s->hosted_names, h->name);
	s->n_hosted--;
}

void hosted_free_all(struct server *s)
{
	while (s->hosted) {
		struct hosted *h = s->hosted;

		s->hosted = h->next;
		hosted_free(h);
	}
	map_free(&s->hosted_names);
}

/* ---- the record ---- */

static char *stored(const struct hosted *h)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(d);

	yyjson_mut_doc_set_root(d, o);
	yyjson_mut_obj_add_str(d, o, "name", h->name);
	yyjson_mut_obj_add_str(d, o, "node", h->node);
	yyjson_mut_obj_add_str(d, o, "image", h->image);
	if (h->id)
		yyjson_mut_obj_add_str(d, o, "id", h->id);
	yyjson_mut_obj_add_uint(d, o, "slots", h->slots);
	yyjson_mut_obj_add_uint(d, o, "cpu_milli", h->cpu_milli);
	yyjson_mut_obj_add_uint(d, o, "memory", h->memory);
	yyjson_mut_obj_add_int(d, o, "created_ms", h->created_ms);
	return json_text(d, false, NULL);
}

static int read_record(yyjson_val *o, struct hosted *h, struct err *err)
{
	const char *name, *node, *image = "", *id = NULL;
	int r = json_get_str(o, "name", &name, err);

	if (r == 0)
		r = json_get_str(o, "node", &node, err);
	if (r == 0)
		r = json_opt_str(o, "image", &image, err);
	if (r == 0)
		r = json_opt_str(o, "id", &id, err);
	if (r == 0)
		r = json_get_u32(o, "slots", &h->slots, err);
	if (r == 0)
		r = json_get_u64(o, "cpu_milli", &h->cpu_milli, err);
	if (r == 0)
		r = json_get_u64(o, "memory", &h->memory, err);
	if (r == 0)
		r = json_opt_int(o, "created_ms", 0, INT64_MAX, &h->created_ms, err);
	if (r < 0)
		return r;
	h->name = mem_strdup(name);
	h->node = mem_strdup(node);
	h->image = mem_strdup(image);
	h->id = mem_strdup(id);
	return 0;
}

int hosted_load(struct server *s, const char *number, const char *text, size_t len, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = json_parse(text, len, RECORD_MAX, "the record of a container", err);
	struct hosted *h;
	int r;

	if (!doc)
		return -err->code;
	if (!yyjson_is_obj(yyjson_doc_get_root(doc)))
		return err_set(err, EBADMSG, "the record hosted/%.40s is damaged", number);
	h = mem_new(struct hosted);
	h->number = strtoull(number, NULL, 16);
	r = read_record(yyjson_doc_get_root(doc), h, err);
	if (r < 0)
		hosted_free(h);
	else
		append(s, h);
	return r < 0 ? err_wrap(err, "hosted/%.40s", number) : 0;
}

/* ---- writing ---- */

struct writing {
	struct server *server;
	uint64_t number;
	hosted_fn fn;
	void *ctx;
};

static void on_written(void *ctx, const char *id, const struct err *error)
{
	struct writing *w = ctx;
	struct hosted *h = by_number(w->server, w->number);
	struct err gone = ERR_INIT;

	(void)id;
	if (error && h) {
		take_out(w->server, h);
		hosted_free(h);
		h = NULL;
	}
	if (!error && !h)
		err_set(&gone, EBUSY, "the node that was chosen has been removed");
	w->fn(w->ctx, h, error ? error : h ? NULL : &gone);
	free(w);
}

/* The record (NULL: it goes) and what its node has in use now. Without fn it is a change: it is tried again until it is stored. */
static void write_down(struct server *s, uint64_t number, const char *node, const char *record, hosted_fn fn, void *ctx)
{
	struct writing *w = fn ? mem_new(struct writing) : NULL;
	char key[40];
	struct ingest in = {.event = {.type = SCHED_EV_NODE_USE, .node = node},
			    .doc_key = key,
			    .doc_value = record,
			    .doc_len = record ? strlen(record) : 0,
			    .keep = !fn,
			    .done = fn ? on_written : NULL,
			    .ctx = w};

	if (w)
		*w = (struct writing){.server = s, .number = number, .fn = fn, .ctx = ctx};
	snprintf(key, sizeof key, "hosted/%016" PRIx64, number);
	for (const struct hosted *h = s->hosted; h; h = h->next) {
		if (strcmp(h->node, node) != 0)
			continue;
		in.event.node_slots += h->slots;
		in.event.node_cpu_milli += h->cpu_milli;
		in.event.node_memory += h->memory;
	}
	ingest(s, &in);
}

/* What a node says is not taken for what it should be: the record must be readable, and what is of another node stays so. */
static bool is_id(const char *text)
{
	return strlen(text) == ID_DIGITS && strspn(text, "0123456789abcdef") == ID_DIGITS;
}

static bool is_name(const char *text)
{
	size_t n = strnlen(text, NAME_MAX_BYTES + 1);

	return n > 0 && n <= NAME_MAX_BYTES && isalnum((unsigned char)*text) &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == n;
}

void hosted_identify(struct server *s, uint64_t number, const char *id)
{
	struct hosted *h = by_number(s, number);
	mem_cleanup char *record = NULL;

	if (!h || (h->id && !strcmp(h->id, id)) || !is_id(id) || hosted_by_id(s, id))
		return;
	free(h->id);
	h->id = mem_strdup(id);
	record = stored(h);
	write_down(s, number, h->node, record, NULL, NULL);
}

void hosted_rename(struct server *s, uint64_t number, const char *name)
{
	struct hosted *h = by_number(s, number);
	mem_cleanup char *record = NULL;

	if (!h || !strcmp(h->name, name) || map_get(&s->hosted_names, name) || !is_name(name))
		return;
	map_remove(&s->hosted_names, h->name);
	free(h->name);
	h->name = mem_strdup(name);
	map_put(&s->hosted_names, h->name, h);
	record = stored(h);
	write_down(s, number, h->node, record, NULL, NULL);
}

void hosted_drop(struct server *s, uint64_t number)
{
	struct hosted *h = by_number(s, number);

	if (!h)
		return;
	take_out(s, h);
	write_down(s, number, h->node, NULL, NULL, NULL);
	hosted_free(h);
}

void hosted_drop_all_of(struct server *s, const char *node)
{
	for (struct hosted *h = s->hosted, *next; h; h = next) {
		next = h->next;
		if (!strcmp(h->node, node))
			hosted_drop(s, h->number);
	}
}

/* ---- constraints ---- */

struct constraint {
	char key[64];
	const char *value;
	bool equal;
};

static int parse_constraint(const char *text, struct constraint *c, struct err *err)
{
	const char *op = strpbrk(text, "=!");

	if (!op || op == text || op[1] != '=' || (size_t)(op - text) >= sizeof c->key || !op[2])
		return err_set(err, EINVAL, "\"%.200s\" is no constraint: KEY==VALUE or KEY!=VALUE", text);
	if (op[2] == '~' || op[2] == '/')
		return err_set(
		    err, EINVAL,
		    "the constraint \"%.200s\": neither wishes (~) nor regular expressions are known; * and ? are",
		    text);
	snprintf(c->key, sizeof c->key, "%.*s", (int)(op - text), text);
	c->equal = *op == '=';
	c->value = op + 2;
	return 0;
}

static bool label_fits(const struct node *n, const struct constraint *c)
{
	json_doc_cleanup yyjson_doc *doc = n->is.labels ? yyjson_read(n->is.labels, strlen(n->is.labels), 0) : NULL;
	const char *value = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), c->key));

	return value && fnmatch(c->value, value, 0) == 0;
}

static bool meets(const struct server *s, const struct node *n, const struct constraint *c)
{
	const struct hosted *other;
	bool fits;

	if (!strcmp(c->key, "node")) {
		fits = fnmatch(c->value, n->name, 0) == 0;
	} else if (!strcmp(c->key, "container")) {
		other = hosted_by_name(s, c->value);
		fits = other && !strcmp(other->node, n->name);
	} else {
		fits = label_fits(n, c);
	}
	return fits == c->equal;
}

/* ---- choosing ---- */

struct choice {
	struct server *server;
	const struct hosted_wish *wish;
	struct constraint constraints[CONSTRAINTS_MAX];
	size_t n_constraints;
	const struct node *best;
	uint64_t best_free;
	size_t best_load;
	bool best_has, best_idle;
	struct buf reasons;
};

static int read_constraints(struct choice *c, struct err *err)
{
	for (char *const *text = c->wish->constraints; text && *text; text++) {
		if (c->n_constraints >= CONSTRAINTS_MAX)
			return err_set(err, E2BIG, "a container has at most %d constraints", CONSTRAINTS_MAX);
		if (parse_constraint(*text, &c->constraints[c->n_constraints++], err) < 0)
			return -err->code;
	}
	return 0;
}

/* That no job has; `idle`: that nobody has. */
static uint32_t free_gpus(const struct server *s, const char *node, bool idle)
{
	struct sched_counter_view v;

	for (size_t k = 0; sched_node_counter(s->sched, node, k, &v) == 0; k++) {
		uint32_t used = idle ? v.used : v.used - v.others;

		if (!strcmp(v.name, COUNTS_GPU))
			return v.total > used ? v.total - used : 0;
	}
	return 0;
}

/* NULL: nothing speaks against it. */
static const char *against(const struct choice *c, const struct node *n, const struct sched_node_view *v)
{
	const struct hosted_wish *w = c->wish;

	for (size_t i = 0; i < c->n_constraints; i++) {
		if (!meets(c->server, n, &c->constraints[i]))
			return "does not meet the constraints";
	}
	if (!n->session || !v->up)
		return n->lost ? "is lost" : "is not connected";
	if (v->closed)
		return "takes nothing new";
	if (!sched_node_takes(c->server->sched, v->name, w->slots, w->cpu_milli, w->memory))
		return "has no room";
	return w->gpus > free_gpus(c->server, v->name, false) ? "has not so many GPUs that no job uses" : NULL;
}

static size_t load_of(const struct server *s, const struct sched_node_view *v)
{
	size_t n = v->live;

	for (const struct hosted *h = s->hosted; h; h = h->next)
		n += !strcmp(h->node, v->name);
	return n;
}

static bool is_in(char *const *list, const char *name)
{
	for (; list && *list; list++) {
		if (!strcmp(*list, name))
			return true;
	}
	return false;
}

/* As many GPUs as it wants that nobody has, then the most free slots, then the fewest containers, then one that has the image. */
static void consider(struct choice *c, const struct node *n, const struct sched_node_view *v)
{
	uint64_t free_slots = v->slots > v->slots_used ? v->slots - v->slots_used : 0;
	size_t load = load_of(c->server, v);
	bool has = is_in(c->wish->has_image, n->name);
	bool idle = !c->wish->gpus || c->wish->gpus <= free_gpus(c->server, n->name, true);

	if (c->best) {
		if (idle != c->best_idle) {
			if (!idle)
				return;
		} else if (free_slots != c->best_free) {
			if (free_slots < c->best_free)
				return;
		} else if (load != c->best_load) {
			if (load > c->best_load)
				return;
		} else if (!has || c->best_has) {
			return;
		}
	}
	c->best = n;
	c->best_free = free_slots;
	c->best_load = load;
	c->best_has = has;
	c->best_idle = idle;
}

static int choose(struct choice *c, struct err *err)
{
	struct sched_node_view v;
	int r = read_constraints(c, err);

	if (r < 0)
		return r;
	for (size_t i = 0; sched_node_at(c->server->sched, i, &v) == 0; i++) {
		const struct node *n = fleet_find(c->server, v.name);
		const char *why = n ? against(c, n, &v) : NULL;

		if (why)
			buf_printf(&c->reasons, "; %s %s", v.name, why);
		else if (n)
			consider(c, n, &v);
	}
	if (c->best)
		return 0;
	return err_set(err, EBUSY, "no node can take the container%s%s", buf_str(&c->reasons),
		       c->reasons.full	? "; ..."
		       : c->reasons.len ? ""
					: ": there is none");
}

void hosted_make(struct server *s, const struct hosted_wish *w, hosted_fn fn, void *ctx)
{
	struct choice c = {.server = s, .wish = w, .reasons = BUF_LIMIT(REASONS_MAX)};
	const struct hosted *other = hosted_by_name(s, w->name);
	mem_cleanup char *record = NULL;
	struct err err = ERR_INIT;
	struct hosted *h;
	int r = 0;

	if (other)
		r = err_set(&err, EEXIST, "the name \"%s\" is in use by a container on node %s", w->name, other->node);
	else if (s->n_hosted >= HOSTED_MAX)
		r = err_set(&err, E2BIG, "the cluster has %d containers of no job already", HOSTED_MAX);
	else
		r = choose(&c, &err);
	buf_free(&c.reasons);
	if (r < 0) {
		fn(ctx, NULL, &err);
		return;
	}
	h = mem_new(struct hosted);
	*h = (struct hosted){.number = s->hosted_number + 1,
			     .name = mem_strdup(w->name),
			     .node = mem_strdup(c.best->name),
			     .image = mem_strdup(w->image),
			     .slots = w->slots,
			     .cpu_milli = w->cpu_milli,
			     .memory = w->memory,
			     .created_ms = server_now(s)};
	append(s, h);
	record = stored(h);
	write_down(s, h->number, h->node, record, fn, ctx);
}
