/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole documents: what we write ourselves, what the specification shows, and what `features` says.
 */
#include "config_test.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/runtime/names.h"
#include "node/oci/mount_option.h"

#include <linux/capability.h>
#include <linux/mount.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct rt_fs *find_mount(const struct oci_config *c, const char *target)
{
	for (size_t i = 0; i < c->box.n_mounts; i++) {
		if (!strcmp(c->box.mounts[i].target, target))
			return &c->box.mounts[i];
	}
	fail_msg("no mount at %s", target);
	return NULL;
}

static bool has_option(const struct rt_fs *fs, const char *key)
{
	for (const struct rt_fs_option *o = fs->options; o && o->key; o++) {
		if (!strcmp(o->key, key))
			return true;
	}
	return false;
}

static void test_default(void **state)
{
	mem_cleanup char *text = oci_config_default(false, 7, 8);
	config_cleanup struct oci_config *c = config_test_ok(oci_config_parse, text);
	const uint64_t caps = 1ull << CAP_AUDIT_WRITE | 1ull << CAP_KILL | 1ull << CAP_NET_BIND_SERVICE;

	(void)state;
	assert_string_equal(c->version, OCI_VERSION);
	assert_string_equal(c->root, "rootfs");
	assert_true(c->root_read_only);
	assert_non_null(c->hostname);
	assert_string_equal(c->process.args[0], "sh");
	assert_null(c->process.args[1]);
	assert_true(c->process.attr.terminal && c->process.attr.no_new_privs);
	assert_true(c->process.attr.caps.bounding == caps && c->process.attr.caps.effective == caps);
	assert_true(c->process.attr.caps.permitted == caps && !c->process.attr.caps.ambient);
	assert_int_equal(c->process.attr.n_rlimits, 1);
	assert_int_equal(c->box.n_mounts, 7);
	assert_true(has_option(find_mount(c, "/dev/pts"), "gid"));
	assert_string_equal(find_mount(c, "/sys")->fs_type, "sysfs");
	assert_int_equal(find_mount(c, "/sys")->attr_set,
			 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY);
	assert_int_equal(find_mount(c, "/sys/fs/cgroup")->type, RT_FS_CGROUP);
	assert_true(c->box.ns[RT_NS_NETWORK].wanted && c->box.ns[RT_NS_PID].wanted && c->box.ns[RT_NS_MOUNT].wanted);
	assert_false(c->box.ns[RT_NS_USER].wanted);
	assert_int_equal(c->resources.n_devices, 1);
	assert_non_null(c->box.masked[11]);
	assert_null(c->box.masked[12]);
	assert_non_null(c->box.read_only_paths[4]);
	assert_null(c->box.read_only_paths[5]);
	assert_int_equal(c->n_warnings, 0);
}

static void test_default_rootless(void **state)
{
	mem_cleanup char *text = oci_config_default(true, 1000, 4294967294u);
	config_cleanup struct oci_config *c = config_test_ok(oci_config_parse, text);

	(void)state;
	assert_true(c->box.ns[RT_NS_USER].wanted);
	assert_false(c->box.ns[RT_NS_NETWORK].wanted);
	assert_int_equal(c->box.uid_maps[0].outside, 1000);
	assert_int_equal(c->box.gid_maps[0].outside, 4294967294u);
	assert_int_equal(c->box.gid_maps[0].count, 1);
	assert_false(has_option(find_mount(c, "/dev/pts"), "gid"));
	assert_int_equal(find_mount(c, "/sys")->type, RT_FS_BIND);
	assert_true(find_mount(c, "/sys")->recursive);
	assert_int_equal(c->resources.n_devices, 0);
}

/* The fragments that config.md and config-linux.md show. */
static void test_specification(void **state)
{
	static const char *const texts[] = {
	    CONFIG(",'mounts':[{'destination':'/tmp','type':'tmpfs','source':'tmpfs','options':['nosuid','strictatime',"
		   "'mode=755','size=65536k']},{'destination':'/data','type':'none','source':'/volumes/testing',"
		   "'options':['rbind','rw']}]"),
	    CONFIG(
		",'process':{'terminal':true,'consoleSize':{'height':25,'width':80},'user':{'uid':1,'gid':1,'umask':63,"
		"'additionalGids':[5,6]},'env':['PATH=/usr/bin','TERM=xterm'],'cwd':'/root','args':['sh'],"
		"'apparmorProfile':'acme_secure_profile','selinuxLabel':'system_u:system_r:svirt_lxc_net_t:s0:c124,"
		"c675',"
		"'ioPriority':{'class':'IOPRIO_CLASS_IDLE','priority':4},'noNewPrivileges':true,'capabilities':{'"
		"bounding':["
		"'CAP_AUDIT_WRITE','CAP_KILL','CAP_NET_BIND_SERVICE'],'permitted':['CAP_AUDIT_WRITE','CAP_KILL',"
		"'CAP_NET_BIND_SERVICE'],'inheritable':['CAP_AUDIT_WRITE','CAP_KILL','CAP_NET_BIND_SERVICE'],'"
		"effective':["
		"'CAP_AUDIT_WRITE','CAP_KILL'],'ambient':['CAP_NET_BIND_SERVICE']},'rlimits':[{'type':'RLIMIT_NOFILE',"
		"'hard':1024,'soft':1024}],'execCPUAffinity':{'initial':'7','final':'0-3,7'}}"),
	    CONFIG(",'hooks':{'prestart':[{'path':'/usr/bin/"
		   "fix-mounts','args':['fix-mounts','arg1','arg2'],'env':['key1=value1']},"
		   "{'path':'/usr/bin/setup-network'}],'createRuntime':[{'path':'/usr/bin/"
		   "fix-mounts','args':['fix-mounts'],"
		   "'env':['key1=value1']}],'poststop':[{'path':'/usr/sbin/"
		   "cleanup.sh','args':['cleanup.sh','-f'],'timeout':3}]},"
		   "'annotations':{'com.example.gpu-cores':'2'}"),
	    CONFIG(
		",'linux':{'namespaces':[{'type':'pid','path':'/proc/1234/ns/pid'},{'type':'network','path':"
		"'/var/run/netns/"
		"neta'},{'type':'mount'},{'type':'ipc'},{'type':'uts'},{'type':'user'},{'type':'cgroup'},"
		"{'type':'time'}],'uidMappings':[{'containerID':0,'hostID':1000,'size':32000}],'gidMappings':[{'"
		"containerID':0,"
		"'hostID':1000,'size':32000}],'devices':[{'path':'/dev/"
		"fuse','type':'c','major':10,'minor':229,'fileMode':438,"
		"'uid':0,'gid':0},{'path':'/dev/sda','type':'b','major':8,'minor':0,'fileMode':432,'uid':0,'gid':0}],"
		"'cgroupsPath':'/myRuntime/"
		"myContainer','sysctl':{'net.ipv4.ip_forward':'1','net.core.somaxconn':'256'},"
		"'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','architectures':['SCMP_ARCH_X86','SCMP_ARCH_X32'],'"
		"syscalls':["
		"{'names':['getcwd','chmod'],'action':'SCMP_ACT_ERRNO'}]},'rootfsPropagation':'slave','maskedPaths':["
		"'/proc/kcore'],'readonlyPaths':['/proc/"
		"sys'],'mountLabel':'system_u:object_r:svirt_sandbox_file_t:s0:c715'}"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		config_cleanup struct oci_config *c = config_test_ok(oci_config_parse, texts[i]);

		assert_int_equal(c->n_warnings, 0);
	}
}

/* ---- features ---- */

static yyjson_val *member(yyjson_val *v, const char *pointer)
{
	char key[64];

	while (v && *pointer) {
		size_t n = strcspn(pointer, ".");

		(void)snprintf(key, sizeof key, "%.*s", (int)n, pointer);
		v = yyjson_obj_get(v, key);
		pointer += n + (pointer[n] == '.');
	}
	if (!v)
		fail_msg("features has no %s", key);
	return v;
}

/* Every name in the list is accepted in a configuration made of it. */
static void accept_each(yyjson_val *list, const char *fmt)
{
	yyjson_val *v;
	size_t i, n;

	assert_true(yyjson_arr_size(list) > 0);
	yyjson_arr_foreach (list, i, n, v) {
		char text[512];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		(void)snprintf(text, sizeof text, fmt, yyjson_get_str(v));
#pragma GCC diagnostic pop
		oci_config_free(config_test_ok(oci_config_parse, text));
	}
}

static void test_features(void **state)
{
	mem_cleanup char *text = oci_features();
	struct err err = ERR_INIT;
	json_doc_cleanup yyjson_doc *doc = json_parse(text, strlen(text), 1u << 20, "features", &err);
	yyjson_val *root = yyjson_doc_get_root(doc), *v;
	size_t i, n;

	(void)state;
	assert_non_null(doc);
	assert_string_equal(yyjson_get_str(member(root, "ociVersionMin")), "1.0.0");
	assert_string_equal(yyjson_get_str(member(root, "ociVersionMax")), OCI_VERSION);
	assert_int_equal(yyjson_arr_size(member(root, "hooks")), RT_HOOK_TYPES);
	accept_each(member(root, "hooks"), CONFIG(",'hooks':{'%s':[{'path':'/x'}]}"));
	accept_each(member(root, "linux.namespaces"), CONFIG(",'linux':{'namespaces':[{'type':'%s','path':'/x'}]}"));
	assert_int_equal(yyjson_arr_size(member(root, "linux.namespaces")), RT_NS_TYPES);
	yyjson_arr_foreach (member(root, "linux.capabilities"), i, n, v) {
		assert_int_equal(names_cap(yyjson_get_str(v)), i);
	}
	assert_int_equal(yyjson_arr_size(member(root, "linux.capabilities")), CAP_LAST_CAP + 1);
	yyjson_arr_foreach (member(root, "mountOptions"), i, n, v) {
		assert_string_equal(yyjson_get_str(v), mount_option_name(i));
	}
	assert_true(yyjson_get_bool(member(root, "linux.cgroup.v1")) &&
		    yyjson_get_bool(member(root, "linux.cgroup.v2")));
	assert_true(yyjson_get_bool(member(root, "linux.seccomp.enabled")));
	assert_true(yyjson_arr_size(member(root, "linux.seccomp.actions")) >= 9);
	assert_int_equal(yyjson_arr_size(member(root, "linux.seccomp.operators")), 7);
	assert_false(yyjson_get_bool(member(root, "linux.intelRdt.enabled")));
	assert_true(yyjson_get_bool(member(root, "linux.mountExtensions.idmap.enabled")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_default),
	    cmocka_unit_test(test_default_rootless),
	    cmocka_unit_test(test_specification),
	    cmocka_unit_test(test_features),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
