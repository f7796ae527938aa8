/* SPDX-License-Identifier: Apache-2.0
 *
 * The jobs of a story: "submit a priority=5: x x3 tries=2 -> y".
 */
#include "cluster/sched/test/story_private.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

#define TASKS_MAX 64
#define DEPS_EACH 16
#define RULES_EACH 4

struct draft {
	struct sched_task_spec tasks[TASKS_MAX];
	struct sched_dep deps[TASKS_MAX][DEPS_EACH];
	struct sched_need needs[TASKS_MAX][SCHED_NEEDS_MAX + 1];
	struct counts counters[TASKS_MAX];
	struct sched_rule rules[TASKS_MAX][RULES_EACH];
	const char *spread[TASKS_MAX][SCHED_SPREADS_MAX];
	const char *data[TASKS_MAX][SCHED_DATA_MAX];
	size_t n;
};

static uint32_t draft_find(struct story *st, const struct draft *d, const char *name)
{
	for (uint32_t k = 0; k < d->n; k++) {
		if (!strcmp(d->tasks[k].name, name))
			return k;
	}
	story_say(st, "! no task %s", name);
	return 0;
}

static unsigned choice(struct story *st, const char *value, const char *const *names, unsigned n)
{
	for (unsigned k = 0; k < n; k++) {
		if (!strcmp(value, names[k]))
			return k;
	}
	story_say(st, "! unknown value %s", value);
	return 0;
}

/* after=a,b:started,c:healthy?  ('?' = not required) */
static void draft_after(struct story *st, struct draft *d, struct sched_task_spec *t, char *list)
{
	static const char *const conditions[] = {"started", "healthy", "completed"};
	char *save = NULL;

	for (char *w = strtok_r(list, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		struct sched_dep *dep = &d->deps[t - d->tasks][t->n_deps++];
		char *colon, *mark = strchr(w, '?');

		dep->required = !mark;
		if (mark)
			*mark = 0;
		colon = strchr(w, ':');
		dep->condition = SCHED_DEP_COMPLETED;
		if (colon) {
			*colon = 0;
			dep->condition = (enum sched_condition)choice(st, colon + 1, conditions, 3);
		}
		dep->task = draft_find(st, d, w);
	}
}

/* "~" stands for a blank. */
static char *unblank(char *value)
{
	for (char *p = value; (p = strchr(p, '~'));)
		*p = ' ';
	return value;
}

/* licences=a:2,b */
static void draft_licences(struct draft *d, struct sched_task_spec *t, char *list)
{
	char *save = NULL;

	t->licences = d->needs[t - d->tasks];
	for (char *w = strtok_r(list, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		char *colon = strchr(w, ':');

		if (colon)
			*colon++ = 0;
		d->needs[t - d->tasks][t->n_licences++] =
		    (struct sched_need){w, colon ? (uint32_t)strtoul(colon, NULL, 10) : 1};
	}
}

static void draft_counters(struct story *st, struct draft *d, struct sched_task_spec *t, const char *list)
{
	t->counters = &d->counters[t - d->tasks];
	story_counts(st, list, &d->counters[t - d->tasks]);
}

/* near=TASK or apart=TASK,labels.zone,WEIGHT */
static void draft_rule(struct story *st, struct draft *d, struct sched_task_spec *t, bool apart, char *value)
{
	struct sched_rule *r = &d->rules[t - d->tasks][t->n_rules++];
	char *save = NULL, *within, *weight;

	if (t->n_rules > RULES_EACH)
		story_say(st, "! too many rules");
	r->apart = apart;
	r->to = strtok_r(value, ",", &save);
	within = strtok_r(NULL, ",", &save);
	weight = strtok_r(NULL, ",", &save);
	r->within = within ? within : "node";
	r->weight = weight ? (uint32_t)strtoul(weight, NULL, 10) : 0;
	t->rules = d->rules[t - d->tasks];
}

static void draft_spread(struct draft *d, struct sched_task_spec *t, char *value)
{
	const char **labels = d->spread[t - d->tasks];
	char *save = NULL;

	for (char *w = strtok_r(value, ",", &save); w && t->n_spread < SCHED_SPREADS_MAX;
	     w = strtok_r(NULL, ",", &save))
		labels[t->n_spread++] = w;
	t->spread = labels;
}

/* data=volume.a,space.global */
static void draft_data(struct draft *d, struct sched_task_spec *t, char *value)
{
	char *save = NULL;

	t->data = d->data[t - d->tasks];
	for (char *w = strtok_r(value, ",", &save); w && t->n_data < SCHED_DATA_MAX; w = strtok_r(NULL, ",", &save))
		d->data[t - d->tasks][t->n_data++] = w;
}

static void draft_setting(struct story *st, struct draft *d, struct sched_task_spec *t, char *key, char *value)
{
	static const char *const on_error[] = {"continue", "suspend", "pause", "cancel"};
	static const char *const topology[] = {"any", "spread", "apart", "few", "one"};
	static const char *const restart[] = {"no", "always", "on-failure", "unless-stopped"};

	if (!strcmp(key, "slots"))
		t->slots = (uint32_t)strtoul(value, NULL, 10);
	else if (!strcmp(key, "cpu"))
		t->cpu_milli = strtoull(value, NULL, 10);
	else if (!strcmp(key, "memory"))
		t->memory = strtoull(value, NULL, 10);
	else if (!strcmp(key, "tries"))
		t->attempts = (uint32_t)strtoul(value, NULL, 10);
	else if (!strcmp(key, "delay"))
		t->delay_ms = story_ms(value);
	else if (!strcmp(key, "backoff"))
		t->backoff = strtod(value, NULL);
	else if (!strcmp(key, "walltime"))
		t->walltime_ms = story_ms(value);
	else if (!strcmp(key, "on_error"))
		t->on_error = (enum sched_on_error)choice(st, value, on_error, 4);
	else if (!strcmp(key, "topology"))
		t->topology = (enum sched_topology)choice(st, value, topology, 5);
	else if (!strcmp(key, "running"))
		t->max_running = (uint32_t)strtoul(value, NULL, 10);
	else if (!strcmp(key, "restart"))
		t->restart = (enum sched_restart)choice(st, value, restart, 4);
	else if (!strcmp(key, "max"))
		t->restart_max = (uint32_t)strtoul(value, NULL, 10);
	else if (!strcmp(key, "near") || !strcmp(key, "apart"))
		draft_rule(st, d, t, key[0] == 'a', value);
	else if (!strcmp(key, "per_node"))
		t->per_node = (uint32_t)strtoul(value, NULL, 10);
	else if (!strcmp(key, "spread"))
		draft_spread(d, t, value);
	else if (!strcmp(key, "image"))
		t->image = value;
	else if (!strcmp(key, "data"))
		draft_data(d, t, value);
	else if (!strcmp(key, "probe"))
		t->probe = value;
	else if (!strcmp(key, "age"))
		t->probe_age_ms = story_ms(value);
	else if (!strcmp(key, "select"))
		t->select = unblank(value);
	else if (!strcmp(key, "licences"))
		draft_licences(d, t, value);
	else if (!strcmp(key, "counters"))
		draft_counters(st, d, t, value);
	else if (!strcmp(key, "after"))
		draft_after(st, d, t, value);
	else
		story_say(st, "! unknown setting %s", key);
}

static void draft_word(struct story *st, struct draft *d, struct sched_task_spec *t, char *w)
{
	char *equals = strchr(w, '=');

	if (equals) {
		*equals = 0;
		draft_setting(st, d, t, w, equals + 1);
	} else if (w[0] == 'x' && w[1] >= '0' && w[1] <= '9') {
		t->count = (uint32_t)strtoul(w + 1, NULL, 10);
	} else if (!strcmp(w, "expand")) {
		t->expand = true;
	} else if (!strcmp(w, "service")) {
		t->service = true;
	} else if (!strcmp(w, "health")) {
		t->healthcheck = true;
	} else if (!strcmp(w, "elsewhere")) {
		t->elsewhere = true;
	} else if (!strcmp(w, "preemptible")) {
		t->preemptible = true;
	} else if (!strcmp(w, "gang")) {
		t->gang = true;
	} else if (!strcmp(w, "home")) {
		t->home = true;
	} else if (!strcmp(w, "exclusive")) {
		t->exclusive = true;
	} else {
		story_say(st, "! unknown word %s", w);
	}
}

/* "a x3 tries=2 -> b; c": tasks, "->" makes the next wait for the completion of the one before. */
static void draft_tasks(struct story *st, struct draft *d, char *text)
{
	char *save = NULL;
	bool name_next = true, chained = false;

	for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		bool ends = w[strlen(w) - 1] == ';';
		struct sched_task_spec *t;

		if (ends)
			w[strlen(w) - 1] = 0;
		if (!strcmp(w, "->")) {
			name_next = chained = true;
			continue;
		}
		if (!name_next) {
			draft_word(st, d, &d->tasks[d->n - 1], w);
			name_next = ends;
			continue;
		}
		t = &d->tasks[d->n];
		*t = (struct sched_task_spec){.name = w,
					      .count = 1,
					      .slots = 1,
					      .attempts = 1,
					      .delay_ms = -1,
					      .backoff = 1,
					      .on_error = SCHED_ON_ERROR_CANCEL,
					      .probe_age_ms = 600000,
					      .deps = d->deps[d->n]};
		if (chained)
			d->deps[d->n][t->n_deps++] = (struct sched_dep){(uint32_t)d->n - 1, SCHED_DEP_COMPLETED, true};
		d->n++;
		chained = false;
		name_next = ends;
	}
}

void story_submit(struct story *st, char *line)
{
	struct draft *d = mem_new(struct draft);
	char *colon = strchr(line, ':'), *save = NULL;
	struct sched_job_spec spec = {.tasks = d->tasks, .exit_with = -1};
	struct err err = ERR_INIT;

	*colon = 0;
	draft_tasks(st, d, colon + 1);
	strtok_r(line, " ", &save);
	spec.id = spec.name = strtok_r(NULL, " ", &save);
	spec.n_tasks = d->n;
	for (char *w; (w = strtok_r(NULL, " ", &save));) {
		if (!strncmp(w, "priority=", 9))
			spec.priority = (int32_t)strtol(w + 9, NULL, 10);
		else if (!strncmp(w, "project=", 8))
			spec.project = w + 8;
		else if (!strncmp(w, "running=", 8))
			spec.max_running = (uint32_t)strtoul(w + 8, NULL, 10);
		else if (!strncmp(w, "tenant=", 7))
			spec.tenant = w + 7;
		else if (!strncmp(w, "start=", 6))
			spec.start_at_ms = st->now_ms + story_ms(w + 6);
		else if (!strncmp(w, "deadline=", 9))
			spec.deadline_ms = st->now_ms + story_ms(w + 9);
		else if (!strncmp(w, "exit_with=", 10))
			spec.exit_with = (int32_t)draft_find(st, d, w + 10);
	}
	if (sched_check(st->s, &spec, &err) < 0 || sched_admit(st->s, &spec, (uint32_t[]){0, 0}, &err) < 0)
		story_say(st, "= refused: %s", err.text);
	else
		story_step(st, &(struct sched_event){.type = SCHED_EV_JOB_SUBMIT, .job_spec = &spec});
	free(d);
}
