/* SPDX-License-Identifier: Apache-2.0
 *
 * The answer of a worker: one JSON object through a pipe, up to the end of it.
 */
#include "node/engine/container.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/json.h"

#include <fcntl.h>

struct reply {
	struct reply *next, **at;
	int fd;
	struct loop_fd *watch;
	struct buf in;
	reply_fn fn;
	void *ctx;
	bool owns_ctx;
};

struct reply *reply_free(struct reply *r)
{
	if (!r)
		return NULL;
	*r->at = r->next;
	if (r->next)
		r->next->at = r->at;
	r->watch = loop_fd_free(r->watch);
	fd_closep(&r->fd);
	buf_free(&r->in);
	free(r);
	return NULL;
}

static int parse(const struct buf *in, yyjson_doc **ret, struct err *err)
{
	const char *text;
	yyjson_val *v;
	int64_t code;

	if (in->full)
		return err_set(err, E2BIG, "a worker's answer is longer than %zu bytes", in->limit);
	if (in->len == 0)
		return err_set(err, EIO, "the worker process ended without an answer");
	*ret = json_parse(in->data, in->len, in->len, "a worker's answer", err);
	if (!*ret)
		return -EIO;
	v = yyjson_doc_get_root(*ret);
	if (!yyjson_is_obj(v))
		return err_set(err, EIO, "a worker's answer is not an object");
	if (json_get_str(v, "error", &text, NULL) < 0)
		return 0;
	if (json_get_int(v, "code", 1, 4095, &code, NULL) < 0)
		code = EIO;
	return err_set(err, (int)code, "%s", text);
}

static void finish(struct reply *r)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct err err = ERR_INIT;
	reply_fn fn = r->fn;
	void *ctx = r->ctx;
	int code = parse(&r->in, &doc, &err);

	reply_free(r);
	fn(ctx, code < 0 ? NULL : yyjson_doc_get_root(doc), code < 0 ? &err : NULL);
}

static void on_readable(void *ctx, int events)
{
	struct reply *r = ctx;
	char data[16384];
	ssize_t n = read(r->fd, data, sizeof data);

	(void)events;
	if (n > 0)
		(void)buf_add(&r->in, data, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		finish(r);
}

int reply_new(struct engine *e, size_t limit, reply_fn fn, void *ctx, int *ret_fd, struct reply **ret, struct err *err)
{
	struct reply *r;
	int fds[2], code;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe for a worker's answer");
	r = mem_new(struct reply);
	*r = (struct reply){
	    .fd = fds[0], .in = BUF_LIMIT(limit), .fn = fn, .ctx = ctx, .next = e->replies, .at = &e->replies};
	if (r->next)
		r->next->at = &r->next;
	e->replies = r;
	code = fd_nonblock(fds[0]);
	code = code < 0 ? err_sys(err, -code, "make a pipe for a worker's answer")
			: loop_fd_new(e->loop, fds[0], LOOP_IN, on_readable, r, &r->watch, err);
	if (code < 0) {
		reply_free(r);
		close(fds[1]);
		return code;
	}
	*ret_fd = fds[1];
	*ret = r;
	return 0;
}

void reply_own(struct reply *r)
{
	r->owns_ctx = true;
}

void reply_close_all(struct engine *e)
{
	for (struct reply *r = e->replies, *next; r; r = next) {
		next = r->next;
		if (r->owns_ctx)
			free(r->ctx);
		reply_free(r);
	}
}
