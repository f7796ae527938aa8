/* SPDX-License-Identifier: Apache-2.0
 *
 * flows: what the kernel remembers of UDP. Where a packet is led is decided with the first one of a flow, and a client that goes on sending goes on being
 * led there: to a container that has gone, or past one that has come. So those flows are forgotten.
 */
#pragma once

#include <stdbool.h>

struct nl;
struct plug;

/* comes: the plug's published ports are in the rules now: flows to them that lead elsewhere. Else: they are not any more: flows that lead to the container.
 * Nothing is done without a published port of UDP. A kernel that does not tell of its flows keeps them until they end. keep: as in wall.h. */
void flows_forget(const struct plug *p, bool comes, struct nl *keep);
