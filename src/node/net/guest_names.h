/* SPDX-License-Identifier: Apache-2.0
 *
 * guest_names: how a guest asks for names. The machine's servers that can be reached from elsewhere are its own; when all of them listen at the machine's
 * loopback (systemd-resolved, dnsmasq), a process serves 127.0.0.11 in the guest's network and asks them there. Inside of guest.c only.
 */
#pragma once

#include <sys/types.h>

struct err;

struct guest_names {
	char *resolv_conf;
	pid_t server; /* 0 = none is needed; dies with the caller */
};

int guest_names_start(int netns, struct guest_names *ret, struct err *err);
void guest_names_stop(struct guest_names *n);
