/* SPDX-License-Identifier: Apache-2.0
 *
 * relay: a stream of a session for a process of ours: messages go both ways through a socket, each behind its length (4 bytes, little-endian). A length of
 * RELAY_END is the end: then come the status (4 bytes) and its text, behind its own length. When the process shuts its side for writing, the stream is
 * half-closed; when it closes the socket, the stream is cancelled.
 */
#pragma once

#include "base/wire/rpc.h"

#define RELAY_END UINT32_MAX

/* Takes fd over; it frees itself at the end. The connection `session` may be NULL or full: then the process is told so. */
void relay_open(struct loop *l, struct rpc *session, const char *path, const struct rpc_field *fields, int fd);
