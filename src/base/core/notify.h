/* SPDX-License-Identifier: Apache-2.0
 *
 * notify: words to the service manager that started us (sd_notify(3)), when there is one.
 */
#pragma once

void notify_manager(const char *text); /* "READY=1", "STOPPING=1" */
