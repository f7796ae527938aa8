/* SPDX-License-Identifier: Apache-2.0
 *
 * By hand, for libmnl is a shared library only, and what is needed of it is this.
 */
#include "node/net/nl.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#define RECEIVE_MAX 32768
#define HEAD sizeof(struct nlattr)

int nl_open(struct nl *ret, int protocol, struct err *err)
{
	struct sockaddr_nl addr = {.nl_family = AF_NETLINK};
	socklen_t len = sizeof addr;
	int one = 1;
	fd_cleanup int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0 ||
	    getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		return err_sys(err, errno, "open a netlink socket");
	/* Errors without a copy of what they are about. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
	ret->port = addr.nl_pid;
	ret->fd = fd_take(&fd);
	return 0;
}

void nl_close(struct nl *nl)
{
	fd_closep(&nl->fd);
}

/* ---- messages ---- */

void nl_raw(struct buf *b, const void *data, size_t n)
{
	static const char zero[NLMSG_ALIGNTO];

	buf_add(b, data, n);
	if (n % NLMSG_ALIGNTO)
		buf_add(b, zero, NLMSG_ALIGNTO - n % NLMSG_ALIGNTO);
}

size_t nl_begin(struct buf *b, uint16_t type, uint16_t flags, uint32_t seq)
{
	const struct nlmsghdr h = {.nlmsg_type = type, .nlmsg_flags = flags | NLM_F_REQUEST, .nlmsg_seq = seq};
	size_t at = b->len;

	nl_raw(b, &h, sizeof h);
	return at;
}

void nl_finish(struct buf *b, size_t begin)
{
	uint32_t n = (uint32_t)(b->len - begin);

	if (!b->full)
		memcpy(b->data + begin, &n, sizeof n);
}

void nl_put(struct buf *b, uint16_t type, const void *data, size_t n)
{
	const struct nlattr a = {.nla_type = type, .nla_len = (uint16_t)(HEAD + n)};

	nl_raw(b, &a, sizeof a);
	nl_raw(b, data, n);
}

void nl_str(struct buf *b, uint16_t type, const char *s)
{
	nl_put(b, type, s, strlen(s) + 1);
}

void nl_u8(struct buf *b, uint16_t type, uint8_t v)
{
	nl_put(b, type, &v, sizeof v);
}

void nl_u32(struct buf *b, uint16_t type, uint32_t v)
{
	nl_put(b, type, &v, sizeof v);
}

void nl_be32(struct buf *b, uint16_t type, uint32_t v)
{
	nl_u32(b, type, htonl(v));
}

size_t nl_nest(struct buf *b, uint16_t type)
{
	size_t at = b->len;

	nl_put(b, type | NLA_F_NESTED, "", 0);
	return at;
}

void nl_end(struct buf *b, size_t nest)
{
	uint16_t n = (uint16_t)(b->len - nest);

	if (!b->full)
		memcpy(b->data + nest, &n, sizeof n);
}

/* ---- talk ---- */

static int send_all(struct nl *nl, struct buf *b)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	int room = (int)b->len + 65536;

	if (b->full)
		return -E2BIG;
	if (b->len > 100000)
		(void)setsockopt(nl->fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
	return sendto(nl->fd, b->data, b->len, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0 ? -errno : 0;
}

static int error_of(const struct nlmsghdr *h)
{
	const struct nlmsgerr *e = NLMSG_DATA(h);

	return h->nlmsg_len < NLMSG_LENGTH(sizeof *e) ? -EBADMSG : e->error;
}

struct reading {
	nl_fn fn;
	void *ctx;
	uint32_t failed; /* sequence number */
	bool batch, dump, done;
};

/* What one message of the answer means: 0 go on (or done), or the error. */
static int take_message(struct reading *t, const struct nlmsghdr *h)
{
	int r = 0;

	if (h->nlmsg_type == NLMSG_DONE) {
		t->done = true;
	} else if (h->nlmsg_type == NLMSG_ERROR) {
		t->failed = h->nlmsg_seq;
		r = error_of(h);
		t->done = !t->batch;
	} else if (h->nlmsg_flags & NLM_F_DUMP_INTR) {
		r = -EAGAIN;
	} else if (t->fn) {
		r = t->fn(t->ctx, h);
		t->done = r == 1 || !t->dump;
	}
	return r;
}

/* The answers stand in the socket when the request is sent; of a batch only the failures. */
static int read_answers(struct nl *nl, struct reading *t)
{
	static char data[RECEIVE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	int r = 0;

	while (!t->done && r == 0) {
		ssize_t got = recv(nl->fd, data, sizeof data, MSG_DONTWAIT | MSG_TRUNC);
		size_t n = got > 0 ? (size_t)got : 0;

		if (got < 0 && errno == EAGAIN && t->batch)
			return 0;
		if (got < 0 || n > sizeof data)
			return got < 0 ? -errno : -EMSGSIZE;
		for (struct nlmsghdr *h = (struct nlmsghdr *)data; NLMSG_OK(h, n) && !t->done && r == 0;
		     h = NLMSG_NEXT(h, n))
			r = take_message(t, h);
	}
	return r == 1 ? 0 : r;
}

static void drain(struct nl *nl)
{
	char c;

	while (recv(nl->fd, &c, 1, MSG_DONTWAIT | MSG_TRUNC) >= 0 || errno == ENOBUFS || errno == EINTR)
		;
}

static int talk(struct nl *nl, struct buf *b, struct reading *t)
{
	int r = send_all(nl, b);

	if (r == 0)
		r = read_answers(nl, t);
	/* One question has one answer. */
	if (!t->done || t->dump || t->batch)
		drain(nl);
	return r;
}

int nl_call(struct nl *nl, struct buf *b)
{
	return talk(nl, b, &(struct reading){.batch = false});
}

int nl_ask(struct nl *nl, struct buf *b, nl_fn fn, void *ctx)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)b->data;

	return talk(nl, b,
		    &(struct reading){.fn = fn, .ctx = ctx, .dump = (h->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP});
}

int nl_batch(struct nl *nl, struct buf *b, uint32_t *ret_seq)
{
	struct reading t = {.batch = true};
	int r = talk(nl, b, &t);

	if (ret_seq)
		*ret_seq = t.failed;
	return r;
}

/* ---- answers ---- */

static void list_attrs(const void *from, size_t at, size_t end, const struct nlattr *ret[], size_t max)
{
	for (size_t i = 0; i <= max; i++)
		ret[i] = NULL;
	while (at + HEAD <= end) {
		const struct nlattr *a = (const struct nlattr *)(const void *)((const char *)from + at);
		size_t type = a->nla_type & 0x3fff; /* without the flags */

		if (a->nla_len < HEAD || at + a->nla_len > end)
			return;
		if (type <= max)
			ret[type] = a;
		at += (a->nla_len + 3u) & ~3u;
	}
}

void nl_attrs(const struct nlmsghdr *h, size_t skip, const struct nlattr *ret[], size_t max)
{
	list_attrs(h, NLMSG_HDRLEN + NLMSG_ALIGN(skip), h->nlmsg_len, ret, max);
}

void nl_nested(const struct nlattr *a, const struct nlattr *ret[], size_t max)
{
	list_attrs(a, HEAD, a ? a->nla_len : 0, ret, max);
}

const void *nl_data(const struct nlattr *a, size_t *ret_n)
{
	*ret_n = a ? (size_t)a->nla_len - HEAD : 0;
	return a ? (const char *)a + HEAD : NULL;
}

uint32_t nl_get_u32(const struct nlattr *a)
{
	uint32_t v = 0;
	size_t n;
	const void *data = nl_data(a, &n);

	if (n >= sizeof v)
		memcpy(&v, data, sizeof v);
	return v;
}
