/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire/http_server.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/group.h"
#include "base/wire/http_unix.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BACKLOG 256

int http_unix_address(const char *path, struct sockaddr_un *ret, struct err *err)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (!*path)
		return err_set(err, EINVAL, "the path of the socket is empty");
	if (strlen(path) >= sizeof ret->sun_path)
		return err_set(err, EINVAL,
			       "the socket path \"%s\" is %zu bytes long; the kernel takes %zu: choose a shorter one",
			       path, strlen(path), sizeof ret->sun_path - 1);
	memcpy(ret->sun_path, path, strlen(path));
	return 0;
}

/* Removes a socket file that nobody listens on. Anything that is not a socket stays. */
static int remove_dead(const struct sockaddr_un *a, struct err *err)
{
	fd_cleanup int fd = -1;
	struct stat st;

	if (lstat(a->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "look at \"%s\"", a->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, EEXIST, "\"%s\" exists and is not a socket: remove it or choose another path",
			       a->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(err, errno, "open a socket");
	if (connect(fd, (const struct sockaddr *)a, sizeof *a) == 0 || errno == EAGAIN)
		return err_set(err, EADDRINUSE,
			       "somebody already answers on \"%s\": stop it (berth down) or choose another socket",
			       a->sun_path);
	if (errno == ENOENT)
		return 0;
	if (errno != ECONNREFUSED)
		return err_sys(err, errno, "connect to \"%s\"", a->sun_path);
	if (unlink(a->sun_path) < 0 && errno != ENOENT)
		return err_sys(err, errno, "remove the dead socket \"%s\"", a->sun_path);
	return 0;
}

/* bind() gives the file the mode of the socket, 0600 by now, whatever the umask is: nobody but the owner can connect between bind() and
 * here. */
static int set_access(const char *path, unsigned mode, gid_t group, struct err *err)
{
	if (group != GROUP_NONE && lchown(path, (uid_t)-1, group) < 0)
		return err_sys(err, errno, "give \"%s\" to the group %u", path, group);
	if (chmod(path, mode) < 0)
		return err_sys(err, errno, "set the mode of \"%s\"", path);
	return 0;
}

int http_listen_unix(const char *path, unsigned mode, gid_t group, struct err *err)
{
	fd_cleanup int fd = -1;
	struct sockaddr_un a;
	int r = http_unix_address(path, &a, err);

	if (r == 0)
		r = remove_dead(&a, err);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(err, errno, "open a socket");
	if (fchmod(fd, 0600) < 0)
		return err_sys(err, errno, "set the mode of a socket");
	if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0)
		return err_sys(err, errno, "bind the socket \"%s\"", path);
	r = set_access(path, mode, group, err);
	if (r == 0 && listen(fd, BACKLOG) < 0)
		r = err_sys(err, errno, "listen on \"%s\"", path);
	if (r < 0) {
		unlink(path);
		return r;
	}
	return fd_take(&fd);
}

/* "HOST:PORT" -> its two parts; a host with colons stands in brackets. */
static int split_address(const char *address, char host[static NI_MAXHOST], const char **ret_port, struct err *err)
{
	const char *colon = strrchr(address, ':');
	const char *start = address, *end = colon;

	if (colon && *address == '[' && colon > address + 1 && colon[-1] == ']') {
		start = address + 1;
		end = colon - 1;
	} else if (colon && memchr(address, ':', (size_t)(colon - address))) {
		return err_set(err, EINVAL, "\"%s\": an IPv6 address stands in brackets, as [::1]:5000", address);
	}
	if (!colon || !colon[1] || end - start >= NI_MAXHOST)
		return err_set(err, EINVAL, "\"%s\" is not HOST:PORT, as 127.0.0.1:5000", address);
	/* getaddrinfo(3) takes 99999 for 34463. */
	if (strspn(colon + 1, "0123456789") != strlen(colon + 1) || strtoul(colon + 1, NULL, 10) > UINT16_MAX)
		return err_set(err, EINVAL, "\"%s\": a port is a number from 0 to %d", address, UINT16_MAX);
	memcpy(host, start, (size_t)(end - start));
	host[end - start] = '\0';
	*ret_port = colon + 1;
	return 0;
}

static int listen_at(const struct addrinfo *a, const char *address, struct err *err)
{
	fd_cleanup int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1, zero = 0;

	if (fd < 0)
		return err_sys(err, errno, "open a socket for %s", address);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (a->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
	if (bind(fd, a->ai_addr, a->ai_addrlen) < 0)
		return err_sys(err, errno, "bind %s", address);
	if (listen(fd, BACKLOG) < 0)
		return err_sys(err, errno, "listen on %s", address);
	return fd_take(&fd);
}

static int find_address(const char *address, char host[static NI_MAXHOST], struct addrinfo **ret, struct err *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	const char *port = NULL;
	int r = split_address(address, host, &port, err);

	if (r < 0)
		return r;
	r = getaddrinfo(*host ? host : NULL, port, &hints, ret);
	if (r != 0 || !*ret)
		return err_set(err, EINVAL, "\"%s\" cannot be listened on: %s", address, gai_strerror(r));
	return 0;
}

int http_listen_check(const char *address, struct err *err)
{
	struct addrinfo *found = NULL;
	char host[NI_MAXHOST];
	int r = find_address(address, host, &found, err);

	if (r == 0)
		freeaddrinfo(found);
	return r;
}

int http_listen_tcp(const char *address, struct err *err)
{
	struct addrinfo *found = NULL;
	char host[NI_MAXHOST];
	int r = find_address(address, host, &found, err);

	if (r < 0)
		return r;
	/* Every address: one socket of IPv6 takes IPv4 too, where there is IPv6. */
	for (struct addrinfo *a = found; a; a = a->ai_next)
		if (!*host && a->ai_family == AF_INET6 && (r = listen_at(a, address, NULL)) >= 0)
			break;
	if (r <= 0)
		r = listen_at(found, address, err);
	freeaddrinfo(found);
	return r;
}

void http_listen_name(int fd, char name[static HTTP_NAME_MAX])
{
	struct sockaddr_storage a;
	socklen_t n = sizeof a;
	char host[INET6_ADDRSTRLEN + 1] = "?", port[8] = "0";

	if (getsockname(fd, (struct sockaddr *)&a, &n) == 0)
		getnameinfo((struct sockaddr *)&a, n, host, sizeof host, port, sizeof port,
			    NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(name, HTTP_NAME_MAX, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}
