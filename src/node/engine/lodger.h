/* SPDX-License-Identifier: Apache-2.0
 *
 * lodger: somebody on a network of the books who is no container: the steps of one build. They share one address, one network namespace and the
 * name server at 127.0.0.11.
 *
 * The daemon gives the address and writes the plug down (<data>/networks/lodgers/ID.json); the process that works for it (engine_tool()) makes the
 * namespace and plugs it in, then says so through ENGINE_TOOL_LIFE. The address is free again when that process has answered or nobody waits for it any
 * more. A daemon that was killed leaves the file: the next one takes away from the kernel what it says.
 */
#pragma once

#include "node/engine/engine.h"
#include "node/net/plug.h"

struct lodger;

/* ---- in the daemon ---- */

/* On the network of that name or id, which a user has made. -ENOENT "network x not found", -EINVAL one of the default networks, -EDQUOT no address is
 * free; -ENOTSUP this daemon makes no interfaces. */
int lodger_new(struct engine *e, const char *network, struct lodger **ret, struct err *err);
/* Takes NULL, returns NULL. */
struct lodger *lodger_free(struct lodger *l);
const char *lodger_plug(const struct lodger *l); /* for lodging_enter() */
/* Something came through `life`: from now on the names of the network are there. -ENODATA: it is at its end. */
int lodger_hear(struct lodger *l, int life, struct err *err);
/* At the daemon's start. */
void lodger_sweep(struct engine *e);

/* ---- in the process ---- */

struct lodging {
	struct plug plug;
	int netns;
	char *resolv_conf; /* for /etc of whoever is in the namespace; NULL = the machine's */
};
#define LODGING_NULL ((struct lodging){.netns = -1})
/* Makes the namespace with its interface; the caller has one thread. *ret is for lodging_leave() in every case. */
int lodging_enter(const char *plug, struct lodging *ret, struct err *err);
/* The network of a container that runs, by its id: nothing is made, and nothing taken away. Likewise. -ESRCH: it does not run. */
int lodging_join(int data_dir, const char *container, struct lodging *ret, struct err *err);
/* Nobody may be in it any more. */
void lodging_leave(struct lodging *l);
