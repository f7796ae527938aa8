/* SPDX-License-Identifier: Apache-2.0
 *
 * dns_inside: sockets in another network namespace. A socket belongs for good to the namespace in which it was made; so the calling thread is
 * there for this one system call and back at once. If it cannot come back the process ends: it must not serve anybody from there.
 */
#pragma once

#include <stdint.h>

struct err;

/* socket(2), close-on-exec and non-blocking, in that namespace; -1 = here. */
int dns_inside_socket(int netns, int family, int type, int protocol, struct err *err);

/* Two rules (table "berth-dns") in the namespace lead port 53 of 127.0.0.11 to these ports and the answers back. They change
 * packets one by one, without connection tracking. What an earlier daemon put there is replaced. Returns a descriptor, the caller's, to be closed
 * a second later: the kernel cleans up meanwhile, and a close waits for that (10 ms). A negative errno: this kernel cannot. */
int dns_inside_redirect(int netns, uint16_t udp_port, uint16_t tcp_port, struct err *err);
