/* SPDX-License-Identifier: Apache-2.0
 *
 * listen: the server's door for agents. Who shows a member's certificate and is still a member gets a link; who shows none can ask to join, with a token.
 * Strangers have CROWD_MAX places together and ten seconds each; when places are short crowd.h says who gets one, so that nobody can keep the others out.
 */
#pragma once

#include "cluster/link/cert.h"

#include <stdbool.h>

struct authority;
struct err;
struct join_request;
struct link_end;
struct link_guest;
struct link_listener;
struct loop;

struct link_listen_hooks {
	/* A certificate of ours is shown: is it still a member's? */
	bool (*admit)(void *ctx, const char *node, const char *member);
	/* The link is up, and the owner's from now on. */
	void (*link)(void *ctx, const char *node, struct link_end *e);
	/* To be answered by link_guest_answer(), once, now or later; who has gone meanwhile is no error. */
	void (*join)(void *ctx, const struct join_request *j, struct link_guest *g);
};

/* `fd` listens and becomes the listener's. */
int link_listen(struct loop *l, int fd, const struct authority *a, const struct link_listen_hooks *hooks, void *ctx,
		struct link_listener **ret, struct err *err);
struct link_listener *link_unlisten(struct link_listener *l);
/* A certificate, or an error. The guest must not be used afterwards. */
void link_guest_answer(struct link_guest *g, const char *cert, const struct err *error);
