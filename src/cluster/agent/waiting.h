/* SPDX-License-Identifier: Apache-2.0
 *
 * waiting: starts that have come while what they get for themselves (bind.h) is not free yet: after a cut the server gives away what a container
 * has that it has just told to end. They are tried again, in their order, when a container has ended.
 */
#pragma once

#include "cluster/link/link.h"

struct waiting;

#define WAITING_MAX 4096

struct waiting_list {
	struct waiting *first;
	size_t n;
};

/* A copy of a START, behind the others; one that is there already stays alone. -EBUSY: there are WAITING_MAX. */
int waiting_add(struct waiting_list *l, const struct link_msg *m, struct err *err);
/* False: it does not wait. */
bool waiting_drop(struct waiting_list *l, const struct link_attempt *a);
void waiting_drop_job(struct waiting_list *l, const char *job);
/* Empties the list and gives each to fn, which may add it again. */
void waiting_each(struct waiting_list *l, void (*fn)(void *ctx, const struct link_msg *m), void *ctx);
void waiting_clear(struct waiting_list *l);
