/* SPDX-License-Identifier: Apache-2.0
 *
 * console: gives descriptors of a container away to whoever asked for them with a Unix socket: the master end of its terminal
 * (--console-socket, as runc and crun do for podman and containerd), or its pidfd (--pidfd-socket).
 */
#pragma once

struct err;

/* Connects to the listening socket `path` (of any length). Returns the descriptor or a negative errno. */
int oci_console_connect(const char *path, struct err *err);

/* Sends the master end of a terminal, with the name of the terminal in its container as the message. */
int oci_console_send(int sock, int master, struct err *err);
/* Sends a descriptor with `text` as the message. */
int oci_console_give(int sock, int fd, const char *text, struct err *err);
