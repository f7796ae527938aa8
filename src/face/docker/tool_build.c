/* SPDX-License-Identifier: Apache-2.0
 *
 * The classic build of Docker's API: the words of its stream are read by clients ("Successfully built", "---> Using cache").
 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/docker/docker_private.h"
#include "face/docker/tool.h"
#include "node/build/build.h"
#include "node/engine/lodger.h"
#include "node/registry/pull.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void on_signal(int signal)
{
	(void)signal;
	build_stop();
}

/* An instruction that changes the config alone: whether it is "cached" is what the next step of its stage is, or else the image. */
struct waiting {
	char *stage, *text;
};

struct building {
	struct tool *t;
	size_t total, begun;
	bool *shown; /* steps by their index */
	bool quiet;
	char *failed; /* the command that failed */
	struct waiting *waiting;
	size_t n_waiting, cap;
};

static void step(struct building *b, const char *text, bool cached)
{
	b->begun++;
	tool_stream(b->t, "Step %zu/%zu : %s\n", b->begun, b->total > b->begun ? b->total : b->begun, text);
	if (cached)
		tool_stream(b->t, " ---> Using cache\n");
}

static void stage(struct building *b, const struct build_event *e)
{
	step(b, e->text, false);
	if (e->id)
		tool_stream(b->t, " ---> %.12s\n", e->id + strlen("sha256:"));
}

static void wait_with(struct building *b, const struct build_event *e)
{
	mem_grow(&b->waiting, &b->cap, b->n_waiting);
	b->waiting[b->n_waiting++] = (struct waiting){mem_strdup(e->stage), mem_strdup(e->step)};
}

/* What waits in a stage (NULL = in all) is told. */
static void tell_waiting(struct building *b, const char *stage, bool cached)
{
	size_t kept = 0;

	for (size_t i = 0; i < b->n_waiting; i++) {
		struct waiting w = b->waiting[i];

		if (stage && strcmp(stage, w.stage) != 0) {
			b->waiting[kept++] = w;
			continue;
		}
		step(b, w.text, cached);
		free(w.stage);
		free(w.text);
	}
	b->n_waiting = kept;
}

/* One that began may turn out to have been made by another build meanwhile. */
static void step_of(struct building *b, const struct build_event *e)
{
	const bool cached = e->type == BUILD_EVENT_CACHED;

	if (b->shown[e->index]) {
		tool_stream(b->t, " ---> Using cache\n");
		return;
	}
	tell_waiting(b, e->stage, cached);
	step(b, e->step, cached);
	b->shown[e->index] = true;
}

static void building_free(struct building *b)
{
	for (size_t i = 0; i < b->n_waiting; i++) {
		free(b->waiting[i].stage);
		free(b->waiting[i].text);
	}
	free(b->waiting);
	free(b->shown);
	free(b->failed);
}

/* Docker's words for a command that failed: clients look for them, and end with the code. */
static void keep_failed(struct building *b, const struct build_event *e)
{
	const char *words = !strncmp(e->step, "RUN ", 4) ? e->step + 4 : e->step;

	free(b->failed);
	b->failed = mem_printf("%s%s", *words == '[' ? "" : "/bin/sh -c ", words);
}

static const char *exit_number(const struct err *err)
{
	const char *found = err->code == EREMOTEIO ? strstr(err->text, BUILD_EXIT_TEXT) : NULL;

	return found ? found + strlen(BUILD_EXIT_TEXT) : NULL;
}

int tool_exit_code(const struct err *err)
{
	const char *number = exit_number(err);
	long n = number ? strtol(number, NULL, 10) : 0;

	return n > 0 && n <= UINT8_MAX ? (int)n : 0;
}

static int explain(const struct building *b, struct err *err)
{
	int code = tool_exit_code(err);

	if (code == 0 || !b->failed)
		return -err->code;
	return err_wrap(err, "The command '%.400s' returned a non-zero code: %d", b->failed, code);
}

static void on_event(void *ctx, const struct build_event *e)
{
	struct building *b = ctx;

	if (e->type == BUILD_EVENT_FAILED)
		keep_failed(b, e);
	if (b->quiet)
		return;
	switch (e->type) {
	case BUILD_EVENT_PLAN:
		b->total = e->n_instructions;
		b->shown = mem_new_n(bool, e->total + 1);
		break;
	case BUILD_EVENT_WARNING:
	case BUILD_EVENT_NOTE:
		tool_stream(b->t, "[Warning] %s\n", e->text);
		break;
	case BUILD_EVENT_STAGE:
		stage(b, e);
		break;
	case BUILD_EVENT_CONFIG:
		wait_with(b, e);
		break;
	case BUILD_EVENT_BEGIN:
	case BUILD_EVENT_CACHED:
		step_of(b, e);
		break;
	case BUILD_EVENT_OUTPUT:
		tool_stream(b->t, "%s\n", e->text);
		break;
	case BUILD_EVENT_DONE:
	case BUILD_EVENT_FAILED:
	case BUILD_EVENT_EXPORT:
	case BUILD_EVENT_TICK:
		break;
	}
}

static int fetch(void *ctx, struct image_store *s, const char *ref, const char *platform, struct err *err)
{
	cleanup_with(registry_pulled_free) struct registry_pulled pulled = {.info = NULL};
	const struct building *b = ctx;
	const struct registry_pull_options o = {
	    .platform = platform, .progress = b->quiet ? NULL : tool_progress, .ctx = b->t};

	int r = registry_pull(s, ref, &o, &pulled, err);

	if (r == 0 && !b->quiet)
		tool_pulled(b->t, &pulled);
	return r;
}

bool tool_build_network(const char *word, enum build_network *ret)
{
	static const struct {
		const char *word;
		enum build_network network;
	} known[] = {{"", BUILD_NETWORK_DEFAULT},
		     {"default", BUILD_NETWORK_DEFAULT},
		     {"bridge", BUILD_NETWORK_DEFAULT},
		     {"none", BUILD_NETWORK_NONE},
		     {"host", BUILD_NETWORK_HOST}};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		*ret = known[i].network;
		if (!strcmp(known[i].word, word ? word : ""))
			return true;
	}
	return false;
}

/* What leads to another network than these three has come with a plug, or is that of a container (transfer.c). */
static int find_network(const struct tool *t, struct lodging *place, struct build_options *o, struct err *err)
{
	const char *word = tool_text(t, "network"), *plug = tool_text(t, "plug");
	const char *container = tool_text(t, "container");
	int r;

	if (!plug && !container) {
		(void)tool_build_network(word, &o->network);
		return 0;
	}
	r = container ? lodging_join(t->data, container, place, err) : lodging_enter(plug, place, err);
	o->network = BUILD_NETWORK_GIVEN;
	o->netns = place->netns;
	o->resolv_conf = place->resolv_conf;
	return r < 0 && plug ? err_wrap(err, "network %.200s", word) : r;
}

static void tell_result(struct building *b, const struct build_result *result)
{
	yyjson_mut_doc *aux;
	yyjson_mut_val *root;

	if (!result->id)
		return;
	aux = yyjson_mut_doc_new(NULL);
	root = yyjson_mut_obj(aux);
	yyjson_mut_doc_set_root(aux, root);
	yyjson_mut_obj_add_strcpy(aux, root, "ID", result->id);
	if (!b->quiet)
		tell_waiting(b, NULL, result->unchanged && !tool_flag(b->t, "nocache"));
	tool_aux(b->t, aux);
	if (b->quiet) {
		tool_stream(b->t, "%s\n", result->id);
		return;
	}
	tool_stream(b->t, "Successfully built %.12s\n", result->id + strlen("sha256:"));
	for (char **n = result->names; n && *n; n++)
		tool_stream(b->t, "Successfully tagged %s\n", *n);
}

struct lists {
	char **tags, **hosts, **args, **labels, **cache_from, **ulimits;
};

static int read_lists(const struct tool *t, struct lists *l, struct err *err)
{
	const struct {
		const char *key;
		char ***place;
	} table[] = {{"tags", &l->tags},     {"hosts", &l->hosts},	     {"buildargs", &l->args},
		     {"labels", &l->labels}, {"cache_from", &l->cache_from}, {"ulimits", &l->ulimits}};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof table / sizeof *table; i++)
		r = tool_list(t, table[i].key, table[i].place, err);
	return r;
}

/* "docker.io/team/app" is "team/app" here, as in every other call. */
static void name_tags(char **tags)
{
	for (char **t = tags; t && *t; t++) {
		char *local = mem_strdup(docker_local_name(*t));

		free(*t);
		*t = local;
	}
}

static void lists_free(struct lists *l)
{
	mem_strv_free(l->tags);
	mem_strv_free(l->hosts);
	mem_strv_free(l->args);
	mem_strv_free(l->labels);
	mem_strv_free(l->cache_from);
	mem_strv_free(l->ulimits);
}

static uint64_t number(const struct tool *t, const char *key)
{
	return yyjson_get_uint(yyjson_obj_get(t->request, key));
}

int tool_build(struct tool *t, struct err *err)
{
	const struct sigaction action = {.sa_handler = on_signal};
	const char *remote = tool_text(t, "remote");
	cleanup_with(build_result_free) struct build_result result = {.id = NULL};
	cleanup_with(lists_free) struct lists l = {.tags = NULL};
	cleanup_with(lodging_leave) struct lodging place = LODGING_NULL;
	cleanup_with(building_free) struct building b = {.t = t, .quiet = tool_flag(t, "q")};
	struct build_options o = {.context = remote && strcmp(remote, "client-session") != 0 ? remote : "-",
				  .dockerfile = tool_text(t, "dockerfile"),
				  .stdin_fd = STDIN_FILENO,
				  .target = tool_text(t, "target"),
				  .platform = tool_text(t, "platform"),
				  .no_cache = tool_flag(t, "nocache"),
				  .pull = tool_flag(t, "pull"),
				  .cache_from_only = true,
				  .docker_caps = true,
				  .no_host = tool_flag(t, "no_host"),
				  .fetch = fetch,
				  .fetch_ctx = &b};
	int r = read_lists(t, &l, err);

	if (r == 0)
		name_tags(l.tags);
	if (r == 0)
		r = find_network(t, &place, &o, err);
	if (r < 0)
		return r;
	o.tags = l.tags;
	o.hosts = l.hosts;
	o.build_args = l.args;
	o.labels = l.labels;
	o.cache_from = l.cache_from;
	o.limits = (struct build_limits){.memory = number(t, "memory"),
					 .cpu_milli = number(t, "cpu_milli"),
					 .shm_size = number(t, "shm_size"),
					 .ulimits = l.ulimits,
					 .cpus = tool_text(t, "cpus")};
	sigaction(SIGTERM, &action, NULL);
	r = build_run(t->data, &o, on_event, &b, &result, err);
	if (r == 0)
		tell_result(&b, &result);
	else
		r = explain(&b, err);
	return r;
}
