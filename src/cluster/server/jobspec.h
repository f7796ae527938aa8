/* SPDX-License-Identifier: Apache-2.0
 *
 * jobspec: a canonical job (docs/formats/job.md section 2), checked, with what the scheduler needs taken out of it. The container part of a service stays
 * JSON and is completed for each attempt.
 */
#pragma once

#include "base/core/owner.h"
#include "cluster/sched/sched.h"

#include <yyjson.h>

struct err;
struct server_user;

#define JOBSPEC_MAX (16u << 20)

struct jobspec {
	yyjson_doc *doc;
	yyjson_val *root; /* the job */
	yyjson_val *services;
	uint32_t uid;	       /* who submitted it, UINT32_MAX: nobody of this machine */
	char owner[OWNER_MAX]; /* the same as a word (base/core/owner.h); also whose share it uses */
	bool confined;	       /* who may not open a machine (node/engine/rights.h) */
	bool
	    spread; /* services that do not say how they are placed go to the emptiest node: the server's default then */
	const char *name, *file; /* point into doc */
	yyjson_val *schedule;	 /* schedule_rule.h, or NULL */
	int64_t scheduled_ms;	 /* the time for which a schedule has made it, 0 = none has */
	char id[SCHED_ID_MAX];
	struct sched_job_spec sched; /* points into this object */
	struct sched_task_spec *tasks;
	struct sched_dep **deps; /* one array per task */
	struct sched_need **needs;
	char ***items; /* per task: list items or expanded paths, or NULL */
	bool *told;    /* per task: its expansion was answered, and is on its way into the log or there */
};

/* `text` is the canonical job itself. -EINVAL and -E2BIG name file, line and column of the service. */
int jobspec_parse(const char *text, size_t len, const char *id, const struct server_user *user, bool spread,
		  struct jobspec **ret, struct err *err);
struct jobspec *jobspec_free(struct jobspec *j);

/* As it is stored: {"uid": n, "owner": "...", "spread": bool, "confined": true, "job": {...}}; without "owner" it is the number. The caller frees. */
char *jobspec_stored(const struct jobspec *j, const char *text, size_t len, size_t *ret_len);
int jobspec_load(const char *stored, size_t len, const char *id, struct jobspec **ret, struct err *err);

/* The result of an expansion: a JSON list of paths. Returns their number. The first only looks: -EINVAL, -E2BIG. */
int jobspec_count_items(const char *json, uint32_t *ret, struct err *err);
int jobspec_set_items(struct jobspec *j, uint32_t task, const char *json, struct err *err);

/* What of a task may run beside its successor: nothing (strict), or what a node does that nobody can reach. */
enum jobspec_fencing { JOBSPEC_AS_THE_SERVER, JOBSPEC_BEST_EFFORT, JOBSPEC_STRICT };
/* The processors of its own that each copy of a service asks for (bind), 0 = none. */
uint32_t jobspec_cores(const struct jobspec *j, uint32_t task);
bool jobspec_numa(const struct jobspec *j, uint32_t task); /* and its memory, of one NUMA node */
/* What its program is told before its walltime ends, or as the first thing when it is preempted; signal 0: nothing. */
struct jobspec_warn {
	int signal;
	int64_t before_ms; /* 0: without a walltime */
};
struct jobspec_warn jobspec_warn(const struct jobspec *j, uint32_t task);
enum jobspec_fencing jobspec_fencing(const struct jobspec *j, uint32_t task);

/* "compose.yaml:12:3: services.map", for messages about a service; with a key whose place is known ("image"), "compose.yaml:13:12: services.map.image". */
void jobspec_where(const struct jobspec *j, uint32_t task, const char *key, char *text, size_t n);
