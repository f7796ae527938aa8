/* SPDX-License-Identifier: Apache-2.0
 *
 * networks: networks of containers, for those above the engine. Networks themselves are made, found and removed by node/net/net.h.
 */
#pragma once

#include "node/engine/engine.h"
#include "node/net/net.h"

/* The books of the networks; NULL when this engine has none. */
struct net *engine_net(struct engine *e);

/* The API listens with TCP at this port, and no container may come there: net_door(). Who is there all the same: net_is_inside(). */
int engine_door(struct engine *e, uint16_t port, struct err *err);
bool engine_holds(struct engine *e, const struct sockaddr_storage *peer);

/* A container on the default network has no link of this alias any more: not in its next life, and one that runs has neither the name nor the variables
 * of it in what is started there from now on. -ENOENT: no such container, or it has no such link. */
int engine_unlink(struct engine *e, const char *container, const char *alias, struct err *err);

/* A container comes to a network, or leaves one. 1: it does not run, so it was written down for its next start, and done is not called. 0: its monitor
 * plugs it in, and done tells of it, as with engine_pause(). -ENOENT container or network; -EEXIST it is on it; -EPERM it has the machine's network, none or another container's, or
 * the network is host or none; -EBUSY, -EINVAL the address; -ESRCH. force: a container that is not there any more is forgotten by the network. */
int engine_connect(struct engine *e, const char *container, const struct net_endpoint_wish *wish, engine_done_fn done,
		   void *ctx, struct engine_answer **ret, struct err *err);
int engine_disconnect(struct engine *e, const char *container, const char *network, bool force, engine_done_fn done,
		      void *ctx, struct engine_answer **ret, struct err *err);
