/* SPDX-License-Identifier: Apache-2.0
 *
 * record: what of a bundle is kept in a container's state directory for later commands, and how it is read again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err;
struct cgroup_box;
struct oci_bundle;
struct oci_config;
struct oci_state;
struct rt_filter;

/* The state of a container that is being made; its strings belong to the bundle. */
void oci_record_fill(struct oci_state *s, const struct oci_bundle *b, const char *id, const char *created);
/* Writes the copies: the configuration, and the filter if there is one. */
int oci_record_copies(int dir, const struct oci_bundle *b, struct err *err);

int oci_record_config(int dir, struct oci_config **ret, struct err *err);
/* Success and *ret_there = false when the container has none. seccomp_filter_free() is for it, too. */
int oci_record_filter(int dir, struct rt_filter *ret, bool *ret_there, struct err *err);

/* Gives the cgroups to the root of a container that has its own users and may write its cgroups. */
int oci_record_delegate(const struct oci_bundle *b, const struct cgroup_box *cgroup, struct err *err);
