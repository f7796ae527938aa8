/* SPDX-License-Identifier: Apache-2.0
 *
 * profile: a seccomp profile in the form of Docker's and Podman's clients (--security-opt seccomp=FILE): that of runtime-spec, with rules that depend
 * on the container's capabilities, the machine and its kernel. Foreign text: limited in size, depth and number; members that are not known are
 * skipped, as others do.
 */
#pragma once

#include "node/runtime/rt_attr.h"

/* Compiles (seccomp_filter_free() of seccomp_profile.h) for a container with these capabilities. */
int profile_compile(const char *json, uint64_t caps, struct rt_filter *ret, struct err *err);
