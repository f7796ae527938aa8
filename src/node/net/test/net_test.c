/* SPDX-License-Identifier: Apache-2.0
 *
 * The books: networks, addresses, ports, plugs.
 */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "node/net/cidr.h"
#include "node/net/link.h"
#include "node/net/nl.h"
#include "node/net/plug.h"
#include "node/runtime/netpool.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static char dir_name[] = "/tmp/berth-net-XXXXXX";
static int dir = -1;
static struct net *net;
static struct err err;

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void open_net(void)
{
	err_clear(&err);
	if (net_open(dir, NULL, false, &net, &err) < 0)
		fail_msg("%s", err.text);
}

static int setup(void **state)
{
	(void)state;
	memset(dir_name + sizeof dir_name - 7, 'X', 6);
	assert_non_null(mkdtemp(dir_name));
	dir = open(dir_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	open_net();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	net = net_close(net);
	fd_closep(&dir);
	dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fs_remove_tree(dir, strrchr(dir_name, '/') + 1, NULL);
	fd_closep(&dir);
	return 0;
}

static const struct net_network *make(const char *name, const char *subnet)
{
	const struct net_pool pool = {.subnet = subnet};
	const struct net_network wish = {
	    .name = name, .ipv4 = -1, .ipv6 = 0, .pools = &pool, .n_pools = subnet != NULL};
	const struct net_network *made = NULL;

	err_clear(&err);
	(void)net_create(net, &wish, &made, &err);
	return made;
}

static const struct net_endpoint *join(const char *container, const char *network, const char *ip)
{
	const struct net_endpoint_wish wish = {.network = network, .ipv4 = ip};
	const struct net_endpoint *made = NULL;

	err_clear(&err);
	(void)net_connect(net, container, &wish, &made, &err);
	return made;
}

static void test_defaults(void **state)
{
	const struct net_network *n;

	(void)state;
	assert_int_equal(net_find(net, "bridge", &n, &err), 0);
	assert_string_equal(n->bridge, "berth0");
	assert_true(n->is_default && n->n_pools >= 1);
	assert_int_equal(net_remove(net, "bridge", &err), -EPERM);
	assert_int_equal(net_find(net, "host", &n, &err), 0);
	assert_null(join(A, "host", NULL));
	assert_int_equal(err.code, ENOTSUP);
	assert_null(net_at(net, 3));
}

static void test_networks_last(void **state)
{
	const struct net_pair label = {"a", "b\"c"}, option = {"com.docker.network.driver.mtu", "1400"};
	const struct net_network wish = {.name = "one",
					 .ipv4 = -1,
					 .ipv6 = 1,
					 .labels = &label,
					 .n_labels = 1,
					 .options = &option,
					 .n_options = 1,
					 .internal = true};
	const struct net_network *n = NULL;
	char id[65], subnet[CIDR_TEXT_MAX];

	(void)state;
	assert_int_equal(net_create(net, &wish, &n, &err), 0);
	assert_int_equal(net_create(net, &wish, &n, &err), -EEXIST);
	assert_string_equal(err.text, "network with name one already exists");
	snprintf(id, sizeof id, "%s", n->id);
	snprintf(subnet, sizeof subnet, "%s", n->pools[1].subnet);
	net = net_close(net);
	open_net();
	assert_int_equal(net_find(net, id, &n, &err), 0);
	assert_true(n->internal && n->mtu == 1400 && n->ipv6 == 1 && !n->ipv6_own);
	assert_string_equal(n->pools[1].subnet, subnet);
	assert_string_equal(n->labels[0].value, "b\"c");
	id[12] = '\0';
	assert_int_equal(net_find(net, id, &n, &err), 0);
	assert_int_equal(net_remove(net, "one", &err), 0);
	assert_int_equal(net_find(net, "one", &n, &err), -ENOENT);
	assert_string_equal(err.text, "network one not found");
}

static void test_ipv6_unasked(void **state)
{
	const struct net_network wish = {.name = "one", .ipv4 = -1, .ipv6 = -1};
	const struct net_network *n = NULL;

	(void)state;
	assert_int_equal(net_create(net, &wish, &n, &err), 0);
	assert_true(n->ipv6_own);
	net = net_close(net);
	open_net();
	assert_int_equal(net_find(net, "one", &n, &err), 0);
	assert_true(n->ipv6_own && n->ipv6 >= 0);
}

static void test_subnets(void **state)
{
	const struct net_network *a = make("a", NULL), *b = make("b", NULL);
	struct cidr x, y;

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	assert_int_equal(cidr_parse(a->pools[0].subnet, &x, NULL), 0);
	assert_int_equal(cidr_parse(b->pools[0].subnet, &y, NULL), 0);
	assert_int_equal(x.prefix, 16);
	assert_int_equal(y.prefix, 16);
	assert_false(cidr_overlap(&x, &y));
	assert_null(make("c", a->pools[0].subnet));
	assert_string_equal(err.text, "Pool overlaps with other one on this address space");
	assert_null(make("c", "10.300.0.0/24"));
	assert_int_equal(err.code, EINVAL);
	assert_null(make("c/d", NULL));
	assert_int_equal(err.code, EINVAL);
}

static void test_addresses(void **state)
{
	const struct net_endpoint *e, *f;

	(void)state;
	assert_non_null(make("n", "10.77.0.0/29"));
	e = join(A, "n", NULL);
	assert_string_equal(e->ipv4, "10.77.0.2");
	assert_string_equal(e->mac, "02:42:0a:4d:00:02");
	assert_string_equal(e->interface, "eth0");
	assert_true(e->route4);
	assert_null(join(A, "n", NULL));
	assert_int_equal(err.code, EEXIST);
	assert_null(join(B, "n", "10.77.0.2"));
	assert_string_equal(err.text, "Address already in use");
	assert_null(join(B, "n", "10.78.0.2"));
	assert_int_equal(err.code, EINVAL);
	f = join(B, "n", "10.77.0.6");
	assert_string_equal(f->ipv4, "10.77.0.6");
	assert_int_equal(net_remove(net, "n", &err), -EBUSY);
	net_release(net, A);
	/* Not the one that was just given back. */
	e = join(A, "n", NULL);
	assert_string_equal(e->ipv4, "10.77.0.3");
	for (unsigned i = 0; i < 3; i++) {
		char id[65];

		snprintf(id, sizeof id, "%064u", i);
		assert_non_null(join(id, "n", NULL));
	}
	assert_null(join("c", "n", NULL));
	assert_int_equal(err.code, EDQUOT);
}

static struct cidr subnet_of(const struct net_network *n)
{
	struct cidr c = {.prefix = -1};

	assert_non_null(n);
	assert_int_equal(cidr_parse(n->pools[0].subnet, &c, NULL), 0);
	return c;
}

/* 300 containers, the addresses of all different and none of them the network's own. */
static void test_default_has_room(void **state)
{
	const struct net_network *n = NULL;
	struct cidr c;

	(void)state;
	assert_int_equal(net_find(net, "bridge", &n, &err), 0);
	c = subnet_of(n);
	assert_int_equal(c.prefix, 16);
	for (unsigned i = 0; i < 300; i++) {
		struct ip wanted = cidr_nth(&c, i + 2);
		const struct net_endpoint *e;
		char id[65], text[IP_TEXT_MAX];

		snprintf(id, sizeof id, "%064u", i);
		e = join(id, "bridge", NULL);
		assert_non_null(e);
		assert_string_equal(e->ipv4, ip_text(&wanted, text));
		assert_int_equal(e->prefix4, 16);
	}
}

/* The last address that is left of 65,533. */
static void test_large_subnet_full(void **state)
{
	const struct net_endpoint *e;
	char id[65];

	(void)state;
	assert_non_null(make("n", "10.77.0.0/16"));
	for (unsigned i = 0; i < 65533; i++) {
		snprintf(id, sizeof id, "%064u", i);
		assert_non_null(join(id, "n", NULL));
	}
	assert_null(join(A, "n", NULL));
	assert_int_equal(err.code, EDQUOT);
	snprintf(id, sizeof id, "%064u", 4711u);
	net_release(net, id);
	e = join(A, "n", NULL);
	assert_non_null(e);
	assert_string_equal(e->ipv4, "10.77.18.105");
}

static void use_address(const char *text)
{
	nl_cleanup struct nl nl = NL_NULL;
	struct cidr c;
	int lo;

	assert_int_equal(cidr_parse_host(text, &c, NULL), 0);
	assert_int_equal(nl_open(&nl, NETLINK_ROUTE, NULL), 0);
	lo = link_find(&nl, "lo", NULL);
	assert_true(lo > 0);
	assert_int_equal(link_address(&nl, lo, &c, NULL), 0);
}

/* Docker's sizes while there are any; then small ones, none of which lies in what the machine uses itself. */
static void test_pools(void **state)
{
	struct cidr used, all[60];
	unsigned of_size[33] = {0};

	(void)state;
	use_address("172.19.77.1/24");
	assert_int_equal(cidr_parse("172.19.77.0/24", &used, NULL), 0);
	for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
		char name[16];

		snprintf(name, sizeof name, "n%u", i);
		all[i] = subnet_of(make(name, NULL));
		of_size[all[i].prefix]++;
		assert_false(cidr_overlap(&all[i], &used));
		for (unsigned j = 0; j < i; j++)
			assert_false(cidr_overlap(&all[i], &all[j]));
	}
	assert_true(of_size[16] >= 8 && of_size[20] >= 14 && of_size[24] >= 32);
	assert_int_equal(of_size[16] + of_size[20] + of_size[24], sizeof all / sizeof *all);
}

/* What the book says of a network that is there holds, whatever new ones get. */
static void test_stored_subnet(void **state)
{
	const struct net_network *n = NULL;

	(void)state;
	assert_non_null(make("old", "172.30.5.0/24"));
	net = net_close(net);
	open_net();
	assert_int_equal(net_find(net, "old", &n, &err), 0);
	assert_string_equal(n->pools[0].subnet, "172.30.5.0/24");
	assert_string_equal(join(A, "old", NULL)->ipv4, "172.30.5.2");
}

static int publish(const char *container, const char *ip, unsigned first, unsigned last)
{
	const struct net_publish wish = {
	    .port = 80, .host_ip = ip, .host_first = (uint16_t)first, .host_last = (uint16_t)last};

	err_clear(&err);
	return net_publish(net, container, &wish, 1, &err);
}

/* A port of the machine that nobody has. */
static int take_port(uint16_t *ret)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&in, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	*ret = ntohs(in.sin_port);
	return fd;
}

static void test_ports(void **state)
{
	uint16_t port;
	int fd = take_port(&port);
	char text[128];

	(void)state;
	assert_non_null(make("n", "10.77.0.0/24"));
	assert_non_null(join(A, "n", NULL));
	assert_non_null(join(B, "n", NULL));
	assert_int_equal(publish(A, "127.0.0.1", port, port), -EBUSY);
	snprintf(text, sizeof text, "failed to bind host port for 127.0.0.1:%u/tcp: address already in use", port);
	assert_string_equal(err.text, text);
	close(fd);
	assert_int_equal(publish(A, "127.0.0.1", port, port), 0);
	assert_int_equal(publish(B, "", port, port), -EBUSY);
	snprintf(text, sizeof text, "Bind for 0.0.0.0:%u failed: port is already allocated", port);
	assert_string_equal(err.text, text);
	assert_null(net_port_of(net, B, 0));
	assert_int_equal(publish(B, "127.0.0.1", 0, 0), 0);
	assert_non_null(net_port_of(net, B, 0));
	assert_int_not_equal(net_port_of(net, B, 0)->host_port, port);
	net_release(net, A);
	assert_int_equal(publish(B, "127.0.0.1", port, port), 0);
}

/* Of one that has ended only the addresses are taken, until its monitor has gone or somebody wants one. */
static void test_part(void **state)
{
	const struct net_network *n = make("n", "10.77.0.0/29");
	char id[65];

	(void)state;
	assert_string_equal(join(A, "n", "10.77.0.2")->ipv4, "10.77.0.2");
	assert_int_equal(publish(A, "127.0.0.1", 0, 0), 0);
	net_part(net, A);
	assert_null(net_endpoint_of(net, A, 0));
	assert_null(net_endpoint_at(net, n, 0));
	assert_null(net_port_of(net, A, 0));
	assert_int_equal(n->n_endpoints, 0);
	/* Others are given first; then it is asked for by name, and because there is no other. */
	assert_string_equal(join(B, "n", NULL)->ipv4, "10.77.0.3");
	assert_string_equal(join(A, "n", "10.77.0.2")->ipv4, "10.77.0.2");
	net_part(net, A);
	for (unsigned i = 4; i <= 6; i++) {
		snprintf(id, sizeof id, "%064u", i);
		assert_int_equal(join(id, "n", NULL)->ipv4[8] - '0', i);
	}
	assert_string_equal(join(A, "n", NULL)->ipv4, "10.77.0.2");
	assert_null(join("c", "n", NULL));
	/* Parted or not, its release gives all back, and a network ends with those that have parted. */
	net_part(net, A);
	net_release(net, A);
	net_release(net, B);
	net_part(net, A);
	for (unsigned i = 4; i <= 6; i++) {
		snprintf(id, sizeof id, "%064u", i);
		net_part(net, id);
	}
	assert_int_equal(net_remove(net, "n", &err), 0);
	net_release(net, id);
}

static void test_plug(void **state)
{
	buf_cleanup struct buf text = BUF_INIT, again = BUF_INIT;

	(void)state;
	assert_non_null(make("n", "10.77.0.0/24"));
	assert_non_null(join(A, "n", NULL));
	assert_int_equal(publish(A, "127.0.0.1", 0, 0), 0);
	assert_int_equal(net_plug(net, A, &text, &err), 0);
	net = net_close(net);
	open_net();
	assert_int_equal(net_restore(net, A, text.data, text.len, &err), 0);
	assert_int_equal(net_plug(net, A, &again, &err), 0);
	assert_string_equal(text.data, again.data);
	/* Somebody else has its address by now. */
	assert_int_equal(net_restore(net, B, text.data, text.len, &err), -EBUSY);
	assert_null(net_endpoint_of(net, B, 0));
	net_release(net, A);
}

static bool is_inside(const char *address)
{
	struct sockaddr_storage peer = {.ss_family = strchr(address, ':') ? AF_INET6 : AF_INET};
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&peer;

	if (peer.ss_family == AF_INET6)
		assert_int_equal(inet_pton(AF_INET6, address, &six->sin6_addr), 1);
	else
		assert_int_equal(inet_pton(AF_INET, address, &((struct sockaddr_in *)&peer)->sin_addr), 1);
	return net_is_inside(net, &peer);
}

static void test_doors(void **state)
{
	static const char last[] = "],\"doors\":[2376,2377]}\n";
	buf_cleanup struct buf text = BUF_INIT;

	(void)state;
	assert_int_equal(net_door(net, 2376, &err), 0);
	assert_int_equal(net_door(net, 2377, &err), 0);
	assert_int_equal(net_door(net, 2376, &err), 0);
	assert_non_null(make("n", "10.77.0.0/24"));
	/* Nobody is there: these may be addresses of somewhere else. */
	assert_false(is_inside("10.77.0.5"));
	assert_non_null(join(A, "n", NULL));
	assert_true(is_inside("10.77.0.5"));
	assert_true(is_inside("::ffff:10.77.0.5"));
	assert_false(is_inside("10.77.0.1"));
	assert_false(is_inside("10.78.0.5"));
	assert_false(is_inside("::1"));
	assert_int_equal(net_plug(net, A, &text, &err), 0);
	assert_string_equal(text.data + text.len - strlen(last), last);
}

static void test_bad_plugs(void **state)
{
	static const char *const bad[] = {
	    "",
	    "[]",
	    "{\"container\":\"x\",\"endpoints\":[],\"ports\":[]}",
	    "{\"container\":\"" A "\",\"endpoints\":[],\"ports\":[],\"doors\":[0]}",
	    "{\"container\":\"" A "\",\"endpoints\":[],\"ports\":[],\"doors\":[65536]}",
	    "{\"container\":\"" A "\",\"endpoints\":[],\"ports\":[],\"doors\":1}",
	    "{\"container\":\"" A "\",\"endpoints\":[1],\"ports\":[]}",
	    "{\"container\":\"" A "\",\"endpoints\":[],\"ports\":[{\"proto\":\"icmp\",\"host_ip\":\"0.0.0.0\",\"host_"
	    "port\":1,\"ip\":\"1.2.3.4\",\"port\":1}]}",
	    "{\"container\":\"" A "\",\"endpoints\":[],\"ports\":[{\"proto\":\"tcp\",\"host_ip\":\"::\",\"host_port\":"
	    "1,\"ip\":\"1.2.3.4\",\"port\":1}]}",
	    "{\"container\":\"" A "\",\"endpoints\":[{\"id\":\"" B "\",\"network\":\"" B "\",\"bridge\":\"../"
	    "x\",\"port\":\"p\",\"interface\":\"eth0\",\"mac\":\"02:42:00:00:00:01\"}],\"ports\":[]}",
	    "{\"container\":\"" A "\",\"endpoints\":[{\"id\":\"" B "\",\"network\":\"" B
	    "\",\"bridge\":\"b\",\"port\":\"p\",\"interface\":\"eth0\",\"mac\":\"03:42:00:00:00:01\"}],\"ports\":[]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct plug p;

		err_clear(&err);
		assert_int_equal(plug_parse(bad[i], strlen(bad[i]), &p, &err), -EINVAL);
		assert_int_equal(err.code, EINVAL);
		plug_free(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_networks_last, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_ipv6_unasked, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_subnets, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_addresses, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_default_has_room, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_large_subnet_full, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_stored_subnet, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_ports, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_part, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_plug, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_doors, setup, teardown),
	    cmocka_unit_test(test_bad_plugs),
	    /* Last: the address stays on the loopback of the namespace. */
	    cmocka_unit_test_setup_teardown(test_pools, setup, teardown),
	};

	/* Closing the books removes what nobody uses: not the machine's. */
	if (netpool_enter(NULL) < 0) {
		puts("1..0 # SKIP needs a network namespace of its own");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
