/* SPDX-License-Identifier: Apache-2.0
 *
 * logs and events.
 */
#include "face/project/command.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "face/cli/client.h"
#include "face/cli/show.h"
#include "face/cli/text.h"
#include "face/cli/units.h"
#include "face/project/events.h"
#include "face/project/follow.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct logs_values {
	bool follow, times, no_color, no_prefix;
	const char *tail, *since, *until;
	uint64_t index;
};
#define V(field) offsetof(struct logs_values, field)
static const struct option_spec logs_options[] = {
    {"follow", 'f', OPTION_FLAG, V(follow), NULL, "go on as more comes"},
    {"tail", 'n', OPTION_TEXT, V(tail), "N|all", "only the last lines of each container"},
    {"since", 0, OPTION_TEXT, V(since), "TIME", "from then on: 2024-05-01T10:00:00Z, or 42m ago"},
    {"until", 0, OPTION_TEXT, V(until), "TIME", "what was before"},
    {"timestamps", 't', OPTION_FLAG, V(times), NULL, "with the time of each line"},
    {"no-color", 0, OPTION_FLAG, V(no_color), NULL, "no colours"},
    {"no-log-prefix", 0, OPTION_FLAG, V(no_prefix), NULL, "without the name of the container"},
    {"index", 0, OPTION_COUNT, V(index), "N", "only the container with this number"},
    {NULL},
};

struct logs {
	struct project *p;
	const struct logs_values *v;
	char **services;
	struct members m;
	struct follow *follow;
	size_t next;
	bool lost;
	struct err failed;
};

/* What is no time is left to the API's judgement. */
static char *api_time(const char *text)
{
	char *moment = NULL;

	return units_moment(text, &moment, NULL) == 0 ? moment : mem_strdup(text);
}

static char *target_of(const struct logs_values *v, const char *id, const char *since)
{
	struct buf b buf_cleanup = BUF_INIT;
	mem_cleanup char *from = v->since ? api_time(v->since) : NULL, *until = v->until ? api_time(v->until) : NULL;

	buf_printf(&b, "/containers/%s/logs?stdout=1&stderr=1&follow=%d&timestamps=%d", id, v->follow, v->times);
	if (since || from)
		client_query(&b, "since", since ? since : from);
	if (until)
		client_query(&b, "until", until);
	if (v->tail && !since)
		client_query(&b, "tail", v->tail);
	return buf_take(&b);
}

static bool is_shown(const struct logs *l, const struct member *m)
{
	return project_in(l->services, m->service) && (!l->v->index || (int64_t)l->v->index == m->number);
}

static void add(struct logs *l, const struct member *m)
{
	mem_cleanup char *target = target_of(l->v, m->id, NULL);

	follow_add(l->follow, m->id, follow_label(l->p, m->name), "GET", target);
}

/* One after the other, so that what is printed is the same each time. */
static void on_idle(void *ctx)
{
	struct logs *l = ctx;

	while (!l->v->follow && l->next < l->m.n && follow_open(l->follow) == 0) {
		const struct member *m = &l->m.v[l->next++];

		if (is_shown(l, m))
			add(l, m);
	}
	if (follow_open(l->follow) == 0)
		loop_stop(l->p->loop);
}

static void on_event(void *ctx, const struct event *e)
{
	struct logs *l = ctx;
	mem_cleanup char *since = NULL, *target = NULL;
	int64_t ns;

	if (e->oneoff || !project_in(l->services, e->service))
		return;
	if (!strcmp(e->action, "die")) {
		follow_over(l->follow, e->id, e->time_ns);
		on_idle(l);
	} else if (!strcmp(e->action, "start")) {
		ns = follow_since(l->follow, e->id, e->time_ns);
		since = mem_printf("%" PRId64 ".%09" PRId64, ns / 1000000000, ns % 1000000000);
		target = target_of(l->v, e->id, since);
		follow_add(l->follow, e->id, follow_label(l->p, e->name), "GET", target);
	}
}

static void on_lost(void *ctx, const struct err *e)
{
	struct logs *l = ctx;

	if (e)
		l->failed = *e;
	l->lost = true;
	loop_stop(l->p->loop);
}

static void open_streams(struct logs *l)
{
	for (size_t i = 0; i < l->m.n; i++) {
		if (is_shown(l, &l->m.v[i]))
			follow_widen(l->follow, follow_label(l->p, l->m.v[i].name));
	}
	for (size_t i = 0; l->v->follow && i < l->m.n; i++) {
		if (is_shown(l, &l->m.v[i]))
			add(l, &l->m.v[i]);
	}
	if (!l->v->follow)
		on_idle(l);
}

/* 1: somebody may say more. Who is about to be started again has no stream at that time. */
static int goes_on(struct logs *l, struct err *err)
{
	struct members m = MEMBERS_INIT;
	int r = 0, more = follow_open(l->follow) > 0;

	if (l->v->follow && !more)
		r = members_read(l->p, &m, err);
	for (size_t i = 0; r == 0 && i < m.n; i++)
		more |= is_shown(l, &m.v[i]) && !m.v[i].oneoff && member_runs(&m.v[i]);
	members_free(&m);
	return r < 0 ? r : more;
}

static int show_logs(struct logs *l, struct err *err)
{
	int r = 1;

	open_streams(l);
	while (r > 0 && !l->lost && follow_failed(l->follow) == 0) {
		r = goes_on(l, err);
		if (r > 0)
			r = loop_run(l->p->loop, err) < 0 ? -err->code : 1;
	}
	if (r >= 0 && l->failed.code) {
		*err = l->failed;
		r = -err->code;
	}
	if (r >= 0 && follow_failed(l->follow) < 0)
		r = err_sys(err, -follow_failed(l->follow), "write the logs");
	return r < 0 ? r : 0;
}

/* Who listens first misses nobody who comes between. */
static int logs_run(struct project *p, void *values, char **operands, struct err *err)
{
	struct logs l = {.p = p, .v = values, .services = operands, .m = MEMBERS_INIT};
	const struct follow_how how = {
	    .no_color = l.v->no_color, .no_prefix = l.v->no_prefix, .idle = on_idle, .ctx = &l};
	struct events *events = NULL;
	uint64_t lines;
	int r = l.v->tail && strcmp(l.v->tail, "all") != 0 ? units_count(l.v->tail, &lines, err) : 0;

	if (r < 0)
		return err_wrap(err, "--tail");
	l.follow = follow_new(p, &how);
	if (l.v->follow)
		r = events_open(p, NULL, on_event, on_lost, &l, &events, err);
	if (r == 0)
		r = members_read(p, &l.m, err);
	if (r == 0)
		r = project_check_names(p, &l.m, operands, err);
	if (r == 0)
		r = show_logs(&l, err);
	events_free(events);
	follow_free(l.follow);
	members_free(&l.m);
	return r;
}

const struct project_command project_logs = {
    .name = "logs",
    .usage = "[SERVICE...]",
    .summary = "Show the output of containers",
    .options = logs_options,
    .values_size = sizeof(struct logs_values),
    .most = CLI_MANY,
    .need = PROJECT_NAME,
    .all_profiles = true,
    .run = logs_run,
};

/* ---- events ---- */

struct events_values {
	bool json;
	const char *since, *until;
};
static const struct option_spec events_options[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct events_values, json), NULL, "one JSON object a line"},
    {"since", 0, OPTION_TEXT, offsetof(struct events_values, since), "TIME", "what was from then on, too"},
    {"until", 0, OPTION_TEXT, offsetof(struct events_values, until), "TIME", "end then"},
    {NULL},
};

struct telling {
	struct project *p;
	char **services;
	bool json;
	struct err failed;
};

static void member(struct buf *b, const char *name, const char *text)
{
	buf_printf(b, ",\"%s\":", name);
	json_quote(b, text, strlen(text));
}

static void attributes(yyjson_val *from, bool json, struct buf *b)
{
	yyjson_val *key, *val;
	size_t i, n, count = 0;

	yyjson_obj_foreach (from, i, n, key, val) {
		const char *name = yyjson_get_str(key), *text = yyjson_get_str(val);

		if (!strncmp(name, PROJECT_LABEL, strlen(PROJECT_LABEL)) || !text)
			continue;
		buf_adds(b, count++ ? (json ? "," : ", ") : "");
		if (!json) {
			buf_printf(b, "%s=%s", name, text);
			continue;
		}
		json_quote(b, name, strlen(name));
		buf_addc(b, ':');
		json_quote(b, text, strlen(text));
	}
}

static void tell(void *ctx, const struct event *e)
{
	struct telling *t = ctx;
	struct buf b buf_cleanup = BUF_INIT;
	time_t s = (time_t)(e->time_ns / 1000000000);
	char when[64];
	struct tm tm;

	if (!project_in(t->services, e->service))
		return;
	localtime_r(&s, &tm);
	strftime(when, sizeof when, t->json ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &tm);
	if (t->json) {
		buf_printf(&b, "{\"time\":\"%s.%06" PRId64 "\",\"type\":\"container\"", when,
			   e->time_ns / 1000 % 1000000);
		member(&b, "service", e->service);
		member(&b, "id", e->id);
		member(&b, "action", e->action);
		buf_adds(&b, ",\"attributes\":{");
	} else {
		buf_printf(&b, "%s.%06" PRId64 " container %s %s (", when, e->time_ns / 1000 % 1000000, e->action,
			   e->id);
	}
	attributes(yyjson_obj_get(yyjson_obj_get(e->json, "Actor"), "Attributes"), t->json, &b);
	buf_adds(&b, t->json ? "}}" : ")");
	/* Others choose the words of an exec and the values of labels. */
	text_raw_line(stdout, buf_str(&b), b.len);
	fflush(stdout);
}

static void tell_end(void *ctx, const struct err *e)
{
	struct telling *t = ctx;

	if (e)
		t->failed = *e;
	loop_stop(t->p->loop);
}

static void add_time(struct buf *b, const char *name, const char *text)
{
	mem_cleanup char *moment = text ? api_time(text) : NULL, *encoded = moment ? http_url_encode(moment) : NULL;

	if (encoded)
		buf_printf(b, "&%s=%s", name, encoded);
}

static int events_run(struct project *p, void *values, char **operands, struct err *err)
{
	const struct events_values *v = values;
	struct telling t = {.p = p, .services = operands, .json = v->json};
	struct buf more buf_cleanup = BUF_INIT;
	struct events *events = NULL;
	int r;

	add_time(&more, "since", v->since);
	add_time(&more, "until", v->until);
	r = events_open(p, buf_str(&more), tell, tell_end, &t, &events, err);
	if (r == 0)
		r = loop_run(p->loop, err);
	events_free(events);
	if (r == 0 && t.failed.code) {
		*err = t.failed;
		r = -err->code;
	}
	return r;
}

const struct project_command project_events = {
    .name = "events",
    .usage = "[SERVICE...]",
    .summary = "Tell what happens to the containers",
    .options = events_options,
    .values_size = sizeof(struct events_values),
    .most = CLI_MANY,
    .need = PROJECT_NAME,
    .all_profiles = true,
    .run = events_run,
};
