/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/fd.h"

#include "base/core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

void fd_closep(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

int fd_write_all(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w >= 0) {
			p += w;
			n -= (size_t)w;
		} else if (errno == EAGAIN) {
			struct pollfd pfd = {.fd = fd, .events = POLLOUT};

			if (poll(&pfd, 1, -1) < 0 && errno != EINTR)
				return -errno;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

int fd_read_all(int fd, size_t limit, char **ret_data, size_t *ret_len)
{
	mem_cleanup char *data = NULL;
	size_t len = 0, cap = 0;

	for (;;) {
		ssize_t r;

		mem_grow_to((void **)&data, &cap, len + 4096, 1);
		r = read(fd, data + len, cap - len - 1);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		len += (size_t)r;
		if (len > limit)
			return -E2BIG;
	}
	data[len] = '\0';
	*ret_data = mem_take(data);
	if (ret_len)
		*ret_len = len;
	return 0;
}

union fd_control {
	char bytes[CMSG_SPACE(sizeof(int) * FD_MSG_MAX)];
	struct cmsghdr align;
};

int fd_send_msg(int sock, const void *data, size_t n, const int *fds, size_t n_fds)
{
	struct iovec iov = {.iov_base = (void *)data, .iov_len = n};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	union fd_control control;
	ssize_t r;

	if (n_fds > FD_MSG_MAX)
		return -EINVAL;
	if (n_fds > 0) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof control);
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
	do {
		r = sendmsg(sock, &msg, MSG_NOSIGNAL);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return (size_t)r == n ? 0 : -EMSGSIZE;
}

ssize_t fd_recv_msg(int sock, void *data, size_t cap, int fds[static FD_MSG_MAX], size_t *ret_n_fds)
{
	struct iovec iov = {.iov_base = data, .iov_len = cap};
	union fd_control control;
	struct msghdr msg = {
	    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
	size_t n_fds = 0;
	ssize_t r;

	do {
		r = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(c), n_fds * sizeof(int));
	}
	*ret_n_fds = n_fds;
	return r;
}

int fd_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

void fd_fill_standard(void)
{
	/* The lowest number that is free is the one that is wanted. */
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		int got = fcntl(fd, F_GETFD) < 0 && errno == EBADF
			      ? open("/dev/null", (fd == STDERR_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC)
			      : -1;

		if (got >= 0)
			(void)fcntl(got, F_SETFD, 0);
	}
}
