/* SPDX-License-Identifier: Apache-2.0
 *
 * oci: the runtime as a command line that takes the place of runc or crun (`berth oci ...`, or the program under the name berth-oci).
 */
#pragma once

#include <stdbool.h>

/* True for argv[0] "berth-oci" in any folder. */
bool oci_is_name(const char *argv0);
/* argv[0] is the name of the command, then global options, a verb, its options and arguments. Returns the exit status. `again` is the whole
 * command line of the process, for starting itself once more. */
int oci_main(int argc, char **argv, char *const *again);
