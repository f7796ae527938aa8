/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of services.NAME.deploy.
 */
#include "face/compose/schema.h"

#include <stdlib.h>

static const struct schema limits[] = {{"cpus", S_CPUS, .example = "cpus: \"0.5\""},
				       {"memory", S_SIZE, .example = "memory: 64m"},
				       {"pids", S_INT, .min = 1, .max = 4194304, .example = "pids: 100"},
				       {NULL}};

static const struct schema device[] = {
    {"capabilities", S_LIST, .item = &schema_item_str, .example = "capabilities: [gpu]", .remark = "only `gpu`"},
    {"count", S_TEXT, .example = "count: 1", .remark = "a number, not `all`"},
    {"device_ids", S_ANY, SCHEMA_LATER, .remark = "the node chooses"},
    {"driver", S_STR, .example = "driver: nvidia", .remark = "whatever the node has"},
    {"options", S_ANY, SCHEMA_LATER},
    {NULL}};
const struct schema schema_device = {
    .name = "", .shapes = S_MAP, .fields = device, .example = "- {capabilities: [gpu], count: 1}"};

static const struct schema discrete[] = {
    {"kind", S_STR, .example = "kind: gpu"}, {"value", S_TEXT, .example = "value: 2"}, {NULL}};
static const struct schema generic[] = {
    {"discrete_resource_spec", S_MAP, .fields = discrete, .example = "discrete_resource_spec: {kind: gpu, value: 2}"},
    {NULL}};
static const struct schema one_generic = {
    .name = "", .shapes = S_MAP, .fields = generic, .example = "- discrete_resource_spec: {kind: gpu, value: 2}"};

static const struct schema reservations[] = {
    {"cpus", S_CPUS, .example = "cpus: \"0.25\"", .remark = "beyond the slots"},
    {"memory", S_SIZE, .example = "memory: 32m"},
    {"generic_resources", S_LIST, .item = &one_generic,
     .example = "generic_resources: [discrete_resource_spec: {kind: gpu, value: 2}]", .remark = "counters of the node"},
    {"devices", S_LIST, .item = &schema_device, .example = "devices: [{capabilities: [gpu], count: 1}]",
     .remark = "the counter `gpu` of the node"},
    {NULL}};

static const struct schema resources[] = {
    {"limits", S_MAP, .fields = limits, .example = "limits: {memory: 64m}"},
    {"reservations", S_MAP, .fields = reservations, .example = "reservations: {memory: 64m}"},
    {NULL}};

static const struct schema update[] = {{"parallelism", S_ANY, SCHEMA_NOTHING},
				       {"delay", S_ANY, SCHEMA_NOTHING},
				       {"failure_action", S_ANY, SCHEMA_NOTHING},
				       {"monitor", S_ANY, SCHEMA_NOTHING},
				       {"max_failure_ratio", S_ANY, SCHEMA_NOTHING},
				       {"order", S_ANY, SCHEMA_NOTHING},
				       {NULL}};

static const struct schema restart_policy[] = {
    {"condition", S_STR, .words = "none on-failure any", .remark = "a task: `none` or `on-failure`"},
    {"delay", S_DURATION, .example = "delay: 5s"},
    {"max_attempts", S_INT, .min = 0, .max = 1000000, .example = "max_attempts: 3",
     .remark = "restarts after the first try"},
    {"window", S_DURATION, SCHEMA_NOTHING, .remark = "each restart counts, however long the service ran"},
    {NULL}};

static const struct schema spread[] = {{"spread", S_STR, .example = "spread: node.labels.zone"}, {NULL}};
static const struct schema one_spread = {
    .name = "", .shapes = S_MAP, .fields = spread, .example = "- {spread: node.labels.zone}"};
static const struct schema placement[] = {
    {"constraints", S_LIST, .item = &schema_item_str, .example = "constraints: [node.labels.disk == ssd]"},
    {"preferences", S_LIST, .item = &one_spread, .example = "preferences: [{spread: node.labels.zone}]"},
    {"max_replicas_per_node", S_INT, .min = 1, .max = 1000000, .example = "max_replicas_per_node: 2"},
    {NULL}};

const struct schema schema_deploy[] = {
    {"mode", S_STR, .words = "replicated global replicated-job global-job",
     .remark = "`global` is one copy, because there is one node"},
    {"replicas", S_INT, .min = 0, .max = 100000, .example = "replicas: 3"},
    {"resources", S_MAP, .fields = resources, .example = "resources: {limits: {memory: 64m}}"},
    {"restart_policy", S_MAP, .fields = restart_policy, .example = "restart_policy: {condition: on-failure}",
     .remark = "wins over `restart`"},
    {"labels", S_ANY, SCHEMA_NOTHING, .remark = "labels of containers stand in `labels` of the service"},
    {"endpoint_mode", S_ANY, SCHEMA_NOTHING, .remark = "this version has no network between services"},
    {"update_config", S_MAP, SCHEMA_NOTHING, .fields = update, .remark = "a job is not updated while it runs"},
    {"rollback_config", S_MAP, SCHEMA_NOTHING, .fields = update, .remark = "a job is not updated while it runs"},
    {"placement", S_MAP, .fields = placement, .example = "placement: {constraints: [node.labels.disk == ssd]}"},
    {NULL}};
