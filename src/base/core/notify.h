/* SPDX-License-Identifier: Apache-2.0
 *
 * notify: words to the service manager that started us (sd_notify(3)), when there is one.
 */
#pragma once

void notify_manager(const char *text); /* "READY=1", "STOPPING=1" */

/* How many listening sockets it has opened for this process (sd_listen_fds(3)), from NOTIFY_FDS_FIRST on. To be called once, before anything is
 * started: no child inherits them, nor the variables that tell of them. */
#define NOTIFY_FDS_FIRST 3
int notify_listen_fds(void);
