/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/link/link_private.h"

#include "base/core/err.h"
#include "base/core/loop.h"
#include "base/core/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const names[] = {
    [LINK_START] = "start",	  [LINK_KILL] = "kill",	      [LINK_EXPAND] = "expand", [LINK_FORGET] = "forget",
    [LINK_WELCOME] = "welcome",	  [LINK_REFUSE] = "refuse",   [LINK_CERT] = "cert",	[LINK_HELLO] = "hello",
    [LINK_HAVE] = "have",	  [LINK_STARTED] = "started", [LINK_HEALTH] = "health", [LINK_EXITED] = "exited",
    [LINK_EXPANDED] = "expanded", [LINK_BEAT] = "beat",	      [LINK_RENEW] = "renew",	[LINK_HEARD] = "heard",
    [LINK_WARNED] = "warned",	  [LINK_PROBE] = "probe",     [LINK_PROBED] = "probed",
};

const char *link_type_name(enum link_type t)
{
	return (size_t)t < sizeof names / sizeof *names ? names[t] : "?";
}

/* ---- any end ---- */

void link_on_message(struct link_end *e, link_fn fn, void *ctx)
{
	e->fn = fn;
	e->ctx = ctx;
}

void link_on_state(struct link_end *e, link_state_fn fn, void *ctx)
{
	e->on_state = fn;
	e->state_ctx = ctx;
	if (fn && e->up)
		fn(ctx, true);
}

void link_set_up(struct link_end *e, bool up)
{
	if (e->up == up)
		return;
	e->up = up;
	if (e->on_state)
		e->on_state(e->state_ctx, up);
}

void link_on_tunnel(struct link_end *e, link_tunnel_fn fn, void *ctx)
{
	e->on_tunnel = fn;
	e->tunnel_ctx = ctx;
}

void link_send(struct link_end *e, const struct link_msg *m)
{
	e->ops->send(e, m);
}

int link_tunnel(struct link_end *e, int fd, const void *first, size_t n, struct err *err)
{
	if (e->ops->tunnel && e->up)
		return e->ops->tunnel(e, fd, first, n, err);
	close(fd);
	return err_set(err, ENOTCONN, "the node is not connected");
}

int link_dial(struct link_end *e, struct err *err)
{
	int pair[2], r;

	if (e->ops->dial) {
		r = e->ops->dial(e);
		return r >= 0 ? r : err_set(err, ENOTCONN, "this berth does not answer itself now");
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return err_sys(err, errno, "make a socket pair");
	r = link_tunnel(e, pair[1], NULL, 0, err);
	if (r == 0)
		return pair[0];
	close(pair[0]);
	return r;
}

struct link_end *link_free(struct link_end *e)
{
	if (e)
		e->ops->free(e);
	return NULL;
}

/* ---- a pair in one process ---- */

struct item {
	struct item *next;
	struct link_msg msg;
	char *text, *text2, *facts, *counters;
};

struct pair_end {
	struct link_end end;
	struct pair_end *peer;
	struct loop_timer *turn; /* armed while something waits to be handed over */
	struct item *first, **last;
};

static void item_free(struct item *i)
{
	free(i->text);
	free(i->text2);
	free(i->facts);
	free(i->counters);
	free(i);
}

/* Hands over what was waiting when the turn began; what is sent meanwhile waits for the next turn, so two chatty ends cannot keep the loop. */
static void deliver(void *ctx)
{
	struct pair_end *e = ctx;
	struct item *list = e->first;

	e->first = NULL;
	e->last = &e->first;
	while (list) {
		struct item *i = list;

		list = i->next;
		if (e->end.fn)
			e->end.fn(e->end.ctx, &i->msg);
		item_free(i);
	}
}

static void pair_send(struct link_end *end, const struct link_msg *m)
{
	struct pair_end *to = ((struct pair_end *)end)->peer;
	struct item *i;

	if (!to)
		return;
	i = mem_new(struct item);
	i->msg = *m;
	i->msg.text = i->text = mem_strdup(m->text);
	i->msg.text2 = i->text2 = mem_strdup(m->text2);
	i->msg.facts = i->facts = mem_strdup(m->facts);
	i->msg.counters = i->counters = mem_strdup(m->counters);
	if (!to->first)
		loop_timer_arm(to->turn, 0);
	*to->last = i;
	to->last = &i->next;
}

static void pair_free(struct link_end *end)
{
	struct pair_end *e = (struct pair_end *)end;

	if (e->peer)
		e->peer->peer = NULL;
	while (e->first) {
		struct item *i = e->first;

		e->first = i->next;
		item_free(i);
	}
	loop_timer_free(e->turn);
	free(e);
}

static int pair_dial(struct link_end *end)
{
	const struct pair_end *to = ((struct pair_end *)end)->peer;

	return to && to->end.on_tunnel ? to->end.on_tunnel(to->end.tunnel_ctx) : -1;
}

static struct pair_end *end_new(struct loop *l)
{
	static const struct link_ops ops = {.send = pair_send, .dial = pair_dial, .free = pair_free};
	struct pair_end *e = mem_new(struct pair_end);

	e->end.ops = &ops;
	e->end.up = true;
	e->last = &e->first;
	e->turn = loop_timer_new(l, deliver, e);
	return e;
}

void link_pair(struct loop *l, struct link_end **ret_server, struct link_end **ret_agent)
{
	struct pair_end *a = end_new(l), *b = end_new(l);

	a->peer = b;
	b->peer = a;
	*ret_server = &a->end;
	*ret_agent = &b->end;
}
