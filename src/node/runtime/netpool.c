/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/netpool.h"

#include "base/core/err.h"
#include "base/core/fd.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int netpool_take(struct netpool *p)
{
	return p->n > 0 ? p->fds[--p->n] : -1;
}

static int bring_loopback_up(struct err *err)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	fd_cleanup int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (sock < 0 || ioctl(sock, SIOCSIFFLAGS, &request) < 0)
		return err_sys(err, errno, "bring lo up");
	return 0;
}

int netpool_enter(struct err *err)
{
	if (unshare(CLONE_NEWNET) < 0)
		return err_sys(err, errno, "make a network namespace");
	return bring_loopback_up(err);
}

/* In the new namespace: a descriptor of it. */
static int furnish(struct err *err)
{
	int fd, r = bring_loopback_up(err);

	if (r < 0)
		return r;
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, errno, "open /proc/self/ns/net") : fd;
}

static int make(struct err *err)
{
	fd_cleanup int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), fd = -1;

	if (home < 0)
		return err_sys(err, errno, "open /proc/self/ns/net");
	if (unshare(CLONE_NEWNET) < 0)
		return err_sys(err, errno, "make a network namespace");
	fd = furnish(err);
	if (setns(home, CLONE_NEWNET) < 0)
		return err_sys(err, errno, "return to the network namespace");
	return fd_take(&fd);
}

int netpool_fill_one(struct netpool *p, struct err *err)
{
	int fd;

	if (p->n >= p->want || p->n >= NETPOOL_MAX)
		return 0;
	fd = make(err);
	if (fd < 0) {
		p->want = 0;
		return fd;
	}
	p->fds[p->n++] = fd;
	return 1;
}

void netpool_clear(struct netpool *p)
{
	while (p->n > 0)
		close(p->fds[--p->n]);
}
