/* SPDX-License-Identifier: Apache-2.0
 *
 * What every kind of end has. Nobody outside of this folder includes this.
 */
#pragma once

#include "cluster/link/link.h"

struct link_ops {
	void (*send)(struct link_end *e, const struct link_msg *m);
	int (*tunnel)(struct link_end *e, int fd, const void *first, size_t n, struct err *err); /* owns fd */
	int (*dial)(struct link_end *e); /* of a peer in this process: its tunnel function. NULL: a tunnel is made */
	void (*free)(struct link_end *e);
};

struct link_end {
	const struct link_ops *ops;
	link_fn fn;
	void *ctx;
	link_state_fn on_state;
	void *state_ctx;
	link_tunnel_fn on_tunnel;
	void *tunnel_ctx;
	bool up;
};

/* Notes it and tells the owner. */
void link_set_up(struct link_end *e, bool up);
