/* SPDX-License-Identifier: Apache-2.0
 *
 * job: the plain structs between the file and the JSON text. All memory is the loader's arena. Arrays of strings are
 * NULL-terminated, NULL when there is none.
 */
#pragma once

#include "face/compose/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct node;

enum job_kind { JOB_KIND_UNKNOWN, JOB_TASK, JOB_SERVICE };
enum job_condition { JOB_STARTED, JOB_HEALTHY, JOB_COMPLETED };
enum job_mount_type { JOB_BIND, JOB_VOLUME, JOB_TMPFS };

struct job_space {
	const char *name, *path; /* path NULL = made by the server */
};

struct job_mount {
	enum job_mount_type type;
	const char *source; /* bind: absolute path; volume: its name on the node */
	const char *target;
	bool read_only, create;
	int64_t size; /* tmpfs, 0 = no limit */
	int64_t mode; /* tmpfs */
	const struct node *at;
};

struct job_file {
	const char *target;
	int64_t mode, uid, gid;
	const char *data;
	size_t len;
};

struct job_dep {
	const char *service;
	enum job_condition condition;
	bool required;
	const struct node *at;
	size_t index; /* of the service in the job, once checked; SIZE_MAX = not there */
};

struct job_stage {
	const char *space, *to; /* to NULL = "" */
	char **include, **exclude;
	const struct node *at;
};

struct job_health {
	char **test;
	int64_t interval_ms, timeout_ms, retries, start_period_ms, start_interval_ms;
};

struct job_retry {
	bool set;
	int64_t attempts, delay_ms; /* -1 = the default growing delay */
	double backoff;
	bool elsewhere;
};

/* Near or apart from what is live of others. */
struct job_rule {
	bool apart;
	const char *to, *within; /* within: "node" or "labels.NAME" */
	int64_t weight;		 /* 0 = must be kept */
	const struct node *at;
};

struct job_where {
	char *path;
	int line, column;
};

struct counts;
struct job_service {
	const char *name;
	const struct node *node, *berth; /* the service, its x-berth or NULL */
	bool active;			 /* by its profiles */
	enum job_kind kind;
	const char *image, *working_dir, *user, *hostname, *stop_signal, *restart, *on_error;
	char **entrypoint, **command;
	bool has_entrypoint, has_command;
	struct strings environment; /* "NAME=value", each name once */
	struct strings label_names, label_values;
	struct job_mount *mounts;
	size_t n_mounts, cap_mounts;
	struct job_file *files;
	size_t n_files, cap_files;
	struct job_dep *deps;
	size_t n_deps, cap_deps;
	struct job_stage *stage_in, *stage_out;
	size_t n_stage_in, n_stage_out;
	struct job_where *where;
	size_t n_where, cap_where;
	struct strings items;
	bool has_items;
	const char *over_space, *over_glob;
	bool read_only, has_health, health_off; /* off: by NONE or disable */
	bool gang, exclusive, preemptible;
	const char *topology, *fencing;
	const char *bind; /* "cores", "none" or NULL */
	struct job_rule *rules;
	size_t n_rules, cap_rules;
	struct strings spread_over; /* labels.NAME */
	int64_t per_node;	    /* 0 = no limit */
	const char *select;	    /* constraints and select, NULL = none */
	struct job_health health;
	struct job_retry retry;
	int64_t restart_max, count, slots, reserve_cpu_milli, reserve_memory, limit_cpu_milli, limit_memory, limit_pids;
	int64_t stop_grace_ms, walltime_ms; /* -1 = not said */
	struct strings probe;		    /* words; none: no probe */
	int64_t probe_timeout_ms, probe_age_ms;
	int64_t warn_before_ms; /* 0 = not said */
	int warn_signal;	/* 0 = no warning */
	int64_t max_running;
	const struct node *licences; /* a map of names and numbers, or NULL */
	struct counts *counters;     /* of its node, or NULL */
};

struct job_schedule {
	bool set;
	int line, column;
	struct strings cron, calendars;
	const char *timezone, *catch_up, *overlap; /* NULL = not said */
	int64_t catch_up_limit, queue_limit;	   /* 0 = not said */
	int64_t keep_finished, keep_failed;	   /* -1 = not said */
};

struct job {
	const char *name;
	struct job_space *spaces;
	size_t n_spaces, cap_spaces;
	const char *exit_with, *on_error, *fencing, *topology;
	const char *project;			    /* NULL: none */
	int64_t max_running;			    /* of all services, 0 = no limit */
	int64_t priority, start_at_ms, deadline_ms; /* times: 0 = not said */
	int64_t walltime_ms;
	struct job_retry retry;
	struct job_schedule schedule;
	struct job_service *services;
	size_t n_services;
};

/* Notes the place of a node below the service, for errors that only the server can find. */
struct loader;
void job_where_add(struct loader *l, struct job_service *s, const struct node *at);
struct job_service *job_find(const struct job *job, const char *name);
