/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/link/listen.h"

#include "base/core/bucket.h"
#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/guard.h"
#include "base/core/log.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "base/wire/tls_mutual.h"
#include "cluster/link/authority.h"
#include "cluster/link/crowd.h"
#include "cluster/link/join.h"
#include "cluster/link/remote.h"
#include "cluster/link/socket.h"
#include "cluster/link/tempo.h"

#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

#define GUEST_MS 10000
#define ACCEPTS 64 /* at a time, before others have their turn */
#define ACCEPT_RETRY_MS 1000
#define SAY_EVERY_US 60000000

/* Somebody who has connected and has no link yet. */
struct link_guest {
	struct crowd_member place; /* first */
	struct link_guest *prev, *next;
	struct link_listener *listener;
	struct tls_conn *tls;
	struct conn *conn;   /* its link is being made */
	struct remote *link; /* what it will be */
	struct loop_fd *watch;
	struct loop_timer *timer;
	struct buf in, out;
	char node[CERT_NAME_MAX];
	int fd;
	bool asked;    /* the owner has its wish: the guest stays until it is answered */
	bool gone;     /* nobody waits for the answer */
	bool answered; /* what is in `out` is the last */
};

struct link_listener {
	struct loop *loop;
	struct tls *tls;
	struct loop_fd *watch;
	struct loop_timer *again;
	const struct link_listen_hooks *hooks;
	void *ctx;
	struct link_guest *guests;
	struct crowd crowd;
	struct tempo tempo;
	struct bucket said; /* of those who were sent away */
	int fd;
};

/* ---- an end at the server ---- */

static void end_send(struct link_end *e, const struct link_msg *m)
{
	remote_send(remote_of(e), m);
}

static int end_tunnel(struct link_end *e, int fd, const void *first, size_t n, struct err *err)
{
	return conn_tunnel(remote_of(e)->conn, fd, first, n, err);
}

static void end_free(struct link_end *e)
{
	conn_free(remote_of(e)->conn);
	free(e);
}

static const struct link_ops ops = {.send = end_send, .tunnel = end_tunnel, .free = end_free};

static void on_end_message(void *ctx, const char *text, size_t n)
{
	struct remote *r = ctx;
	struct err err = ERR_INIT;

	if (remote_take(r, text, n, r->end.fn, r->end.ctx, &err) == 0)
		return;
	log_err(&err, "an agent's message");
	r->conn = conn_free(r->conn);
	link_set_up(&r->end, false);
}

static void on_end_down(void *ctx, const struct err *why)
{
	struct remote *r = ctx;

	log_debug("a link has ended: %s", why->text);
	r->conn = conn_free(r->conn);
	link_set_up(&r->end, false);
}

/* ---- guests ---- */

static void guest_free(struct link_guest *g)
{
	struct link_listener *l = g->listener;

	if (l) {
		*(g->prev ? &g->prev->next : &l->guests) = g->next;
		if (g->next)
			g->next->prev = g->prev;
		crowd_leave(&l->crowd, &g->place);
	}
	loop_fd_free(g->watch);
	loop_timer_free(g->timer);
	conn_free(g->conn);
	free(g->link);
	tls_conn_free(g->tls);
	fd_closep(&g->fd);
	buf_free(&g->in);
	buf_free(&g->out);
	free(g);
}

/* Whoever asked the owner is kept until the owner has answered. */
static void guest_leave(struct link_guest *g)
{
	if (!g->asked || g->answered) {
		guest_free(g);
		return;
	}
	g->gone = true;
	g->watch = loop_fd_free(g->watch);
	loop_timer_disarm(g->timer);
	g->tls = tls_conn_free(g->tls);
	fd_closep(&g->fd);
}

static void on_late(void *ctx)
{
	guest_leave(ctx);
}

/* The link of a member is up: it is the owner's from now on. */
static void on_link_up(void *ctx)
{
	struct link_guest *g = ctx;
	struct link_listener *l = g->listener;
	struct remote *r = mem_take(g->link);
	char node[CERT_NAME_MAX];

	snprintf(node, sizeof node, "%s", g->node);
	r->conn = mem_take(g->conn);
	r->end.up = true;
	/* From the connection's callbacks the end is reached by its owner, no more by the guest. */
	conn_set_owner(r->conn, &(struct conn_hooks){.message = on_end_message, .down = on_end_down}, r);
	guest_free(g);
	l->hooks->link(l->ctx, node, &r->end);
}

static void on_link_message(void *ctx, const char *text, size_t n)
{
	(void)ctx;
	(void)text;
	(void)n;
}

static void on_link_down(void *ctx, const struct err *why)
{
	(void)why;
	guest_leave(ctx);
}

static void become_link(struct link_guest *g)
{
	static const struct conn_hooks hooks = {.up = on_link_up, .message = on_link_message, .down = on_link_down};
	struct link_listener *l = g->listener;
	struct err err = ERR_INIT;
	char member[CERT_MEMBER_MAX];

	if (!tls_is_proven(g->tls) || !tls_peer_name(g->tls, g->node, sizeof g->node) ||
	    !tls_peer_organisation(g->tls, member, sizeof member) || !l->hooks->admit(l->ctx, g->node, member)) {
		guest_leave(g);
		return;
	}
	crowd_hold(&g->place, true);
	g->link = mem_new(struct remote);
	g->link->end.ops = &ops;
	g->link->peer = MSG_BY_AGENT;
	g->watch = loop_fd_free(g->watch);
	if (conn_new(l->loop, mem_take(g->tls), fd_take(&g->fd), true, &hooks, g, &g->conn, &err) < 0) {
		log_err(&err, "a link to an agent");
		guest_leave(g);
	}
}

/* ---- joining ---- */

static void send_answer(struct link_guest *g)
{
	while (g->out.len > 0) {
		ssize_t n = tls_send(g->tls, g->out.data, g->out.len);

		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			loop_fd_set(g->watch, LOOP_IN | LOOP_OUT);
			return;
		}
		if (n <= 0)
			break;
		buf_drop(&g->out, (size_t)n);
	}
	(void)tls_end(g->tls);
	shutdown(g->fd, SHUT_WR);
	guest_leave(g);
}

void link_guest_answer(struct link_guest *g, const char *cert, const struct err *error)
{
	g->answered = true;
	crowd_hold(&g->place, false);
	if (g->gone) {
		guest_free(g);
		return;
	}
	join_encode_answer(cert, error, &g->out);
	send_answer(g);
}

static void ask_owner(struct link_guest *g, size_t n)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct join_request j;
	struct err err = ERR_INIT;

	g->asked = true;
	crowd_hold(&g->place, true);
	if (join_decode(g->in.data + 4, n - 4, &j, &doc, &err) < 0)
		link_guest_answer(g, NULL, &err);
	else
		g->listener->hooks->join(g->listener->ctx, &j, g);
}

static void read_wish(struct link_guest *g)
{
	char piece[TLS_PIECE];
	struct err err = ERR_INIT;
	size_t whole;
	ssize_t n = tls_recv(g->tls, piece, sizeof piece);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || g->asked) {
		guest_leave(g);
		return;
	}
	if (buf_add(&g->in, piece, (size_t)n) < 0 || join_length(&g->in, &whole, &err) < 0) {
		guest_leave(g);
		return;
	}
	if (whole > 0 && g->in.len >= whole)
		ask_owner(g, whole);
}

static bool handshake(struct link_guest *g)
{
	int r = tls_shake(g->tls);

	if (r < 0) {
		guest_leave(g);
		return false;
	}
	loop_fd_set(g->watch, LOOP_IN | (tls_wants_out(g->tls) ? LOOP_OUT : 0));
	return r > 0;
}

static void on_guest(void *ctx, int events)
{
	struct link_guest *g = ctx;
	char protocol[32];

	(void)events;
	if (g->answered) {
		send_answer(g);
		return;
	}
	if (!tls_is_ready(g->tls) && !handshake(g))
		return;
	tls_protocol(g->tls, protocol, sizeof protocol);
	if (!strcmp(protocol, LINK_ALPN))
		become_link(g);
	else
		read_wish(g);
}

/* ---- the door ---- */

static void say(struct link_listener *l, const struct sockaddr_storage *from, const char *what)
{
	char address[NI_MAXHOST] = "?";

	if (!bucket_take(&l->said, clock_mono_ns() / 1000, SAY_EVERY_US, 1, 1))
		return;
	(void)getnameinfo((const struct sockaddr *)from, sizeof *from, address, sizeof address, NULL, 0,
			  NI_NUMERICHOST);
	log_warning("the door of the agents: %zu wait there who have not shown who they are; one more, from %s, %s",
		    l->crowd.n, address, what);
}

/* A place for one more of that address; false: there is none. */
static bool make_place(struct link_listener *l, const struct sockaddr_storage *from)
{
	struct crowd_member *leaves;
	bool has = crowd_has_place(&l->crowd, from, clock_mono_ms(), &leaves);

	if (has && !leaves)
		return true;
	say(l, from, has ? "got the place of another one" : "was sent away: no place is left");
	if (has)
		guest_leave((struct link_guest *)leaves);
	return has;
}

static bool comes_too_often(struct link_listener *l, const struct sockaddr_storage *from)
{
	if (tempo_take(&l->tempo, from, clock_mono_ns() / 1000) || !RT_GUARD(A18))
		return false;
	say(l, from, "was sent away: it comes too often");
	return true;
}

static void welcome(struct link_listener *l, int fd, const struct sockaddr_storage *from)
{
	struct link_guest *g = mem_new(struct link_guest);
	struct err err = ERR_INIT;

	g->fd = fd;
	g->in.limit = JOIN_MAX + TLS_PIECE + 4;
	socket_settle(fd);
	g->tls = tls_mutual_conn(l->tls, fd, NULL);
	g->timer = loop_timer_new(l->loop, on_late, g);
	if (!g->tls || loop_fd_new(l->loop, fd, LOOP_IN, on_guest, g, &g->watch, &err) < 0) {
		guest_free(g);
		return;
	}
	loop_timer_arm(g->timer, GUEST_MS);
	g->listener = l;
	g->next = l->guests;
	if (g->next)
		g->next->prev = g;
	l->guests = g;
	crowd_enter(&l->crowd, &g->place, from, clock_mono_ms());
}

static void on_listen(void *ctx, int events)
{
	struct link_listener *l = ctx;

	(void)events;
	for (int i = 0; i < ACCEPTS; i++) {
		struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
		socklen_t len = sizeof peer;
		int fd = accept4(l->fd, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

		/* Without a descriptor or memory for the newcomer it would wake the loop for ever. */
		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
			loop_fd_set(l->watch, 0);
			loop_timer_arm(l->again, ACCEPT_RETRY_MS);
		}
		if (fd < 0)
			return;
		if (comes_too_often(l, &peer))
			close(fd);
		else if (make_place(l, &peer))
			welcome(l, fd, &peer);
		else
			close(fd);
	}
}

static void on_again(void *ctx)
{
	struct link_listener *l = ctx;

	loop_fd_set(l->watch, LOOP_IN);
}

int link_listen(struct loop *loop, int fd, const struct authority *a, const struct link_listen_hooks *hooks, void *ctx,
		struct link_listener **ret, struct err *err)
{
	static const char *const alpn[] = {LINK_ALPN, JOIN_ALPN, NULL};
	const struct tls_mutual tls = {.cert = a->cert, .key = a->key, .ca = a->ca, .alpn = alpn, .open = true};
	struct link_listener *l = mem_new(struct link_listener);
	int r;

	*l = (struct link_listener){.loop = loop, .fd = fd, .hooks = hooks, .ctx = ctx};
	crowd_init(&l->crowd);
	l->again = loop_timer_new(loop, on_again, l);
	r = tls_mutual_new(&tls, &l->tls, err);
	if (r == 0 && fd_nonblock(fd) < 0)
		r = err_sys(err, errno, "set the socket of agents");
	if (r == 0)
		r = loop_fd_new(loop, fd, LOOP_IN, on_listen, l, &l->watch, err);
	if (r < 0) {
		link_unlisten(l);
		return r;
	}
	*ret = l;
	return 0;
}

struct link_listener *link_unlisten(struct link_listener *l)
{
	if (!l)
		return NULL;
	for (struct link_guest *g = l->guests, *next; g; g = next) {
		next = g->next;
		crowd_leave(&l->crowd, &g->place);
		g->listener = NULL;
		guest_free(g);
	}
	loop_fd_free(l->watch);
	loop_timer_free(l->again);
	fd_closep(&l->fd);
	tls_free(l->tls);
	free(l);
	return NULL;
}
