/* SPDX-License-Identifier: Apache-2.0
 *
 * http_unix: the address of a Unix socket, for both ends.
 */
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

struct err;

/* -EINVAL: the path is empty or does not fit the kernel's 108 bytes. */
int http_unix_address(const char *path, struct sockaddr_un *ret, struct err *err);
