/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/link/link.h"

#include "base/core/loop.h"
#include "base/core/mem.h"

#include <string.h>

struct item {
	struct item *next;
	struct link_msg msg;
	char *text, *text2;
};

struct link_end {
	struct link_end *peer;
	struct loop_timer *turn; /* armed while something waits to be handed over */
	struct item *first, **last;
	link_fn fn;
	void *ctx;
};

static const char *const names[] = {
    [LINK_START] = "start",   [LINK_KILL] = "kill",	    [LINK_EXPAND] = "expand",	[LINK_FORGET] = "forget",
    [LINK_HELLO] = "hello",   [LINK_HAVE] = "have",	    [LINK_STARTED] = "started", [LINK_HEALTH] = "health",
    [LINK_EXITED] = "exited", [LINK_EXPANDED] = "expanded",
};

const char *link_type_name(enum link_type t)
{
	return (size_t)t < sizeof names / sizeof *names ? names[t] : "?";
}

static void item_free(struct item *i)
{
	free(i->text);
	free(i->text2);
	free(i);
}

/* Hands over what was waiting when the turn began; what is sent meanwhile waits for the next turn, so two chatty ends cannot keep the loop. */
static void deliver(void *ctx)
{
	struct link_end *e = ctx;
	struct item *list = e->first;

	e->first = NULL;
	e->last = &e->first;
	while (list) {
		struct item *i = list;

		list = i->next;
		if (e->fn)
			e->fn(e->ctx, &i->msg);
		item_free(i);
	}
}

static struct link_end *end_new(struct loop *l)
{
	struct link_end *e = mem_new(struct link_end);

	e->last = &e->first;
	e->turn = loop_timer_new(l, deliver, e);
	return e;
}

void link_pair(struct loop *l, struct link_end **ret_server, struct link_end **ret_agent)
{
	struct link_end *a = end_new(l), *b = end_new(l);

	a->peer = b;
	b->peer = a;
	*ret_server = a;
	*ret_agent = b;
}

void link_on_message(struct link_end *e, link_fn fn, void *ctx)
{
	e->fn = fn;
	e->ctx = ctx;
}

void link_send(struct link_end *e, const struct link_msg *m)
{
	struct link_end *to = e->peer;
	struct item *i;

	if (!to)
		return;
	i = mem_new(struct item);
	i->msg = *m;
	i->msg.text = i->text = mem_strdup(m->text);
	i->msg.text2 = i->text2 = mem_strdup(m->text2);
	if (!to->first)
		loop_timer_arm(to->turn, 0);
	*to->last = i;
	to->last = &i->next;
}

struct link_end *link_free(struct link_end *e)
{
	if (!e)
		return NULL;
	if (e->peer)
		e->peer->peer = NULL;
	while (e->first) {
		struct item *i = e->first;

		e->first = i->next;
		item_free(i);
	}
	loop_timer_free(e->turn);
	free(e);
	return NULL;
}
