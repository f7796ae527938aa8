/* SPDX-License-Identifier: Apache-2.0
 *
 * status: what a build tells its client, as messages of Control.Status. The process of the build writes each to a descriptor behind its length (4 bytes,
 * little-endian).
 *
 * A vertex is known by a number of the caller's: STATUS_STEP and below are steps by their index, the others are free.
 * Source: moby/buildkit api/services/control/control.proto.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct status;

#define STATUS_STEP 0u
#define STATUS_STAGE (1u << 24)
#define STATUS_OWN (1u << 25)
#define STATUS_IMAGE (1u << 26)
#define STATUS_MESSAGE_MAX (1u << 20)

/* seed: makes the vertices of this build others than those of any other. */
struct status *status_new(int fd, const char *seed);
struct status *status_free(struct status *s);

void status_begin(struct status *s, uint32_t id, const char *name);
/* One that has not begun, or is done, is left alone. failed NULL: well. */
void status_done(struct status *s, uint32_t id, const char *failed);
void status_cached(struct status *s, uint32_t id, const char *name);
void status_line(struct status *s, uint32_t id, const char *text); /* a line of output, without its newline */
/* How far a part of the vertex is, of `total` bytes (0 = not known: it is over); what comes more often than ten times a second is left out. */
void status_part(struct status *s, uint32_t id, const char *name, uint64_t bytes, uint64_t total);
/* A part that took no time. */
void status_mark(struct status *s, uint32_t id, const char *name);
void status_warn(struct status *s, uint32_t id, const char *text);
