/* SPDX-License-Identifier: Apache-2.0
 *
 * guest: a network for a step of a build, which is no container of a daemon: it has a bridge network of its own, whose addresses are given by locks on
 * files. So builds need no daemon, and a daemon that keeps the books beside them never gives an address twice.
 *
 *   <data>/networks/builds.json   the network, as in docs/NETWORKS.md; in the books of a daemon too, but in no list
 *   <data>/networks/guests/N      locked by the guest that has the address number N of its subnets
 *   <data>/networks/guests/lock   held while the kernel is changed
 *
 * A guest that is killed leaves its lock at that moment and its interface with its network namespace; the bridge goes with the next last guest or with the
 * daemon's end. Guests reach the world and the machine, but neither each other nor containers.
 */
#pragma once

struct err;
struct guest;

/* Makes a network namespace with an interface and its way out. The caller has one thread and is the machine's root, and waits for other guests that
 * come or go, some milliseconds each. -EDQUOT no subnet or address is free; -EPERM, -EOPNOTSUPP ... of the kernel. */
int guest_new(int data_dir, struct guest **ret, struct err *err);
/* Nobody may be in it any more. Takes NULL, returns NULL. */
struct guest *guest_free(struct guest *g);

int guest_netns(const struct guest *g); /* borrowed */
/* For /etc/resolv.conf inside: the machine's, or, when its servers can be reached from the machine alone, a process of ours that asks them. */
const char *guest_resolv_conf(const struct guest *g);
