/* SPDX-License-Identifier: Apache-2.0 */
/* What people wish of a node, and what they see of it. */
#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "cluster/link/link.h"
#include "cluster/server/fleet.h"
#include "cluster/server/node_facts.h"
#include "cluster/server/hosted.h"
#include "cluster/server/server_private.h"
#include "cluster/server/sources.h"

#include <stdio.h>
#include <string.h>

#define LABELS_MAX 64
#define LABEL_TEXT_MAX 256

/* A wish on its way into the log. What it makes of the node holds when it is durable, and not before: a store that refuses it (full disk) leaves the node as it
 * was. A wish that comes meanwhile is written on top of the ones before it. */
struct node_wish {
	struct server *server;
	char node[CERT_NAME_MAX];
	struct node_wishes becomes;
	server_done_fn done;
	void *ctx;
};

static struct node *wanted(struct server *s, const char *name, server_done_fn done, void *ctx)
{
	struct node *n = fleet_find(s, name);
	struct err err = ERR_INIT;

	if (n && !n->leaving)
		return n;
	if (n)
		err_set(&err, EBUSY, "node %s is being removed", name);
	else
		err_set(&err, ENOENT, "there is no node \"%.80s\" (berth node ls)", name);
	if (done)
		done(ctx, "", &err);
	return NULL;
}

static struct node_wish *wish_new(struct node *n, server_done_fn done, void *ctx)
{
	struct node_wish *w = mem_new(struct node_wish);
	const struct node_wishes *from = n->latest ? &n->latest->becomes : &n->is;

	*w = (struct node_wish){.server = n->server, .becomes = *from, .done = done, .ctx = ctx};
	snprintf(w->node, sizeof w->node, "%s", n->name);
	w->becomes.reason = mem_strdup(from->reason);
	w->becomes.labels = mem_strdup(from->labels);
	n->latest = w;
	return w;
}

static void wish_free(struct node_wish *w)
{
	fleet_wishes_free(&w->becomes);
	free(w);
}

static void on_wish_stored(void *ctx, const char *id, const struct err *error)
{
	struct node_wish *w = ctx;
	struct node *n = fleet_find(w->server, w->node);

	if (n && n->latest == w)
		n->latest = NULL;
	if (n && !error) {
		fleet_wishes_free(&n->is);
		n->is = w->becomes;
		w->becomes = (struct node_wishes){.locked = false};
		fleet_arm_drain(n);
	}
	if (w->done)
		w->done(w->ctx, id, error);
	wish_free(w);
}

/* The record goes with the event. */
static void write_event(struct node *n, struct node_wish *w, const struct sched_event *e)
{
	mem_cleanup char *key = mem_printf("node/%s", n->name), *value = fleet_stored(n, &w->becomes);
	struct ingest in = {.event = *e,
			    .doc_key = key,
			    .doc_value = value,
			    .doc_len = strlen(value),
			    .done = on_wish_stored,
			    .ctx = w};

	ingest(n->server, &in);
}

/* Both say the same: open or closed. */
static void write_down(struct node *n, struct node_wish *w, const char *otherwise)
{
	bool closed = w->becomes.locked || w->becomes.draining;
	struct sched_event e = {.type = closed ? SCHED_EV_NODE_CLOSE : SCHED_EV_NODE_OPEN, .node = n->name};

	if (closed)
		e.error = w->becomes.reason ? w->becomes.reason : otherwise;
	write_event(n, w, &e);
}

static void set_reason(struct node_wishes *w, const char *reason)
{
	free(w->reason);
	w->reason = reason && *reason ? mem_strndup(reason, strnlen(reason, LABEL_TEXT_MAX)) : NULL;
}

void server_node_lock(struct server *s, const char *name, const char *reason, server_done_fn done, void *ctx)
{
	struct node *n = wanted(s, name, done, ctx);
	struct node_wish *w;

	if (!n)
		return;
	w = wish_new(n, done, ctx);
	w->becomes.locked = true;
	set_reason(&w->becomes, reason);
	write_down(n, w, "locked");
}

void server_node_drain(struct server *s, const char *name, const char *reason, int64_t deadline_ms, server_done_fn done,
		       void *ctx)
{
	struct node *n = wanted(s, name, done, ctx);
	struct node_wish *w;

	if (!n)
		return;
	w = wish_new(n, done, ctx);
	w->becomes.draining = true;
	w->becomes.drain_until_ms = deadline_ms > 0 ? server_now(s) + deadline_ms : 0;
	set_reason(&w->becomes, reason);
	write_down(n, w, "drained");
}

void server_node_unlock(struct server *s, const char *name, server_done_fn done, void *ctx)
{
	struct node *n = wanted(s, name, done, ctx);
	struct node_wish *w;

	if (!n)
		return;
	w = wish_new(n, done, ctx);
	w->becomes.locked = w->becomes.draining = false;
	w->becomes.drain_until_ms = 0;
	set_reason(&w->becomes, NULL);
	write_down(n, w, NULL);
}

/* ---- labels ---- */

static int check_labels(yyjson_val *labels, struct err *err)
{
	yyjson_val *key, *value;
	size_t i, n;

	if (yyjson_obj_size(labels) > LABELS_MAX)
		return err_set(err, E2BIG, "labels: a node has at most %d", LABELS_MAX);
	yyjson_obj_foreach (labels, i, n, key, value) {
		if (!yyjson_is_str(value) && !yyjson_is_null(value))
			return err_set(err, EINVAL, "labels.%.80s: a string is needed, or null to take it off",
				       yyjson_get_str(key));
		if (!node_facts_name_ok(yyjson_get_str(key)) || !node_facts_value_ok(yyjson_get_str(value)))
			return err_set(err, EINVAL,
				       "labels.%.80s: a name has letters, digits and . _ : / @ + -, and a value no "
				       "control characters",
				       yyjson_get_str(key));
		if (yyjson_get_len(key) == 0 || yyjson_get_len(key) > LABEL_TEXT_MAX ||
		    yyjson_get_len(value) > LABEL_TEXT_MAX)
			return err_set(err, EINVAL, "labels.%.80s: name and value have at most %d bytes",
				       yyjson_get_str(key), LABEL_TEXT_MAX);
	}
	return 0;
}

/* The old ones with the new ones put over them; null takes one off. The caller frees. */
static char *merge_labels(const char *old, yyjson_val *labels)
{
	json_doc_cleanup yyjson_doc *before = old ? yyjson_read(old, strlen(old), 0) : NULL;
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = before ? yyjson_val_mut_copy(d, yyjson_doc_get_root(before)) : yyjson_mut_obj(d);
	yyjson_val *key, *value;
	size_t i, n;

	yyjson_mut_doc_set_root(d, o);
	yyjson_obj_foreach (labels, i, n, key, value) {
		yyjson_mut_obj_remove_key(o, yyjson_get_str(key));
		if (yyjson_is_str(value))
			yyjson_mut_obj_add(o, yyjson_val_mut_copy(d, key), yyjson_val_mut_copy(d, value));
	}
	return json_text(d, false, NULL);
}

void server_node_label(struct server *s, const char *name, yyjson_val *labels, server_done_fn done, void *ctx)
{
	struct node *n = wanted(s, name, done, ctx);
	struct err err = ERR_INIT;
	mem_cleanup char *facts = NULL;
	struct node_wish *w;
	char *merged;

	if (!n)
		return;
	if (!yyjson_is_obj(labels) || check_labels(labels, &err) < 0) {
		if (!err.code)
			err_set(&err, EINVAL, "labels: an object is needed");
		done(ctx, "", &err);
		return;
	}
	w = wish_new(n, done, ctx);
	merged = merge_labels(w->becomes.labels, labels);
	free(w->becomes.labels);
	w->becomes.labels = merged;
	facts = node_facts_text(n, merged);
	write_event(n, w, &(struct sched_event){.type = SCHED_EV_NODE_FACTS, .node = n->name, .facts = facts});
}

const char *fleet_labels(const struct node *n)
{
	return n->latest ? n->latest->becomes.labels : n->is.labels;
}

/* ---- removal ---- */

static int is_strict(void *ctx, const struct sched_attempt_id *a, const char *node, bool started,
		     const char *kill_reason)
{
	const struct server *s = ctx;
	const struct jobspec *j = map_get(&s->jobs, a->job);
	enum jobspec_fencing f = j ? jobspec_fencing(j, a->task) : JOBSPEC_BEST_EFFORT;

	(void)started;
	(void)kill_reason;
	(void)node;
	return f == JOBSPEC_STRICT || (f == JOBSPEC_AS_THE_SERVER && s->strict);
}

/* Whether it may be taken off the list now: what is strict and might still run there must not start elsewhere at once. */
static int check_removal(const struct node *n, struct err *err)
{
	if (n->session && !n->session->name[0])
		return err_set(err, EBUSY, "node %s is this machine itself: it cannot be removed", n->name);
	if (sched_live_on(n->server->sched, n->name, is_strict, n->server))
		return err_set(
		    err, EBUSY,
		    "strict tasks run on node %s, or did when it was last heard of: drain it first (berth node "
		    "drain --deadline 1s %s), or wait until it is lost",
		    n->name, n->name);
	return 0;
}

/* Its certificates are worth nothing from this moment on. A node of that name that comes later begins anew. */
static void on_removal_stored(void *ctx, const char *id, const struct err *error)
{
	struct node_wish *w = ctx;
	struct server *s = w->server;
	struct node *n = fleet_find(s, w->node);
	struct ingest open = {.event = {.type = SCHED_EV_NODE_OPEN, .node = w->node}, .keep = true};

	if (n && error) {
		n->leaving = false;
	} else if (n) {
		if (n->is.locked || n->is.draining)
			ingest(s, &open);
		hosted_drop_all_of(s, n->name);
		fleet_forget(s, n);
	}
	if (w->done)
		w->done(w->ctx, id, error);
	wish_free(w);
}

void server_node_remove(struct server *s, const char *name, server_done_fn done, void *ctx)
{
	struct node *n = wanted(s, name, done, ctx);
	mem_cleanup char *key = mem_printf("node/%s", name);
	struct ingest in = {.event = {.type = SCHED_EV_NODE_DOWN, .node = name, .error = "removed"},
			    .doc_key = key,
			    .done = on_removal_stored};
	struct node_wish *w;
	struct err err = ERR_INIT;

	if (!n)
		return;
	if (check_removal(n, &err) < 0) {
		if (done)
			done(ctx, "", &err);
		return;
	}
	n->leaving = true;
	w = mem_new(struct node_wish);
	*w = (struct node_wish){.server = s, .done = done, .ctx = ctx};
	snprintf(w->node, sizeof w->node, "%s", name);
	in.ctx = w;
	ingest(s, &in);
}

/* ---- looking ---- */

static const char *state_of(const struct node *n, const struct sched_node_view *v)
{
	if (!v->up)
		return n->lost ? "lost" : "down";
	if (n->is.locked)
		return "locked";
	if (n->is.draining)
		return v->live ? "draining" : "drained";
	return v->live ? "busy" : "free";
}

/* Why it is as it is: what people said, else what the server knows. */
static const char *reason_of(const struct node *n, const struct sched_node_view *v)
{
	if (!v->up && n->lost)
		return n->why ? n->why : "";
	if (!v->up && !n->is.reason)
		return "it has not come since the server was started";
	return n->is.reason ? n->is.reason : "";
}

static void add_raw(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, const char *json)
{
	json_doc_cleanup yyjson_doc *doc = json ? yyjson_read(json, strlen(json), 0) : NULL;

	if (yyjson_is_obj(yyjson_doc_get_root(doc)))
		yyjson_mut_obj_add_val(d, o, key, yyjson_val_mut_copy(d, yyjson_doc_get_root(doc)));
	else
		yyjson_mut_obj_add_obj(d, o, key);
}

static size_t hosted_on(const struct server *s, const char *node)
{
	size_t n = 0;

	for (const struct hosted *h = s->hosted; h; h = h->next)
		n += !strcmp(h->node, node);
	return n;
}

static void add_disk(const struct sched_counter_view *v, yyjson_mut_doc *d, yyjson_mut_val *o)
{
	yyjson_mut_obj_add_uint(d, o, "disk", (uint64_t)v->total << 20);
	yyjson_mut_obj_add_uint(d, o, "disk_used", (uint64_t)v->used << 20);
}

static void add_counters(const struct node *n, yyjson_mut_doc *d, yyjson_mut_val *of)
{
	yyjson_mut_val *to = yyjson_mut_obj_add_obj(d, of, "counters");
	struct sched_counter_view v;

	for (size_t k = 0; sched_node_counter(n->server->sched, n->name, k, &v) == 0; k++) {
		yyjson_mut_val *o;

		if (counts_is_amount(v.name)) {
			add_disk(&v, d, of);
			continue;
		}
		o = yyjson_mut_obj(d);
		yyjson_mut_obj_add_uint(d, o, "total", v.total);
		yyjson_mut_obj_add_uint(d, o, "used", v.used);
		yyjson_mut_obj_add(to, yyjson_mut_strcpy(d, v.name), o);
	}
}

static void add_node(const struct node *n, const struct sched_node_view *v, yyjson_mut_doc *d, yyjson_mut_val *o)
{
	yyjson_mut_obj_add_str(d, o, "name", n->name);
	yyjson_mut_obj_add_str(d, o, "state", state_of(n, v));
	yyjson_mut_obj_add_strcpy(d, o, "reason", reason_of(n, v));
	yyjson_mut_obj_add_bool(d, o, "connected", n->session != NULL);
	yyjson_mut_obj_add_uint(d, o, "slots", v->slots);
	yyjson_mut_obj_add_uint(d, o, "slots_used", v->slots_used);
	yyjson_mut_obj_add_uint(d, o, "cpu_milli", v->cpu_milli);
	yyjson_mut_obj_add_uint(d, o, "cpu_used", v->cpu_used);
	yyjson_mut_obj_add_uint(d, o, "memory", v->memory);
	yyjson_mut_obj_add_uint(d, o, "memory_used", v->memory_used);
	add_counters(n, d, o);
	yyjson_mut_obj_add_uint(d, o, "attempts", v->live);
	yyjson_mut_obj_add_uint(d, o, "containers", v->live + hosted_on(n->server, n->name));
	yyjson_mut_obj_add_int(d, o, "joined_ms", n->joined_ms);
	yyjson_mut_obj_add_int(d, o, "drain_until_ms", n->is.drain_until_ms);
	source_view_node(n->server, n->name, d, o);
	add_raw(d, o, "labels", n->is.labels);
	add_raw(d, o, "facts", n->facts);
}

char *server_nodes_json(struct server *s)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *list = yyjson_mut_arr(d);
	struct sched_node_view v;

	yyjson_mut_doc_set_root(d, list);
	for (const struct node *n = s->nodes; n; n = n->next) {
		fleet_view(s, n->name, &v);
		add_node(n, &v, d, yyjson_mut_arr_add_obj(d, list));
	}
	source_view_missing(s, d, list);
	return json_text(d, false, NULL);
}

int server_node_json(struct server *s, const char *name, char **ret, struct err *err)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(d);
	const struct node *n = fleet_find(s, name);
	struct sched_node_view v;

	if (!n)
		return err_set(err, ENOENT, "there is no node \"%.80s\" (berth node ls)", name);
	yyjson_mut_doc_set_root(d, o);
	fleet_view(s, n->name, &v);
	add_node(n, &v, d, o);
	*ret = json_text(d, false, NULL);
	return 0;
}

void server_nodes_each(struct server *s, server_node_fn fn, void *ctx)
{
	struct sched_node_view v;

	for (const struct node *n = s->nodes; n; n = n->next) {
		struct server_node out = {.name = n->name, .facts = n->facts, .labels = n->is.labels};

		fleet_view(s, n->name, &v);
		out.state = state_of(n, &v);
		out.connected = n->session != NULL;
		out.here = n->session && !n->session->name[0];
		out.slots = v.slots;
		out.slots_used = v.slots_used;
		out.memory = v.memory;
		out.memory_used = v.memory_used;
		out.containers = v.live + hosted_on(s, n->name);
		fn(ctx, &out);
	}
}

int server_node_dial(struct server *s, const char *name, struct err *err)
{
	const struct node *n = fleet_find(s, name);

	if (!n)
		return err_set(err, ENOENT, "there is no node \"%.80s\" (berth node ls)", name);
	if (!n->session)
		return err_set(err, ENOTCONN, "node %s is not connected now", name);
	return link_dial(n->session->link, err);
}

int server_node_reaches(struct server *s, const char *name, struct err *err)
{
	const struct node *n = fleet_find(s, name);

	if (!n)
		return err_set(err, ENOENT, "there is no node \"%.80s\" (berth node ls)", name);
	if (!n->session)
		return err_set(err, ENOTCONN, "node %s is not connected now", name);
	if (!n->session->name[0])
		return err_set(err, EINVAL, "node %s is this berth itself: ask it without the name of a node", name);
	return 0;
}

int server_node_tunnel(struct server *s, const char *name, int fd, const void *first, size_t n, struct err *err)
{
	int r = server_node_reaches(s, name, err);

	if (r == 0)
		return link_tunnel(fleet_find(s, name)->session->link, fd, first, n, err);
	fd_closep(&fd);
	return r;
}
