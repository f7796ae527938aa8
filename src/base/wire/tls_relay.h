/* SPDX-License-Identifier: Apache-2.0
 *
 * tls_relay: a plain socket in front of a TLS connection, for code that knows sockets alone.
 */
#pragma once

struct err;
struct tls_conn;

/* Starts a process that passes bytes between the connection `c`, whose handshake is over, and a socket, which is returned: blocking, the caller's. `net` is
 * the socket of `c`; the caller closes it, and frees `c` without another word. An end on one side is told to the other, which may go on (half-close).
 * The process ends with the connection, or when the socket is closed; nobody needs to wait for it. */
int tls_relay(struct tls_conn *c, int net, struct err *err);
