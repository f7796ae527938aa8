/* SPDX-License-Identifier: Apache-2.0 */
#include "node/oci/console.h"

#include "base/core/err.h"
#include "base/core/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

/* An address holds 107 bytes; a longer path is reached by way of a descriptor of the socket itself. */
static int make_address(const char *path, struct sockaddr_un *ret, int *ret_fd)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) < sizeof ret->sun_path) {
		memcpy(ret->sun_path, path, strlen(path) + 1);
		return 0;
	}
	*ret_fd = open(path, O_PATH | O_CLOEXEC);
	if (*ret_fd < 0)
		return -errno;
	snprintf(ret->sun_path, sizeof ret->sun_path, "/proc/self/fd/%d", *ret_fd);
	return 0;
}

int oci_console_connect(const char *path, struct err *err)
{
	fd_cleanup int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fd_cleanup int way = -1;
	struct sockaddr_un addr;
	int r = sock < 0 ? -errno : make_address(path, &addr, &way);

	if (r == 0 && connect(sock, (struct sockaddr *)&addr, sizeof addr) < 0)
		r = -errno;
	return r < 0 ? err_sys(err, -r, "connect to the socket \"%s\"", path) : fd_take(&sock);
}

int oci_console_give(int sock, int fd, const char *text, struct err *err)
{
	int r = fd_send_msg(sock, text, strlen(text), &fd, 1);

	return r < 0 ? err_sys(err, -r, "send a descriptor over the socket that was given") : 0;
}

int oci_console_send(int sock, int master, struct err *err)
{
	char name[32];
	int number;

	if (ioctl(master, TIOCGPTN, &number) < 0)
		return err_sys(err, errno, "ask for the number of the terminal");
	snprintf(name, sizeof name, "/dev/pts/%d", number);
	return oci_console_give(sock, master, name, err);
}
