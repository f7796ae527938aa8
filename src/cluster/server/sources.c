/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/server/sources.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/log.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/core/program.h"
#include "base/store/store.h"
#include "base/wire/json.h"
#include "cluster/server/fleet.h"
#include "cluster/server/node_facts.h"
#include "cluster/server/server_private.h"

#include <stdio.h>
#include <string.h>

#define PAUSE_MS 200 /* between two looks, however much happens */
#define LATER_MAX_MS (24 * 3600 * 1000LL)

/* ---- the list ---- */

struct source *sources_named(const struct server *s, const char *name)
{
	struct source *src = s->sources->first;

	while (src && (src->coming || strcmp(src->name, name) != 0))
		src = src->next;
	return src;
}

static void take_names(struct source *src)
{
	map_free(&src->expected);
	for (char **n = src->spec->nodes; n && *n; n++)
		map_put(&src->expected, *n, src);
}

struct source *sources_of(const struct server *s, const char *node)
{
	for (struct source *src = s->sources->first; src; src = src->next) {
		size_t n = strlen(src->name);
		const char *tail = node + n + 1;

		if (map_get(&src->expected, node))
			return src;
		if (src->spec->kind != SOURCE_STATIC && !strncmp(node, src->name, n) && node[n] == '-' && *tail &&
		    strspn(tail, "0123456789") == strlen(tail) && strlen(tail) <= 5 &&
		    machine_at(src, (uint32_t)strtoul(tail, NULL, 10)))
			return src;
	}
	return NULL;
}

static struct source *source_new(struct server *s, const char *name)
{
	struct source *src = mem_new(struct source), **p = &s->sources->first;

	src->server = s;
	snprintf(src->name, sizeof src->name, "%s", name);
	while (*p && strcmp((*p)->name, name) < 0)
		p = &(*p)->next;
	src->next = *p;
	*p = src;
	s->sources->n++;
	return src;
}

static void source_free(struct source *src)
{
	struct source **p = &src->server->sources->first;

	while (*p != src)
		p = &(*p)->next;
	*p = src->next;
	src->server->sources->n--;
	program_kill(src->list);
	while (src->n)
		machine_free(src->machines[src->n - 1]);
	free(src->machines);
	map_free(&src->expected);
	source_spec_free(src->spec);
	free(src->json);
	free(src->trouble);
	free(src);
}

/* ---- documents ---- */

static char *stored(const char *json, bool paused, bool leaving, bool forced)
{
	return mem_printf("{\"paused\":%s,\"leaving\":%s,\"forced\":%s,\"spec\":%s}", paused ? "true" : "false",
			  leaving ? "true" : "false", forced ? "true" : "false", json);
}

int sources_load(struct server *s, const char *name, const char *text, size_t len, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = json_parse(text, len, SOURCE_TEXT_MAX + 100, "the record of a source", err);
	yyjson_val *o = yyjson_doc_get_root(doc);
	mem_cleanup char *json = NULL;
	struct source_spec *spec = NULL;
	struct source *src;

	if (!doc)
		return -err->code;
	json = yyjson_val_write(yyjson_obj_get(o, "spec"), 0, NULL);
	if (!json)
		return err_set(err, EBADMSG, "the record of the node source \"%s\" is damaged", name);
	if (source_spec_parse(json, strlen(json), &spec, err) < 0)
		return err_wrap(err, "node source %s", name);
	src = source_new(s, name);
	src->spec = spec;
	take_names(src);
	src->json = mem_take(json);
	src->paused = yyjson_is_true(yyjson_obj_get(o, "paused"));
	src->leaving = yyjson_is_true(yyjson_obj_get(o, "leaving"));
	src->forced = yyjson_is_true(yyjson_obj_get(o, "forced"));
	return 0;
}

static enum machine_state state_of(const char *word)
{
	size_t i = 0;

	while (i < MACHINE_N_STATES && (!word || strcmp(word, machine_states[i]) != 0))
		i++;
	return (enum machine_state)i;
}

/* Its call may still be at work: the time of the call is part of the time that it is awaited. */
static void take_up(struct machine *m, int64_t now)
{
	if (m->state == MACHINE_CREATING) {
		m->state = MACHINE_JOINING;
		m->since_ms = now + m->source->spec->timeout_ms;
	}
	m->ready = m->state == MACHINE_DESTROYING;
	if (m->ready)
		m->retry_ms = 0;
	m->idle_ms = now;
}

int sources_load_machine(struct server *s, const char *node, const char *text, size_t len, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = json_parse(text, len, SOURCE_TEXT_MAX, "the record of a machine", err);
	yyjson_val *o = yyjson_doc_get_root(doc);
	const char *name = yyjson_get_str(yyjson_obj_get(o, "source"));
	const char *error = yyjson_get_str(yyjson_obj_get(o, "error"));
	enum machine_state state = state_of(yyjson_get_str(yyjson_obj_get(o, "state")));
	int64_t index = 0;
	struct source *src = name ? sources_named(s, name) : NULL;
	struct machine *m;

	if (!doc)
		return -err->code;
	if (!src || state == MACHINE_N_STATES || json_get_int(o, "index", 1, SOURCE_NODES_MAX, &index, err) < 0 ||
	    machine_at(src, (uint32_t)index))
		return err_set(err, EBADMSG, "the record of the machine \"%s\" is damaged", node);
	m = machine_add(src, (uint32_t)index);
	m->state = state;
	(void)json_opt_int(o, "since_ms", 0, INT64_MAX, &m->since_ms, NULL);
	(void)json_opt_int(o, "retry_ms", 0, INT64_MAX, &m->retry_ms, NULL);
	(void)json_opt_bool(o, "broken", &m->broken, NULL);
	m->id = mem_strdup(yyjson_get_str(yyjson_obj_get(o, "id")));
	m->error = mem_strdup(error);
	return 0;
}

/* ---- what is ---- */

struct gathered {
	struct decide_source *sources;
	struct source **of;
	struct decide_demand *demand;
	size_t cap_demand;
	struct decide_state in;
};

static void gather_machine(struct machine *m, struct decide_machine *to)
{
	struct server *s = m->source->server;
	const struct node *n = fleet_find(s, m->node);
	int64_t now = server_now(s);
	struct sched_node_view v;
	bool known = n && fleet_view(s, m->node, &v), there = m->state == MACHINE_UP || m->state == MACHINE_DRAINING;

	if (!known)
		v = (struct sched_node_view){.name = m->node};
	if (m->state == MACHINE_JOINING && v.up)
		machine_joined(m);
	if (there && !v.up && !m->lost_ms)
		m->lost_ms = now;
	if (v.up)
		m->lost_ms = 0;
	if (v.live || !m->idle_ms)
		m->idle_ms = now;
	*to = (struct decide_machine){.state = m->state,
				      .index = m->index,
				      .live = (uint32_t)v.live,
				      .slots = v.slots,
				      .locked = n && (n->is.locked || (n->is.draining && m->state == MACHINE_UP)),
				      .lost = there && !v.up,
				      .since_ms = there && !v.up ? m->lost_ms : m->since_ms,
				      .idle_ms = m->idle_ms,
				      .retry_ms = m->retry_ms};
	/* Until the scheduler has heard of it something may still start there. */
	if (m->state == MACHINE_DRAINING && !v.closed && !to->live)
		to->live = 1;
}

static int add_demand(void *ctx, const struct sched_demand *d)
{
	struct gathered *g = ctx;

	mem_grow(&g->demand, &g->cap_demand, g->in.n_demand);
	g->demand[g->in.n_demand++] =
	    (struct decide_demand){.slots = d->slots, .memory = d->memory, .count = d->count, .counters = d->counters};
	return 0;
}

static void gather_nodes(struct server *s, struct decide_state *in)
{
	struct sched_node_view v;

	for (size_t i = 0; sched_node_at(s->sched, i, &v) == 0; i++) {
		in->running += v.live;
		if (!v.up || v.closed)
			continue;
		in->slots += v.slots;
		in->free += v.slots > v.slots_used ? v.slots - v.slots_used : 0;
	}
}

static void gather(struct server *s, struct gathered *g)
{
	*g = (struct gathered){.sources = mem_new_n(struct decide_source, s->sources->n + 1),
			       .of = mem_new_n(struct source *, s->sources->n + 1),
			       .in = {.now_ms = server_now(s)}};
	for (struct source *src = s->sources->first; src; src = src->next) {
		struct decide_machine *list;

		if (src->coming || src->spec->kind == SOURCE_STATIC)
			continue;
		list = mem_new_n(struct decide_machine, src->n + 1);
		for (size_t i = 0; i < src->n; i++)
			gather_machine(src->machines[i], &list[i]);
		g->of[g->in.n] = src;
		/* Without a door nobody could join. */
		g->sources[g->in.n++] = (struct decide_source){.spec = src->spec,
							       .machines = list,
							       .n = src->n,
							       .paused = src->paused || !s->authority,
							       .leaving = src->leaving,
							       .retry_ms = src->retry_ms,
							       .grown_ms = src->grown_ms};
	}
	sched_demand(s->sched, add_demand, g);
	gather_nodes(s, &g->in);
	g->in.sources = g->sources;
	g->in.demand = g->demand;
}

static void gathered_free(struct gathered *g)
{
	for (size_t i = 0; i < g->in.n; i++)
		free((void *)g->sources[i].machines);
	free(g->sources);
	free(g->of);
	free(g->demand);
}

/* ---- what is to be done ---- */

static void obey(struct source *src, const struct decide_wish *w)
{
	struct machine *m = machine_at(src, w->index);

	if (w->type == DECIDE_CREATE) {
		machine_create(src, w->index);
		return;
	}
	if (!m || m->busy || m->call || m->gone)
		return; /* when that has ended it is looked at again */
	if (w->type == DECIDE_DRAIN)
		machine_drain(m, w->deadline_ms, w->why);
	else if (w->type == DECIDE_KEEP)
		machine_keep(m);
	else
		machine_destroy(m, w->why);
}

static void on_gone(void *ctx, uint64_t seq, const struct err *error)
{
	(void)ctx;
	(void)seq;
	if (error)
		log_err(error, "write down that a node source has gone");
}

static void append(struct server *s, const char *name, const char *what, const char *value, store_done_fn done,
		   void *ctx)
{
	mem_cleanup char *key = mem_printf("source/%s", name);
	mem_cleanup char *json = mem_printf("{\"source\":\"%s\",\"what\":\"%s\"}", name, what);
	const struct store_event e = {
	    .time_ms = server_now(s), .kind = EVENT_SOURCE, .data = json, .len = strlen(json)};
	const struct store_doc doc = {.key = key, .value = value, .len = value ? strlen(value) : 0};

	store_append(s->store, &e, &doc, 1, done, ctx);
}

/* Destructions go on, what has gone is forgotten, and in the end the source itself. The next time that one is due. */
static int64_t tidy(struct source *src)
{
	int64_t next = INT64_MAX;
	uint32_t calls = 0;

	for (size_t i = 0; i < src->n; i++)
		calls += src->machines[i]->state == MACHINE_DESTROYING && src->machines[i]->call;
	for (size_t i = src->n; i > 0; i--) {
		struct machine *m = src->machines[i - 1];

		if (m->busy || m->call)
			continue;
		if (m->gone)
			machine_free(m);
		else if (m->state == MACHINE_FAILED && src->leaving)
			machine_forget(m);
		else if (m->state == MACHINE_DESTROYING && m->retry_ms > src->server->sources->looked_ms)
			next = m->retry_ms < next ? m->retry_ms : next;
		else if (m->state == MACHINE_DESTROYING && calls < src->spec->parallel) {
			machine_go_on(m);
			calls++;
		}
	}
	if (src->leaving && src->n == 0 && !src->list && !src->changing) {
		log_info("node source %s: the last of it has gone", src->name);
		append(src->server, src->name, "gone", NULL, on_gone, NULL);
		source_free(src);
	}
	return next;
}

static void arm(struct sources *all, int64_t ms)
{
	int64_t at = clock_mono_ms() + ms;

	if (all->armed_ms && all->armed_ms <= at)
		return;
	all->armed_ms = at;
	loop_timer_arm(all->timer, ms);
}

static void decide_and_obey(struct server *s, int64_t *next)
{
	struct gathered g;
	struct decision d;

	gather(s, &g);
	decide(&g.in, &d);
	*next = d.next_ms;
	for (size_t i = 0; i < g.in.n; i++) {
		g.of[i]->wanted = d.wanted[i];
		g.of[i]->bad_formula = d.trouble[i] != 0;
	}
	for (size_t i = 0; i < d.n; i++)
		obey(g.of[d.wishes[i].source], &d.wishes[i]);
	decision_free(&d);
	gathered_free(&g);
}

static void look(void *ctx)
{
	struct sources *all = ctx;
	struct server *s = all->server;
	int64_t next;

	all->armed_ms = 0;
	all->looked_ms = server_now(s);
	decide_and_obey(s, &next);
	for (struct source *src = all->first, *after; src; src = after) {
		int64_t due;

		after = src->next;
		if (!src->listed && s->authority && !src->coming) {
			src->listed = true;
			source_list(src);
		}
		due = tidy(src);
		next = due < next ? due : next;
	}
	if (next == INT64_MAX || !all->first)
		return;
	next -= server_now(s);
	arm(all, next < PAUSE_MS ? PAUSE_MS : next > LATER_MAX_MS ? LATER_MAX_MS : next);
}

void sources_touch(struct server *s)
{
	if (s->sources->first)
		arm(s->sources, PAUSE_MS);
}

void sources_open(struct server *s)
{
	s->sources = mem_new(struct sources);
	s->sources->server = s;
	s->sources->timer = loop_timer_new(s->loop, look, s->sources);
}

/* The log has been read back, and the time is known. */
void sources_begin(struct server *s)
{
	for (struct source *src = s->sources->first; src; src = src->next) {
		for (size_t i = 0; i < src->n; i++)
			take_up(src->machines[i], server_now(s));
	}
	sources_touch(s);
}

void sources_free(struct server *s)
{
	while (s->sources->first)
		source_free(s->sources->first);
	loop_timer_free(s->sources->timer);
	free(s->sources);
}

/* ---- wishes ---- */

struct source_wish {
	struct server *server;
	char name[SOURCE_NAME_MAX];
	enum source_wish_kind { WISH_ADD, WISH_REPLACE, WISH_REMOVE, WISH_FORGET, WISH_PAUSE, WISH_RESUME } what;
	struct source_spec *spec; /* of REPLACE */
	char *json;
	server_done_fn done;
	void *ctx;
};

/* Its nodes are now what it says of them. */
static void tell_nodes(struct server *s, const struct source *src)
{
	for (struct node *n = s->nodes; n; n = n->next) {
		if (sources_of(s, n->name) == src)
			node_facts_tell(n);
	}
}

static void wish_free(struct source_wish *w)
{
	source_spec_free(w->spec);
	free(w->json);
	free(w);
}

static void take_spec(struct source *src, struct source_wish *w)
{
	source_spec_free(src->spec);
	free(src->json);
	src->spec = mem_take(w->spec);
	take_names(src);
	src->json = mem_take(w->json);
	src->retry_ms = 0;
	src->failures = 0;
	free(src->trouble);
	src->trouble = NULL;
}

static struct source *find_any(const struct server *s, const char *name)
{
	struct source *src = s->sources->first;

	while (src && strcmp(src->name, name) != 0)
		src = src->next;
	return src;
}

static void on_wish(void *ctx, uint64_t seq, const struct err *error)
{
	struct source_wish *w = ctx;
	struct source *src = find_any(w->server, w->name);

	(void)seq;
	if (src)
		src->changing = false;
	if (src && error && w->what == WISH_ADD) {
		source_free(src);
	} else if (src && !error) {
		if (w->what == WISH_REPLACE)
			take_spec(src, w);
		if (w->what == WISH_PAUSE || w->what == WISH_RESUME)
			src->paused = w->what == WISH_PAUSE;
		src->leaving = src->leaving || w->what == WISH_REMOVE || w->what == WISH_FORGET;
		src->forced = src->forced || w->what == WISH_FORGET;
		for (size_t i = 0; src->forced && i < src->n; i++)
			src->machines[i]->retry_ms = 0;
		src->coming = false;
		if (w->what == WISH_ADD || w->what == WISH_REPLACE)
			tell_nodes(w->server, src);
		sources_touch(w->server);
	}
	if (w->done)
		w->done(w->ctx, w->name, error);
	wish_free(w);
}

static struct source_wish *wish_new(struct server *s, const char *name, enum source_wish_kind what, server_done_fn done,
				    void *ctx)
{
	struct source_wish *w = mem_new(struct source_wish);

	w->server = s;
	snprintf(w->name, sizeof w->name, "%s", name);
	w->what = what;
	w->done = done;
	w->ctx = ctx;
	return w;
}

static int check_new(struct server *s, const struct source_spec *spec, bool replace, struct err *err)
{
	const struct source *old = find_any(s, spec->name);

	if (old && (old->changing || old->leaving))
		return err_set(err, EBUSY, "the node source %s is being %s", old->name,
			       old->leaving ? "removed" : "changed");
	if (old && !replace)
		return err_set(err, EEXIST, "there is a node source %s already (--replace changes it)", old->name);
	if (old && old->spec->kind != spec->kind)
		return err_set(err, EINVAL, "kind: the node source %s is of the kind %s, which cannot be changed",
			       old->name, source_spec_kinds[old->spec->kind]);
	if (!old && s->sources->n >= SOURCES_MAX)
		return err_set(err, EDQUOT, "there are %d node sources, and no more can be", SOURCES_MAX);
	if (!s->authority && spec->kind != SOURCE_STATIC)
		return err_set(err, EBUSY,
			       "this berth has no door for agents: start it with berth server, or with berth up "
			       "--agents HOST:PORT");
	return 0;
}

static void no(server_done_fn done, void *ctx, const struct err *err)
{
	if (done)
		done(ctx, "", err);
}

void server_source_add(struct server *s, const char *json, size_t len, bool replace, server_done_fn done, void *ctx)
{
	struct source_spec *spec = NULL;
	mem_cleanup char *value = NULL, *text = NULL;
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct err err = ERR_INIT;
	struct source_wish *w;
	struct source *src;

	if (source_spec_parse(json, len, &spec, &err) < 0 || check_new(s, spec, replace, &err) < 0) {
		source_spec_free(spec);
		no(done, ctx, &err);
		return;
	}
	doc = yyjson_read(json, len, 0);
	text = yyjson_val_write(yyjson_doc_get_root(doc), 0, NULL);
	src = find_any(s, spec->name);
	w = wish_new(s, spec->name, src ? WISH_REPLACE : WISH_ADD, done, ctx);
	value = stored(text, src && src->paused, false, false);
	if (src) {
		w->spec = spec;
		w->json = mem_take(text);
	} else {
		src = source_new(s, spec->name);
		src->coming = true;
		src->spec = spec;
		take_names(src);
		src->json = mem_take(text);
	}
	find_any(s, w->name)->changing = true;
	append(s, w->name, w->what == WISH_ADD ? "add" : "replace", value, on_wish, w);
}

static void change(struct server *s, const char *name, enum source_wish_kind what, server_done_fn done, void *ctx)
{
	static const char *const words[] = {
	    [WISH_REMOVE] = "remove", [WISH_FORGET] = "forget", [WISH_PAUSE] = "pause", [WISH_RESUME] = "resume"};
	struct source *src = sources_named(s, name);
	mem_cleanup char *value = NULL;
	struct err err = ERR_INIT;

	if (!src || src->changing) {
		if (src)
			err_set(&err, EBUSY, "the node source %s is being changed", src->name);
		else
			err_set(&err, ENOENT, "there is no node source \"%.80s\" (berth source ls)", name);
		no(done, ctx, &err);
		return;
	}
	src->changing = true;
	value = stored(src->json, what == WISH_PAUSE || (what != WISH_RESUME && src->paused),
		       src->leaving || what == WISH_REMOVE || what == WISH_FORGET, src->forced || what == WISH_FORGET);
	append(s, src->name, words[what], value, on_wish, wish_new(s, src->name, what, done, ctx));
}

void server_source_remove(struct server *s, const char *name, bool force, server_done_fn done, void *ctx)
{
	change(s, name, force ? WISH_FORGET : WISH_REMOVE, done, ctx);
}

void server_source_pause(struct server *s, const char *name, bool paused, server_done_fn done, void *ctx)
{
	change(s, name, paused ? WISH_PAUSE : WISH_RESUME, done, ctx);
}
