/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire/http_dial.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "base/wire/ssh_dial.h"
#include "base/wire/tls_mutual.h"
#include "base/wire/tls_relay.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define TCP "tcp://"
#define UNIX "unix://"
#define WAIT_MS 30000
#define PEM_MAX (256u << 10)

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

bool http_dial_is_tcp(const struct http_dial *d)
{
	return begins(d->address, TCP);
}

const char *http_dial_path(const struct http_dial *d)
{
	if (http_dial_is_tcp(d) || ssh_dial_is(d->address))
		return NULL;
	return begins(d->address, UNIX) ? d->address + strlen(UNIX) : d->address;
}

static const char *name_of(const struct http_dial *d)
{
	return d->name ? d->name : d->address;
}

/* ---- addresses ---- */

static int bad_address(const struct http_dial *d, struct err *err)
{
	return err_set(err, EINVAL, "\"%s\" is no address such as tcp://HOST:2376 or tcp://[::1]:2376", d->address);
}

/* The port, or 0. */
static unsigned port_of(const char *text)
{
	char *end = NULL;
	unsigned long n = *text >= '0' && *text <= '9' ? strtoul(text, &end, 10) : 0;

	if (end && *end == '/' && !end[1])
		end++;
	return end && !*end && n <= 65535 ? (unsigned)n : 0;
}

int http_dial_parse(const struct http_dial *d, char host[static HTTP_DIAL_HOST_MAX], unsigned *port, struct err *err)
{
	const char *p = d->address + (http_dial_is_tcp(d) ? strlen(TCP) : 0);
	bool brackets = *p == '[';
	size_t n = brackets ? strcspn(++p, "]") : strcspn(p, ":/");
	const char *rest = p + n + (brackets && p[n] == ']');

	*port = *rest == ':' ? port_of(rest + 1) : d->tls ? 2376 : 2375;
	if (n == 0 || n >= HTTP_DIAL_HOST_MAX - 16 || (brackets && p[n] != ']') || *port == 0 ||
	    (*rest && *rest != ':' && strcmp(rest, "/") != 0))
		return bad_address(d, err);
	memcpy(host, p, n);
	host[n] = '\0';
	return 0;
}

void http_dial_host(const struct http_dial *d, char host[static HTTP_DIAL_HOST_MAX])
{
	char name[HTTP_DIAL_HOST_MAX];
	unsigned port = 0;

	if (!http_dial_is_tcp(d) || http_dial_parse(d, name, &port, NULL) < 0)
		(void)snprintf(host, HTTP_DIAL_HOST_MAX, "berth");
	else
		(void)snprintf(host, HTTP_DIAL_HOST_MAX, strchr(name, ':') ? "[%.300s]:%u" : "%.300s:%u", name, port);
}

/* ---- TCP ---- */

/* Waits for a socket that does not block: 0 or a negative errno. */
static int wait_for(int fd, short events, int64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = events};
	int64_t left;

	while ((left = deadline - clock_mono_ms()) > 0) {
		int r = poll(&p, 1, (int)left);

		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return -errno;
	}
	return -ETIMEDOUT;
}

/* A connected socket that does not block, or a negative errno. */
static int connect_one(const struct addrinfo *a, int64_t deadline)
{
	fd_cleanup int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error = 0, r;
	socklen_t n = sizeof error;

	if (fd < 0)
		return -errno;
	if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
		return fd_take(&fd);
	if (errno != EINPROGRESS)
		return -errno;
	r = wait_for(fd, POLLOUT, deadline);
	if (r == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
		r = -errno;
	if (r < 0 || error)
		return r < 0 ? r : -error;
	return fd_take(&fd);
}

static int connect_tcp(const struct http_dial *d, const char *host, unsigned port, int64_t deadline, struct err *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *all = NULL;
	char number[16];
	int r, fd = -ENOENT;

	(void)snprintf(number, sizeof number, "%u", port);
	r = getaddrinfo(host, number, &hints, &all);
	if (r != 0)
		return err_set(err, EHOSTUNREACH, "%s: %s: %s", name_of(d), host, gai_strerror(r));
	for (const struct addrinfo *a = all; a && fd < 0; a = a->ai_next)
		fd = connect_one(a, deadline);
	freeaddrinfo(all);
	return fd < 0 ? err_sys(err, -fd, "connect to %s", name_of(d)) : fd;
}

/* ---- TLS ---- */

struct pems {
	char *ca, *cert, *key;
};

static void pems_free(struct pems *p)
{
	free(p->ca);
	free(p->cert);
	free(p->key);
}

static int read_pem(const char *path, char **ret, struct err *err)
{
	size_t n = 0;

	return path ? fs_read(AT_FDCWD, path, PEM_MAX, ret, &n, err) : 0;
}

static int settings(const struct http_dial *d, struct tls **ret, struct err *err)
{
	cleanup_with(pems_free) struct pems pem = {.ca = NULL};
	struct tls_mutual how = {.client = true};
	int r = 0;

	if (!d->unverified && !d->ca)
		return err_set(err, EINVAL, "%s: a file of who has signed the server's certificate is needed (ca.pem)",
			       name_of(d));
	if (!d->unverified)
		r = read_pem(d->ca, &pem.ca, err);
	if (r == 0 && d->cert && d->key)
		r = read_pem(d->cert, &pem.cert, err);
	if (r == 0 && d->cert && d->key)
		r = read_pem(d->key, &pem.key, err);
	if (r < 0)
		return r;
	how.ca = pem.ca;
	how.cert = pem.cert;
	how.key = pem.key;
	r = tls_mutual_new(&how, ret, err);
	return r < 0 ? err_wrap(err, "%s", name_of(d)) : 0;
}

static int shake(const struct http_dial *d, struct tls_conn *c, int fd, const char *host, int64_t deadline,
		 struct err *err)
{
	int done, r;

	while ((done = tls_shake(c)) == 0) {
		r = wait_for(fd, tls_wants_out(c) ? POLLOUT : POLLIN, deadline);
		if (r < 0)
			return err_sys(err, -r, "greet %s", name_of(d));
	}
	if (done < 0)
		return err_set(err, EPROTO, "%s %s", name_of(d), tls_trouble(c));
	if (!d->unverified && !tls_peer_serves(c, host))
		return err_set(err, EPROTO, "%s shows a certificate that is not for %s", name_of(d), host);
	return 0;
}

/* Takes `fd`, which does not block. */
static int with_tls(const struct http_dial *d, int fd, const char *host, int64_t deadline, struct err *err)
{
	fd_cleanup int net = fd;
	struct tls *t = NULL;
	struct tls_conn *c = NULL;
	int r = settings(d, &t, err);

	if (r < 0)
		return r;
	c = tls_mutual_conn(t, net, NULL);
	r = c ? shake(d, c, net, host, deadline, err) : err_set(err, ENOMEM, "%s: no memory for TLS", name_of(d));
	if (r == 0)
		r = tls_relay(c, net, err);
	tls_conn_free(c);
	tls_free(t);
	return r;
}

static int blocking(int fd, struct err *err)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0)
		return fd;
	flags = errno;
	fd_closep(&fd);
	return err_sys(err, flags, "make a socket block");
}

int http_dial(const struct http_dial *d, struct err *err)
{
	int64_t deadline = clock_mono_ms() + WAIT_MS;
	char host[HTTP_DIAL_HOST_MAX];
	unsigned port = 0;
	int r;

	if (ssh_dial_is(d->address))
		return ssh_dial(d->address, err);
	if (!http_dial_is_tcp(d)) {
		if (strstr(d->address, "://") && !begins(d->address, UNIX))
			return err_set(err, EINVAL,
				       "\"%s\": a path, unix://PATH, tcp://HOST:PORT or ssh://HOST is needed",
				       d->address);
		return http_client_connect(http_dial_path(d), err);
	}
	r = http_dial_parse(d, host, &port, err);
	if (r == 0)
		r = connect_tcp(d, host, port, deadline, err);
	if (r < 0)
		return r;
	return d->tls ? with_tls(d, r, host, deadline, err) : blocking(r, err);
}
