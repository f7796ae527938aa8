/* SPDX-License-Identifier: Apache-2.0
 *
 * config: config.json of an OCI bundle (runtime-spec 1.2, config.md and config-linux.md) as the structs that the runtime takes.
 *
 * The file is foreign text (a bundle may come from an image tool): at most 4 MiB, depth 64, a member that appears twice is an error, and so
 * is a text with a NUL character. A member that the specification does not know is ignored, as it demands, unless it differs from a
 * known one in the letters' case alone; one that it knows and that matters for security is either obeyed here or refused with its place
 * ("linux.namespaces[2].type: ..."), never skipped. null, and an empty string for a name or a path, mean "not given"; so does 0 for
 * what cannot be 0 (limits of memory, shares, quota, period and weights): that is how other programs write it.
 *
 * Pure: nothing is opened. Paths are as written.
 */
#pragma once

#include "node/runtime/hook.h"
#include "node/runtime/resources.h"
#include "node/runtime/rt_attr.h"
#include "node/runtime/seccomp_profile.h"

#include <stdbool.h>
#include <stddef.h>

struct err;

#define OCI_CONFIG_MAX (4u << 20)
#define OCI_VERSION "1.2.1" /* of the specification that is obeyed */

struct oci_process {
	char *const *args,
	    *const *env; /* NULL-terminated, never NULL; args may be empty only in a config without process */
	const char *cwd; /* absolute */
	struct rt_process_attr attr; /* filter is NULL: the profile has to be compiled */
};

struct oci_annotation {
	const char *key, *value;
};

struct oci_config {
	const char *version;
	const char *root; /* "rootfs", relative to the bundle, or absolute */
	bool root_read_only;
	const char *hostname; /* NULL = leave */
	bool has_process;
	struct oci_process process;
	/* source_fd, ns[].fd, listener and gate are -1 and cgroup is NULL: what has to be opened stands in source and ns_paths. "." sources are
	 * relative to the bundle. RT_FS_BIND is recognised by the options bind and rbind, or by the type bind. keyring, no_pivot and
	 * deny_setgroups are not the configuration's to say. */
	struct rt_box_attr box;
	const char *ns_paths[RT_NS_TYPES]; /* NULL = a new one, if box.ns[].wanted */
	const char *cgroups_path;	   /* NULL = not given */
	struct rt_resources resources;
	const struct seccomp_profile *seccomp; /* NULL = none */
	struct rt_hooks hooks[RT_HOOK_TYPES];
	const struct oci_annotation *annotations;
	size_t n_annotations;
	/* What could not be obeyed and is no reason to fail (config.md: capabilities that are not known or cannot be granted): for the log. */
	const char *const *warnings;
	size_t n_warnings;
};

/* *ret owns everything it points to. -EINVAL, -E2BIG; -ENOTSUP for what this runtime cannot do. */
int oci_config_parse(const char *text, size_t n, struct oci_config **ret, struct err *err);
struct oci_config *oci_config_free(struct oci_config *c); /* takes NULL, returns NULL */

/* process.json of `exec --process` and the resources of `update --resources`: the same parsers. The result is an oci_config in which only
 * process, or only resources, is set. */
int oci_config_parse_process(const char *text, size_t n, struct oci_config **ret, struct err *err);
int oci_config_parse_resources(const char *text, size_t n, struct oci_config **ret, struct err *err);

/* What `spec` writes: a complete configuration of `sh`, for root or (rootless) with the caller's ids mapped. On a machine that has cgroups
 * of version 2 only it has a cgroup namespace, as other runtimes' have. The caller frees it. */
char *oci_config_default(bool rootless, unsigned uid, unsigned gid);
/* What `features` prints (runtime-spec features.md), pretty JSON; the caller frees it. */
char *oci_features(void);
