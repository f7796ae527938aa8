/* SPDX-License-Identifier: Apache-2.0 */
/* A server and an agent in one loop, joined by a pair of sockets: real TLS, real HTTP/2. The loop is run until what is expected has come. */
#include "cluster/link/conn.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/tls_mutual.h"
#include "cluster/link/cert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#define ALPN "berth/1"
#define WATCHDOG_MS 100000

struct world;

struct side {
	struct world *w;
	struct conn *conn;
	bool up, down;
	struct err why;
	char last[64]; /* the last short message */
	size_t messages, bytes;
	int tunnel; /* what the agent gives the next tunnel */
};

struct world {
	struct loop *loop;
	struct loop_timer *watchdog;
	char *ca_key, *ca;
	struct tls *server_tls, *agent_tls;
	struct side server, agent;
	bool (*done)(struct world *w);
};

static void look(struct world *w)
{
	if (w->done && w->done(w))
		loop_stop(w->loop);
}

static void on_up(void *ctx)
{
	struct side *s = ctx;

	s->up = true;
	look(s->w);
}

static void on_message(void *ctx, const char *text, size_t n)
{
	struct side *s = ctx;

	s->messages++;
	s->bytes += n;
	if (n < sizeof s->last)
		snprintf(s->last, sizeof s->last, "%.*s", (int)n, text);
	look(s->w);
}

static int on_tunnel(void *ctx)
{
	struct side *s = ctx;

	return fd_take(&s->tunnel);
}

static void on_down(void *ctx, const struct err *why)
{
	struct side *s = ctx;

	s->down = true;
	s->why = *why;
	look(s->w);
}

static const struct conn_hooks hooks = {.up = on_up, .message = on_message, .tunnel = on_tunnel, .down = on_down};

static void too_late(void *ctx)
{
	(void)ctx;
	fail_msg("what the test waits for did not happen");
}

static void run_until(struct world *w, bool (*done)(struct world *w))
{
	w->done = done;
	if (!done(w))
		assert_int_equal(loop_run(w->loop, NULL), 0);
}

/* A member's certificate of this authority; the caller frees both. */
static void member(const char *ca_key, const char *ca, bool server, char **ret_key, char **ret_cert)
{
	const struct cert_wish wish = {.node = "n1", .member = "m1", .seconds = 600, .server = server};
	mem_cleanup char *request = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(cert_key_new(ret_key, &err), 0);
	assert_int_equal(cert_request_new(*ret_key, &request, &err), 0);
	assert_int_equal(cert_sign(ca, ca_key, request, &wish, ret_cert, &err), 0);
}

static struct tls *tls_of(const char *ca_key, const char *ca, bool server, bool client)
{
	static const char *const alpn[] = {ALPN, NULL};
	mem_cleanup char *key = NULL, *cert = NULL;
	struct err err = ERR_INIT;
	struct tls *t = NULL;

	member(ca_key, ca, server, &key, &cert);
	assert_int_equal(tls_mutual_new(
			     &(struct tls_mutual){
				 .cert = cert, .key = key, .ca = ca, .alpn = client ? NULL : alpn, .client = client},
			     &t, &err),
			 0);
	return t;
}

static int setup(void **state)
{
	struct world *w = mem_new(struct world);
	struct err err = ERR_INIT;

	*state = w;
	if (loop_new(&w->loop, &err) < 0 || cert_key_new(&w->ca_key, &err) < 0 ||
	    cert_authority_new(w->ca_key, &w->ca, &err) < 0)
		return -1;
	w->watchdog = loop_timer_new(w->loop, too_late, w);
	loop_timer_arm(w->watchdog, WATCHDOG_MS);
	w->server.w = w->agent.w = w;
	w->agent.tunnel = -1;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	conn_free(w->server.conn);
	conn_free(w->agent.conn);
	fd_closep(&w->agent.tunnel);
	loop_timer_free(w->watchdog);
	tls_free(w->server_tls);
	tls_free(w->agent_tls);
	loop_free(w->loop);
	free(w->ca_key);
	free(w->ca);
	free(w);
	return 0;
}

static void pair_of(int type, int pair[2])
{
	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
}

static void join(struct world *w)
{
	struct err err = ERR_INIT;
	int pair[2];

	pair_of(SOCK_STREAM, pair);
	assert_int_equal(conn_new(w->loop, tls_mutual_conn(w->server_tls, pair[0], NULL), pair[0], true, &hooks,
				  &w->server, &w->server.conn, &err),
			 0);
	assert_int_equal(conn_new(w->loop, tls_mutual_conn(w->agent_tls, pair[1], ALPN), pair[1], false, &hooks,
				  &w->agent, &w->agent.conn, &err),
			 0);
}

static bool both_up(struct world *w)
{
	return w->server.up && w->agent.up;
}

static void connect_both(struct world *w)
{
	w->server_tls = tls_of(w->ca_key, w->ca, true, false);
	w->agent_tls = tls_of(w->ca_key, w->ca, false, true);
	join(w);
	run_until(w, both_up);
}

static bool answered(struct world *w)
{
	return !strcmp(w->server.last, "pong") && !strcmp(w->agent.last, "ping");
}

static void messages(void **state)
{
	struct world *w = *state;

	connect_both(w);
	conn_send(w->server.conn, "ping", 4);
	conn_send(w->agent.conn, "pong", 4);
	run_until(w, answered);
}

#define BIG (20u << 20)

static bool big_came(struct world *w)
{
	return w->agent.bytes >= BIG;
}

static void a_big_one(void **state)
{
	struct world *w = *state;
	mem_cleanup char *text = mem_zalloc(1, BIG);

	connect_both(w);
	conn_send(w->server.conn, text, BIG);
	run_until(w, big_came);
	assert_int_equal(w->agent.bytes, BIG);
}

#define PART (5u << 20)
#define PARTS (CONN_OUT_MAX / PART + 3)

static bool one_more(struct world *w)
{
	static size_t seen;
	static const char part[PART];

	if (w->agent.messages == 0)
		seen = 0;
	for (; seen < w->agent.messages && seen + 2 < PARTS; seen++)
		conn_send(w->server.conn, part, sizeof part);
	return w->agent.messages == PARTS || w->server.down;
}

/* As one comes the next is sent, so there is always one that waits: it is what waits that has a limit. */
static void a_peer_that_always_lags_gets_all(void **state)
{
	struct world *w = *state;
	mem_cleanup char *text = mem_zalloc(1, PART);

	connect_both(w);
	conn_send(w->server.conn, text, PART);
	conn_send(w->server.conn, text, PART);
	run_until(w, one_more);
	assert_false(w->server.down);
	assert_int_equal(w->agent.bytes, (size_t)PARTS * PART);
}

static size_t fill(int fd)
{
	static const char piece[65536];
	size_t n = 0;
	ssize_t r;

	while ((r = write(fd, piece, sizeof piece)) > 0)
		n += (size_t)r;
	return n;
}

static size_t n_pong;

static bool many_answered(struct world *w)
{
	if (w->agent.messages + w->server.messages < n_pong)
		return false;
	return true;
}

/* A tunnel from the server to the agent: client[1] and service[1] are what the two at its ends have. */
static void begin_tunnel(struct world *w, int client[static 2], int service[static 2], const char *first)
{
	struct err err = ERR_INIT;

	connect_both(w);
	pair_of(SOCK_STREAM, client);
	pair_of(SOCK_STREAM, service);
	w->agent.tunnel = service[0];
	assert_int_equal(conn_tunnel(w->server.conn, client[0], first, strlen(first), &err), 0);
}

/* A reader that takes nothing holds up its own stream alone, and neither side's memory grows by it. */
static void a_stuck_stream_holds_up_nothing(void **state)
{
	struct world *w = *state;
	int client[2], service[2];

	begin_tunnel(w, client, service, "");
	/* Messages travel while the service writes all it can and the client reads nothing. */
	for (size_t i = 1; i <= 200; i++) {
		fill(service[1]);
		conn_send(w->agent.conn, "beat", 4);
		conn_send(w->server.conn, "start", 5);
		n_pong = 2 * i;
		run_until(w, many_answered);
	}
	/* It did get stuck, with a bounded amount on the way. */
	assert_int_equal(fill(service[1]), 0);
	assert_true(conn_waiting(w->server.conn) <= 64u << 10);
	assert_true(conn_waiting(w->agent.conn) <= 64u << 10);
	close(client[1]);
	close(service[1]);
}

#define LONG_STREAM (66u << 20) /* more than a buf holds */

struct lagging {
	struct world *w;
	struct loop_fd *reading, *writing;
	int reader, writer;
	size_t got, sent;
};
static struct lagging lagging;

static void on_writer(void *ctx, int events)
{
	static const char piece[65536];
	struct lagging *l = ctx;
	ssize_t n;

	(void)events;
	while (l->sent < LONG_STREAM && (n = write(l->writer, piece, sizeof piece)) > 0)
		l->sent += (size_t)n;
	if (l->sent < LONG_STREAM)
		return;
	l->writing = loop_fd_free(l->writing);
	shutdown(l->writer, SHUT_WR);
}

/* Reads only while more than that waits for it, so the buffer before it is never empty until the end. */
static void on_reader(void *ctx, int events)
{
	struct lagging *l = ctx;
	char piece[8192];

	(void)events;
	if (l->sent < LONG_STREAM && conn_waiting(l->w->server.conn) < 2 * sizeof piece)
		return;
	for (ssize_t n = 1; n > 0;) {
		n = read(l->reader, piece, sizeof piece);
		if (n > 0)
			l->got += (size_t)n;
		if (n == 0)
			l->reading = loop_fd_free(l->reading);
		if (l->sent < LONG_STREAM)
			break;
	}
	look(l->w);
}

static bool lag_over(struct world *w)
{
	(void)w;
	return !lagging.reading;
}

static void a_reader_that_always_lags_gets_all(void **state)
{
	struct world *w = *state;
	const int little = 8192;
	struct err err = ERR_INIT;
	int client[2], service[2];

	connect_both(w);
	pair_of(SOCK_STREAM, client);
	pair_of(SOCK_STREAM, service);
	assert_int_equal(setsockopt(client[0], SOL_SOCKET, SO_SNDBUF, &little, sizeof little), 0);
	w->agent.tunnel = service[0];
	assert_int_equal(conn_tunnel(w->server.conn, client[0], NULL, 0, &err), 0);
	lagging = (struct lagging){.w = w, .reader = client[1], .writer = service[1]};
	assert_int_equal(loop_fd_new(w->loop, client[1], LOOP_IN, on_reader, &lagging, &lagging.reading, &err), 0);
	assert_int_equal(loop_fd_new(w->loop, service[1], LOOP_OUT, on_writer, &lagging, &lagging.writing, &err), 0);
	run_until(w, lag_over);
	assert_int_equal(lagging.got, lagging.sent);
	close(client[1]);
	close(service[1]);
}

struct echo {
	struct world *w;
	struct loop_fd *watch;
	int fd;
	size_t got;
	bool ended;
};
static struct echo client_end, service_end;

/* The service sends back what comes, and ends when the other side has. */
static void on_service(void *ctx, int events)
{
	struct echo *e = ctx;
	char piece[4096];
	ssize_t n = read(e->fd, piece, sizeof piece);

	(void)events;
	if (n > 0)
		assert_int_equal(fd_write_all(e->fd, piece, (size_t)n), 0);
	if (n == 0) {
		e->ended = true;
		loop_fd_set(e->watch, 0);
		shutdown(e->fd, SHUT_WR);
	}
}

static void on_client(void *ctx, int events)
{
	struct echo *e = ctx;
	char piece[4096];
	ssize_t n = read(e->fd, piece, sizeof piece);

	(void)events;
	if (n > 0)
		e->got += (size_t)n;
	if (n == 0) {
		e->ended = true;
		loop_fd_set(e->watch, 0);
	}
	look(e->w);
}

static bool echoed(struct world *w)
{
	(void)w;
	return client_end.ended && service_end.ended;
}

static void tunnels_pass_bytes_and_ends(void **state)
{
	static const char piece[40000];
	struct world *w = *state;
	struct err err = ERR_INIT;
	int client[2], service[2];

	begin_tunnel(w, client, service, "first");
	client_end = (struct echo){.w = w, .fd = client[1]};
	service_end = (struct echo){.w = w, .fd = service[1]};
	assert_int_equal(loop_fd_new(w->loop, client[1], LOOP_IN, on_client, &client_end, &client_end.watch, &err), 0);
	assert_int_equal(loop_fd_new(w->loop, service[1], LOOP_IN, on_service, &service_end, &service_end.watch, &err),
			 0);
	assert_int_equal(write(client[1], piece, sizeof piece), sizeof piece);
	shutdown(client[1], SHUT_WR);
	run_until(w, echoed);
	assert_int_equal(client_end.got, sizeof piece + 5);
	loop_fd_free(client_end.watch);
	loop_fd_free(service_end.watch);
	close(client[1]);
	close(service[1]);
}

static bool server_down(struct world *w)
{
	return w->server.down;
}

static bool agent_down(struct world *w)
{
	return w->agent.down;
}

static bool both_down(struct world *w)
{
	return w->server.down && w->agent.down;
}

static bool agent_wrote(struct world *w)
{
	return w->agent.messages > 0;
}

/* Half of the numbers are used: the connection stays as long as a tunnel does, and ends with it; all that was sent arrives. */
static void numbers_run_low(void **state)
{
	struct world *w = *state;
	int client[2], service[2];

	begin_tunnel(w, client, service, "x");
	conn_number_from(w->server.conn, (1 << 30) + 1);
	conn_send(w->server.conn, "start", 5);
	run_until(w, agent_wrote);
	assert_false(w->server.down);
	conn_send(w->server.conn, "last", 4);
	close(client[1]);
	close(service[1]);
	run_until(w, both_down);
	assert_string_equal(w->agent.last, "last");
	assert_int_equal(w->agent.messages, 2);
}

/* All are used: who wants the next tunnel is told, and the connection ends though one is open. */
static void numbers_run_out(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;
	int client[2], service[2], late[2];

	connect_both(w);
	pair_of(SOCK_STREAM, client);
	pair_of(SOCK_STREAM, service);
	pair_of(SOCK_STREAM, late);
	w->agent.tunnel = service[0];
	conn_number_from(w->server.conn, INT32_MAX);
	assert_int_equal(conn_tunnel(w->server.conn, client[0], "x", 1, &err), 0);
	assert_int_equal(conn_tunnel(w->server.conn, late[0], "x", 1, &err), -EIO);
	run_until(w, both_down);
	close(client[1]);
	close(service[1]);
	close(late[1]);
}

static void the_end_is_told(void **state)
{
	struct world *w = *state;

	connect_both(w);
	w->agent.conn = conn_free(w->agent.conn);
	run_until(w, server_down);
	assert_int_equal(w->server.why.code, ECONNRESET);
}

/* The certificate of another authority, and that of a member where a server's is needed. */
static void strangers_stay_out(void **state)
{
	struct world *w = *state;
	mem_cleanup char *key = NULL, *ca = NULL;

	assert_int_equal(cert_key_new(&key, NULL), 0);
	assert_int_equal(cert_authority_new(key, &ca, NULL), 0);
	w->server_tls = tls_of(w->ca_key, w->ca, true, false);
	w->agent_tls = tls_of(key, ca, false, true);
	join(w);
	run_until(w, server_down);
	assert_false(w->server.up);
}

static void a_member_is_no_server(void **state)
{
	struct world *w = *state;

	w->server_tls = tls_of(w->ca_key, w->ca, false, false);
	w->agent_tls = tls_of(w->ca_key, w->ca, false, true);
	join(w);
	run_until(w, agent_down);
	assert_false(w->agent.up);
}

/* ---- silence ---- */

/* A wire between two pairs of sockets, which can be cut without anybody being told. */
struct wire {
	int fd[2];
	struct loop_fd *watch[2];
	size_t carried;
	size_t until; /* bytes after which it is cut; 0 = never */
	bool cut;
};

static void carry(struct wire *wire, int from)
{
	char piece[65536];
	ssize_t n;

	while (!wire->cut && (n = read(wire->fd[from], piece, sizeof piece)) > 0) {
		assert_int_equal(write(wire->fd[!from], piece, (size_t)n), n);
		wire->carried += (size_t)n;
		wire->cut = wire->until && wire->carried >= wire->until;
	}
}

static void on_first(void *ctx, int events)
{
	(void)events;
	carry(ctx, 0);
}

static void on_second(void *ctx, int events)
{
	(void)events;
	carry(ctx, 1);
}

static void connect_over(struct world *w, struct wire *wire)
{
	int agent[2], server[2];
	struct err err = ERR_INIT;

	pair_of(SOCK_STREAM, agent);
	pair_of(SOCK_STREAM, server);
	wire->fd[0] = agent[1];
	wire->fd[1] = server[1];
	w->server_tls = tls_of(w->ca_key, w->ca, true, false);
	w->agent_tls = tls_of(w->ca_key, w->ca, false, true);
	assert_int_equal(conn_new(w->loop, tls_mutual_conn(w->server_tls, server[0], NULL), server[0], true, &hooks,
				  &w->server, &w->server.conn, &err),
			 0);
	assert_int_equal(conn_new(w->loop, tls_mutual_conn(w->agent_tls, agent[0], ALPN), agent[0], false, &hooks,
				  &w->agent, &w->agent.conn, &err),
			 0);
	assert_int_equal(loop_fd_new(w->loop, wire->fd[0], LOOP_IN, on_first, wire, &wire->watch[0], &err), 0);
	assert_int_equal(loop_fd_new(w->loop, wire->fd[1], LOOP_IN, on_second, wire, &wire->watch[1], &err), 0);
	run_until(w, both_up);
}

/* PING and its answer go on as long as somebody is there; then the wire is cut, and only silence tells. */
static void silence_is_an_end(void **state)
{
	struct world *w = *state;
	struct wire wire = {.carried = 0};

	connect_over(w, &wire);
	wire.until = wire.carried + 200; /* some answers */
	conn_watch(w->agent.conn, 200);
	run_until(w, agent_down);
	assert_true(wire.cut);
	assert_int_equal(w->agent.why.code, ETIMEDOUT);
	assert_false(w->server.down);
	for (int i = 0; i < 2; i++) {
		loop_fd_free(wire.watch[i]);
		close(wire.fd[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(messages, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_big_one, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_peer_that_always_lags_gets_all, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_reader_that_always_lags_gets_all, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_stuck_stream_holds_up_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(tunnels_pass_bytes_and_ends, setup, teardown),
	    cmocka_unit_test_setup_teardown(numbers_run_low, setup, teardown),
	    cmocka_unit_test_setup_teardown(numbers_run_out, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_end_is_told, setup, teardown),
	    cmocka_unit_test_setup_teardown(strangers_stay_out, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_member_is_no_server, setup, teardown),
	    cmocka_unit_test_setup_teardown(silence_is_an_end, setup, teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
