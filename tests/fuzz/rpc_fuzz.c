/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes that a client of BuildKit's protocol sends: HTTP/2 frames, headers, messages.
 */
#include "base/core/err.h"
#include "base/core/loop.h"
#include "base/wire/rpc.h"

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
static struct loop *loop;

static void on_message(void *ctx, const char *data, size_t n)
{
	(void)data;
	rpc_send(ctx, "", n > 1);
}

static void on_half(void *ctx)
{
	rpc_end(ctx, GRPC_OK, "a text\n");
}

static void on_call(void *ctx, struct rpc_stream *s)
{
	static const struct rpc_stream_hooks hooks = {.message = on_message, .half = on_half};

	(void)ctx;
	if (rpc_field(s, "te"))
		rpc_accept(s, &hooks, s);
	else
		rpc_end(s, GRPC_UNIMPLEMENTED, rpc_path(s));
}

static void on_down(void *ctx)
{
	*(struct rpc **)ctx = rpc_free(*(struct rpc **)ctx);
	loop_stop(loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct rpc_hooks hooks = {.call = on_call, .down = on_down};
	struct rpc *conn = NULL;
	int pair[2];

	if (!loop && loop_new(&loop, NULL) < 0)
		return 0;
	if (size > 60000 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return 0;
	if (rpc_new(loop, pair[1], true, &hooks, &conn, &conn, NULL) == 0) {
		if (write(pair[0], preface, strlen(preface)) > 0 && size > 0 && write(pair[0], data, size) < 0)
			size = 0;
		shutdown(pair[0], SHUT_WR);
		(void)loop_run(loop, NULL);
	}
	close(pair[0]);
	rpc_free(conn);
	return 0;
}
