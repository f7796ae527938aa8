/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of a service. Their order is that of Compose's own output, and so of what its configuration hash is made of.
 */
#include "face/compose/model.h"

#include "face/compose/expand.h"
#include "face/compose/ports.h"
#include "face/compose/volumes.h"

#include <stddef.h>

const struct model model_ulimit[] = {
    {"soft", MODEL_INT, MODEL_KEEP, .min = -1}, {"hard", MODEL_INT, MODEL_KEEP, .min = -1}, {NULL}};

static const struct model file_ref[] = {{"source", MODEL_STR, MODEL_SHORT},
					{"target", MODEL_STR},
					{"uid", MODEL_TEXT},
					{"gid", MODEL_TEXT},
					{"mode", MODEL_MODE},
					{NULL}};

const struct model model_build[] = {{"context", MODEL_STR, MODEL_SHORT | MODEL_PATH},
				    {"dockerfile", MODEL_STR},
				    {"dockerfile_inline", MODEL_STR},
				    {"entitlements", MODEL_STRINGS},
				    {"args", MODEL_ENV},
				    {"provenance", MODEL_TEXT},
				    {"sbom", MODEL_TEXT},
				    {"ssh", MODEL_KEYS, MODEL_PATH},
				    {"labels", MODEL_MAP},
				    {"cache_from", MODEL_STRINGS},
				    {"cache_to", MODEL_STRINGS},
				    {"no_cache", MODEL_BOOL},
				    {"no_cache_filter", MODEL_STRINGS},
				    {"additional_contexts", MODEL_MAP, MODEL_PATH},
				    {"pull", MODEL_BOOL},
				    {"extra_hosts", MODEL_HOSTS},
				    {"isolation", MODEL_STR},
				    {"network", MODEL_STR},
				    {"target", MODEL_STR},
				    {"secrets", MODEL_OBJECTS, .fields = file_ref},
				    {"shm_size", MODEL_SIZE},
				    {"tags", MODEL_STRINGS, MODEL_SET},
				    {"ulimits", MODEL_ULIMITS},
				    {"platforms", MODEL_STRINGS},
				    {"privileged", MODEL_BOOL},
				    {NULL}};

static const struct model hook[] = {{"command", MODEL_COMMAND, MODEL_NULL},
				    {"user", MODEL_TEXT},
				    {"privileged", MODEL_BOOL},
				    {"working_dir", MODEL_STR},
				    {"environment", MODEL_ENV},
				    {NULL}};
static const struct model watch[] = {
    {"path", MODEL_STR, MODEL_KEEP | MODEL_PATH | MODEL_NEEDED},
    {"action", MODEL_STR, MODEL_KEEP | MODEL_NEEDED, .words = "rebuild sync restart sync+restart sync+exec"},
    {"target", MODEL_STR},
    {"exec", MODEL_OBJECT, MODEL_ALWAYS, .fields = hook},
    {"include", MODEL_STRINGS},
    {"ignore", MODEL_STRINGS},
    {"initial_sync", MODEL_BOOL},
    {NULL}};
static const struct model develop[] = {{"watch", MODEL_OBJECTS, .fields = watch}, {NULL}};

static const struct model weight_device[] = {{"path", MODEL_STR}, {"weight", MODEL_INT}, {NULL}};
static const struct model throttle_device[] = {{"path", MODEL_STR}, {"rate", MODEL_SIZE}, {NULL}};
static const struct model blkio[] = {{"weight", MODEL_INT},
				     {"weight_device", MODEL_OBJECTS, .fields = weight_device},
				     {"device_read_bps", MODEL_OBJECTS, .fields = throttle_device},
				     {"device_read_iops", MODEL_OBJECTS, .fields = throttle_device},
				     {"device_write_bps", MODEL_OBJECTS, .fields = throttle_device},
				     {"device_write_iops", MODEL_OBJECTS, .fields = throttle_device},
				     {NULL}};

static const struct model credential_spec[] = {
    {"config", MODEL_STR}, {"file", MODEL_STR}, {"registry", MODEL_STR}, {NULL}};

static const struct model depends[] = {
    {"condition", MODEL_STR, .words = "service_started service_healthy service_completed_successfully"},
    {"restart", MODEL_BOOL},
    {"required", MODEL_BOOL, MODEL_KEEP},
    {NULL}};

static const struct model device_request[] = {{"capabilities", MODEL_STRINGS}, {"driver", MODEL_STR},
					      {"count", MODEL_COUNT},	       {"device_ids", MODEL_STRINGS},
					      {"options", MODEL_MAP},	       {NULL}};
static const struct model discrete[] = {{"kind", MODEL_STR, MODEL_KEEP}, {"value", MODEL_INT, MODEL_KEEP}, {NULL}};
static const struct model generic[] = {{"discrete_resource_spec", MODEL_OBJECT, .fields = discrete}, {NULL}};
static const struct model resource[] = {{"cpus", MODEL_FLOAT},
					{"memory", MODEL_SIZE},
					{"pids", MODEL_INT, .min = -1},
					{"devices", MODEL_OBJECTS, .fields = device_request},
					{"generic_resources", MODEL_OBJECTS, .fields = generic},
					{NULL}};
static const struct model resources[] = {{"limits", MODEL_OBJECT, MODEL_KEEP, .fields = resource},
					 {"reservations", MODEL_OBJECT, MODEL_KEEP, .fields = resource},
					 {NULL}};
static const struct model update[] = {{"parallelism", MODEL_INT, MODEL_KEEP},
				      {"delay", MODEL_DURATION},
				      {"failure_action", MODEL_STR},
				      {"monitor", MODEL_DURATION},
				      {"max_failure_ratio", MODEL_FLOAT},
				      {"order", MODEL_STR, .words = "start-first stop-first"},
				      {NULL}};
static const struct model restart_policy[] = {{"condition", MODEL_STR},
					      {"delay", MODEL_DURATION, MODEL_KEEP},
					      {"max_attempts", MODEL_INT, MODEL_KEEP},
					      {"window", MODEL_DURATION, MODEL_KEEP},
					      {NULL}};
static const struct model spread[] = {{"spread", MODEL_STR}, {NULL}};
static const struct model placement[] = {{"constraints", MODEL_STRINGS},
					 {"preferences", MODEL_OBJECTS, .fields = spread},
					 {"max_replicas_per_node", MODEL_INT},
					 {NULL}};
const struct model model_deploy[] = {{"mode", MODEL_STR},
				     {"replicas", MODEL_INT, MODEL_KEEP},
				     {"labels", MODEL_MAP},
				     {"update_config", MODEL_OBJECT, MODEL_KEEP, .fields = update},
				     {"rollback_config", MODEL_OBJECT, MODEL_KEEP, .fields = update},
				     {"resources", MODEL_OBJECT, MODEL_KEEP | MODEL_ALWAYS, .fields = resources},
				     {"restart_policy", MODEL_OBJECT, MODEL_KEEP, .fields = restart_policy},
				     {"placement", MODEL_OBJECT, MODEL_KEEP | MODEL_ALWAYS, .fields = placement},
				     {"endpoint_mode", MODEL_STR},
				     {NULL}};

static const struct model device[] = {
    {"source", MODEL_STR, MODEL_NEEDED}, {"target", MODEL_STR}, {"permissions", MODEL_STR}, {NULL}};
static const struct model env_file[] = {{"path", MODEL_STR, MODEL_SHORT | MODEL_PATH | MODEL_NEEDED},
					{"required", MODEL_BOOL, MODEL_KEEP},
					{"format", MODEL_STR},
					{NULL}};
static const struct model extends[] = {{"file", MODEL_STR}, {"service", MODEL_STR, MODEL_SHORT | MODEL_NEEDED}, {NULL}};
static const struct model healthcheck[] = {{"test", MODEL_TEST, MODEL_REPLACE},
					   {"timeout", MODEL_DURATION, MODEL_KEEP},
					   {"interval", MODEL_DURATION, MODEL_KEEP},
					   {"retries", MODEL_INT, MODEL_KEEP},
					   {"start_period", MODEL_DURATION, MODEL_KEEP},
					   {"start_interval", MODEL_DURATION, MODEL_KEEP},
					   {"disable", MODEL_BOOL},
					   {NULL}};
static const struct model logging[] = {{"driver", MODEL_STR}, {"options", MODEL_MAP}, {NULL}};
static const struct model service_model[] = {{"endpoint_var", MODEL_STR}, {"model_var", MODEL_STR}, {NULL}};
static const struct model service_network[] = {{"aliases", MODEL_STRINGS, MODEL_SET},
					       {"driver_opts", MODEL_MAP},
					       {"gw_priority", MODEL_INT, .min = INT32_MIN},
					       {"interface_name", MODEL_STR},
					       {"ipv4_address", MODEL_STR},
					       {"ipv6_address", MODEL_STR},
					       {"link_local_ips", MODEL_STRINGS, MODEL_SET},
					       {"mac_address", MODEL_STR},
					       {"priority", MODEL_INT, .min = INT32_MIN},
					       {NULL}};
static const struct model port[] = {
    {"name", MODEL_STR},	 {"mode", MODEL_STR},
    {"host_ip", MODEL_STR},	 {"target", MODEL_INT, MODEL_NEEDED, .min = 1, .max = 65535},
    {"published", MODEL_TEXT},	 {"protocol", MODEL_STR},
    {"app_protocol", MODEL_STR}, {NULL}};
static const struct model provider[] = {{"type", MODEL_STR, MODEL_NEEDED}, {"options", MODEL_LISTS}, {NULL}};

static const struct model mount_bind[] = {{"selinux", MODEL_STR, .words = "z Z"},
					  {"propagation", MODEL_STR},
					  {"create_host_path", MODEL_BOOL},
					  {"recursive", MODEL_STR, .words = "enabled disabled writable readonly"},
					  {NULL}};
static const struct model mount_volume[] = {
    {"labels", MODEL_MAP}, {"nocopy", MODEL_BOOL}, {"subpath", MODEL_STR}, {NULL}};
static const struct model mount_tmpfs[] = {{"size", MODEL_SIZE}, {"mode", MODEL_RAW_MODE}, {NULL}};
static const struct model mount_image[] = {{"subpath", MODEL_STR}, {NULL}};
static const struct model mount[] = {
    {"type", MODEL_STR, MODEL_NEEDED, .words = "bind volume tmpfs npipe cluster image"},
    {"source", MODEL_STR},
    {"target", MODEL_STR},
    {"read_only", MODEL_BOOL},
    {"consistency", MODEL_STR},
    {"bind", MODEL_OBJECT, MODEL_KEEP, .fields = mount_bind},
    {"volume", MODEL_OBJECT, MODEL_KEEP, .fields = mount_volume},
    {"tmpfs", MODEL_OBJECT, MODEL_KEEP, .fields = mount_tmpfs},
    {"image", MODEL_OBJECT, MODEL_KEEP, .fields = mount_image},
    {NULL}};

const struct model model_service[] = {
    {"profiles", MODEL_STRINGS, MODEL_SET},
    {"annotations", MODEL_MAP},
    {"attach", MODEL_BOOL, MODEL_KEEP},
    {"build", MODEL_OBJECT, MODEL_KEEP, .fields = model_build},
    {"develop", MODEL_OBJECT, MODEL_KEEP, .fields = develop},
    {"blkio_config", MODEL_OBJECT, MODEL_KEEP, .fields = blkio},
    {"cap_add", MODEL_STRINGS, MODEL_SET},
    {"cap_drop", MODEL_STRINGS, MODEL_SET},
    {"cgroup_parent", MODEL_STR},
    {"cgroup", MODEL_STR, .words = "host private"},
    {"cpu_count", MODEL_INT},
    {"cpu_percent", MODEL_FLOAT},
    {"cpu_period", MODEL_INT},
    {"cpu_quota", MODEL_INT, .min = -1},
    {"cpu_rt_period", MODEL_INT},
    {"cpu_rt_runtime", MODEL_INT, .min = -1},
    {"cpus", MODEL_FLOAT},
    {"cpuset", MODEL_TEXT},
    {"cpu_shares", MODEL_INT},
    {"command", MODEL_COMMAND, MODEL_NULL | MODEL_REPLACE},
    {"configs", MODEL_OBJECTS, .fields = file_ref, .identity = expand_config_identity},
    {"container_name", MODEL_STR},
    {"credential_spec", MODEL_OBJECT, MODEL_KEEP, .fields = credential_spec},
    {"depends_on", MODEL_NAMED, .fields = depends, .expand = expand_depends},
    {"deploy", MODEL_OBJECT, MODEL_KEEP, .fields = model_deploy},
    {"device_cgroup_rules", MODEL_STRINGS},
    {"devices", MODEL_OBJECTS, .fields = device, .expand = expand_device, .identity = expand_target_identity},
    {"dns", MODEL_STRINGS, MODEL_SET},
    {"dns_opt", MODEL_STRINGS, MODEL_SET},
    {"dns_search", MODEL_STRINGS, MODEL_SET},
    {"domainname", MODEL_STR},
    {"entrypoint", MODEL_COMMAND, MODEL_NULL | MODEL_REPLACE},
    {"provider", MODEL_OBJECT, .fields = provider},
    {"environment", MODEL_ENV},
    {"env_file", MODEL_OBJECTS, .fields = env_file, .expand = expand_env_file, .identity = expand_path_identity},
    {"expose", MODEL_STRINGS, MODEL_SET},
    {"extends", MODEL_OBJECT, .fields = extends},
    {"external_links", MODEL_STRINGS},
    {"extra_hosts", MODEL_HOSTS},
    {"group_add", MODEL_STRINGS},
    {"gpus", MODEL_OBJECTS, .fields = device_request, .expand = expand_gpus},
    {"hostname", MODEL_STR},
    {"healthcheck", MODEL_OBJECT, MODEL_KEEP, .fields = healthcheck},
    {"image", MODEL_STR},
    {"init", MODEL_BOOL, MODEL_KEEP},
    {"ipc", MODEL_STR},
    {"isolation", MODEL_STR},
    {"labels", MODEL_MAP},
    {"label_file", MODEL_STRINGS, MODEL_PATH},
    {"links", MODEL_STRINGS, MODEL_SET},
    {"logging", MODEL_OBJECT, MODEL_KEEP, .fields = logging, .unite = expand_unite_logging},
    {"mem_limit", MODEL_SIZE},
    {"mem_reservation", MODEL_SIZE},
    {"memswap_limit", MODEL_SIZE},
    {"mem_swappiness", MODEL_SIZE},
    {"mac_address", MODEL_STR},
    {"models", MODEL_NAMED, .fields = service_model},
    {"network_mode", MODEL_STR},
    {"networks", MODEL_NAMED, .fields = service_network},
    {"oom_kill_disable", MODEL_BOOL},
    {"oom_score_adj", MODEL_INT, .min = -1000, .max = 1000},
    {"pid", MODEL_STR},
    {"pids_limit", MODEL_INT, .min = -1},
    {"platform", MODEL_STR},
    {"ports", MODEL_OBJECTS, .fields = port, .expand = ports_expand, .identity = ports_identity},
    {"privileged", MODEL_BOOL},
    {"pull_policy", MODEL_STR},
    {"pull_refresh_after", MODEL_STR},
    {"read_only", MODEL_BOOL},
    {"restart", MODEL_RESTART},
    {"runtime", MODEL_STR},
    {"scale", MODEL_INT, MODEL_KEEP},
    {"secrets", MODEL_OBJECTS, .fields = file_ref, .identity = expand_secret_identity},
    {"security_opt", MODEL_STRINGS},
    {"shm_size", MODEL_SIZE},
    {"stdin_open", MODEL_BOOL},
    {"stop_grace_period", MODEL_DURATION, MODEL_KEEP},
    {"stop_signal", MODEL_TEXT},
    {"storage_opt", MODEL_MAP},
    {"sysctls", MODEL_MAP},
    {"tmpfs", MODEL_STRINGS, MODEL_SET},
    {"tty", MODEL_BOOL},
    {"ulimits", MODEL_ULIMITS},
    {"use_api_socket", MODEL_BOOL},
    {"user", MODEL_TEXT},
    {"userns_mode", MODEL_STR},
    {"uts", MODEL_STR},
    {"volumes", MODEL_OBJECTS, .fields = mount, .expand = volumes_expand, .identity = expand_target_identity},
    {"volumes_from", MODEL_STRINGS},
    {"working_dir", MODEL_STR},
    {"post_start", MODEL_OBJECTS, .fields = hook},
    {"pre_stop", MODEL_OBJECTS, .fields = hook},
    {NULL}};
