/* SPDX-License-Identifier: Apache-2.0 */
#include "face/project/command.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/project/converge.h"
#include "face/project/ensure.h"
#include "face/project/foreground.h"
#include "face/project/steps.h"

#include <string.h>

struct up_values {
	bool detach, build, no_build, force, no_recreate, always_deps, remove_orphans, wait, no_deps, no_start,
	    abort_any, abort_failed, renew, quiet_pull, no_color, no_prefix, attach_deps, timestamps, yes, menu,
	    quiet_build;
	const char *pull, *exit_from, *timeout, *wait_timeout;
	char **scales, **attach, **no_attach;
};
#define V(field) offsetof(struct up_values, field)
#define CREATE_OPTIONS                                                                                                  \
	{"build", 0, OPTION_FLAG, V(build), NULL, "build images first"},                                                \
	    {"no-build", 0, OPTION_FLAG, V(no_build), NULL, "build no image, even when one is missing"},                \
	    {"pull", 0, OPTION_TEXT, V(pull), "always|missing|never", "when images are pulled"},                        \
	    {"quiet-pull", 0, OPTION_FLAG, V(quiet_pull), NULL, "pull without progress"},                               \
	    {"quiet-build", 0, OPTION_FLAG, V(quiet_build), NULL, "build without progress"},                            \
	    {"force-recreate", 0, OPTION_FLAG, V(force), NULL, "new containers, even when nothing has changed"},        \
	    {"no-recreate", 0, OPTION_FLAG, V(no_recreate), NULL, "leave the containers that there are"},               \
	    {"remove-orphans", 0, OPTION_FLAG, V(remove_orphans), NULL, "remove containers of services that are gone"}, \
	    {"scale", 0, OPTION_LIST, V(scales), "SERVICE=N", "how many containers; may be repeated"},                  \
	{                                                                                                               \
		"yes", 'y', OPTION_FLAG, V(yes), NULL, "accepted for Compose's sake"                                    \
	}

static const struct option_spec up_options[] = {
    {"detach", 'd', OPTION_FLAG, V(detach), NULL, "do not stay: print what was started"},
    CREATE_OPTIONS,
    {"always-recreate-deps", 0, OPTION_FLAG, V(always_deps), NULL, "new containers for what is depended on, too"},
    {"renew-anon-volumes", 'V', OPTION_FLAG, V(renew), NULL, "new anonymous volumes for new containers"},
    {"wait", 0, OPTION_FLAG, V(wait), NULL, "wait until all run or are healthy; implies -d"},
    {"wait-timeout", 0, OPTION_TEXT, V(wait_timeout), "SECONDS", "the longest that --wait waits"},
    {"timeout", 't', OPTION_TEXT, V(timeout), "SECONDS", "until a container that is to stop is killed"},
    {"no-deps", 0, OPTION_FLAG, V(no_deps), NULL, "leave alone what the services depend on"},
    {"no-start", 0, OPTION_FLAG, V(no_start), NULL, "create only"},
    {"abort-on-container-exit", 0, OPTION_FLAG, V(abort_any), NULL, "stop all when one ends"},
    {"abort-on-container-failure", 0, OPTION_FLAG, V(abort_failed), NULL, "stop all when one ends with an error"},
    {"exit-code-from", 0, OPTION_TEXT, V(exit_from), "SERVICE",
     "its exit code is ours; implies --abort-on-container-exit"},
    {"attach", 0, OPTION_LIST, V(attach), "SERVICE", "show the output of these only; may be repeated"},
    {"no-attach", 0, OPTION_LIST, V(no_attach), "SERVICE", "do not show its output; may be repeated"},
    {"attach-dependencies", 0, OPTION_FLAG, V(attach_deps), NULL, "show the output of what they depend on, too"},
    {"no-color", 0, OPTION_FLAG, V(no_color), NULL, "no colours"},
    {"no-log-prefix", 0, OPTION_FLAG, V(no_prefix), NULL, "lines without the name of their container"},
    {"menu", 0, OPTION_FLAG, V(menu), NULL, "accepted for Compose's sake"},
    {"timestamps", 0, OPTION_FLAG, V(timestamps), NULL, "accepted for Compose's sake"},
    {NULL},
};

static int check_options(const struct up_values *v, struct err *err)
{
	const struct {
		bool both;
		const char *one, *other;
	} pairs[] = {
	    {v->force && v->no_recreate, "--force-recreate", "--no-recreate"},
	    {v->renew && v->no_recreate, "--renew-anon-volumes", "--no-recreate"},
	    {v->always_deps && v->no_recreate, "--always-recreate-deps", "--no-recreate"},
	    {v->build && v->no_build, "--build", "--no-build"},
	    {v->abort_any && v->abort_failed, "--abort-on-container-exit", "--abort-on-container-failure"},
	    {v->attach && v->attach_deps, "--attach", "--attach-dependencies"},
	};

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		if (pairs[i].both)
			return err_set(err, EINVAL, "%s and %s exclude each other", pairs[i].one, pairs[i].other);
	}
	if ((v->detach || v->wait) && (v->abort_any || v->abort_failed || v->exit_from))
		return err_set(err, EINVAL,
			       "-d does not stay, so there is nothing that --abort-on-container-exit could end");
	if ((v->detach || v->wait) && (v->attach || v->attach_deps))
		return err_set(err, EINVAL, "-d shows no output, so there is nothing for --attach");
	return 0;
}

/* Before anything is made. */
static int check_services(const struct project *p, const struct up_values *v, struct err *err)
{
	int r = v->attach ? project_check_names(p, NULL, v->attach, err) : 0;

	if (r < 0)
		return err_wrap(err, "--attach");
	if (v->exit_from && !project_service(p, v->exit_from))
		return err_set(err, ENOENT, "--exit-code-from: no such service: %s", v->exit_from);
	return 0;
}

static enum converge_recreate recreate_of(const struct up_values *v)
{
	return v->force ? CONVERGE_ALWAYS : v->no_recreate ? CONVERGE_NEVER : CONVERGE_CHANGED;
}

/* Everything up to the created containers. */
static int prepare(struct project *p, const struct up_values *v, char **order, char **operands, struct converge **ret,
		   struct err *err)
{
	const struct ensure_images images = {
	    .build = v->build, .no_build = v->no_build, .pull = v->pull, .quiet = v->quiet_pull || v->quiet_build};
	const struct converge_how how = {.services = order,
					 .wanted = operands,
					 .scales = v->scales,
					 .recreate = recreate_of(v),
					 .recreate_deps = v->always_deps   ? CONVERGE_ALWAYS
							  : v->no_recreate ? CONVERGE_NEVER
									   : CONVERGE_CHANGED,
					 .renew_volumes = v->renew};
	int r = ensure_images(p, order, &images, err);

	if (r == 0)
		r = ensure_networks(p, err);
	if (r == 0)
		r = ensure_volumes(p, err);
	if (r == 0)
		r = converge_new(p, &how, ret, err);
	if (r == 0)
		r = converge_orphans(p, &(*ret)->members, v->remove_orphans, err);
	return r < 0 ? r : converge_create(*ret, err);
}

static int run_up(struct project *p, const struct up_values *v, char **operands, bool start, struct err *err)
{
	char **order cleanup_with(mem_strv_freep) = NULL;
	struct converge *c = NULL;
	int64_t wait_timeout = -1;
	int r = check_options(v, err);

	if (r == 0)
		r = project_timeout(v->timeout, &p->timeout, err);
	if (r == 0)
		r = project_timeout(v->wait_timeout, &wait_timeout, err);
	if (r == 0)
		r = project_check_names(p, NULL, operands, err);
	if (r == 0)
		r = check_services(p, v, err);
	if (r < 0)
		return r;
	order = project_order(p, NULL, operands, v->no_deps, err);
	if (!order)
		return -EINVAL;
	if (!*order)
		return err_set(err, EINVAL, "no service selected");
	r = prepare(p, v, order, operands, &c, err);
	if (r == 0 && start && (v->detach || v->wait)) {
		r = converge_start(c, &(struct converge_wait){.hold = v->wait, .timeout = wait_timeout}, err);
	} else if (r == 0 && start) {
		const struct foreground_how how = {.wanted = operands,
						   .attach = v->attach,
						   .no_attach = v->no_attach,
						   .all = v->attach_deps || !*operands,
						   .exit_from = v->exit_from,
						   .abort_any = v->abort_any || (v->exit_from && !v->abort_failed),
						   .abort_failed = v->abort_failed,
						   .no_color = v->no_color,
						   .no_prefix = v->no_prefix};

		r = foreground_run(c, &how, err);
	}
	converge_free(c);
	return r;
}

static int up_run(struct project *p, void *values, char **operands, struct err *err)
{
	const struct up_values *v = values;

	return run_up(p, v, operands, !v->no_start, err);
}

const struct project_command project_up = {
    .name = "up",
    .usage = "[SERVICE...]",
    .summary = "Create and start the containers of services",
    .options = up_options,
    .values_size = sizeof(struct up_values),
    .most = CLI_MANY,
    .run = up_run,
};

/* ---- create, scale ---- */

static const struct option_spec create_options[] = {CREATE_OPTIONS, {NULL}};

static int create_run(struct project *p, void *values, char **operands, struct err *err)
{
	return run_up(p, values, operands, false, err);
}

const struct project_command project_create = {
    .name = "create",
    .usage = "[SERVICE...]",
    .summary = "Create the containers of services without starting them",
    .options = create_options,
    .values_size = sizeof(struct up_values),
    .most = CLI_MANY,
    .run = create_run,
};

static const struct option_spec scale_options[] = {
    {"no-deps", 0, OPTION_FLAG, V(no_deps), NULL, "leave alone what the services depend on"},
    {NULL},
};

static int scale_run(struct project *p, void *values, char **operands, struct err *err)
{
	struct up_values *v = values;
	char **names cleanup_with(mem_strv_freep) = NULL;
	int r;

	for (char **o = operands; *o; o++) {
		mem_cleanup char *name = mem_strndup(*o, strcspn(*o, "="));

		mem_strv_add(&names, name);
	}
	v->scales = operands;
	v->detach = v->no_recreate = true;
	r = run_up(p, v, names, true, err);
	v->scales = NULL;
	return r;
}

const struct project_command project_scale = {
    .name = "scale",
    .usage = "SERVICE=N...",
    .summary = "Have so many containers of services",
    .options = scale_options,
    .values_size = sizeof(struct up_values),
    .least = 1,
    .most = CLI_MANY,
    .stop = true,
    .run = scale_run,
};
