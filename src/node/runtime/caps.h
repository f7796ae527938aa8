/* SPDX-License-Identifier: Apache-2.0
 *
 * caps: capabilities as bit sets. Inheritable and ambient are always empty: a set of them would let a program without rights of its own
 * pass capabilities on (CVE-2022-24769 and its relatives).
 */
#pragma once

#include <stdint.h>

struct err;
struct rt_caps;

/* Takes everything outside `keep` out of the bounding set, for ever, and empties the ambient set. Needs CAP_SETPCAP. */
int caps_bound(uint64_t keep, struct err *err);

/* Sets permitted and effective to `set`, inheritable to nothing. */
int caps_set(uint64_t set, struct err *err);

/* Sets all but the bounding set as an OCI configuration says. What the caller itself does not have cannot be given and is left out. */
int caps_apply(const struct rt_caps *caps, struct err *err);

/* To file systems we are user and group `id` from now on, with the capabilities that a change of it takes away: root of a container with users of
 * its own, for whose files the host's root is nobody. 0 = ourselves again. */
int caps_files_as(uint32_t id, struct err *err);
