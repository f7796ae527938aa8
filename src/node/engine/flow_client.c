/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/flow.h"

#include "base/core/fd.h"
#include "base/core/mem.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define HEAD 8

static void drop_rest(struct flow_client *c)
{
	free(c->out);
	c->out = NULL;
	c->out_at = c->out_n = 0;
}

/* Nobody reads any more. */
static void deaf(struct flow_client *c)
{
	drop_rest(c);
	c->want[0] = c->want[1] = false;
	c->replay = flow_replay_free(c->replay);
	c->leaving = c->leaving || !c->in;
}

static ssize_t send_iov(int fd, struct iovec *iov, size_t n)
{
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n};
	ssize_t w;

	do {
		w = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (w < 0 && errno == EINTR);
	return w;
}

/* What is left of the two pieces after `done` bytes. */
static void keep(struct flow_client *c, const struct iovec *iov, size_t done)
{
	size_t n = iov[0].iov_len + iov[1].iov_len - done, w = 0;

	c->out = mem_zalloc(1, n);
	c->out_at = 0;
	c->out_n = n;
	for (int i = 0; i < 2; i++) {
		size_t skip = done < iov[i].iov_len ? done : iov[i].iov_len;

		memcpy(c->out + w, (char *)iov[i].iov_base + skip, iov[i].iov_len - skip);
		w += iov[i].iov_len - skip;
		done -= skip;
	}
}

void flow_client_send(struct flow_client *c, int stream, const void *data, size_t n)
{
	unsigned char head[HEAD] = {(unsigned char)stream};
	uint32_t size = htobe32((uint32_t)n);
	struct iovec iov[2] = {{.iov_base = head, .iov_len = c->framed ? HEAD : 0},
			       {.iov_base = (void *)data, .iov_len = n}};
	ssize_t w;

	memcpy(head + 4, &size, sizeof size);
	w = send_iov(c->fd, iov, 2);
	if (w < 0 && errno != EAGAIN && errno != ENOBUFS)
		deaf(c);
	else if (w < (ssize_t)(iov[0].iov_len + n))
		keep(c, iov, w < 0 ? 0 : (size_t)w);
}

void flow_client_flush(struct flow_client *c)
{
	while (c->out_n > 0) {
		struct iovec iov = {.iov_base = c->out + c->out_at, .iov_len = c->out_n};
		ssize_t w = send_iov(c->fd, &iov, 1);

		if (w < 0 && (errno == EAGAIN || errno == ENOBUFS))
			return;
		if (w < 0) {
			deaf(c);
			return;
		}
		c->out_at += (size_t)w;
		c->out_n -= (size_t)w;
	}
	drop_rest(c);
}

struct flow_client *flow_client_free(struct flow_client *c)
{
	flow_replay_free(c->replay);
	free(c->out);
	free(c->typed);
	fd_closep(&c->fd);
	free(c);
	return NULL;
}
