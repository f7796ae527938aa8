/* SPDX-License-Identifier: Apache-2.0
 *
 * exec: create, start, inspect and resize of one more process in a container.
 */
#include "base/core/err.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/age.h"
#include "face/docker/container.h"
#include "face/docker/policy.h"
#include "face/docker/shape.h"
#include "face/docker/stream.h"
#include "node/engine/stream.h"

#include <errno.h>
#include <string.h>

#define BODY_MAX (4u << 20)

static int read_body(const struct docker_call *c, yyjson_doc **ret, yyjson_val **ret_root, struct err *err)
{
	static const char *const members[] = {
	    "AttachStdin", "AttachStdout", "AttachStderr", "Tty",    "Privileged",  "User", "WorkingDir",
	    "DetachKeys",  "Cmd",	   "Env",	   "Detach", "ConsoleSize", NULL};
	size_t n;
	const char *text = http_req_body(c->r, &n);

	*ret_root = NULL;
	*ret = n == 0 ? json_parse("{}", 2, BODY_MAX, "the body", err) : json_parse(text, n, BODY_MAX, "the body", err);
	if (!*ret)
		return -EINVAL;
	*ret = age_body(c->minor, *ret);
	*ret_root = yyjson_doc_get_root(*ret);
	json_fold(*ret_root, members);
	return yyjson_is_obj(*ret_root) ? 0 : err_set(err, EINVAL, "the body is not an object");
}

/* [rows, columns]; null and absent mean unknown. */
static int read_size(yyjson_val *body, unsigned *ret_rows, unsigned *ret_cols, struct err *err)
{
	yyjson_val *size = yyjson_obj_get(body, "ConsoleSize"), *rows = yyjson_arr_get(size, 0),
		   *cols = yyjson_arr_get(size, 1);

	*ret_rows = *ret_cols = 0;
	if (!size || yyjson_is_null(size))
		return 0;
	if (yyjson_arr_size(size) != 2 || !yyjson_is_uint(rows) || !yyjson_is_uint(cols) ||
	    yyjson_get_uint(rows) > UINT16_MAX || yyjson_get_uint(cols) > UINT16_MAX)
		return err_set(err, EINVAL, "ConsoleSize: a list of rows and columns, each up to 65535, is needed");
	*ret_rows = (unsigned)yyjson_get_uint(rows);
	*ret_cols = (unsigned)yyjson_get_uint(cols);
	return 0;
}

/* Whoever may not use the container may not use what runs in it. */
static int find_exec(const struct docker_call *c, const struct engine_exec **ret, struct err *err)
{
	int r = engine_exec_find(c->d->engine, c->arg, ret, err);

	return r < 0 ? r : policy_check_container(c->d->engine, c->r, (*ret)->container, err);
}

/* ---- create ---- */

struct wanted {
	struct engine_exec_spec spec;
	char **argv, **env;
};

static void wanted_free(struct wanted *w)
{
	mem_strv_free(w->argv);
	mem_strv_free(w->env);
}

static int read_command(yyjson_val *body, struct wanted *w, struct err *err)
{
	yyjson_val *cmd = yyjson_obj_get(body, "Cmd");

	/* Docker takes one word as a list of one. */
	if (yyjson_is_str(cmd)) {
		mem_strv_add(&w->argv, yyjson_get_str(cmd));
		return 0;
	}
	return json_opt_strv(body, "Cmd", &w->argv, err);
}

static int read_flags(yyjson_val *body, struct engine_exec_spec *s, struct err *err)
{
	const struct {
		const char *key;
		bool *value;
	} flags[] = {{"AttachStdin", &s->in},
		     {"AttachStdout", &s->out},
		     {"AttachStderr", &s->err},
		     {"Tty", &s->tty},
		     {"Privileged", &s->privileged}};
	const struct {
		const char *key, **value;
	} texts[] = {{"User", &s->user}, {"WorkingDir", &s->cwd}, {"DetachKeys", &s->detach_keys}};
	int r = 0;

	for (size_t i = 0; i < sizeof flags / sizeof *flags && r == 0; i++)
		r = json_opt_bool(body, flags[i].key, flags[i].value, err);
	for (size_t i = 0; i < sizeof texts / sizeof *texts && r == 0; i++) {
		r = json_opt_str(body, texts[i].key, texts[i].value, err);
		/* "" means unset. */
		if (r == 0 && *texts[i].value && !**texts[i].value)
			*texts[i].value = NULL;
	}
	return r;
}

static int read_wanted(yyjson_val *body, struct wanted *w, struct err *err)
{
	int r = read_command(body, w, err);

	if (r == 0)
		r = json_opt_strv(body, "Env", &w->env, err);
	if (r == 0)
		r = read_flags(body, &w->spec, err);
	if (r == 0)
		r = read_size(body, &w->spec.rows, &w->spec.cols, err);
	for (char **one = w->env; r == 0 && one && *one; one++) {
		if (**one == '\0' || **one == '=')
			r = err_set(err, EINVAL, "Env: \"%.80s\" has no name", *one);
	}
	if (r == 0 && w->spec.cwd && *w->spec.cwd != '/')
		r = err_set(err, EINVAL, "WorkingDir \"%.200s\" is not an absolute path", w->spec.cwd);
	w->spec.argv = w->argv;
	w->spec.env = w->env;
	return r;
}

void docker_exec_create(const struct docker_call *c)
{
	const struct engine_container *container = docker_container(c);
	cleanup_with(wanted_free) struct wanted w = {.argv = NULL};
	json_doc_cleanup yyjson_doc *doc = NULL;
	const struct engine_exec *x;
	struct err err = ERR_INIT;
	yyjson_mut_doc *reply;
	yyjson_val *body;

	if (!container)
		return;
	if (read_body(c, &doc, &body, &err) < 0 || read_wanted(body, &w, &err) < 0 ||
	    (w.spec.privileged && policy_check_host(c->r, "a privileged process", &err) < 0) ||
	    engine_exec_create(c->d->engine, container->id, &w.spec, &x, &err) < 0) {
		docker_fail(c->r, &err);
		return;
	}
	reply = yyjson_mut_doc_new(NULL);
	yyjson_mut_doc_set_root(reply, yyjson_mut_obj(reply));
	yyjson_mut_obj_add_strcpy(reply, yyjson_mut_doc_get_root(reply), "Id", x->id);
	docker_reply(c->r, 201, reply);
}

/* ---- start ---- */

struct starting {
	struct engine *engine;
	struct http_req *r;
	char id[65];
	struct engine_exec_start how;
};

static void on_close(struct http_req *r, void *ctx)
{
	struct starting *s = ctx;

	(void)r;
	engine_exec_forget(s->engine, s);
	free(s);
}

static void on_socket(void *ctx, int fd)
{
	struct starting *s = ctx;
	struct err err = ERR_INIT;

	s->how.fd = fd;
	if (engine_exec_start(s->engine, s->id, &s->how, &err) < 0)
		log_err(&err, "a process cannot be started in a container");
}

/* Detached: the answer tells whether the program runs. */
static void on_started(void *ctx, const struct err *err)
{
	struct starting *s = ctx;

	if (err)
		docker_fail(s->r, err);
	else
		http_reply(s->r, 200, NULL, NULL, 0);
}

static void start_detached(const struct docker_call *c, struct starting *s)
{
	struct err err = ERR_INIT;

	s->how.fd = -1;
	s->how.started = on_started;
	s->how.ctx = s;
	if (engine_exec_start(s->engine, s->id, &s->how, &err) < 0)
		docker_fail(c->r, &err);
}

void docker_exec_start(const struct docker_call *c)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	const struct engine_exec *x;
	struct err err = ERR_INIT;
	struct starting *s;
	bool detach = false, tty = false;
	unsigned rows, cols;
	yyjson_val *body;

	if (read_body(c, &doc, &body, &err) < 0 || json_opt_bool(body, "Detach", &detach, &err) < 0 ||
	    json_opt_bool(body, "Tty", &tty, &err) < 0 || read_size(body, &rows, &cols, &err) < 0 ||
	    find_exec(c, &x, &err) < 0 || engine_exec_check(c->d->engine, c->arg, &err) < 0) {
		docker_fail(c->r, &err);
		return;
	}
	s = mem_new(struct starting);
	*s = (struct starting){.engine = c->d->engine, .r = c->r, .how = {.raw = tty, .rows = rows, .cols = cols}};
	memcpy(s->id, x->id, sizeof s->id);
	http_req_on_close(c->r, on_close, s);
	if (detach)
		start_detached(c, s);
	/* As Docker: what the start says decides about frames, not what the creation has said. */
	else
		http_req_hijack(c->r, "tcp", stream_type(c, tty), on_socket, s);
}

void docker_exec_resize(const struct docker_call *c)
{
	const struct engine_exec *x;
	struct err err = ERR_INIT;
	unsigned rows, cols;

	if (!stream_size(c, &rows, &cols))
		return;
	if (find_exec(c, &x, &err) < 0 || engine_exec_resize(c->d->engine, c->arg, rows, cols, &err) < 0)
		docker_fail(c->r, &err);
	else
		http_reply(c->r, 200, NULL, NULL, 0);
}

/* ---- inspect ---- */

static yyjson_mut_val *process_of(yyjson_mut_doc *d, const struct engine_exec *x, const char *user)
{
	yyjson_mut_val *p = yyjson_mut_obj(d), *arguments;

	yyjson_mut_obj_add_bool(d, p, "tty", x->spec.tty);
	yyjson_mut_obj_add_strcpy(d, p, "entrypoint", x->spec.argv[0]);
	arguments = yyjson_mut_obj_add_arr(d, p, "arguments");
	for (char *const *arg = x->spec.argv + 1; *arg; arg++)
		yyjson_mut_arr_add_strcpy(d, arguments, *arg);
	yyjson_mut_obj_add_bool(d, p, "privileged", x->spec.privileged);
	if (user && *user)
		yyjson_mut_obj_add_strcpy(d, p, "user", user);
	return p;
}

void docker_exec_inspect(const struct docker_call *c)
{
	struct container_doc doc = CONTAINER_DOC_INIT;
	const struct engine_container *container;
	const struct engine_exec *x;
	struct err err = ERR_INIT;
	yyjson_mut_doc *d;
	yyjson_mut_val *o;

	if (find_exec(c, &x, &err) < 0 || engine_find(c->d->engine, x->container, &container, &err) < 0 ||
	    container_doc_read(c->d, container, &doc, &err) < 0) {
		docker_fail(c->r, &err);
		return;
	}
	d = yyjson_mut_doc_new(NULL);
	o = yyjson_mut_obj(d);
	yyjson_mut_doc_set_root(d, o);
	yyjson_mut_obj_add_strcpy(d, o, "ID", x->id);
	yyjson_mut_obj_add_bool(d, o, "Running", x->running);
	if (x->ended)
		yyjson_mut_obj_add_int(d, o, "ExitCode", x->exit_code);
	else
		yyjson_mut_obj_add_null(d, o, "ExitCode");
	yyjson_mut_obj_add_val(d, o, "ProcessConfig",
			       process_of(d, x, x->spec.user ? x->spec.user : shape_text(doc.config, "User")));
	yyjson_mut_obj_add_bool(d, o, "OpenStdin", x->spec.in);
	yyjson_mut_obj_add_bool(d, o, "OpenStderr", x->spec.err);
	yyjson_mut_obj_add_bool(d, o, "OpenStdout", x->spec.out);
	yyjson_mut_obj_add_bool(d, o, "CanRemove", false);
	yyjson_mut_obj_add_strcpy(d, o, "ContainerID", x->container);
	yyjson_mut_obj_add_str(d, o, "DetachKeys", "");
	yyjson_mut_obj_add_int(d, o, "Pid", x->pid);
	container_doc_free(&doc);
	docker_reply(c->r, 200, d);
}
