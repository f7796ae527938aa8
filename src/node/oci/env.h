/* SPDX-License-Identifier: Apache-2.0
 *
 * env: the environment of a program from a configuration and what is added to it.
 */
#pragma once

/* Each name once, with the last value that it is given: first in `given`, then in `more` (NULL = nothing). "NAME=value" or "NAME", which stays as it
 * is. The result is NULL-terminated and the caller's (mem_strv_free). */
char **oci_env_merge(char *const *given, char *const *more);
