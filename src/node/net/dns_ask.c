/* SPDX-License-Identifier: Apache-2.0 */
#include "node/net/dns_ask.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/core/random.h"
#include "node/net/dns_inside.h"
#include "node/net/dns_message.h"
#include "node/net/dns_relay.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* Clients ask again after 5 s at the most: by then a second server has had its time. */
#define STEP_UDP_MS 1200
#define STEP_TCP_MS 3000
#define LAST_MS 3500 /* after every server was asked for the second time */
#define SHUN_MS 10000

/* One server that was asked. */
struct
try {
	struct dns_ask *a;
	struct try *next;
	size_t server;
	int fd;
	bool tcp;
	uint16_t id;
	struct loop_fd *watch;
	struct buf out, in; /* TCP */
};

struct dns_ask {
	struct dns_ask_wish w;
	struct try *tries; /* those that may still answer; the latest first */
	struct loop_timer *timer;
	size_t order[DNS_SERVERS_MAX], step;
	bool again; /* the second round */
	bool over;
	uint8_t *spare; /* what is better than nothing: a failure, or a truncated answer */
	size_t spare_n;
	bool spare_cut;
};

static void on_ready(void *ctx, int events);
static void advance(struct dns_ask *a);

/* ---- tries ---- */

static void try_close(struct try *t)
{
	loop_fd_free(t->watch);
	fd_closep(&t->fd);
	buf_free(&t->out);
	buf_free(&t->in);
	free(t);
}

static void try_free(struct try *t)
{
	struct try **at = &t->a->tries;

	while (*at && *at != t)
		at = &(*at)->next;
	if (*at)
		*at = t->next;
	try_close(t);
}

static int send_udp(struct try *t)
{
	mem_cleanup uint8_t *packet = mem_dup(t->a->w.packet, t->a->w.n);

	dns_message_set_id(packet, t->id);
	return send(t->fd, packet, t->a->w.n, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Its length in two bytes stands before a packet over TCP. */
static void queue_tcp(struct try *t)
{
	size_t n = t->a->w.n;
	const uint8_t length[] = {(uint8_t)(n >> 8), (uint8_t)n};

	buf_add(&t->out, length, 2);
	buf_add(&t->out, t->a->w.packet, n);
	dns_message_set_id((uint8_t *)t->out.data + 2, t->id);
}

static int connect_to(struct try *t, const struct dns_target *server)
{
	int r = connect(t->fd, &server->address.any, server->length);

	if (r < 0 && errno != EINPROGRESS)
		return -errno;
	if (!t->tcp)
		return send_udp(t);
	queue_tcp(t);
	return 0;
}

/* Asks that server: 0, or why not. */
static int try_new(struct dns_ask *a, size_t server, bool tcp)
{
	const struct dns_target *target = &a->w.to->server[server];
	struct try *t = mem_new(struct try);
	int r;

	*t = (struct try){.a = a, .server = server, .tcp = tcp, .in = BUF_LIMIT(DNS_PACKET_MAX + 2)};
	random_bytes(&t->id, sizeof t->id);
	t->fd =
	    dns_inside_socket(a->w.to->netns, target->address.any.sa_family, tcp ? SOCK_STREAM : SOCK_DGRAM, 0, NULL);
	r = t->fd < 0 ? t->fd : connect_to(t, target);
	if (r == 0)
		r = loop_fd_new(a->w.loop, t->fd, tcp ? LOOP_IN | LOOP_OUT : LOOP_IN, on_ready, t, &t->watch, NULL);
	if (r < 0) {
		try_close(t);
		return r;
	}
	t->next = a->tries;
	a->tries = t;
	return 0;
}

static void shun(struct dns_ask *a, size_t server)
{
	a->w.to->shunned_until_ms[server] = clock_mono_ms() + SHUN_MS;
}

/* ---- the course of it ---- */

static void finish_soon(struct dns_ask *a)
{
	a->over = true;
	loop_timer_arm(a->timer, 0);
}

static void ask_all_again(struct dns_ask *a)
{
	a->again = true;
	for (struct try *t = a->tries; t; t = t->next) {
		if (!t->tcp)
			(void)send_udp(t);
	}
	loop_timer_arm(a->timer, LAST_MS);
}

/* The next server; after the last one those that are silent once more, then it is over. */
static void advance(struct dns_ask *a)
{
	while (a->step < a->w.to->n) {
		size_t server = a->order[a->step++];

		if (try_new(a, server, a->w.tcp) == 0) {
			loop_timer_arm(a->timer, a->w.tcp ? STEP_TCP_MS : STEP_UDP_MS);
			return;
		}
		shun(a, server);
	}
	if (!a->tries || a->again)
		finish_soon(a);
	else
		ask_all_again(a);
}

static void on_timer(void *ctx)
{
	struct dns_ask *a = ctx;

	if (a->over) {
		a->w.fn(a->w.ctx, a->spare, a->spare_n, 0);
		return;
	}
	if (a->tries)
		shun(a, a->tries->server);
	advance(a);
}

/* One that did not work out: if it was the latest, the next one follows at once. */
static void give_up(struct try *t)
{
	struct dns_ask *a = t->a;
	bool latest = a->tries == t;

	try_free(t);
	if (a->spare_cut || (!a->tries && a->step >= a->w.to->n))
		finish_soon(a);
	else if (latest && !a->again)
		advance(a);
}

static void keep_spare(struct dns_ask *a, const uint8_t *p, size_t n, bool cut)
{
	if (a->spare_cut && !cut)
		return;
	free(a->spare);
	a->spare = mem_dup(p, n);
	a->spare_n = n;
	a->spare_cut = cut;
}

/* What does not fit over UDP is asked for over TCP. */
static void ask_for_the_rest(struct try *t, const uint8_t *p, size_t n)
{
	struct dns_ask *a = t->a;
	size_t server = t->server;

	keep_spare(a, p, n, true);
	try_free(t);
	if (try_new(a, server, true) < 0)
		finish_soon(a);
	else
		loop_timer_arm(a->timer, STEP_TCP_MS);
	a->step = a->w.to->n;
	a->again = true;
}

static void take_answer(struct try *t, const uint8_t *p, size_t n)
{
	struct dns_ask *a = t->a;
	struct dns_outcome o;

	if (dns_message_outcome(p, n, a->w.packet, a->w.question_end, t->id, &o) < 0) {
		if (t->tcp)
			give_up(t);
		return; /* over UDP anybody may have sent it */
	}
	a->w.to->shunned_until_ms[t->server] = 0;
	if (o.rcode != DNS_OK && o.rcode != DNS_NXDOMAIN) {
		keep_spare(a, p, n, false);
		give_up(t);
	} else if (o.truncated && !t->tcp) {
		ask_for_the_rest(t, p, n);
	} else {
		a->w.fn(a->w.ctx, p, n, o.ttl);
	}
}

static void on_packet(struct try *t)
{
	static uint8_t packet[DNS_PACKET_MAX];
	ssize_t n = recv(t->fd, packet, sizeof packet, 0);

	if (n >= 0) {
		take_answer(t, packet, (size_t)n);
	} else if (errno != EAGAIN && errno != EINTR) {
		shun(t->a, t->server);
		give_up(t);
	}
}

/* 0, or an error: then it is over with this connection. */
static int write_stream(struct try *t)
{
	ssize_t n = t->out.len > 0 ? send(t->fd, t->out.data, t->out.len, MSG_NOSIGNAL) : 0;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	buf_drop(&t->out, (size_t)n);
	if (t->out.len == 0)
		loop_fd_set(t->watch, LOOP_IN);
	return 0;
}

/* 1 = a whole packet is there. */
static int read_stream(struct try *t)
{
	const uint8_t *p;
	char *room = buf_room(&t->in, 4096);
	size_t cap = room ? 4096 : DNS_PACKET_MAX + 2 - t->in.len;
	ssize_t n;

	if (!room)
		room = buf_room(&t->in, cap);
	n = room && cap > 0 ? recv(t->fd, room, cap, 0) : 0;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ECONNRESET;
	buf_added(&t->in, (size_t)n);
	p = (const uint8_t *)t->in.data;
	return t->in.len >= 2 && t->in.len - 2 >= (size_t)(p[0] << 8 | p[1]);
}

static void on_stream(struct try *t, int events)
{
	int r = events & LOOP_OUT ? write_stream(t) : 0;

	if (r == 0 && events & LOOP_IN)
		r = read_stream(t);
	if (r == 1) {
		const uint8_t *p = (const uint8_t *)t->in.data;

		take_answer(t, p + 2, (size_t)(p[0] << 8 | p[1]));
	} else if (r < 0) {
		shun(t->a, t->server);
		give_up(t);
	}
}

static void on_ready(void *ctx, int events)
{
	struct try *t = ctx;

	if (t->tcp)
		on_stream(t, events);
	else
		on_packet(t);
}

/* ---- begin, end ---- */

/* As they stand in the list, but those that were silent a moment ago last. */
static void put_in_order(struct dns_ask *a)
{
	const struct dns_upstream *to = a->w.to;
	int64_t now = clock_mono_ms();
	size_t n = 0;

	for (int shunned = 0; shunned < 2; shunned++) {
		for (size_t i = 0; i < to->n; i++) {
			if ((to->shunned_until_ms[i] > now) == shunned)
				a->order[n++] = i;
		}
	}
}

struct dns_ask *dns_ask_new(const struct dns_ask_wish *wish)
{
	struct dns_ask *a = mem_new(struct dns_ask);

	a->w = *wish;
	a->timer = loop_timer_new(wish->loop, on_timer, a);
	put_in_order(a);
	advance(a);
	return a;
}

struct dns_ask *dns_ask_free(struct dns_ask *a)
{
	if (!a)
		return NULL;
	for (struct try *t = a->tries, *next; t; t = next) {
		next = t->next;
		try_close(t);
	}
	loop_timer_free(a->timer);
	free(a->spare);
	free(a);
	return NULL;
}
