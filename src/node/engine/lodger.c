/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/lodger.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/core/random.h"
#include "node/engine/container.h"
#include "node/engine/kernel.h"
#include "node/engine/names.h"
#include "node/engine/spec.h"
#include "node/net/dns_inside.h"
#include "node/runtime/netpool.h"
#include "node/runtime/rootless.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FOLDER "networks/lodgers"
#define ID_DIGITS 64
#define RESOLV_CONF "nameserver 127.0.0.11\noptions ndots:0\n"
#define RESOLV_CONF_MAX 65536u

struct lodger {
	struct engine *e;
	char id[ID_DIGITS + 1]; /* as a container's */
	struct buf plug;
};

static int open_folder(struct engine *e, struct err *err)
{
	return fs_mkdirs_in(e->data_dir, FOLDER, 0700, FS_NO_SYMLINKS, err);
}

static int write_down(struct lodger *l, struct err *err)
{
	mem_cleanup char *name = mem_printf("%s.json", l->id);
	fd_cleanup int dir = open_folder(l->e, err);

	/* As with the plugs of containers: the kernel has forgotten all of it after a fall of the machine. */
	return dir < 0 ? dir : fs_write_atomic(dir, name, l->plug.data, l->plug.len, 0600, false, err);
}

static int connect_to(struct lodger *l, const char *network, struct err *err)
{
	const struct net_endpoint_wish wish = {.network = network};
	const struct net_endpoint *made;
	const struct net_network *n = NULL;
	int r = net_find(l->e->net, network, &n, err);

	if (r < 0)
		return r;
	if (n->is_default || n->driver != NET_BRIDGE)
		return err_set(err, EINVAL, "network %s: steps of a build come to networks that were made here alone",
			       n->name);
	r = net_connect(l->e->net, l->id, &wish, &made, err);
	if (r == 0)
		r = net_plug(l->e->net, l->id, &l->plug, err);
	return r == 0 ? write_down(l, err) : r;
}

int lodger_new(struct engine *e, const char *network, struct lodger **ret, struct err *err)
{
	struct lodger *l;
	int r;

	if (!e->net || rootless_inside() || geteuid() != 0)
		return err_set(err, ENOTSUP,
			       "network %.200s: the daemon of an ordinary user makes no networks for builds; choose "
			       "default, none or host",
			       network);
	l = mem_new(struct lodger);
	*l = (struct lodger){.e = e, .plug = BUF_LIMIT(PLUG_TEXT_MAX)};
	random_hex(l->id, ID_DIGITS);
	r = connect_to(l, network, err);
	if (r < 0)
		lodger_free(l);
	else
		*ret = l;
	return r;
}

struct lodger *lodger_free(struct lodger *l)
{
	mem_cleanup char *name = NULL;
	fd_cleanup int dir = -1;

	if (!l)
		return NULL;
	names_forget(l->e->names, l->id);
	net_release(l->e->net, l->id);
	name = mem_printf("%s.json", l->id);
	dir = open_folder(l->e, NULL);
	if (dir >= 0)
		(void)unlinkat(dir, name, 0);
	buf_free(&l->plug);
	free(l);
	return NULL;
}

const char *lodger_plug(const struct lodger *l)
{
	return buf_str((struct buf *)&l->plug);
}

/* ---- names ---- */

int lodger_hear(struct lodger *l, int life, struct err *err)
{
	const struct spec spec = {.network_mode = {.kind = SPEC_NS_NAMED}};
	const struct names_of of = {.id = l->id, .spec = &spec, .net = l->e->net};
	int fds[FD_MSG_MAX];
	size_t n_fds = 0;
	pid_t tool = 0;
	ssize_t n = fd_recv_msg(life, &tool, sizeof tool, fds, &n_fds);
	int r = n == sizeof tool && n_fds == 1 ? names_recall(l->e->names, &of, err) : -ENODATA;

	if (r == 0)
		r = names_serve_at(l->e->names, &of, fds[0], tool, err);
	for (size_t i = 0; n >= 0 && i < n_fds; i++)
		close(fds[i]);
	return r;
}

/* ---- the daemon's start ---- */

static void sweep_one(int dir, const char *name)
{
	plug_cleanup struct plug p = {.n_endpoints = 0};
	mem_cleanup char *text = NULL;
	struct err err = ERR_INIT;
	size_t n;
	int r = fs_read(dir, name, PLUG_TEXT_MAX, &text, &n, &err);

	if (r == 0)
		r = plug_parse(text, n, &p, &err);
	if (r == 0)
		plug_detach(&p, NULL);
	else
		log_err(&err, "what a build had of a network is not known");
	(void)unlinkat(dir, name, 0);
}

void lodger_sweep(struct engine *e)
{
	int fd = openat(e->data_dir, FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		fd_closep(&fd);
		return;
	}
	for (struct dirent *entry = readdir(d); entry; entry = readdir(d)) {
		if (*entry->d_name != '.')
			sweep_one(fd, entry->d_name);
	}
	closedir(d);
}

/* ---- in the process ---- */

static int make_netns(int *ret, struct err *err)
{
	struct netpool one = {.want = 1};
	int r = netpool_fill_one(&one, err);

	*ret = netpool_take(&one);
	return r < 0 ? r : 0;
}

int lodging_enter(const char *plug, struct lodging *ret, struct err *err)
{
	const pid_t self = getpid();
	int r;

	*ret = LODGING_NULL;
	ret->resolv_conf = mem_strdup(RESOLV_CONF);
	r = plug_parse(plug, strlen(plug), &ret->plug, err);
	if (r == 0)
		r = make_netns(&ret->netns, err);
	if (r == 0)
		r = plug_attach(&ret->plug, ret->netns, NULL, err);
	if (r == 0)
		r = dns_inside_offer(ret->netns, err);
	if (r < 0)
		return r;
	r = fd_send_msg(ENGINE_TOOL_LIFE, &self, sizeof self, &ret->netns, 1);
	return r < 0 ? err_sys(err, -r, "tell the daemon of a network") : 0;
}

int lodging_join(int data_dir, const char *container, struct lodging *ret, struct err *err)
{
	mem_cleanup char *path = mem_printf("containers/%s/resolv.conf", container);
	size_t n;
	int r;

	*ret = LODGING_NULL;
	r = ret->netns = kernel_network_of(data_dir, container, err);
	/* One on the machine's network has none. */
	if (r >= 0 && fs_read(data_dir, path, RESOLV_CONF_MAX, &ret->resolv_conf, &n, NULL) < 0)
		ret->resolv_conf = NULL;
	return r < 0 ? r : 0;
}

void lodging_leave(struct lodging *l)
{
	free(l->resolv_conf);
	fd_closep(&l->netns);
	plug_detach(&l->plug, NULL);
	plug_free(&l->plug);
}
