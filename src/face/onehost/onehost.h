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
#include <stddef.h>

struct docker;
struct http_req;
struct loop;
struct onehost;
struct server;

/* Both must outlive it. docker: the handlers of this machine, for what is no node's (ping, version); socket: where it answers (copied). */
struct onehost *onehost_new(struct loop *l, struct server *s, struct docker *docker, const char *socket);
struct onehost *onehost_free(struct onehost *h); /* the requests are gone */

/* What happens to containers of no job, and to images, on all nodes but this berth itself: each event a line of JSON as GET /v1/events has it, with its `node`,
 * from now on. A node that comes later joins in. Nothing is kept for a listener who is slow: he says when no more is to come (paused), and the nodes keep a
 * little and then wait. The line is valid during the call, which may free the listener's request later, but not the listener. */
struct node_events;
typedef void (*node_events_fn)(void *ctx, const char *line, size_t len);
struct node_events *node_events_new(struct onehost *h, node_events_fn fn, void *ctx);
void node_events_pause(struct node_events *e, bool paused);  /* takes NULL */
struct node_events *node_events_free(struct node_events *e); /* takes NULL */

/* With the headers: true = it is ours, and has been taken when its body is a stream. */
bool onehost_headers(struct onehost *h, struct http_req *r);
/* With the body: true = it has been taken. */
bool onehost_request(struct onehost *h, struct http_req *r);
