/* SPDX-License-Identifier: Apache-2.0
 *
 * build, pull, push.
 */
#include "face/project/command.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/project/ensure.h"
#include "face/project/spec.h"

#include <string.h>

struct image_values {
	bool no_cache, pull, quiet, ignore_buildable, ignore_failures, deps, push;
	const char *policy, *unused;
	char **args, **ssh;
};
#define V(field) offsetof(struct image_values, field)

static int failed_of(const struct image_values *v, int r, struct err *err)
{
	if (r < 0 && v->ignore_failures) {
		err_clear(err);
		return 0;
	}
	return r;
}

/* fn for each service that was named, or all; with what they depend on, if that is wanted. */
static int each(struct project *p, const struct image_values *v, char **operands,
		int (*fn)(struct project *p, const struct image_values *v, const char *service, struct err *err),
		struct err *err)
{
	char **order cleanup_with(mem_strv_freep) = NULL;
	int r = project_check_names(p, NULL, operands, err);

	if (r < 0)
		return r;
	order = project_order(p, NULL, operands, !v->deps, err);
	if (!order)
		return -EINVAL;
	for (char **o = order; r == 0 && *o; o++)
		r = failed_of(v, fn(p, v, *o, err), err);
	return r;
}

static bool builds(const struct project *p, const char *service)
{
	return yyjson_is_obj(yyjson_obj_get(project_service(p, service), "build"));
}

static int pull_one(struct project *p, const struct image_values *v, const char *service, struct err *err)
{
	const struct ensure_images how = {
	    .quiet = v->quiet, .no_build = true, .pull = v->policy ? v->policy : "always"};
	char *const one[] = {(char *)service, NULL};

	return builds(p, service) ? 0 : ensure_images(p, one, &how, err);
}

static int push_one(struct project *p, const struct image_values *v, const char *service, struct err *err)
{
	char **words cleanup_with(mem_strv_freep) = NULL;
	mem_cleanup char *image = spec_image(p, project_service(p, service), service);
	int r;

	if (!builds(p, service) || !yyjson_obj_get(project_service(p, service), "image"))
		return 0;
	mem_strv_add(&words, "push");
	if (v->quiet)
		mem_strv_add(&words, "--quiet");
	mem_strv_add(&words, image);
	r = ensure_run(p, words, err);
	return r > 0 ? err_set(err, EIO, "service %s: the image %s could not be pushed", service, image) : r;
}

static int build_one(struct project *p, const struct image_values *v, const char *service, struct err *err)
{
	const struct ensure_images how = {
	    .no_cache = v->no_cache, .build_pull = v->pull, .quiet = v->quiet, .build_args = v->args, .ssh = v->ssh};
	int r = builds(p, service) ? ensure_build(p, service, &how, err) : 0;

	return r == 0 && v->push ? push_one(p, v, service, err) : r;
}

static int build_run(struct project *p, void *values, char **operands, struct err *err)
{
	return each(p, values, operands, build_one, err);
}

static int pull_run(struct project *p, void *values, char **operands, struct err *err)
{
	return each(p, values, operands, pull_one, err);
}

static int push_run(struct project *p, void *values, char **operands, struct err *err)
{
	return each(p, values, operands, push_one, err);
}

static const struct option_spec build_options[] = {
    {"build-arg", 0, OPTION_LIST, V(args), "NAME=VALUE", "value of an ARG; may be repeated"},
    {"no-cache", 0, OPTION_FLAG, V(no_cache), NULL, "run every step again"},
    {"pull", 0, OPTION_FLAG, V(pull), NULL, "ask the registry for newer base images"},
    {"push", 0, OPTION_FLAG, V(push), NULL, "push the images that have a name in the file, too"},
    {"ssh", 0, OPTION_LIST, V(ssh), "default|ID=SOCKET", "an ssh agent for RUN --mount=type=ssh"},
    {"memory", 'm', OPTION_TEXT, V(unused), "BYTES", "accepted for Compose's sake"},
    {"builder", 0, OPTION_TEXT, V(unused), "NAME", "accepted for Compose's sake"},
    {"quiet", 'q', OPTION_FLAG, V(quiet), NULL, "print the IDs of the images only"},
    {"with-dependencies", 0, OPTION_FLAG, V(deps), NULL, "what they depend on, too"},
    {NULL},
};
static const struct option_spec pull_options[] = {
    {"ignore-pull-failures", 0, OPTION_FLAG, V(ignore_failures), NULL, "go on with the others"},
    {"ignore-buildable", 0, OPTION_FLAG, V(ignore_buildable), NULL, "accepted: what is built is never pulled"},
    {"include-deps", 0, OPTION_FLAG, V(deps), NULL, "what they depend on, too"},
    {"policy", 0, OPTION_TEXT, V(policy), "missing|always", "whether images that are here are pulled, too"},
    {"quiet", 'q', OPTION_FLAG, V(quiet), NULL, "no progress"},
    {NULL},
};
static const struct option_spec push_options[] = {
    {"ignore-push-failures", 0, OPTION_FLAG, V(ignore_failures), NULL, "go on with the others"},
    {"include-deps", 0, OPTION_FLAG, V(deps), NULL, "what they depend on, too"},
    {"quiet", 'q', OPTION_FLAG, V(quiet), NULL, "no progress"},
    {NULL},
};

const struct project_command project_build = {
    .name = "build",
    .usage = "[SERVICE...]",
    .summary = "Build the images of services",
    .options = build_options,
    .values_size = sizeof(struct image_values),
    .most = CLI_MANY,
    .run = build_run,
};
const struct project_command project_pull = {
    .name = "pull",
    .usage = "[SERVICE...]",
    .summary = "Pull the images of services",
    .options = pull_options,
    .values_size = sizeof(struct image_values),
    .most = CLI_MANY,
    .run = pull_run,
};
const struct project_command project_push = {
    .name = "push",
    .usage = "[SERVICE...]",
    .summary = "Push the images of services that are built",
    .options = push_options,
    .values_size = sizeof(struct image_values),
    .most = CLI_MANY,
    .run = push_run,
};
