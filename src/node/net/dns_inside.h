/* SPDX-License-Identifier: Apache-2.0
 *
 * dns_inside: sockets in another network namespace. A socket belongs for good to the namespace in which it was made; so the calling thread is
 * there for this one system call and back at once. If it cannot come back the process ends: it must not serve anybody from there.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct err;

/* socket(2), close-on-exec and non-blocking, in that namespace; -1 = here. */
int dns_inside_socket(int netns, int family, int type, int protocol, struct err *err);

/* Two rules (table "berth-dns") in the namespace lead port 53 of 127.0.0.11 to these ports and the answers back. They change
 * packets one by one, without connection tracking. What an earlier daemon put there is replaced. Returns a descriptor, the caller's, to be closed
 * a second later: the kernel cleans up meanwhile, and a close waits for that (10 ms). A negative errno: this kernel cannot. */
int dns_inside_redirect(int netns, uint16_t udp_port, uint16_t tcp_port, struct err *err);

/* What a container's questions come through. */
struct dns_sockets {
	int udp, tcp;
	int rules; /* what dns_inside_redirect() returned, -1 = they are at port 53 */
};
#define DNS_SOCKETS_NULL ((struct dns_sockets){-1, -1, -1})

/* Both at 127.0.0.11 in that namespace: at free ports, or, where the kernel cannot lead port 53 there, at port 53. */
int dns_inside_open(int netns, struct dns_sockets *ret, struct err *err);
void dns_inside_close(struct dns_sockets *s);

/* The container's monitor makes them before the program starts and keeps them: what is asked while no daemon serves it waits there and is not lost. They are left at
 * descriptors of their own of the calling process. */
int dns_inside_offer(int netns, struct err *err);
/* Copies of those of another process, the monitor. -ENOENT: it has none. */
int dns_inside_take(pid_t monitor, struct dns_sockets *ret, struct err *err);
