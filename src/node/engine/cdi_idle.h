/* SPDX-License-Identifier: Apache-2.0
 *
 * cdi_idle: which devices of a kind somebody gets who asks for a number of them (docker run --gpus 2): those of KIND=0, KIND=1 ... that nobody has now, before
 * the others, the lowest numbers first. What they have in common (nvidiactl) tells nobody apart.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define CDI_IDLE_MAX 64 /* numbers that are looked at */

/* Whether a device node of the machine is in use. */
typedef bool (*cdi_used_fn)(void *ctx, const char *path);

/* n names in the order of their numbers, the caller's (mem_strv_free()). Where no more than n are described it is the first n, described or not. */
char **cdi_idle(const char *const *dirs, const char *kind, size_t n, cdi_used_fn used, void *ctx);
