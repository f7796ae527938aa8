/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/monitor.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/engine/names.h"
#include "node/net/plug.h"
#include "node/runtime/netpool.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MACHINES "/etc/resolv.conf"

enum { RESOLV_MAX = 65536 };

/* A machine without a way out has none for containers either; what they can do alone they shall do. Whoever reads their output is told. */
static void tell(struct monitor *m, const char *what, const struct err *why)
{
	mem_cleanup char *text = mem_printf("berth: %s: %s\n", what, why->text);

	logfile_write(&m->log, 2, clock_wall_ns(), text, strlen(text));
}

static int list_ports(const struct plug *p, struct uplink_ports *ret, struct err *err)
{
	ret->v = mem_new_n(struct uplink_port, p->n_ports);
	for (size_t i = 0; i < p->n_ports; i++) {
		const struct plug_port *from = &p->ports[i];
		struct uplink_port *to = &ret->v[ret->n];

		if (from->proto == NET_SCTP)
			return err_set(err, ENOTSUP, "an ordinary user's container publishes no port of sctp");
		*to = (struct uplink_port){
		    .udp = from->proto == NET_UDP, .host_port = from->host_port, .port = from->port};
		ip_text(&from->host_ip, to->host_ip);
		ret->n++;
	}
	return 0;
}

/* Nobody would miss a way out as much as what he has published. */
static int start_uplink(struct monitor *m, const struct plug *p, struct err *err)
{
	struct uplink_ports ports = {.n = 0};
	struct err why = ERR_INIT;
	int r;

	/* A user namespace must own its network. */
	if ((m->uplink_kind == UPLINK_NONE || m->order.userns_base > 0) && p->n_ports == 0)
		return 0;
	if (m->order.userns_base > 0)
		return err_set(err, ENOTSUP,
			       "a container with users of its own publishes no ports of an ordinary user");
	fd_closep(&m->netns);
	r = list_ports(p, &ports, err);
	if (r == 0)
		r = uplink_start(m->uplink_kind, &ports, &m->uplink, &m->netns, p->n_ports > 0 ? err : &why);
	free(ports.v);
	if (r == 0 || p->n_ports > 0)
		return r;
	tell(m, "this container has no network but its loopback", &why);
	return 0;
}

/* ---- the plug ---- */

static int need_netns(struct monitor *m, struct err *err)
{
	struct netpool one = {.want = 1};
	int r;

	if (m->netns >= 0)
		return 0;
	r = netpool_fill_one(&one, err);
	m->netns = netpool_take(&one);
	return r < 0 ? r : 0;
}

static void remember(struct monitor *m, struct plug *p)
{
	plug_free(&m->plugged);
	m->plugged = *p;
	*p = (struct plug){.n_endpoints = 0};
}

static ino_t inode_of_plug(const struct monitor *m)
{
	struct stat st;

	return fstatat(m->dir, PLUG_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
}

static int read_plug(struct monitor *m, struct plug *ret, struct err *err)
{
	mem_cleanup char *text = NULL;
	size_t n;
	int r;

	/* Before it is read: one that comes meanwhile is not overlooked. */
	m->plug_inode = inode_of_plug(m);
	r = fs_read(m->dir, PLUG_NAME, PLUG_TEXT_MAX, &text, &n, err);
	*ret = (struct plug){.n_endpoints = 0};
	if (r != -ENOENT)
		return r < 0 ? r : plug_parse(text, n, ret, err);
	if (err)
		err_clear(err);
	return 0;
}

static int open_netns(pid_t pid, struct err *err)
{
	char path[48];
	int fd;

	snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, errno, "open the container's network") : fd;
}

int monitor_network_start(struct monitor *m, struct err *err)
{
	plug_cleanup struct plug p = {.n_endpoints = 0};
	int r = read_plug(m, &p, err);

	if (r < 0)
		return r;
	if (p.n_endpoints == 0)
		return start_uplink(m, &p, err);
	/* A user namespace must own its network, which comes with the container's first process. */
	m->plug_later = m->order.userns_base > 0;
	r = m->plug_later ? 0 : need_netns(m, err);
	if (r == 0 && !m->plug_later)
		r = plug_attach(&p, m->netns, &m->rules, err);
	if (r < 0)
		return r;
	remember(m, &p);
	return m->plug_later ? 0 : names_offer(m->dir, m->netns, err);
}

int monitor_network_furnish(void *ctx, pid_t pid, struct err *err)
{
	struct monitor *m = ctx;
	fd_cleanup int netns = m->plug_later ? open_netns(pid, err) : -1;
	int r;

	if (!m->plug_later || netns < 0)
		return m->plug_later ? netns : 0;
	r = plug_attach(&m->plugged, netns, &m->rules, err);
	return r < 0 ? r : names_offer(m->dir, netns, err);
}

int monitor_network_change(struct monitor *m, struct err *err)
{
	plug_cleanup struct plug p = {.n_endpoints = 0};
	fd_cleanup int netns = -1;
	int r = m->started && !m->ended ? 0 : err_set(err, ESRCH, "the container does not run");

	if (r == 0)
		r = read_plug(m, &p, err);
	if (r < 0)
		return r;
	netns = open_netns(m->box.pid, err);
	if (netns < 0)
		return netns;
	r = plug_change(&m->plugged, &p, netns, &m->rules, err);
	if (r == 0)
		remember(m, &p);
	return r;
}

void monitor_network_catch_up(struct monitor *m)
{
	struct err why = ERR_INIT;

	if (!m->started || m->ended || inode_of_plug(m) == m->plug_inode)
		return;
	if (monitor_network_change(m, &why) < 0)
		tell(m, "its networks are not what they should be", &why);
}

void monitor_network_shut(struct monitor *m)
{
	uplink_stop(&m->uplink);
	plug_shut(&m->plugged, &m->rules);
}

void monitor_network_stop(struct monitor *m)
{
	plug_pull(&m->plugged);
	plug_free(&m->plugged);
	nl_close(&m->rules);
}

int monitor_network_names(struct monitor *m, int *ret_fd, struct err *err)
{
	fd_cleanup int from = -1, to = -1;
	mem_cleanup char *machines = NULL, *text = NULL;
	int r;

	if (m->uplink.pid <= 0)
		return 0;
	/* What it is to search is in the one that the daemon has made. */
	from = openat(m->dir, ORDER_RESOLV, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (from < 0)
		from = open(MACHINES, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	/* Without one the machine asks itself; the program does the same. */
	if (from >= 0)
		(void)fd_read_all(from, RESOLV_MAX, &machines, NULL);
	text = uplink_resolv_conf(m->uplink_kind, machines ? machines : "");
	to = openat(m->dir, ORDER_RESOLV, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (to < 0)
		return err_sys(err, errno, "make the file for /etc/resolv.conf");
	r = fd_write_all(to, text, strlen(text));
	if (r == 0 && fchmod(to, 0644) < 0)
		r = -errno;
	if (r < 0)
		return err_sys(err, -r, "write the file for /etc/resolv.conf");
	fd_closep(ret_fd);
	*ret_fd = fd_take(&to);
	return 0;
}
