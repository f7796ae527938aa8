/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of a service. What a service cannot work without, or would be less safe without, is an error as long as we
 * cannot do it; what changes nothing for the program inside is a warning.
 */
#include "face/compose/schema.h"

#include "face/compose/loader.h"

#include <stdlib.h>
#include <string.h>

static void tell_later(struct loader *l, const struct node *n)
{
	message_error(l, n, "\"%s\" is not supported yet by this version of berth", n->text);
}

/* no_new_privs is always set, so asking for it is fine. */
static void check_security_opt(struct loader *l, const struct node *n)
{
	for (size_t i = 0; i < n->n; i++) {
		const char *t = n->items[i]->text;

		if (!t || (strcmp(t, "no-new-privileges") != 0 && strcmp(t, "no-new-privileges:true") != 0 &&
			   strcmp(t, "no-new-privileges=true") != 0))
			message_error(l, n->items[i], "\"%s\" is not supported yet by this version of berth",
				      t ? t : "");
	}
}

static void check_ipc(struct loader *l, const struct node *n)
{
	if (strcmp(n->text, "private") != 0 && *n->text)
		tell_later(l, n);
}

static void check_network_mode(struct loader *l, const struct node *n)
{
	if (strcmp(n->text, "none") != 0)
		tell_later(l, n);
}

/* Every service is alone on its network, so more than `default` promises a peer that it cannot reach. */
static void check_networks(struct loader *l, const struct node *n)
{
	for (size_t i = 0; i < n->n; i++) {
		const struct node *item = n->items[i];
		const char *name = n->kind == NODE_MAP ? item->key->text : item->text;

		if (name && strcmp(name, "default") == 0)
			message_warn(l, item,
				     "has no effect here: each service has its own loopback network in this version");
		else
			message_error(l, item, "not supported yet by this version of berth");
	}
}

static void check_init(struct loader *l, const struct node *n)
{
	if (schema_is_empty(n))
		message_warn(l, n, "has no effect here: each container has a process that reaps orphans");
}

static const struct schema healthcheck[] = {
    {"test", S_STR | S_LIST, .item = &schema_item_str, .example = "test: [CMD, curl, -f, http://localhost]"},
    {"interval", S_DURATION, .example = "interval: 30s"},
    {"timeout", S_DURATION, .example = "timeout: 5s"},
    {"retries", S_INT, .min = 0, .max = 1000000, .example = "retries: 3"},
    {"start_period", S_DURATION, .example = "start_period: 10s"},
    {"start_interval", S_DURATION, .example = "start_interval: 1s"},
    {"disable", S_BOOL},
    {NULL}};

static const struct schema bind[] = {{"create_host_path", S_BOOL, .remark = "makes a missing source directory"},
				     {"propagation", S_STR, SCHEMA_LATER},
				     {"recursive", S_ANY, SCHEMA_LATER},
				     {"selinux", S_ANY, SCHEMA_NOTHING, .remark = "no SELinux labels are set"},
				     {NULL}};
static const struct schema volume[] = {{"nocopy", S_BOOL, SCHEMA_NOTHING, .remark = "a new volume is empty"},
				       {"subpath", S_STR, SCHEMA_LATER},
				       {"labels", S_ANY, SCHEMA_NOTHING, .remark = "volumes have no labels"},
				       {NULL}};
static const struct schema tmpfs[] = {
    {"size", S_SIZE, .example = "size: 64m"}, {"mode", S_INT | S_STR, .max = 07777, .example = "mode: 01777"}, {NULL}};
static const struct schema image_mount[] = {{"subpath", S_STR, SCHEMA_LATER}, {NULL}};
static const struct schema mount[] = {
    {"type", S_STR, .words = "bind volume tmpfs npipe cluster image",
     .remark = "`bind`, `volume`, `tmpfs`; others later"},
    {"source", S_STR, .example = "source: ./data"},
    {"target", S_STR, .example = "target: /data"},
    {"read_only", S_BOOL},
    {"consistency", S_ANY, SCHEMA_NOTHING, .remark = "a mount on Linux is always consistent"},
    {"bind", S_MAP, .fields = bind, .example = "bind: {create_host_path: true}"},
    {"volume", S_MAP, .fields = volume},
    {"tmpfs", S_MAP, .fields = tmpfs, .example = "tmpfs: {size: 64m}"},
    {"image", S_MAP, SCHEMA_LATER, .fields = image_mount},
    {NULL}};
static const struct schema one_mount = {
    .name = "", .shapes = S_STR | S_MAP, .fields = mount, .example = "- ./data:/data:ro"};

static const struct schema file_ref[] = {{"source", S_STR, .example = "source: key"},
					 {"target", S_STR, .example = "target: /etc/key"},
					 {"uid", S_INT, .max = 2147483647, .example = "uid: \"1000\""},
					 {"gid", S_INT, .max = 2147483647, .example = "gid: \"1000\""},
					 {"mode", S_INT | S_STR, .max = 07777, .example = "mode: 0440"},
					 {NULL}};
static const struct schema one_file_ref = {
    .name = "", .shapes = S_STR | S_MAP, .fields = file_ref, .example = "- {source: key, target: /etc/key}"};

static const struct schema depends[] = {
    {"condition", S_STR, .words = "service_started service_healthy service_completed_successfully"},
    {"required", S_BOOL},
    {"restart", S_BOOL, SCHEMA_NOTHING, .remark = "a service is not restarted with what it depends on"},
    {NULL}};
static const struct schema one_depends = {.name = "NAME",
					  .shapes = S_MAP | S_STR,
					  .fields = depends,
					  .example = "{split: {condition: service_completed_successfully}}"};

static const struct schema env_file[] = {
    {"path", S_STR, .example = "path: ./app.env"}, {"required", S_BOOL}, {"format", S_STR, .words = "raw"}, {NULL}};
static const struct schema one_env_file = {
    .name = "", .shapes = S_STR | S_MAP, .fields = env_file, .example = "- app.env"};
static const struct schema env_value = {.name = "NAME", .shapes = S_TEXT | S_NULL};
static const struct schema one_network = {.name = "NAME", .shapes = S_ANY};

static const struct schema network[] = {
    {"aliases", S_ANY, SCHEMA_LATER},	     {"interface_name", S_ANY, SCHEMA_LATER},
    {"ipv4_address", S_ANY, SCHEMA_LATER},   {"ipv6_address", S_ANY, SCHEMA_LATER},
    {"link_local_ips", S_ANY, SCHEMA_LATER}, {"mac_address", S_ANY, SCHEMA_LATER},
    {"driver_opts", S_ANY, SCHEMA_LATER},    {"gw_priority", S_ANY, SCHEMA_LATER},
    {"priority", S_ANY, SCHEMA_LATER},	     {NULL}};
static const struct schema ports[] = {{"name", S_ANY, SCHEMA_LATER},	     {"mode", S_ANY, SCHEMA_LATER},
				      {"host_ip", S_ANY, SCHEMA_LATER},	     {"target", S_ANY, SCHEMA_LATER},
				      {"published", S_ANY, SCHEMA_LATER},    {"protocol", S_ANY, SCHEMA_LATER},
				      {"app_protocol", S_ANY, SCHEMA_LATER}, {NULL}};
static const struct schema ulimits[] = {{"soft", S_ANY, SCHEMA_LATER}, {"hard", S_ANY, SCHEMA_LATER}, {NULL}};
static const struct schema logging[] = {{"driver", S_ANY, SCHEMA_NOTHING}, {"options", S_ANY, SCHEMA_NOTHING}, {NULL}};
static const struct schema watch[] = {{"path", S_ANY, SCHEMA_NOTHING},	       {"action", S_ANY, SCHEMA_NOTHING},
				      {"target", S_ANY, SCHEMA_NOTHING},       {"ignore", S_ANY, SCHEMA_NOTHING},
				      {"include", S_ANY, SCHEMA_NOTHING},      {"exec", S_ANY, SCHEMA_NOTHING},
				      {"initial_sync", S_ANY, SCHEMA_NOTHING}, {NULL}};
static const struct schema develop[] = {{"watch", S_ANY, SCHEMA_NOTHING, .fields = watch}, {NULL}};
static const struct schema blkio[] = {{"weight", S_ANY, SCHEMA_NOTHING},
				      {"weight_device", S_ANY, SCHEMA_NOTHING},
				      {"device_read_bps", S_ANY, SCHEMA_NOTHING},
				      {"device_read_iops", S_ANY, SCHEMA_NOTHING},
				      {"device_write_bps", S_ANY, SCHEMA_NOTHING},
				      {"device_write_iops", S_ANY, SCHEMA_NOTHING},
				      {NULL}};
static const struct schema credential_spec[] = {
    {"config", S_ANY, SCHEMA_LATER}, {"file", S_ANY, SCHEMA_LATER}, {"registry", S_ANY, SCHEMA_LATER}, {NULL}};
static const struct schema extends[] = {{"service", S_ANY, SCHEMA_LATER}, {"file", S_ANY, SCHEMA_LATER}, {NULL}};
static const struct schema provider[] = {{"type", S_ANY, SCHEMA_LATER}, {"options", S_ANY, SCHEMA_LATER}, {NULL}};
static const struct schema hook[] = {{"command", S_ANY, SCHEMA_LATER},	   {"user", S_ANY, SCHEMA_LATER},
				     {"privileged", S_ANY, SCHEMA_LATER},  {"working_dir", S_ANY, SCHEMA_LATER},
				     {"environment", S_ANY, SCHEMA_LATER}, {NULL}};
static const struct schema service_models[] = {
    {"endpoint_var", S_ANY, SCHEMA_LATER}, {"model_var", S_ANY, SCHEMA_LATER}, {NULL}};

#define LATER(key)                                                                                                     \
	{                                                                                                              \
		key, S_ANY, SCHEMA_LATER                                                                               \
	}
#define LATER_SUB(key, table)                                                                                          \
	{                                                                                                              \
		key, S_ANY, SCHEMA_LATER, .fields = (table)                                                            \
	}
#define NOTHING(key, why)                                                                                              \
	{                                                                                                              \
		key, S_ANY, SCHEMA_NOTHING, .remark = (why)                                                            \
	}

const struct schema schema_service[] = {
    {"image", S_STR, .example = "image: busybox:1.36", .remark = "needed"},
    {"command", S_STR | S_LIST | S_NULL, .item = &schema_item_str, .example = "command: [\"sleep\", \"10\"]",
     .remark = "a string is split into words as by a shell, without a shell"},
    {"entrypoint", S_STR | S_LIST | S_NULL, .item = &schema_item_str, .example = "entrypoint: [\"sh\", \"-c\"]"},
    {"environment", S_LIST | S_NAMES, .item = &env_value, .example = "environment: {KEY: value}",
     .remark = "both forms; a name without a value takes it from the environment of `berth submit`"},
    {"env_file", S_STR | S_LIST, .item = &one_env_file, .example = "env_file: app.env"},
    {"working_dir", S_STR, .example = "working_dir: /work"},
    {"user", S_STR | S_INT, .max = 2147483647, .example = "user: \"1000:1000\""},
    {"volumes", S_LIST, .item = &one_mount, .example = "volumes: [\"./data:/data:ro\"]",
     .remark = "bind, named and tmpfs, both forms; a named one must be declared at the top"},
    {"tmpfs", S_STR | S_LIST, .item = &schema_item_str, .example = "tmpfs: /tmp:size=64m"},
    {"read_only", S_BOOL},
    {"depends_on", S_LIST | S_NAMES, .item = &one_depends, .example = "depends_on: [split]"},
    {"restart", S_STR | S_BOOL, .example = "restart: on-failure:3",
     .remark = "`no`, `always`, `unless-stopped`, `on-failure`, `on-failure:N`"},
    {"deploy", S_MAP, .fields = schema_deploy, .example = "deploy: {replicas: 3}"},
    {"scale", S_INT, .min = 0, .max = 100000, .example = "scale: 3"},
    {"cpus", S_CPUS, .example = "cpus: 0.5"},
    {"mem_limit", S_SIZE, .example = "mem_limit: 64m"},
    {"mem_reservation", S_SIZE, .example = "mem_reservation: 32m", .remark = "as deploy.resources.reservations.memory"},
    {"pids_limit", S_INT, .min = -1, .max = 4194304, .example = "pids_limit: 100", .remark = "-1 and 0: no limit"},
    {"stop_signal", S_SIGNAL, .example = "stop_signal: SIGINT"},
    {"stop_grace_period", S_DURATION, .example = "stop_grace_period: 30s"},
    {"healthcheck", S_MAP, .fields = healthcheck, .example = "healthcheck: {test: [CMD, \"true\"]}"},
    {"labels", S_LIST | S_NAMES, .item = &env_value, .example = "labels: {team: data}"},
    {"profiles", S_LIST, .item = &schema_item_str, .example = "profiles: [debug]"},
    {"secrets", S_LIST, .item = &one_file_ref, .example = "secrets: [key]", .remark = "in /run/secrets/NAME"},
    {"configs", S_LIST, .item = &one_file_ref, .example = "configs: [web]", .remark = "in /NAME"},
    {"hostname", S_STR, .example = "hostname: web"},
    {"init", S_BOOL, .check = check_init, .remark = "always on"},
    {"security_opt", S_LIST, .item = &schema_item_str, .check = check_security_opt,
     .remark = "only `no-new-privileges`, which is always on; others later"},
    {"network_mode", S_STR, .check = check_network_mode, .remark = "only `none`; others later"},
    {"networks", S_LIST | S_NAMES, .item = &one_network, .fields = network, .check = check_networks,
     .remark = "only `default`, without an effect; others later"},
    {"ipc", S_STR, .check = check_ipc, .remark = "only `private`; others later"},
    {"cgroup", S_STR, .check = check_ipc, .remark = "only `private`; others later"},
    {"gpus", S_STR | S_LIST, .item = &schema_device, .words = "all", .example = "gpus: [{count: 1}]",
     .remark = "a list; not `all`"},
    {"x-berth", S_MAP, .fields = schema_berth_service, .remark = "see job.md"},
    LATER_SUB("build", schema_build),
    LATER_SUB("ports", ports),
    LATER_SUB("extends", extends),
    LATER("cap_add"),
    LATER("cap_drop"),
    LATER("privileged"),
    LATER("devices"),
    LATER("device_cgroup_rules"),
    LATER("group_add"),
    LATER("userns_mode"),
    LATER("uts"),
    LATER("pid"),
    LATER("runtime"),
    LATER("sysctls"),
    LATER_SUB("ulimits", ulimits),
    LATER("shm_size"),
    LATER("cpuset"),
    LATER("cpu_count"),
    LATER("cpu_percent"),
    LATER("cpu_quota"),
    LATER("cpu_period"),
    LATER("cpu_rt_period"),
    LATER("cpu_rt_runtime"),
    LATER("oom_kill_disable"),
    LATER("storage_opt"),
    LATER("stdin_open"),
    LATER("volumes_from"),
    LATER("links"),
    LATER("external_links"),
    LATER("extra_hosts"),
    LATER("dns"),
    LATER("dns_opt"),
    LATER("dns_search"),
    LATER("domainname"),
    LATER("mac_address"),
    LATER_SUB("credential_spec", credential_spec),
    LATER("label_file"),
    LATER_SUB("post_start", hook),
    LATER_SUB("pre_stop", hook),
    LATER_SUB("provider", provider),
    LATER_SUB("models", service_models),
    LATER("use_api_socket"),
    NOTHING("annotations", "nobody reads them"),
    NOTHING("attach", "`berth logs` shows the output of each service"),
    {"blkio_config", S_MAP, SCHEMA_NOTHING, .fields = blkio, .remark = "disks are shared without weights or limits"},
    NOTHING("cgroup_parent", "berth keeps its own tree of cgroups"),
    NOTHING("container_name", "containers are named by job, service and index"),
    NOTHING("cpu_shares", "CPU time is shared by slots and limits"),
    {"develop", S_MAP, SCHEMA_NOTHING, .fields = develop, .remark = "only for watching sources while developing"},
    NOTHING("expose", "it only documents ports"),
    NOTHING("isolation", "only for Windows"),
    {"logging", S_MAP, SCHEMA_NOTHING, .fields = logging, .remark = "logs are kept and rotated; see `berth logs`"},
    NOTHING("mem_swappiness", "left to the kernel"),
    NOTHING("memswap_limit", "left to the kernel"),
    NOTHING("oom_score_adj", "left to the kernel"),
    NOTHING("platform", "the image decides; it must be made for this machine"),
    NOTHING("pull_policy", "`berth submit --pull` says when images are fetched"),
    NOTHING("pull_refresh_after", "`berth submit --pull` says when images are fetched"),
    NOTHING("tty", "output goes to the log"),
    {NULL}};
