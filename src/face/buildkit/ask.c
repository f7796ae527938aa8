/* SPDX-License-Identifier: Apache-2.0 */
#include "face/buildkit/ask.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/wire/grpc.h"
#include "base/wire/json.h"
#include "face/buildkit/relay.h"

#include <string.h>
#include <sys/socket.h>

static void describe(struct buf *text, const char *method, const struct ask_field *fields)
{
	buf_adds(text, "{\"method\":");
	json_quote(text, method, strlen(method));
	buf_adds(text, ",\"fields\":[");
	for (const struct ask_field *f = fields; f && f->name; f++) {
		buf_adds(text, f == fields ? "" : ",");
		json_quote(text, f->name, strlen(f->name));
		buf_addc(text, ',');
		json_quote(text, f->value, strlen(f->value));
	}
	buf_adds(text, "]}");
}

int ask_open(int ask, const char *method, const struct ask_field *fields, struct ask_stream *ret, struct err *err)
{
	buf_cleanup struct buf text = BUF_LIMIT(ASK_TEXT_MAX);
	int pair[2], r;

	*ret = (struct ask_stream)ASK_STREAM_NULL;
	describe(&text, method, fields);
	if (text.full)
		return err_set(err, E2BIG, "%s: there are too many patterns for one call of the client", method);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "make a pair of sockets");
	ret->fd = pair[0];
	r = fd_send_msg(ask, text.data, text.len, &pair[1], 1);
	close(pair[1]);
	return r < 0 ? err_sys(err, -r, "ask the client") : 0;
}

void ask_close(struct ask_stream *s)
{
	fd_closep(&s->fd);
	buf_free(&s->message);
}

void ask_shut(struct ask_stream *s)
{
	(void)shutdown(s->fd, SHUT_WR);
}

int ask_send(struct ask_stream *s, const void *data, size_t n, struct err *err)
{
	const unsigned char head[4] = {(unsigned char)n, (unsigned char)(n >> 8), (unsigned char)(n >> 16),
				       (unsigned char)(n >> 24)};
	int r = fd_write_all(s->fd, head, sizeof head);

	if (r == 0)
		r = fd_write_all(s->fd, data, n);
	return r < 0 ? err_sys(err, -r, "send to the client") : 0;
}

static int read_bytes(struct ask_stream *s, void *data, size_t n, struct err *err)
{
	for (size_t at = 0; at < n;) {
		ssize_t got = recv(s->fd, (char *)data + at, n - at, MSG_WAITALL);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, errno, "read from the client");
		if (got == 0)
			return err_set(err, EPIPE, "the client has gone");
		at += (size_t)got;
	}
	return 0;
}

static int read_number(struct ask_stream *s, uint32_t *ret, struct err *err)
{
	unsigned char p[4] = {0};
	int r = read_bytes(s, p, sizeof p, err);

	*ret = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
	return r;
}

static int read_text(struct ask_stream *s, uint32_t n, struct err *err)
{
	char *room;
	int r;

	buf_clear(&s->message);
	room = buf_room(&s->message, n);
	if (!room)
		return err_set(err, E2BIG, "a message of the client is too long");
	r = read_bytes(s, room, n, err);
	if (r == 0)
		buf_added(&s->message, n);
	return r;
}

static int end_of(struct ask_stream *s, struct err *err)
{
	static const struct {
		enum grpc_status status;
		int code;
	} known[] = {{GRPC_NOT_FOUND, ENOENT},
		     {GRPC_DENIED, EACCES},
		     {GRPC_UNIMPLEMENTED, ENOSYS},
		     {GRPC_UNAUTHENTICATED, EACCES}};
	uint32_t status = 0, n = 0;
	int code = EREMOTEIO, r = read_number(s, &status, err);

	if (r == 0)
		r = read_number(s, &n, err);
	if (r == 0)
		r = read_text(s, n, err);
	if (r < 0 || status == GRPC_OK)
		return r;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		code = (uint32_t)known[i].status == status ? known[i].code : code;
	return err_set(err, code, "%s", s->message.len > 0 ? buf_str(&s->message) : "the client refuses the call");
}

int ask_next(struct ask_stream *s, struct err *err)
{
	uint32_t n;
	int r = read_number(s, &n, err);

	if (r < 0)
		return r;
	if (n == RELAY_END)
		return end_of(s, err);
	r = read_text(s, n, err);
	return r < 0 ? r : 1;
}

int ask_once(int ask, const char *method, const struct buf *message, struct ask_stream *ret, struct err *err)
{
	int r = ask_open(ask, method, NULL, ret, err);

	if (r == 0)
		r = ask_send(ret, buf_str(message), message->len, err);
	if (r < 0)
		return r;
	ask_shut(ret);
	r = ask_next(ret, err);
	return r == 0 ? err_set(err, EPROTO, "%s: the client gave no answer", method) : r < 0 ? r : 0;
}
