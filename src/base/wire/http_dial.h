/* SPDX-License-Identifier: Apache-2.0
 *
 * http_dial: a connection to a server of HTTP, wherever it is: at a Unix socket or over TCP, there with TLS where it is asked for, or behind ssh. Whoever asks gets a plain
 * socket in each case. With TLS that is one end of a pair; a process of ours at the other end encrypts and decrypts, and lives as long as the
 * connection, so that everything that is done with sockets (poll, half-close, reading as a stream) needs to know nothing of it. It is
 * in a session of its own, and a Ctrl-C of the terminal does not reach it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err;

#define HTTP_DIAL_HOST_MAX 320

struct http_dial {
	const char *address;	/* a path, unix://PATH, tcp://HOST[:PORT] or ssh://... (ssh_dial.h) */
	const char *name;	/* of whoever is meant, in errors; NULL: the address */
	bool tls;		/* TLS 1.3 on TCP; port 2376 when none is said, else 2375 */
	bool unverified;	/* the server's certificate is not looked at */
	const char *ca;		/* PEM files: who has signed the server's certificate; */
	const char *cert, *key; /* ours, or both NULL */
	const char *headers;	/* of every request: whole lines, each ended by CRLF; or NULL */
};

/* A blocking socket, the caller's; 30 s at most. -ENOENT, -ECONNREFUSED: nobody listens there. -EPROTO: it is not the server that the certificates
 * are for, or it speaks no TLS. -EINVAL: no such address. */
int http_dial(const struct http_dial *d, struct err *err);

/* tcp://HOST[:PORT] in parts; brackets of IPv6 are gone. -EINVAL. */
int http_dial_parse(const struct http_dial *d, char host[static HTTP_DIAL_HOST_MAX], unsigned *port, struct err *err);
bool http_dial_is_tcp(const struct http_dial *d);
/* What stands before the first slash of the target, for the header Host: "berth" of a Unix socket. */
void http_dial_host(const struct http_dial *d, char host[static HTTP_DIAL_HOST_MAX]);
/* The path of a Unix socket; NULL over TCP and ssh. */
const char *http_dial_path(const struct http_dial *d);
