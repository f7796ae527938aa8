/* SPDX-License-Identifier: Apache-2.0
 *
 * rootless: berth of an ordinary user. The daemon's process enters a user namespace and a mount namespace of its own before anything else and
 * is root there, so that all that follows works as for root (docs/ROOTLESS.md). Its users: 0 is the user, 1 and up are the user's ranges in
 * /etc/subuid and /etc/subgid, written by newuidmap(1) and newgidmap(1), which a helper runs that stays outside. Without a range, or
 * without these programs, there is user 0 alone.
 */
#pragma once

#include <stdbool.h>

struct err;

#define ROOTLESS_WARNING_MAX 1024

/* Whether the caller must enter: it is not root, or may not mount. */
bool rootless_needed(void);

/* Enters; the caller has one thread. `warning` becomes "" or one line that names what is missing and what to type. After a failure the process
 * is of no more use. */
int rootless_enter(char warning[static ROOTLESS_WARNING_MAX], struct err *err);

/* What the process finds itself in, asked of the kernel once (rt_host() does, so that monitors know): in another user namespace than the
 * machine's first one, whoever made it, devices cannot be made and overlays need other marks. */
bool rootless_inside(void);
/* Whether groups cannot be changed: a map without ranges. */
bool rootless_groups_fixed(void);
