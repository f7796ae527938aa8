/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/link/dial.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/log.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/core/random.h"
#include "base/wire/pem.h"
#include "base/wire/tls_mutual.h"
#include "cluster/link/cert.h"
#include "cluster/link/join.h"
#include "cluster/link/redial.h"
#include "cluster/link/remote.h"
#include "cluster/link/socket.h"
#include "cluster/link/join_token.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ADDRESSES 8 /* of one server */
#define SERVERS 16
#define TRY_MS 10000		  /* to connect, to shake hands, to join */
#define TRY_ONE_MS 2000		  /* to connect to one of several */
#define EARLY_MS 3600000LL	  /* certificates begin so long before they are made */
#define NEXT_KEY "agent.key.next" /* until its certificate is kept, too */
#define RENEW_AGAIN_MS 60000	  /* after a renewal that was not answered */

enum phase { PAUSED, CONNECTING, JOINING, LINKING, UP };

struct dial {
	struct remote remote; /* first: the end is this */
	struct loop *loop;
	char *dir, *server, *node;
	struct join_token token;
	bool has_token;
	bool rejoin;	       /* the certificate was refused, and there is a token: join once more */
	char *key, *cert, *ca; /* PEM texts; cert NULL: not joined yet */
	char *new_key;	       /* of the renewal or of the joining that is under way */
	char *new_ca;	       /* of the joining */
	struct socket_address *addresses;
	size_t n_addresses, cap_addresses, next_address;
	size_t n_servers;
	struct redial redial;
	enum phase phase;
	struct tls *tls;
	struct tls_conn *conn_tls; /* while joining */
	struct loop_fd *watch;
	struct loop_timer *timer; /* of the phase */
	struct loop_timer *renewal;
	struct buf in, out;
	int fd;
	bool told; /* the last failure has been logged */
	void (*settled)(void *ctx, const char *why);
	void *settled_ctx;
	size_t failures; /* before that */
};

static void try_now(struct dial *d);

/* ---- files ---- */

static int read_file(int dir, const char *name, char **ret, struct err *err)
{
	int r = fs_read(dir, name, PEM_TEXT_MAX, ret, NULL, err);

	if (r != -ENOENT)
		return r;
	err_clear(err);
	return 0;
}

/* The machine may have stopped between the two files of a renewal. The key that fits takes its place: the next renewal writes over this file. */
static int choose_key(struct dial *d, int dir, struct err *err)
{
	mem_cleanup char *next = NULL;
	int r = read_file(dir, NEXT_KEY, &next, err);
	struct tls *tls = NULL;

	if (r < 0 || !next)
		return r;
	r = tls_mutual_new(&(struct tls_mutual){.cert = d->cert, .key = next, .client = true}, &tls, NULL);
	tls_free(tls);
	if (r < 0)
		return 0;
	free(d->key);
	d->key = mem_take(next);
	return renameat(dir, NEXT_KEY, dir, "agent.key") < 0 ? err_sys(err, errno, "rename %s/" NEXT_KEY, d->dir) : 0;
}

static int load(struct dial *d, struct err *err)
{
	fd_cleanup int dir = fs_mkdirs(d->dir, 0700, err);
	int r = dir < 0 ? dir : read_file(dir, "agent.key", &d->key, err);

	if (r == 0)
		r = read_file(dir, "agent.crt", &d->cert, err);
	if (r == 0)
		r = read_file(dir, "authority.crt", &d->ca, err);
	return r == 0 && d->cert ? choose_key(d, dir, err) : r;
}

/* At each moment the certificate that is there has its key, in one of two files: a node without the two is locked out. */
static int save(struct dial *d, struct err *err)
{
	const struct {
		const char *name, *text;
	} files[] = {{NEXT_KEY, d->key}, {"authority.crt", d->ca}, {"agent.crt", d->cert}, {"agent.key", d->key}};
	fd_cleanup int dir = fs_mkdirs(d->dir, 0700, err);
	int r = dir < 0 ? dir : 0;

	for (size_t i = 0; r == 0 && i < sizeof files / sizeof *files; i++)
		r = fs_write_atomic(dir, files[i].name, files[i].text, strlen(files[i].text), 0600, true, err);
	if (r == 0 && unlinkat(dir, NEXT_KEY, 0) < 0)
		r = err_sys(err, errno, "remove %s/" NEXT_KEY, d->dir);
	return r;
}

static bool is_joined(const struct dial *d)
{
	return d->key && d->cert && d->ca && !d->rejoin;
}

/* ---- pauses ---- */

static void clean(struct dial *d)
{
	d->watch = loop_fd_free(d->watch);
	d->conn_tls = tls_conn_free(d->conn_tls);
	d->remote.conn = conn_free(d->remote.conn);
	d->tls = tls_free(d->tls);
	fd_closep(&d->fd);
	buf_free(&d->in);
	buf_free(&d->out);
	loop_timer_disarm(d->renewal);
	loop_timer_disarm(d->timer);
}

static int64_t next_pause(struct dial *d)
{
	uint32_t random;

	random_bytes(&random, sizeof random);
	return redial_pause_ms(&d->redial, random);
}

static void settle(struct dial *d, const char *why)
{
	void (*fn)(void *, const char *) = d->settled;

	d->settled = NULL;
	if (fn)
		fn(d->settled_ctx, why);
}

static void give_up(struct dial *d, const struct err *why)
{
	bool was_up = d->phase == UP;

	/* Perhaps it is no member any more, or its files are damaged. When the token does not help the certificate is tried again. */
	if (d->has_token && (d->phase == LINKING || d->phase == JOINING))
		d->rejoin =
		    d->phase == LINKING && (why->code == EPROTO || why->code == ECONNRESET || why->code == EINVAL);

	clean(d);
	d->phase = PAUSED;
	if (!d->told || was_up)
		log_warning("the link to the server %s: %s; trying again", d->server, why->text);
	d->told = true;
	loop_timer_arm(d->timer, next_pause(d));
	if (++d->failures >= d->n_addresses)
		settle(d, why->text);
	link_set_up(&d->remote.end, false);
}

static void give_up_text(struct dial *d, int code, const char *text)
{
	struct err err = ERR_INIT;

	(void)err_set(&err, code, "%s", text);
	give_up(d, &err);
}

static void on_timer(void *ctx)
{
	struct dial *d = ctx;

	if (d->phase == PAUSED)
		try_now(d);
	else
		give_up_text(d, ETIMEDOUT, "the server does not answer");
}

/* ---- renewal ---- */

static void plan_renewal(struct dial *d)
{
	int64_t begin, end, now = clock_wall_ms(), half;

	if (cert_times(d->cert, &begin, &end, NULL) < 0)
		return;
	half = end * 1000 - (end * 1000 - begin * 1000 - EARLY_MS) / 2;
	loop_timer_arm(d->renewal, half > now ? half - now : 0);
}

static void on_renewal(void *ctx)
{
	struct dial *d = ctx;
	mem_cleanup char *request = NULL;
	struct err err = ERR_INIT;

	/* One key until it has its certificate: an answer that comes late fits, too. */
	if ((!d->new_key && cert_key_new(&d->new_key, &err) < 0) || cert_request_new(d->new_key, &request, &err) < 0)
		log_err(&err, "renew the certificate");
	else
		remote_send(&d->remote, &(struct link_msg){.type = LINK_RENEW, .text = request});
	loop_timer_arm(d->renewal, RENEW_AGAIN_MS);
}

/* The connection that is there goes on; the next one uses it. */
static void on_cert(struct dial *d, const char *cert)
{
	struct err err = ERR_INIT;
	int64_t begin, end;

	if (!d->new_key || cert_times(cert, &begin, &end, &err) < 0)
		return;
	free(d->key);
	free(d->cert);
	d->key = mem_take(d->new_key);
	d->cert = mem_strdup(cert);
	if (save(d, &err) < 0)
		log_err(&err, "keep the new certificate");
	log_info("the certificate of this node was renewed");
	plan_renewal(d);
}

/* ---- the link ---- */

static void on_message(void *ctx, const struct link_msg *m)
{
	struct dial *d = ctx;

	if (m->type == LINK_CERT) {
		on_cert(d, m->text);
		return;
	}
	if (m->type == LINK_WELCOME) {
		redial_welcomed(&d->redial);
		d->told = false;
		settle(d, NULL);
	}
	if (m->type == LINK_REFUSE) {
		redial_refused(&d->redial);
		give_up_text(d, EPERM, m->text);
		return;
	}
	if (d->remote.end.fn)
		d->remote.end.fn(d->remote.end.ctx, m);
}

static void on_text(void *ctx, const char *text, size_t n)
{
	struct dial *d = ctx;
	struct err err = ERR_INIT;

	if (remote_take(&d->remote, text, n, on_message, d, &err) < 0)
		give_up(d, &err);
}

static void on_up(void *ctx)
{
	struct dial *d = ctx;

	d->phase = UP;
	loop_timer_disarm(d->timer);
	if (d->n_servers > 1)
		conn_watch(d->remote.conn, DIAL_SILENCE_MS);
	log_info("linked to the server %s", d->server);
	plan_renewal(d);
	link_set_up(&d->remote.end, true);
}

static int on_tunnel(void *ctx)
{
	struct dial *d = ctx;

	return d->remote.end.on_tunnel ? d->remote.end.on_tunnel(d->remote.end.tunnel_ctx) : -1;
}

static void on_down(void *ctx, const struct err *why)
{
	give_up(ctx, why);
}

static void begin_link(struct dial *d)
{
	static const struct conn_hooks hooks = {.up = on_up, .message = on_text, .tunnel = on_tunnel, .down = on_down};
	const struct tls_mutual tls = {.cert = d->cert, .key = d->key, .ca = d->ca, .client = true};
	struct err err = ERR_INIT;
	int r = tls_mutual_new(&tls, &d->tls, &err);

	d->watch = loop_fd_free(d->watch);
	d->phase = LINKING;
	if (r == 0) {
		struct tls_conn *over = tls_mutual_conn(d->tls, d->fd, LINK_ALPN);

		r = conn_new(d->loop, over, fd_take(&d->fd), false, &hooks, d, &d->remote.conn, &err);
	}
	if (r < 0)
		give_up(d, &err);
}

/* ---- joining ---- */

static void joined(struct dial *d, size_t n)
{
	struct err err = ERR_INIT;
	char *cert = NULL;

	if (join_decode_answer(d->in.data + 4, n - 4, &cert, &err) < 0) {
		give_up(d, &err);
		return;
	}
	free(d->cert);
	free(d->key);
	free(d->ca);
	d->cert = cert;
	d->key = mem_take(d->new_key);
	d->ca = mem_take(d->new_ca);
	d->rejoin = false;
	d->has_token = false;
	if (save(d, &err) < 0)
		log_err(&err, "keep the certificate of this node");
	log_info("this node has joined the cluster of %s", d->server);
	clean(d);
	try_now(d);
}

static int begin_wish(struct dial *d, struct err *err)
{
	mem_cleanup char *request = NULL;
	char text[JOIN_TOKEN_TEXT_MAX];
	int r;

	free(mem_take(d->new_ca));
	free(mem_take(d->new_key));
	r = tls_peer_ca(d->conn_tls, d->token.pin, &d->new_ca, err);
	if (r == 0)
		r = cert_key_new(&d->new_key, err);
	if (r == 0)
		r = cert_request_new(d->new_key, &request, err);
	join_token_text(&d->token, text);
	if (r == 0)
		join_encode(&(struct join_request){.token = text, .node = d->node, .request = request}, &d->out);
	return r;
}

static void send_wish(struct dial *d)
{
	while (d->out.len > 0) {
		ssize_t n = tls_send(d->conn_tls, d->out.data, d->out.len);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			give_up_text(d, errno, strerror(errno));
		if (n <= 0)
			return;
		buf_drop(&d->out, (size_t)n);
	}
}

static void on_join(struct dial *d)
{
	char piece[TLS_PIECE];
	struct err err = ERR_INIT;
	bool ready = tls_is_ready(d->conn_tls);
	size_t whole = 0;
	ssize_t n = tls_recv(d->conn_tls, piece, sizeof piece);
	int why = errno;

	if (!ready && tls_is_ready(d->conn_tls) && begin_wish(d, &err) < 0) {
		give_up(d, &err);
		return;
	}
	if (n > 0 && (buf_add(&d->in, piece, (size_t)n) < 0 || join_length(&d->in, &whole, &err) < 0)) {
		give_up_text(d, EPROTO, "its answer to the wish to join is too long");
		return;
	}
	if (whole > 0 && d->in.len >= whole) {
		joined(d, whole);
		return;
	}
	if (n == 0 || (n < 0 && why != EAGAIN && why != EINTR)) {
		give_up_text(d, EPROTO, "it has ended the connection instead of an answer to the wish to join");
		return;
	}
	send_wish(d);
	if (d->phase == JOINING)
		loop_fd_set(d->watch, LOOP_IN | (d->out.len > 0 || tls_wants_out(d->conn_tls) ? LOOP_OUT : 0));
}

static void begin_join(struct dial *d)
{
	const struct tls_mutual tls = {.client = true};
	struct err err = ERR_INIT;

	d->phase = JOINING;
	d->in.limit = JOIN_MAX + TLS_PIECE;
	if (tls_mutual_new(&tls, &d->tls, &err) < 0) {
		give_up(d, &err);
		return;
	}
	d->conn_tls = tls_mutual_conn(d->tls, d->fd, JOIN_ALPN);
	on_join(d);
}

/* ---- connecting ---- */

static void on_socket(void *ctx, int events)
{
	struct dial *d = ctx;
	socklen_t n = sizeof(int);
	int why = 0;

	(void)events;
	if (d->phase == JOINING) {
		on_join(d);
		return;
	}
	if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &why, &n) < 0)
		why = errno;
	if (why) {
		give_up_text(d, why, strerror(why));
		return;
	}
	loop_timer_arm(d->timer, TRY_MS);
	if (is_joined(d))
		begin_link(d);
	else
		begin_join(d);
}

static void try_now(struct dial *d)
{
	const struct socket_address *a = &d->addresses[d->next_address++ % d->n_addresses];
	struct err err = ERR_INIT;

	d->phase = CONNECTING;
	d->fd = socket(a->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->fd < 0) {
		give_up_text(d, errno, strerror(errno));
		return;
	}
	socket_settle(d->fd);
	if (connect(d->fd, (const struct sockaddr *)&a->addr, a->len) < 0 && errno != EINPROGRESS) {
		give_up_text(d, errno, strerror(errno));
		return;
	}
	if (loop_fd_new(d->loop, d->fd, LOOP_OUT, on_socket, d, &d->watch, &err) < 0) {
		give_up(d, &err);
		return;
	}
	loop_timer_arm(d->timer, d->n_servers > 1 ? TRY_ONE_MS : TRY_MS);
}

/* ---- the end ---- */

static void dial_send(struct link_end *e, const struct link_msg *m)
{
	remote_send(remote_of(e), m);
}

static void dial_free(struct link_end *e)
{
	struct dial *d = (struct dial *)e;

	clean(d);
	loop_timer_free(d->timer);
	loop_timer_free(d->renewal);
	free(d->addresses);
	free(d->dir);
	free(d->server);
	free(d->node);
	free(d->key);
	free(d->new_key);
	free(d->new_ca);
	free(d->cert);
	free(d->ca);
	free(d);
}

static int resolve_one(struct dial *d, const char *server, struct err *err)
{
	struct socket_address found[ADDRESSES];
	int n = socket_resolve(server, found, ADDRESSES, err);

	for (int i = 0; i < n; i++) {
		mem_grow(&d->addresses, &d->cap_addresses, d->n_addresses);
		d->addresses[d->n_addresses++] = found[i];
	}
	return n < 0 ? n : 0;
}

/* One of several whose name is not found is left out: it may be why it is not there. */
static int resolve(struct dial *d, const char *servers, struct err *err)
{
	mem_cleanup char *list = mem_strdup(servers);
	char *rest = list, *one;
	int r = 0;

	while ((one = strsep(&rest, ","))) {
		if (++d->n_servers > SERVERS)
			return err_set(err, EINVAL, "more than %d addresses of servers", SERVERS);
		if (*one == '\0')
			return err_set(err, EINVAL, "an address in \"%s\" is empty", servers);
		r = resolve_one(d, one, err);
		if (r < 0 && strchr(servers, ','))
			log_err(err, "one of the servers is left out");
	}
	if (d->n_addresses == 0)
		return r;
	d->redial = (struct redial){.several = d->n_servers > 1, .n_addresses = d->n_addresses};
	err_clear(err);
	return 0;
}

static int no_token(struct err *err)
{
	return err_set(
	    err, ENOENT,
	    "this machine has not joined a cluster yet: --token is needed (berth token create at the server)");
}

static int read_words(struct dial *d, const struct dial_options *o, struct err *err)
{
	int r = join_node_ok(o->node, err);

	if (r == 0)
		r = resolve(d, o->server, err);
	if (r == 0 && o->token)
		r = join_token_parse(o->token, &d->token, err);
	d->has_token = r == 0 && o->token;
	return r;
}

static int prepare(struct dial *d, const struct dial_options *o, struct err *err)
{
	int r = read_words(d, o, err);

	if (r == 0)
		r = openssl_load(err);
	if (r == 0)
		r = load(d, err);
	return r == 0 && !is_joined(d) && !d->has_token ? no_token(err) : r;
}

int dial_check(const struct dial_options *o, struct err *err)
{
	struct dial d = {.fd = -1};
	int r = read_words(&d, o, err);

	if (r == 0 && !d.has_token && access(o->dir, F_OK) < 0)
		r = no_token(err);
	free(d.addresses);
	return r;
}

int dial_new(struct loop *l, const struct dial_options *o, struct link_end **ret, struct err *err)
{
	static const struct link_ops ops = {.send = dial_send, .free = dial_free};
	struct dial *d = mem_new(struct dial);
	int r;

	d->remote.end.ops = &ops;
	d->remote.peer = MSG_BY_SERVER;
	d->loop = l;
	d->fd = -1;
	d->dir = mem_strdup(o->dir);
	d->server = mem_strdup(o->server);
	d->node = mem_strdup(o->node);
	d->timer = loop_timer_new(l, on_timer, d);
	d->renewal = loop_timer_new(l, on_renewal, d);
	r = prepare(d, o, err);
	if (r < 0) {
		dial_free(&d->remote.end);
		return r;
	}
	loop_timer_arm(d->timer, 0);
	d->settled = o->settled;
	d->settled_ctx = o->ctx;
	if (is_joined(d))
		settle(d, NULL);
	*ret = &d->remote.end;
	return 0;
}
