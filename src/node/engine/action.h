/* SPDX-License-Identifier: Apache-2.0
 *
 * action: what happened to containers, images, networks and volumes, as `docker events` tells it. The last ones are kept for those who ask later; the
 * number of those kept and their bytes are limited (but none goes before all listeners have heard of it). It is forgotten with the daemon.
 *
 * Of containers the engine tells itself: create start die stop kill oom pause unpause rename update restart destroy "health_status: healthy".
 * Streams tell attach resize "exec_create: cmd" "exec_start: cmd" exec_die; volumes create mount unmount destroy; networks connect and disconnect for
 * each life of a container; others their own objects.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct engine;
struct engine_container;

#define ENGINE_ACTIONS_MAX 1024
#define ENGINE_ACTIONS_BYTES (256u << 10)

struct engine_action {
	uint64_t number;  /* 1 for the first of this daemon */
	int64_t time_ns;  /* never earlier than that of the one before */
	const char *type; /* "container", "image", "network", "volume", "builder", "daemon" */
	const char *action;
	const char *id;
	const char *const *attributes; /* name, value, name, value ..., NULL */
};

/* attributes: name, value ..., NULL; NULL = none. All is copied. */
void engine_action_add(struct engine *e, const char *type, const char *action, const char *id,
		       const char *const *attributes);
/* Of a container: its image, name and labels are added to `more`. */
void engine_action_of(struct engine *e, const struct engine_container *c, const char *action, const char *const *more);

/* The first one after the given number that is kept, NULL = there is none yet; valid until the next turn of the loop. */
const struct engine_action *engine_action_after(struct engine *e, uint64_t number);

/* Called for each one that is added from now on, from the loop. fn may unlisten. */
typedef void (*engine_action_fn)(void *ctx, const struct engine_action *a);
struct engine_action_listener;
struct engine_action_listener *engine_action_listen(struct engine *e, engine_action_fn fn, void *ctx);
struct engine_action_listener *engine_action_unlisten(struct engine_action_listener *l);
