/* SPDX-License-Identifier: Apache-2.0
 *
 * One piece each way: what one side does not take holds the other side up, as without TLS.
 */
#include "base/wire/tls_relay.h"

#include "base/core/detached.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/wire/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

struct piece {
	size_t at, n; /* of data: what has to be passed on */
	bool ended;   /* nothing more comes from there */
	bool told;    /* and the other side knows */
	char data[TLS_PIECE];
};

struct relay {
	struct tls_conn *tls;
	int net, plain;
	bool gone; /* whoever held the plain end has closed it */
	struct piece in, out;
};

static bool empty(const struct piece *p)
{
	return p->at == p->n;
}

/* What recv(2) and the like gave. False: the connection is broken. */
static bool took(struct piece *p, ssize_t n)
{
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	p->at = 0;
	p->n = (size_t)n;
	p->ended = n == 0;
	return true;
}

static bool gave(struct piece *p, ssize_t n)
{
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	p->at += (size_t)n;
	return true;
}

/* From the network to the plain end. */
static bool inwards(struct relay *r)
{
	struct piece *p = &r->in;

	if (empty(p) && !p->ended && !took(p, tls_recv(r->tls, p->data, sizeof p->data)))
		return false;
	if (!empty(p) && !gave(p, send(r->plain, p->data + p->at, p->n - p->at, MSG_NOSIGNAL | MSG_DONTWAIT)))
		return false;
	if (p->ended && !p->told) {
		p->told = true;
		(void)shutdown(r->plain, SHUT_WR);
	}
	return true;
}

static bool outwards(struct relay *r)
{
	struct piece *p = &r->out;

	if (empty(p) && !p->ended && !took(p, recv(r->plain, p->data, sizeof p->data, MSG_DONTWAIT)))
		return false;
	if (!empty(p) && !gave(p, tls_send(r->tls, p->data + p->at, p->n - p->at)))
		return false;
	if (p->ended && !p->told && tls_end(r->tls)) {
		p->told = true;
		(void)shutdown(r->net, SHUT_WR);
	}
	return true;
}

/* Waits until a step may do something. */
static bool await(struct relay *r)
{
	bool more_in = empty(&r->in) && !r->in.ended, more_out = empty(&r->out) && !r->out.ended;
	bool write_net = !empty(&r->out) || (r->out.ended && !r->out.told) || tls_wants_out(r->tls);
	struct pollfd p[2] = {{.fd = r->net, .events = (short)((more_in ? POLLIN : 0) | (write_net ? POLLOUT : 0))},
			      {.fd = r->gone ? -1 : r->plain,
			       .events = (short)((more_out ? POLLIN : 0) | (empty(&r->in) ? 0 : POLLOUT))}};

	/* What it has written before is read to its end. */
	if (r->gone && more_out)
		return true;
	while (poll(p, 2, -1) < 0) {
		if (errno != EINTR)
			return false;
	}
	if (p[1].revents & POLLHUP)
		r->gone = true;
	return true;
}

static void pump(struct relay *r)
{
	while (inwards(r) && outwards(r)) {
		if (r->in.ended && empty(&r->in))
			return;
		if (r->gone && r->out.told)
			return;
		if (!await(r))
			return;
	}
}

/* The process. It keeps nothing of its parent but the connection: descriptors that stay open here would keep others from seeing an end. */
static void relay_process(void *ctx)
{
	struct relay *r = ctx;
	int low = r->net < r->plain ? r->net : r->plain, high = r->net < r->plain ? r->plain : r->net;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd < 3; fd++)
		(void)dup2(null, fd);
	if (low > 3)
		(void)close_range(3, (unsigned)low - 1, 0);
	if (high > low + 1)
		(void)close_range((unsigned)low + 1, (unsigned)high - 1, 0);
	(void)close_range((unsigned)high + 1, ~0u, 0);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)setsid();
	pump(r);
}

int tls_relay(struct tls_conn *c, int net, struct err *err)
{
	struct relay relay = {.tls = c, .net = net};
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "make a pair of sockets");
	relay.plain = pair[1];
	r = detached_start(relay_process, &relay, "a process for TLS", err);
	fd_closep(&pair[1]);
	if (r < 0)
		fd_closep(&pair[0]);
	return r < 0 ? r : pair[0];
}
