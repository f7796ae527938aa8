/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/kernel.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "node/engine/record.h"
#include "node/runtime/names.h"
#include "node/runtime/rootless.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

/* ---- another container ---- */

static bool is_id(const char *text, size_t least)
{
	size_t n = strlen(text);

	return n >= least && n <= 64 && strspn(text, "0123456789abcdef") == n;
}

/* An id, or the beginning of one alone. Names are made ids by whoever makes the spec. */
static int find_container(int data_dir, const char *name, char ret[static 65], struct err *err)
{
	fd_cleanup int fd = fs_open_in(data_dir, "containers", O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	int found = 0;
	DIR *dir;

	if (fd < 0)
		return fd;
	if (!is_id(name, 4))
		return err_set(err, ENOENT, "there is no container \"%.200s\"", name);
	dir = fdopendir(fd);
	if (!dir)
		return err_sys(err, errno, "read the directory of containers");
	(void)fd_take(&fd);
	for (const struct dirent *e; (e = readdir(dir));) {
		if (!is_id(e->d_name, 64) || strncmp(e->d_name, name, strlen(name)) != 0)
			continue;
		snprintf(ret, 65, "%.64s", e->d_name);
		found++;
	}
	closedir(dir);
	if (found == 1)
		return 0;
	return err_set(err, found ? EINVAL : ENOENT,
		       found ? "several containers have an id that begins with \"%.64s\""
			     : "there is no container \"%.64s\"",
		       name);
}

/* A private one is nobody else's, as Docker has it. */
static int check_shareable(int dir, struct err *err)
{
	struct order o;
	int r = order_read(dir, &o, err);
	enum spec_ns_kind kind = o.spec.ipc_mode.kind;

	order_free(&o);
	if (r < 0 || kind == SPEC_NS_SHAREABLE || kind == SPEC_NS_HOST || kind == SPEC_NS_CONTAINER)
		return r;
	return err_set(err, EINVAL, "non-shareable IPC (hint: use IpcMode:shareable for the donor container)");
}

/* Its first process, as a box whose pidfd proves who it is. */
static int open_container(int data_dir, const char *name, enum rt_ns type, struct rt_box *ret, struct err *err)
{
	char id[65], path[96];
	fd_cleanup int dir = -1;
	struct record rec;
	int r = find_container(data_dir, name, id, err);

	if (r < 0)
		return r;
	snprintf(path, sizeof path, "containers/%s", id);
	dir = fs_open_in(data_dir, path, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	if (dir < 0)
		return dir;
	r = type == RT_NS_IPC ? check_shareable(dir, err) : 0;
	if (r < 0)
		return r;
	if (record_read(dir, "state.json", &rec, NULL) < 0)
		return err_set(err, ESRCH, "container %.12s does not run", id);
	r = rec.pid > 0 ? rt_open(rec.pid, rec.start_time, ret, NULL) : -ESRCH;
	record_clear(&rec);
	return r < 0 ? err_set(err, ESRCH, "container %.12s does not run", id) : 0;
}

/* The number cannot have been given to another as long as the process of the descriptor lives: so it is looked at after the opening. */
static int open_namespace(const struct rt_box *box, enum rt_ns type, struct err *err)
{
	char path[48];
	int fd;

	snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)box->pid, rt_ns_types[type].file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && proc_pidfd_wait(box->pidfd, 0) == 0)
		return fd;
	fd_closep(&fd);
	return err_set(err, ESRCH, "it has ended");
}

int kernel_network_of(int data_dir, const char *name, struct err *err)
{
	struct rt_box other = {.pidfd = -1};
	int r = open_container(data_dir, name, RT_NS_NETWORK, &other, err);

	if (r == 0)
		r = open_namespace(&other, RT_NS_NETWORK, err);
	fd_closep(&other.pidfd);
	return r < 0 ? err_wrap(err, "join the network of container \"%.64s\"", name) : r;
}

static int join(struct kernel *k, const struct kernel_start *s, const char *name, enum rt_ns type, struct err *err)
{
	struct rt_box other = {.pidfd = -1};
	int r = open_container(s->data_dir, name, type, &other, err);

	if (r == 0)
		r = k->box.ns[type].fd = open_namespace(&other, type, err);
	if (r >= 0 && type == RT_NS_IPC)
		r = k->shm = rt_mount_of(&other, "dev/shm", err);
	fd_closep(&other.pidfd);
	return r < 0 ? err_wrap(err, "join the %s namespace of container \"%.64s\"", rt_ns_types[type].name, name) : 0;
}

/* ---- the host's ---- */

static int open_host(const char *path)
{
	return open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

static void use_host_ipc(struct kernel *k)
{
	/* A host without them has none to share. */
	k->shm = open_host("/dev/shm");
	k->mqueue = open_host("/dev/mqueue");
}

int kernel_namespaces(struct kernel *k, const struct kernel_start *s, struct err *err)
{
	const struct spec *spec = &s->order->spec;
	const struct {
		const struct spec_ns *mode;
		enum rt_ns type;
	} modes[] = {{&spec->pid_mode, RT_NS_PID},
		     {&spec->ipc_mode, RT_NS_IPC},
		     {&spec->network_mode, RT_NS_NETWORK},
		     {&spec->uts_mode, RT_NS_UTS},
		     {&spec->cgroupns_mode, RT_NS_CGROUP}};
	int r = 0;

	for (size_t i = 0; i < sizeof modes / sizeof *modes && r == 0; i++) {
		if (modes[i].mode->kind == SPEC_NS_HOST)
			k->box.ns[modes[i].type].wanted = false;
		else if (modes[i].mode->kind == SPEC_NS_CONTAINER)
			r = join(k, s, modes[i].mode->name, modes[i].type, err);
	}
	if (r == 0 && spec->ipc_mode.kind == SPEC_NS_HOST)
		use_host_ipc(k);
	return r;
}

/* ---- parameters ---- */

static int check_sysctl(const struct kernel *k, const char *key, struct err *err)
{
	mem_cleanup char *dotted = mem_strdup(key);
	int ns;

	for (char *p = dotted; key[strcspn(key, "./")] == '/' && *p; p++)
		*p = *p == '/' ? '.' : *p == '.' ? '/' : *p;
	ns = names_sysctl_ns(dotted);
	if (ns < 0)
		return err_set(err, EINVAL, "sysctl \"%.200s\" is not in a separate kernel namespace", key);
	if (!k->box.ns[ns].wanted || k->box.ns[ns].fd >= 0)
		return err_set(err, EINVAL,
			       "sysctl \"%.200s\" is not allowed: the container has no %s namespace of its own", key,
			       rt_ns_types[ns].name);
	return 0;
}

static bool is_set(const struct spec *s, const char *key)
{
	for (size_t i = 0; i < s->n_sysctls; i++) {
		if (!strcmp(s->sysctls[i].name, key))
			return true;
	}
	return false;
}

static void add_sysctl(struct kernel *k, const char *key, const char *value)
{
	k->sysctls[k->box.n_sysctls++] = (struct rt_sysctl){key, value};
}

int kernel_sysctls(struct kernel *k, const struct spec *s, struct err *err)
{
	/* Docker's containers bind any port and send pings without a capability. */
	bool own = k->box.ns[RT_NS_NETWORK].wanted && k->box.ns[RT_NS_NETWORK].fd < 0;
	/* A range of users has no groups beyond it, and an ordinary user may have this one alone. */
	const char *groups = rootless_inside() ? "0 0" : k->box.ns[RT_NS_USER].wanted ? "0 65535" : "0 2147483647";
	const struct rt_sysctl dockers[] = {{"net.ipv4.ip_unprivileged_port_start", "0"},
					    {"net.ipv4.ping_group_range", groups}};

	k->sysctls = mem_new_n(struct rt_sysctl, s->n_sysctls + 3);
	k->box.sysctls = k->sysctls;
	for (size_t i = 0; s->docker_caps && own && i < 2; i++) {
		if (!is_set(s, dockers[i].key))
			add_sysctl(k, dockers[i].key, dockers[i].value);
	}
	for (size_t i = 0; i < s->n_sysctls; i++) {
		int r = check_sysctl(k, s->sysctls[i].name, err);

		if (r < 0)
			return r;
		add_sysctl(k, s->sysctls[i].name, s->sysctls[i].value);
	}
	return 0;
}
