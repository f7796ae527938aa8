/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/link/socket.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define UNSENT_MAX (64 << 10)

void socket_settle(int fd)
{
	const struct {
		int level, name, value;
	} rows[] = {{IPPROTO_TCP, TCP_NODELAY, 1},
		    {IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_MAX},
		    {IPPROTO_TCP, TCP_USER_TIMEOUT, SOCKET_DEAD_MS},
		    {SOL_SOCKET, SO_KEEPALIVE, 1},
		    {IPPROTO_TCP, TCP_KEEPIDLE, 10},
		    {IPPROTO_TCP, TCP_KEEPINTVL, 5}};

	/* Wishes: a link over another kind of socket works without them. */
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		(void)setsockopt(fd, rows[i].level, rows[i].name, &rows[i].value, sizeof rows[i].value);
}

char *socket_with_port(const char *text)
{
	const char *colon = strrchr(text, ':'), *bracket = strrchr(text, ']');

	if (colon && (!bracket || colon > bracket) && (*text == '[' || strchr(text, ':') == colon))
		return mem_strdup(text);
	if (*text != '[' && strchr(text, ':'))
		return mem_printf("[%s]:" SOCKET_PORT, text);
	return mem_printf("%s:" SOCKET_PORT, text);
}

int socket_resolve(const char *given, struct socket_address *ret, size_t max, struct err *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV};
	mem_cleanup char *text = socket_with_port(given);
	struct addrinfo *list = NULL;
	char *port = strrchr(text, ':'), *host = text;
	size_t n = 0;
	int r;

	*port++ = '\0';
	if (*host == '[') {
		host++;
		host[strcspn(host, "]")] = '\0';
	}
	if (!*host || !*port)
		return err_set(err, EINVAL, "\"%s\" is no address of a server: HOST:PORT is needed", given);
	/* getaddrinfo(3) takes 99999 for 34463. */
	if (strspn(port, "0123456789") != strlen(port) || !strtoul(port, NULL, 10) ||
	    strtoul(port, NULL, 10) > UINT16_MAX)
		return err_set(err, EINVAL, "the server's address \"%s\": a port is a number from 1 to %d", given,
			       UINT16_MAX);
	r = getaddrinfo(host, port, &hints, &list);
	if (r != 0)
		return err_set(err, EINVAL, "the server's address \"%s\": %s", given, gai_strerror(r));
	for (const struct addrinfo *a = list; a && n < max; a = a->ai_next) {
		if (a->ai_addrlen > sizeof ret->addr)
			continue;
		memcpy(&ret[n].addr, a->ai_addr, a->ai_addrlen);
		ret[n++].len = a->ai_addrlen;
	}
	freeaddrinfo(list);
	return (int)n;
}
