/* SPDX-License-Identifier: Apache-2.0 */
#include "node/net/dns_relay.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "node/net/dns_ask.h"
#include "node/net/dns_cache.h"
#include "node/net/dns_message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define KEY_MAX (DNS_NAME_TEXT + 64)

struct dns_wait {
	struct question *of;
	struct dns_wait *next, **prev;
	dns_answer_fn fn;
	void *ctx;
};

/* One question that goes out, and all who wait for its answer. */
struct question {
	struct dns_relay *r;
	struct question *next, **prev; /* those that wait for their turn */
	char *key;		       /* NULL = it is not shared and its answer not kept */
	bool tcp;
	struct dns_wait *waits;
	struct dns_upstream *to;
	struct dns_ask *ask; /* NULL = its turn has not come */
	size_t question_end, n;
	uint8_t packet[];
};

struct dns_relay {
	struct loop *loop;
	struct dns_cache *cache;
	struct map by_key;		/* "t" or "u" and the key of the cache */
	struct question *first, **last; /* those that wait for their turn */
	struct loop_timer *turn;
	size_t n, n_out;
	uint64_t sent, failed;
};

/* ---- servers ---- */

int dns_upstream_new(char *const *servers, int netns, struct dns_upstream **ret, struct err *err)
{
	static uint64_t last;
	struct dns_upstream *u;
	int copy = netns >= 0 ? fcntl(netns, F_DUPFD_CLOEXEC, 3) : -1;

	if (netns >= 0 && copy < 0)
		return err_sys(err, errno, "copy the descriptor of a network namespace");
	u = mem_new(struct dns_upstream);
	u->refs = 1;
	u->number = ++last;
	u->netns = copy;
	for (size_t i = 0; servers && servers[i] && u->n < DNS_SERVERS_MAX; i++) {
		if (netns >= 0 && !strcmp(servers[i], "127.0.0.11"))
			continue;
		if (dns_target_parse(servers[i], &u->server[u->n]))
			u->n++;
	}
	*ret = u;
	return 0;
}

struct dns_upstream *dns_upstream_ref(struct dns_upstream *u)
{
	u->refs++;
	return u;
}

struct dns_upstream *dns_upstream_unref(struct dns_upstream *u)
{
	if (u && --u->refs == 0) {
		fd_closep(&u->netns);
		free(u);
	}
	return NULL;
}

/* ---- open, close ---- */

static void start_waiting(void *ctx);

struct dns_relay *dns_relay_new(struct loop *l)
{
	struct dns_relay *r = mem_new(struct dns_relay);

	r->loop = l;
	r->cache = dns_cache_new(DNS_CACHE_ENTRIES, DNS_CACHE_BYTES);
	r->last = &r->first;
	r->turn = loop_timer_new(l, start_waiting, r);
	return r;
}

struct dns_relay *dns_relay_free(struct dns_relay *r)
{
	if (!r)
		return NULL;
	r->cache = dns_cache_free(r->cache);
	r->turn = loop_timer_free(r->turn);
	map_free(&r->by_key);
	free(r);
	return NULL;
}

void dns_relay_figures(const struct dns_relay *r, struct dns_relay_figures *ret)
{
	*ret = (struct dns_relay_figures){.sent = r->sent,
					  .failed = r->failed,
					  .asks = r->n,
					  .entries = dns_cache_entries(r->cache),
					  .bytes = dns_cache_bytes(r->cache)};
}

/* ---- keys ---- */

/* All of the question that can make a difference to its answer; false: it has more than that. */
static bool make_key(const struct dns_question *a, char key[static KEY_MAX])
{
	const struct dns_query *q = a->q;

	if (q->special)
		return false;
	snprintf(key, KEY_MAX, "%c%llu %x %u %u %d%d %s", a->tcp ? 't' : 'u', (unsigned long long)a->to->number,
		 q->flags & ~(unsigned)(DNS_QR | DNS_TC), q->type, q->class, q->edns, q->dnssec_ok, q->name);
	return true;
}

size_t dns_relay_cached(struct dns_relay *r, const struct dns_question *a, uint8_t *out)
{
	char key[KEY_MAX];
	uint32_t age;
	size_t n;
	const void *p;

	if (!make_key(a, key))
		return 0;
	p = dns_cache_get(r->cache, key + 1, clock_mono_ms(), &n, &age);
	if (!p)
		return 0;
	memcpy(out, p, n);
	dns_message_age(out, n, age);
	dns_message_address(out, n, a->packet, a->q->question_end);
	return n;
}

/* ---- questions ---- */

static void leave_queue(struct question *x)
{
	if (!x->prev)
		return;
	*x->prev = x->next;
	*(x->next ? &x->next->prev : &x->r->last) = x->prev;
	x->prev = NULL;
}

static void enter_queue(struct question *x)
{
	x->next = NULL;
	x->prev = x->r->last;
	*x->r->last = x;
	x->r->last = &x->next;
}

static void question_free(struct question *x)
{
	struct dns_relay *r = x->r;

	leave_queue(x);
	if (x->key)
		map_remove(&r->by_key, x->key);
	if (x->ask) {
		x->ask = dns_ask_free(x->ask);
		r->n_out--;
	}
	r->n--;
	if (r->first)
		loop_timer_arm(r->turn, 0);
	dns_upstream_unref(x->to);
	free(x->key);
	free(x);
}

static void unlink_wait(struct dns_wait *w)
{
	*w->prev = w->next;
	if (w->next)
		w->next->prev = w->prev;
}

void dns_wait_cancel(struct dns_wait *w)
{
	struct question *of = w ? w->of : NULL;

	if (!w)
		return;
	unlink_wait(w);
	free(w);
	if (of && !of->waits)
		question_free(of);
}

/* Those who wait are told one by one: each may take another one of them away meanwhile. */
static void tell(struct dns_wait *waits, const uint8_t *p, size_t n)
{
	for (struct dns_wait *w = waits; w; w = w->next)
		w->of = NULL;
	if (waits)
		waits->prev = &waits;
	while (waits) {
		struct dns_wait *w = waits;

		waits = w->next;
		if (waits)
			waits->prev = &waits;
		w->fn(w->ctx, p, n);
		free(w);
	}
}

static void on_answer(void *ctx, const uint8_t *p, size_t n, uint32_t ttl)
{
	struct question *x = ctx;
	struct dns_wait *waits = x->waits;
	mem_cleanup uint8_t *copy = p ? mem_dup(p, n) : NULL;

	x->r->failed += !p;
	if (p && x->key)
		dns_cache_put(x->r->cache, x->key + 1, p, n, ttl, clock_mono_ms());
	x->waits = NULL;
	question_free(x);
	tell(waits, copy, n);
}

static void start(struct question *x)
{
	const struct dns_ask_wish wish = {.loop = x->r->loop,
					  .to = x->to,
					  .packet = x->packet,
					  .n = x->n,
					  .question_end = x->question_end,
					  .tcp = x->tcp,
					  .fn = on_answer,
					  .ctx = x};

	x->r->n_out++;
	x->r->sent++;
	x->ask = dns_ask_new(&wish);
}

static void start_waiting(void *ctx)
{
	struct dns_relay *r = ctx;

	while (r->first && r->n_out < DNS_ASKS_OUT_MAX) {
		struct question *x = r->first;

		leave_queue(x);
		start(x);
	}
}

static struct question *question_new(struct dns_relay *r, const struct dns_question *a, const char *key)
{
	struct question *x = mem_zalloc(1, sizeof *x + a->n);

	x->r = r;
	x->tcp = a->tcp;
	x->to = dns_upstream_ref(a->to);
	x->n = a->n;
	x->question_end = a->q->question_end;
	memcpy(x->packet, a->packet, a->n);
	if (key) {
		x->key = mem_strdup(key);
		map_put(&r->by_key, key, x);
	}
	r->n++;
	if (r->n_out < DNS_ASKS_OUT_MAX && !r->first)
		start(x);
	else
		enter_queue(x);
	return x;
}

int dns_relay_ask(struct dns_relay *r, const struct dns_question *a, dns_answer_fn fn, void *ctx, struct dns_wait **ret)
{
	char key[KEY_MAX];
	bool shared = make_key(a, key);
	struct question *x = shared ? map_get(&r->by_key, key) : NULL;
	struct dns_wait *w;

	if (a->to->n == 0)
		return -ENOENT;
	if (!x && r->n >= DNS_ASKS_MAX)
		return -EBUSY;
	if (!x)
		x = question_new(r, a, shared ? key : NULL);
	w = mem_new(struct dns_wait);
	*w = (struct dns_wait){.of = x, .next = x->waits, .prev = &x->waits, .fn = fn, .ctx = ctx};
	if (w->next)
		w->next->prev = &w->next;
	x->waits = w;
	*ret = w;
	return 0;
}
