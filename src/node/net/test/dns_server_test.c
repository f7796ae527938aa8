/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole name server in network namespaces of the test's own: "the machine", where it and the servers that it asks are, and two containers.
 * Everything runs on one loop; a test waits for answers, never for time.
 */
#include "node/net/dns.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "node/net/dns_inside.h"
#include "node/net/dns_message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#define PATIENCE_MS 60000 /* a test that waits longer has failed */

/* ---- a server that the machine asks ---- */

enum mode { ANSWERS, SILENT, FAILS };

struct upstream {
	int udp, tcp;
	struct loop_fd *udp_watch, *tcp_watch;
	struct conn *conns;
	enum mode mode;
	unsigned asked; /* over UDP */
	uint16_t udp_size;
};

struct conn {
	struct upstream *u;
	struct conn *next;
	int fd;
	struct loop_fd *watch;
};

/* "none...": NXDOMAIN; "big...": 60 addresses; else one, 192.0.2.1. */
static size_t make_answer(const struct upstream *u, const uint8_t *query, size_t n, uint8_t *p, size_t limit)
{
	static const uint8_t soa[] = "\0\0\6\0\1\0\0\x02\x58\0\x1a\1a\0\1b\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\x1e";
	struct dns_query q;
	struct dns_draft d;

	assert_int_equal(dns_message_query(query, n, &q), 0);
	dns_draft_begin(&d, p, limit, query, &q,
			u->mode == FAILS	      ? DNS_SERVFAIL
			: !strncmp(q.name, "none", 4) ? DNS_NXDOMAIN
						      : DNS_OK);
	if (d.rcode == DNS_OK) {
		for (int i = 0; i < (strncmp(q.name, "big", 3) ? 1 : 60); i++)
			dns_draft_address(&d, AF_INET, "\xc0\0\2\1", 60);
	}
	n = dns_draft_end(&d);
	if (d.rcode == DNS_NXDOMAIN && !q.edns) {
		memcpy(p + n, soa, sizeof soa - 1);
		n += sizeof soa - 1;
		p[9] = 1;
	}
	return n;
}

static void on_upstream_udp(void *ctx, int events)
{
	struct upstream *u = ctx;
	uint8_t query[4096], p[4096];
	struct sockaddr_storage from;
	socklen_t length = sizeof from;
	ssize_t n = recvfrom(u->udp, query, sizeof query, 0, (struct sockaddr *)&from, &length);
	struct dns_query q;

	(void)events;
	if (n < 0)
		return;
	u->asked++;
	if (u->mode == SILENT)
		return;
	assert_int_equal(dns_message_query(query, (size_t)n, &q), 0);
	u->udp_size = q.udp_size;
	n = (ssize_t)make_answer(u, query, (size_t)n, p, q.udp_size);
	/* What somebody else could have sent comes first: another id, another question. */
	p[0] ^= 1;
	(void)sendto(u->udp, p, (size_t)n, 0, (struct sockaddr *)&from, length);
	p[0] ^= 1;
	p[DNS_HEADER + 1] ^= 1;
	(void)sendto(u->udp, p, (size_t)n, 0, (struct sockaddr *)&from, length);
	p[DNS_HEADER + 1] ^= 1;
	(void)sendto(u->udp, p, (size_t)n, 0, (struct sockaddr *)&from, length);
}

static struct loop *the_loop;

static void conn_free(struct conn *c)
{
	loop_fd_free(c->watch);
	fd_closep(&c->fd);
	free(c);
}

static void on_upstream_conn(void *ctx, int events)
{
	struct conn *c = ctx;
	uint8_t query[1024], p[4096];
	ssize_t n = recv(c->fd, query, sizeof query, 0);
	size_t m;

	(void)events;
	/* At its end it is closed, and freed with all others. */
	if (n < 3) {
		c->watch = loop_fd_free(c->watch);
		fd_closep(&c->fd);
		return;
	}
	m = make_answer(c->u, query + 2, (size_t)n - 2, p + 2, sizeof p - 2);
	p[0] = (uint8_t)(m >> 8);
	p[1] = (uint8_t)m;
	/* In two pieces. */
	assert_int_equal(send(c->fd, p, 5, MSG_NOSIGNAL), 5);
	assert_int_equal(send(c->fd, p + 5, m - 3, MSG_NOSIGNAL), (ssize_t)m - 3);
}

static void on_upstream_tcp(void *ctx, int events)
{
	struct upstream *u = ctx;
	struct conn *c = mem_new(struct conn);

	(void)events;
	*c = (struct conn){.u = u, .next = u->conns};
	u->conns = c;
	c->fd = accept4(u->tcp, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(c->fd >= 0);
	assert_int_equal(loop_fd_new(the_loop, c->fd, LOOP_IN, on_upstream_conn, c, &c->watch, NULL), 0);
}

static int bound(int netns, int type, const char *address)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = inet_addr(address)};
	int fd = dns_inside_socket(netns, AF_INET, type, 0, NULL), one = 1;

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static void upstream_open(struct upstream *u, int netns, const char *address)
{
	*u = (struct upstream){.udp = bound(netns, SOCK_DGRAM, address), .tcp = bound(netns, SOCK_STREAM, address)};
	assert_int_equal(loop_fd_new(the_loop, u->udp, LOOP_IN, on_upstream_udp, u, &u->udp_watch, NULL), 0);
	assert_int_equal(loop_fd_new(the_loop, u->tcp, LOOP_IN, on_upstream_tcp, u, &u->tcp_watch, NULL), 0);
}

static void upstream_close(struct upstream *u)
{
	loop_fd_free(u->udp_watch);
	loop_fd_free(u->tcp_watch);
	for (struct conn *c = u->conns, *next; c; c = next) {
		next = c->next;
		conn_free(c);
	}
	u->conns = NULL;
	fd_closep(&u->udp);
	fd_closep(&u->tcp);
}

/* ---- the world ---- */

struct world {
	int box[2]; /* the containers' namespaces */
	struct upstream up[3];
	struct dns_server *dns;
	char conf[64];
};

static int make_netns(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int sock, fd;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(ioctl(sock, SIOCSIFFLAGS, &request), 0);
	close(sock);
	fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void write_conf(const struct world *w, const char *text)
{
	fd_cleanup int fd = open(w->conf, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static void join(struct world *w, const char *network, const char *container, const char *name, const char *alias,
		 const char *ip4, const char *ip6)
{
	char *n = mem_strdup(name), *a = mem_strdup(alias), *names[] = {n, a, NULL};
	struct dns_endpoint e = {.network = network,
				 .network_name = network,
				 .container = container,
				 .internal = !strcmp(network, "inner"),
				 .names = names,
				 .ip4 = ip4,
				 .ip6 = ip6};

	assert_int_equal(dns_server_join(w->dns, &e, NULL), 0);
	free(n);
	free(a);
}

static int serve(struct world *w, const char *container, int box, char *const *servers)
{
	const struct dns_box b = {.container = container, .netns = w->box[box], .servers = servers};

	return dns_server_open(w->dns, &b, NULL);
}

static int set_up(void **state)
{
	struct world *w = mem_new(struct world);
	int machine, fd;

	snprintf(w->conf, sizeof w->conf, "/tmp/berth-dns-test-XXXXXX");
	fd = mkstemp(w->conf);
	assert_true(fd >= 0);
	close(fd);
	w->box[0] = make_netns();
	w->box[1] = make_netns();
	machine = make_netns();
	close(machine);
	assert_int_equal(loop_new(&the_loop, NULL), 0);
	for (size_t i = 0; i < 3; i++)
		upstream_open(&w->up[i], -1, (const char *const[]){"127.0.0.51", "127.0.0.52", "127.0.0.53"}[i]);
	write_conf(w, "nameserver 127.0.0.51\nnameserver 127.0.0.52\nnameserver 127.0.0.53\n");
	assert_int_equal(dns_server_new(the_loop, &(struct dns_options){.resolv_conf = w->conf}, &w->dns, NULL), 0);
	join(w, "shop", "c0", "web", "front", "10.0.0.2", "fd00::2");
	join(w, "shop", "c1", "db", "data", "10.0.0.3", NULL);
	join(w, "other", "c2", "secret", "hidden", "10.0.1.2", NULL);
	assert_int_equal(serve(w, "c0", 0, NULL), 0);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	w->dns = dns_server_free(w->dns);
	for (int i = 0; i < 3; i++)
		upstream_close(&w->up[i]);
	the_loop = loop_free(the_loop);
	close(w->box[0]);
	close(w->box[1]);
	unlink(w->conf);
	free(w);
	return 0;
}

/* ---- a program in a container ---- */

static void on_patience(void *ctx)
{
	(void)ctx;
	fail_msg("no answer came");
}

static void on_stop(void *ctx, int events)
{
	(void)ctx;
	(void)events;
	loop_stop(the_loop);
}

/* Runs the loop until something can be read. */
static void wait_for(int fd)
{
	struct loop_timer *patience = loop_timer_new(the_loop, on_patience, NULL);
	struct loop_fd *watch = NULL;

	loop_timer_arm(patience, PATIENCE_MS);
	assert_int_equal(loop_fd_new(the_loop, fd, LOOP_IN, on_stop, NULL, &watch, NULL), 0);
	assert_int_equal(loop_run(the_loop, NULL), 0);
	loop_fd_free(watch);
	loop_timer_free(patience);
}

static int client(int netns, int type)
{
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = inet_addr(DNS_ADDRESS)};
	int fd = dns_inside_socket(netns, AF_INET, type, 0, NULL);

	assert_true(fd >= 0);
	assert_true(connect(fd, (struct sockaddr *)&a, sizeof a) == 0 || errno == EINPROGRESS);
	return fd;
}

struct reply {
	uint8_t p[8192];
	size_t n;
	int rcode;
	bool cut;
	unsigned answers;
	char first[64]; /* the first address, "" = none */
};

static void read_reply(struct reply *r, const uint8_t *query, size_t question_end)
{
	struct dns_outcome o;
	const uint8_t *record = r->p + question_end;

	assert_int_equal(dns_message_outcome(r->p, r->n, query, question_end, 0x4242, &o), 0);
	/* Letters of the name come back as they were. */
	assert_memory_equal(r->p + DNS_HEADER, query + DNS_HEADER, question_end - DNS_HEADER);
	r->rcode = o.rcode;
	r->cut = o.truncated;
	r->answers = (unsigned)(r->p[6] << 8 | r->p[7]);
	r->first[0] = '\0';
	if (r->answers > 0 && record[3] != DNS_PTR)
		inet_ntop(record[3] == DNS_A ? AF_INET : AF_INET6, record + 12, r->first, sizeof r->first);
}

/* edns: what fits, 0 = without */
static struct reply ask_with(int netns, const char *name, uint16_t type, uint16_t edns)
{
	uint8_t query[DNS_QUESTION_MAX + 11],
	    opt[] = {0, 0, DNS_OPT, (uint8_t)(edns >> 8), (uint8_t)edns, 0, 0, 0, 0, 0, 0};
	size_t question_end = dns_message_ask(query, 0x4242, name, type), n = question_end;
	struct reply r = {.n = 0};
	int fd = client(netns, SOCK_DGRAM);

	if (edns > 0) {
		query[11] = 1;
		memcpy(query + n, opt, sizeof opt);
		n += sizeof opt;
	}
	assert_int_equal(send(fd, query, n, 0), (ssize_t)n);
	wait_for(fd);
	r.n = (size_t)recv(fd, r.p, sizeof r.p, 0);
	read_reply(&r, query, question_end);
	close(fd);
	return r;
}

static struct reply ask(int netns, const char *name, uint16_t type)
{
	return ask_with(netns, name, type, 0);
}

static void receive_all(int fd, void *to, size_t n)
{
	for (uint8_t *p = to; n > 0;) {
		ssize_t got = recv(fd, p, n, 0);

		if (got < 0 && errno == EAGAIN) {
			wait_for(fd);
			continue;
		}
		assert_true(got > 0);
		p += got;
		n -= (size_t)got;
	}
}

/* The next packet of a connection. */
static void receive_stream(int fd, struct reply *r)
{
	uint8_t length[2];

	receive_all(fd, length, 2);
	r->n = (size_t)(length[0] << 8 | length[1]);
	assert_true(r->n <= sizeof r->p);
	receive_all(fd, r->p, r->n);
}

static size_t stream_query(uint8_t *p, const char *name, uint16_t type)
{
	size_t n = dns_message_ask(p + 2, 0x4242, name, type);

	p[0] = (uint8_t)(n >> 8);
	p[1] = (uint8_t)n;
	return n + 2;
}

static struct reply ask_stream(int netns, const char *name, uint16_t type)
{
	uint8_t query[DNS_QUESTION_MAX + 2];
	size_t n = stream_query(query, name, type);
	struct reply r = {.n = 0};
	int fd = client(netns, SOCK_STREAM);

	assert_int_equal(fd_write_all(fd, query, n), 0);
	receive_stream(fd, &r);
	read_reply(&r, query + 2, n - 2);
	close(fd);
	return r;
}

/* ---- tests ---- */

static void test_own_names(void **state)
{
	struct world *w = *state;
	struct reply r = ask(w->box[0], "db", DNS_A);

	assert_string_equal(r.first, "10.0.0.3");
	assert_string_equal(ask(w->box[0], "WEB.Shop", DNS_A).first, "10.0.0.2");
	assert_string_equal(ask(w->box[0], "front", DNS_AAAA).first, "fd00::2");
	/* There is such a name, but it has no such address: an answer at once. */
	r = ask(w->box[0], "data", DNS_AAAA);
	assert_int_equal(r.rcode, DNS_OK);
	assert_int_equal(r.answers, 0);
	r = ask(w->box[0], "data", 33);
	assert_int_equal(r.rcode, DNS_OK);
	assert_int_equal(r.answers, 0);
	assert_int_equal(ask(w->box[0], "3.0.0.10.in-addr.arpa", DNS_PTR).answers, 1);
	assert_string_equal(ask_stream(w->box[0], "db", DNS_A).first, "10.0.0.3");
	assert_int_equal(w->up[0].asked + w->up[1].asked + w->up[2].asked, 0);
}

static void test_names_of_others(void **state)
{
	struct world *w = *state;

	/* What is not on its networks is a question for the world, which has another answer. */
	assert_string_equal(ask(w->box[0], "secret", DNS_A).first, "192.0.2.1");
	assert_string_equal(ask(w->box[0], "hidden.other", DNS_A).first, "192.0.2.1");
	assert_int_equal(w->up[0].asked, 2);
	dns_server_leave(w->dns, "shop", "c1");
	assert_string_equal(ask(w->box[0], "db", DNS_A).first, "192.0.2.1");
	join(w, "other", "c0", "web", "front", "10.0.1.9", NULL);
	assert_string_equal(ask(w->box[0], "hidden.other", DNS_A).first, "10.0.1.2");
}

static void test_cache(void **state)
{
	struct world *w = *state;
	struct reply r = ask(w->box[0], "Example.org", DNS_A);

	assert_string_equal(r.first, "192.0.2.1");
	assert_string_equal(ask(w->box[0], "eXample.org", DNS_A).first, "192.0.2.1");
	assert_int_equal(w->up[0].asked, 1);
	assert_int_equal(ask(w->box[0], "none.org", DNS_A).rcode, DNS_NXDOMAIN);
	assert_int_equal(ask(w->box[0], "none.org", DNS_A).rcode, DNS_NXDOMAIN);
	assert_int_equal(w->up[0].asked, 2);
	/* Other servers have other answers. */
	write_conf(w, "nameserver 127.0.0.53\n");
	w->dns = dns_server_free(w->dns);
	assert_int_equal(dns_server_new(the_loop, &(struct dns_options){.resolv_conf = w->conf}, &w->dns, NULL), 0);
	assert_int_equal(serve(w, "c0", 0, NULL), 0);
	assert_string_equal(ask(w->box[0], "example.org", DNS_A).first, "192.0.2.1");
	assert_int_equal(w->up[2].asked, 1);
}

static void test_all_servers(void **state)
{
	struct world *w = *state;
	struct dns_figures f;

	/* Nobody listens, one fails, one is silent: the last one knows. */
	upstream_close(&w->up[0]);
	w->up[1].mode = FAILS;
	assert_string_equal(ask(w->box[0], "a.org", DNS_A).first, "192.0.2.1");
	assert_int_equal(w->up[1].asked, 1);
	w->up[1].mode = SILENT;
	assert_string_equal(ask(w->box[0], "b.org", DNS_A).first, "192.0.2.1");
	assert_int_equal(w->up[1].asked, 2);
	/* Who was silent is not waited for again. */
	assert_string_equal(ask(w->box[0], "c.org", DNS_A).first, "192.0.2.1");
	assert_int_equal(w->up[1].asked, 2);
	/* When all fail, that is the answer; and at once. */
	w->up[1].mode = w->up[2].mode = FAILS;
	assert_int_equal(ask(w->box[0], "d.org", DNS_A).rcode, DNS_SERVFAIL);
	upstream_close(&w->up[1]);
	upstream_close(&w->up[2]);
	assert_int_equal(ask(w->box[0], "e.org", DNS_A).rcode, DNS_SERVFAIL);
	dns_server_figures(w->dns, &f);
	assert_int_equal(f.asking, 0);
	assert_int_equal(f.failed, 1);
	upstream_open(&w->up[0], -1, "127.0.0.51");
	upstream_open(&w->up[1], -1, "127.0.0.52");
	upstream_open(&w->up[2], -1, "127.0.0.53");
}

static void test_long_answers(void **state)
{
	struct world *w = *state;
	struct reply r = ask(w->box[0], "big.org", DNS_A);

	/* 60 addresses are more than 512 bytes. */
	assert_true(r.cut && r.n <= 512);
	assert_string_equal(r.first, "192.0.2.1");
	r = ask_with(w->box[0], "big.org", DNS_A, 4096);
	assert_int_equal(r.answers, 60);
	assert_false(r.cut);
	assert_int_equal(w->up[0].udp_size, 4096);
	r = ask_stream(w->box[0], "big.org", DNS_A);
	assert_int_equal(r.answers, 60);
	assert_false(r.cut);
	/* A server that cannot be reached over TCP: what came over UDP is better than nothing. */
	loop_fd_free(w->up[0].tcp_watch);
	w->up[0].tcp_watch = NULL;
	fd_closep(&w->up[0].tcp);
	r = ask(w->box[0], "big.two", DNS_A);
	assert_true(r.cut && r.rcode == DNS_OK && r.answers > 10);
}

static void test_internal(void **state)
{
	struct world *w = *state;

	join(w, "inner", "c1", "db", "data", "10.9.0.3", NULL);
	dns_server_leave(w->dns, "shop", "c1");
	assert_int_equal(serve(w, "c1", 1, NULL), 0);
	assert_string_equal(ask(w->box[1], "db", DNS_A).first, "10.9.0.3");
	assert_int_equal(ask(w->box[1], "example.org", DNS_A).rcode, DNS_REFUSED);
	assert_int_equal(w->up[0].asked, 0);
	join(w, "shop", "c1", "db", "data", "10.0.0.3", NULL);
	assert_string_equal(ask(w->box[1], "example.org", DNS_A).first, "192.0.2.1");
}

static void test_servers_of_its_own(void **state)
{
	struct world *w = *state;
	char *server = mem_strdup("127.0.0.99"), *servers[] = {server, NULL};
	struct upstream inside;

	/* It is inside of the container. */
	upstream_open(&inside, w->box[1], "127.0.0.99");
	assert_int_equal(serve(w, "c1", 1, servers), 0);
	assert_string_equal(ask(w->box[1], "example.org", DNS_A).first, "192.0.2.1");
	assert_string_equal(ask(w->box[1], "web", DNS_A).first, "10.0.0.2");
	assert_int_equal(inside.asked, 1);
	assert_int_equal(w->up[0].asked, 0);
	upstream_close(&inside);
	free(server);
}

/* A name server in the container has port 53 for itself. */
static void test_port_is_free(void **state)
{
	struct world *w = *state;
	int udp = bound(w->box[0], SOCK_DGRAM, "0.0.0.0"), tcp = bound(w->box[0], SOCK_STREAM, "0.0.0.0");

	assert_string_equal(ask(w->box[0], "db", DNS_A).first, "10.0.0.3");
	assert_string_equal(ask_stream(w->box[0], "db", DNS_A).first, "10.0.0.3");
	close(udp);
	close(tcp);
}

static void test_opened_again(void **state)
{
	struct world *w = *state;

	assert_int_equal(serve(w, "c0", 0, NULL), 0);
	assert_string_equal(ask(w->box[0], "db", DNS_A).first, "10.0.0.3");
	dns_server_close(w->dns, "c0");
	assert_int_equal(serve(w, "c0", 0, NULL), 0);
	assert_string_equal(ask_stream(w->box[0], "db", DNS_A).first, "10.0.0.3");
}

/* What a program asks before the daemon serves it waits at the monitor's sockets; and so it is when the daemon goes away for a while. */
static void test_monitor_keeps_it(void **state)
{
	struct world *w = *state;
	uint8_t query[DNS_QUESTION_MAX];
	size_t n = dns_message_ask(query, 0x4242, "db", DNS_A);
	struct dns_box box = {.container = "c0", .netns = w->box[0]};
	int go[2], ready[2], fd;
	struct reply r = {.n = 0};
	char c = 0;

	dns_server_close(w->dns, "c0");
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	box.monitor = fork();
	assert_true(box.monitor >= 0);
	if (box.monitor == 0) {
		close(go[1]);
		c = dns_inside_offer(w->box[0], NULL) == 0;
		_exit(write(ready[1], &c, 1) != 1 || read(go[0], &c, 1) != 0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(c, 1);
	for (int i = 0; i < 2; i++) {
		fd = client(w->box[0], SOCK_DGRAM);
		assert_int_equal(send(fd, query, n, 0), (ssize_t)n);
		assert_int_equal(dns_server_open(w->dns, &box, NULL), 0);
		wait_for(fd);
		r.n = (size_t)recv(fd, r.p, sizeof r.p, 0);
		read_reply(&r, query, n);
		assert_string_equal(r.first, "10.0.0.3");
		assert_string_equal(ask_stream(w->box[0], "db", DNS_A).first, "10.0.0.3");
		close(fd);
		dns_server_close(w->dns, "c0");
	}
	close(go[1]);
	assert_int_equal(waitpid(box.monitor, NULL, 0), box.monitor);
	close(go[0]);
	close(ready[0]);
}

/* Several questions in one go, for here and for the world; more than may wait at once; then the client says that this was all. */
static void test_many_on_a_connection(void **state)
{
	struct world *w = *state;
	uint8_t query[DNS_QUESTION_MAX + 2];
	int fd = client(w->box[0], SOCK_STREAM);
	size_t n;

	for (int i = 0; i < 200; i++) {
		char name[32];

		snprintf(name, sizeof name, i % 2 ? "db" : "n%d.org", i);
		n = stream_query(query, name, DNS_A);
		assert_int_equal(fd_write_all(fd, query, n), 0);
	}
	shutdown(fd, SHUT_WR);
	for (int i = 0; i < 200; i++) {
		struct reply r;

		receive_stream(fd, &r);
		assert_int_equal(r.p[7], 1);
	}
	wait_for(fd);
	assert_int_equal(recv(fd, query, 1, 0), 0);
	close(fd);
}

static void test_rubbish(void **state)
{
	struct world *w = *state;
	int fd = client(w->box[0], SOCK_STREAM), udp = client(w->box[0], SOCK_DGRAM);
	uint8_t p[DNS_QUESTION_MAX];
	size_t n = dns_message_ask(p, 1, "web", DNS_A);
	char c;

	assert_int_equal(send(fd, "\0\3abc", 5, 0), 5);
	wait_for(fd);
	assert_true(recv(fd, &c, 1, 0) <= 0);
	/* Nothing, too short; a question with a tail. */
	assert_int_equal(send(udp, "", 0, 0), 0);
	assert_int_equal(send(udp, "abc", 3, 0), 3);
	p[n++] = 7;
	assert_int_equal(send(udp, p, n, 0), (ssize_t)n);
	wait_for(udp);
	assert_int_equal(recv(udp, p, sizeof p, 0), DNS_HEADER);
	assert_int_equal(p[3] & 0xf, DNS_FORMERR);
	close(udp);
	close(fd);
}

/* 10,000 questions for the world and for here, a hundred on their way at any time; none is lost. */
#define LOAD 10000
#define LOAD_OUT 100

struct load {
	int fd;
	unsigned sent, got;
};

static void send_load(struct load *l)
{
	uint8_t query[DNS_QUESTION_MAX];
	char name[32];
	size_t n;

	snprintf(name, sizeof name, l->sent % 3 ? "host%u.org" : "db", l->sent);
	n = dns_message_ask(query, (uint16_t)l->sent, name, DNS_A);
	assert_int_equal(send(l->fd, query, n, 0), (ssize_t)n);
	l->sent++;
}

static void on_load(void *ctx, int events)
{
	struct load *l = ctx;
	uint8_t p[DNS_UDP_PLAIN];

	(void)events;
	while (recv(l->fd, p, sizeof p, 0) > 0) {
		assert_int_equal(p[3] & 0xf, DNS_OK);
		assert_int_equal(p[7], 1);
		if (++l->got == LOAD)
			loop_stop(the_loop);
		if (l->sent < LOAD)
			send_load(l);
	}
}

static void test_load(void **state)
{
	struct world *w = *state;
	struct load l = {.fd = client(w->box[0], SOCK_DGRAM)};
	struct loop_timer *patience = loop_timer_new(the_loop, on_patience, NULL);
	struct loop_fd *watch = NULL;
	struct dns_figures f;

	loop_timer_arm(patience, PATIENCE_MS);
	assert_int_equal(loop_fd_new(the_loop, l.fd, LOOP_IN, on_load, &l, &watch, NULL), 0);
	while (l.sent < LOAD_OUT)
		send_load(&l);
	assert_int_equal(loop_run(the_loop, NULL), 0);
	assert_int_equal(l.got, LOAD);
	dns_server_figures(w->dns, &f);
	assert_int_equal(f.questions, LOAD);
	assert_int_equal(f.local + f.relayed, LOAD);
	assert_int_equal(f.asking, 0);
	assert_in_range(f.cache_entries, 1, 4096);
	loop_fd_free(watch);
	loop_timer_free(patience);
	close(l.fd);
}

/* A container that asks for more than may wait is refused the rest at once, and it and others get the names that are known. */
static void test_flood(void **state)
{
	struct world *w = *state;
	uint8_t p[DNS_UDP_PLAIN];
	int fd = client(w->box[0], SOCK_DGRAM);
	unsigned refused = 0;

	w->up[0].mode = w->up[1].mode = w->up[2].mode = SILENT;
	assert_int_equal(serve(w, "c1", 1, NULL), 0);
	for (unsigned i = 0; i < 1024 + 50; i++) {
		uint8_t query[DNS_QUESTION_MAX];
		char name[32];
		size_t n;

		snprintf(name, sizeof name, "f%u.org", i);
		n = dns_message_ask(query, (uint16_t)i, name, DNS_A);
		assert_int_equal(send(fd, query, n, 0), (ssize_t)n);
		if (i % 50 == 0)
			assert_string_equal(ask(w->box[1], "web", DNS_A).first, "10.0.0.2");
	}
	assert_string_equal(ask(w->box[0], "db", DNS_A).first, "10.0.0.3");
	while (refused < 50) {
		wait_for(fd);
		assert_true(recv(fd, p, sizeof p, 0) > 0);
		assert_int_equal(p[3] & 0xf, DNS_SERVFAIL);
		refused++;
	}
	close(fd);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    T(test_own_names),
	    T(test_names_of_others),
	    T(test_cache),
	    T(test_all_servers),
	    T(test_long_answers),
	    T(test_internal),
	    T(test_servers_of_its_own),
	    T(test_port_is_free),
	    T(test_opened_again),
	    T(test_monitor_keeps_it),
	    T(test_many_on_a_connection),
	    T(test_rubbish),
	    T(test_load),
	    T(test_flood),
	};

	if (geteuid() != 0) {
		printf("1..0 # SKIP network namespaces need root\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
