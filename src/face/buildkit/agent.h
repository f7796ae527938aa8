/* SPDX-License-Identifier: Apache-2.0
 *
 * agent: an ssh agent of the client as a socket of this machine: each connection to it becomes a stream of the session.
 * Source: moby/buildkit session/sshforward/ssh.proto.
 */
#pragma once

struct err;

/* A socket in the directory `dir`, served by a process that ends with the caller's; *ret is its path as long as `dir` is open, the caller's. -ENOENT: the
 * client has no agent of that id. */
int agent_forward(int ask, const char *id, int dir, char **ret, struct err *err);
