/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/server/bring.h"
#include "cluster/server/jobspec_data.h"
#include "cluster/server/server.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/log.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/core/random.h"
#include "base/store/store.h"
#include "base/wire/json.h"
#include "cluster/link/link.h"
#include "cluster/server/container.h"
#include "cluster/server/member.h"
#include "cluster/server/fleet.h"
#include "cluster/server/sources.h"
#include "cluster/server/schedule.h"
#include "cluster/server/hosted.h"
#include "cluster/server/server_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define KEEP_JOBS 1000
#define LEASE_MS 30000
#define CERT_S (7 * 24 * 3600)

int64_t server_now(const struct server *s)
{
	return s->time_base + (clock_mono_ms() - s->mono_base);
}

int server_open(struct loop *l, struct store *store, struct link_end *link, const struct server_options *o,
		struct server **ret, struct err *err)
{
	struct server *s = mem_new(struct server);
	int64_t wall;
	int r;

	s->loop = l;
	s->store = store;
	s->nodes_last = &s->nodes;
	s->lease_ms = o->lease_ms ? o->lease_ms : LEASE_MS;
	s->strict = o->strict;
	s->spread = o->spread;
	s->cert_s = o->cert_s ? o->cert_s : CERT_S;
	s->keep_jobs = o->keep_jobs ? o->keep_jobs : KEEP_JOBS;
	s->waiting_last = &s->waiting;
	s->deadline = loop_timer_new(l, ingest_deadline, s);
	s->again = loop_timer_new(l, ingest_again, s);
	s->snapshot = loop_timer_new(l, recover_idle, s);
	sources_open(s);
	r = recover(s, err);
	if (r < 0) {
		/* The caller keeps what it gave us. */
		s->store = NULL;
		server_close(s);
		return r;
	}
	/* The date may have been set back while nobody ran: the log's time goes on. */
	wall = clock_wall_ms();
	s->mono_base = clock_mono_ms();
	s->time_base = wall > s->time_base ? wall : s->time_base + 1;
	r = schedule_begin(s, err);
	if (r < 0) {
		s->store = NULL;
		server_close(s);
		return r;
	}
	if (link)
		fleet_attach(s, link, "");
	fleet_expect_all(s, link != NULL);
	sources_begin(s);
	ingest_arm_deadline(s);
	*ret = s;
	return 0;
}

static void free_all(struct server *s)
{
	sources_free(s);
	schedule_free_all(s);
	member_free_all(s);
	bring_free_all(s);
	fleet_free_all(s);
	hosted_free_all(s);
	ingest_free_waiting(s);
	loop_timer_free(s->deadline);
	loop_timer_free(s->again);
	loop_timer_free(s->snapshot);
	sched_free(s->sched);
	for (struct map_slot *slot = NULL; (slot = map_next(&s->jobs, slot));)
		jobspec_free(slot->value);
	map_free(&s->jobs);
	map_free(&s->submitting);
	map_free(&s->said);
	while (s->listeners) {
		struct server_listener *next = s->listeners->next;

		free(s->listeners);
		s->listeners = next;
	}
	mem_strv_free(s->forgotten);
	free(s);
}

struct server *server_close(struct server *s)
{
	if (!s)
		return NULL;
	if (s->store && s->sched && s->since_snapshot > 0 && !s->full)
		recover_snapshot(s);
	/* Answers that are still on their way are given during this call. */
	store_close(s->store);
	free_all(s);
	return NULL;
}

struct server *server_abandon(struct server *s)
{
	if (s)
		free_all(s);
	return NULL;
}

/* ---- submit ---- */

static int check_services(struct server *s, struct jobspec *j, server_check_fn check, void *ctx, struct err *err)
{
	struct sched_attempt_id a = {.epoch = 1};
	const struct node *n = fleet_any(s);
	const char *spaces = n && n->spaces ? n->spaces : "";
	char where[512];

	snprintf(a.job, sizeof a.job, "%s", j->id);
	for (a.task = 0; a.task < j->sched.n_tasks; a.task++) {
		mem_cleanup char *text = NULL, *path = NULL, *glob = NULL;
		json_doc_cleanup yyjson_doc *doc = NULL;
		const char *key = NULL;
		int r = container_json(j, &a, spaces, s->strict, &text, err);

		if (r == 0 && j->tasks[a.task].expand)
			r = container_over(j, a.task, spaces, &path, &glob, err);
		if (r == 0) {
			doc = json_parse(text, strlen(text), 2 * JOBSPEC_MAX, "the container", err);
			r = doc ? check(ctx, yyjson_doc_get_root(doc), &key, err) : -err->code;
		}
		if (r < 0) {
			jobspec_where(j, a.task, key, where, sizeof where);
			return err_wrap(err, "%s", where);
		}
	}
	return 0;
}

/* NAME-XXXXn: four random digits, so that people tell jobs apart by the beginning, and a number that no job has had before: a node that was away may still have
 * containers of a job that everybody else has forgotten, and would take them for those of another job of that ID. The number is beyond that of the log's
 * last event, and each job makes an event, so it is new after a restart, too; an older state that somebody has put back is what the random digits are for. */
int server_make_id(struct server *s, struct jobspec *j, struct err *err)
{
	uint64_t last = store_last_seq(s->store);
	struct sched_job_view v;

	for (int tries = 0; tries < 100; tries++) {
		char random[5];

		random_hex(random, 4);
		s->job_number = s->job_number < last ? last + 1 : s->job_number + 1;
		snprintf(j->id, sizeof j->id, "%s-%s%" PRIx64, j->name, random, s->job_number);
		if (sched_job_view(s->sched, j->id, &v) == 0)
			continue;
		jobspec_data_read(j);
		return 0;
	}
	return err_set(err, EBUSY, "no free id for a job named \"%s\"", j->name);
}

static int prepare(struct server *s, const char *json, size_t len, const struct server_user *user,
		   server_check_fn check, void *check_ctx, struct jobspec **ret, struct err *err)
{
	struct jobspec *j = NULL;
	int r = jobspec_parse(json, len, NULL, user, s->spread, &j, err);

	if (r == -ENOENT) /* a key that must be there: the input is wrong, nothing was looked for */
		r = -(err->code = EINVAL);
	if (r == 0)
		r = server_make_id(s, j, err);
	if (r == 0)
		r = sched_check(s->sched, &j->sched, err);
	if (r == 0)
		r = limit_admit(s, j, err);
	if (r == 0)
		r = check_services(s, j, check, check_ctx, err);
	if (r < 0) {
		jobspec_free(j);
		return r;
	}
	*ret = j;
	return 0;
}

void server_submit(struct server *s, const char *json, size_t len, const struct server_user *user, bool dry_run,
		   server_check_fn check, void *check_ctx, server_done_fn done, void *ctx)
{
	struct jobspec *j = NULL;
	struct err err = ERR_INIT;
	mem_cleanup char *stored = NULL;
	struct ingest in = {.event = {.type = SCHED_EV_JOB_SUBMIT}, .done = done, .ctx = ctx};
	char key[SCHED_ID_MAX + 8];

	if (prepare(s, json, len, user, check, check_ctx, &j, &err) < 0) {
		done(ctx, "", &err);
		return;
	}
	if (j->schedule || dry_run) {
		if (j->schedule)
			schedule_submit(s, j, json, len, dry_run, done, ctx);
		else
			done(ctx, j->id, NULL);
		jobspec_free(j);
		return;
	}
	stored = jobspec_stored(j, json, len, &in.doc_len);
	snprintf(key, sizeof key, "job/%s", j->id);
	in.event.job = j->id;
	in.extra.job_name = j->name;
	in.doc_key = key;
	in.doc_value = stored;
	in.job = j;
	limit_submitting(s, &j->sched, 1);
	ingest(s, &in);
}

/* ---- wishes about a job that is there ---- */

/* How many ids begin with the text; the whole id counts alone. */
static int match_id(struct server *s, const char *wanted, char *ret, size_t n)
{
	struct sched_job_view v;
	size_t len = strlen(wanted);
	int found = 0;

	for (size_t i = 0; len > 0 && sched_job_at(s->sched, i, &v) == 0; i++) {
		if (strncmp(v.id, wanted, len) != 0)
			continue;
		found++;
		snprintf(ret, n, "%s", v.id);
		if (v.id[len] == '\0')
			return 1;
	}
	return found;
}

/* A name means the one live job that has it, or, when none lives, the latest that had it. Returns how many could be meant. */
static int match_name(struct server *s, const char *wanted, char *ret, size_t n)
{
	struct sched_job_view v;
	int live = 0, ended = 0;

	for (size_t i = 0; sched_job_at(s->sched, i, &v) == 0; i++) {
		if (strcmp(v.name, wanted) != 0 || (live && sched_job_ended(v.state)))
			continue;
		if (sched_job_ended(v.state))
			ended = 1;
		else
			live++;
		snprintf(ret, n, "%s", v.id);
	}
	return live ? live : ended;
}

int server_find(struct server *s, const char *job, char *ret, size_t n, struct err *err)
{
	int by_id = match_id(s, job, ret, n), by_name;

	if (by_id == 1)
		return 0;
	by_name = match_name(s, job, ret, n);
	if (by_name == 1)
		return 0;
	if (by_id > 1 || by_name > 1)
		return err_set(err, EINVAL,
			       "\"%s\" fits more than one job; say more of its id (berth jobs -a lists them)", job);
	return err_set(err, ENOENT, "there is no job \"%s\" (berth jobs -a lists them)", job);
}

int server_check_owner(struct server *s, const char *job, const char *owner, struct err *err)
{
	struct sched_job_view v = {.owner = ""};
	char id[SCHED_ID_MAX];
	int r = server_find(s, job, id, sizeof id, err);

	if (r == 0)
		r = sched_job_view(s->sched, id, &v);
	if (r < 0 || !strcmp(v.owner, owner))
		return r;
	return err_set(err, EPERM, "job %s is not yours: your role may only change jobs of your own", id);
}

static void wish(struct server *s, const char *job, enum sched_event_type type, server_done_fn done, void *ctx)
{
	struct ingest in = {.event = {.type = type}, .done = done, .ctx = ctx};
	struct sched_job_view v;
	struct err err = ERR_INIT;
	char id[SCHED_ID_MAX];
	bool ended;

	if (server_find(s, job, id, sizeof id, &err) < 0) {
		if (done)
			done(ctx, "", &err);
		return;
	}
	sched_job_view(s->sched, id, &v);
	ended = sched_job_ended(v.state);
	if (ended != (type == SCHED_EV_JOB_FORGET)) {
		err_set(&err, EBUSY, ended ? "job %s has ended (%s)" : "job %s is %s; cancel it first", id,
			sched_job_state_name(v.state));
		if (done)
			done(ctx, id, &err);
		return;
	}
	in.event.job = id;
	ingest(s, &in);
}

void server_cancel(struct server *s, const char *job, server_done_fn done, void *ctx)
{
	wish(s, job, SCHED_EV_JOB_CANCEL, done, ctx);
}

void server_pause(struct server *s, const char *job, server_done_fn done, void *ctx)
{
	wish(s, job, SCHED_EV_JOB_PAUSE, done, ctx);
}

void server_resume(struct server *s, const char *job, server_done_fn done, void *ctx)
{
	wish(s, job, SCHED_EV_JOB_RESUME, done, ctx);
}

void server_forget(struct server *s, const char *job, server_done_fn done, void *ctx)
{
	wish(s, job, SCHED_EV_JOB_FORGET, done, ctx);
}

bool server_all_ended(struct server *s)
{
	struct sched_job_view v;

	for (size_t i = 0; sched_job_at(s->sched, i, &v) == 0; i++) {
		if (!sched_job_ended(v.state))
			return false;
	}
	return true;
}

void server_cancel_all(struct server *s)
{
	struct sched_job_view v;

	for (size_t i = 0; sched_job_at(s->sched, i, &v) == 0; i++) {
		if (!sched_job_ended(v.state))
			server_cancel(s, v.id, NULL, NULL);
	}
}
