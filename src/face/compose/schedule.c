/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/schedule.h"

#include "base/core/cron.h"
#include "base/core/err.h"
#include "face/compose/job.h"
#include "face/compose/loader.h"
#include "face/compose/read.h"

#include <stddef.h>

static void check_cron(struct loader *l, const struct node *n)
{
	struct err err = ERR_INIT;
	struct cron c;

	if (n->kind == NODE_SCALAR && cron_parse(n->text, &c, &err) < 0)
		message_error(l, n, "%s", err.text);
}

static void check_crons(struct loader *l, const struct node *n)
{
	if (n->kind == NODE_SCALAR)
		check_cron(l, n);
	for (size_t k = 0; n->kind == NODE_LIST && k < n->n; k++)
		check_cron(l, n->items[k]);
}

static void read_keep(const struct node *n, struct job_schedule *s)
{
	const struct node *keep = node_value(n, "keep");

	s->keep_finished = s->keep_failed = -1;
	if (keep && keep->kind == NODE_SCALAR) {
		s->keep_finished = s->keep_failed = read_int(n, "keep", -1);
	} else if (keep) {
		s->keep_finished = read_int(keep, "finished", -1);
		s->keep_failed = read_int(keep, "failed", -1);
	}
}

void schedule_read(struct loader *l, const struct node *berth)
{
	const struct node *n = node_value(berth, "schedule");
	struct job_schedule *s = &l->job->schedule;

	if (!n || n->kind == NODE_LIST)
		return;
	s->line = n->line;
	s->column = n->column;
	s->set = true;
	s->keep_finished = s->keep_failed = -1;
	if (n->kind == NODE_SCALAR) {
		read_strings(l, berth, "schedule", &s->cron);
		check_cron(l, n);
		return;
	}
	read_strings(l, n, "cron", &s->cron);
	if (node_value(n, "cron"))
		check_crons(l, node_value(n, "cron"));
	else
		message_error(l, n, "cron is missing; for example {cron: \"0 2 * * mon-fri\", timezone: Europe/Paris}");
	read_strings(l, n, "calendar", &s->calendars);
	s->timezone = read_str(n, "timezone", NULL);
	s->catch_up = read_str(n, "catch_up", NULL);
	s->overlap = read_str(n, "overlap", NULL);
	s->catch_up_limit = read_int(n, "catch_up_limit", 0);
	s->queue_limit = read_int(n, "queue_limit", 0);
	read_keep(n, s);
}
