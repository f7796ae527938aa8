/* SPDX-License-Identifier: Apache-2.0
 *
 * run_options: what `berth run` and `berth create` can be told about a container, and the part of it that `berth update` takes.
 *
 * The plain ones (run_options_plain()) go into one request of our own API (run_request.h), and the container starts the fast way. With any other
 * the container is created by Docker's API (create_body.h), where each of them has its place.
 */
#pragma once

#include "face/cli/options.h"

struct err;

struct run_options {
	/* plain */
	bool remove, detach, read_only, userns, quiet, sig_proxy;
	const char *pull; /* image_fetch.h */
	const char *name, *workdir, *user, *entrypoint, *hostname, *cidfile, *detach_keys;
	char **env, **env_files, **volumes, **tmpfs;
	uint64_t cpus, memory, pids;

	/* those of Docker's API */
	bool interactive, tty, init, privileged, publish_all, no_healthcheck, oom_kill_disable;
	const char *domainname, *platform, *runtime, *restart, *gpus, *volume_driver;
	const char *ip, *ip6, *mac, *pid, *ipc, *uts, *cgroupns, *cgroup_parent;
	const char *stop_signal, *stop_timeout, *log_driver, *health_cmd;
	const char *shm_size, *memory_reservation, *memory_swap, *memory_swappiness, *oom_score_adj;
	const char *cpuset_cpus, *cpuset_mems, *cpu_quota;
	uint64_t cpu_shares, cpu_period, blkio_weight;
	uint64_t health_interval, health_timeout, health_start_period, health_start_interval, health_retries;
	char **publish, **expose, **networks, **aliases, **link_local, **links, **hosts, **dns, **dns_search,
	    **dns_options;
	char **mounts, **volumes_from, **devices, **device_rules, **cap_add, **cap_drop, **group_add;
	char **ulimits, **sysctls, **security, **labels, **label_files, **annotations, **log_options;
	char **attach; /* run_options_streams() */
	char **read_bps, **write_bps, **read_iops, **write_iops, **weights;
};

extern const struct option_spec run_option_specs[];    /* of run */
extern const struct option_spec create_option_specs[]; /* without those of a container in the foreground */
extern const struct option_spec update_option_specs[];
extern const struct run_options run_option_defaults;

/* What of a container in the foreground comes here and goes there: --attach, else all output and, with --interactive, the input. */
struct run_streams {
	bool in, out, err;
};
int run_options_streams(const struct run_options *o, struct run_streams *ret, struct err *err);

/* Nothing was asked for that needs Docker's API. */
bool run_options_plain(const struct run_options *o);
