/* SPDX-License-Identifier: Apache-2.0
 *
 * hook: runs the hooks of a configuration (runtime-spec config.md, "POSIX-platform Hooks"): in their order, the container's state on standard
 * input, nothing in the environment but what the hook asks for, no descriptor of ours (attack row R18).
 */
#pragma once

#include "node/oci/config.h"

struct err;

/* `cwd`: where they run. `env`: for a hook that has no environment of its own; may be NULL. The first that fails ends it: "error running
 * createRuntime hook #0: ..." with the end of what it said. */
int oci_hooks_run(const struct oci_config *c, enum oci_hook_type type, const char *state_json, const char *cwd,
		  char *const *env, struct err *err);
/* Runs them all, whatever each returns (poststop); `warn` is told of each failure. */
void oci_hooks_run_all(const struct oci_config *c, enum oci_hook_type type, const char *state_json, const char *cwd,
		       void (*warn)(const char *text));
