/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/command.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "face/cli/build_view.h"
#include "face/cli/client.h"
#include "face/cli/local_store.h"
#include "face/cli/pull_view.h"
#include "face/cli/remote_build.h"
#include "face/cli/term.h"
#include "face/cli/text.h"
#include "node/build/build.h"
#include "node/registry/pull.h"
#include "node/runtime/rootless.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define EPOCH "SOURCE_DATE_EPOCH"

struct build_values {
	const char *file, *target, *platform, *network, *progress, *iidfile, *metadata, *data, *check_rules;
	char **tags, **build_args, **labels, **contexts, **no_cache_stages, **secrets, **ssh, **hosts, **outputs,
	    **cache_from, **cache_to;
	uint64_t jobs;
	bool no_cache, pull, check, quiet;
};
#define V(member) offsetof(struct build_values, member)
static const struct option_spec build_options[] = {
    {"tag", 't', OPTION_LIST, V(tags), "NAME[:TAG]", "name of the image; may be repeated"},
    {"file", 'f', OPTION_TEXT, V(file), "FILE",
     "the Dockerfile (default: Dockerfile in the context; - = standard input)"},
    {"build-arg", 0, OPTION_LIST, V(build_args), "NAME=VALUE", "value of an ARG; NAME alone takes the environment's"},
    {"target", 0, OPTION_TEXT, V(target), "STAGE", "the stage to build, instead of the last"},
    {"label", 0, OPTION_LIST, V(labels), "NAME=VALUE", "label of the image; may be repeated"},
    {"build-context", 0, OPTION_LIST, V(contexts), "NAME=PATH",
     "another context or image for FROM, COPY --from and mounts: a directory, an address, docker-image://IMAGE or "
     "oci-layout://DIR[:TAG]"},
    {"secret", 0, OPTION_LIST, V(secrets), "id=ID,src=FILE", "a secret for RUN --mount=type=secret (or env=NAME)"},
    {"ssh", 0, OPTION_LIST, V(ssh), "default|ID=SOCKET", "an ssh agent for RUN --mount=type=ssh"},
    {"no-cache", 0, OPTION_FLAG, V(no_cache), NULL, "run every step again, COPY too"},
    {"no-cache-filter", 0, OPTION_LIST, V(no_cache_stages), "STAGE", "run the steps of this stage again"},
    {"cache-from", 0, OPTION_LIST, V(cache_from), "IMAGE|type=TYPE,...",
     "take steps from another machine's cache: type=registry,ref=NAME, type=local,src=DIR, or an image"},
    {"cache-to", 0, OPTION_LIST, V(cache_to), "type=TYPE,...",
     "give the cache away: type=registry,ref=NAME, type=local,dest=DIR, type=inline; mode=max: of all stages"},
    {"pull", 0, OPTION_FLAG, V(pull), NULL, "ask the registry for newer base images"},
    {"platform", 0, OPTION_TEXT, V(platform), "OS/ARCH", "platform of the image (default: this machine's)"},
    {"network", 0, OPTION_TEXT, V(network), "default|none|host|NAME",
     "network of RUN: its own with a way out (default), its loopback alone, the machine's, or one of the daemon's, "
     "which then does the build"},
    {"add-host", 0, OPTION_LIST, V(hosts), "NAME:ADDRESS", "line in /etc/hosts while RUN runs"},
    {"output", 'o', OPTION_LIST, V(outputs), "type=TYPE,dest=PATH",
     "instead of an image of the store: local (a directory), tar (of the files), oci or docker (an archive of the "
     "image), image"},
    {"iidfile", 0, OPTION_TEXT, V(iidfile), "FILE", "write the ID of the image there"},
    {"metadata-file", 0, OPTION_TEXT, V(metadata), "FILE", "write ID, digest and names there, as JSON"},
    {"progress", 0, OPTION_TEXT, V(progress), "auto|plain|tty|quiet", "how to show the steps"},
    {"quiet", 'q', OPTION_FLAG, V(quiet), NULL, "print the ID of the image only"},
    {"check", 0, OPTION_FLAG, V(check), NULL,
     "judge the Dockerfile, build nothing; exit status 1 when there are warnings"},
    {"check-rules", 0, OPTION_TEXT, V(check_rules), "TEXT", "as \"# check=\" has it: skip=RULE,...;error=true"},
    {"jobs", 'j', OPTION_COUNT, V(jobs), "N", "steps at the same time (default: one for each processor)"},
    {"data", 0, OPTION_TEXT, V(data), "DIR",
     "directory of berth's state (environment: BERTH_DATA; default: the running berth's)"},
    {NULL},
};

static void on_signal(int signal)
{
	(void)signal;
	build_stop();
}

static int find_mode(const struct build_values *v, enum build_view_mode *ret, struct err *err)
{
	const char *word = v->progress ? v->progress : "auto";
	bool terminal = term_can_repaint(STDERR_FILENO);

	if (v->quiet || !strcmp(word, "quiet"))
		*ret = BUILD_VIEW_QUIET;
	else if (!strcmp(word, "plain"))
		*ret = BUILD_VIEW_PLAIN;
	else if (!strcmp(word, "tty"))
		*ret = BUILD_VIEW_TERMINAL;
	else if (!strcmp(word, "auto"))
		*ret = terminal ? BUILD_VIEW_TERMINAL : BUILD_VIEW_PLAIN;
	else
		return err_set(err, EINVAL, "--progress %s: auto, plain, tty or quiet", word);
	return 0;
}

/* false = it is the name of a network, of which the daemon knows. */
static bool find_network(const char *word, enum build_network *ret)
{
	*ret = BUILD_NETWORK_DEFAULT;
	if (!word || !*word || !strcmp(word, "default"))
		return true;
	*ret = *word == 'n' ? BUILD_NETWORK_NONE : BUILD_NETWORK_HOST;
	return !strcmp(word, "none") || !strcmp(word, "host");
}

/* "NAME" alone is the environment's value, and nothing when it has none; SOURCE_DATE_EPOCH of the environment counts, too. */
static char **find_args(char *const *given)
{
	char **args = NULL;
	bool epoch = false;

	for (; given && *given; given++) {
		const char *value = strchr(*given, '=') ? NULL : getenv(*given);
		mem_cleanup char *whole = value ? mem_printf("%s=%s", *given, value) : NULL;

		epoch = epoch || !strncmp(*given, EPOCH, strlen(EPOCH));
		if (whole || strchr(*given, '='))
			mem_strv_add(&args, whole ? whole : *given);
	}
	if (!epoch && getenv(EPOCH)) {
		mem_cleanup char *whole = mem_printf(EPOCH "=%s", getenv(EPOCH));

		mem_strv_add(&args, whole);
	}
	return args;
}

static int write_file(const char *path, const char *text, struct err *err)
{
	fd_cleanup int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int r = fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));

	return r < 0 ? err_sys(err, -r, "write \"%s\"", path) : 0;
}

static char *metadata_text(const struct build_result *result)
{
	yyjson_mut_doc *doc json_mut_cleanup = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	struct buf names buf_cleanup = BUF_INIT;

	yyjson_mut_doc_set_root(doc, root);
	if (result->id) {
		yyjson_mut_obj_add_strcpy(doc, root, "containerimage.config.digest", result->id);
		yyjson_mut_obj_add_strcpy(doc, root, "containerimage.digest", result->digest);
	}
	for (char **n = result->names; n && *n; n++)
		buf_printf(&names, "%s%s", names.len ? "," : "", *n);
	if (names.len)
		yyjson_mut_obj_add_strcpy(doc, root, "image.name", buf_str(&names));
	return json_text(doc, true, NULL);
}

static int write_files(const struct build_values *v, const struct build_result *result, struct err *err)
{
	mem_cleanup char *metadata = v->metadata ? metadata_text(result) : NULL;
	int r = v->iidfile && result->id ? write_file(v->iidfile, result->id, err) : 0;

	return r == 0 && metadata ? write_file(v->metadata, metadata, err) : r;
}

static void say_result(enum build_view_mode mode, const struct build_result *result, int64_t ms)
{
	char time[TEXT_MAX];

	if (mode == BUILD_VIEW_QUIET) {
		if (result->id && !result->on_stdout)
			text_line(stdout, "%s", result->id);
		return;
	}
	text_line(stderr, "built in %s: %zu steps, %zu of them from the cache", text_duration(time, ms),
		  result->n_steps, result->n_cached);
	if (result->id)
		text_line(stderr, "image %s", result->id);
	for (char **n = result->names; n && *n; n++)
		text_line(stderr, "named %s", *n);
}

/* Of a build of the daemon's, which has told its steps. */
static void say_built(enum build_view_mode mode, const struct build_result *result, char *const *names)
{
	if (mode == BUILD_VIEW_QUIET) {
		text_line(stdout, "%s", result->id);
		return;
	}
	text_line(stderr, "image %s", result->id);
	for (; names && *names; names++)
		text_line(stderr, "named %s", *names);
}

/* A base image that is not here, from its registry. */
static int fetch(void *ctx, struct image_store *s, const char *ref, const char *platform, struct err *err)
{
	cleanup_with(registry_pulled_free) struct registry_pulled pulled = {.info = NULL};
	const struct build_view *view = ctx;
	struct pull_view bars;
	const struct registry_pull_options o = {.platform = platform, .progress = pull_view_event, .ctx = &bars};
	int r;

	pull_view_init(&bars, STDERR_FILENO, view->mode == BUILD_VIEW_QUIET);
	r = registry_pull(s, ref, &o, &pulled, err);
	pull_view_end(&bars);
	return r;
}

/* With handlers of our own while it runs: the steps are cleared away before we end. */
static int build(int data, const struct build_options *o, struct build_view *view, struct build_result *result,
		 struct err *err)
{
	const struct sigaction action = {.sa_handler = on_signal};
	struct sigaction old_int, old_term;
	int r;

	sigaction(SIGINT, &action, &old_int);
	sigaction(SIGTERM, &action, &old_term);
	r = build_run(data, o, build_view_event, view, result, err);
	sigaction(SIGINT, &old_int, NULL);
	sigaction(SIGTERM, &old_term, NULL);
	build_view_free(view);
	return r;
}

static int build_here(struct cli *cli, const char *given, const struct build_options *o, struct build_view *view,
		      struct build_result *result, struct err *err)
{
	fd_cleanup int data = local_store_dir(cli, given, err);

	return data < 0 ? data : build(data, o, view, result, err);
}

static int build_run_command(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct build_values *v = values;
	cleanup_with(mem_strv_freep) char **args = find_args(v->build_args);
	cleanup_with(build_result_free) struct build_result result = {.id = NULL};
	struct build_view view;
	struct build_options o = {
	    .context = operands[0],
	    .dockerfile = v->file,
	    .stdin_fd = STDIN_FILENO,
	    .tags = v->tags,
	    .build_args = args,
	    .labels = v->labels,
	    .contexts = v->contexts,
	    .no_cache_stages = v->no_cache_stages,
	    .secrets = v->secrets,
	    .ssh = v->ssh,
	    .hosts = v->hosts,
	    .outputs = v->outputs,
	    .cache_from = v->cache_from,
	    .cache_to = v->cache_to,
	    .target = v->target,
	    .platform = v->platform,
	    .check = v->check_rules,
	    .no_cache = v->no_cache,
	    .pull = v->pull,
	    .check_only = v->check,
	    .jobs = (unsigned)v->jobs,
	    .fetch = fetch,
	    .fetch_ctx = &view,
	};
	int64_t started = clock_wall_ms();
	enum build_view_mode mode = BUILD_VIEW_PLAIN;
	bool here = find_network(v->network, &o.network) && (v->data || !client_is_remote(cli));
	int r = find_mode(v, &mode, err);

	if (r < 0)
		return r;
	o.tick_ms = mode == BUILD_VIEW_TERMINAL ? 200 : 0;
	build_view_init(&view, mode, STDERR_FILENO);
	r = here ? build_here(cli, v->data, &o, &view, &result, err)
		 : remote_build(cli, &o, v->network, mode == BUILD_VIEW_QUIET, &result, err);
	if (r == -ECANCELED)
		return CLI_INTERRUPTED;
	if (r == 0)
		r = write_files(v, &result, err);
	if (r < 0)
		return r;
	if (!here)
		say_built(mode, &result, v->tags);
	else if (!v->check)
		say_result(mode, &result, clock_wall_ms() - started);
	else if (view.n_warnings == 0)
		text_line(stderr, "the Dockerfile has no warnings");
	return v->check && view.n_warnings > 0 ? CLI_FAILED : CLI_OK;
}

const struct cli_command command_build = {
    .name = "build",
    .usage = "[OPTION]... DIR|ADDRESS|-",
    .summary = "Build an image from a Dockerfile",
    .detail =
	"DIR is the build context: what COPY and ADD take. - reads a tar of it from standard input, or the Dockerfile\n"
	"alone; ADDRESS is a git repository (https://host/x.git#REF:DIR) or an http address of a tar or Dockerfile. No "
	"berth needs to run. What a step made is kept and taken again while nothing that it depends on\n"
	"changed. SOURCE_DATE_EPOCH in the environment makes equal builds give equal images. docs/BUILD.md tells more.",
    .examples = "  berth build -t app .\n  berth build -t app --build-arg VERSION=2 --target test .\n"
		"  berth build -o out --target files .\n  berth build -t tool - < Dockerfile",
    .options = build_options,
    .values_size = sizeof(struct build_values),
    .least = 1,
    .most = 1,
    .operand = OPERAND_FILE,
    .run = build_run_command,
};
