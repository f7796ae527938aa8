/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/action.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "node/engine/container.h"

#include <string.h>

/* One block of memory: this, the list of attributes, and the texts. */
struct entry {
	struct engine_action pub;
	struct entry *next;
	size_t bytes;
	const char *attributes[];
};

struct engine_action_listener {
	struct engine_action_listener *next;
	struct actions *owner;
	engine_action_fn fn; /* NULL = taken off while it is told */
	void *ctx;
	uint64_t heard;
};

/* The list is the queue of the listeners, too: they go through it by number. */
struct actions {
	struct entry *first, **last;
	size_t n, bytes;
	uint64_t number;
	int64_t time_ns;
	struct engine_action_listener *listeners;
	struct loop_post *post;
	bool telling;
};

static const struct engine_action *after(const struct actions *a, uint64_t number)
{
	const struct entry *e = a->first;

	while (e && e->pub.number <= number)
		e = e->next;
	return e ? &e->pub : NULL;
}

static void drop_first(struct actions *a)
{
	struct entry *e = a->first;

	a->first = e->next;
	if (!a->first)
		a->last = &a->first;
	a->n--;
	a->bytes -= e->bytes;
	free(e);
}

static void sweep(struct actions *a)
{
	for (struct engine_action_listener **at = &a->listeners; *at;) {
		struct engine_action_listener *l = *at;

		if (l->fn) {
			at = &l->next;
			continue;
		}
		*at = l->next;
		free(l);
	}
}

static void tell(struct actions *a, struct engine_action_listener *l)
{
	/* Its position in the list, so that many are told in one walk; nothing is dropped meanwhile. */
	const struct engine_action *pub = l->fn ? after(a, l->heard) : NULL;

	while (pub && l->fn) {
		const struct entry *e = (const struct entry *)(const void *)pub;

		l->heard = pub->number;
		l->fn(l->ctx, pub);
		pub = e->next ? &e->next->pub : NULL;
	}
}

static void on_post(void *ctx)
{
	struct actions *a = ctx;

	a->telling = true;
	for (struct engine_action_listener *l = a->listeners; l; l = l->next)
		tell(a, l);
	a->telling = false;
	sweep(a);
	while (a->n > ENGINE_ACTIONS_MAX || (a->bytes > ENGINE_ACTIONS_BYTES && a->n > 1))
		drop_first(a);
}

int action_open(struct engine *e, struct err *err)
{
	e->actions = mem_new(struct actions);
	e->actions->last = &e->actions->first;
	return loop_post_new(e->loop, on_post, e->actions, &e->actions->post, err);
}

void action_close(struct engine *e)
{
	struct actions *a = e->actions;

	if (!a)
		return;
	e->actions = NULL;
	if (a->post)
		a->post = loop_post_free(a->post);
	for (struct engine_action_listener *l = a->listeners; l; l = l->next)
		l->fn = NULL;
	sweep(a);
	while (a->first)
		drop_first(a);
	free(a);
}

/* Copies a text to *to, which moves on. */
static const char *put(char **to, const char *text)
{
	size_t n = strlen(text) + 1;
	const char *start = memcpy(*to, text, n);

	*to += n;
	return start;
}

static int64_t now(struct actions *a)
{
	int64_t t = clock_wall_ns();

	a->time_ns = t > a->time_ns ? t : a->time_ns;
	return a->time_ns;
}

void engine_action_add(struct engine *e, const char *type, const char *action, const char *id,
		       const char *const *attributes)
{
	struct actions *a = e->actions;
	size_t n = 0, bytes = strlen(type) + strlen(action) + strlen(id) + 3;
	struct entry *entry;
	char *text;

	if (!a)
		return;
	for (; attributes && attributes[n]; n++)
		bytes += strlen(attributes[n]) + 1;
	bytes += sizeof *entry + (n + 1) * sizeof *entry->attributes;
	entry = mem_zalloc(1, bytes);
	text = (char *)&entry->attributes[n + 1];
	entry->pub = (struct engine_action){
	    .number = ++a->number, .time_ns = now(a), .type = put(&text, type), .action = put(&text, action)};
	entry->pub.id = put(&text, id);
	entry->pub.attributes = entry->attributes;
	entry->bytes = bytes;
	for (size_t i = 0; i < n; i++)
		entry->attributes[i] = put(&text, attributes[i]);
	*a->last = entry;
	a->last = &entry->next;
	a->n++;
	a->bytes += bytes;
	loop_post_send(a->post);
}

void engine_action_of(struct engine *e, const struct engine_container *c, const char *action, const char *const *more)
{
	char **list = NULL;

	for (char *const *l = c->labels; l && *l; l++) {
		const char *eq = strchr(*l, '=');
		mem_cleanup char *name = eq ? mem_strndup(*l, (size_t)(eq - *l)) : mem_strdup(*l);

		mem_strv_add(&list, name);
		mem_strv_add(&list, eq ? eq + 1 : "");
	}
	mem_strv_add(&list, "image");
	mem_strv_add(&list, c->image ? c->image : "");
	mem_strv_add(&list, "name");
	mem_strv_add(&list, c->name);
	for (; more && *more; more++)
		mem_strv_add(&list, *more);
	engine_action_add(e, "container", action, c->id, (const char *const *)list);
	mem_strv_free(list);
}

const struct engine_action *engine_action_after(struct engine *e, uint64_t number)
{
	return after(e->actions, number);
}

struct engine_action_listener *engine_action_listen(struct engine *e, engine_action_fn fn, void *ctx)
{
	struct engine_action_listener *l = mem_new(struct engine_action_listener), **at = &e->actions->listeners;

	*l = (struct engine_action_listener){.owner = e->actions, .fn = fn, .ctx = ctx, .heard = e->actions->number};
	while (*at)
		at = &(*at)->next;
	*at = l;
	return l;
}

struct engine_action_listener *engine_action_unlisten(struct engine_action_listener *l)
{
	if (!l)
		return NULL;
	l->fn = NULL;
	if (!l->owner->telling)
		sweep(l->owner);
	return NULL;
}
