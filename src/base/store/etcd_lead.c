/* SPDX-License-Identifier: Apache-2.0 */
#include "base/store/etcd_lead.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/store/etcd.h"
#include "base/wire/grpc.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define AGAIN_MS 500
#define ALIVE_AGAIN_MS 100
#define RESIGN_MS 2000

/* One step at a time is on its way: grant a lease, put the key, look who is the oldest, wait for one to go, look again. Beside it the lease is kept alive. */
struct etcd_lead {
	struct etcd *etcd;
	const struct etcd_lead_hooks *hooks;
	void *ctx;
	char *prefix, *end, *key, *who, *leader;
	uint64_t ttl_s, lease, created, seen; /* seen: the revision of the last look */
	int64_t asked_ms;		      /* the last time that the lease was asked for */
	struct loop_timer *again, *alive, *expiry;
	struct grpc_call *watch;
	bool leads, over; /* over: nothing more is done */
	bool lapsed;	  /* the lease has ended before we led: from the beginning, when the present step has ended */
	bool stepping;	  /* a step is on its way */
	struct err doubt; /* why the lease was not confirmed the last time */
	void (*resigned)(void *ctx);
	void *resigned_ctx;
};

static void step(struct etcd_lead *l);

static void later(struct etcd_lead *l)
{
	if (!l->over)
		loop_timer_arm(l->again, AGAIN_MS);
}

/* Whatever is not an answer that stays as it is: a server that waits outlives everything that an etcd goes through. */
static bool passes(const struct err *error)
{
	return error->code != EACCES && error->code != EBADMSG && error->code != E2BIG;
}

/* Who leads is told anew when it is known again. */
static void tell_trouble(struct etcd_lead *l, const struct err *what)
{
	free(l->leader);
	l->leader = NULL;
	l->hooks->trouble(l->ctx, what);
}

/* True: the step has failed, and what is to be done about it has been. */
static bool has_failed(struct etcd_lead *l, const struct err *error)
{
	l->stepping = false;
	if (l->over)
		return true;
	if (error && passes(error)) {
		if (error->code == ENOENT)
			l->lapsed = true; /* the lease has gone */
		else
			tell_trouble(l, error);
		later(l);
		return true;
	}
	if (error) {
		l->over = true;
		l->hooks->failed(l->ctx, error);
		return true;
	}
	if (l->lapsed)
		later(l);
	return l->lapsed;
}

static bool is_damaged(struct etcd_lead *l, int r)
{
	struct err err = ERR_INIT;

	if (r == 0)
		return false;
	err_set(&err, EBADMSG, "etcd (%s) gives an answer that is none", etcd_endpoint(l->etcd));
	return has_failed(l, &err);
}

/* ---- the lease ---- */

static void end_lease(struct etcd_lead *l, const char *why)
{
	struct err err = ERR_INIT;

	loop_timer_disarm(l->alive);
	loop_timer_disarm(l->expiry);
	if (l->over)
		return;
	if (l->leads) {
		l->over = true;
		err_set(&err, ESTALE, "this server does not lead any more: %s", why);
		l->hooks->lost(l->ctx, &err);
		return;
	}
	l->lapsed = true;
	l->watch = grpc_cancel(l->watch);
	if (!l->stepping)
		later(l);
}

static void on_expiry(void *ctx)
{
	struct etcd_lead *l = ctx;
	mem_cleanup char *why = mem_printf("etcd has not confirmed it for %llu s%s%s", (unsigned long long)l->ttl_s,
					   l->doubt.code ? ": " : "", l->doubt.code ? l->doubt.text : "");

	end_lease(l, why);
}

/* Counted from when we asked: etcd counts from later. */
static void confirmed(struct etcd_lead *l)
{
	int64_t left = l->asked_ms + (int64_t)l->ttl_s * 1000 - clock_mono_ms();

	err_clear(&l->doubt);
	loop_timer_arm(l->expiry, left > 0 ? left : 0);
	loop_timer_arm(l->alive, (int64_t)l->ttl_s * 1000 / 3);
}

static void on_alive(void *ctx, const char *data, size_t n, const struct err *error)
{
	struct etcd_lead *l = ctx;
	struct etcd_answer a;

	if (l->over)
		return;
	if (error) {
		l->doubt = *error;
		loop_timer_arm(l->alive, ALIVE_AGAIN_MS); /* until the lease has ended by our own clock */
		return;
	}
	if (etcd_msg_read_lease(data, n, &a) < 0 || a.id != l->lease)
		return; /* of an older lease */
	if (a.ttl == 0)
		end_lease(l, "its lease in etcd has ended");
	else
		confirmed(l);
}

static void keep_alive(void *ctx)
{
	struct etcd_lead *l = ctx;
	struct buf m buf_cleanup = BUF_INIT;

	l->asked_ms = clock_mono_ms();
	etcd_msg_lease(&m, l->lease);
	/* Early enough for another member to be asked within the lease. */
	etcd_call(l->etcd, ETCD_KEEP_ALIVE, &m, (int64_t)l->ttl_s * 1000 / 3, on_alive, l);
}

static void on_granted(void *ctx, const char *data, size_t n, const struct err *error)
{
	struct etcd_lead *l = ctx;
	struct etcd_answer a;

	if (has_failed(l, error) || is_damaged(l, etcd_msg_read_lease(data, n, &a)))
		return;
	l->lease = a.id;
	free(l->key);
	l->key = mem_printf("%s%016llx", l->prefix, (unsigned long long)l->lease);
	confirmed(l);
	step(l);
}

static void grant(struct etcd_lead *l)
{
	struct buf m buf_cleanup = BUF_INIT;

	l->lapsed = false;
	l->lease = l->created = 0;
	l->asked_ms = clock_mono_ms();
	etcd_msg_grant(&m, l->ttl_s);
	/* One that comes later has hardly begun before it ends. */
	etcd_call(l->etcd, ETCD_GRANT, &m, (int64_t)l->ttl_s * 1000 * 2 / 3, on_granted, l);
}

/* ---- the key ---- */

static int take_own(void *ctx, const struct etcd_kv *kv)
{
	((struct etcd_lead *)ctx)->created = kv->created;
	return 0;
}

static void on_put(void *ctx, const char *data, size_t n, const struct err *error)
{
	struct etcd_lead *l = ctx;
	struct etcd_answer a;

	if (has_failed(l, error) || is_damaged(l, etcd_msg_read_txn(data, n, &a, take_own, l)))
		return;
	if (a.succeeded)
		l->created = a.revision;
	step(l);
}

/* A second attempt finds what the first one may have put. */
static void put_key(struct etcd_lead *l)
{
	struct buf m buf_cleanup = BUF_INIT;

	etcd_msg_if_created(&m, l->key, 0);
	etcd_msg_put(&m, l->key, l->who, strlen(l->who), l->lease);
	etcd_msg_get(&m, ETCD_ELSE, l->key);
	etcd_call(l->etcd, ETCD_TXN, &m, ETCD_CALL_MS, on_put, l);
}

/* ---- who leads ---- */

struct oldest {
	const struct etcd_lead *lead;
	char *who;
	bool is_us;
};

static int take_oldest(void *ctx, const struct etcd_kv *kv)
{
	struct oldest *o = ctx;

	free(o->who);
	o->who = mem_strndup(kv->value, kv->value_len < 256 ? kv->value_len : 256);
	o->is_us = kv->key_len == strlen(o->lead->key) && !memcmp(kv->key, o->lead->key, kv->key_len);
	return 0;
}

static int see_event(void *ctx, const struct etcd_kv *kv)
{
	if (kv->deleted)
		*(bool *)ctx = true;
	return 0;
}

static void on_watch_message(void *ctx, const char *data, size_t n)
{
	struct etcd_lead *l = ctx;
	struct etcd_answer a;
	bool gone = false;

	if (etcd_msg_read_watch(data, n, &a, see_event, &gone) == 0 && !a.canceled && !gone)
		return;
	l->watch = grpc_cancel(l->watch);
	loop_timer_arm(l->again, 0);
}

static void on_watch_end(void *ctx, enum grpc_status status, const char *text)
{
	struct etcd_lead *l = ctx;

	(void)status;
	(void)text;
	l->watch = NULL;
	later(l);
}

static void wait_for_end(struct etcd_lead *l)
{
	static const struct grpc_hooks hooks = {.message = on_watch_message, .end = on_watch_end};
	struct buf m buf_cleanup = BUF_INIT;

	etcd_msg_watch(&m, l->prefix, l->end, l->seen + 1);
	l->watch = etcd_watch(l->etcd, &m, &hooks, l);
}

static void follow(struct etcd_lead *l, const char *who)
{
	if (!l->leader || strcmp(l->leader, who) != 0) {
		free(l->leader);
		l->leader = mem_strdup(who);
		l->hooks->following(l->ctx, who);
	}
	wait_for_end(l);
}

static void on_looked(void *ctx, const char *data, size_t n, const struct err *error)
{
	struct etcd_lead *l = ctx;
	struct oldest o = {.lead = l};
	struct etcd_answer a;

	if (has_failed(l, error) || is_damaged(l, etcd_msg_read_range(data, n, &a, take_oldest, &o))) {
		free(o.who);
		return;
	}
	l->seen = a.revision;
	if (!o.who) {
		l->created = 0; /* our own has gone, too */
		later(l);
	} else if (o.is_us) {
		l->leads = true;
		l->hooks->led(l->ctx);
	} else {
		follow(l, o.who);
	}
	free(o.who);
}

static void look(struct etcd_lead *l)
{
	struct buf m buf_cleanup = BUF_INIT;

	etcd_msg_range(&m, &(struct etcd_range){.key = l->prefix, .end = l->end, .limit = 1, .order = ETCD_OLDEST});
	etcd_call(l->etcd, ETCD_RANGE, &m, ETCD_CALL_MS, on_looked, l);
}

static void step(struct etcd_lead *l)
{
	if (l->over || l->leads || l->stepping || l->watch)
		return;
	l->stepping = true;
	if (!l->lease || l->lapsed)
		grant(l);
	else if (!l->created)
		put_key(l);
	else
		look(l);
}

static void on_again(void *ctx)
{
	step(ctx);
}

/* ---- the object ---- */

struct etcd_lead *etcd_lead_new(struct etcd *e, struct loop *loop, const char *prefix, uint64_t ttl_s,
				const struct etcd_lead_hooks *hooks, void *ctx)
{
	struct etcd_lead *l = mem_new(struct etcd_lead);
	char host[128] = "";

	l->etcd = e;
	l->hooks = hooks;
	l->ctx = ctx;
	l->ttl_s = ttl_s;
	gethostname(host, sizeof host - 1);
	l->who = mem_printf("%s pid %d", host, (int)getpid());
	l->prefix = mem_printf("%sleader/", prefix);
	l->end = etcd_msg_prefix_end(l->prefix);
	l->again = loop_timer_new(loop, on_again, l);
	l->alive = loop_timer_new(loop, keep_alive, l);
	l->expiry = loop_timer_new(loop, on_expiry, l);
	loop_timer_arm(l->again, 0);
	return l;
}

struct etcd_lead *etcd_lead_free(struct etcd_lead *l)
{
	if (!l)
		return NULL;
	grpc_cancel(l->watch);
	loop_timer_free(l->again);
	loop_timer_free(l->alive);
	loop_timer_free(l->expiry);
	free(l->prefix);
	free(l->end);
	free(l->key);
	free(l->who);
	free(l->leader);
	free(l);
	return NULL;
}

static void on_revoked(void *ctx, const char *data, size_t n, const struct err *error)
{
	struct etcd_lead *l = ctx;

	(void)data;
	(void)n;
	(void)error;
	l->resigned(l->resigned_ctx);
}

void etcd_lead_resign(struct etcd_lead *l, void (*done)(void *ctx), void *ctx)
{
	struct buf m buf_cleanup = BUF_INIT;

	l->over = true;
	l->resigned = done;
	l->resigned_ctx = ctx;
	loop_timer_disarm(l->alive);
	loop_timer_disarm(l->expiry);
	etcd_msg_lease(&m, l->lease);
	etcd_call(l->etcd, ETCD_REVOKE, &m, RESIGN_MS, on_revoked, l);
}

const char *etcd_lead_key(const struct etcd_lead *l)
{
	return l->key;
}

uint64_t etcd_lead_created(const struct etcd_lead *l)
{
	return l->created;
}

uint64_t etcd_lead_lease(const struct etcd_lead *l)
{
	return l->lease;
}
