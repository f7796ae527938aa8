/* SPDX-License-Identifier: Apache-2.0
 *
 * life: the lives of a container, and what is wished of them. Inside of node/engine only.
 *
 * A wish is written down (life.json, replaced atomically) before anything is done about it, so that a daemon that is killed in between leaves
 * either nothing, or a wish that the next daemon fulfils:
 *   {"run": n, "start": true, "ending": ms, "manual": true, "removing": true, "automatic": true, "restarts": n, "name": "x"}
 *   run        the number of the present life. No exit.json of this number and no sock: its order reached nobody and is given (again)
 *   start      once the present life is over the next one begins
 *   ending     the present life was asked to end, with so many ms to do so (-1 = the spec's); repeated to a monitor that lives
 *   manual     it was asked to end by somebody, so no restart policy applies before its next start
 *   removing   it was asked to go
 *   automatic  the present life was begun by the restart policy, the restarts-th since somebody started it
 *   name       its name, when it was renamed
 * Without a life.json it is in life 1, or has none yet when config.json says "start": false.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct container;
struct err;

#define LIFE_NOT_ENDING INT64_MIN

int life_save(struct container *c, struct err *err);
/* As life_save() where a failure changes nothing in what is done: a full disk must not keep anything from ending. */
void life_note(struct container *c);
/* Reads life.json; `waits`: config.json says that it was not to be started. */
void life_load(struct container *c, int dir, bool waits);

/* Begins the next life; nothing of the present one may be left. On failure nothing has changed. */
int life_begin(struct container *c, bool automatic, struct err *err);
/* The present one has ended (the state says how): decides whether the policy wants another one. Before anybody is told. */
void life_ended(struct container *c);
/* Its monitor has gone, too: begins the next one if there is a wish, now or after the back-off. */
void life_over(struct container *c);
/* The engine ends: what has ended and whose monitor is about to go keeps no network. */
void life_close(struct container *c);
/* The same for one that a new daemon finds. */
void life_recall(struct container *c);
/* Takes back what would begin another life. True if there was something. */
bool life_cancel(struct container *c);
/* A start would be, or is, under way without anybody's doing more. */
bool life_pending(const struct container *c);
