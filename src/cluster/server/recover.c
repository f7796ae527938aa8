/* SPDX-License-Identifier: Apache-2.0 */
/* From the log to the state, and the snapshots that keep the way short. */
#include "cluster/server/server_private.h"

#include "base/core/err.h"
#include "base/core/log.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/store/store.h"
#include "base/store/store_record.h"
#include "cluster/server/member.h"
#include "cluster/server/fleet.h"
#include "cluster/server/sources.h"
#include "cluster/server/schedule.h"
#include "cluster/server/hosted.h"

#include <stdio.h>
#include <string.h>

#define SNAPSHOT_EVERY 20000   /* events */
#define SNAPSHOT_IDLE_MS 30000 /* after the last event, when there is anything new */
#define KEEP_EVENTS 100000     /* for `berth events` */

struct replay {
	struct server *server;
	uint64_t n;
	struct err *err;
};

int recover_job(struct server *s, const char *id, struct jobspec **ret, struct err *err)
{
	mem_cleanup char *key = mem_printf("job/%s", id), *text = NULL;
	struct jobspec *j = NULL;
	size_t len;
	int r = store_get(s->store, key, &text, &len, err);

	if (r == 0)
		r = jobspec_load(text, len, id, &j, err);
	for (uint32_t i = 0; r == 0 && i < j->sched.n_tasks; i++) {
		mem_cleanup char *items_key = mem_printf("items/%s/%u", id, i), *items = NULL;

		if (!j->tasks[i].expand || store_get(s->store, items_key, &items, &len, NULL) < 0)
			continue;
		if (jobspec_set_items(j, i, items, err) < 0)
			r = -EBADMSG;
	}
	if (r < 0) {
		jobspec_free(j);
		return r;
	}
	*ret = j;
	return 0;
}

/* A job's specification is only needed by sched_step() for the call itself; recover_live_jobs() loads what stays. */
static int replay_event(void *ctx, const struct store_event *e)
{
	struct replay *r = ctx;
	struct server *s = r->server;
	struct sched_actions actions;
	struct sched_event event;
	struct jobspec *j = NULL;
	yyjson_doc *doc = NULL;
	struct err refused = ERR_INIT;
	int x = event_decode(e->kind, e->data, e->len, e->time_ms, &event, &doc, r->err);

	if (e->time_ms > s->time_base)
		s->time_base = e->time_ms;
	r->n++;
	if (x != 0)
		return x < 0 ? x : 0;
	if (event.type == SCHED_EV_JOB_SUBMIT) {
		x = recover_job(s, event.job, &j, r->err);
		event.job_spec = j ? &j->sched : NULL;
	}
	if (event.type == SCHED_EV_JOB_FORGET)
		mem_strv_add(&s->forgotten, event.job);
	/* What it refused when it came it refuses again, and nothing has changed by it. */
	if (x == 0 && sched_step(s->sched, &event, &actions, &refused) < 0)
		log_err(&refused, "apply an event of the log");
	jobspec_free(j);
	yyjson_doc_free(doc);
	return x < 0 ? err_wrap(r->err, "event %llu of the log", (unsigned long long)e->seq) : 0;
}

static int load_snapshot(struct server *s, uint64_t *ret_seq, struct err *err)
{
	mem_cleanup char *text = NULL;
	size_t len;
	int r = store_snapshot_get(s->store, ret_seq, &text, &len, err);

	if (r == -ENOENT) {
		err_clear(err);
		*ret_seq = 0;
		s->sched = sched_new();
		return 0;
	}
	return r < 0 ? r : sched_load(&s->sched, text, len, err);
}

static int load_live_jobs(struct server *s, struct err *err)
{
	struct sched_job_view v;

	for (size_t i = 0; sched_job_at(s->sched, i, &v) == 0; i++) {
		struct jobspec *j;
		int r;

		if (v.submitted_ms > s->time_base)
			s->time_base = v.submitted_ms;
		if (v.ended_ms > s->time_base)
			s->time_base = v.ended_ms;
		if (sched_job_ended(v.state))
			continue;
		r = recover_job(s, v.id, &j, err);
		if (r < 0)
			return err_wrap(err, "job %s", v.id);
		map_put(&s->jobs, j->id, j);
	}
	return 0;
}

static int load_node(void *ctx, const char *key, const char *value, size_t len)
{
	struct replay *r = ctx;

	return fleet_load(r->server, key + strlen("node/"), value, len, r->err);
}

static int load_source(void *ctx, const char *key, const char *value, size_t len)
{
	struct replay *r = ctx;

	return sources_load(r->server, key + strlen("source/"), value, len, r->err);
}

static int load_machine(void *ctx, const char *key, const char *value, size_t len)
{
	struct replay *r = ctx;

	return sources_load_machine(r->server, key + strlen("machine/"), value, len, r->err);
}

static int load_hosted(void *ctx, const char *key, const char *value, size_t len)
{
	struct replay *r = ctx;

	return hosted_load(r->server, key + strlen("hosted/"), value, len, r->err);
}

static int load_ticket(void *ctx, const char *key, const char *value, size_t len)
{
	struct replay *r = ctx;

	return ticket_load(r->server, key + strlen("token/"), value, len, r->err);
}

int recover(struct server *s, struct err *err)
{
	struct replay replay = {.server = s, .err = err};
	mem_cleanup char *mark = NULL;
	uint64_t seq;
	int r = store_get(s->store, STORE_UNFINISHED, &mark, NULL, NULL);

	if (r == 0)
		return err_set(
		    err, EBADMSG,
		    "the state is a copy that was not finished: delete it (berth.db* in the data directory, or all "
		    "keys below the prefix in etcd) and copy it again");
	r = load_snapshot(s, &seq, err);
	if (r == 0)
		r = store_read(s->store, seq + 1, SIZE_MAX, replay_event, &replay, err);
	if (r == 0)
		r = load_live_jobs(s, err);
	if (r == 0)
		r = store_scan(s->store, "node/", load_node, &replay, err);
	if (r == 0)
		r = store_scan(s->store, "token/", load_ticket, &replay, err);
	if (r == 0)
		r = store_scan(s->store, "source/", load_source, &replay, err);
	if (r == 0)
		r = store_scan(s->store, "machine/", load_machine, &replay, err);
	if (r == 0)
		r = schedule_recover(s, err);
	if (r == 0)
		r = store_scan(s->store, "hosted/", load_hosted, &replay, err);
	if (r < 0)
		return err_wrap(err, "read the state of the cluster");
	s->last_seq = seq + replay.n;
	s->since_snapshot = replay.n;
	if (replay.n > 0)
		log_info("state read back: %llu events after the snapshot at %llu", (unsigned long long)replay.n,
			 (unsigned long long)seq);
	return 0;
}

/* ---- snapshots ---- */

static void drop_documents(struct server *s, char **forgotten)
{
	for (char **id = forgotten; id && *id; id++) {
		mem_cleanup char *key = mem_printf("job/%s", *id), *items = mem_printf("items/%s/", *id);

		store_remove(s->store, key);
		store_remove(s->store, items);
	}
	mem_strv_free(forgotten);
}

struct save {
	struct server *server;
	char **forgotten;
};

static void on_saved(void *ctx, uint64_t seq, const struct err *error)
{
	struct save *save = ctx;
	struct server *s = save->server;

	(void)seq;
	s->saving = false;
	if (error) {
		log_err(error, "write a snapshot");
		for (char **id = save->forgotten; id && *id; id++)
			mem_strv_add(&s->forgotten, *id);
		mem_strv_free(save->forgotten);
	} else {
		drop_documents(s, save->forgotten);
	}
	free(save);
}

void recover_snapshot(struct server *s)
{
	mem_cleanup char *text = NULL;
	struct save *save;
	size_t len;

	if (s->saving)
		return;
	save = mem_new(struct save);
	save->server = s;
	save->forgotten = mem_take(s->forgotten);
	s->saving = true;
	s->since_snapshot = 0;
	text = sched_save(s->sched, &len);
	store_snapshot(s->store, s->last_seq, text, len, KEEP_EVENTS, on_saved, save);
}

void recover_idle(void *ctx)
{
	struct server *s = ctx;

	if (s->since_snapshot > 0 && !s->full)
		recover_snapshot(s);
}

void recover_want_snapshot(struct server *s)
{
	if (++s->since_snapshot >= SNAPSHOT_EVERY)
		recover_snapshot(s);
	else
		loop_timer_arm(s->snapshot, SNAPSHOT_IDLE_MS);
}
