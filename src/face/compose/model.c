/* SPDX-License-Identifier: Apache-2.0
 *
 * The top level and what stands below it but services.
 */
#include "face/compose/model.h"

#include "face/compose/expand.h"

#include <string.h>

const struct model *model_find(const struct model *table, const char *name)
{
	for (; table && table->name; table++)
		if (strcmp(table->name, name) == 0)
			return table;
	return NULL;
}

static const struct model pool[] = {
    {"subnet", MODEL_STR}, {"gateway", MODEL_STR}, {"ip_range", MODEL_STR}, {"aux_addresses", MODEL_MAP}, {NULL}};
static const struct model ipam[] = {
    {"driver", MODEL_STR},
    {"config", MODEL_OBJECTS, MODEL_UNITE, .fields = pool, .identity = expand_pool_identity},
    {"options", MODEL_MAP},
    {NULL}};

static const struct model network[] = {{"name", MODEL_STR},
				       {"driver", MODEL_STR},
				       {"driver_opts", MODEL_MAP},
				       {"ipam", MODEL_OBJECT, MODEL_KEEP | MODEL_ALWAYS, .fields = ipam},
				       {"external", MODEL_EXTERNAL},
				       {"internal", MODEL_BOOL},
				       {"attachable", MODEL_BOOL},
				       {"labels", MODEL_MAP},
				       {"enable_ipv4", MODEL_BOOL, MODEL_KEEP},
				       {"enable_ipv6", MODEL_BOOL, MODEL_KEEP},
				       {NULL}};

static const struct model volume[] = {{"name", MODEL_STR},	    {"driver", MODEL_STR}, {"driver_opts", MODEL_MAP},
				      {"external", MODEL_EXTERNAL}, {"labels", MODEL_MAP}, {NULL}};

static const struct model source[] = {{"name", MODEL_STR},
				      {"file", MODEL_STR, MODEL_PATH},
				      {"environment", MODEL_STR},
				      {"content", MODEL_TEXT},
				      {"external", MODEL_EXTERNAL},
				      {"labels", MODEL_MAP},
				      {"driver", MODEL_STR},
				      {"driver_opts", MODEL_MAP},
				      {"template_driver", MODEL_STR},
				      {NULL}};

static const struct model one_model[] = {
    {"name", MODEL_STR}, {"model", MODEL_STR}, {"context_size", MODEL_INT}, {"runtime_flags", MODEL_STRINGS}, {NULL}};

static const struct model include[] = {{"path", MODEL_STRINGS, MODEL_SHORT | MODEL_NEEDED},
				       {"project_directory", MODEL_STR},
				       {"env_file", MODEL_STRINGS},
				       {NULL}};

const struct model model_top[] = {{"name", MODEL_STR},
				  {"version", MODEL_TEXT},
				  {"include", MODEL_OBJECTS, .fields = include},
				  {"services", MODEL_NAMED, MODEL_KEEP | MODEL_NAMES, .fields = model_service},
				  {"networks", MODEL_NAMED, MODEL_NAMES, .fields = network},
				  {"volumes", MODEL_NAMED, MODEL_NAMES, .fields = volume},
				  {"secrets", MODEL_NAMED, MODEL_NAMES, .fields = source},
				  {"configs", MODEL_NAMED, MODEL_NAMES, .fields = source},
				  {"models", MODEL_NAMED, .fields = one_model},
				  {NULL}};
