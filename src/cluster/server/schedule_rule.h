/* SPDX-License-Identifier: Apache-2.0
 *
 * schedule_rule: the `schedule` of a canonical job (docs/formats/job.md), checked: when, on which days, and what happens when a time was missed or a job still runs.
 */
#pragma once

#include "base/core/cron.h"
#include "cluster/sched/recur.h"

#include <stddef.h>
#include <stdint.h>
#include <yyjson.h>

struct err;

#define SCHEDULE_CRONS_MAX 16
#define SCHEDULE_CALENDARS_MAX 16
#define SCHEDULE_KEEP_MAX 1000

struct schedule_rule {
	struct cron *crons;
	size_t n_crons;
	char **texts;	  /* of them */
	char *zone;	  /* name */
	char **calendars; /* names, or NULL: a day must be in all of them */
	struct recur_rule recur;
	uint32_t keep_finished, keep_failed; /* ended jobs that are remembered */
};

/* -EINVAL names the key. */
int schedule_rule_read(yyjson_val *o, struct schedule_rule *ret, struct err *err);
void schedule_rule_free(struct schedule_rule *r);
const char *schedule_rule_catch_up(const struct schedule_rule *r);
const char *schedule_rule_overlap(const struct schedule_rule *r);

/* A schedule's or calendar's name: as a job's, at most 48 of a-z 0-9 _ -. */
int schedule_name_check(const char *what, const char *name, struct err *err);
