/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/container.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/loop.h"
#include "base/core/mem.h"

struct engine_listener {
	struct engine_listener *next;
	struct engine *e;
	engine_event_fn fn; /* NULL = taken off while events are being delivered */
	void *ctx;
};

struct engine_listener *engine_listen(struct engine *e, engine_event_fn fn, void *ctx)
{
	struct engine_listener *l = mem_new(struct engine_listener), **at = &e->listeners;

	*l = (struct engine_listener){.e = e, .fn = fn, .ctx = ctx};
	while (*at)
		at = &(*at)->next;
	*at = l;
	return l;
}

static void sweep(struct engine *e)
{
	for (struct engine_listener **at = &e->listeners; *at;) {
		struct engine_listener *l = *at;

		if (l->fn) {
			at = &l->next;
			continue;
		}
		*at = l->next;
		free(l);
	}
}

struct engine_listener *engine_unlisten(struct engine_listener *l)
{
	if (!l)
		return NULL;
	l->fn = NULL;
	if (!l->e->delivering)
		sweep(l->e);
	return NULL;
}

void event_add(struct engine *e, enum engine_event_type type, struct container *c, const char *text)
{
	struct event *ev = mem_new(struct event);

	*ev = (struct event){.type = type, .time_ms = clock_wall_ms(), .c = c, .text = mem_strdup(text)};
	*e->last = ev;
	e->last = &ev->next;
	loop_post_send(e->post);
}

static void deliver(struct engine *e, struct event *ev)
{
	struct engine_event pub = {
	    .type = ev->type, .time_ms = ev->time_ms, .c = ev->c ? &ev->c->pub : NULL, .text = ev->text};

	for (struct engine_listener *l = e->listeners; l; l = l->next) {
		if (l->fn)
			l->fn(l->ctx, &pub);
	}
	if (!ev->c)
		return;
	if (ev->type == ENGINE_EV_REMOVED) {
		container_bury(ev->c);
	} else if (ev->type == ENGINE_EV_EXITED && container_ended(ev->c)) {
		if (ev->c->pub.remove && !life_pending(ev->c))
			ev->c->remove_soon = ev->c->pub.removing = true;
		container_try_forget(ev->c);
	}
}

/* Delivers what was queued before this turn; what listeners cause comes in the next. */
static void on_post(void *ctx)
{
	struct engine *e = ctx;
	struct event *ev = e->first;

	e->first = NULL;
	e->last = &e->first;
	e->delivering = true;
	while (ev) {
		struct event *next = ev->next;

		deliver(e, ev);
		free(ev->text);
		free(ev);
		ev = next;
	}
	e->delivering = false;
	sweep(e);
}

int event_open(struct engine *e, struct err *err)
{
	e->last = &e->first;
	return loop_post_new(e->loop, on_post, e, &e->post, err);
}

void event_close(struct engine *e)
{
	e->post = loop_post_free(e->post);
	while (e->first) {
		struct event *ev = e->first;

		e->first = ev->next;
		free(ev->text);
		free(ev);
	}
	while (e->listeners) {
		struct engine_listener *l = e->listeners;

		e->listeners = l->next;
		free(l);
	}
}
