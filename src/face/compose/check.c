/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/check.h"

#include "base/core/buf.h"
#include "base/core/map.h"
#include "face/compose/berth_keys.h"
#include "face/compose/job.h"
#include "face/compose/loader.h"
#include "face/compose/placement.h"
#include "face/compose/read.h"
#include "face/compose/suggest.h"

#include <string.h>

bool check_container_path(struct loader *l, const struct node *at, const char *path)
{
	bool named = false, up = false;

	for (const char *p = path; *p;) {
		size_t n;

		p += strspn(p, "/");
		n = strcspn(p, "/");
		up |= n == 2 && strncmp(p, "..", 2) == 0;
		named |= n > 0 && !(n == 1 && *p == '.');
		p += n;
	}
	if (path[0] == '/' && named && !up && strlen(path) <= 4000)
		return true;
	message_error(l, at,
		      "the target is an absolute path in the container without \"..\", not \"%s\"; for example /data",
		      path);
	return false;
}

/* ---- dependencies ---- */

static void tell_no_service(struct loader *l, const struct node *at, const char *name)
{
	struct suggest s = {.wrong = name};
	char text[SUGGEST_TEXT_MAX];

	for (size_t i = 0; i < l->job->n_services; i++)
		suggest_try(&s, l->job->services[i].name);
	message_error(l, at, "there is no service \"%s\"%s", name, suggest_text(&s, text));
}

static void tell_inactive(struct loader *l, const struct node *at, const struct job_service *on)
{
	const struct node *profiles = read_list(on->node, "profiles");
	const char *profile =
	    profiles && profiles->n && profiles->items[0]->kind == NODE_SCALAR ? profiles->items[0]->text : "NAME";

	message_error(l, at, "the service \"%s\" is not in an active profile; give --profile %s", on->name, profile);
}

/* The services by name, each with its number + 1 as the value. */
static void resolve_deps(struct loader *l, struct job_service *s, const struct map *names)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n_deps; i++) {
		struct job_dep d = s->deps[i];
		struct job_service *on = map_get(names, d.service);

		if (!on) {
			tell_no_service(l, d.at, d.service);
		} else if (!on->active) {
			if (d.required)
				tell_inactive(l, d.at, on);
			continue;
		} else {
			d.index = (size_t)(on - l->job->services);
		}
		s->deps[kept++] = d;
	}
	s->n_deps = kept;
}

static struct job_service *dep_service(const struct loader *l, const struct job_dep *d)
{
	return d->index == SIZE_MAX ? NULL : &l->job->services[d->index];
}

/* ---- cycles ---- */

enum mark { NEW, OPEN, DONE };

struct walk {
	struct loader *l;
	enum mark *marks;
	size_t *path, depth;
	bool told;
};

static void tell_cycle(struct walk *w, const struct node *at, size_t back_to)
{
	struct buf b = BUF_LIMIT(1024);
	size_t i = 0;

	while (i < w->depth && w->path[i] != back_to)
		i++;
	for (; i < w->depth; i++)
		buf_printf(&b, "%s -> ", w->l->job->services[w->path[i]].name);
	buf_adds(&b, w->l->job->services[back_to].name);
	message_error(w->l, at, "the services wait for each other: %s", buf_str(&b));
	buf_free(&b);
	w->told = true;
}

/* Depth first with the path as its own stack: next[i] is the next edge of the i-th service on the path. */
static void walk_from(struct walk *w, size_t start, size_t *next)
{
	struct job *job = w->l->job;

	w->depth = 1;
	w->path[0] = start;
	next[0] = 0;
	w->marks[start] = OPEN;
	while (w->depth && !w->told) {
		size_t at = w->path[w->depth - 1];
		struct job_service *s = &job->services[at];
		size_t edge = next[w->depth - 1]++;

		if (edge >= s->n_deps) {
			w->marks[at] = DONE;
			w->depth--;
		} else if (s->deps[edge].index != SIZE_MAX) {
			size_t to = s->deps[edge].index;

			if (w->marks[to] == OPEN) {
				tell_cycle(w, s->deps[edge].at, to);
			} else if (w->marks[to] == NEW) {
				w->marks[to] = OPEN;
				next[w->depth] = 0;
				w->path[w->depth++] = to;
			}
		}
	}
}

static void check_cycles(struct loader *l)
{
	size_t n = l->job->n_services, *next = arena_new_n(&l->arena, size_t, n + 1);
	struct walk w = {
	    .l = l, .marks = arena_new_n(&l->arena, enum mark, n + 1), .path = arena_new_n(&l->arena, size_t, n + 1)};

	for (size_t i = 0; i < n && !w.told; i++)
		if (w.marks[i] == NEW && l->job->services[i].active)
			walk_from(&w, i, next);
}

/* ---- kinds ---- */

static void infer_kinds(struct loader *l)
{
	for (size_t i = 0; i < l->job->n_services; i++) {
		struct job_service *s = &l->job->services[i];
		const char *kind = read_str(s->berth, "kind", "");

		if (strcmp(kind, "service") == 0) {
			if (s->kind == JOB_TASK)
				message_error(l, node_get(s->berth, "kind"), "deploy.mode: %s makes it a task",
					      read_str(read_map(s->node, "deploy"), "mode", ""));
			s->kind = JOB_SERVICE;
		} else if (strcmp(kind, "task") == 0 || berth_keys_task_only(s->berth)) {
			s->kind = JOB_TASK;
		}
	}
	for (size_t i = 0; i < l->job->n_services; i++) {
		struct job_service *s = &l->job->services[i];

		for (size_t k = 0; s->active && k < s->n_deps; k++) {
			struct job_service *on = dep_service(l, &s->deps[k]);

			if (on && on->kind == JOB_KIND_UNKNOWN && s->deps[k].condition == JOB_COMPLETED)
				on->kind = JOB_TASK;
		}
	}
	for (size_t i = 0; i < l->job->n_services; i++)
		if (l->job->services[i].kind == JOB_KIND_UNKNOWN)
			l->job->services[i].kind = JOB_SERVICE;
}

static void check_conditions(struct loader *l, const struct job_service *s)
{
	for (size_t i = 0; i < s->n_deps; i++) {
		const struct job_dep *d = &s->deps[i];
		const struct job_service *on = dep_service(l, d);

		if (!on)
			continue;
		if (d->condition == JOB_HEALTHY && !node_value(on->node, "healthcheck"))
			message_error(l, d->at, "waits until \"%s\" is healthy, but that has no healthcheck", on->name);
		else if (d->condition == JOB_HEALTHY && on->health_off)
			message_error(l, d->at, "waits until \"%s\" is healthy, but its healthcheck is switched off",
				      on->name);
		if (d->condition == JOB_COMPLETED && on->kind == JOB_SERVICE)
			message_error(
			    l, d->at,
			    "waits for the end of \"%s\", but that is a service (x-berth.kind: service) and does "
			    "not end",
			    on->name);
	}
}

/* ---- restarts of tasks ---- */

/* The node that says how a service is restarted, or NULL. */
static const struct node *restart_node(const struct job_service *s)
{
	const struct node *policy = read_map(read_map(s->node, "deploy"), "restart_policy");

	return policy ? policy : node_value(s->node, "restart");
}

/* A task has tries in place of restarts: on-failure:2 is three tries. */
static void restart_to_retry(struct loader *l, struct job_service *s, const struct node *at)
{
	if (strcmp(s->restart, "on-failure") != 0) {
		message_error(l, at,
			      "a task ends, so it cannot be restarted whenever it does; on-failure:N is possible");
		return;
	}
	if (node_value(s->berth, "retry")) {
		message_error(l, node_get(s->berth, "retry"),
			      "the restart policy says how often it is tried too; say it once");
		return;
	}
	if (!s->restart_max) {
		message_error(l, at, "a task needs a number of restarts; for example on-failure:3");
		return;
	}
	s->retry.attempts = s->restart_max + 1;
	s->retry.set = true;
}

static void finish_task(struct loader *l, struct job_service *s)
{
	const struct job *job = l->job;
	const struct node *at = restart_node(s);

	if (at && strcmp(s->restart, "no") != 0)
		restart_to_retry(l, s, at);
	s->restart = "no";
	s->restart_max = 0;
	if (!s->retry.set && job->retry.set)
		s->retry = job->retry;
	if (!s->on_error)
		s->on_error = job->on_error;
	if (s->walltime_ms < 0)
		s->walltime_ms = job->walltime_ms;
	if (s->slots < 0)
		s->slots = 1;
	if ((s->n_stage_in || s->n_stage_out) && !s->working_dir)
		s->working_dir = "/work";
}

static void finish_service(struct loader *l, struct job_service *s)
{
	static const char *const task_only[] = {"replicate", "retry", "on_error", "walltime", "stage_in", "stage_out"};

	for (size_t i = 0; i < sizeof task_only / sizeof *task_only; i++)
		if (node_value(s->berth, task_only[i]))
			message_key_error(l, node_get(s->berth, task_only[i]),
					  "only a task can have it, and kind is service");
	if (s->slots < 0)
		s->slots = 0;
}

#define WARN_DEFAULT_MS 60000

/* Before the end of its walltime, or when it is preempted: it must have one of them. */
static void finish_warn(struct loader *l, struct job_service *s)
{
	const struct node *n = node_value(s->berth, "warn");

	if (!s->warn_signal)
		return;
	if (s->walltime_ms <= 0 && (!s->preemptible || s->warn_before_ms)) {
		message_error(l, n, "there is no end to warn of: walltime is missing%s",
			      s->warn_before_ms ? "" : ", and it is not preemptible");
		return;
	}
	if (s->walltime_ms > 0 && !s->warn_before_ms)
		s->warn_before_ms = WARN_DEFAULT_MS;
	if (s->walltime_ms > 0 && s->warn_before_ms >= s->walltime_ms)
		message_error(l, n, "%g s before the end is not within its walltime of %g s",
			      (double)s->warn_before_ms / 1000, (double)s->walltime_ms / 1000);
}

static void check_exit_with(struct loader *l)
{
	const struct node *at = node_value(read_map(l->root, "x-berth"), "exit_with");
	const struct job_service *s;

	if (!at || at->kind != NODE_SCALAR)
		return;
	s = job_find(l->job, at->text);
	if (!s)
		tell_no_service(l, at, at->text);
	else if (!s->active)
		tell_inactive(l, at, s);
	l->job->exit_with = at->text;
}

void check_job(struct loader *l)
{
	struct map names = MAP_INIT;
	struct job *job = l->job;
	size_t n_active = 0;

	for (size_t i = 0; i < job->n_services; i++)
		map_put(&names, job->services[i].name, &job->services[i]);
	for (size_t i = 0; i < job->n_services; i++) {
		n_active += job->services[i].active;
		if (job->services[i].active)
			resolve_deps(l, &job->services[i], &names);
	}
	map_free(&names);
	infer_kinds(l);
	check_cycles(l);
	for (size_t i = 0; i < job->n_services; i++) {
		struct job_service *s = &job->services[i];

		if (s->active)
			check_conditions(l, s);
		if (!s->fencing)
			s->fencing = l->job->fencing;
		if (!s->topology && !s->gang)
			s->topology = l->job->topology;
		placement_check(l, s);
		if (s->kind == JOB_TASK)
			finish_task(l, s);
		else
			finish_service(l, s);
		if (s->active)
			finish_warn(l, s);
	}
	check_exit_with(l);
	if (job->n_services && !n_active)
		message_error(l, node_get(l->root, "services"),
			      "no service is in an active profile; give --profile NAME, or --profile \"*\" for all");
}
