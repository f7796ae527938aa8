/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/notify.h"

#include "base/core/fd.h"
#include "base/core/log.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FDS_MAX 16

void notify_manager(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	fd_cleanup int fd = -1;
	size_t n;

	if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof addr.sun_path)
		return;
	n = strlen(path);
	memcpy(addr.sun_path, path, n);
	if (path[0] == '@')
		addr.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&addr,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		log_warning("the service manager did not take the message \"%s\"", text);
}

static long env_number(const char *name)
{
	const char *text = getenv(name);

	return text ? strtol(text, NULL, 10) : 0;
}

int notify_listen_fds(void)
{
	long n = env_number("LISTEN_PID") == getpid() ? env_number("LISTEN_FDS") : 0;

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (n < 0 || n > FDS_MAX) {
		log_warning("the service manager says that it has opened %ld sockets, which is ignored", n);
		return 0;
	}
	for (int i = 0; i < (int)n; i++) {
		if (fcntl(NOTIFY_FDS_FIRST + i, F_SETFD, FD_CLOEXEC) < 0)
			return i;
	}
	return (int)n;
}
