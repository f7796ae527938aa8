/* SPDX-License-Identifier: Apache-2.0
 *
 * listener: the agent that a profile with SCMP_ACT_NOTIFY names (runtime-spec config-linux.md, "listenerPath"): a connected socket, and what
 * is sent to it together with the notify descriptor.
 *
 * The process that sends it is started before its number is known, so the text lies in memory that it shares with us.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct err;
struct seccomp_profile;

struct listener {
	int sock;
	char *text; /* shared; room bytes */
	size_t room;
};

#define LISTENER_NONE                                                                                                  \
	{                                                                                                              \
		.sock = -1                                                                                             \
	}

/* Connects. -EINVAL when the profile names no socket. */
int listener_open(const struct seccomp_profile *p, struct listener *l, struct err *err);
/* Writes the containerProcessState around `state_json` (oci_state_json()). The first call makes the room: later texts may be longer by some
 * digits only. */
int listener_describe(struct listener *l, const struct seccomp_profile *p, const char *version, pid_t pid,
		      const char *state_json, struct err *err);
void listener_close(struct listener *l);
