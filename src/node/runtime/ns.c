/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/setup.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/proc.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { IDS = 65536, MAP_LINE_MAX = 36, MAPS_MAX = 340 /* user_namespaces(7) */ };

/* The cgroup namespace is left out: the child makes it when it stands in its cgroups. */
uint64_t ns_clone_flags(const struct rt_spec *spec)
{
	uint64_t flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_CLEAR_SIGHAND;

	flags |= spec->host_network || spec->has_netns ? 0 : CLONE_NEWNET;
	flags |= spec->user_namespace ? CLONE_NEWUSER : 0;
	return flags;
}

static int write_proc(pid_t pid, const char *file, const char *text, size_t n, struct err *err)
{
	char path[48];
	fd_cleanup int fd = -1;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, n) < 0)
		return err_sys(err, errno, "write \"%.*s\" to %s", (int)strcspn(text, "\n"), text, path);
	return 0;
}

/* All lines in one write, as the kernel demands. */
static int write_map(pid_t pid, const char *file, const struct rt_id_map *map, size_t n, struct err *err)
{
	buf_cleanup struct buf text = BUF_LIMIT(MAP_LINE_MAX * MAPS_MAX);

	if (n > MAPS_MAX)
		return err_set(err, E2BIG, "%zu ranges in %s, the kernel takes %d", n, file, MAPS_MAX);
	for (size_t i = 0; i < n; i++)
		buf_printf(&text, "%u %u %u\n", map[i].inside, map[i].outside, map[i].count);
	return write_proc(pid, file, buf_str(&text), text.len, err);
}

struct maps {
	const struct rt_id_map *uid, *gid;
	size_t n_uid, n_gid;
	bool deny_setgroups;
};

static int write_maps(pid_t pid, const struct maps *m, struct err *err)
{
	int r = m->deny_setgroups ? write_proc(pid, "setgroups", "deny", 4, err) : 0;

	if (r == 0)
		r = write_map(pid, "uid_map", m->uid, m->n_uid, err);
	return r < 0 ? r : write_map(pid, "gid_map", m->gid, m->n_gid, err);
}

static struct maps maps_of(const struct rt_spec *spec, struct rt_id_map *shifted)
{
	const struct rt_box_attr *box = spec->box;

	*shifted = (struct rt_id_map){.inside = 0, .outside = spec->userns_base, .count = IDS};
	if (!box)
		return (struct maps){.uid = shifted, .gid = shifted, .n_uid = 1, .n_gid = 1};
	return (struct maps){.uid = box->uid_maps,
			     .gid = box->gid_maps,
			     .n_uid = box->n_uid_maps,
			     .n_gid = box->n_gid_maps,
			     .deny_setgroups = box->deny_setgroups};
}

static bool ns_new_users(const struct rt_spec *spec)
{
	if (!spec->box)
		return spec->user_namespace;
	return spec->box->ns[RT_NS_USER].wanted && spec->box->ns[RT_NS_USER].fd < 0;
}

int ns_map_users(struct setup *s, pid_t pid, struct err *err)
{
	struct rt_id_map shifted;
	struct maps maps;
	int r;

	if (!ns_new_users(s->spec))
		return 0;
	maps = maps_of(s->spec, &shifted);
	r = write_maps(pid, &maps, err);
	if (r == 0 && send(s->talk_parent, "m", 1, MSG_NOSIGNAL) < 0)
		r = err_sys(err, errno, "tell the new process");
	return r;
}

static int open_userns(pid_t pid, const struct maps *maps, struct err *err)
{
	char path[48];
	int fd, r = write_maps(pid, maps, err);

	if (r < 0)
		return r;
	snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, errno, "open %s", path) : fd;
}

/* A map for mounts exists only as a user namespace: a process is born into one, looked at, and ended. It is not the container's own, which
 * does not exist yet; the kernel compares the numbers. */
static int open_map(const struct maps *maps, struct err *err)
{
	fd_cleanup int pidfd = -1;
	pid_t pid, self = getpid();
	int fd;

	pid = proc_clone(CLONE_NEWUSER | CLONE_CLEAR_SIGHAND, -1, &pidfd);
	if (pid < 0)
		return err_sys(err, -pid, "make a user namespace%s",
			       pid == -EPERM ? " (the kernel makes none for a process in a chroot)" : "");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		while (getppid() == self)
			pause();
		_exit(0);
	}
	fd = open_userns(pid, maps, err);
	(void)proc_pidfd_signal(pidfd, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return fd;
}

int ns_open_map(const struct rt_id_map *uid, size_t n_uid, const struct rt_id_map *gid, size_t n_gid, struct err *err)
{
	return open_map(&(struct maps){.uid = uid, .gid = gid, .n_uid = n_uid, .n_gid = n_gid}, err);
}

int ns_prepare_idmap(struct setup *s, struct err *err)
{
	struct rt_id_map shifted;
	struct maps maps = maps_of(s->spec, &shifted);

	if (!s->spec->user_namespace)
		return 0;
	s->idmap = open_map(&maps, err);
	return s->idmap < 0 ? s->idmap : 0;
}

/* Until the parent has written the maps we are nobody in our own user namespace. */
int ns_become_root(struct setup *s, struct err *err)
{
	char c;

	if (!ns_new_users(s->spec))
		return 0;
	if (recv(s->talk, &c, 1, 0) != 1)
		return err_set(err, ECANCELED, "the parent gave up");
	if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
		return err_sys(err, errno, "become root of the user namespace");
	return 0;
}

int ns_names(struct setup *s, struct err *err)
{
	const char *name = s->spec->hostname ? s->spec->hostname : s->spec->id;
	size_t len = s->spec->hostname ? strlen(name) : strnlen(name, 12);

	if (sethostname(name, len) < 0)
		return err_sys(err, errno, "set the host name \"%.*s\"", (int)len, name);
	/* The host's session keys are not the container's. A kernel without keys has nothing to hide. */
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS && errno != EDQUOT)
		return err_sys(err, errno, "make a new session keyring");
	return 0;
}

int ns_join_network(struct setup *s, struct err *err)
{
	if (!s->spec->has_netns)
		return 0;
	return setns(s->spec->netns, CLONE_NEWNET) < 0 ? err_sys(err, errno, "setns") : 0;
}

int ns_loopback(struct setup *s, struct err *err)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	fd_cleanup int sock = -1;

	if (s->spec->host_network || s->spec->has_netns)
		return 0;
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0 || ioctl(sock, SIOCSIFFLAGS, &request) < 0)
		return err_sys(err, errno, "bring lo up");
	return 0;
}
