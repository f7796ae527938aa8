/* SPDX-License-Identifier: Apache-2.0
 *
 * group: a group of the machine by its name, from wherever the machine has its groups (nsswitch.conf(5)).
 */
#pragma once

#include <sys/types.h>

struct err;

#define GROUP_NONE ((gid_t)-1) /* chown(2) takes it for "as it is" */

/* 1 with *ret, 0 (and GROUP_NONE) when there is no such group, or a negative errno. A child asks, for what asks stays: the C library loads the
 * machine's sources of groups, and with systemd's they are 0.3 MB that a daemon would keep for one question. For a process with one thread. */
int group_find(const char *name, gid_t *ret, struct err *err);
