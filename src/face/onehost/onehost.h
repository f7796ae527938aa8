/* SPDX-License-Identifier: Apache-2.0
 *
 * onehost: the cluster as one Docker host (docs/CLUSTER.md, "One Docker host"). It stands before the handlers of Docker's API and of our own: what is asked of a
 * container goes to the node that has it, lists and figures are those of all nodes, and a new container is placed by the scheduler.
 *
 * Nothing is kept of a container but its name and node (cluster/server/hosted.h): the nodes are asked, all at once, when it is not known who has it. Bodies of any
 * size go through in pieces, both ways, and streams (attach, exec) as they are. A node that is lost meanwhile ends what was asked of it with a word that its
 * client understands.
 *
 * A request that has the header Berth-Node is for this very node and is left alone: so this berth asks itself, as one of the nodes.
 */
#pragma once

#include <stdbool.h>

struct docker;
struct http_req;
struct loop;
struct onehost;
struct server;

/* Both must outlive it. docker: the handlers of this machine, for what is no node's (ping, version); socket: where it answers (copied). */
struct onehost *onehost_new(struct loop *l, struct server *s, struct docker *docker, const char *socket);
struct onehost *onehost_free(struct onehost *h); /* the requests are gone */

/* With the headers: true = it is ours, and has been taken when its body is a stream. */
bool onehost_headers(struct onehost *h, struct http_req *r);
/* With the body: true = it has been taken. */
bool onehost_request(struct onehost *h, struct http_req *r);
