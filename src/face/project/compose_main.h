/* SPDX-License-Identifier: Apache-2.0
 *
 * compose_main: `berth compose`: projects of several services by Docker's API, with the labels and names of Compose v2.
 */
#pragma once

/* argv[0] is "compose", then global options, a command, its options and arguments. Returns the exit status. socket, context: what stood before
 * it, or NULL. */
int compose_main(int argc, char **argv, const char *socket, const char *context);
