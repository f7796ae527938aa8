/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_network: the network of one RUN. What it has by default leads out: for root an interface on the bridge of builds (node/net/guest.h), for an
 * ordinary user pasta or slirp4netns (node/runtime/uplink.h). A machine that cannot do that runs the step with its loopback alone, and says so in the
 * step's output: many need no more.
 */
#pragma once

#include "node/runtime/uplink.h"

#include <stdbool.h>

struct build;
struct guest;
struct step_run;

struct exec_network {
	bool host;
	int netns; /* borrowed from what follows; -1 = a new one without a way out, or the machine's */
	struct guest *guest;
	struct uplink uplink;
	int uplink_netns;
	char *resolv_conf;
};

/* In the child process of the step. `out`: where people read. */
void exec_network_make(struct build *b, const struct step_run *run, int out, struct exec_network *ret);
void exec_network_free(struct exec_network *n);
