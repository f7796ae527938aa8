/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/monitor.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define MACHINES "/etc/resolv.conf"

enum { RESOLV_MAX = 65536 };

/* A machine without a way out has none for containers either; what they can do alone they shall do. Whoever reads their output is told. */
static void tell(struct monitor *m, const struct err *why)
{
	mem_cleanup char *text = mem_printf("berth: this container has no network but its loopback: %s\n", why->text);

	logfile_write(&m->log, 2, clock_wall_ns(), text, strlen(text));
}

void monitor_network_start(struct monitor *m)
{
	struct err why = ERR_INIT;

	/* A user namespace must own its network. */
	if (m->uplink_kind == UPLINK_NONE || m->order.userns_base > 0)
		return;
	fd_closep(&m->netns);
	if (uplink_start(m->uplink_kind, &m->uplink, &m->netns, &why) < 0)
		tell(m, &why);
}

void monitor_network_stop(struct monitor *m)
{
	uplink_stop(&m->uplink);
}

int monitor_network_names(struct monitor *m, int *ret_fd, struct err *err)
{
	fd_cleanup int from = -1, to = -1;
	mem_cleanup char *machines = NULL, *text = NULL;
	int r;

	*ret_fd = -1;
	if (m->uplink.pid <= 0)
		return 0;
	from = open(MACHINES, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	/* Without one the machine asks itself; the program does the same. */
	if (from >= 0)
		(void)fd_read_all(from, RESOLV_MAX, &machines, NULL);
	text = uplink_resolv_conf(m->uplink_kind, machines ? machines : "");
	to = openat(m->dir, RESOLV_NAME, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (to < 0)
		return err_sys(err, errno, "make the file for /etc/resolv.conf");
	r = fd_write_all(to, text, strlen(text));
	if (r == 0 && fchmod(to, 0644) < 0)
		r = -errno;
	if (r < 0)
		return err_sys(err, -r, "write the file for /etc/resolv.conf");
	*ret_fd = fd_take(&to);
	return 0;
}
