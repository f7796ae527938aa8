/* SPDX-License-Identifier: Apache-2.0 */
#include "face/buildkit/trace.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/registry/base64.h"

#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#define SLOW (256u << 10)

struct trace {
	struct trace_hooks hooks;
	struct loop_fd *watch;
	struct buf out;
	size_t at;
	int fd;
	bool quiet, slow, ending, broken;
};

static void trace_free(struct trace *t)
{
	loop_fd_free(t->watch);
	fd_closep(&t->fd);
	buf_free(&t->out);
	free(t);
}

static void pour(struct trace *t)
{
	while (!t->broken && t->out.len > t->at) {
		ssize_t n = send(t->fd, t->out.data + t->at, t->out.len - t->at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		t->broken = n < 0;
		buf_pass(&t->out, &t->at, n > 0 ? (size_t)n : 0);
	}
	/* Whoever does not hear needs none of it. */
	buf_clear(&t->out);
	t->at = 0;
}

static void on_event(void *ctx, int events)
{
	struct trace *t = ctx;
	char nothing[64];

	/* It says nothing: what can be read is its end. */
	if ((events & LOOP_IN) && recv(t->fd, nothing, sizeof nothing, MSG_DONTWAIT) == 0)
		t->broken = true;
	pour(t);
	if (t->ending && t->out.len == 0) {
		struct trace_hooks hooks = t->hooks;

		trace_free(t);
		hooks.over(hooks.all);
		return;
	}
	loop_fd_set(t->watch, t->broken ? 0 : LOOP_IN | (t->out.len > 0 ? LOOP_OUT : 0));
	if (t->ending)
		return;
	if (t->broken) {
		t->hooks.gone(t->hooks.ctx);
	} else if (t->slow && t->out.len == 0) {
		t->slow = false;
		t->hooks.drain(t->hooks.ctx);
	}
}

int trace_new(struct loop *l, int fd, bool quiet, const struct trace_hooks *hooks, struct trace **ret, struct err *err)
{
	struct trace *t = mem_new(struct trace);
	int r;

	*t = (struct trace){.hooks = *hooks, .fd = fd, .quiet = quiet};
	r = loop_fd_new(l, fd, LOOP_IN, on_event, t, &t->watch, err);
	if (r < 0)
		trace_free(t);
	else
		*ret = t;
	return r;
}

static void add_line(struct trace *t, const char *line)
{
	if (t->broken)
		return;
	buf_adds(&t->out, line);
	buf_adds(&t->out, "\r\n");
	loop_fd_set(t->watch, LOOP_IN | LOOP_OUT);
}

int trace_status(struct trace *t, const char *message, size_t n)
{
	mem_cleanup char *text = NULL, *line = NULL;

	if (t->quiet)
		return 0;
	text = base64_text(message, n);
	line = mem_printf("{\"id\":\"moby.buildkit.trace\",\"aux\":\"%s\"}", text);
	add_line(t, line);
	t->slow = !t->broken && t->out.len - t->at > SLOW;
	return t->slow;
}

void trace_end(struct trace *t, const char *id, const char *failure)
{
	buf_cleanup struct buf line = BUF_INIT;

	if (!t)
		return;
	if (failure) {
		buf_adds(&line, "{\"errorDetail\":{\"message\":");
		json_quote(&line, failure, strlen(failure));
		buf_adds(&line, "},\"error\":");
		json_quote(&line, failure, strlen(failure));
		buf_addc(&line, '}');
		add_line(t, buf_str(&line));
	} else if (id && t->quiet) {
		buf_printf(&line, "{\"stream\":\"%s\\n\"}", id);
		add_line(t, buf_str(&line));
	} else if (id) {
		buf_printf(&line, "{\"id\":\"moby.image.id\",\"aux\":{\"ID\":\"%s\"}}", id);
		add_line(t, buf_str(&line));
	}
	t->ending = true;
	/* Its last words, or the next turn of the loop, free it. */
	loop_fd_set(t->watch, LOOP_OUT);
}
