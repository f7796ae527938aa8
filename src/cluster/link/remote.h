/* SPDX-License-Identifier: Apache-2.0
 *
 * remote: an end of the link whose peer is on the other side of a connection (conn.h). For dial.c and listen.c.
 */
#pragma once

#include "cluster/link/conn.h"
#include "cluster/link/link_private.h"
#include "cluster/link/msg.h"

struct remote {
	struct link_end end;
	struct conn *conn; /* NULL: not connected */
	enum msg_side peer;
};

/* Puts the message on the connection; nothing happens without one. */
void remote_send(struct remote *r, const struct link_msg *m);
/* What the connection brought, decoded, for `fn`. A message that is none ends the connection: -EINVAL and others. */
int remote_take(struct remote *r, const char *text, size_t n, link_fn fn, void *ctx, struct err *err);
#define remote_of(end_of_link) ((struct remote *)(end_of_link))
