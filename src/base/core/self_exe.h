/* SPDX-License-Identifier: Apache-2.0
 *
 * self_exe: the program's own file, so that nobody who gets hold of /proc/<pid>/exe of one of our processes can write it (CVE-2019-5736).
 * Whoever runs next to a foreign program (a container's first process, an exec into it) must itself run from here.
 */
#pragma once

#include <stdbool.h>

struct err;

/* Opens our program as a file of a read-only mount that no path leads to. Needs CAP_SYS_ADMIN and Linux 5.12. Returns the descriptor (for
 * execveat with AT_EMPTY_PATH) or a negative errno. */
int self_exe_open(void);

/* Makes sure that the calling process runs from a file that cannot be written: returns 0 when it does, be it that its pages were moved there just now
 * (self_pages.h: one thread, no signal handlers), else runs the program once more from self_exe_open() or, where that is not allowed, from a sealed copy in
 * memory, with the same words and environment; then it does not return. Open descriptors that are not close-on-exec stay. Negative errno with *err set when neither can be had. */
int self_exe_guard(char *const *argv, char *const *env, struct err *err);
