/* SPDX-License-Identifier: Apache-2.0 */
#include "node/oci/gate.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/guard.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define NAME "start"

/* By way of the directory's descriptor: a path of any length, and no path of anybody else's. */
static struct sockaddr_un address(int dir)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	snprintf(addr.sun_path, sizeof addr.sun_path, "/proc/self/fd/%d/" NAME, dir);
	if (!RT_GUARD(R14)) {
		memset(addr.sun_path, 'g', sizeof addr.sun_path);
		addr.sun_path[0] = '\0';
	}
	return addr;
}

int oci_gate_make(int dir, struct err *err)
{
	fd_cleanup int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	const struct sockaddr_un addr = address(dir);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof addr) < 0 || listen(fd, 1) < 0)
		return err_sys(err, errno, "make the socket for the start");
	return fd_take(&fd);
}

bool oci_gate_there(int dir)
{
	return faccessat(dir, NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int oci_gate_open(int dir, struct err *err)
{
	fd_cleanup int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	const struct sockaddr_un addr = address(dir);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof addr) < 0)
		return err_sys(err, errno, "connect to the container that waits for its start");
	return fd_take(&fd);
}

void oci_gate_remove(int dir)
{
	(void)unlinkat(dir, NAME, 0);
}
