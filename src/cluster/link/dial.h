/* SPDX-License-Identifier: Apache-2.0
 *
 * dial: the agent's end of the link. It joins with a token when it has no certificate yet, connects, connects again with growing pauses when the connection
 * breaks (redial.h), and has its certificate renewed in the second half of its life. Its key, its certificate and the authority's lie in one folder that is root's alone.
 *
 * Of several servers one leads and has a door, the others refuse connections: they are tried in turn. A server that is silent for DIAL_SILENCE_MS is asked, and left when it is silent for as long again.
 */
#pragma once

struct err;
struct link_end;
struct loop;

#define DIAL_SILENCE_MS 1500

struct dial_options {
	const char *dir;    /* of its files */
	const char *server; /* HOST[:PORT][,HOST[:PORT]]... */
	const char *token;  /* NULL: it has joined before */
	const char *node;
	/* Once, at once for a machine that has joined before; else when the server has welcomed it, or, with why not, when each of its
	 * addresses was tried in vain: it goes on trying. NULL = nobody asks. */
	void (*settled)(void *ctx, const char *why);
	void *ctx;
};

/* What can be wrong with the words before anything is made: name, addresses, token. */
int dial_check(const struct dial_options *o, struct err *err);
/* Returns when the address and the files are fine, before anything is connected. -EINVAL, -ENOENT: no certificate and no token. */
int dial_new(struct loop *l, const struct dial_options *o, struct link_end **ret, struct err *err);
