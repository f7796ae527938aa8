/* SPDX-License-Identifier: Apache-2.0 */
#include "face/api/door.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/guard.h"
#include "base/core/mem.h"
#include "base/core/notify.h"
#include "base/wire/http_server.h"
#include "base/wire/tls.h"
#include "face/api/api_private.h"
#include "face/docker/policy.h"
#include "node/engine/networks.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TOKEN_MIN 16
#define TOKEN_MAX 4096
#define HOST_MAX 256

struct door {
	struct door *next;
	struct api *a;
	struct http_server *http;
	struct tls *tls;
	char *token;  /* NULL = none is asked for */
	char *unlink; /* path of a socket of ours */
	bool tcp;
};

/* ---- who comes in ---- */

static void answer(struct http_req *r, int code, const char *text)
{
	struct err err = ERR_INIT;

	err_set(&err, code, "%s", text);
	http_reply_err(r, &err);
}

/* "Host: [::1]:2375" -> "::1" */
static bool host_of(const char *header, char host[static HOST_MAX])
{
	const char *from = header, *end;
	size_t n;

	if (*header == '[') {
		from = header + 1;
		end = strchr(from, ']');
	} else {
		end = header + strcspn(header, ":");
	}
	n = end ? (size_t)(end - from) : 0;
	if (n == 0 || n >= HOST_MAX)
		return false;
	memcpy(host, from, n);
	host[n] = '\0';
	return true;
}

static bool is_loopback(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, host, &v4) == 1)
		return (ntohl(v4.s_addr) >> 24) == 127;
	if (inet_pton(AF_INET6, host, &v6) == 1)
		return IN6_IS_ADDR_LOOPBACK(&v6);
	return !strcasecmp(host, "localhost");
}

static bool is_for_another(const struct door *d, struct http_req *r)
{
	const char *header = http_req_header(r, "Host");
	char host[HOST_MAX];

	if (!d->tcp || !RT_GUARDS(A2, A3))
		return false;
	if (!header || !host_of(header, host))
		return true;
	return d->tls && tls_serves(d->tls, host) ? false : d->token == NULL || !is_loopback(host);
}

/* A container of ours, even one that has a certificate: nothing is answered. */
static bool on_accept(int fd, void *ctx)
{
	const struct door *d = ctx;
	struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
	socklen_t n = sizeof peer;

	return getpeername(fd, (struct sockaddr *)&peer, &n) == 0 && !engine_holds(d->a->o.engine, &peer);
}

/* Its time tells nothing of where two texts differ. */
static bool same_secret(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned char diff = n != m;

	for (size_t i = 0; i < m; i++)
		diff |= (unsigned char)(a[i < n ? i : 0] ^ b[i]);
	return diff == 0;
}

static bool lacks_token(const struct door *d, struct http_req *r)
{
	static const char scheme[] = "Bearer ";
	const char *header = http_req_header(r, "Authorization");

	if (!d->token)
		return false;
	return !header || strncasecmp(header, scheme, sizeof scheme - 1) != 0 ||
	       !same_secret(d->token, header + sizeof scheme - 1);
}

static const struct check {
	bool (*refuses)(const struct door *d, struct http_req *r);
	int status;
	const char *json;
} checks[] = {
    {is_for_another, 403,
     "{\"message\":\"this door is not for the Host of the request: use a name or address of the server's "
     "certificate\"}"},
    {lacks_token, 401, "{\"message\":\"the request lacks the token: Authorization: Bearer TOKEN\"}"},
};

bool door_admits(const struct door *d, struct http_req *r)
{
	struct policy_caller caller;
	enum policy_role role;

	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		if (!checks[i].refuses(d, r))
			continue;
		if (checks[i].status == 401)
			http_reply_header(r, "WWW-Authenticate", "Bearer");
		http_reply_json(r, checks[i].status, checks[i].json);
		return false;
	}
	caller = (struct policy_caller){
	    .uid = http_req_peer_uid(r), .cert = http_req_peer_name(r), .token = d->token != NULL};
	role = policy_role(d->a->policy, &caller);
	policy_mark(r, policy_lesser(role, http_req_header(r, POLICY_HEADER)), policy_all_jobs(d->a->policy, &caller),
		    caller.token);
	return true;
}

bool door_takes_body(struct http_req *r)
{
	static const char json[] = "application/json";
	const char *type = http_req_header(r, "Content-Type");
	mem_cleanup char *text = NULL;
	size_t n;

	(void)http_req_body(r, &n);
	if (n == 0 || !RT_GUARD(A3))
		return true;
	if (type && !strncasecmp(type, json, sizeof json - 1) && strchr("; \t", type[sizeof json - 1]))
		return true;
	text =
	    mem_printf("the body must be JSON and say so (Content-Type: %s), not \"%.100s\"", json, type ? type : "");
	answer(r, EINVAL, text);
	return false;
}

struct api *door_api(const struct door *d)
{
	return d->a;
}

/* ---- opening ---- */

static struct door *door_free(struct door *d)
{
	if (!d)
		return NULL;
	http_server_free(d->http);
	tls_free(d->tls);
	if (d->token)
		explicit_bzero(d->token, strlen(d->token));
	free(d->token);
	if (d->unlink)
		(void)unlink(d->unlink);
	free(d->unlink);
	free(d);
	return NULL;
}

void door_close_all(struct door **list)
{
	while (*list) {
		struct door *d = *list;

		*list = d->next;
		door_free(d);
	}
}

static int serve(struct door *d, int fd, struct door **list, struct err *err)
{
	const struct http_handler handler = {
	    .on_accept = d->tcp ? on_accept : NULL, .on_headers = route_headers, .on_request = route_request, .ctx = d};
	int r = http_server_new(d->a->loop, fd, NULL, &handler, &d->http, err);

	if (r < 0) {
		close(fd);
		door_free(d);
		return r;
	}
	if (d->tls)
		http_server_use_tls(d->http, d->tls);
	d->next = *list;
	*list = d;
	return 0;
}

int door_new(struct api *a, int fd, struct door **list, struct err *err)
{
	struct door *d = mem_new(struct door);

	d->a = a;
	return serve(d, fd, list, err);
}

/* ---- TCP ---- */

static int read_token(const char *path, char **ret, struct err *err)
{
	mem_cleanup char *text = NULL;
	size_t n = 0;
	int r = fs_read(AT_FDCWD, path, TOKEN_MAX, &text, &n, err);

	if (r < 0)
		return err_wrap(err, "--token-file");
	n = strcspn(text, "\r\n");
	text[n] = '\0';
	if (n < TOKEN_MIN)
		return err_set(err, EINVAL, "--token-file \"%s\": a token has %d characters or more, this one %zu",
			       path, TOKEN_MIN, n);
	*ret = mem_take(text);
	return 0;
}

static bool listens_on_loopback(int fd)
{
	char name[HTTP_NAME_MAX], host[HOST_MAX];

	http_listen_name(fd, name);
	return host_of(name, host) && is_loopback(host);
}

static int close_to_containers(struct api *a, int fd, struct err *err)
{
	char name[HTTP_NAME_MAX];

	http_listen_name(fd, name);
	return engine_door(a->o.engine, (uint16_t)strtoul(strrchr(name, ':') + 1, NULL, 10), err);
}

static int insecure(const char *address, struct err *err)
{
	return err_set(err, EINVAL,
		       "--listen %s: whoever reaches it could be root here. It needs --tls-cert, --tls-key and "
		       "--tls-client-ca; on a loopback address --token-file is enough",
		       address);
}

static int secure(struct door *d, int fd, const char *address, const struct api_doors *o, struct err *err)
{
	const struct tls_files files = {.cert = o->cert, .key = o->key, .client_ca = o->client_ca};
	bool mutual = o->cert && o->key && o->client_ca;
	int r = 0;

	if (!mutual && !(listens_on_loopback(fd) && o->token_file) && RT_GUARD(A2))
		return insecure(address, err);
	if (o->cert)
		r = tls_new(&files, &d->tls, err);
	if (r == 0 && !mutual && o->token_file)
		r = read_token(o->token_file, &d->token, err);
	return r;
}

static int open_tcp(struct api *a, int fd, const char *address, const struct api_doors *o, struct door **list,
		    struct err *err)
{
	struct door *d = mem_new(struct door);
	int r;

	d->a = a;
	d->tcp = true;
	r = secure(d, fd, address, o, err);
	if (r == 0)
		r = close_to_containers(a, fd, err);
	if (r < 0) {
		close(fd);
		door_free(d);
		return r;
	}
	return serve(d, fd, list, err);
}

/* ---- the service manager's ---- */

static int open_given(struct api *a, int fd, const struct api_doors *o, struct door **list, struct err *err)
{
	int domain = 0, listens = 0;
	socklen_t n = sizeof domain;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n) < 0 || !listens)
		return err_set(err, EINVAL, "--listen fd://: descriptor %d is not a socket that listens", fd);
	if (fd_nonblock(fd) < 0)
		return err_sys(err, errno, "set up the service manager's socket %d", fd);
	return domain == AF_UNIX ? door_new(a, fd, list, err) : open_tcp(a, fd, "fd://", o, list, err);
}

static int open_all_given(struct api *a, const struct api_doors *o, struct door **list, struct err *err)
{
	int r = 0;

	if (o->given_fds < 1)
		return err_set(err, EINVAL, "--listen fd://: no service manager has opened sockets for this process");
	for (int i = 0; i < o->given_fds && r == 0; i++)
		r = open_given(a, NOTIFY_FDS_FIRST + i, o, list, err);
	return r;
}

/* ---- kinds ---- */

static int open_unix(struct api *a, const char *path, struct door **list, struct err *err)
{
	int fd = http_listen_unix(path, a->o.alone ? 0600 : 0660, a->o.group, err);
	int r;

	if (fd < 0)
		return fd;
	r = door_new(a, fd, list, err);
	if (r == 0)
		(*list)->unlink = mem_strdup(path);
	return r;
}

enum kind { KIND_GIVEN, KIND_UNIX, KIND_TCP };

/* What stands behind the scheme in *ret_rest. */
static int kind_of(const char *address, const char **ret_rest, struct err *err)
{
	static const char tcp[] = "tcp://", local[] = "unix://";

	if (!strcmp(address, "fd://"))
		return KIND_GIVEN;
	*ret_rest = address + sizeof local - 1;
	if (!strncmp(address, local, sizeof local - 1) && **ret_rest == '/')
		return KIND_UNIX;
	if (strncmp(address, tcp, sizeof tcp - 1) != 0)
		return err_set(err, EINVAL,
			       "--listen \"%s\": tcp://HOST:PORT, unix:///PATH or fd:// (the service manager's)",
			       address);
	*ret_rest = address + sizeof tcp - 1;
	return KIND_TCP;
}

int door_open(struct api *a, const char *address, const struct api_doors *o, struct door **list, struct err *err)
{
	const char *rest = NULL;
	int kind = kind_of(address, &rest, err), fd;

	if (kind < 0)
		return kind;
	if (kind == KIND_GIVEN)
		return open_all_given(a, o, list, err);
	if (kind == KIND_UNIX)
		return open_unix(a, rest, list, err);
	fd = http_listen_tcp(rest, err);
	return fd < 0 ? fd : open_tcp(a, fd, address, o, list, err);
}

static int check_files(const struct api_doors *o, struct err *err)
{
	const struct tls_files files = {.cert = o->cert, .key = o->key, .client_ca = o->client_ca};
	struct tls *tls = NULL;
	char *token = NULL;
	int r = o->cert ? tls_new(&files, &tls, err) : 0;

	tls_free(tls);
	if (r == 0 && o->token_file)
		r = read_token(o->token_file, &token, err);
	if (token)
		explicit_bzero(token, strlen(token));
	free(token);
	return r;
}

int api_doors_check(const struct api_doors *o, struct err *err)
{
	for (char *const *at = o->listen; at && *at; at++) {
		const char *rest = NULL;
		int r = kind_of(*at, &rest, err);

		if (r == KIND_TCP && http_listen_check(rest, err) < 0)
			return err_wrap(err, "--listen %s", *at);
		if (r == KIND_TCP && !(o->cert && o->key && o->client_ca) && !o->token_file && RT_GUARD(A2))
			return insecure(*at, err);
		if (r < 0)
			return r;
	}
	return check_files(o, err);
}
