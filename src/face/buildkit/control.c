/* SPDX-License-Identifier: Apache-2.0 */
#include "face/buildkit/control.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/protobuf.h"
#include "base/wire/rpc.h"
#include "face/buildkit/job.h"
#include "face/buildkit/message.h"
#include "node/image/platform.h"

#include <errno.h>
#include <string.h>

#define BUILD_ID "buildkit-controlapi-buildid"

/* A call until its one message is there. */
struct call {
	struct jobs *jobs;
	struct rpc_stream *stream;
	const struct method *method;
	struct buf body;
	bool host;
};

typedef void method_fn(struct call *c);

static void reply(struct call *c, const struct buf *message)
{
	rpc_send(c->stream, buf_str(message), message->len);
	rpc_end(c->stream, GRPC_OK, NULL);
}

static void reply_nothing(struct call *c)
{
	const struct buf none = BUF_INIT;

	reply(c, &none);
}

/* ---- Control ---- */

static void add_version(struct buf *b, unsigned field)
{
	buf_cleanup struct buf version = BUF_INIT;

	pb_text(&version, 1, "berth");
	pb_text(&version, 2, BERTH_VERSION);
	pb_message(b, field, &version);
}

static void info(struct call *c)
{
	buf_cleanup struct buf b = BUF_INIT;

	add_version(&b, 1);
	reply(c, &b);
}

static void add_worker(struct buf *b, unsigned field)
{
	buf_cleanup struct buf worker = BUF_INIT, one = BUF_INIT;
	struct platform host;

	platform_host(&host);
	pb_text(&one, 1, host.architecture);
	pb_text(&one, 2, host.os);
	pb_text(&worker, 1, "berth");
	pb_message(&worker, 3, &one);
	add_version(&worker, 5);
	pb_message(b, field, &worker);
}

static void list_workers(struct call *c)
{
	buf_cleanup struct buf b = BUF_INIT;

	add_worker(&b, 1);
	reply(c, &b);
}

static void refuse(struct call *c, const struct err *err)
{
	rpc_end(c->stream, err->code == ENOTSUP ? GRPC_UNIMPLEMENTED : GRPC_INVALID, err->text);
}

static void solve(struct call *c)
{
	cleanup_with(message_free) struct message m = {.request = NULL};
	struct err err = ERR_INIT;

	if (message_solve(buf_str(&c->body), c->body.len, &m, &err) < 0)
		refuse(c, &err);
	else
		job_solve(c->jobs, c->stream, &m, c->host);
}

static void status(struct call *c)
{
	mem_cleanup char *ref = message_text(buf_str(&c->body), c->body.len, 1);

	job_watch(c->jobs, c->stream, ref);
}

/* No filter is known: what is left out by mistake here is pruned by mistake there. */
static bool refuse_filter(struct call *c)
{
	mem_cleanup char *filter = message_text(buf_str(&c->body), c->body.len, 1);
	mem_cleanup char *text =
	    filter && *filter ? mem_printf("the filter \"%.200s\" is not served; until is, for prune", filter) : NULL;

	if (text)
		rpc_end(c->stream, GRPC_INVALID, text);
	return text;
}

static void disk_usage(struct call *c)
{
	if (!refuse_filter(c))
		job_usage(c->jobs, c->stream);
}

/* None is kept: a client that wants no more than what there is gets the end, and so does one that would wait. */
static void history(struct call *c)
{
	rpc_end(c->stream, GRPC_OK, NULL);
}

static void prune(struct call *c)
{
	const char *at = buf_str(&c->body), *end = at + c->body.len;
	int64_t keep_ns = 0;
	uint64_t keep = 0;
	struct pb_field f;

	if (refuse_filter(c))
		return;
	while (pb_next(&at, end, &f) > 0) {
		keep_ns = f.field == 3 && !f.text ? (int64_t)f.number : keep_ns;
		keep = (f.field == 4 || f.field == 5) && !f.text ? f.number : keep;
	}
	job_prune(c->jobs, c->stream, keep_ns / 1000000000, keep);
}

/* ---- LLBBridge ---- */

static void add_caps(struct buf *b, unsigned field, const char *const *ids)
{
	for (; *ids; ids++) {
		buf_cleanup struct buf cap = BUF_INIT;

		pb_text(&cap, 1, *ids);
		pb_uint(&cap, 2, 1);
		pb_message(b, field, &cap);
	}
}

static void ping(struct call *c)
{
	static const char *const api[] = {"solve.base",
					  "return",
					  "returnmap",
					  "proto.refarray",
					  "importcaches",
					  "gateway.solve.metadata",
					  "gateway.solve.evaluate",
					  "gateway.evaluate",
					  "reference.output",
					  "frontend.inputs",
					  NULL};
	static const char *const llb[] = {"source.image", "source.local", "source.git", "source.http", NULL};
	buf_cleanup struct buf b = BUF_INIT;

	add_caps(&b, 1, api);
	add_caps(&b, 2, llb);
	add_worker(&b, 3);
	reply(c, &b);
}

static void bridge_solve(struct call *c)
{
	cleanup_with(message_free) struct message m = {.request = NULL};
	struct err err = ERR_INIT;

	if (message_bridge(buf_str(&c->body), c->body.len, &m, &err) < 0)
		refuse(c, &err);
	else
		job_bridge(c->jobs, c->stream, rpc_field(c->stream, BUILD_ID), &m);
}

static void bridge_return(struct call *c)
{
	mem_cleanup char *failure = message_failure(buf_str(&c->body), c->body.len);

	job_return(c->jobs, c->stream, rpc_field(c->stream, BUILD_ID), failure);
}

/* SERVING */
static void health(struct call *c)
{
	buf_cleanup struct buf b = BUF_INIT;

	pb_uint(&b, 1, 1);
	reply(c, &b);
}

static const struct method {
	const char *path;
	method_fn *fn;
} methods[] = {{"/moby.buildkit.v1.Control/Info", info},
	       {"/moby.buildkit.v1.Control/ListWorkers", list_workers},
	       {"/moby.buildkit.v1.Control/Solve", solve},
	       {"/moby.buildkit.v1.Control/Status", status},
	       {"/moby.buildkit.v1.Control/Prune", prune},
	       {"/moby.buildkit.v1.Control/DiskUsage", disk_usage},
	       {"/moby.buildkit.v1.Control/ListenBuildHistory", history},
	       {"/moby.buildkit.v1.frontend.LLBBridge/Ping", ping},
	       {"/moby.buildkit.v1.frontend.LLBBridge/Solve", bridge_solve},
	       {"/moby.buildkit.v1.frontend.LLBBridge/Return", bridge_return},
	       {"/moby.buildkit.v1.frontend.LLBBridge/Inputs", reply_nothing},
	       {"/moby.buildkit.v1.frontend.LLBBridge/Evaluate", reply_nothing},
	       {"/moby.buildkit.v1.frontend.LLBBridge/Warn", reply_nothing},
	       {"/grpc.health.v1.Health/Check", health}};

/* ---- calls ---- */

static void call_free(struct call *c)
{
	buf_free(&c->body);
	free(c);
}

static void on_message(void *ctx, const char *data, size_t n)
{
	struct call *c = ctx;

	if (c->body.len == 0)
		buf_add(&c->body, data, n);
}

/* The stream is somebody else's, or answered, after this. */
static void on_half(void *ctx)
{
	struct call *c = ctx;

	rpc_accept(c->stream, &(struct rpc_stream_hooks){.end = NULL}, NULL);
	c->method->fn(c);
	call_free(c);
}

static void on_end(void *ctx, enum grpc_status status, const char *text)
{
	(void)status;
	(void)text;
	call_free(ctx);
}

void control_call(struct jobs *jobs, struct rpc_stream *call, bool host)
{
	static const struct rpc_stream_hooks hooks = {.message = on_message, .half = on_half, .end = on_end};
	mem_cleanup char *text = NULL;

	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
		struct call *c;

		if (strcmp(methods[i].path, rpc_path(call)) != 0)
			continue;
		c = mem_new(struct call);
		*c = (struct call){.jobs = jobs, .stream = call, .method = &methods[i], .host = host};
		c->body.limit = RPC_MESSAGE_MAX;
		rpc_accept(call, &hooks, c);
		return;
	}
	text = mem_printf("berth does not serve %.200s", rpc_path(call));
	rpc_end(call, GRPC_UNIMPLEMENTED, text);
}
