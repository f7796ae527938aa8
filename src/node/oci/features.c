/* SPDX-License-Identifier: Apache-2.0
 *
 * The features structure (features.md, features-linux.md): what this runtime and its build can do, whatever the machine. The lists come
 * from the tables that do the work, so that they cannot say something else.
 */
#include "base/wire/json.h"
#include "node/runtime/names.h"
#include "node/oci/config.h"
#include "node/oci/config_parts.h"
#include "node/oci/mount_option.h"
#include "node/runtime/seccomp_profile.h"

/* In alphabetical order, as others print them. */
static const char *const namespaces[] = {"cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts", NULL};

struct out {
	yyjson_mut_doc *doc;
	yyjson_mut_val *root;
};

static void add_names(struct out *o, yyjson_mut_val *obj, const char *key, const char *const *names, size_t n)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(o->doc, obj, key);

	for (size_t i = 0; i < n && names[i]; i++)
		yyjson_mut_arr_add_str(o->doc, list, names[i]);
}

static void add_mount_options(struct out *o)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(o->doc, o->root, "mountOptions");

	for (size_t i = 0; mount_option_name(i); i++)
		yyjson_mut_arr_add_str(o->doc, list, mount_option_name(i));
}

static void add_caps(struct out *o, yyjson_mut_val *linux_part)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(o->doc, linux_part, "capabilities");

	for (int cap = 0; names_cap_text(cap); cap++)
		yyjson_mut_arr_add_str(o->doc, list, names_cap_text(cap));
}

static void add_cgroup(struct out *o, yyjson_mut_val *linux_part)
{
	yyjson_mut_val *cgroup = yyjson_mut_obj_add_obj(o->doc, linux_part, "cgroup");

	yyjson_mut_obj_add_bool(o->doc, cgroup, "v1", true);
	yyjson_mut_obj_add_bool(o->doc, cgroup, "v2", true);
	/* Cgroups are made in the file system; no service manager is asked. */
	yyjson_mut_obj_add_bool(o->doc, cgroup, "systemd", false);
	yyjson_mut_obj_add_bool(o->doc, cgroup, "systemdUser", false);
	yyjson_mut_obj_add_bool(o->doc, cgroup, "rdma", true);
}

static void add_seccomp(struct out *o, yyjson_mut_val *linux_part)
{
	yyjson_mut_val *seccomp = yyjson_mut_obj_add_obj(o->doc, linux_part, "seccomp");

	yyjson_mut_obj_add_bool(o->doc, seccomp, "enabled", true);
	add_names(o, seccomp, "actions", seccomp_actions, SIZE_MAX);
	add_names(o, seccomp, "operators", seccomp_operators, SIZE_MAX);
	add_names(o, seccomp, "archs", seccomp_architectures, SIZE_MAX);
	add_names(o, seccomp, "knownFlags", seccomp_flags, SIZE_MAX);
	add_names(o, seccomp, "supportedFlags", seccomp_flags, SIZE_MAX);
}

static void add_enabled(struct out *o, yyjson_mut_val *obj, const char *key, bool enabled)
{
	yyjson_mut_obj_add_bool(o->doc, yyjson_mut_obj_add_obj(o->doc, obj, key), "enabled", enabled);
}

static void add_memory_policy(struct out *o, yyjson_mut_val *linux_part)
{
	yyjson_mut_val *policy = yyjson_mut_obj_add_obj(o->doc, linux_part, "memoryPolicy");

	add_names(o, policy, "modes", config_memory_modes, SIZE_MAX);
	add_names(o, policy, "flags", config_memory_flags, SIZE_MAX);
}

static void add_linux(struct out *o)
{
	yyjson_mut_val *linux_part = yyjson_mut_obj_add_obj(o->doc, o->root, "linux");

	add_names(o, linux_part, "namespaces", namespaces, SIZE_MAX);
	add_caps(o, linux_part);
	add_cgroup(o, linux_part);
	add_seccomp(o, linux_part);
	add_enabled(o, linux_part, "apparmor", true);
	add_enabled(o, linux_part, "selinux", true);
	add_enabled(o, linux_part, "intelRdt", false);
	add_memory_policy(o, linux_part);
	add_enabled(o, yyjson_mut_obj_add_obj(o->doc, linux_part, "mountExtensions"), "idmap", true);
}

char *oci_features(void)
{
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	struct out o = {.doc = doc, .root = yyjson_mut_obj(doc)};
	yyjson_mut_val *annotations;

	yyjson_mut_doc_set_root(doc, o.root);
	yyjson_mut_obj_add_str(doc, o.root, "ociVersionMin", "1.0.0");
	yyjson_mut_obj_add_str(doc, o.root, "ociVersionMax", OCI_VERSION);
	add_names(&o, o.root, "hooks", rt_hook_names, RT_HOOK_TYPES);
	add_mount_options(&o);
	add_linux(&o);
	annotations = yyjson_mut_obj_add_obj(doc, o.root, "annotations");
	yyjson_mut_obj_add_str(doc, annotations, "org.berth.version", BERTH_VERSION);
	/* No annotation changes what this runtime does. */
	yyjson_mut_obj_add_arr(doc, o.root, "potentiallyUnsafeConfigAnnotations");
	return json_text(doc, true, NULL);
}
