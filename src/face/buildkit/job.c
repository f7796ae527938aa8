/* SPDX-License-Identifier: Apache-2.0 */
#include "face/buildkit/job.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/protobuf.h"
#include "face/buildkit/excerpt.h"
#include "face/buildkit/message.h"
#include "face/buildkit/solver.h"
#include "face/buildkit/trace.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define WATCHERS_MAX 16
#define BACKLOG_MAX (4u << 20)
#define SESSION_MS 10000 /* a client's session is on its way so long at the most */
#define LATE_MS 10000	 /* so long somebody may still ask how a build went that nobody watched */

/* A call that is not answered yet, or somebody who watches. */
struct waiter {
	struct job *job;
	struct rpc_stream *call; /* NULL = nobody */
};

struct job {
	struct job *next;
	struct jobs *jobs;
	char *ref, *session;
	yyjson_mut_doc *request; /* of Control.Solve; NULL = it has not come */
	struct waiter solve, bridge, watchers[WATCHERS_MAX];
	struct solver *solver;
	struct buf backlog;	/* status before anybody watched, each message behind its length */
	yyjson_mut_doc *answer; /* of the process */
	struct excerpt *place;	/* of its failure, or NULL */
	struct trace *trace;	/* who asked by POST /build, instead of a call */
	struct loop_timer *late;
	int context; /* its files, until it begins; -1 = they come from the session */
	bool host, traced, pruning, pending, watched, finished, dropped;
};

struct jobs {
	struct jobs_options o;
	struct job *first;
	size_t n, n_traces; /* a trace outlives its job until its last words are out */
};

/* ---- books ---- */

struct jobs *jobs_new(const struct jobs_options *o)
{
	struct jobs *j = mem_new(struct jobs);

	j->o = *o;
	return j;
}

static struct job *find(struct jobs *j, const char *ref)
{
	for (struct job *one = j->first; one; one = one->next) {
		if (!one->dropped && !strcmp(one->ref, ref))
			return one;
	}
	return NULL;
}

static struct job *find_or_new(struct jobs *j, const char *ref)
{
	struct job *one = find(j, ref);

	if (one || j->n >= JOBS_MAX)
		return one;
	one = mem_new(struct job);
	*one = (struct job){.next = j->first, .jobs = j, .ref = mem_strdup(ref), .context = -1};
	one->backlog.limit = BACKLOG_MAX;
	one->solve.job = one->bridge.job = one;
	for (size_t i = 0; i < WATCHERS_MAX; i++)
		one->watchers[i].job = one;
	j->first = one;
	j->n++;
	return one;
}

static void answer(struct waiter *w, enum grpc_status status, const char *text)
{
	struct rpc_stream *call = w->call;

	if (!call)
		return;
	w->call = NULL;
	rpc_accept(call, &(struct rpc_stream_hooks){.end = NULL}, NULL);
	rpc_end(call, status, text);
}

static void answer_failure(struct waiter *w, enum grpc_status status, const char *text)
{
	mem_cleanup char *details = w->call ? excerpt_status(w->job->place, (int)status, text) : NULL;

	if (details)
		rpc_details(w->call, details);
	answer(w, status, text);
}

static void job_free(struct job *job)
{
	struct jobs *j = job->jobs;
	struct job **at = &j->first;

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	j->n--;
	yyjson_mut_doc_free(job->request);
	yyjson_mut_doc_free(job->answer);
	loop_timer_free(job->late);
	buf_free(&job->backlog);
	fd_closep(&job->context);
	excerpt_free(job->place);
	free(job->session);
	free(job->ref);
	free(job);
	if (!jobs_any(j))
		j->o.idle(j->o.ctx);
}

/* Nobody waits for it any more. It is gone with its process. */
static void drop(struct job *job)
{
	job->dropped = true;
	answer(&job->solve, GRPC_CANCELLED, "the build was cancelled");
	answer(&job->bridge, GRPC_CANCELLED, "the build was cancelled");
	trace_end(mem_take(job->trace), NULL, "the build was cancelled");
	for (size_t i = 0; i < WATCHERS_MAX; i++)
		answer(&job->watchers[i], GRPC_OK, NULL);
	if (job->solver)
		solver_stop(job->solver);
	else
		job_free(job);
}

void jobs_drop(struct jobs *j)
{
	for (struct job *one = j->first, *next; one; one = next) {
		next = one->next;
		if (!one->dropped)
			drop(one);
	}
}

struct jobs *jobs_free(struct jobs *j)
{
	free(j);
	return NULL;
}

bool jobs_any(const struct jobs *j)
{
	return j->n > 0 || j->n_traces > 0;
}

/* ---- who waits ---- */

static void on_lost(void *ctx, enum grpc_status status, const char *text)
{
	struct waiter *w = ctx;
	struct job *job = w->job;
	bool wanted = job->request != NULL;

	(void)status;
	(void)text;
	w->call = NULL;
	for (size_t i = 0; i < WATCHERS_MAX; i++)
		wanted = wanted || job->watchers[i].call;
	if (w == &job->solve || !wanted)
		drop(job);
	else if (job->solver)
		solver_resume(job->solver);
}

static void on_drain(void *ctx)
{
	struct waiter *w = ctx;

	if (w->job->solver)
		solver_resume(w->job->solver);
}

static void wait_for(struct waiter *w, struct rpc_stream *call)
{
	w->call = call;
	rpc_accept(call, &(struct rpc_stream_hooks){.drain = on_drain, .end = on_lost}, w);
}

static void refuse(struct rpc_stream *call, enum grpc_status status, const char *text)
{
	rpc_accept(call, &(struct rpc_stream_hooks){.end = NULL}, NULL);
	rpc_end(call, status, text);
}

/* ---- the build ---- */

static enum grpc_status status_of(int code)
{
	static const struct {
		int code;
		enum grpc_status status;
	} known[] = {{EINVAL, GRPC_INVALID},
		     {ENOTSUP, GRPC_UNIMPLEMENTED},
		     {EPERM, GRPC_DENIED},
		     {ECANCELED, GRPC_CANCELLED},
		     {ENOENT, GRPC_NOT_FOUND}};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (known[i].code == code)
			return known[i].status;
	}
	return GRPC_UNKNOWN;
}

static void on_late(void *ctx)
{
	drop(ctx);
}

/* A client that asks for the status only now must not wait for a build that is over. */
static void leave(struct job *job)
{
	if (job->watched || job->pruning || job->traced) {
		drop(job);
		return;
	}
	job->finished = true;
	loop_timer_free(job->late);
	job->late = loop_timer_new(job->jobs->o.loop, on_late, job);
	loop_timer_arm(job->late, LATE_MS);
}

static yyjson_mut_val *answered(const struct job *job, const char *key)
{
	return job->answer ? yyjson_mut_obj_get(yyjson_mut_doc_get_root(job->answer), key) : NULL;
}

/* map<string, string> */
static void add_map(struct buf *b, unsigned field, yyjson_mut_val *map)
{
	yyjson_mut_val *key, *value;
	size_t i, n;

	yyjson_mut_obj_foreach (map, i, n, key, value) {
		buf_cleanup struct buf entry = BUF_INIT;

		pb_text(&entry, 1, yyjson_mut_get_str(key));
		pb_text(&entry, 2, yyjson_mut_get_str(value));
		pb_message(b, field, &entry);
	}
}

static const char *image_of(const struct job *job)
{
	return yyjson_mut_get_str(yyjson_mut_obj_get(answered(job, "response"), "containerimage.config.digest"));
}

static void finish(struct job *job)
{
	buf_cleanup struct buf b = BUF_INIT;

	add_map(&b, 1, answered(job, "response"));
	if (job->solve.call)
		rpc_send(job->solve.call, buf_str(&b), b.len);
	answer(&job->solve, GRPC_OK, NULL);
	trace_end(mem_take(job->trace), image_of(job), NULL);
	leave(job);
}

static void fail(struct job *job, enum grpc_status status, const char *text)
{
	trace_end(mem_take(job->trace), NULL, text);
	answer_failure(&job->solve, status, text);
	leave(job);
}

/* The result, whose reference is the image that was made. */
static void answer_bridge(struct job *job)
{
	buf_cleanup struct buf b = BUF_INIT, result = BUF_INIT, ref = BUF_INIT;
	const char *id = image_of(job);

	pb_text(&ref, 1, job->ref);
	if (id)
		message_image(&ref, 2, id);
	pb_message(&result, 3, &ref);
	add_map(&result, 10, answered(job, "metadata"));
	pb_message(&b, 3, &result);
	rpc_send(job->bridge.call, buf_str(&b), b.len);
	answer(&job->bridge, GRPC_OK, NULL);
}

/* One record for all that went. */
static void answer_prune(struct job *job)
{
	const uint64_t bytes = yyjson_mut_get_uint(yyjson_mut_obj_get(answered(job, "body"), "SpaceReclaimed"));
	buf_cleanup struct buf b = BUF_INIT;

	pb_text(&b, 1, "build cache");
	pb_uint(&b, 4, bytes);
	pb_text(&b, 10, "regular");
	if (bytes > 0)
		rpc_send(job->solve.call, buf_str(&b), b.len);
	answer(&job->solve, GRPC_OK, NULL);
	leave(job);
}

static void add_used(struct buf *b, unsigned field, int64_t used_s)
{
	buf_cleanup struct buf time = BUF_INIT;

	pb_uint(&time, 1, (uint64_t)used_s);
	pb_message(b, field, &time);
}

/* UsageRecord: id, size, times, type, shared. */
static void answer_usage(struct job *job)
{
	buf_cleanup struct buf b = BUF_INIT;
	yyjson_mut_val *one;
	size_t i, n;

	yyjson_mut_arr_foreach (answered(job, "records"), i, n, one) {
		buf_cleanup struct buf record = BUF_INIT;
		const int64_t used_s = yyjson_mut_get_sint(yyjson_mut_obj_get(one, "used_s"));

		pb_text(&record, 1, yyjson_mut_get_str(yyjson_mut_obj_get(one, "id")));
		pb_uint(&record, 4, yyjson_mut_get_uint(yyjson_mut_obj_get(one, "size")));
		add_used(&record, 6, used_s);
		add_used(&record, 7, used_s);
		pb_uint(&record, 8, 1);
		pb_text(&record, 10, yyjson_mut_get_str(yyjson_mut_obj_get(one, "type")));
		pb_uint(&record, 11, yyjson_mut_get_bool(yyjson_mut_obj_get(one, "shared")));
		pb_message(&b, 1, &record);
	}
	rpc_send(job->solve.call, buf_str(&b), b.len);
	answer(&job->solve, GRPC_OK, NULL);
	leave(job);
}

static int on_status(void *ctx, const char *data, size_t n)
{
	const unsigned char head[4] = {(unsigned char)n, (unsigned char)(n >> 8), (unsigned char)(n >> 16),
				       (unsigned char)(n >> 24)};
	struct job *job = ctx;
	bool watched = job->trace != NULL;
	int slow = job->trace ? trace_status(job->trace, data, n) : 0;

	for (size_t i = 0; i < WATCHERS_MAX; i++) {
		if (!job->watchers[i].call)
			continue;
		watched = true;
		slow |= rpc_send(job->watchers[i].call, data, n);
	}
	if (!watched && job->backlog.len + n + sizeof head <= BACKLOG_MAX) {
		buf_add(&job->backlog, head, sizeof head);
		buf_add(&job->backlog, data, n);
	}
	return slow;
}

static void on_end(void *ctx, yyjson_val *doc, const struct err *err)
{
	struct job *job = ctx;
	yyjson_val *response = err ? NULL : yyjson_obj_get(doc, "response");
	const char *names = yyjson_get_str(yyjson_obj_get(response, "image.name"));

	job->solver = NULL;
	if (names)
		job->jobs->o.made(job->jobs->o.ctx, names);
	if (job->dropped) {
		job_free(job);
		return;
	}
	if (err)
		job->place = excerpt_new(yyjson_obj_get(doc, "details"));
	if (err && job->bridge.call) {
		answer_failure(&job->bridge, status_of(err->code), err->text);
		return;
	}
	if (err) {
		fail(job, status_of(err->code), err->text);
		return;
	}
	yyjson_mut_doc_free(job->answer);
	job->answer = yyjson_mut_doc_new(NULL);
	yyjson_mut_doc_set_root(job->answer, yyjson_val_mut_copy(job->answer, doc));
	if (answered(job, "records"))
		answer_usage(job);
	else if (job->pruning)
		answer_prune(job);
	else if (job->bridge.call)
		answer_bridge(job);
	else
		finish(job);
}

static struct rpc *session_of(void *ctx)
{
	const struct job *job = ctx;

	return job->jobs->o.session(job->jobs->o.ctx, job->session ? job->session : "");
}

static const struct solver_hooks hooks = {.status = on_status, .end = on_end, .session = session_of};

static void give_up(struct job *job, enum grpc_status status, const char *text)
{
	job->pending = false;
	if (job->bridge.call)
		answer(&job->bridge, status, text);
	else
		fail(job, status, text);
}

static char *request_text(struct job *job)
{
	const char *key = job->session ? job->jobs->o.key(job->jobs->o.ctx, job->session) : NULL;
	yyjson_mut_val *root = yyjson_mut_doc_get_root(job->request);

	(void)yyjson_mut_obj_remove_key(root, "key");
	if (key)
		yyjson_mut_obj_add_strcpy(job->request, root, "key", key);
	return json_text(job->request, false, NULL);
}

static void start(struct job *job)
{
	mem_cleanup char *text = request_text(job);
	struct err err = ERR_INIT;

	job->pending = false;
	job->late = loop_timer_free(job->late);
	if (solver_new(job->jobs->o.loop, job->jobs->o.data, text, job->context, &hooks, job, &job->solver, &err) < 0)
		give_up(job, GRPC_UNKNOWN, err.text);
	fd_closep(&job->context);
}

static void on_no_session(void *ctx)
{
	give_up(ctx, GRPC_PRECONDITION, "the session of the client did not come");
}

/* The call that waits for it is known already. */
static void begin(struct job *job)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(job->request);

	(void)yyjson_mut_obj_remove_key(root, "op");
	(void)yyjson_mut_obj_remove_key(root, "ref");
	(void)yyjson_mut_obj_remove_key(root, "host");
	yyjson_mut_obj_add_str(job->request, root, "op", "solve");
	yyjson_mut_obj_add_str(job->request, root, "ref", job->ref);
	yyjson_mut_obj_add_bool(job->request, root, "host", job->host);
	if (session_of(job) || (job->context >= 0 && !*job->session)) {
		start(job);
		return;
	}
	job->pending = true;
	job->late = loop_timer_new(job->jobs->o.loop, on_no_session, job);
	loop_timer_arm(job->late, SESSION_MS);
}

void jobs_session(struct jobs *j, const char *id)
{
	for (struct job *job = j->first, *next; job; job = next) {
		next = job->next;
		if (job->pending && !job->dropped && job->session && !strcmp(job->session, id))
			start(job);
	}
}

static bool is_ours(const struct message *m)
{
	return !m->definition && m->frontend &&
	       (!strcmp(m->frontend, "dockerfile.v0") || !strcmp(m->frontend, "gateway.v0"));
}

#define LLB_TEXT "this builder takes Dockerfiles (the frontend dockerfile.v0), no LLB of its client"

void job_solve(struct jobs *j, struct rpc_stream *call, struct message *m, bool host)
{
	struct job *job = m->ref && *m->ref ? find_or_new(j, m->ref) : NULL;
	const bool driven = !m->definition && (!m->frontend || !*m->frontend);

	if (!job || job->request) {
		refuse(call, job ? GRPC_INVALID : GRPC_EXHAUSTED,
		       job ? "a build of this reference runs already" : "too many builds at once, or no reference");
		return;
	}
	job->request = mem_take(m->request);
	job->session = mem_take(m->session);
	job->host = host;
	wait_for(&job->solve, call);
	if (driven)
		return;
	if (!is_ours(m))
		fail(job, GRPC_UNIMPLEMENTED, LLB_TEXT);
	else
		begin(job);
}

static void on_trace_drain(void *ctx)
{
	struct job *job = ctx;

	if (job->solver)
		solver_resume(job->solver);
}

static void on_trace_gone(void *ctx)
{
	drop(ctx);
}

static void on_trace_over(void *all)
{
	struct jobs *j = all;

	j->n_traces--;
	if (!jobs_any(j))
		j->o.idle(j->o.ctx);
}

void job_trace(struct jobs *j, int fd, int context, struct message *m, bool host)
{
	struct job *job = m->ref && *m->ref && !find(j, m->ref) ? find_or_new(j, m->ref) : NULL;
	struct trace_hooks trace = {
	    .drain = on_trace_drain, .gone = on_trace_gone, .over = on_trace_over, .ctx = job, .all = j};

	if (!job) {
		fd_closep(&fd);
		fd_closep(&context);
		return;
	}
	job->request = mem_take(m->request);
	job->session = mem_take(m->session);
	job->context = context;
	job->host = host;
	job->traced = true;
	if (trace_new(j->o.loop, fd, m->quiet, &trace, &job->trace, NULL) < 0) {
		drop(job);
		return;
	}
	j->n_traces++;
	begin(job);
}

void job_cancel(struct jobs *j, const char *ref)
{
	struct job *job = ref ? find(j, ref) : NULL;

	if (job && job->traced)
		fail(job, GRPC_CANCELLED, "the build was cancelled");
}

/* The frontend's words come with this call, outputs and caches have come with the first. */
static void merge(struct job *job, const struct message *m)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(job->request), *from = yyjson_mut_doc_get_root(m->request);
	static const char *const keys[] = {"attrs", "cache_from", "inputs"};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		yyjson_mut_val *value = yyjson_mut_obj_get(from, keys[i]);

		if (!value)
			continue;
		(void)yyjson_mut_obj_remove_key(root, keys[i]);
		yyjson_mut_obj_add_val(job->request, root, keys[i], yyjson_mut_val_mut_copy(job->request, value));
	}
}

/* One call about the build cache. */
static void on_cache(struct jobs *j, struct rpc_stream *call, const char *request)
{
	mem_cleanup char *ref = mem_printf("cache %p", (void *)call);
	struct job *job = find_or_new(j, ref);
	struct err err = ERR_INIT;

	if (!job) {
		refuse(call, GRPC_EXHAUSTED, "too many builds at once");
		return;
	}
	job->pruning = true;
	job->request = yyjson_mut_doc_new(NULL);
	wait_for(&job->solve, call);
	if (solver_new(j->o.loop, j->o.data, request, -1, &hooks, job, &job->solver, &err) < 0)
		fail(job, GRPC_UNKNOWN, err.text);
}

void job_prune(struct jobs *j, struct rpc_stream *call, int64_t unused_s, uint64_t keep)
{
	mem_cleanup char *text = unused_s > 0
				     ? mem_printf("{\"op\":\"build_prune\",\"until_s\":%lld}",
						  (long long)(clock_wall_ms() / 1000 - unused_s))
				     : mem_printf("{\"op\":\"build_prune\",\"keep\":%llu}", (unsigned long long)keep);

	on_cache(j, call, text);
}

void job_usage(struct jobs *j, struct rpc_stream *call)
{
	on_cache(j, call, "{\"op\":\"build_usage\"}");
}

void job_bridge(struct jobs *j, struct rpc_stream *call, const char *ref, struct message *m)
{
	struct job *job = ref ? find(j, ref) : NULL;

	if (!job || !job->request || job->bridge.call || job->solver || job->finished) {
		refuse(call, GRPC_NOT_FOUND, "there is no build of this reference, or it runs already");
		return;
	}
	if (!is_ours(m)) {
		refuse(call, GRPC_UNIMPLEMENTED, LLB_TEXT);
		return;
	}
	merge(job, m);
	wait_for(&job->bridge, call);
	begin(job);
}

void job_return(struct jobs *j, struct rpc_stream *call, const char *ref, const char *failure)
{
	struct job *job = ref ? find(j, ref) : NULL;

	if (job)
		rpc_send(call, "", 0);
	refuse(call, job ? GRPC_OK : GRPC_NOT_FOUND, job ? NULL : "there is no build of this reference");
	if (job && failure)
		fail(job, GRPC_UNKNOWN, failure);
	else if (job)
		finish(job);
}

static void send_backlog(struct job *job, struct rpc_stream *call)
{
	for (size_t at = 0; at < job->backlog.len;) {
		const unsigned char *p = (const unsigned char *)job->backlog.data + at;
		const size_t n = (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;

		(void)rpc_send(call, job->backlog.data + at + 4, n);
		at += 4 + n;
	}
	buf_free(&job->backlog);
}

void job_watch(struct jobs *j, struct rpc_stream *call, const char *ref)
{
	struct job *job = ref && *ref ? find_or_new(j, ref) : NULL;

	for (size_t i = 0; job && i < WATCHERS_MAX; i++) {
		if (job->watchers[i].call)
			continue;
		wait_for(&job->watchers[i], call);
		job->watched = true;
		send_backlog(job, call);
		if (job->finished)
			drop(job);
		return;
	}
	refuse(call, GRPC_EXHAUSTED, "too many builds, or too many who watch one");
}
