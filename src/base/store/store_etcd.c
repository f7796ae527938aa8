/* SPDX-License-Identifier: Apache-2.0 */
/* All of it runs on the loop. What is durable in etcd is kept in memory, too, so that reading never waits for the network; one group at a time is on its
 * way to etcd, and what is appended meanwhile is the next one. */
#include "base/core/clock.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/store/etcd.h"
#include "base/store/etcd_follow.h"
#include "base/store/etcd_group.h"
#include "base/store/etcd_lead.h"
#include "base/store/etcd_load.h"
#include "base/store/store_mem.h"
#include "base/store/store_write.h"

#include <stdio.h>
#include <string.h>

#define AGAIN_MS 200
#define SLOW_MS 1000
#define CLOSE_MS 10000
#define WARM_AGAIN_MS 1000 /* until all is read again while another one leads; doubled each time, up to 64 s */
#define WARM_DOUBLE_MAX 6
#define CATCH_UP_MS 50
#define CATCH_UPS 20 /* then it is read again */
#define LOADS_MAX 5  /* of a store that is only read: each is as long as etcd needs to be compacted */

struct store_etcd {
	struct store base;
	struct loop *loop;
	struct etcd_url url;
	struct etcd *etcd;
	struct etcd_lead *lead;
	struct etcd_load *load;
	struct etcd_follow *follow; /* while another one leads, and until the head is known to be what we have */
	struct etcd_state state;
	struct store_hooks hooks;
	bool has_hooks, reads;
	struct loop_timer *pump, *limit; /* limit: of closing */
	struct store_list queue;
	struct store_list refused; /* told with `why` on the next turn */
	size_t queued;		   /* bytes of the queue */
	struct etcd_group *group;
	uint64_t counter, snapshot_revision; /* of the newest snapshot of ours */
	unsigned loads, catch_ups;
	bool leads, loading, load_counts;    /* load_counts: it was begun after we led */
	bool opened, settled, closing, over; /* over: nothing is written any more, because of `why` */
	struct err why;
};

static struct store_etcd *etcd_of(const struct store *s)
{
	return (struct store_etcd *)s;
}

static struct etcd_ids ids_of(struct store_etcd *s)
{
	return (struct etcd_ids){.prefix = s->url.prefix,
				 .lead_key = etcd_lead_key(s->lead),
				 .lead_created = etcd_lead_created(s->lead),
				 .lease = etcd_lead_lease(s->lead),
				 .counter = &s->counter};
}

/* What open and close wait for has happened. */
static void settle(struct store_etcd *s)
{
	s->settled = true;
	loop_stop(s->loop);
}

/* ---- writing ---- */

static void send_group(struct store_etcd *s);

static void end_group(struct store_etcd *s, const struct err *error)
{
	struct etcd_group *g = s->group;
	struct store_write *first = g->first;

	s->group = NULL;
	for (const struct store_write *w = first; w; w = w->next)
		s->queued -= store_write_size(w);
	etcd_group_free(g);
	loop_timer_arm(s->pump, 0);
	store_writes_end(first, error);
}

/* What is on its way etcd may have done, or does yet while our key is there. */
static void end_unknown(struct store_etcd *s)
{
	struct err unknown = ERR_INIT;

	err_set(&unknown, s->why.code, "%s; it may have been done all the same: look before it is asked for again",
		s->why.text);
	end_group(s, &unknown);
}

/* Nothing is written from now on. */
static void give_up(struct store_etcd *s, const struct err *why)
{
	if (s->over)
		return;
	s->over = true;
	s->why = *why;
	if (s->group)
		end_unknown(s);
	loop_timer_arm(s->pump, 0);
	if (s->has_hooks && s->hooks.lost && !s->closing)
		s->hooks.lost(s->hooks.ctx, &s->why);
}

static void ignore(void *ctx, const char *data, size_t n, const struct err *error)
{
	(void)ctx;
	(void)data;
	(void)n;
	(void)error; /* the next snapshot tries again */
}

/* The history of keys that changed takes etcd's room; only what came since the snapshot before is of use: to those who follow, and were away for a moment. */
static void compact_before(struct store_etcd *s, uint64_t revision)
{
	struct buf m buf_cleanup = BUF_INIT;

	if (s->snapshot_revision > 0) {
		etcd_msg_compact(&m, s->snapshot_revision);
		etcd_call(s->etcd, ETCD_COMPACT, &m, ETCD_CALL_MS, ignore, NULL);
	}
	s->snapshot_revision = revision;
}

static void has_happened(struct store_etcd *s, uint64_t revision)
{
	struct etcd_group *g = s->group;
	int64_t took = clock_mono_ms() - g->sent_ms;
	struct err slow = ERR_INIT;

	if (g->snapshot)
		compact_before(s, revision);
	etcd_group_apply(g, &s->state);
	if (took >= SLOW_MS && s->has_hooks && s->hooks.trouble) {
		err_set(&slow, ETIMEDOUT, "etcd (%s) has needed %lld ms for one write: its disk or the network is slow",
			etcd_endpoint(s->etcd), (long long)took);
		s->hooks.trouble(s->hooks.ctx, &slow);
	}
	end_group(s, NULL);
}

/* What a transaction that has not happened tells: who leads, and what the head is. */
struct found {
	struct store_etcd *store;
	bool leads, ours;
};

static int see_key(void *ctx, const struct etcd_kv *kv)
{
	struct found *f = ctx;
	struct store_etcd *s = f->store;
	const char *lead = etcd_lead_key(s->lead);
	const struct buf *head = &s->group->head;

	if (kv->key_len == strlen(lead) && !memcmp(kv->key, lead, kv->key_len))
		f->leads = kv->created == etcd_lead_created(s->lead);
	else
		f->ours = kv->value_len == head->len && !memcmp(kv->value, head->data, head->len);
	return 0;
}

static void has_not_happened(struct store_etcd *s, const struct found *f, uint64_t revision)
{
	struct err err = ERR_INIT;

	if (f->ours) {
		has_happened(s, revision); /* an earlier attempt of the same */
	} else {
		err_set(&err, ESTALE,
			f->leads ? "somebody else has written below \"%s\" in etcd"
				 : "this server does not lead any more: its key below \"%s\" in etcd has gone",
			s->url.prefix);
		if (!s->group->unknown) /* else an earlier attempt may have been, and another leader came since */
			end_group(s, &err);
		give_up(s, &err);
	}
}

/* Until it is answered, or the lease has ended. */
static void try_again(struct store_etcd *s)
{
	s->group->again = true;
	loop_timer_arm(s->pump, AGAIN_MS);
}

static void has_failed(struct store_etcd *s, const struct err *error)
{
	struct etcd_group *g = s->group;

	if (error->code == ETIMEDOUT || error->code == EAGAIN) {
		g->unknown = g->unknown || error->code == ETIMEDOUT;
		try_again(s);
	} else if (g->unknown || error->code == EIO) {
		g->asking = true;
		g->failure = *error;
		send_group(s);
	} else {
		end_group(s, error);
	}
}

/* What the head says decides what became of the group; only that is an answer. */
static void on_head(void *ctx, const char *data, size_t n, const struct err *error)
{
	struct store_etcd *s = ctx;
	struct found f = {.store = s};
	struct err err = ERR_INIT;
	struct etcd_answer a;

	if (!s->group || s->over)
		return;
	if (error || etcd_msg_read_range(data, n, &a, see_key, &f) < 0) {
		try_again(s);
	} else if (f.ours) {
		has_happened(s, a.revision);
	} else {
		err = s->group->failure;
		end_group(s, &err);
	}
}

static void on_txn(void *ctx, const char *data, size_t n, const struct err *error)
{
	struct store_etcd *s = ctx;
	struct found f = {.store = s};
	struct err err = ERR_INIT;
	struct etcd_answer a;

	if (!s->group || s->over)
		return;
	if (error) {
		has_failed(s, error);
		return;
	}
	if (etcd_msg_read_txn(data, n, &a, see_key, &f) < 0) {
		err_set(&err, EBADMSG, "etcd (%s) gives an answer that is none", etcd_endpoint(s->etcd));
		give_up(s, &err);
	} else if (!a.succeeded) {
		has_not_happened(s, &f, a.revision);
	} else if (etcd_group_piece_done(s->group)) {
		send_group(s);
	} else {
		has_happened(s, a.revision);
	}
}

static void send_group(struct store_etcd *s)
{
	struct etcd_ids ids = ids_of(s);
	struct buf m buf_cleanup = BUF_INIT;

	s->group->again = false;
	etcd_group_message(s->group, &s->state, &ids, &m);
	if (s->group->asking)
		etcd_call(s->etcd, ETCD_RANGE, &m, ETCD_CALL_MS, on_head, s);
	else
		etcd_call(s->etcd, ETCD_TXN, &m, ETCD_CALL_MS, on_txn, s);
}

static void begin_group(struct store_etcd *s)
{
	struct etcd_ids ids = ids_of(s);

	s->group = etcd_group_new(&s->queue, &s->state, &ids);
	s->group->sent_ms = clock_mono_ms();
	if (etcd_group_is_empty(s->group))
		end_group(s, NULL);
	else
		send_group(s);
}

static void open_on(struct store_etcd *s);

static void tell_refused(struct store_etcd *s)
{
	struct err err = ERR_INIT;

	if (s->over)
		err = s->why;
	else if (s->closing)
		err_set(&err, ESHUTDOWN, "the store is closing");
	else
		err_set(&err, EAGAIN, "etcd (%s) is too slow: %u MiB wait to be written already",
			etcd_endpoint(s->etcd), STORE_QUEUE_MAX >> 20);
	store_writes_end(store_list_take(&s->refused), &err);
}

/* Timer: whatever is next. */
static void on_pump(void *ctx)
{
	struct store_etcd *s = ctx;

	if (!s->opened) {
		open_on(s);
		return;
	}
	if (s->over) {
		while (s->queue.first) {
			struct store_write *first = store_list_take(&s->queue);

			s->queued = 0;
			store_writes_end(first, &s->why);
		}
	}
	tell_refused(s);
	if (s->over)
		;
	else if (s->group && s->group->again)
		send_group(s);
	else if (s->queue.first)
		begin_group(s);
	if (s->closing && !s->group && !s->queue.first)
		settle(s);
}

static void etcd_write(struct store *base, struct store_write *w)
{
	struct store_etcd *s = etcd_of(base);

	if (s->over || s->closing ||
	    (!w->is_drop && !w->is_snapshot && s->queued + store_write_size(w) > STORE_QUEUE_MAX)) {
		store_list_add(&s->refused, w);
		loop_timer_arm(s->pump, 0);
		return;
	}
	s->queued += store_write_size(w);
	store_list_add(&s->queue, w);
	if (!s->group)
		loop_timer_arm(s->pump, 0);
}

/* ---- reading ---- */

static int etcd_read(struct store *base, uint64_t from, size_t limit, store_event_fn fn, void *ctx, struct err *err)
{
	return store_read(etcd_of(base)->state.mirror, from, limit, fn, ctx, err);
}

static uint64_t etcd_last_seq(const struct store *base)
{
	return etcd_of(base)->state.last_seq;
}

static int etcd_get(struct store *base, const char *key, char **ret, size_t *ret_len, struct err *err)
{
	return store_get(etcd_of(base)->state.mirror, key, ret, ret_len, err);
}

static int etcd_scan(struct store *base, const char *prefix, store_doc_fn fn, void *ctx, struct err *err)
{
	return store_scan(etcd_of(base)->state.mirror, prefix, fn, ctx, err);
}

static int etcd_snapshot_get(struct store *base, uint64_t *ret_seq, char **ret, size_t *ret_len, struct err *err)
{
	return store_snapshot_get(etcd_of(base)->state.mirror, ret_seq, ret, ret_len, err);
}

static void etcd_begin_at(struct store *base, uint64_t seq)
{
	etcd_of(base)->state.last_seq = seq;
}

/* ---- closing ---- */

/* Runs the loop until settle(). False: somebody has stopped it before. */
static bool wait_settled(struct store_etcd *s)
{
	s->settled = false;
	(void)loop_run(s->loop, NULL);
	return s->settled;
}

static void on_resigned(void *ctx)
{
	settle(ctx);
}

/* The next one need not wait for the lease. */
static void resign(struct store_etcd *s)
{
	etcd_lead_resign(s->lead, on_resigned, s);
	while (!wait_settled(s))
		;
}

static void on_limit(void *ctx)
{
	struct store_etcd *s = ctx;
	struct err err = ERR_INIT;

	err_set(&err, ETIMEDOUT, "etcd has not answered for %d s while the store was closed", CLOSE_MS / 1000);
	give_up(s, &err);
}

static void write_rest(struct store_etcd *s)
{
	loop_timer_arm(s->limit, CLOSE_MS);
	loop_timer_arm(s->pump, 0);
	while (!wait_settled(s))
		loop_timer_arm(s->pump,
			       s->group ? AGAIN_MS : 0); /* whoever stopped the loop wants an end, which we are at */
	loop_timer_disarm(s->limit);
	loop_timer_disarm(s->pump);
	while (s->refused.first)
		tell_refused(s);
	if (!s->over)
		resign(s);
}

static void forget_state(struct store_etcd *s)
{
	for (struct map_slot *slot = NULL; (slot = map_next(&s->state.blobs, slot));)
		free(slot->value);
	map_free(&s->state.blobs);
	buf_free(&s->state.head);
	s->state.mirror = store_close(s->state.mirror);
	s->state = (struct etcd_state){.mirror = NULL};
}

static void etcd_close_store(struct store *base)
{
	struct store_etcd *s = etcd_of(base);

	s->closing = true;
	if (s->opened && s->lead)
		write_rest(s);
	else if (s->lead && etcd_lead_lease(s->lead) && s->why.code != ESTALE)
		resign(s); /* one that has waited, or cannot read what is there */
	etcd_follow_free(s->follow);
	etcd_load_free(s->load);
	etcd_lead_free(s->lead);
	etcd_close(s->etcd);
	forget_state(s);
	loop_timer_free(s->pump);
	loop_timer_free(s->limit);
	etcd_url_free(&s->url);
	free(s);
}

/* ---- opening ---- */

struct seen_head {
	const struct etcd_state *state;
	bool any, same;
};

static int see_head(void *ctx, const struct etcd_kv *kv)
{
	struct seen_head *s = ctx;
	const struct buf *head = &s->state->head;

	s->any = true;
	s->same = kv->value_len == head->len && !memcmp(kv->value, head->data, head->len);
	return 0;
}

/* What was read lay at a revision that is compacted by now, or etcd is away for a moment: from the beginning. */
static bool is_worth_another(const struct store_etcd *s, const struct err *error)
{
	if (error->code == ESTALE)
		return s->lead || s->loads < LOADS_MAX;
	return s->lead && s->has_hooks && (error->code == ETIMEDOUT || error->code == EAGAIN || error->code == EIO);
}

static void later_warm(struct store_etcd *s)
{
	int64_t pause = (int64_t)WARM_AGAIN_MS << (s->loads < WARM_DOUBLE_MAX ? s->loads : WARM_DOUBLE_MAX);

	loop_timer_arm(s->pump, s->leads ? 0 : pause);
}

static void on_stale(void *ctx)
{
	struct store_etcd *s = ctx;

	s->follow = etcd_follow_free(s->follow);
	later_warm(s);
}

/* What was read before we led is kept up, and has to be compared when we do. */
static void on_warm(struct store_etcd *s, const struct err *error)
{
	if (!error)
		s->follow = etcd_follow_new(s->etcd, s->loop, s->url.prefix, etcd_load_revision(s->load), &s->state,
					    on_stale, s);
	if (s->leads || error)
		later_warm(s);
}

static void on_loaded(void *ctx, const struct err *error)
{
	struct store_etcd *s = ctx;

	s->loading = false;
	if (s->lead && !s->load_counts) {
		on_warm(s, error);
		return;
	}
	if (error && is_worth_another(s, error)) {
		if (s->has_hooks && s->hooks.trouble)
			s->hooks.trouble(s->hooks.ctx, error);
		loop_timer_arm(s->pump, AGAIN_MS);
		return;
	}
	if (error)
		s->why = *error;
	settle(s);
}

static void begin_load(struct store_etcd *s)
{
	struct err err = ERR_INIT;

	s->loading = true;
	s->load_counts = s->leads;
	s->follow = etcd_follow_free(s->follow);
	s->load = etcd_load_free(s->load);
	forget_state(s);
	s->loads++;
	if (store_open("memory", "", s->loop, &s->state.mirror, &err) < 0) {
		s->why = err;
		settle(s);
		return;
	}
	s->load = etcd_load_new(s->etcd, s->url.prefix, &s->state, on_loaded, s);
}

/* Whoever led before cannot write any more: is what we have what he left? */
static void on_compared(void *ctx, const char *data, size_t n, const struct err *error)
{
	struct store_etcd *s = ctx;
	struct seen_head seen = {.state = &s->state};
	struct etcd_answer a;

	if (s->opened || s->closing || !s->follow)
		return; /* which is begun anew */
	if (!error && etcd_msg_read_range(data, n, &a, see_head, &seen) == 0 &&
	    (seen.same || (!seen.any && s->state.head.len == 0))) {
		etcd_follow_suspects(s->follow, s->load);
		s->follow = etcd_follow_free(s->follow);
		settle(s);
	} else if (++s->catch_ups > CATCH_UPS) {
		begin_load(s);
	} else {
		loop_timer_arm(s->pump, CATCH_UP_MS);
	}
}

static void compare(struct store_etcd *s)
{
	mem_cleanup char *head = mem_printf("%shead", s->url.prefix);
	struct buf m buf_cleanup = BUF_INIT;

	etcd_msg_range(&m, &(struct etcd_range){.key = head});
	etcd_call(s->etcd, ETCD_RANGE, &m, ETCD_CALL_MS, on_compared, s);
}

/* Whatever is next before it is open. */
static void open_on(struct store_etcd *s)
{
	if (s->closing || s->loading)
		return;
	if (s->leads && s->follow)
		compare(s);
	else if (!s->follow)
		begin_load(s);
}

static void on_led(void *ctx)
{
	struct store_etcd *s = ctx;

	s->leads = true;
	open_on(s);
}

static void on_following(void *ctx, const char *leader)
{
	struct store_etcd *s = ctx;

	open_on(s);
	if (s->has_hooks && s->hooks.following)
		s->hooks.following(s->hooks.ctx, leader);
}

static void on_failed(void *ctx, const struct err *why)
{
	struct store_etcd *s = ctx;

	s->why = *why;
	settle(s);
}

static void on_trouble(void *ctx, const struct err *what)
{
	struct store_etcd *s = ctx;

	if (s->has_hooks && s->hooks.trouble)
		s->hooks.trouble(s->hooks.ctx, what);
	else
		on_failed(s, what); /* nobody to tell: it is better to end than to hang */
}

static void on_lost(void *ctx, const struct err *why)
{
	struct store_etcd *s = ctx;

	if (s->opened)
		give_up(s, why);
	else
		on_failed(s, why);
}

static int wait_opened(struct store_etcd *s, struct err *err)
{
	bool settled = wait_settled(s);

	if (!settled)
		return err_set(err, ECANCELED, "stopped while it waited for etcd (%s)", etcd_endpoint(s->etcd));
	if (s->why.code) {
		if (err)
			*err = s->why;
		return -s->why.code;
	}
	if (s->lead)
		etcd_load_sweep(s->load, s->lead);
	s->load = etcd_load_free(s->load);
	s->opened = true;
	if (s->reads) {
		s->over = true;
		err_set(&s->why, EROFS, "the store was opened for reading");
	}
	return 0;
}

static int begin(struct store_etcd *s, const struct store_where *w, struct err *err)
{
	static const struct etcd_lead_hooks lead = {
	    .led = on_led, .following = on_following, .trouble = on_trouble, .lost = on_lost, .failed = on_failed};
	int r = etcd_url_parse(w->kind, &s->url, err);

	if (r == 0)
		r = etcd_open(&s->url, w->loop, &s->etcd, err);
	if (r < 0)
		return r;
	if (w->reads)
		begin_load(s);
	else
		s->lead = etcd_lead_new(s->etcd, w->loop, s->url.prefix, s->url.ttl_s, &lead, s);
	return wait_opened(s, err);
}

int store_etcd_open(const struct store_where *w, struct store **ret, struct err *err)
{
	static const struct store_ops ops = {
	    .close = etcd_close_store,
	    .write = etcd_write,
	    .read = etcd_read,
	    .last_seq = etcd_last_seq,
	    .get = etcd_get,
	    .scan = etcd_scan,
	    .snapshot_get = etcd_snapshot_get,
	    .begin_at = etcd_begin_at,
	};
	struct store_etcd *s = mem_new(struct store_etcd);
	int r;

	s->base.ops = &ops;
	s->loop = w->loop;
	s->reads = w->reads;
	s->has_hooks = w->hooks != NULL;
	if (w->hooks)
		s->hooks = *w->hooks;
	s->pump = loop_timer_new(w->loop, on_pump, s);
	s->limit = loop_timer_new(w->loop, on_limit, s);
	r = begin(s, w, err);
	if (r < 0) {
		etcd_close_store(&s->base);
		return r;
	}
	*ret = &s->base;
	return 0;
}
