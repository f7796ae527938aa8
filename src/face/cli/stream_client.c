/* SPDX-License-Identifier: Apache-2.0
 *
 * One loop over three descriptors: standard input, the connection, signals. Input is read only when the connection has taken what was read
 * before, so nothing grows.
 */
#include "face/cli/stream_client.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "face/cli/client.h"
#include "base/wire/frame.h"
#include "face/cli/signals.h"
#include "face/cli/term.h"

#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>

#define PIECE (32u << 10)
#define SIGNALS_MAX 32

struct pump {
	const struct stream_client_how *how;
	int fd;
	struct signals signals;
	struct frame_reader frames;
	struct http_client *sizes; /* opened by the first resize */
	bool raw;		   /* our terminal has been changed */
	struct termios before;
	bool in;		 /* standard input has more */
	size_t at, n;		 /* of `input`: what the connection has not taken yet */
	bool half_closed, ended; /* the other side */
	unsigned char keys[STREAM_CLIENT_KEYS_MAX], typed[STREAM_CLIENT_KEYS_MAX]; /* typed: the last n_keys bytes */
	size_t n_keys;
	char input[PIECE], output[PIECE];
};

/* ---- open ---- */

int stream_client_open(struct cli *cli, const char *target, const char *body, struct stream_client *ret,
		       struct err *err)
{
	struct http_client *c = NULL;
	int r = client_open(cli, &c, err);

	if (r == 0)
		r = http_client_upgrade(c, target, body ? "application/json" : NULL, body, body ? strlen(body) : 0,
					"tcp", err);
	if (r == 101)
		ret->fd = http_client_take(c, &ret->early);
	else if (r >= 200 && r < 300)
		r = err_set(err, EPROTO, "berth did not give the connection away (HTTP status %d)", r);
	else if (r >= 0)
		r = client_check(c, r, err);
	http_client_close(c);
	return r < 0 ? r : 0;
}

void stream_client_close(struct stream_client *s)
{
	fd_closep(&s->fd);
	buf_free(&s->early);
}

/* ---- detach keys ---- */

/* "a" or "ctrl-a"; -1: neither. */
static int key_of(const char *word, size_t n)
{
	static const char others[] = "@[\\]^_";

	if (n == 1)
		return (unsigned char)*word;
	if (n != 6 || strncmp(word, "ctrl-", 5) != 0)
		return -1;
	if ((word[5] >= 'a' && word[5] <= 'z') || strchr(others, word[5]))
		return word[5] & 0x1f;
	return -1;
}

int stream_client_keys(const char *text, unsigned char ret[static STREAM_CLIENT_KEYS_MAX], size_t *ret_n,
		       struct err *err)
{
	const char *p = text ? text : "ctrl-p,ctrl-q";

	*ret_n = 0;
	while (*p) {
		size_t n = strcspn(p, ",");
		int key = key_of(p, n);

		if (key < 0 || *ret_n == STREAM_CLIENT_KEYS_MAX)
			return err_set(err, EINVAL,
				       "--detach-keys: \"%s\" is not a list such as ctrl-p,ctrl-q or ctrl-a,d", text);
		ret[(*ret_n)++] = (unsigned char)key;
		p += n + (p[n] == ',');
	}
	return 0;
}

static void remember(struct pump *p)
{
	size_t n = p->n_keys, m = p->n < n ? p->n : n;

	memmove(p->typed, p->typed + m, n - m);
	memcpy(p->typed + n - m, p->input + p->n - m, m);
}

/* ---- the terminal ---- */

static void make_raw(struct pump *p)
{
	struct termios raw;

	if (!p->how->tty || !p->how->in || tcgetattr(STDIN_FILENO, &p->before) < 0)
		return;
	raw = p->before;
	cfmakeraw(&raw);
	p->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

/* What it was told last stands; a program that has just ended takes no size, and that is no failure. */
static void tell_size(struct pump *p)
{
	int terminal = term_is(STDOUT_FILENO) ? STDOUT_FILENO : STDIN_FILENO;
	mem_cleanup char *target = NULL;

	if (!p->how->tty || !p->how->resize || !term_is(terminal))
		return;
	target = mem_printf("%s?h=%zu&w=%zu", p->how->resize, term_height(terminal), term_width(terminal));
	if (p->sizes || client_open(p->how->cli, &p->sizes, NULL) == 0)
		(void)client_call_on(p->sizes, "POST", target, NULL, NULL, NULL);
}

static void open_signals(struct pump *p)
{
	static const int of_raw[] = {SIGINT, SIGTERM, SIGHUP, 0};
	const int *wanted = p->how->signals ? p->how->signals : p->raw ? of_raw : NULL;
	int list[SIGNALS_MAX + 2] = {0};
	size_t n = 0;

	for (; wanted && *wanted && n < SIGNALS_MAX; wanted++)
		list[n++] = *wanted;
	if (p->how->tty && p->how->resize)
		list[n++] = SIGWINCH;
	if (n > 0)
		signals_open(&p->signals, list);
}

/* ---- one turn ---- */

static int on_frame(void *ctx, enum frame_type type, const char *data, size_t n, struct err *err)
{
	int r = fd_write_all(type == FRAME_STDOUT ? STDOUT_FILENO : STDERR_FILENO, data, n);

	(void)ctx;
	return r < 0 ? err_sys(err, -r, "write the output of the container") : 0;
}

static int take_output(struct pump *p, const char *data, size_t n, struct err *err)
{
	return p->how->tty ? on_frame(p, FRAME_STDOUT, data, n, err)
			   : frame_feed(&p->frames, data, n, on_frame, p, err);
}

static int read_output(struct pump *p, struct err *err)
{
	ssize_t n = recv(p->fd, p->output, PIECE, MSG_DONTWAIT);

	if (n > 0)
		return take_output(p, p->output, (size_t)n, err);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	/* Who closes with input unread is told apart from who closes without, but it is an end all the same. */
	if (n < 0 && errno != ECONNRESET && errno != EPIPE)
		return err_sys(err, errno, "read from the container");
	p->ended = true;
	return frame_whole(&p->frames) ? 0 : err_set(err, EPROTO, "lost the connection to the container");
}

static void read_input(struct pump *p)
{
	ssize_t n = read(STDIN_FILENO, p->input, PIECE);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	p->in = n > 0;
	p->at = 0;
	p->n = n > 0 ? (size_t)n : 0;
	remember(p);
}

/* An end on the other side is not ours to tell: its output may go on, and ends the stream. */
static void send_input(struct pump *p)
{
	ssize_t n;

	if (p->at < p->n) {
		n = send(p->fd, p->input + p->at, p->n - p->at, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0) {
			p->at += (size_t)n;
		} else if (errno != EAGAIN && errno != EINTR) {
			p->in = false;
			p->n = p->at;
		}
	}
	if (!p->in && p->at == p->n && !p->half_closed) {
		p->half_closed = true;
		(void)shutdown(p->fd, SHUT_WR);
	}
}

static int take_signal(struct pump *p, struct err *err)
{
	struct signalfd_siginfo info;

	if (read(p->signals.fd, &info, sizeof info) != (ssize_t)sizeof info)
		return 0;
	if (info.ssi_signo == SIGWINCH) {
		tell_size(p);
		return 0;
	}
	if (p->how->on_signal && p->how->on_signal(p->how->ctx, (int)info.ssi_signo))
		return 0;
	return err_set(err, EINTR, "interrupted");
}

static int turn(struct pump *p, struct err *err)
{
	bool full = p->at < p->n;
	struct pollfd fds[] = {{.fd = p->fd, .events = (short)(POLLIN | (full ? POLLOUT : 0))},
			       {.fd = p->in && !full ? STDIN_FILENO : -1, .events = POLLIN},
			       {.fd = p->signals.fd, .events = POLLIN}};
	int r = 0;

	if (poll(fds, 3, -1) < 0)
		return errno == EINTR ? 0 : err_sys(err, errno, "wait for the container");
	if (fds[2].revents)
		r = take_signal(p, err);
	if (r == 0 && fds[1].revents)
		read_input(p);
	if (fds[1].revents || (fds[0].revents & POLLOUT))
		send_input(p);
	if (r == 0 && (fds[0].revents & (POLLIN | POLLHUP | POLLERR)))
		r = read_output(p, err);
	return r;
}

/* ---- the whole ---- */

static int run(struct pump *p, struct stream_client *s, struct err *err)
{
	int r = take_output(p, buf_str(&s->early), s->early.len, err);

	tell_size(p);
	if (!p->in)
		send_input(p);
	while (r == 0 && !p->ended)
		r = turn(p, err);
	return r;
}

int stream_client_pump(struct stream_client *s, const struct stream_client_how *how, struct err *err)
{
	struct pump *p = mem_new(struct pump);
	void (*on_pipe)(int) = signal(SIGPIPE, SIG_IGN);
	int r;

	*p =
	    (struct pump){.how = how, .fd = s->fd, .in = how->in, .signals = SIGNALS_NONE, .frames = FRAME_READER_INIT};
	r = how->tty ? stream_client_keys(how->detach_keys, p->keys, &p->n_keys, err) : 0;
	make_raw(p);
	open_signals(p);
	if (r == 0)
		r = run(p, s, err);
	s->detached = r == 0 && p->n_keys > 0 && memcmp(p->keys, p->typed, p->n_keys) == 0;
	signals_close(&p->signals);
	if (p->raw)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &p->before);
	(void)signal(SIGPIPE, on_pipe);
	http_client_close(p->sizes);
	frame_free(&p->frames);
	free(p);
	return r;
}
