/* SPDX-License-Identifier: Apache-2.0
 *
 * config: the project as it was read.
 */
#include "face/compose/compose_project.h"
#include "face/project/command.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/project/spec.h"

#include <stdio.h>
#include <string.h>

struct config_values {
	bool quiet, services, volumes, networks, images;
	const char *format, *hash;
};
#define V(field) offsetof(struct config_values, field)
static const struct option_spec config_options[] = {
    {"quiet", 'q', OPTION_FLAG, V(quiet), NULL, "check only"},
    {"services", 0, OPTION_FLAG, V(services), NULL, "names of the services"},
    {"volumes", 0, OPTION_FLAG, V(volumes), NULL, "names of the volumes"},
    {"networks", 0, OPTION_FLAG, V(networks), NULL, "names of the networks"},
    {"images", 0, OPTION_FLAG, V(images), NULL, "names of the images"},
    {"hash", 0, OPTION_TEXT, V(hash), "SERVICE|*", "what a service's containers are made anew for when it changes"},
    {"format", 0, OPTION_TEXT, V(format), "json", "how to print"},
    {NULL},
};

static void print_keys(const struct project *p, const char *section)
{
	yyjson_val *key, *val;
	size_t i, n;

	yyjson_obj_foreach (yyjson_obj_get(yyjson_doc_get_root(p->doc), section), i, n, key, val) {
		if (val)
			puts(yyjson_get_str(key));
	}
}

static void print_services(const struct project *p, const struct config_values *v)
{
	yyjson_val *key, *val;
	char hash[COMPOSE_PROJECT_HASH_MAX];
	size_t i, n;

	yyjson_obj_foreach (p->services, i, n, key, val) {
		const char *name = yyjson_get_str(key);

		if (v->images) {
			mem_cleanup char *image = spec_image(p, val, name);

			puts(image);
		} else if (!strcmp(v->hash, "*") || !strcmp(v->hash, name)) {
			compose_project_hash(val, hash);
			printf("%s %s\n", name, hash);
		}
	}
}

static int config_run(struct project *p, void *values, char **operands, struct err *err)
{
	const struct config_values *v = values;
	mem_cleanup char *text = NULL;

	(void)operands;
	if (v->format && strcmp(v->format, "json") != 0)
		return err_set(err, EINVAL, "--format: \"%s\" is not json", v->format);
	if (v->quiet)
		return 0;
	if (v->services || v->volumes || v->networks) {
		print_keys(p, v->services ? "services" : v->volumes ? "volumes" : "networks");
		return 0;
	}
	if (v->images || v->hash) {
		print_services(p, v);
		return 0;
	}
	text = yyjson_write(p->doc, YYJSON_WRITE_PRETTY_TWO_SPACES, NULL);
	puts(text ? text : "");
	return 0;
}

const struct project_command project_config = {
    .name = "config",
    .usage = "[SERVICE...]",
    .summary = "Check the Compose file and print what it means",
    .options = config_options,
    .values_size = sizeof(struct config_values),
    .most = CLI_MANY,
    .run = config_run,
};
