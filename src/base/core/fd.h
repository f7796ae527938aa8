/* SPDX-License-Identifier: Apache-2.0
 *
 * fd: file descriptors. Every descriptor of ours is close-on-exec from its first moment.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

struct err;

/* `fd_cleanup int fd = -1;` closes at the end of the scope, errno kept. */
#define fd_cleanup __attribute__((cleanup(fd_closep)))

void fd_closep(int *fd); /* closes if >= 0, sets -1, keeps errno */
static inline int fd_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Writes all n bytes, restarting after EINTR and waiting (poll) when the descriptor is non-blocking. 0 or -errno. */
int fd_write_all(int fd, const void *data, size_t n);

/* Reads to the end of the file, at the most `limit` bytes, into a new NUL-terminated buffer owned by the caller.
 * Returns 0, -E2BIG when there is more than the limit, or -errno. */
int fd_read_all(int fd, size_t limit, char **ret_data, size_t *ret_len);

/* One message with up to 8 descriptors over a Unix socket. fd_recv_msg returns the length of the message, 0 at the end of the
 * connection, -EAGAIN, or another -errno; received descriptors are close-on-exec and owned by the caller. */
#define FD_MSG_MAX 8
int fd_send_msg(int sock, const void *data, size_t n, const int *fds, size_t n_fds);
ssize_t fd_recv_msg(int sock, void *data, size_t cap, int fds[static FD_MSG_MAX], size_t *ret_n_fds);

int fd_nonblock(int fd); /* 0 or -errno */

/* Opens /dev/null where standard input, output or error is closed: what is opened next would get its number, and be written
 * into. Input is empty then, output cannot be written (EBADF), errors go nowhere. What is started has it, too. */
void fd_fill_standard(void);
