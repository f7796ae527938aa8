/* SPDX-License-Identifier: Apache-2.0
 *
 * socket: what the TCP sockets of links have, and where they lead.
 */
#pragma once

#include <stddef.h>
#include <sys/socket.h>

struct err;

#define SOCKET_PORT "7420" /* where agents find the server when nobody says another one */

/* No delay, little unsent in the kernel (so that what is urgent is not behind what is bulk), and an end when nobody answers for SOCKET_DEAD_MS. */
#define SOCKET_DEAD_MS 15000
void socket_settle(int fd);

struct socket_address {
	struct sockaddr_storage addr;
	socklen_t len;
};
/* "HOST", "HOST:PORT" or "[::1]:PORT"; at most `max` addresses. Asks the name service: not for the loop. Returns their number. */
int socket_resolve(const char *given, struct socket_address *ret, size_t max, struct err *err);
/* "HOST:PORT" with the port put in where there is none; the caller frees. */
char *socket_with_port(const char *text);
