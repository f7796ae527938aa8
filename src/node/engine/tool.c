/* SPDX-License-Identifier: Apache-2.0
 *
 * engine_tool: this program once more, for work that takes long, blocks, or speaks to the world.
 */
#include "node/engine/container.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/log.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "node/engine/lodger.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define ANSWER_MAX (1u << 20)

struct engine_tool {
	struct engine *e;
	struct engine_tool *next, **at;
	struct reply *reply;
	int life; /* its end tells the tool to end */
	struct lodger *lodger;
	struct loop_fd *heard; /* what a lodger says through life */
	engine_tool_fn done;
	void *ctx;
};

static void tool_free(struct engine_tool *t)
{
	*t->at = t->next;
	if (t->next)
		t->next->at = t->at;
	loop_fd_free(t->heard);
	fd_closep(&t->life);
	lodger_free(t->lodger);
	free(t);
}

/* Once: after it nothing but the end comes. */
static void on_life(void *ctx, int events)
{
	struct engine_tool *t = ctx;
	struct err err = ERR_INIT;
	int r = lodger_hear(t->lodger, t->life, &err);

	(void)events;
	t->heard = loop_fd_free(t->heard);
	if (r < 0 && r != -ENODATA)
		log_err(&err, "a build cannot ask for names");
}

static void on_answer(void *ctx, yyjson_val *answer, const struct err *err)
{
	struct engine_tool *t = ctx;

	t->done(t->ctx, answer, err);
	tool_free(t);
}

/* The request in memory that can be read from the start. */
static int request_fd(const char *request, struct err *err)
{
	fd_cleanup int fd = memfd_create("berth-request", MFD_CLOEXEC);
	int r = fd < 0 ? -errno : fd_write_all(fd, request, strlen(request));

	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	return r < 0 ? err_sys(err, -r, "pass a request on") : fd_take(&fd);
}

/* fds: reply, request, input, output, life. */
static int open_fds(struct engine_tool *t, const char *request, const struct engine_tool_fds *io, int fds[static 5],
		    struct err *err)
{
	int pair[2];

	fds[1] = request_fd(request, err);
	if (fds[1] < 0)
		return fds[1];
	fds[2] = fcntl(io->in, F_DUPFD_CLOEXEC, 3);
	fds[3] = fcntl(io->out, F_DUPFD_CLOEXEC, 3);
	if (fds[2] < 0 || fds[3] < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "pass descriptors on");
	t->life = pair[0];
	fds[4] = pair[1];
	return reply_new(t->e, ANSWER_MAX, on_answer, t, &fds[0], &t->reply, err);
}

int engine_tool(struct engine *e, const char *request, const struct engine_tool_fds *io, engine_tool_fn done, void *ctx,
		struct engine_tool **ret, struct err *err)
{
	struct engine_tool *t = mem_new(struct engine_tool);
	int fds[5] = {-1, -1, -1, -1, -1}, r;

	*t = (struct engine_tool){
	    .e = e, .next = e->tools, .at = &e->tools, .life = -1, .lodger = io->lodger, .done = done, .ctx = ctx};
	if (t->next)
		t->next->at = &t->next;
	e->tools = t;
	r = open_fds(t, request, io, fds, err);
	if (r < 0) {
		for (size_t i = 0; i < 5; i++)
			fd_closep(&fds[i]);
		tool_free(t);
		return r;
	}
	r = launcher_send(e->launcher, LAUNCHER_TOOL, NULL, fds, 5, err);
	if (r == 0 && t->lodger)
		r = loop_fd_new(e->loop, t->life, LOOP_IN, on_life, t, &t->heard, err);
	if (r < 0) {
		reply_free(t->reply);
		tool_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

void engine_tool_abort(struct engine_tool *t)
{
	reply_free(t->reply);
	tool_free(t);
}

void tool_close_all(struct engine *e)
{
	for (struct engine_tool *t = e->tools, *next; t; t = next) {
		next = t->next;
		engine_tool_abort(t);
	}
}
