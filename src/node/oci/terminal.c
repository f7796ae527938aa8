/* SPDX-License-Identifier: Apache-2.0 */
#include "node/oci/terminal.h"

#include "base/core/err.h"
#include "base/core/fd.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

/* How long the last bytes of a terminal that others keep open may be on their way through the kernel. */
#define LAST_MS 20

int terminal_begin(struct terminal *t, int master, struct err *err)
{
	struct termios raw;
	int r = fd_nonblock(master);

	*t = (struct terminal){.master = master};
	if (r < 0)
		return err_sys(err, -r, "set up the terminal");
	if (tcgetattr(STDIN_FILENO, &t->saved) < 0)
		return 0;
	raw = t->saved;
	cfmakeraw(&raw);
	/* The container's terminal leaves this to ours (plain_newlines). */
	raw.c_oflag |= OPOST;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
		return err_sys(err, errno, "set our terminal to raw mode");
	t->raw = true;
	terminal_resize(t);
	return 0;
}

void terminal_resize(const struct terminal *t)
{
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
		(void)ioctl(t->master, TIOCSWINSZ, &size);
}

void terminal_poll(const struct terminal *t, struct pollfd *fds)
{
	bool room = !t->in_ended && t->n < sizeof t->typed;

	fds[0] = (struct pollfd){.fd = room ? STDIN_FILENO : -1, .events = POLLIN};
	fds[1] =
	    (struct pollfd){.fd = t->out_ended ? -1 : t->master, .events = (short)(POLLIN | (t->n > 0 ? POLLOUT : 0))};
}

static void read_typed(struct terminal *t)
{
	ssize_t n = read(STDIN_FILENO, t->typed + t->n, sizeof t->typed - t->n);

	if (n > 0)
		t->n += (size_t)n;
	else if (n == 0 || (errno != EINTR && errno != EAGAIN))
		t->in_ended = true;
}

static void write_typed(struct terminal *t)
{
	ssize_t n = write(t->master, t->typed, t->n);

	if (n > 0) {
		t->n -= (size_t)n;
		memmove(t->typed, t->typed + n, t->n);
	} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
		t->n = 0; /* nobody reads it any more */
		t->in_ended = true;
	}
}

/* False when there is no more for now. */
static bool read_output(struct terminal *t)
{
	char part[TERMINAL_PART];
	ssize_t n = read(t->master, part, sizeof part);

	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && errno == EAGAIN)
		return false;
	/* EIO: nobody has the other end open. */
	if (n <= 0 || fd_write_all(STDOUT_FILENO, part, (size_t)n) < 0)
		t->out_ended = true;
	return !t->out_ended;
}

void terminal_copy(struct terminal *t, const struct pollfd *fds)
{
	if (fds[0].fd >= 0 && fds[0].revents)
		read_typed(t);
	if (t->n > 0)
		write_typed(t);
	if (fds[1].fd >= 0 && (fds[1].revents & (POLLIN | POLLHUP | POLLERR)))
		(void)read_output(t);
}

static bool more_soon(const struct terminal *t)
{
	struct pollfd p = {.fd = t->master, .events = POLLIN};

	return !t->out_ended && poll(&p, 1, LAST_MS) > 0;
}

void terminal_end(struct terminal *t)
{
	if (t->master < 0)
		return;
	while (more_soon(t)) {
		while (read_output(t))
			;
	}
	if (t->raw)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &t->saved);
	*t = (struct terminal){.master = -1};
}
