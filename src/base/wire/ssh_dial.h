/* SPDX-License-Identifier: Apache-2.0
 *
 * ssh_dial: a connection to the daemon of another machine by the ssh that is installed here, as docker's client makes it: `ssh HOST` runs `berth system
 * dial-stdio` there, or docker's, and its standard streams are the connection. Who may come in, and with which key, is ssh's matter (~/.ssh/config, agent); it has
 * no terminal to ask at.
 */
#pragma once

#include <stdbool.h>

struct err;

bool ssh_dial_is(const char *address); /* it begins with ssh:// */
/* address: ssh://[USER@]HOST[:PORT][/SOCKET]. A blocking socket, the caller's; the ssh ends with it. What goes wrong there is said by ssh on standard error,
 * and the connection ends. -EINVAL: no such address. */
int ssh_dial(const char *address, struct err *err);
