/* SPDX-License-Identifier: Apache-2.0
 *
 * waiting: the socket of a server that waits because another one leads, or its store cannot be reached: it answers what it waits for (503), says that it is there
 * (/v1/ping), and can be ended by its owner (/v1/down). It replaces the API until this server leads.
 */
#pragma once

#include "face/api/api.h"

struct err;
struct loop;
struct waiting;

/* `fd` listens (http_listen_unix) and becomes its own. down: as api_options'. */
int waiting_new(struct loop *l, int fd, void (*down)(void *ctx, enum api_down how), void *ctx, struct waiting **ret,
		struct err *err);
void waiting_set_leader(struct waiting *w, const char *leader);
void waiting_set_trouble(struct waiting *w, const char *what); /* until there is a leader */
struct waiting *waiting_free(struct waiting *w);
