/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/server/fleet.h"

#include "base/core/clock.h"
#include "base/core/counts.h"
#include "base/core/err.h"
#include "base/core/log.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "cluster/link/lease.h"
#include "cluster/link/link.h"
#include "cluster/server/manners.h"
#include "cluster/server/node_facts.h"
#include "cluster/server/server_private.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define RECORD_MAX (256u << 10)
#define FACTS_MAX (256u << 10) /* of what an agent says of itself */

/* ---- the list ---- */

struct node *fleet_find(const struct server *s, const char *name)
{
	return map_get(&s->by_node, name);
}

static void on_lease(void *ctx);
static void on_drain(void *ctx);
static void on_telling(void *ctx);

struct node *fleet_get(struct server *s, const char *name)
{
	struct node *n = fleet_find(s, name);

	if (n)
		return n;
	n = mem_new(struct node);
	n->server = s;
	snprintf(n->name, sizeof n->name, "%s", name);
	n->lease = loop_timer_new(s->loop, on_lease, n);
	n->drain = loop_timer_new(s->loop, on_drain, n);
	n->telling = loop_timer_new(s->loop, on_telling, n);
	map_put(&s->by_node, n->name, n);
	*s->nodes_last = n;
	s->nodes_last = &n->next;
	return n;
}

void fleet_wishes_free(struct node_wishes *w)
{
	free(w->reason);
	free(w->labels);
	*w = (struct node_wishes){.locked = false};
}

static void node_free(struct node *n)
{
	loop_timer_free(n->lease);
	loop_timer_free(n->drain);
	loop_timer_free(n->telling);
	free(n->spaces);
	free(n->facts);
	free(n->why);
	fleet_wishes_free(&n->is);
	free(n);
}

void fleet_forget(struct server *s, struct node *n)
{
	struct node **p = &s->nodes;

	if (n->session)
		session_end(n->session);
	while (*p != n)
		p = &(*p)->next;
	*p = n->next;
	if (s->nodes_last == &n->next)
		s->nodes_last = p;
	map_remove(&s->by_node, n->name);
	node_free(n);
}

void fleet_free_all(struct server *s)
{
	while (s->sessions)
		session_end(s->sessions);
	while (s->nodes) {
		struct node *n = s->nodes;

		s->nodes = n->next;
		node_free(n);
	}
	map_free(&s->by_node);
}

bool fleet_view(const struct server *s, const char *name, struct sched_node_view *ret)
{
	if (sched_node_view(s->sched, name, ret) == 0)
		return true;
	*ret = (struct sched_node_view){.name = name};
	return false;
}

/* ---- the record ---- */

char *fleet_stored(const struct node *n, const struct node_wishes *w)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(d);

	yyjson_mut_doc_set_root(d, o);
	yyjson_mut_obj_add_str(d, o, "member", n->member);
	yyjson_mut_obj_add_bool(d, o, "locked", w->locked);
	yyjson_mut_obj_add_bool(d, o, "draining", w->draining);
	yyjson_mut_obj_add_int(d, o, "drain_until_ms", w->drain_until_ms);
	yyjson_mut_obj_add_int(d, o, "joined_ms", n->joined_ms);
	if (w->reason)
		yyjson_mut_obj_add_str(d, o, "reason", w->reason);
	if (w->labels)
		yyjson_mut_obj_add_val(d, o, "labels", yyjson_mut_raw(d, w->labels));
	return json_text(d, false, NULL);
}

static char *text_of(yyjson_val *v)
{
	return yyjson_is_obj(v) ? yyjson_val_write(v, 0, NULL) : NULL;
}

int fleet_load(struct server *s, const char *name, const char *text, size_t len, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = json_parse(text, len, RECORD_MAX, "the record of a node", err);
	yyjson_val *o = yyjson_doc_get_root(doc);
	const char *member = "", *reason = NULL;
	struct node *n;
	int r;

	if (!doc)
		return -err->code;
	if (strlen(name) >= sizeof n->name || !yyjson_is_obj(o))
		return err_set(err, EBADMSG, "the record of the node \"%s\" is damaged", name);
	n = fleet_get(s, name);
	r = json_opt_str(o, "member", &member, err);
	if (r == 0)
		r = json_opt_bool(o, "locked", &n->is.locked, err);
	if (r == 0)
		r = json_opt_bool(o, "draining", &n->is.draining, err);
	if (r == 0)
		r = json_opt_int(o, "drain_until_ms", 0, INT64_MAX, &n->is.drain_until_ms, err);
	if (r == 0)
		r = json_opt_int(o, "joined_ms", 0, INT64_MAX, &n->joined_ms, err);
	if (r == 0)
		r = json_opt_str(o, "reason", &reason, err);
	if (r < 0)
		return r;
	snprintf(n->member, sizeof n->member, "%s", member);
	n->is.reason = mem_strdup(reason);
	n->is.labels = text_of(yyjson_obj_get(o, "labels"));
	return 0;
}

/* ---- leases ---- */

void fleet_expect_all(struct server *s, bool here)
{
	struct sched_node_view v;

	for (size_t i = 0; sched_node_at(s->sched, i, &v) == 0; i++) {
		struct node *n = v.up ? fleet_get(s, v.name) : NULL;

		if (!n)
			continue;
		fleet_heard(n);
		n->unmanned = !here && !n->member[0] && v.live == 0;
		if (n->unmanned)
			loop_timer_arm(n->lease, 0);
	}
	for (struct node *n = s->nodes; n; n = n->next)
		fleet_arm_drain(n);
}

void fleet_heard(struct node *n)
{
	bool is_new = n->heard_mono_ms == 0 || n->lost;

	n->heard_mono_ms = clock_mono_ms();
	n->lost = false;
	n->unmanned = false; /* another machine has its name now */
	if (is_new)
		loop_timer_arm(n->lease, lease_patience(n->server->lease_ms));
}

static void give_up(struct node *n, const char *why)
{
	struct ingest in = {.event = {.type = SCHED_EV_NODE_DOWN, .node = n->name, .error = why}, .keep = true};

	ingest(n->server, &in);
}

/* Armed for the end of the lease as it was; a node that was heard of since has the rest of a new one. */
static void on_lease(void *ctx)
{
	struct node *n = ctx;
	struct server *s = n->server;
	int64_t patience = lease_patience(s->lease_ms), left = n->heard_mono_ms + patience - clock_mono_ms();

	if (n->session && !n->session->name[0])
		return; /* in this process */
	if (left > 0 && !n->unmanned) {
		loop_timer_arm(n->lease, left);
		return;
	}
	n->lost = true;
	free(n->why);
	n->why = n->unmanned ? mem_strdup("the server runs without a node of its own now")
			     : mem_printf("no word from it for %g s", (double)patience / 1000);
	log_warning("node %s is lost: %s", n->name, n->why);
	if (n->session)
		session_end(n->session);
	give_up(n, n->why);
}

/* ---- draining ---- */

void fleet_arm_drain(struct node *n)
{
	int64_t left = n->is.drain_until_ms - server_now(n->server);

	if (n->is.draining && n->is.drain_until_ms)
		loop_timer_arm(n->drain, left > 0 ? left : 0);
	else
		loop_timer_disarm(n->drain);
}

/* What still runs is ended here, and goes on elsewhere when it has ended. */
static void on_drain(void *ctx)
{
	struct node *n = ctx;
	struct ingest in = {.event = {.type = SCHED_EV_NODE_EMPTY,
				      .node = n->name,
				      .error = "it is drained, and the time for that has passed"},
			    .keep = true};
	struct sched_node_view v;

	if (fleet_view(n->server, n->name, &v) && v.up && v.live > 0)
		ingest(n->server, &in);
}

/* ---- sessions ---- */

void session_end(struct session *x)
{
	for (struct session **p = &x->server->sessions; *p; p = &(*p)->next) {
		if (*p == x) {
			*p = x->next;
			break;
		}
	}
	if (x->node && x->node->session == x)
		x->node->session = NULL;
	link_on_state(x->link, NULL, NULL);
	link_free(x->link);
	mem_strv_free(x->asked);
	free(x);
}

static void on_state(void *ctx, bool up)
{
	struct session *x = ctx;

	if (up)
		return;
	if (x->node && manners_may_log(x->node))
		log_info("node %s: its link has broken", x->node->name);
	session_end(x);
}

/* Of a node that links again and again and never says HELLO. */
static void end_silent(struct server *s, const char *name)
{
	for (struct session *x = s->sessions, *next; x; x = next) {
		next = x->next;
		if (*name && !strcmp(x->name, name) && (!x->node || x->node->session != x))
			session_end(x);
	}
}

void fleet_attach(struct server *s, struct link_end *e, const char *name)
{
	struct session *x = mem_new(struct session);

	end_silent(s, name);
	x->server = s;
	x->link = e;
	snprintf(x->name, sizeof x->name, "%s", name);
	x->next = s->sessions;
	s->sessions = x;
	link_on_message(e, ingest_on_link, x);
	link_on_state(e, on_state, x);
}

void session_refuse(struct session *x, const char *why)
{
	struct node *n = x->node ? x->node : fleet_find(x->server, x->name);

	if (!n || manners_may_log(n))
		log_warning("the agent of node %s is refused: %s", *x->name ? x->name : n ? n->name : "?", why);
	link_send(x->link, &(struct link_msg){.type = LINK_REFUSE, .text = why});
	x->deaf = true;
}

static bool refuse(struct session *x, const char *why)
{
	session_refuse(x, why);
	return false;
}

static void welcome(struct session *x, const struct link_msg *m)
{
	struct link_msg answer = {.type = LINK_WELCOME, .sent_ms = m->sent_ms};

	if (x->name[0])
		answer.lease_ms = (uint32_t)x->server->lease_ms;

	answer.protocol_max = m->protocol_max < LINK_PROTOCOL_MAX ? m->protocol_max : LINK_PROTOCOL_MAX;
	link_send(x->link, &answer);
}

bool fleet_hello(struct session *x, const struct link_msg *m)
{
	struct err err = ERR_INIT;
	struct counts counters;
	struct node *n;

	if (x->node)
		return refuse(x, "it says HELLO twice on one link");
	if (x->name[0] && strcmp(x->name, m->text) != 0)
		return refuse(x, "its certificate is that of another node");
	if (x->name[0] && (m->protocol_min > LINK_PROTOCOL_MAX || m->protocol_max < LINK_PROTOCOL_MIN))
		return refuse(x, "its release and that of the server are too far apart: update the older one");
	if (strlen(m->text) >= sizeof n->name)
		return refuse(x, "its name is too long");
	if ((m->facts && strlen(m->facts) > FACTS_MAX) || (m->text2 && strlen(m->text2) > PATH_MAX) ||
	    (m->counters && strlen(m->counters) > FACTS_MAX))
		return refuse(x, "it says more of itself than can be kept");
	if (m->counters && counts_parse(m->counters, &counters, &err) < 0)
		return refuse(x, err.text);
	n = fleet_get(x->server, m->text);
	if (n->leaving)
		return refuse(x, "it is being removed from the cluster");
	if (n->session && n->session != x)
		session_end(n->session);
	n->session = x;
	x->node = n;
	free(n->spaces);
	n->spaces = mem_strdup(m->text2);
	free(n->facts);
	n->facts = mem_strdup(m->facts);
	fleet_heard(n);
	welcome(x, m);
	return true;
}

void fleet_facts(struct node *n, const char *facts)
{
	if (strlen(facts) > FACTS_MAX)
		return;
	free(n->facts);
	n->facts = mem_strdup(facts);
	n->facts_wait = true;
	if (!n->facts_fresh)
		on_telling(n);
}

/* What has changed since it was told last, when that is in the log. */
static void on_telling(void *ctx)
{
	struct node *n = ctx;

	n->facts_fresh = n->facts_wait;
	if (!n->facts_wait)
		return;
	loop_timer_arm(n->telling, MANNERS_FACTS_MS);
	if (n->n_telling)
		return;
	fleet_facts_now(n);
}

void fleet_facts_now(struct node *n)
{
	/* Two at the most are on their way, whatever it says. */
	if (!n->facts_wait || n->n_telling > 1)
		return;
	n->facts_wait = false;
	node_facts_tell(n);
}

/* ---- sending ---- */

void fleet_send(struct server *s, const char *name, const struct link_msg *m)
{
	struct node *n = fleet_find(s, name);

	if (n && n->session)
		link_send(n->session->link, m);
}

static char *key_of(const char *job, uint32_t task)
{
	return mem_printf("%s/%" PRIu32, job, task);
}

static char **place_of(struct session *x, const char *key)
{
	char **at = x->asked;

	while (at && *at && strcmp(*at, key) != 0)
		at++;
	return at && *at ? at : NULL;
}

void fleet_ask(const struct node *n, const struct link_msg *m)
{
	mem_cleanup char *key = key_of(m->attempt.job, m->attempt.task);

	if (!n->session)
		return;
	if (!place_of(n->session, key))
		mem_strv_add(&n->session->asked, key);
	link_send(n->session->link, m);
}

bool fleet_was_asked(struct session *x, const char *job, uint32_t task)
{
	mem_cleanup char *key = key_of(job, task);
	char **at = place_of(x, key);

	if (!at)
		return false;
	free(*at);
	for (; *at; at++)
		at[0] = at[1];
	return true;
}

void fleet_send_all(struct server *s, const struct link_msg *m)
{
	for (struct session *x = s->sessions; x; x = x->next)
		link_send(x->link, m);
}

struct node *fleet_any(struct server *s)
{
	struct node *n = s->nodes;

	while (n && !n->session)
		n = n->next;
	return n;
}

const char *fleet_spaces(const struct server *s, const char *name)
{
	const struct node *n = fleet_find(s, name);

	return n ? n->spaces : NULL;
}

void fleet_fence(struct server *s, const char *name, const struct sched_attempt_id *a)
{
	struct link_msg m = {.type = LINK_KILL, .text = "it was given up and runs elsewhere, or its job has ended"};
	struct node *n = fleet_find(s, name);

	snprintf(m.attempt.job, sizeof m.attempt.job, "%s", a->job);
	m.attempt.task = a->task;
	m.attempt.index = a->index;
	m.attempt.epoch = a->epoch;
	if (!n || manners_may_log(n))
		log_info("node %s: %s/%" PRIu32 "/%" PRIu32 "#%" PRIu32 " is not to run there any more", name, a->job,
			 a->task, a->index, a->epoch);
	fleet_send(s, name, &m);
}
