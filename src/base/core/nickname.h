/* SPDX-License-Identifier: Apache-2.0
 *
 * nickname: names for what nobody has named, easy to say and to type: "amber_otter". There are over 15,000; when some are taken, numbers follow.
 */
#pragma once

#include <stdbool.h>

enum { NICKNAME_SIZE = 40 };

/* Writes a random name that `taken` says no to, NUL-terminated. digits: so many digits stand at its end at the least, for whoever cannot ask
 * everybody who may have it; 0 = none until some tries were in vain. Asks often when much is taken, and never gives up: taken() must say no to some. */
void nickname_make(char name[NICKNAME_SIZE], unsigned digits, bool (*taken)(void *ctx, const char *name), void *ctx);
