/* SPDX-License-Identifier: Apache-2.0 */
/* The result, side by side. Waits and makespan are those of the jobs that have started and ended in the log and in each run, so that all columns tell of the same. */
#include "cluster/replay/replay.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "cluster/replay/past.h"
#include "cluster/replay/world.h"

#include <inttypes.h>
#include <string.h>

#define COLUMNS_MAX 3

struct result {
	const struct past *past;
	const struct replay_wish *wish;
	struct world worlds[COLUMNS_MAX];
	size_t n;
	bool *counted; /* by the job's place */
	size_t n_counted;
};

static const char *const titles[COLUMNS_MAX] = {"recorded", "replayed", "changed"};

/* ---- numbers ---- */

static int64_t wait_of(const struct past_job *j, const struct world_job *w)
{
	int64_t ready = j->spec->sched.start_at_ms > j->submitted_ms ? j->spec->sched.start_at_ms : j->submitted_ms;

	return w->started_ms > ready ? w->started_ms - ready : 0;
}

static void add_times(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, struct past_times *t)
{
	yyjson_mut_val *v = yyjson_mut_obj_add_obj(d, o, key);

	past_times_sort(t);
	yyjson_mut_obj_add_int(d, v, "p50", past_times_at(t, 50));
	yyjson_mut_obj_add_int(d, v, "p90", past_times_at(t, 90));
	yyjson_mut_obj_add_int(d, v, "max", past_times_at(t, 100));
	free(t->ms);
	*t = (struct past_times){.ms = NULL};
}

/* uid < 0: of all. */
static void add_waits(const struct result *r, const struct world *w, int64_t uid, yyjson_mut_doc *d, yyjson_mut_val *o)
{
	struct past_times waits = {.n = 0}, takes = {.n = 0};
	int64_t slot_ms = 0;
	uint64_t jobs = 0;

	for (size_t k = 0; k < r->past->n_jobs; k++) {
		const struct past_job *j = r->past->jobs[k];

		if (!r->counted[k] || (uid >= 0 && j->spec->uid != uid))
			continue;
		jobs++;
		slot_ms += w->jobs[k].slot_ms;
		past_times_add(&waits, wait_of(j, &w->jobs[k]));
		past_times_add(&takes, w->jobs[k].ended_ms - j->submitted_ms);
	}
	yyjson_mut_obj_add_uint(d, o, "jobs", jobs);
	add_times(d, o, "wait_ms", &waits);
	add_times(d, o, "turnaround_ms", &takes);
	yyjson_mut_obj_add_int(d, o, "slot_ms", slot_ms);
}

static bool seen_before(const struct result *r, size_t place)
{
	for (size_t k = 0; k < place; k++) {
		if (r->counted[k] && r->past->jobs[k]->spec->uid == r->past->jobs[place]->spec->uid)
			return true;
	}
	return false;
}

static void add_column(const struct result *r, size_t column, yyjson_mut_doc *d, yyjson_mut_val *o)
{
	const struct world *w = &r->worlds[column];
	int64_t first = INT64_MAX, last = 0;
	yyjson_mut_val *users;

	yyjson_mut_obj_add_str(d, o, "name", titles[column]);
	add_waits(r, w, -1, d, o);
	for (size_t k = 0; k < r->past->n_jobs; k++) {
		if (!r->counted[k])
			continue;
		first = r->past->jobs[k]->submitted_ms < first ? r->past->jobs[k]->submitted_ms : first;
		last = w->jobs[k].ended_ms > last ? w->jobs[k].ended_ms : last;
	}
	yyjson_mut_obj_add_int(d, o, "makespan_ms", r->n_counted ? last - first : 0);
	yyjson_mut_obj_add_real(d, o, "utilisation",
				w->capacity_ms > 0 ? (double)w->busy_ms / (double)w->capacity_ms : 0);
	users = yyjson_mut_obj_add_arr(d, o, "users");
	for (size_t k = 0; k < r->past->n_jobs; k++) {
		yyjson_mut_val *user;

		if (!r->counted[k] || seen_before(r, k))
			continue;
		user = yyjson_mut_arr_add_obj(d, users);
		yyjson_mut_obj_add_uint(d, user, "uid", r->past->jobs[k]->spec->uid);
		add_waits(r, w, r->past->jobs[k]->spec->uid, d, user);
	}
}

/* ---- what it cannot know ---- */

static void say(yyjson_mut_doc *d, yyjson_mut_val *list, uint64_t n, const char *what)
{
	mem_cleanup char *text = n ? mem_printf("%" PRIu64 " %s", n, what) : NULL;

	if (text)
		yyjson_mut_arr_add_strcpy(d, list, text);
}

static void add_unknown(const struct result *r, yyjson_mut_doc *d, yyjson_mut_val *o)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(d, o, "unknown");
	const struct world *w = &r->worlds[r->n - 1];

	if (r->past->first_seq > 1)
		yyjson_mut_arr_add_str(d, list,
				       "what was before the first event that the store still has: jobs of that time "
				       "are left out, and used their nodes");
	say(d, list, r->past->nodes_before, "nodes were up before that; they count as up from the beginning");
	say(d, list, r->past->forgotten, "jobs are left out: their files were forgotten with them");
	say(d, list, r->past->n_jobs - r->n_counted,
	    "jobs are not compared: they did not start or end, in the log or in a run");
	say(d, list, w->guessed,
	    "attempts took a guess: they were ended early, had not ended, or never ran; each as long as the middle of "
	    "its kind");
	say(d, list, w->endless, "tasks never learnt how many copies they have");
	yyjson_mut_arr_add_str(
	    d, list, "users who act otherwise when things go faster: jobs come, and are cancelled, when they were");
	yyjson_mut_arr_add_str(d, list, "how fast another node is: each attempt takes as long as it did where it ran");
}

/* ---- the whole ---- */

static void count_jobs(struct result *r)
{
	for (size_t k = 0; k < r->past->n_jobs; k++) {
		r->counted[k] = true;
		for (size_t c = 0; c < r->n; c++) {
			if (!r->worlds[c].jobs[k].started_ms || !r->worlds[c].jobs[k].ended_ms)
				r->counted[k] = false;
		}
		r->n_counted += r->counted[k];
	}
}

static char *report(const struct result *r)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(d), *log, *columns;

	yyjson_mut_doc_set_root(d, o);
	log = yyjson_mut_obj_add_obj(d, o, "log");
	yyjson_mut_obj_add_uint(d, log, "events", r->past->read);
	yyjson_mut_obj_add_uint(d, log, "jobs", r->past->n_jobs);
	yyjson_mut_obj_add_uint(d, log, "nodes", r->past->n_nodes);
	yyjson_mut_obj_add_int(d, log, "from_ms", r->past->from_ms);
	yyjson_mut_obj_add_int(d, log, "to_ms", r->past->to_ms);
	columns = yyjson_mut_obj_add_arr(d, o, "columns");
	for (size_t c = 0; c < r->n; c++)
		add_column(r, c, d, yyjson_mut_arr_add_obj(d, columns));
	add_unknown(r, d, o);
	return json_text(d, false, NULL);
}

static int run(const struct past *p, const struct replay_wish *wish, char **ret, struct err *err)
{
	struct result r = {.past = p, .wish = wish, .n = 2};
	bool *counted mem_cleanup = mem_new_n(bool, p->n_jobs + 1);
	int x = 0;

	r.counted = counted;
	world_recorded(p, &r.worlds[0]);
	world_run(p, NULL, &r.worlds[1]);
	if (wish->set)
		world_run(p, wish, &r.worlds[r.n++]);
	count_jobs(&r);
	if (r.n_counted)
		*ret = report(&r);
	else
		x = err_set(err, ENODATA,
			    "no job has started and ended, in the log and in every run: there is nothing to compare");
	for (size_t c = 0; c < r.n; c++)
		world_free(&r.worlds[c]);
	return x;
}

int replay_store(struct store *s, const struct replay_options *o, char **ret, struct err *err)
{
	struct replay_wish wish;
	struct past past;
	int r = past_read(s, &past, err);

	if (r < 0)
		return r;
	r = replay_wish_read(o, &past, &wish, err);
	if (r == 0) {
		r = run(&past, &wish, ret, err);
		replay_wish_free(&wish);
	}
	past_free(&past);
	return r;
}
