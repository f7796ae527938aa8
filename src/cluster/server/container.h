/* SPDX-License-Identifier: Apache-2.0
 *
 * container: from a job's service to what the engine runs for one attempt: names, BERTH_* environment, {index} and its kin in staging rules, and
 * the paths of the data spaces.
 *
 * Managed spaces lie below the agent's directory: job/<job>/<name> (private), user/<uid>, global.
 */
#pragma once

#include "cluster/sched/sched.h"

struct err;
struct jobspec;

/* The container specification (JSON, engine.h) of one attempt; strict: what does not say is fenced. The caller frees *ret. */
int container_json(const struct jobspec *j, const struct sched_attempt_id *a, const char *spaces, bool strict,
		   char **ret, struct err *err);

/* Path of the space and glob of a task that is expanded at run time. The caller frees both. */
int container_over(const struct jobspec *j, uint32_t task, const char *spaces, char **ret_path, char **ret_glob,
		   struct err *err);
