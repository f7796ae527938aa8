/* SPDX-License-Identifier: Apache-2.0 */
#include "node/net/dns.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "node/net/dns_private.h"
#include "node/net/dns_zone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define RESOLV_CONF "/etc/resolv.conf"
#define LOOK_MS 1000 /* at the most so often, and only when there is a question */
#define TIDY_MS 1000

/* ---- the machine's servers ---- */

static bool same_file(struct dns_server *s)
{
	struct stat st;
	uint64_t stamp[3] = {0};

	if (stat(s->resolv_conf, &st) == 0) {
		stamp[0] = (uint64_t)st.st_ino;
		stamp[1] = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
		stamp[2] = (uint64_t)st.st_size;
	}
	if (!memcmp(stamp, s->stamp, sizeof stamp))
		return true;
	memcpy(s->stamp, stamp, sizeof stamp);
	return false;
}

static void read_machine(struct dns_server *s)
{
	fd_cleanup int fd = open(s->resolv_conf, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	mem_cleanup char *text = NULL;
	struct dns_resolv resolv = {.servers = NULL};
	struct dns_upstream *u;
	size_t n;

	if (fd >= 0 && fd_read_all(fd, DNS_RESOLV_MAX, &text, &n) == 0)
		dns_resolv_parse(text, n, &resolv);
	if (dns_upstream_new(resolv.servers, -1, &u, NULL) == 0) {
		dns_upstream_unref(s->machine);
		s->machine = u;
	}
	dns_resolv_free(&resolv);
}

struct dns_upstream *dns_server_machine(struct dns_server *s)
{
	int64_t now = clock_mono_ms();

	if (s->machine && now - s->looked_ms < LOOK_MS)
		return s->machine;
	s->looked_ms = now;
	if (!same_file(s) || !s->machine)
		read_machine(s);
	return s->machine;
}

/* ---- open, close ---- */

/* Closing them at once would have waited for the kernel. */
static void on_tidy(void *ctx)
{
	struct dns_server *s = ctx;

	for (struct map_slot *m = NULL; (m = map_next(&s->served, m));) {
		struct served *c = m->value;

		fd_closep(&c->sockets.rules);
	}
}

int dns_server_new(struct loop *l, const struct dns_options *o, struct dns_server **ret, struct err *err)
{
	struct dns_server *s = mem_new(struct dns_server);

	(void)err;
	s->loop = l;
	s->resolv_conf = mem_strdup(o && o->resolv_conf ? o->resolv_conf : RESOLV_CONF);
	s->relay = dns_relay_new(l);
	s->tidy = loop_timer_new(l, on_tidy, s);
	*ret = s;
	return 0;
}

static void network_free(struct dns_network *n)
{
	dns_zone_free(n->zone);
	free(n->id);
	free(n);
}

struct dns_server *dns_server_free(struct dns_server *s)
{
	if (!s)
		return NULL;
	for (struct map_slot *m = NULL; (m = map_next(&s->served, m));)
		served_free(m->value);
	for (struct map_slot *m = NULL; (m = map_next(&s->networks, m));)
		network_free(m->value);
	for (struct map_slot *m = NULL; (m = map_next(&s->members, m));) {
		struct dns_member *member = m->value;

		free(member->networks);
		free(member);
	}
	map_free(&s->served);
	map_free(&s->networks);
	map_free(&s->members);
	s->relay = dns_relay_free(s->relay);
	dns_upstream_unref(s->machine);
	loop_timer_free(s->tidy);
	free(s->resolv_conf);
	free(s->packet);
	free(s);
	return NULL;
}

/* ---- names ---- */

static struct dns_network *network_of(struct dns_server *s, const struct dns_endpoint *e)
{
	struct dns_network *n = map_get(&s->networks, e->network);

	if (n)
		return n;
	n = mem_new(struct dns_network);
	n->id = mem_strdup(e->network);
	n->zone = dns_zone_new(e->network_name);
	map_put(&s->networks, e->network, n);
	return n;
}

static void drop_empty(struct dns_server *s, struct dns_network *n)
{
	if (dns_zone_count(n->zone) > 0)
		return;
	map_remove(&s->networks, n->id);
	network_free(n);
}

static void add_member(struct dns_server *s, const char *container, struct dns_network *n)
{
	struct dns_member *m = map_get(&s->members, container);

	if (!m) {
		m = mem_new(struct dns_member);
		map_put(&s->members, container, m);
	}
	for (size_t i = 0; i < m->n; i++) {
		if (m->networks[i] == n)
			return;
	}
	mem_grow(&m->networks, &m->cap, m->n);
	m->networks[m->n++] = n;
}

static void drop_member(struct dns_server *s, const char *container, const struct dns_network *n)
{
	struct dns_member *m = map_get(&s->members, container);
	size_t kept = 0;

	for (size_t i = 0; m && i < m->n; i++) {
		if (m->networks[i] != n)
			m->networks[kept++] = m->networks[i];
	}
	if (!m)
		return;
	m->n = kept;
	if (kept > 0)
		return;
	map_remove(&s->members, container);
	free(m->networks);
	free(m);
}

int dns_server_join(struct dns_server *s, const struct dns_endpoint *e, struct err *err)
{
	struct dns_network *n = network_of(s, e);
	int r = dns_zone_set(n->zone, e, err);

	if (r < 0) {
		drop_empty(s, n);
		return r;
	}
	n->internal = e->internal;
	add_member(s, e->container, n);
	return 0;
}

void dns_server_leave(struct dns_server *s, const char *network, const char *container)
{
	struct dns_network *n = map_get(&s->networks, network);

	if (!n)
		return;
	dns_zone_drop(n->zone, container);
	drop_member(s, container, n);
	drop_empty(s, n);
}

/* ---- containers ---- */

int dns_server_open(struct dns_server *s, const struct dns_box *box, struct err *err)
{
	struct served *c;
	int r;

	dns_server_close(s, box->container);
	r = served_new(s, box, &c, err);
	if (r < 0)
		return r;
	if (!s->packet)
		s->packet = mem_zalloc(1, DNS_PACKET_MAX);
	map_put(&s->served, box->container, c);
	if (c->sockets.rules >= 0)
		loop_timer_arm(s->tidy, TIDY_MS);
	return 0;
}

void dns_server_close(struct dns_server *s, const char *container)
{
	served_free(map_remove(&s->served, container));
}

int dns_netns_of(int pid, uint64_t start_time, struct err *err)
{
	char path[64];
	fd_cleanup int fd = -1;
	uint64_t started;
	int r;

	snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno == ENOENT ? ESRCH : errno, "open %s", path);
	/* It is still the same one after its namespace was opened: so it was then. */
	r = proc_start_time(pid, &started, err);
	if (r < 0)
		return r;
	if (started != start_time)
		return err_set(err, ESRCH, "process %d has ended", pid);
	return fd_take(&fd);
}

void dns_server_figures(const struct dns_server *s, struct dns_figures *ret)
{
	struct dns_relay_figures relay;

	dns_relay_figures(s->relay, &relay);
	*ret = s->figures;
	ret->asking = relay.asks;
	ret->cache_entries = relay.entries;
	ret->cache_bytes = relay.bytes;
	ret->connections = s->n_streams;
	ret->containers = s->served.n;
}
