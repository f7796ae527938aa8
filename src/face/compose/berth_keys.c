/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/berth_keys.h"

#include "face/compose/job.h"
#include "face/compose/loader.h"
#include "face/compose/read.h"
#include "face/compose/scalar.h"
#include "face/compose/schedule.h"
#include "face/compose/stage.h"

#include <string.h>
#include <time.h>

#define ITEMS_MAX 100000

bool berth_keys_task_only(const struct node *berth)
{
	static const char *const keys[] = {"replicate", "retry", "on_error", "walltime", "stage_in", "stage_out"};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (node_value(berth, keys[i]))
			return true;
	return false;
}

static void read_retry(struct loader *l, const struct node *berth, struct job_retry *ret)
{
	const struct node *n = node_value(berth, "retry");

	if (!n || n->kind == NODE_LIST)
		return;
	*ret = (struct job_retry){.set = true, .attempts = 1, .delay_ms = -1, .backoff = 1};
	if (n->kind == NODE_SCALAR) {
		ret->attempts = read_int(berth, "retry", 1);
		return;
	}
	ret->attempts = read_int(n, "attempts", 1);
	ret->delay_ms = read_duration(n, "delay", -1);
	ret->backoff = read_num(n, "backoff", 1);
	ret->elsewhere = strcmp(read_str(n, "where", "anywhere"), "elsewhere") == 0;
	if (!node_value(n, "attempts"))
		message_error(l, n, "attempts is missing; for example {attempts: 3, delay: 10s}");
	if (ret->backoff > 1000)
		message_error(l, node_get(n, "backoff"), "a number from 1 to 1000 is needed");
}

#define PROBE_TIMEOUT_MS 10000
#define PROBE_AGE_MS 600000

/* A text is for the shell, a list is taken as it is. */
static void read_probe_words(struct loader *l, struct job_service *s, const struct node *map, const char *key)
{
	const struct node *n = node_value(map, key);

	if (n && n->kind == NODE_SCALAR) {
		strings_add(&l->arena, &s->probe, "sh");
		strings_add(&l->arena, &s->probe, "-c");
	}
	if (n && n->kind != NODE_MAP)
		read_strings(l, map, key, &s->probe);
}

static void read_probe(struct loader *l, struct job_service *s)
{
	const struct node *n = node_value(s->berth, "probe");
	bool is_map = n && n->kind == NODE_MAP;

	if (!n)
		return;
	read_probe_words(l, s, is_map ? n : s->berth, is_map ? "command" : "probe");
	s->probe_timeout_ms = is_map ? read_duration(n, "timeout", PROBE_TIMEOUT_MS) : PROBE_TIMEOUT_MS;
	s->probe_age_ms = is_map ? read_duration(n, "max_age", PROBE_AGE_MS) : PROBE_AGE_MS;
	job_where_add(l, s, n);
	if (!s->probe.n)
		message_error(l, n, "a command is missing; for example probe: test -d /scratch");
	if (s->probe_timeout_ms < 1 || s->probe_timeout_ms > 60000)
		message_error(l, node_get(n, "timeout"), "more than 0 s and at most 60 s are possible");
	if (s->probe_age_ms < 1000 || s->probe_age_ms > (int64_t)30 * 24 * 3600 * 1000)
		message_error(l, node_get(n, "max_age"), "from 1 s to 720 h are possible");
}

/* A duration alone is the time before the end. */
static void read_warn(struct loader *l, struct job_service *s)
{
	const struct node *n = node_value(s->berth, "warn");
	char name[SCALAR_SIGNAL_MAX] = "SIGTERM";

	if (!n || n->kind == NODE_LIST)
		return;
	s->warn_before_ms = n->kind == NODE_SCALAR ? read_duration(s->berth, "warn", 0) : read_duration(n, "before", 0);
	if (n->kind == NODE_MAP)
		(void)scalar_signal(read_str(n, "signal", "SIGTERM"), name);
	s->warn_signal = scalar_signal_number(name);
	if (!strcmp(name, "SIGKILL") || !strcmp(name, "SIGSTOP"))
		message_error(l, node_get(n, "signal"), "no program can take %s as a warning", name);
}

static void read_items(struct loader *l, struct job_service *s, const struct node *list)
{
	s->has_items = true;
	if (list->n > ITEMS_MAX)
		message_error(l, list, "%zu items; %d are possible", list->n, ITEMS_MAX);
	for (size_t i = 0; i < list->n && i < ITEMS_MAX; i++)
		if (list->items[i]->kind == NODE_SCALAR)
			strings_add(&l->arena, &s->items, list->items[i]->text);
	s->count = (int64_t)s->items.n;
	if (!list->n)
		message_error(l, list, "the list is empty: the task would have no copy");
}

static void read_over(struct loader *l, struct job_service *s, const struct node *over)
{
	if (over->kind == NODE_LIST) {
		read_items(l, s, over);
	} else if (over->kind == NODE_SCALAR) {
		stage_split(l, over, &s->over_space, &s->over_glob);
	} else {
		s->over_space = read_str(over, "space", NULL);
		s->over_glob = read_str(over, "glob", NULL);
		if (!s->over_space || !s->over_glob)
			message_error(l, over, "%s is missing; for example {space: work, glob: \"parts/*\"}",
				      s->over_space ? "glob" : "space");
	}
	if (!s->over_space || !s->over_glob)
		return;
	stage_check_space(l, over, s->over_space);
	stage_check_pattern(l, over, s->over_glob, NULL);
}

static void read_replicate(struct loader *l, struct job_service *s)
{
	const struct node *n = node_value(s->berth, "replicate"), *over = node_value(n, "over");
	const struct node *deploy = read_map(s->node, "deploy");

	if (!n || n->kind == NODE_LIST)
		return;
	job_where_add(l, s, n);
	if (node_value(deploy, "replicas") || node_value(s->node, "scale"))
		message_error(l, n, "%s says the number of copies too; say it once",
			      node_value(s->node, "scale") ? "scale" : "deploy.replicas");
	if (n->kind == NODE_SCALAR)
		s->count = read_int(s->berth, "replicate", 1);
	else if (over)
		read_over(l, s, over);
	else
		message_error(l, n, "over is missing; for example {over: [a, b]}");
}

void berth_keys_read(struct loader *l, struct job_service *s)
{
	if (!s->berth)
		return;
	s->slots = read_int(s->berth, "slots", -1);
	s->on_error = read_str(s->berth, "on_error", NULL);
	s->walltime_ms = read_duration(s->berth, "walltime", -1);
	s->max_running = read_int(s->berth, "max_running", 0);
	s->licences = read_map(s->berth, "licences");
	if (s->licences)
		job_where_add(l, s, s->licences);
	s->gang = read_bool(s->berth, "gang", false);
	s->exclusive = read_bool(s->berth, "exclusive", false);
	s->preemptible = read_bool(s->berth, "preemptible", false);
	s->topology = read_str(s->berth, "topology", NULL);
	s->fencing = read_str(s->berth, "fencing", NULL);
	s->bind = read_str(s->berth, "bind", NULL);
	read_warn(l, s);
	read_probe(l, s);
	read_retry(l, s->berth, &s->retry);
	read_replicate(l, s);
	stage_read(l, s);
}

/* In UTC with a Z, else in local time. 0 when it is not said. */
static int64_t read_date(struct loader *l, const struct node *berth, const char *key)
{
	static const char *const formats[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M",
					      "%Y-%m-%d %H:%M"};
	const char *text = read_str(berth, key, NULL);

	for (size_t k = 0; text && k < sizeof formats / sizeof *formats; k++) {
		struct tm tm = {.tm_isdst = -1};
		const char *end = strptime(text, formats[k], &tm);
		int64_t seconds;

		if (!end || (*end && strcmp(end, "Z") != 0))
			continue;
		seconds = *end ? timegm(&tm) : mktime(&tm);
		if (seconds > 0)
			return seconds * 1000;
	}
	if (text)
		message_error(l, node_get(berth, key), "a date is needed, for example 2026-01-31T12:00:00Z");
	return 0;
}

void berth_keys_read_top(struct loader *l)
{
	const struct node *berth = read_map(l->root, "x-berth");

	l->job->on_error = read_str(berth, "on_error", "cancel");
	l->job->walltime_ms = read_duration(berth, "walltime", 0);
	l->job->fencing = read_str(berth, "fencing", NULL);
	l->job->topology = read_str(berth, "topology", NULL);
	l->job->priority = read_int(berth, "priority", 0);
	l->job->project = read_str(berth, "project", NULL);
	l->job->max_running = read_int(berth, "max_running", 0);
	l->job->start_at_ms = read_date(l, berth, "start_at");
	l->job->deadline_ms = read_date(l, berth, "deadline");
	read_retry(l, berth, &l->job->retry);
	schedule_read(l, berth);
	stage_read_spaces(l);
}
