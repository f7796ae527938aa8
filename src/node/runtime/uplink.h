/* SPDX-License-Identifier: Apache-2.0
 *
 * uplink: a network for containers of an ordinary user, who cannot put an interface on the machine. A program, pasta or slirp4netns, makes one in
 * the container's network namespace and does outside, with sockets of the user, what the container's packets ask for. Neither reaches the machine's own
 * loopback, nothing outside reaches the container but by ports that were published, and both confine themselves (attacks.md: their bytes come from the container).
 *
 * The program lives in a process namespace of its own, whose first process, our guard, dies with the caller: so it cannot be left behind,
 * whatever it does with its parents and rights.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

enum uplink_kind { UPLINK_NONE, UPLINK_PASTA, UPLINK_SLIRP, UPLINK_KINDS };

#define UPLINK_WHY_MAX 256

/* What this machine has of what is wished: "none", "pasta", "slirp4netns", or "auto" (the first of the two that is there). *why is "" or says why
 * "auto" became none and what to do. -EINVAL: no such word; -ENOENT: what was named is not there. */
int uplink_choose(const char *wish, enum uplink_kind *ret, char why[static UPLINK_WHY_MAX], struct err *err);

struct uplink {
	pid_t pid; /* of the guard, a child of the caller; 0 = none */
	int pidfd;
	int life; /* its other end is closed with us */
};

#define UPLINK_NULL ((struct uplink){.pidfd = -1, .life = -1})

/* What comes to these ports of the machine is led to the container's. Only pasta does. */
#define UPLINK_PORTS_MAX 2000
struct uplink_port {
	bool udp;
	char host_ip[46]; /* "0.0.0.0" and "::" are all addresses of a family */
	uint16_t host_port, port;
};
struct uplink_ports {
	struct uplink_port *v;
	size_t n;
};

/* Makes a network namespace with an interface, an address and a route, besides its loopback; *ret_netns is a descriptor of it. The caller has one
 * thread and is root of its user namespace. ports may be NULL. */
int uplink_start(enum uplink_kind kind, const struct uplink_ports *ports, struct uplink *ret, int *ret_netns,
		 struct err *err);
/* Ends it; does nothing when there is none. */
void uplink_stop(struct uplink *u);

/* The resolv.conf for its containers, new memory: the machine's search list and options, and the address where the program passes questions on
 * to the machine's own name server. */
char *uplink_resolv_conf(enum uplink_kind kind, const char *machines);
