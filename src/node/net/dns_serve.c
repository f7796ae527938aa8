/* SPDX-License-Identifier: Apache-2.0
 *
 * One container: its sockets, what it asks and who answers.
 */
#include "base/core/err.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "node/net/dns_private.h"
#include "node/net/dns_zone.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define PACKETS_A_TURN 64

/* A question that another server answers. */
struct pending {
	struct served *c;
	struct pending *next, **prev;
	struct dns_peer peer;
	struct dns_wait *wait;
	size_t limit, head_n;
	uint8_t head[]; /* header and question: the answer gets its id and its letters */
};

/* ---- answers ---- */

static void reply(struct served *c, const struct dns_peer *peer, const uint8_t *p, size_t n)
{
	if (peer->stream)
		stream_reply(peer->stream, p, n);
	else
		(void)sendto(c->sockets.udp, p, n, MSG_NOSIGNAL, (const struct sockaddr *)&peer->address,
			     sizeof peer->address);
}

static size_t limit_of(const struct dns_peer *peer, const struct dns_query *q)
{
	return peer->stream ? DNS_PACKET_MAX : q->udp_size;
}

static void draft(struct served *c, const struct dns_peer *peer, struct dns_draft *d, const uint8_t *p,
		  const struct dns_query *q, int rcode)
{
	dns_draft_begin(d, c->s->packet, limit_of(peer, q), p, q, rcode);
}

static void reply_code(struct served *c, const struct dns_peer *peer, const uint8_t *p, const struct dns_query *q,
		       int rcode)
{
	struct dns_draft d;

	draft(c, peer, &d, p, q, rcode);
	reply(c, peer, c->s->packet, dns_draft_end(&d));
}

/* ---- names of the networks that it is on ---- */

static const struct dns_member *member_of(const struct served *c)
{
	static const struct dns_member none;
	const struct dns_member *m = map_get(&c->s->members, c->id);

	return m ? m : &none;
}

static bool find_everywhere(const struct served *c, const char *name, int family, struct dns_found *ret)
{
	const struct dns_member *m = member_of(c);
	bool known = false;

	ret->n = 0;
	for (size_t i = 0; i < m->n; i++)
		known |= dns_zone_find(m->networks[i]->zone, c->id, name, family, ret);
	return known;
}

static void add_found(struct dns_draft *d, int family, const struct dns_found *f)
{
	for (size_t i = 0; i < f->n; i++)
		dns_draft_address(d, family, &f->address[i], DNS_TTL);
}

static bool answer_name(struct served *c, const struct dns_peer *peer, const uint8_t *p, const struct dns_query *q)
{
	struct dns_found four, six;
	struct dns_draft d;

	if (!find_everywhere(c, q->name, AF_INET, &four))
		return false;
	draft(c, peer, &d, p, q, DNS_OK);
	if (q->type == DNS_A || q->type == DNS_ANY)
		add_found(&d, AF_INET, &four);
	if (q->type == DNS_AAAA || q->type == DNS_ANY) {
		(void)find_everywhere(c, q->name, AF_INET6, &six);
		add_found(&d, AF_INET6, &six);
	}
	reply(c, peer, c->s->packet, dns_draft_end(&d));
	return true;
}

static bool answer_address(struct served *c, const struct dns_peer *peer, const uint8_t *p, const struct dns_query *q)
{
	const struct dns_member *m = member_of(c);
	struct in6_addr address;
	int family = dns_message_reverse(q->name, &address);
	mem_cleanup char *name = NULL;
	struct dns_draft d;

	for (size_t i = 0; family && i < m->n && !name; i++)
		name = dns_zone_reverse(m->networks[i]->zone, family, &address);
	if (!name)
		return false;
	draft(c, peer, &d, p, q, DNS_OK);
	dns_draft_pointer(&d, name, DNS_TTL);
	reply(c, peer, c->s->packet, dns_draft_end(&d));
	return true;
}

static bool answer_here(struct served *c, const struct dns_peer *peer, const uint8_t *p, const struct dns_query *q)
{
	if (q->class != 1)
		return false;
	return q->type == DNS_PTR ? answer_address(c, peer, p, q) : answer_name(c, peer, p, q);
}

/* ---- questions for others ---- */

static void pending_free(struct pending *x)
{
	*x->prev = x->next;
	if (x->next)
		x->next->prev = x->prev;
	dns_wait_cancel(x->wait);
	x->c->n_pending--;
	free(x);
}

void served_forget(struct served *c, const struct stream *stream)
{
	for (struct pending *x = c->pendings, *next; x; x = next) {
		next = x->next;
		if (x->peer.stream == stream)
			pending_free(x);
	}
}

static void on_answer(void *ctx, const uint8_t *p, size_t n)
{
	struct pending *x = ctx;
	struct served *c = x->c;
	struct dns_peer peer = x->peer;
	uint8_t *out = c->s->packet;

	x->wait = NULL;
	if (p) {
		memcpy(out, p, n);
		dns_message_address(out, n, x->head, x->head_n);
		n = dns_message_cut(out, n, x->limit);
	} else {
		const struct dns_query q = {.id = (uint16_t)(x->head[0] << 8 | x->head[1]),
					    .flags = (uint16_t)(x->head[2] << 8 | x->head[3]),
					    .question_end = x->head_n};
		struct dns_draft d;

		c->s->figures.failed++;
		dns_draft_begin(&d, out, DNS_UDP_PLAIN, x->head, &q, DNS_SERVFAIL);
		n = dns_draft_end(&d);
	}
	pending_free(x);
	reply(c, &peer, out, n);
	if (peer.stream)
		stream_asks(peer.stream, -1);
}

static struct pending *pending_new(struct served *c, const struct dns_peer *peer, const struct dns_query *q,
				   const uint8_t *p)
{
	struct pending *x = mem_zalloc(1, sizeof *x + q->question_end);

	x->c = c;
	x->peer = *peer;
	x->limit = limit_of(peer, q);
	x->head_n = q->question_end;
	memcpy(x->head, p, q->question_end);
	x->next = c->pendings;
	x->prev = &c->pendings;
	if (x->next)
		x->next->prev = &x->next;
	c->pendings = x;
	c->n_pending++;
	return x;
}

/* From a container that is on internal networks alone nothing goes out, and a question neither. */
static bool may_ask_others(const struct served *c)
{
	const struct dns_member *m = member_of(c);

	for (size_t i = 0; i < m->n; i++) {
		if (!m->networks[i]->internal)
			return true;
	}
	return m->n == 0;
}

static void ask_others(struct served *c, const struct dns_peer *peer, const uint8_t *p, size_t n,
		       const struct dns_query *q)
{
	struct dns_question question = {.q = q, .packet = p, .n = n, .tcp = peer->stream};
	struct pending *x;
	size_t kept;

	question.to = c->own ? c->own : dns_server_machine(c->s);
	kept = dns_relay_cached(c->s->relay, &question, c->s->packet);
	if (kept > 0) {
		c->s->figures.cached++;
		reply(c, peer, c->s->packet, dns_message_cut(c->s->packet, kept, limit_of(peer, q)));
		return;
	}
	if (c->n_pending >= DNS_PENDING_MAX) {
		c->s->figures.refused++;
		reply_code(c, peer, p, q, DNS_SERVFAIL);
		return;
	}
	x = pending_new(c, peer, q, p);
	if (dns_relay_ask(c->s->relay, &question, on_answer, x, &x->wait) < 0) {
		pending_free(x);
		c->s->figures.refused++;
		reply_code(c, peer, p, q, DNS_SERVFAIL);
		return;
	}
	c->s->figures.relayed++;
	if (peer->stream)
		stream_asks(peer->stream, 1);
}

bool served_packet(struct served *c, const struct dns_peer *peer, const uint8_t *p, size_t n)
{
	struct dns_query q;
	int r = dns_message_query(p, n, &q);

	if (r == -EINVAL)
		return false;
	c->s->figures.questions++;
	if (r < 0) {
		reply_code(c, peer, p, &q, r == -EOPNOTSUPP ? DNS_NOTIMP : DNS_FORMERR);
	} else if (q.edns && q.edns_version != 0) {
		reply_code(c, peer, p, &q, DNS_BADVERS);
	} else if (answer_here(c, peer, p, &q)) {
		c->s->figures.local++;
	} else if (may_ask_others(c)) {
		ask_others(c, peer, p, n, &q);
	} else {
		c->s->figures.refused++;
		reply_code(c, peer, p, &q, DNS_REFUSED);
	}
	return true;
}

/* ---- sockets ---- */

static void on_udp(void *ctx, int events)
{
	static uint8_t packet[DNS_UDP_MOST]; /* longer questions over UDP are cut, and so broken */
	struct served *c = ctx;

	(void)events;
	for (int i = 0; i < PACKETS_A_TURN; i++) {
		struct dns_peer peer = {.stream = NULL};
		socklen_t length = sizeof peer.address;
		ssize_t n =
		    recvfrom(c->sockets.udp, packet, sizeof packet, 0, (struct sockaddr *)&peer.address, &length);

		if (n < 0)
			return;
		served_packet(c, &peer, packet, (size_t)n);
	}
}

static void on_tcp(void *ctx, int events)
{
	(void)events;
	stream_accept(ctx);
}

int served_new(struct dns_server *s, const struct dns_box *box, struct served **ret, struct err *err)
{
	struct served *c = mem_new(struct served);
	int r = 0;

	*c = (struct served){.s = s, .id = mem_strdup(box->container), .sockets = DNS_SOCKETS_NULL};
	/* The monitor's have what was asked before we came. */
	if (box->monitor <= 0 || dns_inside_take(box->monitor, &c->sockets, NULL) < 0)
		r = dns_inside_open(box->netns, &c->sockets, err);
	if (r == 0 && box->servers && box->servers[0])
		r = dns_upstream_new(box->servers, box->netns, &c->own, err);
	if (r == 0)
		r = loop_fd_new(s->loop, c->sockets.udp, LOOP_IN, on_udp, c, &c->udp_watch, err);
	if (r == 0)
		r = loop_fd_new(s->loop, c->sockets.tcp, LOOP_IN, on_tcp, c, &c->tcp_watch, err);
	if (r < 0) {
		served_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

struct served *served_free(struct served *c)
{
	if (!c)
		return NULL;
	while (c->streams)
		stream_free(c->streams);
	for (struct pending *x = c->pendings, *next; x; x = next) {
		next = x->next;
		pending_free(x);
	}
	loop_fd_free(c->udp_watch);
	loop_fd_free(c->tcp_watch);
	dns_inside_close(&c->sockets);
	dns_upstream_unref(c->own);
	free(c->id);
	free(c);
	return NULL;
}
