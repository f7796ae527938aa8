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
#include "cluster/server/server_private.h"

#include <stdio.h>
#include <string.h>

#define LABELS_MAX 64
#define LABEL_TEXT_MAX 256

static struct node *wanted(struct server *s, const char *name, server_done_fn done, void *ctx)
{
	struct node *n = fleet_find(s, name);
	struct err err = ERR_INIT;

	if (n)
		return n;
	err_set(&err, ENOENT, "there is no node \"%.80s\" (berth node ls)", name);
	done(ctx, "", &err);
	return NULL;
}

/* The record goes with the event, and what the record says holds at once. */
static void write_down(struct node *n, enum sched_event_type type, const char *why, server_done_fn done, void *ctx)
{
	mem_cleanup char *key = mem_printf("node/%s", n->name), *value = fleet_stored(n);
	struct ingest in = {.event = {.type = type, .node = n->name, .error = why},
			    .doc_key = key,
			    .doc_value = value,
			    .doc_len = strlen(value),
			    .done = done,
			    .ctx = ctx};

	ingest(n->server, &in);
}

static void set_reason(struct node *n, const char *reason)
{
	free(n->reason);
	n->reason = reason && *reason ? mem_strndup(reason, strnlen(reason, LABEL_TEXT_MAX)) : NULL;
}

void server_node_lock(struct server *s, const char *name, const char *reason, server_done_fn done, void *ctx)
{
	struct node *n = wanted(s, name, done, ctx);

	if (!n)
		return;
	n->locked = true;
	set_reason(n, reason);
	write_down(n, SCHED_EV_NODE_CLOSE, reason && *reason ? reason : "locked", done, ctx);
}

void server_node_drain(struct server *s, const char *name, const char *reason, int64_t deadline_ms, server_done_fn done,
		       void *ctx)
{
	struct node *n = wanted(s, name, done, ctx);

	if (!n)
		return;
	n->draining = true;
	n->drain_until_ms = deadline_ms > 0 ? server_now(s) + deadline_ms : 0;
	set_reason(n, reason);
	fleet_arm_drain(n);
	write_down(n, SCHED_EV_NODE_CLOSE, reason && *reason ? reason : "drained", done, ctx);
}

void server_node_unlock(struct server *s, const char *name, server_done_fn done, void *ctx)
{
	struct node *n = wanted(s, name, done, ctx);

	if (!n)
		return;
	n->locked = n->draining = false;
	n->drain_until_ms = 0;
	set_reason(n, NULL);
	fleet_arm_drain(n);
	write_down(n, SCHED_EV_NODE_OPEN, NULL, done, ctx);
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
	char *merged;

	if (!n)
		return;
	if (!yyjson_is_obj(labels) || check_labels(labels, &err) < 0) {
		if (!err.code)
			err_set(&err, EINVAL, "labels: an object is needed");
		done(ctx, "", &err);
		return;
	}
	merged = merge_labels(n->labels, labels);
	free(n->labels);
	n->labels = merged;
	/* Closed as it was: the event carries the record. */
	write_down(n, n->locked || n->draining ? SCHED_EV_NODE_CLOSE : SCHED_EV_NODE_OPEN, n->reason, done, ctx);
}

/* ---- removal ---- */

struct strict {
	const struct server *server;
	const char *node;
};

static int is_strict(void *ctx, const struct sched_attempt_id *a, const char *node, bool started,
		     const char *kill_reason)
{
	const struct strict *at = ctx;
	const struct jobspec *j = map_get(&at->server->jobs, a->job);
	enum jobspec_fencing f = j ? jobspec_fencing(j, a->task) : JOBSPEC_BEST_EFFORT;

	(void)started;
	(void)kill_reason;
	return !strcmp(node, at->node) && (f == JOBSPEC_STRICT || (f == JOBSPEC_AS_THE_SERVER && at->server->strict));
}

/* Whether it may be taken off the list now: what is strict and might still run there must not start elsewhere at once. */
static int check_removal(struct server *s, const struct node *n, struct err *err)
{
	if (n->session && !n->session->name[0])
		return err_set(err, EBUSY, "node %s is this machine itself: it cannot be removed", n->name);
	if (sched_live(s->sched, is_strict, &(struct strict){.server = s, .node = n->name}))
		return err_set(
		    err, EBUSY,
		    "strict tasks run on node %s, or did when it was last heard of: drain it first (berth node "
		    "drain --deadline 1s %s), or wait until it is lost",
		    n->name, n->name);
	return 0;
}

void server_node_remove(struct server *s, const char *name, server_done_fn done, void *ctx)
{
	struct node *n = wanted(s, name, done, ctx);
	mem_cleanup char *key = mem_printf("node/%s", name);
	struct ingest in = {.event = {.type = SCHED_EV_NODE_DOWN, .node = name, .error = "removed"},
			    .doc_key = key,
			    .done = done,
			    .ctx = ctx};
	struct ingest open = {.event = {.type = SCHED_EV_NODE_OPEN, .node = name}, .keep = true};
	struct err err = ERR_INIT;

	if (!n)
		return;
	if (check_removal(s, n, &err) < 0) {
		done(ctx, "", &err);
		return;
	}
	/* Its certificates are worth nothing from this moment on. A node of that name that comes later begins anew. */
	n->member[0] = '\0';
	ingest(s, &in);
	if (n->locked || n->draining)
		ingest(s, &open);
	fleet_forget(s, n);
}

/* ---- looking ---- */

static const char *state_of(const struct node *n, const struct sched_node_view *v)
{
	if (!v->up)
		return n->lost ? "lost" : "down";
	if (n->locked)
		return "locked";
	if (n->draining)
		return v->live ? "draining" : "drained";
	return v->live ? "busy" : "free";
}

static void add_raw(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, const char *json)
{
	json_doc_cleanup yyjson_doc *doc = json ? yyjson_read(json, strlen(json), 0) : NULL;

	if (yyjson_is_obj(yyjson_doc_get_root(doc)))
		yyjson_mut_obj_add_val(d, o, key, yyjson_val_mut_copy(d, yyjson_doc_get_root(doc)));
	else
		yyjson_mut_obj_add_obj(d, o, key);
}

static void add_node(const struct node *n, const struct sched_node_view *v, yyjson_mut_doc *d, yyjson_mut_val *o)
{
	yyjson_mut_obj_add_str(d, o, "name", n->name);
	yyjson_mut_obj_add_str(d, o, "state", state_of(n, v));
	yyjson_mut_obj_add_strcpy(d, o, "reason", n->reason ? n->reason : "");
	yyjson_mut_obj_add_bool(d, o, "connected", n->session != NULL);
	yyjson_mut_obj_add_uint(d, o, "slots", v->slots);
	yyjson_mut_obj_add_uint(d, o, "slots_used", v->slots_used);
	yyjson_mut_obj_add_uint(d, o, "cpu_milli", v->cpu_milli);
	yyjson_mut_obj_add_uint(d, o, "cpu_used", v->cpu_used);
	yyjson_mut_obj_add_uint(d, o, "memory", v->memory);
	yyjson_mut_obj_add_uint(d, o, "memory_used", v->memory_used);
	yyjson_mut_obj_add_uint(d, o, "attempts", v->live);
	yyjson_mut_obj_add_int(d, o, "joined_ms", n->joined_ms);
	yyjson_mut_obj_add_int(d, o, "drain_until_ms", n->drain_until_ms);
	add_raw(d, o, "labels", n->labels);
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
