/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/deploy.h"

#include "face/compose/job.h"
#include "face/compose/loader.h"
#include "face/compose/read.h"

#include <string.h>

/* The same limit may stand in two places, but must then say the same. 0 = none. */
static int64_t agreed(struct loader *l, struct job_service *s, const char *key, int64_t own, int64_t deployed,
		      const char *deploy_key)
{
	if (own > 0 && deployed > 0 && own != deployed)
		message_error(l, node_get(s->node, key), "deploy.resources.%s says something else; say it once",
			      deploy_key);
	return deployed > 0 ? deployed : own > 0 ? own : 0;
}

static void read_limits(struct loader *l, struct job_service *s, const struct node *deploy)
{
	const struct node *resources = read_map(deploy, "resources");
	const struct node *limits = read_map(resources, "limits"), *reserve = read_map(resources, "reservations");

	s->limit_cpu_milli =
	    agreed(l, s, "cpus", read_cpus(s->node, "cpus", 0), read_cpus(limits, "cpus", 0), "limits.cpus");
	s->limit_memory = agreed(l, s, "mem_limit", read_size(s->node, "mem_limit", 0), read_size(limits, "memory", 0),
				 "limits.memory");
	s->limit_pids =
	    agreed(l, s, "pids_limit", read_int(s->node, "pids_limit", 0), read_int(limits, "pids", 0), "limits.pids");
	s->reserve_cpu_milli = read_cpus(reserve, "cpus", 0);
	s->reserve_memory = agreed(l, s, "mem_reservation", read_size(s->node, "mem_reservation", 0),
				   read_size(reserve, "memory", 0), "reservations.memory");
	if (s->limit_memory && s->reserve_memory > s->limit_memory)
		message_error(l, s->node,
			      "the memory that is reserved (%lld bytes) is more than the limit (%lld bytes)",
			      (long long)s->reserve_memory, (long long)s->limit_memory);
}

static void read_count(struct loader *l, struct job_service *s, const struct node *deploy)
{
	const struct node *scale = node_value(s->node, "scale"), *replicas = node_value(deploy, "replicas");
	const struct node *mode = node_value(deploy, "mode");

	s->count = read_int(deploy, "replicas", read_int(s->node, "scale", 1));
	if (scale && replicas && read_int(s->node, "scale", 1) != s->count)
		message_error(l, scale, "deploy.replicas says %lld; say it once", (long long)s->count);
	if (!mode || mode->kind != NODE_SCALAR || strncmp(mode->text, "global", 6) != 0)
		return;
	if (replicas || scale)
		message_error(l, replicas ? replicas : scale,
			      "deploy.mode: %s has one copy on each node, so it takes no number", mode->text);
	s->count = 1;
}

/* deploy.restart_policy wins over restart. Its default condition is any, for jobs on-failure. */
static void read_policy(struct loader *l, struct job_service *s, const struct node *deploy)
{
	const struct node *policy = read_map(deploy, "restart_policy");
	bool is_job = strstr(read_str(deploy, "mode", ""), "-job") != NULL;
	const char *condition = read_str(policy, "condition", is_job ? "on-failure" : "any");

	if (!policy)
		return;
	if (node_value(s->node, "restart"))
		message_warn(l, node_get(s->node, "restart"), "deploy.restart_policy is there too and wins");
	s->restart_max = read_int(policy, "max_attempts", 0);
	if (strcmp(condition, "none") == 0)
		s->restart = "no";
	else if (strcmp(condition, "on-failure") == 0)
		s->restart = "on-failure";
	else
		s->restart = "always";
	s->retry.delay_ms = read_duration(policy, "delay", -1);
	if (s->restart_max && strcmp(s->restart, "always") == 0)
		message_warn(l, node_get(policy, "max_attempts"), "has no effect with condition: any");
}

static void read_kind(struct job_service *s, const struct node *deploy)
{
	if (strstr(read_str(deploy, "mode", ""), "-job"))
		s->kind = JOB_TASK;
}

void deploy_read(struct loader *l, struct job_service *s)
{
	const struct node *deploy = read_map(s->node, "deploy");

	s->retry = (struct job_retry){.attempts = 1, .delay_ms = -1, .backoff = 1};
	read_limits(l, s, deploy);
	read_count(l, s, deploy);
	read_policy(l, s, deploy);
	read_kind(s, deploy);
}
