/* SPDX-License-Identifier: Apache-2.0
 *
 * The stages of the plan, each with its next step. Whatever can go on goes on: a step in the cache at once, another one in a child as soon as
 * there is room, a stage when its base and what it copies from are done. The loop waits for the children.
 */
#include "node/build/build_impl.h"

#include "base/core/clock.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/build/copy.h"
#include "node/build/digests.h"
#include "node/build/dockerfile.h"
#include "node/build/ignore.h"
#include "node/build/lint.h"
#include "node/build/output.h"
#include "node/build/outside.h"
#include "node/build/secret.h"
#include "node/image/platform.h"
#include "node/runtime/rt.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

static int stop_fd = -1;

void build_stop(void)
{
	const uint64_t one = 1;
	int saved = errno;

	if (stop_fd >= 0 && write(stop_fd, &one, sizeof one) < 0)
		errno = saved;
	errno = saved;
}

static bool stopped(void)
{
	struct pollfd fd = {.fd = stop_fd, .events = POLLIN};

	return poll(&fd, 1, 0) > 0;
}

static const struct plan_step *step_of(const struct build_stage *s)
{
	return s->next < s->plan->n_steps ? &s->plan->steps[s->next] : NULL;
}

/* Of the present step among all that are shown, from 1. */
static size_t index_of(const struct build_stage *s)
{
	size_t n = s->first_index + 1;

	for (size_t i = 0; i < s->next && i < s->plan->n_steps; i++)
		n += s->plan->steps[i].kind != STEP_CONFIG;
	return n;
}

/* As people count: FROM is the first. */
static void number_of(const struct build_stage *s, struct build_event *e)
{
	const struct plan_step *step = step_of(s);

	e->number = step ? step->number : 0;
	e->of = step ? step->total : 0;
	for (size_t i = 0; e->type == BUILD_EVENT_STAGE && i < s->plan->n_steps; i++)
		e->of = s->plan->steps[i].total > e->of ? s->plan->steps[i].total : e->of;
	if (e->type == BUILD_EVENT_STAGE) {
		e->number = 1;
		e->of = e->of > 0 ? e->of : 1;
	}
}

static struct build_event event_of(const struct build *b, const struct build_stage *s, enum build_event_type type)
{
	const struct plan_step *step = s ? step_of(s) : NULL;
	struct build_event e = {
	    .type = type,
	    .index = s ? index_of(s) : 0,
	    .total = b->n_steps,
	    .n_instructions = b->n_instructions,
	    .stage = s ? s->plan->label : NULL,
	    .step = step ? step->text : NULL,
	    .argv = step && step->kind == STEP_RUN ? step->run->argv : NULL,
	    .id = s && s->image ? s->image->id : NULL,
	    .base = s && s->image ? s->plan->base : NULL,
	    .file = b->context.name,
	    .line = step ? step->line : 0,
	    .end_line = step ? step->end_line : 0,
	    .written = step && !step->on_build,
	    .n_stages = b->n_written,
	};

	if (s)
		number_of(s, &e);
	return e;
}

void build_tell(struct build *b, const struct build_stage *s, enum build_event_type type, const char *text, int64_t ms)
{
	struct build_event e = event_of(b, s, type);

	e.text = text;
	e.ms = ms;
	if (b->event)
		b->event(b->ctx, &e);
}

/* ---- going on ---- */

static int take_layer(struct build *b, struct build_stage *s, const char *diff, struct err *err)
{
	int r = image_lease_layer(b->lease, diff, err);

	if (r == 0)
		return err_set(err, EIO, "layer sha256:%s went away while the build ran", diff);
	if (r > 0)
		mem_strv_add(&s->layers, diff);
	return r < 0 ? r : 0;
}

/* A named directory as the root of a stage: a copy of it as the first layer. */
static int layer_of_context(struct build *b, struct build_stage *s, struct err *err)
{
	cleanup_with(source_list_free) struct source_list list = SOURCE_LIST_INIT;
	struct snapshot snapshot = SNAPSHOT_NULL;
	struct image_unpacked u;
	struct copy c = {.dest = "/", .dest_dir = true, .has_owner = true};
	int r = source_find(&s->context.tree, "/", &list, err);

	if (r == 0)
		r = snapshot_open(b->store, b->lease, NULL, &snapshot, err);
	c.draft = snapshot.draft;
	if (r == 0)
		r = copy_items(&c, &s->context.tree, &list, err);
	if (r == 0)
		r = snapshot_commit(&snapshot, b->epoch, &u, err);
	snapshot_discard(&snapshot);
	if (r == 0)
		key_base("context", u.diff_id, s->plan->platform, &s->key);
	return r < 0 ? r : take_layer(b, s, u.diff_id, err);
}

static void tell_stage(struct build *b, const struct build_stage *s)
{
	const struct plan_stage *p = s->plan;
	const char *base = p->kind == PLAN_BASE_STAGE ? b->stages[p->base_stage].plan->label : p->base;
	mem_cleanup char *text =
	    mem_printf("FROM %s%s%s", *base ? base : "scratch", *p->name ? " AS " : "", *p->name ? p->name : "");

	if (!p->implicit)
		build_tell(b, s, BUILD_EVENT_STAGE, text, 0);
}

static int begin_stage(struct build *b, struct build_stage *s, struct err *err)
{
	s->begun = true;
	tell_stage(b, s);
	if (s->plan->kind == PLAN_BASE_STAGE) {
		s->layers = mem_strv_dup(b->stages[s->plan->base_stage].layers);
		s->key = b->stages[s->plan->base_stage].key;
	} else if (s->image) {
		s->layers = mem_strv_dup(s->image->layers);
		key_base("image", s->image->id, s->plan->platform, &s->key);
	} else if (s->context.tree.root >= 0 && !s->plan->implicit) {
		return layer_of_context(b, s, err);
	} else {
		key_scratch(&s->key);
	}
	return 0;
}

static bool base_ready(const struct build *b, const struct build_stage *s)
{
	return s->plan->kind != PLAN_BASE_STAGE || b->stages[s->plan->base_stage].done;
}

static size_t n_running(const struct build *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n_stages; i++)
		n += b->stages[i].job.pid > 0;
	return n;
}

static size_t jobs_max(const struct build *b)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	return b->o->jobs ? b->o->jobs : cores > 0 ? (size_t)cores : 1;
}

/* The present step is over. */
static int step_made(struct build *b, struct build_stage *s, const struct key *key, const char *diff, struct err *err)
{
	s->key = *key;
	s->next++;
	mem_strv_add(&s->keys, s->step_key);
	return take_layer(b, s, diff, err);
}

/* A result of this machine's, or one of a cache that the user named. */
static bool is_cached(struct build *b, const struct build_stage *s, char ret_diff[static 65])
{
	return build_cached(b, s->step_key, ret_diff) || build_imported(b, s->step_key, ret_diff);
}

/* The error of a step says where it stands. */
static int step_failed(struct build *b, struct build_stage *s, struct err *err)
{
	const struct plan_step *step = step_of(s);
	struct build_event e = event_of(b, s, BUILD_EVENT_FAILED);

	e.text = build_job_tail(s);
	e.ms = clock_wall_ms() - s->job.started_ms;
	e.why = err ? err->text : "";
	if (b->event)
		b->event(b->ctx, &e);
	return err ? err_wrap(err, "%s:%u: %s", b->context.name, step->line, step->text) : -EIO;
}

static void begin_step(struct build *b, struct build_stage *s)
{
	s->job.started_ms = clock_wall_ms();
	build_tell(b, s, BUILD_EVENT_BEGIN, NULL, 0);
	buf_clear(&s->job.tail);
}

/* What ADD fetches for its key takes its time: the other stages go on meanwhile. */
static int look_outside(struct build *b, struct build_stage *s, const struct plan_step *step, struct err *err)
{
	int r;

	if (!s->looks)
		s->job.started_ms = clock_wall_ms();
	r = build_inputs_look(b, step, err);
	if (r == 0 && !s->looks) {
		s->looks = true;
		begin_step(b, s);
	}
	return r;
}

/* 1 = the next step may be looked at, 0 = not now. */
static int try_step(struct build *b, struct build_stage *s, const struct plan_step *step, struct err *err)
{
	struct key next;
	char diff[65];
	bool looked;
	int r;

	if (step->kind == STEP_CONFIG) {
		build_tell(b, s, BUILD_EVENT_CONFIG, NULL, 0);
		s->next++;
		return 1;
	}
	if (!build_inputs_ready(b, step))
		return 0;
	r = look_outside(b, s, step, err);
	if (r <= 0)
		return r < 0 ? step_failed(b, s, err) : 0;
	looked = s->looks;
	s->looks = false;
	r = build_step_key(b, s, step, &next, s->step_key, err);
	if (r < 0)
		return step_failed(b, s, err);
	if (!step->no_cache && is_cached(b, s, diff)) {
		build_tell(b, s, BUILD_EVENT_CACHED, NULL, 0);
		b->n_cached++;
		r = step_made(b, s, &next, diff, err);
		return r < 0 ? r : 1;
	}
	if (n_running(b) >= jobs_max(b)) {
		s->looks = looked;
		return 0;
	}
	if (!looked)
		begin_step(b, s);
	r = build_job_start(b, s, step, err);
	s->pending = next;
	return r < 0 ? step_failed(b, s, err) : 0;
}

/* 1 = something changed. */
static int advance(struct build *b, struct build_stage *s, struct err *err)
{
	int changed = 0, r = 0;

	if (!s->plan->needed || s->done || s->job.pid > 0 || !base_ready(b, s))
		return 0;
	if (!s->begun)
		r = begin_stage(b, s, err);
	if (r < 0)
		return err ? err_wrap(err, "%s:%u", b->context.name, s->plan->line) : r;
	while (step_of(s)) {
		r = try_step(b, s, step_of(s), err);
		if (r <= 0)
			return r < 0 ? r : changed;
		changed = 1;
	}
	s->done = true;
	return 1;
}

static int advance_all(struct build *b, struct err *err)
{
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = 0; i < b->n_stages; i++) {
			int r = advance(b, &b->stages[i], err);

			if (r < 0)
				return r;
			again = again || r > 0;
		}
	}
	return 0;
}

/* ---- waiting ---- */

static int finish_step(struct build *b, struct build_stage *s, struct err *err)
{
	struct build_job *j = &s->job;
	int64_t ms = clock_wall_ms() - j->started_ms;
	int r = build_job_end(b, s, err);

	if (r < 0)
		return step_failed(b, s, err);
	b->n_cached += j->verdict.cached;
	build_tell(b, s, j->verdict.cached ? BUILD_EVENT_CACHED : BUILD_EVENT_DONE, NULL, ms);
	return step_made(b, s, &s->pending, j->verdict.layer, err);
}

static int read_all(struct build *b, const struct pollfd *fds, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < b->n_stages; i++) {
		struct build_stage *s = &b->stages[i];

		if (s->job.pid <= 0)
			continue;
		if (fds[2 * i].revents)
			build_job_read_output(b, s);
		if (fds[2 * i + 1].revents)
			build_job_read_verdict(s);
		if (s->job.out < 0 && s->job.result < 0)
			r = finish_step(b, s, err);
	}
	return r;
}

/* Until something of a child came, or we are to stop. */
static int wait_some(struct build *b, struct err *err)
{
	size_t n = 2 * b->n_stages;
	mem_cleanup struct pollfd *fds = mem_new_n(struct pollfd, n + 1 + OUTSIDE_LOOKS);
	size_t looks = outside_poll(b->outside, fds + n + 1);
	int r;

	for (size_t i = 0; i < b->n_stages; i++) {
		fds[2 * i] = (struct pollfd){.fd = b->stages[i].job.out, .events = POLLIN};
		fds[2 * i + 1] = (struct pollfd){.fd = b->stages[i].job.result, .events = POLLIN};
	}
	fds[n] = (struct pollfd){.fd = stop_fd, .events = POLLIN};
	r = poll(fds, (nfds_t)(n + 1 + looks), b->o->tick_ms > 0 ? b->o->tick_ms : -1);
	if (r < 0)
		return errno == EINTR ? 0 : err_sys(err, errno, "wait for the steps");
	if (b->o->tick_ms > 0)
		build_tell(b, NULL, BUILD_EVENT_TICK, NULL, 0);
	if (fds[n].revents)
		return err_set(err, ECANCELED, "the build was stopped");
	return read_all(b, fds, err);
}

/* Ends what still runs; their errors are nobody's. */
static void stop_all(struct build *b)
{
	struct err none = ERR_INIT;

	for (size_t i = 0; i < b->n_stages; i++)
		build_job_kill(&b->stages[i]);
	for (size_t i = 0; i < b->n_stages; i++) {
		struct build_job *j = &b->stages[i].job;

		if (j->pid > 0)
			(void)build_job_end(b, &b->stages[i], &none);
		fd_closep(&j->out);
		fd_closep(&j->result);
	}
}

static int run_stages(struct build *b, struct err *err)
{
	struct pollfd looks[OUTSIDE_LOOKS];
	int r;

	do {
		r = stopped() ? err_set(err, ECANCELED, "the build was stopped") : advance_all(b, err);
		if (r == 0 && (n_running(b) > 0 || outside_poll(b->outside, looks) > 0))
			r = wait_some(b, err);
	} while (r == 0 && !b->stages[plan_target(b->plan)].done);
	if (r < 0)
		stop_all(b);
	return r;
}

/* ---- opening and closing ---- */

static void count_steps(struct build *b)
{
	for (size_t i = 0; i < b->n_stages; i++) {
		struct build_stage *s = &b->stages[i];

		s->first_index = b->n_steps;
		b->n_written += !s->plan->implicit;
		b->n_instructions += s->plan->needed && !s->plan->implicit ? 1 + s->plan->n_steps : 0;
		for (size_t k = 0; s->plan->needed && k < s->plan->n_steps; k++)
			b->n_steps += s->plan->steps[k].kind != STEP_CONFIG;
	}
}

static void tell_warnings(struct build *b, const struct lint *lint)
{
	for (size_t i = 0; i < lint->n; i++) {
		mem_cleanup char *text =
		    mem_printf("%s: %s", lint_rule_name(lint->warnings[i].rule), lint->warnings[i].text);
		const struct build_event e = {
		    .type = BUILD_EVENT_WARNING, .text = text, .file = b->context.name, .line = lint->warnings[i].line};

		if (b->event)
			b->event(b->ctx, &e);
	}
}

/* Most likely they are slips. */
static void tell_unused_args(struct build *b)
{
	for (char **name = plan_unused_args(b->plan); name && *name; name++) {
		mem_cleanup char *text = mem_printf("--build-arg %s: the Dockerfile has no such ARG", *name);

		build_tell(b, NULL, BUILD_EVENT_WARNING, text, 0);
	}
}

/* NAME of NAME=VALUE for each. */
static char **names_of(char *const *pairs)
{
	char **names = NULL;

	for (; pairs && *pairs; pairs++) {
		mem_cleanup char *name = mem_strndup(*pairs, strcspn(*pairs, "="));

		mem_strv_add(&names, name);
	}
	return names;
}

static int make_plan(struct build *b, struct lint *lint, struct err *err)
{
	cleanup_with(mem_strv_freep) char **contexts = names_of(b->o->contexts);
	struct platform host;
	char host_text[PLATFORM_TEXT_MAX];
	struct plan_options o = {
	    .target = b->o->target,
	    .build_args = b->o->build_args,
	    .contexts = contexts,
	    .labels = b->o->labels,
	    .no_cache = b->o->no_cache,
	    .no_cache_stages = b->o->no_cache_stages,
	    .lint = lint,
	};
	int r;

	platform_host(&host);
	o.build_platform = platform_text(&host, host_text);
	o.platform = b->o->platform ? b->o->platform : o.build_platform;
	lint->ignore = b->context.ignore;
	r = lint_dockerfile(lint, b->file, err);
	if (r == 0)
		r = plan_new(b->file, &o, &b->plan, err);
	if (r == 0)
		r = build_find_bases(b, err);
	if (r == 0)
		b->epoch = plan_epoch(b->plan);
	return r;
}

static int plan(struct build *b, struct err *err)
{
	struct lint lint = LINT_INIT;
	int r = dockerfile_parse(b->context.dockerfile, b->context.n_dockerfile, b->context.name, &b->file, err);

	if (r == 0)
		r = dockerfile_check(b->file, err);
	if (r == 0 && b->o->check)
		r = lint_options(&lint, b->o->check, err);
	if (r == 0)
		r = make_plan(b, &lint, err);
	if (r == 0)
		r = lint_end(&lint, err);
	tell_warnings(b, &lint);
	if (r == 0)
		tell_unused_args(b);
	lint_free(&lint);
	return r;
}

static int check_options(const struct build_options *o, struct err *err)
{
	int r = build_check_caches(o, err);

	for (char *const *s = o->secrets; r == 0 && s && *s; s++)
		r = secret_check(*s, err);
	for (char *const *t = o->outputs; r == 0 && t && *t; t++) {
		cleanup_with(output_free) struct output parsed = {.dest = NULL};

		r = output_parse(*t, &parsed, err);
	}
	for (char *const *t = o->tags; r == 0 && t && *t; t++) {
		mem_cleanup char *name = NULL;

		r = image_ref_normalise(*t, &name, err);
		if (r == 0 && strchr(name, '@'))
			r = err_set(err, EINVAL,
				    "\"%s\": a built image gets its digest by itself; give a name and a tag", *t);
	}
	return r;
}

static int open_all(struct build *b, struct err *err)
{
	struct context_from from = {.path = b->o->context,
				    .dockerfile = b->o->dockerfile,
				    .stdin_fd = b->o->stdin_fd,
				    .client = b->o->client,
				    .dockerfile_dir = b->o->dockerfile_dir};
	int r = check_options(b->o, err);

	if (r == 0)
		r = image_store_open(b->data_dir, &b->store, err);
	if (r == 0)
		r = image_lease_new(b->store, "build", &b->lease, err);
	if (r == 0)
		r = cache_open(b->data_dir, b->store, &b->cache, err);
	if (r == 0)
		b->outside = outside_new(b->lease, b->cache, stop_fd, b->o->ssh && *b->o->ssh);
	from.outside = b->outside;
	from.cache = b->cache;
	for (char *const *a = b->o->build_args; a && *a; a++)
		from.keep_git_dir = from.keep_git_dir || !strcmp(*a, "BUILDKIT_CONTEXT_KEEP_GIT_DIR=1");
	if (r == 0)
		r = context_open(&from, b->lease, &b->context, err);
	if (r == 0) {
		cache_recover(b->cache);
		b->digests = digests_open(cache_dir(b->cache), "digests");
	}
	return r;
}

static void close_all(struct build *b)
{
	const struct cache_limits limits = {.size = CACHE_SIZE_DEFAULT, .age_s = CACHE_AGE_DEFAULT_S};

	if (b->cache && b->n_stages > 0)
		(void)cache_collect(b->cache, &limits, NULL);
	for (size_t i = 0; i < b->n_stages; i++) {
		struct build_stage *s = &b->stages[i];

		mem_strv_free(s->layers);
		mem_strv_free(s->keys);
		image_info_free(s->image);
		context_close(&s->context);
		buf_free(&s->job.line);
		buf_free(&s->job.tail);
		free(s->what);
	}
	free(b->stages);
	build_close_caches(b);
	plan_free(b->plan);
	dockerfile_free(b->file);
	digests_close(b->digests);
	context_close(&b->context);
	if (b->cache)
		rt_host_release();
	outside_free(b->outside);
	cache_close(b->cache);
	image_lease_free(b->lease);
	image_store_close(b->store);
}

void build_result_free(struct build_result *r)
{
	free(r->id);
	free(r->digest);
	mem_strv_free(r->names);
	*r = (struct build_result){.id = NULL};
}

int build_run(int data_dir, const struct build_options *o, build_event_fn *event, void *ctx, struct build_result *ret,
	      struct err *err)
{
	struct build b = {
	    .o = o, .event = event, .ctx = ctx, .data_dir = data_dir, .context = CONTEXT_NULL, .epoch = -1};
	int r;

	*ret = (struct build_result){.id = NULL};
	stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (stop_fd < 0)
		return err_sys(err, errno, "make an eventfd");
	r = open_all(&b, err);
	if (r == 0)
		r = plan(&b, err);
	if (r == 0 && !o->check_only) {
		count_steps(&b);
		build_tell(&b, NULL, BUILD_EVENT_PLAN, NULL, 0);
		build_open_caches(&b);
		r = run_stages(&b, err);
		if (r == 0)
			build_tell(&b, NULL, BUILD_EVENT_EXPORT, NULL, 0);
		if (r == 0)
			r = build_export(&b, ret, err);
		if (r == 0)
			r = build_export_caches(&b, err);
	}
	ret->n_steps = b.n_steps;
	ret->n_cached = b.n_cached;
	close_all(&b);
	fd_closep(&stop_fd);
	return r;
}
