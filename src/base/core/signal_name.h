/* SPDX-License-Identifier: Apache-2.0
 *
 * signal_name: signals as people write them.
 */
#pragma once

struct err;

/* "9", "KILL", "SIGKILL", "sigkill", "RTMIN+3", "SIGRTMAX-1"; "0" only asks whether there is somebody. -EINVAL. */
int signal_number(const char *text, struct err *err);
