/* SPDX-License-Identifier: Apache-2.0 */
#include "face/docker/tool.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "face/buildkit/buildkit.h"
#include "face/buildkit/solve.h"
#include "face/cli/interrupt.h"
#include "face/docker/docker.h"
#include "node/engine/engine.h"
#include "node/image/image.h"
#include "node/registry/docker_config.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define REQUEST_MAX (8u << 20)
#define ANSWER_MAX (8 << 20)

static int tool_buildkit(struct tool *t, struct err *err)
{
	return buildkit_run(STDIN_FILENO, t->data, err);
}

static int tool_solve(struct tool *t, struct err *err)
{
	return solve_run(t->request, t->data, t->answer, err);
}

static const struct {
	const char *name;
	tool_fn *fn;
} operations[] = {{"pull", tool_pull},
		  {"push", tool_push},
		  {"search", tool_search},
		  {"auth", tool_auth},
		  {"load", tool_load},
		  {"save", tool_save},
		  {"build", tool_build},
		  {"build_prune", tool_build_prune},
		  {"build_usage", tool_build_usage},
		  {"image_prune", tool_image_prune},
		  {"buildkit", tool_buildkit},
		  {"solve", tool_solve},
		  {"distribution", tool_distribution},
		  {"top", tool_top},
		  {"sizes", tool_sizes},
		  {"files_stat", tool_files_stat},
		  {"files_get", tool_files_get},
		  {"files_put", tool_files_put},
		  {"files_export", tool_files_export},
		  {"files_changes", tool_files_changes},
		  {"commit", tool_commit}};

/* ---- the request ---- */

const char *tool_text(const struct tool *t, const char *key)
{
	return yyjson_get_str(yyjson_obj_get(t->request, key));
}

bool tool_flag(const struct tool *t, const char *key)
{
	return yyjson_is_true(yyjson_obj_get(t->request, key));
}

int tool_list(const struct tool *t, const char *key, char ***ret, struct err *err)
{
	*ret = NULL;
	return json_opt_strv(t->request, key, ret, err);
}

static int read_request(struct buf *b, struct err *err)
{
	char data[65536];
	ssize_t n;

	while ((n = read(ENGINE_TOOL_REQUEST, data, sizeof data)) > 0) {
		if (buf_add(b, data, (size_t)n) < 0)
			return err_set(err, E2BIG, "the request is too long");
	}
	close(ENGINE_TOOL_REQUEST);
	return n < 0 ? err_sys(err, errno, "read the request") : 0;
}

static void take_environment(yyjson_val *request)
{
	yyjson_val *list = yyjson_obj_get(request, "env"), *v;
	size_t i, n;

	yyjson_arr_foreach (list, i, n, v) {
		const char *text = yyjson_get_str(v), *equal = text ? strchr(text, '=') : NULL;
		mem_cleanup char *name = equal ? mem_strndup(text, (size_t)(equal - text)) : NULL;

		if (name)
			(void)setenv(name, equal + 1, 1);
	}
}

/* Only what the caller sent: not what the user has logged in to that the daemon runs as. */
static void take_credentials(yyjson_val *request)
{
	yyjson_val *config = yyjson_obj_get(request, "docker_config");
	mem_cleanup char *text = config ? yyjson_val_write(config, 0, NULL) : NULL;

	docker_config_only(text ? text : "{}");
}

/* ---- the work ---- */

struct store_work {
	struct tool *t;
	struct image_store *s;
	int (*fn)(struct tool *t, struct image_store *s, struct err *err);
	int said; /* a file in memory that both processes have: the answer of the one that works */
};

static int on_store(void *ctx, struct err *err)
{
	const struct store_work *w = ctx;
	int r = w->fn(w->t, w->s, err);
	mem_cleanup char *text = r < 0 ? NULL : json_text(w->t->answer, false, NULL);

	if (text && fd_write_all(w->said, text, strlen(text)) < 0)
		return err_sys(err, errno, "write the answer");
	return r;
}

static int take_answer(struct tool *t, int said, struct err *err)
{
	mem_cleanup char *text = NULL;
	json_doc_cleanup yyjson_doc *doc = NULL;
	off_t size = lseek(said, 0, SEEK_END);

	if (size < 0 || size > ANSWER_MAX)
		return err_set(err, E2BIG, "the answer is too long");
	text = mem_zalloc(1, (size_t)size + 1);
	if (pread(said, text, (size_t)size, 0) != size)
		return err_sys(err, errno, "read the answer");
	doc = json_parse(text, (size_t)size, ANSWER_MAX, "the answer", err);
	if (!doc)
		return -EINVAL;
	yyjson_mut_doc_set_root(t->answer, yyjson_val_mut_copy(t->answer, yyjson_doc_get_root(doc)));
	return 0;
}

int tool_on_store(struct tool *t, int (*fn)(struct tool *t, struct image_store *s, struct err *err), struct err *err)
{
	fd_cleanup int said = memfd_create("answer", MFD_CLOEXEC);
	struct store_work w = {.t = t, .fn = fn, .said = said};
	int r = said < 0 ? err_sys(err, errno, "make a file in memory") : image_store_open(t->data, &w.s, err);

	if (r == 0)
		r = interrupt_run_on(w.s, on_store, &w, "works on images", err);
	if (r >= 0)
		r = take_answer(t, said, err);
	image_store_close(w.s);
	return r;
}

/* From now on a SIGTERM comes when nobody waits for us any more. */
static int watch_life(struct err *err)
{
	struct pollfd p = {.fd = ENGINE_TOOL_LIFE};

	if (fcntl(ENGINE_TOOL_LIFE, F_SETOWN, getpid()) < 0 || fcntl(ENGINE_TOOL_LIFE, F_SETSIG, SIGTERM) < 0 ||
	    fcntl(ENGINE_TOOL_LIFE, F_SETFL, O_ASYNC | O_NONBLOCK) < 0)
		return err_sys(err, errno, "watch who waits");
	return poll(&p, 1, 0) == 0 ? 0 : err_set(err, ECANCELED, "nobody waits any more");
}

static int run(struct tool *t, struct err *err)
{
	const char *op = tool_text(t, "op");

	for (size_t i = 0; op && i < sizeof operations / sizeof *operations; i++) {
		if (!strcmp(operations[i].name, op))
			return operations[i].fn(t, err);
	}
	return err_set(err, EINVAL, "there is no operation \"%s\"", op ? op : "");
}

static void answer(struct tool *t, int r, const struct err *err)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(t->answer);
	mem_cleanup char *text = NULL;

	if (r < 0) {
		yyjson_mut_val *details = yyjson_mut_obj_remove_key(root, "details");

		yyjson_mut_obj_clear(root);
		if (details)
			yyjson_mut_obj_add_val(t->answer, root, "details", details);
		yyjson_mut_obj_add_str(t->answer, root, "error", err->text);
		yyjson_mut_obj_add_int(t->answer, root, "code", err->code ? err->code : -r);
	} else {
		yyjson_mut_obj_add_bool(t->answer, root, "ok", true);
	}
	text = json_text(t->answer, false, NULL);
	(void)fd_write_all(ENGINE_TOOL_REPLY, text, strlen(text));
}

int docker_tool_main(void)
{
	buf_cleanup struct buf text = BUF_LIMIT(REQUEST_MAX);
	json_doc_cleanup yyjson_doc *doc = NULL;
	json_mut_cleanup yyjson_mut_doc *reply = yyjson_mut_doc_new(NULL);
	struct tool t = {.data = ENGINE_TOOL_DATA, .answer = reply};
	struct err err = ERR_INIT;
	int r;

	yyjson_mut_doc_set_root(reply, yyjson_mut_obj(reply));
	for (int fd = ENGINE_TOOL_REPLY; fd < ENGINE_TOOL_FDS; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	r = watch_life(&err);
	if (r == 0)
		r = read_request(&text, &err);
	if (r == 0) {
		doc = json_parse(buf_str(&text), text.len, REQUEST_MAX, "the request", &err);
		r = doc ? 0 : -EINVAL;
	}
	if (r == 0) {
		t.request = yyjson_doc_get_root(doc);
		take_environment(t.request);
		take_credentials(t.request);
		r = run(&t, &err);
	}
	answer(&t, r, &err);
	tool_lines_free(&t);
	return r < 0;
}
