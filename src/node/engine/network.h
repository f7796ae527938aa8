/* SPDX-License-Identifier: Apache-2.0
 *
 * network: the networks of one container, seen from its life.
 */
#pragma once

struct container;
struct err;

/* Before the order of a life: what the monitor needs to plug the container in is written into its directory. Also called again for a life whose
 * order has to be given once more, perhaps by a later daemon. On failure nothing stays. */
int network_prepare(struct container *c, int dir, struct err *err);
/* After the end of a life, when its monitor has gone. Also for a life that a daemon finds at its start to have ended, and where network_prepare() was
 * not called. */
void network_release(struct container *c);
