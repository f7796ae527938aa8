/* SPDX-License-Identifier: Apache-2.0
 *
 * BuildKit's protocol: what comes after the upgrade of POST /grpc and POST /session goes to one process (buildkit.h), which lives as long as it has a
 * connection.
 */
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/log.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/core/random.h"
#include "base/wire/http_pipe.h"
#include "base/wire/http_server.h"
#include "face/buildkit/buildkit.h"
#include "face/docker/builder_query.h"
#include "face/docker/docker_private.h"
#include "face/docker/policy.h"
#include "face/docker/tool.h"
#include "node/engine/engine.h"
#include "node/image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define SESSION_ID "X-Docker-Expose-Session-Uuid"
#define SESSION_KEY "X-Docker-Expose-Session-Sharedkey"

struct builder {
	struct docker *d;
	struct engine_tool *tool;
	struct loop_fd *watch;
	uint64_t n_given;
	int channel;
};

struct builder *builder_free(struct builder *b)
{
	if (!b)
		return NULL;
	loop_fd_free(b->watch);
	fd_closep(&b->channel);
	if (b->tool)
		engine_tool_abort(b->tool);
	free(b);
	return NULL;
}

/* What comes next is for another process. */
static void leave(struct builder *b)
{
	if (b->d->builder == b)
		b->d->builder = NULL;
	builder_free(b);
}

static void on_answer(void *ctx, yyjson_val *answer, const struct err *err)
{
	struct builder *b = ctx;

	(void)answer;
	(void)err;
	b->tool = NULL;
	leave(b);
}

static void tell_tags(const struct builder *b, const char *names)
{
	mem_cleanup char *copy = mem_strdup(names);
	char *at = copy, *name;

	while ((name = strsep(&at, ","))) {
		cleanup_with(image_info_freep) struct image_info *info = NULL;

		if (image_find(b->d->images, name, &info, NULL) == 0)
			docker_image_event(b->d, "tag", info->id, name);
	}
}

static void on_channel(void *ctx, int events)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct builder *b = ctx;
	char text[BUILDKIT_MESSAGE_MAX];
	ssize_t n = recv(b->channel, text, sizeof text, MSG_DONTWAIT);
	yyjson_val *root, *idle;
	const char *names;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	doc = n > 0 ? json_parse(text, (size_t)n, sizeof text, "a message of the builder", NULL) : NULL;
	root = doc ? yyjson_doc_get_root(doc) : NULL;
	idle = yyjson_obj_get(root, "idle");
	names = yyjson_get_str(yyjson_obj_get(root, "tagged"));
	if (names)
		tell_tags(b, names);
	if (n <= 0 || (idle && yyjson_get_uint(idle) == b->n_given))
		leave(b);
}

static int start(struct docker *d, struct builder **ret, struct err *err)
{
	mem_cleanup char *text = NULL;
	yyjson_mut_doc *request = docker_tool_request("buildkit");
	struct builder *b = mem_new(struct builder);
	fd_cleanup int theirs = -1, null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int pair[2], r;

	text = json_text(request, false, NULL);
	yyjson_mut_doc_free(request);
	*b = (struct builder){.d = d, .channel = -1};
	if (null < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		r = err_sys(err, errno, "make a channel for the builder");
	} else {
		b->channel = pair[0];
		theirs = pair[1];
		r = loop_fd_new(d->loop, b->channel, LOOP_IN, on_channel, b, &b->watch, err);
	}
	if (r == 0) {
		const struct engine_tool_fds io = {.in = theirs, .out = null};

		r = engine_tool(d->engine, text, &io, on_answer, b, &b->tool, err);
	}
	if (r < 0)
		builder_free(b);
	else
		*ret = b;
	return r;
}

/* ---- connections ---- */

/* A request that becomes one. */
struct upgrade {
	struct docker *d;
	char *session, *key; /* NULL = /grpc; of the client's directories */
	bool host;
};

/* The message goes with its descriptors, which stay the caller's. */
static int give(struct docker *d, yyjson_mut_doc *message, const int *fds, size_t n_fds, struct err *err)
{
	mem_cleanup char *text = NULL;
	size_t n;
	int r = d->builder ? 0 : start(d, &d->builder, err);

	if (r < 0)
		return r;
	text = json_text(message, false, &n);
	r = fd_send_msg(d->builder->channel, text, n, fds, n_fds);
	d->builder->n_given++;
	return r < 0 ? err_sys(err, -r, "hand a connection to the builder") : 0;
}

static int give_connection(const struct upgrade *u, int fd, struct err *err)
{
	json_mut_cleanup yyjson_mut_doc *m = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(m);

	yyjson_mut_doc_set_root(m, root);
	yyjson_mut_obj_add_str(m, root, "kind", u->session ? "session" : "grpc");
	yyjson_mut_obj_add_bool(m, root, "host", u->host);
	if (u->session)
		yyjson_mut_obj_add_str(m, root, "id", u->session);
	if (u->key && strlen(u->key) <= BUILDER_SESSION_MAX)
		yyjson_mut_obj_add_str(m, root, "key", u->key);
	return give(u->d, m, &fd, 1, err);
}

static void upgrade_free(struct upgrade *u)
{
	free(u->session);
	free(u->key);
	free(u);
}

static void on_hijacked(void *ctx, int fd)
{
	const struct upgrade *u = ctx;
	struct err err = ERR_INIT;

	if (give_connection(u, fd, &err) < 0)
		log_err(&err, "a client of BuildKit's protocol was sent away");
	close(fd);
}

static void on_close(struct http_req *r, void *ctx)
{
	(void)r;
	upgrade_free(ctx);
}

static void upgrade(const struct docker_call *c, const char *session)
{
	const char *protocol = http_req_header(c->r, "Upgrade");
	struct upgrade *u;
	struct err err = ERR_INIT;

	if (!protocol || strcmp(protocol, "h2c") != 0) {
		err_set(&err, EINVAL, "this call is for BuildKit's protocol: it wants the header \"Upgrade: h2c\"");
		docker_fail(c->r, &err);
		return;
	}
	u = mem_new(struct upgrade);
	*u = (struct upgrade){.d = c->d,
			      .session = mem_strdup(session),
			      .key = session ? mem_strdup(http_req_header(c->r, SESSION_KEY)) : NULL,
			      .host = policy_check_host(c->r, "the host's network", NULL) == 0};
	http_req_on_close(c->r, on_close, u);
	http_req_hijack(c->r, "h2c", NULL, on_hijacked, u);
}

void docker_grpc(const struct docker_call *c)
{
	upgrade(c, NULL);
}

void docker_session(const struct docker_call *c)
{
	const char *id = http_req_header(c->r, SESSION_ID);
	struct err err = ERR_INIT;

	if (id && *id && strlen(id) <= BUILDER_SESSION_MAX) {
		upgrade(c, id);
		return;
	}
	err_set(&err, EINVAL, "the header " SESSION_ID " is missing, or longer than %d bytes", BUILDER_SESSION_MAX);
	docker_fail(c->r, &err);
}

/* ---- POST /build?version=2 ---- */

/* Its reply is what the process says. */
struct traced {
	struct http_req *r;
	struct http_pipe *in, *out;
	bool began;
};

static void traced_close(struct http_req *r, void *ctx)
{
	struct traced *t = ctx;

	(void)r;
	http_pipe_free(t->in);
	http_pipe_free(t->out);
	free(t);
}

static void traced_first(void *ctx)
{
	struct traced *t = ctx;

	t->began = true;
	http_reply_begin(t->r, 200, "application/json");
}

static void traced_ended(void *ctx)
{
	struct traced *t = ctx;

	if (!t->began)
		traced_first(t);
	http_reply_end(t->r);
}

static void drop_body(struct http_req *r, void *ctx, const void *data, size_t n)
{
	(void)r;
	(void)ctx;
	(void)data;
	(void)n;
}

static int request_file(yyjson_mut_doc *request, struct err *err)
{
	mem_cleanup char *text = NULL;
	size_t n;
	int fd = memfd_create("request", MFD_CLOEXEC), r;

	text = json_text(request, false, &n);
	if (n > BUILDKIT_REQUEST_MAX) {
		fd_closep(&fd);
		return err_set(err, E2BIG, "the query of the build is too long");
	}
	r = fd < 0 ? -errno : fd_write_all(fd, text, n);
	if (r == 0)
		(void)lseek(fd, 0, SEEK_SET);
	if (r < 0)
		fd_closep(&fd);
	return r < 0 ? err_sys(err, -r, "pass the request of a build on") : fd;
}

static int give_build(const struct docker_call *c, yyjson_mut_doc *request, int fd, int body, struct err *err)
{
	json_mut_cleanup yyjson_mut_doc *m = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(m);
	const char *id = http_req_query(c->r, "buildid"), *session = http_req_query(c->r, "session");
	fd_cleanup int file = request_file(request, err);
	const int fds[] = {fd, file, body};
	char ref[33];

	if (file < 0)
		return file;
	random_hex(ref, sizeof ref - 1);
	yyjson_mut_doc_set_root(m, root);
	yyjson_mut_obj_add_str(m, root, "kind", "build");
	yyjson_mut_obj_add_str(m, root, "ref", id && *id && strlen(id) <= BUILDER_SESSION_MAX ? id : ref);
	yyjson_mut_obj_add_str(m, root, "session", session ? session : "");
	yyjson_mut_obj_add_bool(m, root, "quiet", docker_flag(c->r, "q", false));
	yyjson_mut_obj_add_bool(m, root, "host", policy_check_host(c->r, "the host's network", NULL) == 0);
	return give(c->d, m, fds, body < 0 ? 2 : 3, err);
}

/* The body is the context, which the build reads from *ret while it comes. */
static int take_body(const struct docker_call *c, struct traced *t, int *ret, struct err *err)
{
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	r = http_pipe_in(c->d->loop, c->r, fds[1], &t->in, err);
	if (r < 0)
		fd_closep(&fds[0]);
	else
		*ret = fds[0];
	return r;
}

void docker_build_session(const struct docker_call *c)
{
	struct traced *t = mem_new(struct traced);
	const struct http_pipe_source source = {.first = traced_first, .ended = traced_ended, .ctx = t};
	json_mut_cleanup yyjson_mut_doc *request = NULL;
	fd_cleanup int body = -1;
	int pair[2] = {-1, -1}, r;
	struct err err = ERR_INIT;

	t->r = c->r;
	http_req_on_close(c->r, traced_close, t);
	r = builder_query(c->r, &request, &err);
	if (r >= 0)
		docker_request_auth(request, c->r, NULL);
	if (r > 0)
		r = take_body(c, t, &body, &err);
	if (r == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		r = err_sys(&err, errno, "make a pair of sockets");
	if (r == 0)
		r = give_build(c, request, pair[1], body, &err);
	fd_closep(&pair[1]);
	if (r == 0)
		r = http_pipe_out(c->d->loop, c->r, pair[0], &source, &t->out, &err);
	else
		fd_closep(&pair[0]);
	if (r < 0)
		docker_fail(c->r, &err);
	else if (!t->in)
		http_req_stream_body(c->r, drop_body, NULL);
}

/* A build that is over already is none: nothing to cancel. */
void docker_build_cancel(const struct docker_call *c)
{
	json_mut_cleanup yyjson_mut_doc *m = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(m);
	const char *id = http_req_query(c->r, "id");
	mem_cleanup char *text = NULL;
	struct err err = ERR_INIT;
	size_t n;

	if (!id || !*id || strlen(id) > BUILDER_SESSION_MAX) {
		err_set(&err, EINVAL, "id is missing: the buildid of the build");
		docker_fail(c->r, &err);
		return;
	}
	yyjson_mut_doc_set_root(m, root);
	yyjson_mut_obj_add_str(m, root, "kind", "cancel");
	yyjson_mut_obj_add_str(m, root, "ref", id);
	text = json_text(m, false, &n);
	if (c->d->builder)
		(void)fd_send_msg(c->d->builder->channel, text, n, NULL, 0);
	http_reply(c->r, 204, NULL, "", 0);
}
