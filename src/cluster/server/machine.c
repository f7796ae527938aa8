/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a machine, step by step:
 *
 *   creating -> joining -> up -> draining -> destroying -> (gone)
 *      \________\__________\_______________/      \-> failed, when it was made in vain: its index rests for a while
 *
 * A create that fails is followed by a destroy all the same: nobody knows how far it has come. A destroy that fails is tried again with growing pauses.
 */
#include "base/core/err.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/core/program.h"
#include "base/store/store.h"
#include "base/wire/json.h"
#include "cluster/link/join_token.h"
#include "cluster/server/fleet.h"
#include "cluster/server/server_private.h"
#include "cluster/server/sources.h"
#include "cluster/source/source_tool.h"

#include <stdio.h>
#include <string.h>

#define PAUSE_MS 10000
#define PAUSE_MAX_MS 600000

/* ---- the list ---- */

static size_t place_of(const struct source *src, uint32_t index)
{
	size_t low = 0, high = src->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (src->machines[mid]->index < index)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct machine *machine_at(const struct source *src, uint32_t index)
{
	size_t at = place_of(src, index);

	return at < src->n && src->machines[at]->index == index ? src->machines[at] : NULL;
}

struct machine *machine_add(struct source *src, uint32_t index)
{
	size_t at = place_of(src, index);
	struct machine *m = mem_new(struct machine);

	m->source = src;
	m->index = index;
	snprintf(m->node, sizeof m->node, "%s-%u", src->name, index);
	mem_grow(&src->machines, &src->cap, src->n);
	memmove(src->machines + at + 1, src->machines + at, (src->n - at) * sizeof *src->machines);
	src->machines[at] = m;
	src->n++;
	return m;
}

void machine_free(struct machine *m)
{
	struct source *src = m->source;
	size_t at = place_of(src, m->index);

	memmove(src->machines + at, src->machines + at + 1, (src->n - at - 1) * sizeof *src->machines);
	src->n--;
	program_kill(m->call);
	free(m->id);
	free(m->error);
	free(m);
}

/* ---- its document ---- */

char *machine_stored(const struct machine *m)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(d);

	yyjson_mut_doc_set_root(d, o);
	yyjson_mut_obj_add_str(d, o, "source", m->source->name);
	yyjson_mut_obj_add_uint(d, o, "index", m->index);
	yyjson_mut_obj_add_str(d, o, "state", machine_states[m->state]);
	yyjson_mut_obj_add_int(d, o, "since_ms", m->since_ms);
	yyjson_mut_obj_add_int(d, o, "retry_ms", m->retry_ms);
	yyjson_mut_obj_add_bool(d, o, "broken", m->broken);
	if (m->id)
		yyjson_mut_obj_add_str(d, o, "id", m->id);
	if (m->error)
		yyjson_mut_obj_add_str(d, o, "error", m->error);
	return json_text(d, false, NULL);
}

typedef void (*after_fn)(struct machine *m, const struct err *error);
struct note {
	struct machine *machine;
	after_fn after;
};

static void on_stored(void *ctx, uint64_t seq, const struct err *error)
{
	struct note *n = ctx;
	struct machine *m = n->machine;

	(void)seq;
	m->busy--;
	if (error)
		log_err(error, "write down a machine of a node source");
	if (n->after)
		n->after(m, error);
	free(n);
	sources_touch(m->source->server);
}

/* What is now, or that it has gone. */
static void write_down(struct machine *m, after_fn after)
{
	struct server *s = m->source->server;
	mem_cleanup char *key = mem_printf("machine/%s", m->node), *value = m->gone ? NULL : machine_stored(m);
	mem_cleanup char *json = mem_printf("{\"node\":\"%s\",\"source\":\"%s\",\"state\":\"%s\"}", m->node,
					    m->source->name, m->gone ? "gone" : machine_states[m->state]);
	const struct store_event e = {
	    .time_ms = server_now(s), .kind = EVENT_MACHINE, .data = json, .len = strlen(json)};
	const struct store_doc doc = {.key = key, .value = value, .len = value ? strlen(value) : 0};
	struct note *n = mem_new(struct note);

	*n = (struct note){.machine = m, .after = after};
	m->busy++;
	store_append(s->store, &e, &doc, 1, on_stored, n);
}

static void set_state(struct machine *m, enum machine_state state)
{
	m->state = state;
	m->since_ms = server_now(m->source->server);
}

static void set_error(struct machine *m, const char *text)
{
	free(m->error);
	m->error = mem_strdup(text);
}

/* 10 s, 20 s ... 10 min */
static int64_t pause_after(uint32_t failures)
{
	return failures > 6 ? PAUSE_MAX_MS : (int64_t)PAUSE_MS << (failures - 1);
}

static void failed(struct machine *m, const char *verb, const char *why)
{
	log_warning("node source %s: %s%s: %s", m->source->name, verb, m->node, why);
	set_error(m, why);
}

/* ---- creating ---- */

static void nobody(void *ctx, const char *id, const struct err *error)
{
	(void)ctx;
	(void)id;
	(void)error; /* it expires by itself, too */
}

static void drop_token(struct machine *m)
{
	if (m->token[0])
		server_token_remove(m->source->server, m->token, nobody, NULL);
	m->token[0] = '\0';
}

/* Each host of ssh fails for itself; what makes machines fails as a whole. */
static void rest(struct machine *m)
{
	struct source *src = m->source;
	int64_t now = server_now(src->server);

	src->failures++;
	if (src->spec->kind != SOURCE_SSH)
		src->retry_ms = now + pause_after(src->failures);
	free(src->trouble);
	src->trouble = mem_printf("%s: %s", m->node, m->error ? m->error : "it failed");
}

static void has_failed(struct machine *m)
{
	set_state(m, MACHINE_FAILED);
	m->retry_ms = m->since_ms + pause_after(m->source->failures);
	write_down(m, NULL);
}

/* made: perhaps there is something of it. */
static void create_failed(struct machine *m, const char *why, bool made)
{
	failed(m, "create ", why);
	drop_token(m);
	m->broken = true;
	rest(m);
	if (made)
		machine_destroy(m, NULL);
	else
		has_failed(m);
}

static void on_created(void *ctx, const struct program_end *end)
{
	struct machine *m = ctx;
	char why[PROGRAM_ERRORS_MAX + 256];

	m->call = NULL;
	program_end_text(end, m->source->spec->timeout_ms, why, sizeof why);
	if (*why) {
		create_failed(m, why, end->code != SOURCE_TOOL_NOTHING);
		return;
	}
	free(m->id);
	m->id = source_call_id(end);
	set_state(m, MACHINE_JOINING);
	write_down(m, NULL);
}

static void on_token(void *ctx, const char *text, const struct err *error)
{
	struct machine *m = ctx;
	struct join_token token;
	struct err err = ERR_INIT;

	m->busy--;
	if (!error && join_token_parse(text, &token, &err) == 0)
		snprintf(m->token, sizeof m->token, "%s", token.id);
	if (error || source_call(m->source, m, "create", text, on_created, m, &m->call, &err) < 0)
		create_failed(m, error ? error->text : err.text, false);
}

static void after_creating(struct machine *m, const struct err *error)
{
	struct server *s = m->source->server;
	const struct source_spec *spec = m->source->spec;

	if (error) {
		/* Nothing was done, and nothing of it is written. */
		set_error(m, error->text);
		m->gone = true;
		m->source->retry_ms = server_now(s) + PAUSE_MS;
		return;
	}
	/* One of that name that has stayed from before could not be told from the new one. */
	if (fleet_find(s, m->node))
		server_node_remove(s, m->node, NULL, NULL);
	m->busy++;
	server_token_create(s, spec->timeout_ms + spec->join_ms, 1, on_token, m);
}

void machine_create(struct source *src, uint32_t index)
{
	struct machine *m = machine_at(src, index);

	if (m && (m->busy || m->gone))
		return;
	if (!m)
		m = machine_add(src, index);
	m->broken = m->ready = false;
	m->tries = 0;
	m->retry_ms = m->idle_ms = m->lost_ms = 0;
	set_state(m, MACHINE_CREATING);
	src->grown_ms = m->since_ms;
	write_down(m, after_creating);
}

void machine_joined(struct machine *m)
{
	m->source->failures = 0;
	m->source->retry_ms = 0;
	free(m->source->trouble);
	m->source->trouble = NULL;
	set_error(m, NULL);
	m->token[0] = '\0'; /* it is used up */
	set_state(m, MACHINE_UP);
	m->idle_ms = m->since_ms;
	write_down(m, NULL);
}

/* ---- going ---- */

static void on_drained(void *ctx, const char *id, const struct err *error)
{
	struct machine *m = ctx;

	(void)id;
	m->busy--;
	if (error && m->state == MACHINE_DRAINING) {
		set_error(m, error->text);
		m->state = MACHINE_UP;
	}
	sources_touch(m->source->server);
}

void machine_drain(struct machine *m, int64_t deadline_ms, const char *why)
{
	mem_cleanup char *reason = mem_printf("node source %s releases it: %s", m->source->name, why);

	set_state(m, MACHINE_DRAINING);
	write_down(m, NULL);
	m->busy++;
	server_node_drain(m->source->server, m->node, reason, deadline_ms, on_drained, m);
}

static void on_kept(void *ctx, const char *id, const struct err *error)
{
	struct machine *m = ctx;

	(void)id;
	m->busy--;
	if (error && m->state == MACHINE_UP)
		m->state = MACHINE_DRAINING;
	sources_touch(m->source->server);
}

void machine_keep(struct machine *m)
{
	set_state(m, MACHINE_UP);
	m->idle_ms = m->since_ms;
	write_down(m, NULL);
	m->busy++;
	server_node_unlock(m->source->server, m->node, on_kept, m);
}

static void after_destroying(struct machine *m, const struct err *error)
{
	m->ready = !error;
	m->retry_ms = error ? server_now(m->source->server) + PAUSE_MS : 0;
}

void machine_destroy(struct machine *m, const char *why)
{
	if (why && *why) {
		failed(m, "", why);
		drop_token(m);
		m->broken = m->state == MACHINE_JOINING && !m->source->leaving;
		if (m->broken)
			rest(m);
	}
	set_state(m, MACHINE_DESTROYING);
	m->ready = false;
	write_down(m, after_destroying);
}

void machine_forget(struct machine *m)
{
	m->gone = true;
	write_down(m, NULL);
}

static void on_destroyed(void *ctx, const struct program_end *end)
{
	struct machine *m = ctx;
	struct server *s = m->source->server;
	char why[PROGRAM_ERRORS_MAX + 256];

	m->call = NULL;
	program_end_text(end, m->source->spec->timeout_ms, why, sizeof why);
	if (*why && !m->source->forced) {
		failed(m, "destroy ", why);
		m->retry_ms = server_now(s) + pause_after(++m->tries);
		sources_touch(s);
		return;
	}
	if (*why)
		log_warning("node source %s: %s could not be destroyed, and is forgotten: %s", m->source->name, m->node,
			    why);
	if (fleet_find(s, m->node))
		server_node_remove(s, m->node, NULL, NULL);
	if (m->broken && !m->source->leaving)
		has_failed(m);
	else
		machine_forget(m);
}

void machine_go_on(struct machine *m)
{
	struct server *s = m->source->server;
	struct err err = ERR_INIT;

	if (m->state != MACHINE_DESTROYING || m->busy || m->call || m->retry_ms > server_now(s))
		return;
	if (!m->ready) {
		machine_destroy(m, NULL);
		return;
	}
	if (source_call(m->source, m, "destroy", NULL, on_destroyed, m, &m->call, &err) < 0) {
		failed(m, "destroy ", err.text);
		m->retry_ms = server_now(s) + pause_after(++m->tries);
	}
}

void machine_orphan(struct source *src, uint32_t index, const char *id)
{
	struct machine *m = machine_add(src, index);

	log_warning("node source %s: it has a machine %s that nobody asked for: it is destroyed", src->name, m->node);
	m->id = mem_strdup(id);
	machine_destroy(m, NULL);
}
