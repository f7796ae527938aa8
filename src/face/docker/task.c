/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/wire/http_pipe.h"
#include "base/wire/http_server.h"
#include "face/docker/docker_private.h"
#include "face/docker/tool.h"
#include "node/engine/engine.h"
#include "node/engine/lodger.h"
#include "node/image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* A request whose work a tool does. It is over when the tool has answered and its output has ended. */
struct task {
	struct http_req *r;
	struct docker_task how;
	struct engine_tool *tool; /* NULL = it has answered */
	struct http_pipe *in, *out;
	bool began, output_ended;
	struct err err; /* code 0 = it succeeded */
	struct docker *d;
	char **images; /* of how.event */
};

static void on_close(struct http_req *r, void *ctx)
{
	struct task *t = ctx;

	(void)r;
	http_pipe_free(t->in);
	http_pipe_free(t->out);
	if (t->tool)
		engine_tool_abort(t->tool);
	mem_strv_free(t->images);
	free(t);
}

static void first(void *ctx)
{
	struct task *t = ctx;

	t->began = true;
	http_reply_begin(t->r, t->how.status, t->how.type);
}

/* Docker's message of a failure, for a stream that has begun. */
static void send_error(struct task *t)
{
	yyjson_mut_doc *d json_mut_cleanup = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(d), *detail;
	mem_cleanup char *text = NULL, *line = NULL;

	yyjson_mut_doc_set_root(d, root);
	detail = yyjson_mut_obj_add_obj(d, root, "errorDetail");
	/* A command's; docker build ends with it, and without one with 1. */
	if (tool_exit_code(&t->err))
		yyjson_mut_obj_add_int(d, detail, "code", tool_exit_code(&t->err));
	yyjson_mut_obj_add_str(d, detail, "message", t->err.text);
	yyjson_mut_obj_add_str(d, root, "error", t->err.text);
	text = json_text(d, false, NULL);
	/* In one piece: docker-py takes the end of a line that comes alone for a message. */
	line = mem_printf("%s\r\n", text);
	(void)http_reply_data(t->r, line, strlen(line));
}

static void fail(struct task *t)
{
	buf_cleanup struct buf json = BUF_INIT;

	if (!t->how.denied || t->err.code != EACCES) {
		docker_fail(t->r, &t->err);
		return;
	}
	buf_adds(&json, "{\"message\":");
	json_quote(&json, t->err.text, strlen(t->err.text));
	buf_addc(&json, '}');
	http_reply_json(t->r, t->how.denied, buf_str(&json));
}

static void try_finish(struct task *t)
{
	if (t->tool || !t->output_ended)
		return;
	/* What a command of a build ended with has no place in an answer of another kind. */
	if (!t->began && t->err.code && !t->how.always && !tool_exit_code(&t->err)) {
		fail(t);
		return;
	}
	if (!t->began)
		first(t);
	if (t->err.code && t->how.messages)
		send_error(t);
	else if (t->err.code)
		log_err(&t->err, "an answer of Docker's API was cut short");
	http_reply_end(t->r);
}

static void on_output_ended(void *ctx)
{
	struct task *t = ctx;

	t->output_ended = true;
	try_finish(t);
}

/* What events say of images: of those that the request names and of those that the answer does, and what they are called. */
static const struct told {
	const char *event;
	bool by_id, name_is_id, of_answer;
} told[] = {{"pull", false, false, false},
	    {"push", false, false, false},
	    {"tag", true, false, false},
	    {"save", true, true, false},
	    {"load", true, true, true}};

/* ids: of whom it has been told; an image with several names is saved once. */
static void tell_image(const struct task *t, const struct told *how, const char *name, char ***ids)
{
	cleanup_with(image_info_freep) struct image_info *info = NULL;

	if (how->by_id && image_find(t->d->images, name, &info, NULL) < 0)
		return;
	for (char **id = *ids; how->name_is_id && id && *id; id++) {
		if (!strcmp(*id, info->id))
			return;
	}
	if (how->name_is_id)
		mem_strv_add(ids, info->id);
	docker_image_event(t->d, how->event, info ? info->id : NULL, how->name_is_id ? info->id : name);
}

static void tell_images(const struct task *t, yyjson_val *answer)
{
	yyjson_val *list = yyjson_obj_get(answer, "images"), *v;
	char **ids cleanup_with(mem_strv_freep) = NULL;
	size_t i, n;

	for (size_t k = 0; t->how.event && k < sizeof told / sizeof *told; k++) {
		if (strcmp(told[k].event, t->how.event) != 0)
			continue;
		for (char **name = t->images; name && *name; name++)
			tell_image(t, &told[k], *name, &ids);
		if (!told[k].of_answer)
			continue;
		yyjson_arr_foreach (list, i, n, v) {
			if (yyjson_is_str(v))
				tell_image(t, &told[k], yyjson_get_str(v), &ids);
		}
	}
}

static void on_answer(void *ctx, yyjson_val *answer, const struct err *err)
{
	struct task *t = ctx;
	mem_cleanup char *text = NULL;

	t->tool = NULL;
	if (t->in)
		http_pipe_stop(t->in);
	if (err)
		t->err = *err;
	else
		tell_images(t, answer);
	if (t->how.answer && !err) {
		text = yyjson_val_write(yyjson_obj_get(answer, "body"), 0, NULL);
		t->began = true;
		http_reply_json(t->r, t->how.status, text ? text : "null");
		return;
	}
	try_finish(t);
}

/* The ends of the tool's descriptors: [0] input, [1] output; ours go into the pipes. */
static int open_pipes(struct docker *d, struct task *t, int fds[static 2], struct err *err)
{
	const struct http_pipe_source source = {.first = first, .ended = on_output_ended, .ctx = t};
	int in[2] = {-1, -1}, out[2], r;

	if (pipe2(out, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	fds[1] = out[1];
	r = http_pipe_out(d->loop, t->r, out[0], &source, &t->out, err);
	if (r < 0)
		return r;
	if (!t->how.body) {
		fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		return fds[0] < 0 ? err_sys(err, errno, "open /dev/null") : 0;
	}
	if (pipe2(in, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	fds[0] = in[0];
	return http_pipe_in(d->loop, t->r, in[1], &t->in, err);
}

static void note_images(struct task *t, yyjson_mut_val *request)
{
	yyjson_mut_val *list = yyjson_mut_obj_get(request, "tags"), *names = yyjson_mut_obj_get(request, "names"), *v;
	const char *image = yyjson_mut_get_str(yyjson_mut_obj_get(request, "image"));
	size_t i, n;

	if (!t->how.event)
		return;
	if (image)
		mem_strv_add(&t->images, docker_local_name(image));
	yyjson_mut_arr_foreach (names, i, n, v) {
		mem_strv_add(&t->images, yyjson_mut_get_str(v));
	}
	yyjson_mut_arr_foreach (list, i, n, v) {
		mem_cleanup char *full = NULL;

		if (yyjson_mut_is_str(v) &&
		    image_ref_normalise(docker_local_name(yyjson_mut_get_str(v)), &full, NULL) == 0)
			mem_strv_add(&t->images, full);
	}
}

void docker_task_run(struct docker *d, struct http_req *r, const struct docker_task *how, yyjson_mut_doc *request)
{
	mem_cleanup char *text = json_text(request, false, NULL);
	struct task *t = mem_new(struct task);
	int fds[2] = {-1, -1};
	struct err err = ERR_INIT;
	int code;

	t->r = r;
	t->how = *how;
	t->d = d;
	note_images(t, yyjson_mut_doc_get_root(request));
	yyjson_mut_doc_free(request);
	http_req_on_close(r, on_close, t);
	code = open_pipes(d, t, fds, &err);
	if (code < 0) {
		lodger_free(how->lodger);
	} else {
		const struct engine_tool_fds io = {.in = fds[0], .out = fds[1], .lodger = how->lodger};

		code = engine_tool(d->engine, text, &io, on_answer, t, &t->tool, &err);
	}
	fd_closep(&fds[0]);
	fd_closep(&fds[1]);
	if (code < 0) {
		if (t->out)
			http_pipe_stop(t->out);
		docker_fail(r, &err);
	}
}
