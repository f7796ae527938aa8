/* SPDX-License-Identifier: Apache-2.0 */
/* Calendars by name: documents, and what schedules see of them. */
#include "base/core/calendar.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/store/store.h"
#include "base/wire/json.h"
#include "cluster/server/schedule.h"
#include "cluster/server/server_private.h"

#include <stdio.h>
#include <string.h>

#define CALENDARS_MAX 1000
#define RECORD_MAX (256u << 10)

struct server_calendar *server_calendar_find(const struct server *s, const char *name)
{
	struct server_calendar *c = s->calendars;

	while (c && strcmp(c->name, name) != 0)
		c = c->next;
	return c;
}

static struct server_calendar *free_one(struct server_calendar *c)
{
	if (!c)
		return NULL;
	calendar_free(c->calendar);
	free(c->text);
	free(c);
	return NULL;
}

static void freep(struct server_calendar **c)
{
	*c = free_one(*c);
}

void server_calendar_free_all(struct server *s)
{
	while (s->calendars) {
		struct server_calendar *next = s->calendars->next;

		free_one(s->calendars);
		s->calendars = next;
	}
}

/* ---- reading ---- */

static int read_days(yyjson_val *o, const char *key, bool include, struct calendar *c, struct err *err)
{
	char **days cleanup_with(mem_strv_freep) = NULL;
	int r = json_opt_strv(o, key, &days, err);

	for (char **day = days; r == 0 && day && *day; day++)
		r = calendar_add(c, include, *day, err);
	return r;
}

static int parse(const char *name, yyjson_val *o, struct server_calendar **ret, struct err *err)
{
	struct server_calendar *c cleanup_with(freep) = mem_new(struct server_calendar);
	int r = schedule_name_check("calendar", name, err);

	if (r == 0 && !yyjson_is_obj(o))
		r = err_set(err, EINVAL, "a calendar is an object with \"exclude\" and \"include\"");
	if (r < 0)
		return r;
	snprintf(c->name, sizeof c->name, "%s", name);
	c->calendar = calendar_new();
	r = read_days(o, "exclude", false, c->calendar, err);
	if (r == 0)
		r = read_days(o, "include", true, c->calendar, err);
	if (r == 0 && calendar_empty(c->calendar))
		r = err_set(err, EINVAL, "a calendar leaves out or includes at least one day");
	if (r < 0)
		return err_wrap(err, "calendar %s", name);
	*ret = mem_take(c);
	return 0;
}

/* In the order of their names, for lists. */
static void put(struct server *s, struct server_calendar *c)
{
	struct server_calendar **p = &s->calendars;

	while (*p && strcmp((*p)->name, c->name) < 0)
		p = &(*p)->next;
	c->next = *p;
	if (*p && !strcmp((*p)->name, c->name)) {
		c->next = (*p)->next;
		free_one(*p);
	}
	*p = c;
}

int server_calendar_load(struct server *s, const char *name, const char *text, size_t len, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = json_parse(text, len, RECORD_MAX, "a stored calendar", err);
	struct server_calendar *c = NULL;
	int r;

	if (!doc)
		return -err->code;
	r = parse(name, yyjson_doc_get_root(doc), &c, err);
	if (r < 0)
		return r;
	c->text = mem_strndup(text, len);
	put(s, c);
	return 0;
}

/* ---- wishes ---- */

struct write {
	struct server *server;
	struct server_calendar *calendar; /* NULL: it is removed */
	char name[SCHED_ID_MAX];
	server_done_fn done;
	void *ctx;
};

static void take_out(struct server *s, const char *name)
{
	struct server_calendar **p = &s->calendars, *gone;

	while (*p && strcmp((*p)->name, name) != 0)
		p = &(*p)->next;
	gone = *p;
	if (!gone)
		return;
	*p = gone->next;
	free_one(gone);
}

/* Its removal has failed, if it was to be removed. */
static void stay(const struct server *s, const char *name)
{
	struct server_calendar *c = server_calendar_find(s, name);

	if (c)
		c->leaving = false;
}

static void on_written(void *ctx, uint64_t seq, const struct err *error)
{
	struct write *w = ctx;

	(void)seq;
	if (error) {
		stay(w->server, w->name);
		free_one(w->calendar);
	} else if (w->calendar) {
		put(w->server, w->calendar);
		schedule_look_again(w->server);
	} else {
		take_out(w->server, w->name);
	}
	w->done(w->ctx, error ? "" : w->name, error);
	free(w);
}

static void write_down(struct server *s, const char *name, struct server_calendar *c, server_done_fn done, void *ctx)
{
	mem_cleanup char *json = mem_printf("{\"calendar\":\"%s\",\"what\":\"%s\"}", name, c ? "set" : "removed");
	mem_cleanup char *key = mem_printf("calendar/%s", name);
	struct store_event e = {.time_ms = server_now(s), .kind = EVENT_CALENDAR, .data = json, .len = strlen(json)};
	struct store_doc doc = {.key = key, .value = c ? c->text : NULL, .len = c ? strlen(c->text) : 0};
	struct write *w = mem_new(struct write);

	*w = (struct write){.server = s, .calendar = c, .done = done, .ctx = ctx};
	snprintf(w->name, sizeof w->name, "%s", name);
	store_append(s->store, &e, &doc, 1, on_written, w);
}

static size_t count(const struct server *s)
{
	size_t n = 0;

	for (const struct server_calendar *c = s->calendars; c; c = c->next)
		n++;
	return n;
}

static char *stored(yyjson_val *days)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(d);
	static const char *const keys[] = {"exclude", "include"};

	yyjson_mut_doc_set_root(d, o);
	for (int k = 0; k < 2; k++) {
		yyjson_val *list = yyjson_obj_get(days, keys[k]);

		if (list)
			yyjson_mut_obj_add_val(d, o, keys[k], yyjson_val_mut_copy(d, list));
		else
			yyjson_mut_obj_add_arr(d, o, keys[k]);
	}
	return json_text(d, false, NULL);
}

void server_calendar_set(struct server *s, const char *name, yyjson_val *days, server_done_fn done, void *ctx)
{
	struct server_calendar *c = NULL;
	struct err err = ERR_INIT;
	int r = parse(name, days, &c, &err);

	if (r == 0 && !server_calendar_find(s, name) && count(s) >= CALENDARS_MAX)
		r = err_set(&err, E2BIG, "there are %d calendars already", CALENDARS_MAX);
	if (r == 0) {
		c->text = stored(days);
		if (strlen(c->text) > RECORD_MAX)
			r = err_set(&err, E2BIG, "calendar %s: its text is longer than %u bytes", name, RECORD_MAX);
	}
	if (r < 0) {
		free_one(c);
		done(ctx, "", &err);
		return;
	}
	write_down(s, name, c, done, ctx);
}

static bool goes_by(const struct schedule_rule *rule, const char *name)
{
	for (char **k = rule->calendars; k && *k; k++) {
		if (!strcmp(*k, name))
			return true;
	}
	return false;
}

/* Now, or when what is on its way is durable. */
static const struct schedule *user_of(const struct server *s, const char *name)
{
	const struct schedule *c = s->schedules;

	while (c && !goes_by(&c->rule, name) && !goes_by(&c->new_rule, name))
		c = c->next;
	return c;
}

void server_calendar_remove(struct server *s, const char *name, server_done_fn done, void *ctx)
{
	const struct schedule *user = user_of(s, name);
	struct server_calendar *c = server_calendar_find(s, name);
	struct err err = ERR_INIT;

	if (!c)
		err_set(&err, ENOENT, "there is no calendar \"%.80s\" (berth calendar ls)", name);
	else if (user)
		err_set(&err, EBUSY, "calendar %s: schedule %s goes by it; change or remove that first", name,
			user->name);
	if (!c || err.code) {
		done(ctx, "", &err);
		return;
	}
	c->leaving = true;
	write_down(s, name, NULL, done, ctx);
}

char *server_calendars_json(struct server *s)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *list = yyjson_mut_arr(d);

	yyjson_mut_doc_set_root(d, list);
	for (const struct server_calendar *c = s->calendars; c; c = c->next) {
		json_doc_cleanup yyjson_doc *doc = yyjson_read(c->text, strlen(c->text), 0);
		yyjson_mut_val *o = yyjson_val_mut_copy(d, yyjson_doc_get_root(doc));

		yyjson_mut_obj_add_str(d, o, "name", c->name);
		yyjson_mut_arr_append(list, o);
	}
	return json_text(d, false, NULL);
}
