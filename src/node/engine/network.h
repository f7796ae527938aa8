/* SPDX-License-Identifier: Apache-2.0
 *
 * network: the networks of one container, seen from its life. The daemon gives it addresses and ports (node/net/net.h), names and the files of names (names.h)
 * and writes down for the monitor what to do, plug.json (node/net/plug.h).
 *
 * In the container's directory:
 *   networks.json  the networks it wants, once it came to one or left one after it was made: in place of `networks` of its spec, and in its form
 *   plug.json      while it lives: what it has
 *   links.json     while it lives, and has links on the default bridge: linked.h
 *
 * networks.h is for those above the engine.
 */
#pragma once

#include <stdint.h>

struct container;
struct engine;
struct err;

#define NETWORK_WANTED "networks.json"
#define NETWORK_WANTED_MAX (1u << 20)

/* Before the order of a life: what the monitor needs to plug the container in is written into its directory. Also called again for a life whose
 * order has to be given once more, perhaps by a later daemon. On failure nothing stays. */
int network_prepare(struct container *c, int dir, struct err *err);
/* Its program runs: it can ask for names. */
void network_started(struct container *c, int pid, uint64_t start_time);
/* It has another name: others find it by that. */
void network_renamed(struct container *c);
/* A life has ended, and its monitor goes on to take its interfaces away: nobody finds it on its networks any more. */
void network_part(struct container *c);
/* After the end of a life, when its monitor has gone. Also for a life that a daemon finds at its start to have ended, and where network_prepare() was
 * not called. */
void network_release(struct container *c);

/* With the engine. A machine without networks, or a daemon that may not make them, has containers all the same. */
int network_open(struct engine *e, struct err *err);
void network_close(struct engine *e);
/* At the daemon's start: of each container that lives; then the rules are put right. */
void network_recall(struct container *c);
void network_reconcile(struct engine *e);
