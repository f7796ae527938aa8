/* SPDX-License-Identifier: Apache-2.0 */
#include "face/buildkit/agent.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/random.h"
#include "base/wire/protobuf.h"
#include "face/buildkit/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK "/moby.sshforward.v1.SSH/CheckAgent"
#define FORWARD "/moby.sshforward.v1.SSH/ForwardAgent"
#define SSH_ID "buildkit.ssh.id"
#define PIECE (32u << 10)
#define CONNECTIONS 32

/* Where a process of ours has its descriptors. */
enum { FD_ASK = 3, FD_SOCKET, FD_END };

/* ---- one connection ---- */

/* False: the program has gone. */
static bool pass_out(struct ask_stream *s)
{
	buf_cleanup struct buf b = BUF_INIT;
	char piece[PIECE];
	ssize_t n = recv(FD_SOCKET, piece, sizeof piece, 0);

	if (n <= 0)
		return false;
	pb_bytes(&b, 1, piece, (size_t)n);
	return ask_send(s, buf_str(&b), b.len, NULL) == 0;
}

/* False: the agent has gone. */
static bool pass_in(struct ask_stream *s)
{
	const char *at, *end;
	struct pb_field f;

	if (ask_next(s, NULL) <= 0)
		return false;
	at = buf_str(&s->message);
	end = at + s->message.len;
	while (pb_next(&at, end, &f) > 0) {
		if (f.field == 1 && f.text && fd_write_all(FD_SOCKET, f.text, f.n) < 0)
			return false;
	}
	return true;
}

static void serve(const char *id)
{
	const struct ask_field fields[] = {{SSH_ID, id}, {NULL, NULL}};
	cleanup_with(ask_close) struct ask_stream s = ASK_STREAM_NULL;
	struct pollfd fds[] = {{.fd = FD_SOCKET, .events = POLLIN}, {.events = POLLIN}};
	bool more = ask_open(FD_ASK, FORWARD, fields, &s, NULL) == 0;

	fds[1].fd = s.fd;
	while (more && poll(fds, 2, -1) > 0) {
		if (fds[0].revents)
			more = pass_out(&s);
		if (more && fds[1].revents)
			more = pass_in(&s);
	}
}

/* ---- the process ---- */

/* Each connection has a process; a program that opens many waits. */
static _Noreturn void listen_for(const char *id)
{
	size_t n = 0;

	for (;;) {
		int one = accept4(FD_SOCKET, NULL, NULL, SOCK_CLOEXEC);

		if (one < 0 && errno != EINTR && errno != ECONNABORTED)
			_exit(0);
		if (one >= 0 && fork() == 0) {
			(void)dup2(one, FD_SOCKET);
			close(one);
			prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
			serve(id);
			_exit(0);
		}
		n += one >= 0;
		fd_closep(&one);
		while (n > 0 && waitpid(-1, NULL, n < CONNECTIONS ? WNOHANG : 0) > 0)
			n--;
	}
}

static _Noreturn void become(int ask, int socket, const char *id)
{
	const int high_ask = fcntl(ask, F_DUPFD_CLOEXEC, 64), high = fcntl(socket, F_DUPFD_CLOEXEC, 64);

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	signal(SIGTERM, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	if (high_ask < 0 || high < 0 || dup2(high_ask, FD_ASK) < 0 || dup2(high, FD_SOCKET) < 0)
		_exit(125);
	/* The pipes of the step, above all. */
	close_range(FD_END, ~0u, 0);
	close_range(0, FD_ASK - 1, 0);
	listen_for(id);
}

static int check(int ask, const char *id, struct err *err)
{
	cleanup_with(ask_close) struct ask_stream s = ASK_STREAM_NULL;
	buf_cleanup struct buf message = BUF_INIT;
	int r;

	pb_text(&message, 1, id);
	r = ask_once(ask, CHECK, &message, &s, err);
	if (r == 0)
		return 0;
	return err_set(err, r == -EPIPE ? EPIPE : ENOENT, "the step needs an ssh agent; give it with --ssh %s", id);
}

int agent_forward(int ask, const char *id, int dir, char **ret, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	fd_cleanup int fd = -1;
	char random[9];
	pid_t pid;
	int r = check(ask, id, err);

	if (r < 0)
		return r;
	random_hex(random, sizeof random - 1);
	snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/agent-%s", dir, random);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 16) < 0)
		return err_sys(err, errno, "make the socket of the ssh agent \"%s\"", id);
	pid = fork();
	if (pid == 0)
		become(ask, fd, id);
	if (pid < 0)
		return err_sys(err, errno, "start a process for the ssh agent \"%s\"", id);
	*ret = mem_strdup(address.sun_path);
	return 0;
}
