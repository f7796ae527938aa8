/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of the top level: https://github.com/compose-spec/compose-spec, schema of 2025.
 */
#include "face/compose/schema.h"

#include "face/compose/loader.h"

#include <stdlib.h>
#include <string.h>

static void check_driver(struct loader *l, const struct node *n)
{
	if (strcmp(n->text, "local") != 0)
		message_error(l, n, "the driver \"%s\" is not supported yet by this version of berth; \"local\" is",
			      n->text);
}

const struct schema schema_volumes[] = {{"name", S_STR, .example = "name: shared_cache",
					 .remark = "the name of the volume as it is, without the project's"},
					{"driver", S_STR, .check = check_driver, .remark = "only `local`"},
					{"driver_opts", S_ANY, SCHEMA_LATER},
					{"external", S_ANY, SCHEMA_LATER},
					{"labels", S_ANY, SCHEMA_NOTHING, .remark = "volumes have no labels"},
					{NULL}};

const struct schema schema_sources[] = {
    {"file", S_STR, .example = "file: ./key.txt", .remark = "read when the job is submitted"},
    {"environment", S_STR, .example = "environment: API_KEY"},
    {"content", S_TEXT, .example = "content: \"debug=1\""},
    {"external", S_ANY, SCHEMA_LATER},
    {"name", S_STR, SCHEMA_NOTHING, .remark = "the content goes with the job; nothing is shared by name"},
    {"labels", S_ANY, SCHEMA_NOTHING, .remark = "nobody reads them"},
    {"driver", S_ANY, SCHEMA_LATER},
    {"driver_opts", S_ANY, SCHEMA_LATER},
    {"template_driver", S_ANY, SCHEMA_LATER},
    {NULL}};

static const struct schema ipam_config[] = {{"subnet", S_ANY, SCHEMA_NOTHING},
					    {"ip_range", S_ANY, SCHEMA_NOTHING},
					    {"gateway", S_ANY, SCHEMA_NOTHING},
					    {"aux_addresses", S_ANY, SCHEMA_NOTHING},
					    {NULL}};
static const struct schema ipam[] = {{"driver", S_ANY, SCHEMA_NOTHING},
				     {"config", S_ANY, SCHEMA_NOTHING, .fields = ipam_config},
				     {"options", S_ANY, SCHEMA_NOTHING},
				     {NULL}};
const struct schema schema_networks[] = {{"name", S_ANY, SCHEMA_NOTHING},
					 {"driver", S_ANY, SCHEMA_NOTHING},
					 {"driver_opts", S_ANY, SCHEMA_NOTHING},
					 {"ipam", S_MAP, SCHEMA_NOTHING, .fields = ipam},
					 {"external", S_ANY, SCHEMA_NOTHING},
					 {"internal", S_ANY, SCHEMA_NOTHING},
					 {"enable_ipv4", S_ANY, SCHEMA_NOTHING},
					 {"enable_ipv6", S_ANY, SCHEMA_NOTHING},
					 {"attachable", S_ANY, SCHEMA_NOTHING},
					 {"labels", S_ANY, SCHEMA_NOTHING},
					 {NULL}};

static const struct schema include[] = {{"path", S_ANY, SCHEMA_LATER},
					{"env_file", S_ANY, SCHEMA_LATER},
					{"project_directory", S_ANY, SCHEMA_LATER},
					{NULL}};
static const struct schema models[] = {{"name", S_ANY, SCHEMA_LATER},
				       {"model", S_ANY, SCHEMA_LATER},
				       {"context_size", S_ANY, SCHEMA_LATER},
				       {"runtime_flags", S_ANY, SCHEMA_LATER},
				       {NULL}};

static const struct schema one_service = {
    .name = "NAME", .shapes = S_MAP, .fields = schema_service, .example = "hello: {image: busybox}"};
static const struct schema one_volume = {.name = "NAME", .shapes = S_MAP | S_NULL, .fields = schema_volumes};
static const struct schema one_network = {.name = "NAME", .shapes = S_MAP | S_NULL, .fields = schema_networks};
static const struct schema one_source = {
    .name = "NAME", .shapes = S_MAP, .fields = schema_sources, .example = "key: {file: ./key.txt}"};

const struct schema schema_top[] = {
    {"name", S_STR, .example = "name: wordcount", .remark = "lower-case letters, digits, `-` and `_`"},
    {"version", S_ANY, SCHEMA_NOTHING, .remark = "the format has no versions any more"},
    {"services", S_NAMES, .item = &one_service, .example = "services: {hello: {image: busybox}}"},
    {"networks", S_NAMES, SCHEMA_NOTHING, .item = &one_network,
     .remark = "each service has its own loopback network in this version"},
    {"volumes", S_NAMES, .item = &one_volume, .example = "volumes: {cache: {}}"},
    {"secrets", S_NAMES, .item = &one_source, .example = "secrets: {key: {file: ./key.txt}}"},
    {"configs", S_NAMES, .item = &one_source, .example = "configs: {web: {file: ./web.conf}}"},
    {"include", S_ANY, SCHEMA_LATER, .fields = include},
    {"models", S_ANY, SCHEMA_LATER, .fields = models},
    {"x-berth", S_MAP, .fields = schema_berth_top, .remark = "see job.md"},
    {NULL}};
