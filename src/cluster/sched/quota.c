/* SPDX-License-Identifier: Apache-2.0
 *
 * quota: how much a user or a project may have at the same time. An owner is known while a job of it is there or while it has a
 * quota; what it uses is always counted, so that a quota that is set later is right at once. A quota below what is in use
 * ends nothing: nothing new starts until there is less.
 */
#include "cluster/sched/state.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define EVERYBODY "user:*" /* for users that have none of their own */

/* ---- the list, by name ---- */

static size_t find(const struct sched *s, const char *name)
{
	size_t lo = 0, hi = s->n_quotas;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(s->quotas[mid]->name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct quota *get(struct sched *s, const char *name)
{
	size_t at = find(s, name);
	struct quota *q;

	if (at < s->n_quotas && !strcmp(s->quotas[at]->name, name))
		return s->quotas[at];
	q = mem_new(struct quota);
	q->name = mem_strdup(name);
	for (size_t k = 0; k < SCHED_QUOTA_N; k++)
		q->caps[k] = SCHED_NO_LIMIT;
	mem_grow(&s->quotas, &s->cap_quotas, s->n_quotas);
	memmove(&s->quotas[at + 1], &s->quotas[at], (s->n_quotas - at) * sizeof(struct quota *));
	s->quotas[at] = q;
	s->n_quotas++;
	if (!strcmp(name, EVERYBODY))
		s->everybody = q;
	return q;
}

static void drop(struct sched *s, struct quota *q)
{
	size_t at = find(s, q->name);

	if (q->refs || q->set)
		return;
	if (s->everybody == q)
		s->everybody = NULL;
	s->n_quotas--;
	memmove(&s->quotas[at], &s->quotas[at + 1], (s->n_quotas - at) * sizeof(struct quota *));
	free(q->name);
	free(q);
}

bool sched_quota_name_ok(const char *name)
{
	const char *rest = name && !strncmp(name, "user:", 5)	   ? name + 5
			   : name && !strncmp(name, "project:", 8) ? name + 8
								   : NULL;

	return rest && sched_name_ok(rest, SCHED_ID_MAX);
}

static bool is_user(const struct quota *q)
{
	return q->name[0] == 'u';
}

uint64_t sched_quota_cap(const struct sched *s, const struct quota *q, enum sched_quota what)
{
	if (!q->set && s->everybody && is_user(q))
		return s->everybody->caps[what];
	return q->caps[what];
}

/* ---- who uses what ---- */

static struct quota *owner(struct sched *s, const char *kind, const char *name)
{
	mem_cleanup char *key = mem_printf("%s:%s", kind, name);

	return get(s, key);
}

void sched_quota_join(struct sched *s, struct job *j, const char *project)
{
	j->quotas[0] = *j->tenant->name ? owner(s, "user", j->tenant->name) : NULL;
	j->quotas[1] = project && *project ? owner(s, "project", project) : NULL;
	for (size_t k = 0; k < 2; k++) {
		if (!j->quotas[k])
			continue;
		j->quotas[k]->refs++;
		j->quotas[k]->used[SCHED_QUOTA_JOBS]++;
	}
}

void sched_quota_ended(struct job *j)
{
	for (size_t k = 0; k < 2; k++) {
		if (j->quotas[k])
			j->quotas[k]->used[SCHED_QUOTA_JOBS]--;
	}
}

void sched_quota_leave(struct sched *s, struct job *j)
{
	if (!j->ended)
		sched_quota_ended(j);
	for (size_t k = 0; k < 2; k++) {
		if (!j->quotas[k])
			continue;
		j->quotas[k]->refs--;
		drop(s, j->quotas[k]);
	}
}

/* What one copy takes of each kind. A slot is a CPU. */
void sched_quota_request(uint64_t ret[static SCHED_QUOTA_N], const struct shape *sh)
{
	ret[SCHED_QUOTA_CPU] = (uint64_t)sh->slots * 1000;
	if (__builtin_add_overflow(ret[SCHED_QUOTA_CPU], sh->cpu_milli, &ret[SCHED_QUOTA_CPU]))
		ret[SCHED_QUOTA_CPU] = SCHED_NO_LIMIT;
	ret[SCHED_QUOTA_MEMORY] = sh->memory;
	ret[SCHED_QUOTA_TASKS] = 1;
	ret[SCHED_QUOTA_JOBS] = 0;
	ret[SCHED_QUOTA_GPUS] = sh->gpus;
}

void sched_quota_take(const struct shape *sh)
{
	uint64_t each[SCHED_QUOTA_N];

	sched_quota_request(each, sh);
	for (size_t k = 0; k < 2; k++) {
		for (size_t w = 0; sh->quotas[k] && w < SCHED_QUOTA_N; w++)
			sh->quotas[k]->used[w] += each[w];
	}
}

/* Those that waited for it are looked at again. */
static void wake(struct sched *s, const struct quota *q)
{
	for (size_t k = 0; k < s->n_shapes; k++) {
		struct shape *sh = s->shapes[k];

		if (sh->limited && (!q || sh->quotas[0] == q || sh->quotas[1] == q))
			sh->blocked = sh->limited = false;
	}
}

void sched_quota_release(struct sched *s, const struct shape *sh)
{
	uint64_t each[SCHED_QUOTA_N];

	sched_quota_request(each, sh);
	for (size_t k = 0; k < 2; k++) {
		for (size_t w = 0; sh->quotas[k] && w < SCHED_QUOTA_N; w++)
			sh->quotas[k]->used[w] -= each[w];
		if (sh->quotas[k])
			wake(s, sh->quotas[k]);
	}
}

/* ---- the limit ---- */

static bool has_room(const struct sched *s, const struct quota *q, enum sched_quota what, uint64_t more)
{
	uint64_t cap = sched_quota_cap(s, q, what);

	return more == 0 || cap == SCHED_NO_LIMIT || (q->used[what] <= cap && more <= cap - q->used[what]);
}

static uint64_t times(uint64_t each, uint32_t copies)
{
	uint64_t all;

	return __builtin_mul_overflow(each, (uint64_t)copies, &all) ? SCHED_NO_LIMIT : all;
}

static bool is_kept(const struct quota *q, enum sched_quota what, uint64_t more, uint64_t claimed)
{
	return q->held && more > claimed && more - claimed > q->spare[what];
}

/* The first owner that has not enough left for so many copies, and of what; NULL: there is room. pass: what is kept does not count. */
static const struct quota *short_of(const struct sched *s, const struct shape *sh, uint32_t copies, bool pass,
				    enum sched_quota *ret_what)
{
	uint64_t each[SCHED_QUOTA_N], claimed = pass ? copies : sched_claim_copies(s, sh, NULL);

	sched_quota_request(each, sh);
	for (size_t k = 0; k < 2; k++) {
		for (unsigned w = 0; sh->quotas[k] && w < SCHED_QUOTA_N; w++) {
			*ret_what = (enum sched_quota)w;
			if (!has_room(s, sh->quotas[k], *ret_what, times(each[w], copies)) ||
			    (!pass && is_kept(sh->quotas[k], *ret_what, times(each[w], copies),
					      times(each[w], (uint32_t)claimed))))
				return sh->quotas[k];
		}
	}
	return NULL;
}

bool sched_quota_allows(const struct sched *s, const struct shape *sh, uint32_t copies, bool pass)
{
	enum sched_quota what;

	return !short_of(s, sh, copies, pass, &what);
}

/* ---- setting ---- */

void sched_quota_set(struct sched *s, const char *name, const uint64_t caps[static SCHED_QUOTA_N])
{
	struct quota *q = get(s, name);

	q->set = false;
	for (size_t k = 0; k < SCHED_QUOTA_N; k++) {
		q->caps[k] = caps[k];
		q->set |= caps[k] != SCHED_NO_LIMIT;
	}
	drop(s, q);
	/* What is kept was planned with another number. */
	if (s->n_takers)
		sched_hold_drop(s);
	wake(s, NULL);
}

void sched_quota_free(struct sched *s)
{
	for (size_t k = 0; k < s->n_quotas; k++) {
		free(s->quotas[k]->name);
		free(s->quotas[k]);
	}
	free(s->quotas);
}

/* ---- looking ---- */

int sched_quota_at(const struct sched *s, size_t position, struct sched_quota_view *ret)
{
	const struct quota *q = position < s->n_quotas ? s->quotas[position] : NULL;

	if (!q)
		return -ENOENT;
	*ret = (struct sched_quota_view){.name = q->name, .set = q->set};
	for (unsigned k = 0; k < SCHED_QUOTA_N; k++) {
		ret->caps[k] = sched_quota_cap(s, q, (enum sched_quota)k);
		ret->used[k] = q->used[k];
	}
	return 0;
}

static void add_amount(struct buf *b, enum sched_quota what, uint64_t n)
{
	if (what == SCHED_QUOTA_CPU)
		buf_printf(b, "%g", (double)n / 1000);
	else if (what == SCHED_QUOTA_MEMORY)
		sched_why_bytes(b, n);
	else
		buf_printf(b, "%" PRIu64, n);
}

static void add_short(struct buf *b, const struct sched *s, const struct quota *q, enum sched_quota what)
{
	static const char *const nouns[] = {"CPUs in use", "memory in use", "running copies",
					    "jobs that have not ended", "GPUs in use"};
	const char *colon = strchr(q->name, ':');

	buf_printf(b, "%.*s %s has ", (int)(colon - q->name), q->name, colon + 1);
	add_amount(b, what, q->used[what]);
	buf_adds(b, " of ");
	add_amount(b, what, sched_quota_cap(s, q, what));
	buf_printf(b, " %s", nouns[what]);
}

bool sched_quota_why(const struct sched *s, const struct shape *sh, uint32_t copies, bool pass, struct buf *b)
{
	uint64_t each[SCHED_QUOTA_N];
	enum sched_quota what;
	const struct quota *q = short_of(s, sh, copies, pass, &what);

	if (!q)
		return false;
	sched_quota_request(each, sh);
	add_short(b, s, q, what);
	buf_printf(b, "; %s needs ", copies > 1 ? "all of it together" : "this one");
	add_amount(b, what, times(each[what], copies));
	if (times(each[what], copies) > sched_quota_cap(s, q, what))
		buf_adds(b, ": more than the quota will ever allow");
	else if (has_room(s, q, what, times(each[what], copies)))
		buf_printf(b, ", the rest is kept for \"%s\" of job %s, which stands before it",
			   sched_hold_first(s)->task->name, sched_hold_first(s)->job->id);
	return true;
}

/* ---- at submit ---- */

static int admit_jobs(const struct sched *s, const char *kind, const char *name, uint32_t on_the_way, struct err *err)
{
	mem_cleanup char *key = mem_printf("%s:%s", kind, name);
	buf_cleanup struct buf text = BUF_LIMIT(256);
	size_t at = find(s, key);
	struct quota none = {.name = key};
	const struct quota *q = at < s->n_quotas && !strcmp(s->quotas[at]->name, key) ? s->quotas[at] : &none;

	for (size_t k = 0; k < SCHED_QUOTA_N; k++)
		none.caps[k] = SCHED_NO_LIMIT;
	if (has_room(s, q, SCHED_QUOTA_JOBS, (uint64_t)on_the_way + 1))
		return 0;
	add_short(&text, s, q, SCHED_QUOTA_JOBS);
	return err_set(err, EBUSY, "%s: wait for one to end, or ask for more (berth quota ls)", buf_str(&text));
}

int sched_admit(const struct sched *s, const struct sched_job_spec *spec, const uint32_t on_the_way[static 2],
		struct err *err)
{
	int r = spec->tenant && *spec->tenant ? admit_jobs(s, "user", spec->tenant, on_the_way[0], err) : 0;

	if (r == 0 && spec->project && *spec->project)
		r = admit_jobs(s, "project", spec->project, on_the_way[1], err);
	for (size_t k = 0; r == 0 && k < spec->n_tasks; k++)
		r = sched_licence_admit(s, &spec->tasks[k], err);
	return r;
}
