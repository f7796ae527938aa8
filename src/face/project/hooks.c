/* SPDX-License-Identifier: Apache-2.0
 *
 * Each hook is an exec of Docker's API: made, started, its output read to the end, and then asked for its exit code.
 */
#include "face/project/hooks.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/show.h"
#include "face/project/project.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct hooks {
	const char *kind, *service; /* borrowed */
	char *id;		    /* of the container */
	char *exec;
	yyjson_val *list;
	size_t at;
	bool stopping;
	step_reply_fn then;
};

struct hooks *hooks_free(struct hooks *h)
{
	if (!h)
		return NULL;
	free(h->id);
	free(h->exec);
	free(h);
	return NULL;
}

static int next(struct step *s, struct err *err);

static int finish(struct step *s, struct err *err)
{
	step_reply_fn then = s->hooks->then;

	s->hooks = hooks_free(s->hooks);
	return then(s, NULL, NULL, err);
}

/* It ended before, or while, something was run in it: 404 and 409 of Docker's API. */
static bool has_gone(const struct hooks *h, const struct err *failed)
{
	return h->stopping && (failed->code == ENOENT || failed->code == EBUSY || failed->code == EEXIST);
}

static int fail(struct step *s, const struct err *failed, struct err *err)
{
	if (has_gone(s->hooks, failed))
		return finish(s, err);
	return err_set(err, failed->code, "service %s: %s hook %zu: %s", s->hooks->service, s->hooks->kind,
		       s->hooks->at + 1, failed->text);
}

static int on_code(struct step *s, yyjson_val *reply, const struct err *failed, struct err *err)
{
	struct hooks *h = s->hooks;
	int64_t code = show_int(reply, "ExitCode", 0);

	if (failed)
		return fail(s, failed, err);
	if (code != 0)
		return err_set(err, ECHILD, "service %s: %s hook %zu exited with code %" PRId64, h->service, h->kind,
			       h->at + 1, code);
	h->at++;
	return next(s, err);
}

static int on_output_end(struct step *s, yyjson_val *reply, const struct err *failed, struct err *err)
{
	mem_cleanup char *target = mem_printf("/exec/%s/json", s->hooks->exec);

	(void)reply;
	return failed ? fail(s, failed, err) : step_call(s, "GET", target, NULL, on_code, err);
}

static int on_made(struct step *s, yyjson_val *reply, const struct err *failed, struct err *err)
{
	mem_cleanup char *target = NULL;

	if (failed)
		return fail(s, failed, err);
	free(s->hooks->exec);
	s->hooks->exec = mem_strdup(show_str(reply, "Id", ""));
	target = mem_printf("/exec/%s/start", s->hooks->exec);
	return step_drain(s, "POST", target, "{\"Detach\":false,\"Tty\":false}", on_output_end, err);
}

/* NAME=value of a map. */
static void add_env(yyjson_mut_doc *d, yyjson_mut_val *root, yyjson_val *env)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(d, root, "Env");
	yyjson_val *key, *v;
	size_t i, n;

	yyjson_obj_foreach (env, i, n, key, v) {
		mem_cleanup char *text = mem_printf("%s=%s", yyjson_get_str(key), yyjson_get_str(v));

		if (yyjson_is_str(v))
			yyjson_mut_arr_add_strcpy(d, list, text);
	}
}

static char *body_of(yyjson_val *hook)
{
	static const struct {
		const char *from, *to;
	} texts[] = {{"user", "User"}, {"working_dir", "WorkingDir"}};
	yyjson_mut_doc *d json_mut_cleanup = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(d);

	yyjson_mut_doc_set_root(d, root);
	yyjson_mut_obj_add_val(d, root, "Cmd", yyjson_val_mut_copy(d, yyjson_obj_get(hook, "command")));
	yyjson_mut_obj_add_bool(d, root, "AttachStdout", true);
	yyjson_mut_obj_add_bool(d, root, "AttachStderr", true);
	yyjson_mut_obj_add_bool(d, root, "Privileged", show_bool(hook, "privileged"));
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		const char *text = show_str(hook, texts[i].from, "");

		if (*text)
			yyjson_mut_obj_add_strcpy(d, root, texts[i].to, text);
	}
	add_env(d, root, yyjson_obj_get(hook, "environment"));
	return json_text(d, false, NULL);
}

static int next(struct step *s, struct err *err)
{
	struct hooks *h = s->hooks;
	yyjson_val *hook = yyjson_arr_get(h->list, h->at);
	mem_cleanup char *target = mem_printf("/containers/%s/exec", h->id), *body = NULL;

	if (!hook)
		return finish(s, err);
	body = body_of(hook);
	return step_call(s, "POST", target, body, on_made, err);
}

static int run(struct step *s, const struct hooks *how, const char *id, struct err *err)
{
	if (yyjson_arr_size(how->list) == 0)
		return how->then(s, NULL, NULL, err);
	hooks_free(s->hooks);
	s->hooks = mem_new(struct hooks);
	*s->hooks = *how;
	s->hooks->id = mem_strdup(id);
	return next(s, err);
}

int hooks_run(struct step *s, const struct project *p, const char *kind, const char *service, const char *id,
	      step_reply_fn then, struct err *err)
{
	const struct hooks how = {
	    .kind = kind, .service = service, .list = yyjson_obj_get(project_service(p, service), kind), .then = then};

	return run(s, &how, id, err);
}

int hooks_before_stop(struct step *s, const struct project *p, const struct member *m, step_reply_fn then,
		      struct err *err)
{
	const struct hooks how = {.kind = HOOKS_PRE_STOP,
				  .service = m->service,
				  .list = yyjson_obj_get(project_service(p, m->service), HOOKS_PRE_STOP),
				  .stopping = true,
				  .then = then};

	if (strcmp(m->state, "running") != 0 || m->oneoff)
		return then(s, NULL, NULL, err);
	return run(s, &how, m->id, err);
}
