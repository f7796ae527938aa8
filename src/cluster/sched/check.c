/* SPDX-License-Identifier: Apache-2.0
 *
 * check: is this a job that the scheduler can take? Everything that the other files rely on is checked here, once.
 */
#include "cluster/sched/state.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Not empty, shorter than `size` bytes, no control bytes. */
bool sched_name_ok(const char *name, size_t size)
{
	size_t n = name ? strnlen(name, size) : 0;

	if (n == 0 || n >= size)
		return false;
	for (size_t k = 0; k < n; k++) {
		if ((unsigned char)name[k] < 0x20 || name[k] == 0x7f)
			return false;
	}
	return true;
}

static int check_numbers(const struct sched_task_spec *t, struct err *err)
{
	if (t->count > SCHED_INSTANCES_MAX)
		return err_set(err, E2BIG, "task \"%s\": %" PRIu32 " instances, more than %d", t->name, t->count,
			       SCHED_INSTANCES_MAX);
	if (!t->service && t->attempts < 1)
		return err_set(err, EINVAL, "task \"%s\": at least one try is needed", t->name);
	if (t->delay_ms < -1)
		return err_set(err, EINVAL, "task \"%s\": delay of %" PRId64 " ms", t->name, t->delay_ms);
	if (!isfinite(t->backoff) || (t->backoff < 1 && !t->service))
		return err_set(err, EINVAL, "task \"%s\": backoff %g, at least 1 is needed", t->name, t->backoff);
	if ((unsigned)t->topology > SCHED_TOPO_ONE)
		return err_set(err, EINVAL, "task \"%s\": unknown topology %d", t->name, (int)t->topology);
	if (t->gang && t->elsewhere)
		return err_set(err, EINVAL, "task \"%s\": the instances of a gang cannot be tried elsewhere one by one",
			       t->name);
	if (t->gang && t->max_running)
		return err_set(err, EINVAL,
			       "task \"%s\": all of a gang run at the same time, max_running does not apply", t->name);
	if (t->topology >= SCHED_TOPO_FEW && !t->gang)
		return err_set(err, EINVAL, "task \"%s\": only a gang can ask to be on one node or on few", t->name);
	if (t->topology == SCHED_TOPO_SPREAD && t->gang)
		return err_set(err, EINVAL, "task \"%s\": a gang can ask to be apart, not to be spread", t->name);
	if (t->walltime_ms < 0)
		return err_set(err, EINVAL, "task \"%s\": walltime of %" PRId64 " ms", t->name, t->walltime_ms);
	if ((unsigned)t->on_error > SCHED_ON_ERROR_CANCEL || (unsigned)t->restart > SCHED_RESTART_UNLESS_STOPPED)
		return err_set(err, EINVAL, "task \"%s\": unknown on_error %d or restart %d", t->name, (int)t->on_error,
			       (int)t->restart);
	return 0;
}

static int check_select(const struct sched_task_spec *t, struct err *err)
{
	struct expr *e = NULL;

	if (!t->select)
		return 0;
	if (expr_parse(t->select, &e, NULL, err) < 0)
		return err_wrap(err, "task \"%s\": select", t->name);
	expr_free(e);
	return 0;
}

static int check_probe(const struct sched_task_spec *t, struct err *err)
{
	if (!t->probe)
		return 0;
	if (!sched_name_ok(t->probe, SCHED_PROBE_MAX))
		return err_set(err, EINVAL, "task \"%s\": its probe has no key of at most %d printable bytes", t->name,
			       SCHED_PROBE_MAX - 1);
	if (t->probe_age_ms < 1)
		return err_set(err, EINVAL, "task \"%s\": answers of its probe are kept for %" PRId64 " ms", t->name,
			       t->probe_age_ms);
	return 0;
}

static int check_data(const struct sched_task_spec *t, struct err *err)
{
	if (t->n_data > SCHED_DATA_MAX)
		return err_set(err, E2BIG, "task \"%s\": prefers nodes by %zu kinds of data, more than %d", t->name,
			       t->n_data, SCHED_DATA_MAX);
	for (size_t k = 0; k < t->n_data; k++) {
		if (!sched_name_ok(t->data[k], NAME_TEXT_MAX))
			return err_set(err, EINVAL, "task \"%s\": data number %zu has no good name", t->name, k);
	}
	return 0;
}

static int check_licences(const struct sched *s, const struct sched_task_spec *t, struct err *err)
{
	size_t unknown = 0;

	if (t->n_licences > SCHED_NEEDS_MAX)
		return err_set(err, E2BIG, "task \"%s\": %zu licences, more than %d", t->name, t->n_licences,
			       SCHED_NEEDS_MAX);
	for (size_t k = 0; k < t->n_licences; k++) {
		if (!sched_name_ok(t->licences[k].name, SCHED_ID_MAX) || t->licences[k].n == 0 ||
		    t->licences[k].n > INT32_MAX)
			return err_set(err, EINVAL, "task \"%s\": licence number %zu has no good name or number",
				       t->name, k);
		for (size_t x = 0; x < k; x++) {
			if (!strcmp(t->licences[x].name, t->licences[k].name))
				return err_set(err, EINVAL, "task \"%s\": the licence \"%s\" is there twice", t->name,
					       t->licences[k].name);
		}
		unknown += !map_get(&s->by_licence, t->licences[k].name);
	}
	if (unknown && s->n_licences + unknown > SCHED_LICENCES_MAX)
		return err_set(err, E2BIG, "task \"%s\": there are %d licences already", t->name, SCHED_LICENCES_MAX);
	return 0;
}

static int check_counters(const struct sched_task_spec *t, struct err *err)
{
	if (t->counters && t->counters->n > SCHED_WANTS_MAX)
		return err_set(err, E2BIG, "task \"%s\": %zu counters, more than %d", t->name, t->counters->n,
			       SCHED_WANTS_MAX);
	for (size_t k = 0; t->counters && k < t->counters->n; k++) {
		const struct count *c = &t->counters->list[k];

		if (!counts_name_ok(c->name) || !c->n || c->n > counts_most(c->name) ||
		    (k && strcmp(t->counters->list[k - 1].name, c->name) >= 0))
			return err_set(err, EINVAL, "task \"%s\": counter number %zu has no good name or number",
				       t->name, k);
	}
	return 0;
}

static bool within_ok(const char *within)
{
	return within &&
	       (!strcmp(within, "node") || (!strncmp(within, "labels.", 7) && sched_name_ok(within, NAME_TEXT_MAX)));
}

/* The instances of a gang are placed in one step, in which nobody counts them. */
static int check_rule(const struct sched_job_spec *spec, const struct sched_task_spec *t, const struct sched_rule *r,
		      struct err *err)
{
	const char *slash = r->to ? strchr(r->to, '/') : NULL, *task = slash ? slash + 1 : r->to;
	size_t n = strlen(spec->name);
	bool same_job = !slash || ((size_t)(slash - r->to) == n && !memcmp(r->to, spec->name, n));
	bool found = slash && (!same_job || !strcmp(slash + 1, "*"));

	if (!sched_name_ok(r->to, NAME_TEXT_MAX) || !within_ok(r->within))
		return err_set(err, EINVAL,
			       "task \"%s\": a rule names no task, or something else than node and labels.NAME",
			       t->name);
	for (size_t k = 0; task && k < spec->n_tasks && !found; k++)
		found = spec->tasks[k].name && !strcmp(spec->tasks[k].name, task);
	if (!found)
		return err_set(err, EINVAL, "task \"%s\": a rule names \"%s\", and the job has no such task", t->name,
			       r->to);
	if (t->gang && same_job && (!slash || strcmp(slash + 1, "*") != 0) && !strcmp(task, t->name))
		return err_set(err, EINVAL,
			       "task \"%s\": the instances of a gang have a topology, not rules among themselves",
			       t->name);
	if (t->gang && slash && same_job && !strcmp(slash + 1, "*"))
		return err_set(err, EINVAL,
			       "task \"%s\": the instances of a gang have a topology, not rules among themselves",
			       t->name);
	if (t->gang && r->weight)
		return err_set(err, EINVAL, "task \"%s\": a gang takes rules that must be kept, not preferred ones",
			       t->name);
	return 0;
}

static int check_rules(const struct sched_job_spec *spec, const struct sched_task_spec *t, struct err *err)
{
	if (t->n_rules > SCHED_RULES_MAX || t->n_spread > SCHED_SPREADS_MAX)
		return err_set(err, EINVAL, "task \"%s\": more than %d rules, or more than %d labels to spread over",
			       t->name, SCHED_RULES_MAX, SCHED_SPREADS_MAX);
	if (t->gang && t->n_spread)
		return err_set(err, EINVAL, "task \"%s\": a gang has a topology, it is not spread over labels",
			       t->name);
	for (size_t k = 0; k < t->n_spread; k++) {
		if (!within_ok(t->spread[k]))
			return err_set(err, EINVAL, "task \"%s\": only labels can be spread over", t->name);
	}
	for (size_t k = 0; k < t->n_rules; k++) {
		int r = check_rule(spec, t, &t->rules[k], err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int check_deps(const struct sched_job_spec *spec, const struct sched_task_spec *t, struct err *err)
{
	for (size_t d = 0; d < t->n_deps; d++) {
		if (t->deps[d].task >= spec->n_tasks)
			return err_set(err, EINVAL, "task \"%s\": depends on task number %" PRIu32 " of %zu", t->name,
				       t->deps[d].task, spec->n_tasks);
		if ((unsigned)t->deps[d].condition > SCHED_DEP_COMPLETED)
			return err_set(err, EINVAL, "task \"%s\": unknown condition %d", t->name,
				       (int)t->deps[d].condition);
	}
	return 0;
}

static int check_cap(const struct sched_job_spec *spec, const struct sched_task_spec *t, struct err *err)
{
	if (spec->max_running && t->gang && !t->expand && t->count > spec->max_running)
		return err_set(err, EINVAL,
			       "task \"%s\": its gang of %" PRIu32 " can never start, the job runs %" PRIu32
			       " at a time (max_running)",
			       t->name, t->count, spec->max_running);
	return 0;
}

static int check_tasks(const struct sched *s, const struct sched_job_spec *spec, struct err *err)
{
	uint64_t instances = 0, deps = 0;

	for (size_t k = 0; k < spec->n_tasks; k++) {
		const struct sched_task_spec *t = &spec->tasks[k];
		int r;

		if (!sched_name_ok(t->name, NAME_TEXT_MAX))
			return err_set(err, EINVAL,
				       "task number %zu: its name is missing, longer than %d bytes or not printable", k,
				       NAME_TEXT_MAX - 1);
		r = check_numbers(t, err);
		if (r < 0)
			return r;
		r = check_deps(spec, t, err);
		if (r == 0)
			r = check_cap(spec, t, err);
		if (r == 0)
			r = check_select(t, err);
		if (r == 0)
			r = check_probe(t, err);
		if (r == 0)
			r = check_data(t, err);
		if (r == 0)
			r = check_licences(s, t, err);
		if (r == 0)
			r = check_counters(t, err);
		if (r == 0)
			r = check_rules(spec, t, err);
		if (r < 0)
			return r;
		instances += t->expand ? 0 : t->count;
		deps += t->n_deps;
		if (instances > SCHED_INSTANCES_MAX || deps > DEPS_MAX)
			return err_set(err, E2BIG, "job \"%s\": more than %d instances or %d dependencies", spec->name,
				       SCHED_INSTANCES_MAX, DEPS_MAX);
	}
	return 0;
}

static int check_unique(const struct sched_job_spec *spec, struct err *err)
{
	__attribute__((cleanup(map_free))) struct map names = MAP_INIT;

	for (size_t k = 0; k < spec->n_tasks; k++) {
		if (map_put(&names, spec->tasks[k].name, &names))
			return err_set(err, EINVAL, "task \"%s\" is there twice", spec->tasks[k].name);
	}
	return 0;
}

/* ---- cycles: a depth-first walk with its own stack ---- */

struct walk {
	const struct sched_job_spec *spec;
	uint8_t *seen;	 /* 0 new, 1 on the stack, 2 done */
	uint32_t *stack; /* tasks ... */
	size_t *next;	 /* ... and the next dependency to follow of each */
	size_t depth;
};

static int cycle_error(const struct walk *w, uint32_t back, struct err *err)
{
	struct buf path buf_cleanup = BUF_LIMIT(700);
	size_t k = w->depth;

	while (w->stack[k - 1] != back)
		k--;
	for (k--; k < w->depth; k++)
		buf_printf(&path, "\"%s\" -> ", w->spec->tasks[w->stack[k]].name);
	if (path.full)
		buf_adds(&path, "... -> ");
	return err_set(err, EINVAL, "tasks wait for each other: %s\"%s\"", buf_str(&path), w->spec->tasks[back].name);
}

static void walk_push(struct walk *w, uint32_t task)
{
	w->seen[task] = 1;
	w->stack[w->depth] = task;
	w->next[w->depth++] = 0;
}

static int walk_from(struct walk *w, uint32_t start, struct err *err)
{
	walk_push(w, start);
	while (w->depth) {
		const struct sched_task_spec *t = &w->spec->tasks[w->stack[w->depth - 1]];
		uint32_t on;

		if (w->next[w->depth - 1] == t->n_deps) {
			w->seen[w->stack[--w->depth]] = 2;
			continue;
		}
		on = t->deps[w->next[w->depth - 1]++].task;
		if (w->seen[on] == 1)
			return cycle_error(w, on, err);
		if (!w->seen[on])
			walk_push(w, on);
	}
	return 0;
}

static int check_cycles(const struct sched_job_spec *spec, struct err *err)
{
	mem_cleanup uint8_t *seen = mem_new_n(uint8_t, spec->n_tasks);
	mem_cleanup uint32_t *stack = mem_new_n(uint32_t, spec->n_tasks);
	mem_cleanup size_t *next = mem_new_n(size_t, spec->n_tasks);
	struct walk w = {.spec = spec, .seen = seen, .stack = stack, .next = next};
	int r = 0;

	for (uint32_t k = 0; k < spec->n_tasks && r == 0; k++) {
		if (!seen[k])
			r = walk_from(&w, k, err);
	}
	return r;
}

int sched_check(const struct sched *s, const struct sched_job_spec *spec, struct err *err)
{
	int r;

	if (!sched_name_ok(spec->id, SCHED_ID_MAX))
		return err_set(err, EINVAL, "the job's id is missing, longer than %d bytes or not printable",
			       SCHED_ID_MAX - 1);
	if (!sched_name_ok(spec->name, NAME_TEXT_MAX))
		return err_set(err, EINVAL, "job %s: its name is missing, longer than %d bytes or not printable",
			       spec->id, NAME_TEXT_MAX - 1);
	if (sched_job_find(s, spec->id))
		return err_set(err, EEXIST, "job %s is already there", spec->id);
	if (spec->n_tasks == 0)
		return err_set(err, EINVAL, "job \"%s\" has no task", spec->name);
	if (spec->n_tasks > SCHED_TASKS_MAX)
		return err_set(err, E2BIG, "job \"%s\": %zu tasks, more than %d", spec->name, spec->n_tasks,
			       SCHED_TASKS_MAX);
	if (spec->tenant && *spec->tenant && !sched_name_ok(spec->tenant, SCHED_ID_MAX))
		return err_set(err, EINVAL, "job \"%s\": the tenant is longer than %d bytes or not printable",
			       spec->name, SCHED_ID_MAX - 1);
	if (spec->project && *spec->project && !sched_name_ok(spec->project, SCHED_ID_MAX))
		return err_set(err, EINVAL, "job \"%s\": the project is longer than %d bytes or not printable",
			       spec->name, SCHED_ID_MAX - 1);
	if (spec->start_at_ms < 0 || spec->deadline_ms < 0)
		return err_set(err, EINVAL, "job \"%s\": start_at or deadline before 1970", spec->name);
	if (spec->exit_with < -1 || (spec->exit_with >= 0 && (size_t)spec->exit_with >= spec->n_tasks))
		return err_set(err, EINVAL, "job \"%s\": exit_with names task number %" PRId32 " of %zu", spec->name,
			       spec->exit_with, spec->n_tasks);
	r = check_tasks(s, spec, err);
	if (r == 0)
		r = check_unique(spec, err);
	return r == 0 ? check_cycles(spec, err) : r;
}
