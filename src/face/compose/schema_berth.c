/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of x-berth, at the top and of a service (docs/formats/job.md section 1).
 */
#include "face/compose/schema.h"

#include <stdlib.h>

#define ON_ERROR                                                                                                       \
	{                                                                                                              \
		"on_error", S_STR, .words = "continue suspend pause cancel", .example = "on_error: continue"           \
	}

static const struct schema retry[] = {{"attempts", S_INT, .min = 1, .max = 1000000, .example = "attempts: 3"},
				      {"delay", S_DURATION, .example = "delay: 10s"},
				      {"backoff", S_NUM, .min = 1, .example = "backoff: 2"},
				      {"where", S_STR, .words = "anywhere elsewhere"},
				      {NULL}};

#define RETRY                                                                                                          \
	{                                                                                                              \
		"retry", S_INT | S_MAP, .fields = retry, .min = 1, .max = 1000000, .example = "retry: 3"               \
	}
#define WALLTIME                                                                                                       \
	{                                                                                                              \
		"walltime", S_DURATION, .example = "walltime: 10m"                                                     \
	}

static const struct schema probe[] = {
    {"command", S_STR | S_LIST, .item = &schema_item_str, .example = "command: [test, -d, /scratch]"},
    {"timeout", S_DURATION, .example = "timeout: 10s"},
    {"max_age", S_DURATION, .example = "max_age: 10m"},
    {NULL}};

static const struct schema warn[] = {
    {"signal", S_SIGNAL, .example = "signal: USR1"}, {"before", S_DURATION, .example = "before: 60s"}, {NULL}};

#define FENCING                                                                                                        \
	{                                                                                                              \
		"fencing", S_STR, .words = "best-effort strict", .example = "fencing: strict"                          \
	}

static const struct schema over[] = {
    {"space", S_STR, .example = "space: work"}, {"glob", S_STR, .example = "glob: parts/*"}, {NULL}};
static const struct schema replicate[] = {
    {"over", S_STR | S_LIST | S_MAP, .fields = over, .item = &schema_item_text, .example = "over: [a, b]"}, {NULL}};

static const struct schema stage[] = {
    {"space", S_STR, .example = "space: input"},
    {"include", S_STR | S_LIST, .item = &schema_item_str, .example = "include: [\"*.txt\"]"},
    {"exclude", S_STR | S_LIST, .item = &schema_item_str, .example = "exclude: [\"*.tmp\"]"},
    {"to", S_STR, .example = "to: texts"},
    {NULL}};
static const struct schema one_stage = {
    .name = "", .shapes = S_STR | S_MAP, .fields = stage, .example = "- {space: input, include: [\"*.txt\"]}"};

static const struct schema one_licence = {
    .name = "NAME", .shapes = S_INT, .min = 1, .max = 1000000, .example = "matlab: 2"};

static const struct schema one_counter = {
    .name = "NAME", .shapes = S_INT, .min = 1, .max = 1024, .example = "scratch: 2"};

static const struct schema rule[] = {{"to", S_STR, .example = "to: db"},
				     {"within", S_STR, .example = "within: labels.rack"},
				     {"weight", S_INT, .min = 1, .max = 1000, .example = "weight: 5"},
				     {NULL}};
static const struct schema one_rule = {
    .name = "", .shapes = S_STR | S_MAP, .fields = rule, .example = "- {to: db, within: labels.rack}"};

const struct schema schema_berth_service[] = {
    {"kind", S_STR, .words = "task service"},
    {"slots", S_INT, .min = 0, .max = 1000000, .example = "slots: 2"},
    {"replicate", S_INT | S_MAP, .fields = replicate, .min = 1, .max = 100000, .example = "replicate: 4"},
    RETRY,
    ON_ERROR,
    WALLTIME,
    {"stage_in", S_LIST, .item = &one_stage, .example = "stage_in: [{space: input, include: [\"*.txt\"]}]"},
    {"stage_out", S_LIST, .item = &one_stage, .example = "stage_out: [{space: output, include: [result]}]"},
    {"nodes", S_ANY, SCHEMA_LATER},
    {"ranks", S_ANY, SCHEMA_LATER},
    {"mpi", S_ANY, SCHEMA_LATER},
    {"max_running", S_INT, .min = 0, .max = 1000000, .example = "max_running: 10"},
    {"licences", S_NAMES, .item = &one_licence, .example = "licences: {matlab: 2}"},
    {"counters", S_NAMES, .item = &one_counter, .example = "counters: {scratch: 2}"},
    {"disk", S_SIZE, .example = "disk: 10g", .remark = "room on its node's disk"},
    {"gang", S_BOOL, .example = "gang: true"},
    {"exclusive", S_BOOL, .example = "exclusive: true"},
    {"preemptible", S_BOOL, .example = "preemptible: true"},
    FENCING,
    {"topology", S_STR, .words = "any spread apart few one", .example = "topology: spread"},
    {"select", S_STR, .example = "select: cores >= 8 && has(avx2)", .remark = "[select.md](select.md)"},
    {"bind", S_STR, .words = "none cores numa", .example = "bind: cores"},
    {"near", S_LIST, .item = &one_rule, .example = "near: [db]"},
    {"apart", S_LIST, .item = &one_rule, .example = "apart: [{to: db, within: labels.rack}]"},
    {"probe", S_STR | S_LIST | S_MAP, .fields = probe, .item = &schema_item_str, .example = "probe: test -d /scratch"},
    {"warn", S_DURATION | S_MAP, .fields = warn, .example = "warn: {signal: USR1, before: 60s}"},
    {"branch", S_ANY, SCHEMA_LATER},
    {"loop", S_ANY, SCHEMA_LATER},
    {"pre", S_ANY, SCHEMA_LATER},
    {"post", S_ANY, SCHEMA_LATER},
    {"clean", S_ANY, SCHEMA_LATER},
    {"priority", S_ANY, SCHEMA_LATER},
    {"start_at", S_ANY, SCHEMA_LATER},
    {"deadline", S_ANY, SCHEMA_LATER},
    {NULL}};

static const struct schema param[] = {
    {"type", S_STR, .words = "string integer number boolean"},
    {"default", S_TEXT, .example = "default: 4"},
    {"min", S_TEXT, .example = "min: 1"},
    {"max", S_TEXT, .example = "max: 100"},
    {"enum", S_LIST, .item = &schema_item_text, .example = "enum: [fast, exact]"},
    {"pattern", S_STR, .example = "pattern: \"^[a-z]+$\"", .remark = "POSIX extended regular expression"},
    {"description", S_TEXT},
    {NULL}};
static const struct schema one_param = {.name = "NAME",
					.shapes = S_TEXT | S_MAP | S_NULL,
					.fields = param,
					.example = "parts: {type: integer, default: 4}"};

static const struct schema keep[] = {{"finished", S_INT, .min = 0, .max = 1000, .example = "finished: 10"},
				     {"failed", S_INT, .min = 0, .max = 1000, .example = "failed: 10"},
				     {NULL}};
static const struct schema schedule[] = {
    {"cron", S_STR | S_LIST, .item = &schema_item_str, .example = "cron: \"0 2 * * mon-fri\""},
    {"timezone", S_STR, .example = "timezone: Europe/Paris"},
    {"calendar", S_STR | S_LIST, .item = &schema_item_str, .example = "calendar: holidays"},
    {"catch_up", S_STR, .words = "none last all"},
    {"catch_up_limit", S_INT, .min = 1, .max = 100, .example = "catch_up_limit: 10"},
    {"overlap", S_STR, .words = "allow skip queue replace"},
    {"queue_limit", S_INT, .min = 1, .max = 16, .example = "queue_limit: 4"},
    {"keep", S_INT | S_MAP, .fields = keep, .min = 0, .max = 1000, .example = "keep: 10"},
    {NULL}};

static const struct schema space[] = {{"path", S_STR, .example = "path: ./data"}, {"description", S_TEXT}, {NULL}};
static const struct schema one_space = {
    .name = "NAME", .shapes = S_MAP | S_NULL, .fields = space, .example = "work: {}"};

const struct schema schema_berth_top[] = {
    {"params", S_NAMES, .item = &one_param, .example = "params: {parts: 4}"},
    {"spaces", S_NAMES, .item = &one_space, .example = "spaces: {work: {}}"},
    ON_ERROR,
    WALLTIME,
    FENCING,
    RETRY,
    {"topology", S_STR, .words = "any spread", .example = "topology: spread", .remark = "of services that do not say"},
    {"exit_with", S_STR, .example = "exit_with: test"},
    {"priority", S_INT, .min = -1000000, .max = 1000000, .example = "priority: 10"},
    {"project", S_STR, .example = "project: weather"},
    {"max_running", S_INT, .min = 0, .max = 1000000, .example = "max_running: 10"},
    {"start_at", S_TEXT, .example = "start_at: 2026-01-31T12:00:00Z"},
    {"schedule", S_STR | S_MAP, .fields = schedule, .example = "schedule: \"0 2 * * mon-fri\""},
    {"deadline", S_TEXT, .example = "deadline: 2026-01-31T18:00:00Z"},
    {"pre", S_ANY, SCHEMA_LATER},
    {"post", S_ANY, SCHEMA_LATER},
    {"clean", S_ANY, SCHEMA_LATER},
    {"select", S_STR, .example = "select: cores >= 8 && has(avx2)", .remark = "[select.md](select.md)"},
    {"nodes", S_ANY, SCHEMA_LATER},
    {NULL}};
