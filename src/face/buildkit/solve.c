/* SPDX-License-Identifier: Apache-2.0 */
#include "face/buildkit/solve.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/protobuf.h"
#include "face/buildkit/agent.h"
#include "face/buildkit/ask.h"
#include "face/buildkit/filesync.h"
#include "face/buildkit/login.h"
#include "face/buildkit/solve_export.h"
#include "face/buildkit/solve_options.h"
#include "face/buildkit/solve_tell.h"
#include "node/build/client.h"
#include "node/build/secret.h"
#include "node/registry/pull.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define GET_SECRET "/moby.buildkit.secrets.v1.Secrets/GetSecret"
#define UPLOAD_PULL "/moby.upload.v1.Upload/Pull"

struct solve {
	struct solve_tell *tell;
	int ask;
};

static void on_signal(int signal)
{
	(void)signal;
	build_stop();
}

/* ---- what the client has ---- */

static int client_file(void *ctx, const char *dir, const char *path, size_t limit, char **ret, size_t *ret_n,
		       struct err *err)
{
	struct solve *s = ctx;
	int r;

	solve_tell_file(s->tell, path);
	r = filesync_file(s->ask, dir, path, limit, ret, ret_n, err);
	if (r == 0 || r == -ENOENT)
		solve_tell_file_came(s->tell, path, r == 0 ? *ret : NULL, r == 0 ? *ret_n : 0);
	return r;
}

static int client_tree(void *ctx, const char *dir, char *const *patterns, char *const *paths, int kept, int file,
		       struct err *err)
{
	struct solve *s = ctx;
	uint64_t bytes = 0;
	int r;

	solve_tell_tree(s->tell, dir);
	r = filesync_tree(s->ask, dir, patterns, paths, kept, file, &bytes, err);
	solve_tell_tree_came(s->tell, bytes, r < 0 ? err->text : NULL);
	return r;
}

static int client_secret(void *ctx, const char *id, char **ret, size_t *ret_n, struct err *err)
{
	cleanup_with(ask_close) struct ask_stream stream = ASK_STREAM_NULL;
	buf_cleanup struct buf message = BUF_INIT;
	const struct solve *s = ctx;
	struct pb_field f = {.field = 0};
	const char *at, *end;
	int r;

	pb_text(&message, 1, id);
	r = ask_once(s->ask, GET_SECRET, &message, &stream, err);
	if (r == -ENOENT || r == -ENOSYS)
		return err_set(err, ENOENT, "the step needs the secret \"%s\"; give it with --secret id=%s,src=FILE",
			       id, id);
	if (r < 0)
		return r;
	at = buf_str(&stream.message);
	end = at + stream.message.len;
	while ((r = pb_next(&at, end, &f)) > 0 && f.field != 1)
		continue;
	if (r < 0 || (r > 0 && f.n > SECRET_BYTES_MAX))
		return err_set(err, EPROTO, "the secret \"%s\" of the client is damaged or larger than %u bytes", id,
			       SECRET_BYTES_MAX);
	*ret = r > 0 ? mem_strndup(f.text ? f.text : "", f.n) : mem_strdup("");
	*ret_n = r > 0 ? f.n : 0;
	explicit_bzero(stream.message.data, stream.message.len);
	return 0;
}

static int client_agent(void *ctx, const char *id, int dir, char **ret, struct err *err)
{
	const struct solve *s = ctx;

	return agent_forward(s->ask, id, dir, ret, err);
}

/* ---- base images ---- */

static void on_progress(void *ctx, const struct image_progress *p)
{
	const struct solve *s = ctx;

	solve_tell_pulling(s->tell, p);
}

static int fetch(void *ctx, struct image_store *store, const char *ref, const char *platform, struct err *err)
{
	cleanup_with(registry_pulled_free) struct registry_pulled pulled = {.info = NULL};
	const struct registry_pull_options o = {.platform = platform, .progress = on_progress, .ctx = ctx};
	struct solve *s = ctx;
	int r;

	solve_tell_pull(s->tell, ref);
	r = registry_pull(store, ref, &o, &pulled, err);
	solve_tell_pulled(s->tell, r < 0 ? err->text : NULL);
	return r;
}

/* A context that comes as one archive, or a Dockerfile alone. */
static int upload(const struct solve *s, const char *path, int data_dir, int *ret_fd, struct err *err)
{
	const struct ask_field fields[] = {{"urlpath", path}, {NULL, NULL}};
	cleanup_with(ask_close) struct ask_stream stream = ASK_STREAM_NULL;
	fd_cleanup int fd = openat(data_dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	uint64_t total = 0;
	int r = fd < 0 ? err_sys(err, errno, "make a temporary file for the build context")
		       : ask_open(s->ask, UPLOAD_PULL, fields, &stream, err);

	if (r == 0)
		ask_shut(&stream);
	while (r == 0 && (r = ask_next(&stream, err)) > 0) {
		const char *at = buf_str(&stream.message), *end = at + stream.message.len;
		struct pb_field f;

		r = pb_next(&at, end, &f);
		total += r > 0 ? f.n : 0;
		if (total > SOLVE_UPLOAD_MAX)
			return err_set(err, EFBIG, "the build context is larger than %u bytes", SOLVE_UPLOAD_MAX);
		if (r > 0 && f.field == 1 && f.text)
			r = fd_write_all(fd, f.text, f.n);
		if (r < 0)
			return err_sys(err, -r, "take the build context from the client");
		r = 0;
	}
	if (r < 0)
		return r;
	(void)lseek(fd, 0, SEEK_SET);
	*ret_fd = fd_take(&fd);
	return 0;
}

/* The context as an archive that its client sends while it is read. It is the first that comes to us. */
static int take_body(const struct solve *s, int *ret_fd, struct err *err)
{
	int fds[FD_MSG_MAX];
	size_t n_fds = 0;
	char word;
	ssize_t n = fd_recv_msg(s->ask, &word, sizeof word, fds, &n_fds);

	if (n == 1 && n_fds == 1) {
		*ret_fd = fds[0];
		return 0;
	}
	for (size_t i = 0; i < n_fds; i++)
		fd_closep(&fds[i]);
	return err_set(err, EPROTO, "the build context did not come");
}

/* ---- all ---- */

static void add_response(yyjson_mut_doc *answer, const struct build_result *result)
{
	yyjson_mut_val *response = yyjson_mut_obj_add_obj(answer, yyjson_mut_doc_get_root(answer), "response");
	mem_cleanup char *names = mem_strdup("");

	if (!result->id)
		return;
	for (char **n = result->names; n && *n; n++) {
		char *longer = mem_printf("%s%s%s", names, *names ? "," : "", *n);

		free(names);
		names = longer;
	}
	yyjson_mut_obj_add_strcpy(answer, response, "containerimage.config.digest", result->id);
	yyjson_mut_obj_add_strcpy(answer, response, "containerimage.digest", result->id);
	if (*names)
		yyjson_mut_obj_add_strcpy(answer, response, "image.name", names);
}

static void on_event(void *ctx, const struct build_event *e)
{
	solve_tell_event(ctx, e);
}

static int send_export(const struct solve *s, const struct solve_options *w, const struct solve_export_place *place,
		       struct err *err)
{
	int r;

	if (place->tmp < 0)
		return 0;
	solve_tell_sending(s->tell, false, NULL);
	r = solve_export_send(w, s->ask, place, err);
	solve_tell_sending(s->tell, true, r < 0 ? err->text : NULL);
	return r;
}

static int build(struct solve *s, struct solve_options *w, int data_dir, yyjson_mut_doc *answer, struct err *err)
{
	const struct build_client client = {.file = client_file,
					    .tree = client_tree,
					    .secret = client_secret,
					    .agent = client_agent,
					    .key = w->key,
					    .ctx = s};
	cleanup_with(build_result_free) struct build_result result = {.id = NULL};
	cleanup_with(solve_export_close) struct solve_export_place place = SOLVE_EXPORT_NULL;
	fd_cleanup int uploaded = -1;
	int r = 0;

	if (w->body)
		r = take_body(s, &uploaded, err);
	else if (w->upload)
		r = upload(s, w->upload, data_dir, &uploaded, err);
	if (r == 0)
		r = solve_export_open(w, data_dir, &place, err);
	if (r < 0)
		return r;
	w->o.stdin_fd = uploaded;
	w->o.client = &client;
	w->o.fetch = fetch;
	w->o.fetch_ctx = s;
	solve_tell_file(s->tell, "");
	r = build_run(data_dir, &w->o, on_event, s->tell, &result, err);
	if (r < 0)
		return r;
	solve_tell_made(s->tell, &result);
	r = send_export(s, w, &place, err);
	add_response(answer, &result);
	return r;
}

int solve_run(yyjson_val *request, int data_dir, yyjson_mut_doc *answer, struct err *err)
{
	const struct sigaction action = {.sa_handler = on_signal};
	cleanup_with(solve_options_free) struct solve_options w = {.context = NULL};
	const char *ref = yyjson_get_str(yyjson_obj_get(request, "ref"));
	struct solve s = {.ask = STDIN_FILENO};
	int r = solve_options_read(request, &w, err);

	if (r < 0)
		return r;
	(void)fcntl(STDIN_FILENO, F_SETFD, FD_CLOEXEC);
	sigaction(SIGTERM, &action, NULL);
	login_use(STDIN_FILENO);
	s.tell = solve_tell_new(STDOUT_FILENO, ref ? ref : "", w.o.dockerfile, w.check ? answer : NULL);
	r = build(&s, &w, data_dir, answer, err);
	if (r < 0)
		solve_tell_failed(s.tell, err, answer);
	s.tell = solve_tell_free(s.tell, r == 0);
	return r;
}
