/* SPDX-License-Identifier: Apache-2.0 */
#include "config_test.h"

#include "base/core/buf.h"
#include "base/core/err.h"

#include <linux/mempolicy.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/personality.h>

#include <cmocka.h>

#define LINUX(more) CONFIG(",'linux':{" more "}")
#define MAP "{'containerID':0,'hostID':100000,'size':65536}"

struct refusal {
	const char *json;
	int code;
	const char *error;
};

static void refuse_all(config_test_fn *parse, const struct refusal *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		config_test_refused(parse, rows[i].json, rows[i].code, rows[i].error);
}
#define REFUSE_ALL(parse, rows) refuse_all((parse), (rows), sizeof(rows) / sizeof *(rows))

static void test_document(void **state)
{
	static const struct refusal rows[] = {
	    {"", EINVAL, "config.json"},
	    {"{", EINVAL, "line 1"},
	    {"[]", EINVAL, "an object is needed"},
	    {"{}", EINVAL, "ociVersion: is missing"},
	    {"{'root':{'path':'r'}}", EINVAL, "ociVersion: is missing"},
	    {"{'ociVersion':null,'root':{'path':'r'}}", EINVAL, "ociVersion: is missing"},
	    {"{'ociVersion':1,'root':{'path':'r'}}", EINVAL, "ociVersion: a string is needed, not"},
	    {"{'ociVersion':'1.2.0'}", EINVAL, "root: is missing"},
	    {"{'ociVersion':'1.2.0','root':{}}", EINVAL, "root.path: is missing"},
	    {"{'ociVersion':'1.2.0','root':{'path':''}}", EINVAL, "root.path: is empty"},
	    {"{'ociVersion':'1.2.0','root':'r'}", EINVAL, "root: an object is needed"},
	    {"{'ociVersion':'1.2.0','root':{'path':'r','readonly':1}}", EINVAL, "root.readonly: true or false"},
	    {CONFIG(",'root':{'path':'s'}"), EINVAL, "member \"root\" appears twice"},
	    {LINUX("'seccomp':null,'seccomp':null"), EINVAL, "linux: member \"seccomp\" appears twice"},
	    {CONFIG(",'x':[{},{'y':1,'y':2}]"), EINVAL, "x[1]: member \"y\" appears twice"},
	    {CONFIG(",'hostname':'a\\u0000b'"), EINVAL, "hostname: a text with a NUL"},
	    {CONFIG(",'annotations':{'a\\u0000b':''}"), EINVAL, "annotations: a text with a NUL"},
	    {CONFIG(",'Linux':{}"), EINVAL, "member \"Linux\" has to be written \"linux\""},
	    {LINUX("'MaskedPaths':[]"), EINVAL, "linux: member \"MaskedPaths\" has to be written \"maskedPaths\""},
	    {CONFIG(",'annotations':{'':'a'}"), EINVAL, "annotations[\"\"]: the key is empty"},
	    {CONFIG(",'annotations':{'a':1}"), EINVAL, "annotations[\"a\"]: a string is needed"},
	    {CONFIG(",'annotations':[]"), EINVAL, "annotations: an object is needed"},
	};

	(void)state;
	REFUSE_ALL(oci_config_parse, rows);
}

static void test_versions(void **state)
{
	static const struct {
		const char *version;
		bool good;
	} rows[] = {
	    {"1.0.0", true},	    {"1.0.2-dev", true},  {"1.2.1", true},   {"1.1.0-rc.3+a.b", true},
	    {"1.99.0+x", true},	    {"0.5.0-dev", false}, {"2.0.0", false},  {"11.0.0", false},
	    {"1.0", false},	    {"1.0.0.0", false},	  {"1.0.0-", false}, {"1.0.0-a..b", false},
	    {"01.0.0", false},	    {"1.00.0", false},	  {"v1.0.0", false}, {"1.0.0 ", false},
	    {"1..0", false},	    {"-1.0.0", false},	  {"1.0.0+", false}, {"", false},
	    {"1.0.0-a+b+c", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[128];

		(void)snprintf(text, sizeof text, "{'ociVersion':'%s','root':{'path':'r'}}", rows[i].version);
		if (rows[i].good)
			oci_config_free(config_test_ok(oci_config_parse, text));
		else
			config_test_refused(oci_config_parse, text, EINVAL, "ociVersion");
	}
}

static void test_limits(void **state)
{
	buf_cleanup struct buf b = BUF_INIT;

	(void)state;
	buf_adds(&b, "{'annotations':{");
	for (unsigned i = 0; i <= 16384; i++)
		buf_printf(&b, "%s'%u':''", i ? "," : "", i);
	buf_adds(&b, "},'ociVersion':'1.0.0','root':{'path':'r'}}");
	config_test_refused(oci_config_parse, b.data, E2BIG, "annotations: 16385 entries; the limit is 16384");
	buf_clear(&b);
	buf_adds(&b, "{'ociVersion':'1.0.0','root':{'path':'r'}}");
	while (b.len <= OCI_CONFIG_MAX)
		buf_adds(&b, "                                                                ");
	config_test_refused(oci_config_parse, b.data, E2BIG, "config.json");
	buf_clear(&b);
	for (unsigned i = 0; i < 70; i++)
		buf_adds(&b, "{'a':");
	config_test_refused(oci_config_parse, b.data, E2BIG, "config.json");
	/* Twins among many members are found as well. */
	buf_clear(&b);
	buf_adds(&b, "{'x':{");
	for (unsigned i = 0; i < 100; i++)
		buf_printf(&b, "'%u':1,", i);
	buf_adds(&b, "'50':2}}");
	config_test_refused(oci_config_parse, b.data, EINVAL, "x: member \"50\" appears twice");
}

static void test_minimal(void **state)
{
	config_cleanup struct oci_config *c = config_test_ok(
	    oci_config_parse,
	    CONFIG(",'unknown':{'a':[1]},'windows':{},'hooks':null,'linux':{'memoryPolicy':null,'netDevices':{},"
		   "'cgroupsPath':''}"));

	(void)state;
	assert_string_equal(c->version, "1.2.0");
	assert_string_equal(c->root, "r");
	assert_false(c->has_process);
	assert_null(c->process.args[0]);
	assert_null(c->process.env[0]);
	assert_null(c->hostname);
	assert_null(c->cgroups_path);
	assert_null(c->seccomp);
	assert_int_equal(c->resources.memory, RT_UNSET);
	assert_int_equal(c->resources.pids, RT_UNSET);
	assert_int_equal(c->box.listener, -1);
	assert_int_equal(c->box.gate, -1);
	for (unsigned i = 0; i < RT_NS_TYPES; i++) {
		assert_false(c->box.ns[i].wanted);
		assert_int_equal(c->box.ns[i].fd, -1);
	}
	assert_int_equal(c->n_warnings, 0);
}

static void test_hooks(void **state)
{
	static const struct refusal rows[] = {
	    {CONFIG(",'hooks':{'poststop':[{}]}"), EINVAL, "hooks.poststop[0].path: is missing"},
	    {CONFIG(",'hooks':{'poststop':[{'path':'a'}]}"), EINVAL, "path: \"a\" is not an absolute path"},
	    {CONFIG(",'hooks':{'poststop':[{'path':'/a','timeout':0}]}"), EINVAL, "timeout: 0 is not between 1 and"},
	    {CONFIG(",'hooks':{'poststop':[{'path':'/a','timeout':1.5}]}"), EINVAL, "timeout: a whole number"},
	    {CONFIG(",'hooks':{'poststop':{}}"), EINVAL, "hooks.poststop: a list is needed"},
	    {CONFIG(",'hooks':{'postStop':[]}"), EINVAL, "has to be written \"poststop\""},
	};
	config_cleanup struct oci_config *c = config_test_ok(
	    oci_config_parse,
	    CONFIG(",'hooks':{'createRuntime':[{'path':'/a'},{'path':'/b','args':['x','y'],'env':['A=1'],"
		   "'timeout':7}],'startContainer':[{'path':'/c','args':[]}]}"));
	const struct rt_hooks *hooks = &c->hooks[RT_HOOK_CREATE_RUNTIME];

	(void)state;
	REFUSE_ALL(oci_config_parse, rows);
	assert_int_equal(hooks->n, 2);
	assert_string_equal(hooks->v[0].args[0], "/a");
	assert_null(hooks->v[0].args[1]);
	assert_null(hooks->v[0].env[0]);
	assert_int_equal(hooks->v[0].timeout_s, 0);
	assert_string_equal(hooks->v[1].args[1], "y");
	assert_string_equal(hooks->v[1].env[0], "A=1");
	assert_int_equal(hooks->v[1].timeout_s, 7);
	assert_string_equal(c->hooks[RT_HOOK_START_CONTAINER].v[0].args[0], "/c");
	assert_int_equal(c->hooks[RT_HOOK_PRESTART].n, 0);
}

static void test_linux_refused(void **state)
{
	static const struct refusal rows[] = {
	    {LINUX("'namespaces':[{'type':'pid'},{'type':'uts'},{'type':'foo'}]"), EINVAL,
	     "linux.namespaces[2].type: \"foo\" is not a namespace"},
	    {LINUX("'namespaces':[{'type':'pid'},{'type':'pid'}]"), EINVAL,
	     "linux.namespaces[1]: namespace \"pid\" appears twice"},
	    {LINUX("'namespaces':[{'path':'/x'}]"), EINVAL, "linux.namespaces[0].type: is missing"},
	    {LINUX("'namespaces':[{'type':'pid','path':'x'}]"), EINVAL, "path: \"x\" is not an absolute path"},
	    {LINUX("'namespaces':[{'type':'user'}]"), EINVAL, "linux.uidMappings: a new user namespace needs"},
	    {LINUX("'namespaces':[{'type':'user'}],'uidMappings':[" MAP "]"), EINVAL,
	     "linux.gidMappings: a new user namespace needs"},
	    {LINUX("'uidMappings':[" MAP "]"), EINVAL, "linux.uidMappings: needs a user namespace"},
	    {LINUX("'gidMappings':[" MAP "]"), EINVAL, "linux.gidMappings: needs a user namespace"},
	    {LINUX("'uidMappings':[{'containerID':0,'hostID':0,'size':0}]"), EINVAL, "uidMappings[0].size"},
	    {LINUX("'uidMappings':[{'containerID':0,'hostID':4294967290,'size':6}]"), EINVAL, "go past 4294967294"},
	    {LINUX("'uidMappings':[{'containerID':0,'size':6}]"), EINVAL, "hostID: is missing"},
	    {LINUX("'timeOffsets':{'monotonic':{'secs':1}}"), EINVAL, "linux.timeOffsets: needs a new time namespace"},
	    {LINUX("'namespaces':[{'type':'time','path':'/x'}],'timeOffsets':{'boottime':{'secs':1}}"), EINVAL,
	     "linux.timeOffsets: needs a new time namespace"},
	    {LINUX("'timeOffsets':{'realtime':{'secs':1}}"), EINVAL, "timeOffsets[\"realtime\"]: not a clock"},
	    {LINUX("'timeOffsets':{'monotonic':{'nanosecs':1000000000}}"), EINVAL, "nanosecs: 1000000000 is not"},
	    {CONFIG(",'hostname':'h'"), EINVAL, "hostname: needs a uts namespace"},
	    {CONFIG(",'domainname':'h'"), EINVAL, "domainname: needs a uts namespace"},
	    {CONFIG(",'hostname':'0123456789012345678901234567890123456789012345678901234567890123x',"
		    "'linux':{'namespaces':[{'type':'uts'}]}"),
	     EINVAL, "is longer than 64 bytes"},
	    {LINUX("'maskedPaths':['/a']"), EINVAL, "linux.maskedPaths: needs a mount namespace"},
	    {LINUX("'readonlyPaths':['/a']"), EINVAL, "linux.readonlyPaths: needs a mount namespace"},
	    {LINUX("'maskedPaths':['/a','b']"), EINVAL, "linux.maskedPaths[1]: \"b\" is not an absolute path"},
	    {LINUX("'readonlyPaths':['']"), EINVAL, "linux.readonlyPaths[0]: \"\" is not an absolute path"},
	    {LINUX("'devices':[{'type':'x','path':'/a','major':1,'minor':1}]"), EINVAL,
	     "type \"x\" is not c, b, u or p"},
	    {LINUX("'devices':[{'type':'cc','path':'/a','major':1,'minor':1}]"), EINVAL, "type \"cc\""},
	    {LINUX("'devices':[{'type':'c','path':'a','major':1,'minor':1}]"), EINVAL, "devices[0].path"},
	    {LINUX("'devices':[{'type':'c','path':'/a','major':1}]"), EINVAL, "major and minor are needed"},
	    {LINUX("'devices':[{'type':'c','path':'/a','major':1,'minor':1,'fileMode':25008}]"), EINVAL,
	     "fileMode 060660 is not that of a device of type c"},
	    {LINUX("'devices':[{'type':'c','path':'/a','major':1,'minor':1,'uid':4294967295}]"), EINVAL, "uid"},
	    {LINUX("'cgroupsPath':'/a/../../b'"), EINVAL, "linux.cgroupsPath: \"/a/../../b\" holds \"..\""},
	    {LINUX("'cgroupsPath':'..'"), EINVAL, "holds \"..\""},
	    {LINUX("'rootfsPropagation':'rw'"), EINVAL, "linux.rootfsPropagation: \"rw\" is not shared"},
	    {LINUX("'personality':{}"), EINVAL, "personality.domain: is missing"},
	    {LINUX("'personality':{'domain':'BSD'}"), EINVAL, "domain \"BSD\" is not LINUX"},
	    {LINUX("'personality':{'domain':'LINUX','flags':['ADDR_NO_RANDOMIZE']}"), ENOTSUP,
	     "flag \"ADDR_NO_RANDOMIZE\""},
	    {LINUX("'intelRdt':{}"), ENOTSUP, "linux.intelRdt: this runtime does not"},
	    {LINUX("'intelRdt':{'closID':'../a'}"), EINVAL, "closID \"../a\""},
	    {LINUX("'intelRdt':{'memBwSchema':'L3:0=1'}"), EINVAL, "memBwSchema"},
	    {LINUX("'memoryPolicy':{}"), EINVAL, "linux.memoryPolicy: invalid memory policy mode \"\""},
	    {LINUX("'memoryPolicy':{'mode':'BIND','nodes':'0'}"), EINVAL, "invalid memory policy mode \"BIND\""},
	    {LINUX("'memoryPolicy':{'mode':'MPOL_BIND'}"), EINVAL, "MPOL_BIND: this mode needs nodes"},
	    {LINUX("'memoryPolicy':{'mode':'MPOL_LOCAL','nodes':'0-2,2'}"), EINVAL, "requires 0 nodes but got 3"},
	    {LINUX("'memoryPolicy':{'mode':'MPOL_BIND','nodes':'0-1024'}"), EINVAL, "invalid memory policy node"},
	    {LINUX("'memoryPolicy':{'mode':'MPOL_BIND','nodes':'0-98765432109876543210'}"), EINVAL, "policy node"},
	    {LINUX("'memoryPolicy':{'mode':'MPOL_BIND','nodes':'3-1'}"), EINVAL, "policy node in \"3-1\""},
	    {LINUX("'memoryPolicy':{'mode':'MPOL_BIND','nodes':'1,'}"), EINVAL, "policy node in \"1,\""},
	    {LINUX("'memoryPolicy':{'mode':'MPOL_BIND','nodes':'-1'}"), EINVAL, "policy node in \"-1\""},
	    {LINUX("'memoryPolicy':{'mode':'MPOL_BIND','nodes':'1','flags':['X']}"), EINVAL, "policy flag \"X\""},
	    {LINUX("'memoryPolicy':{'mode':'MPOL_BIND','nodes':'1','flags':['MPOL_F_STATIC_NODES','MPOL_F_RELATIVE_"
		   "NODES']}"),
	     EINVAL, "exclude each other"},
	    {LINUX("'netDevices':{'eth0':{}}"), ENOTSUP, "linux.netDevices: this runtime cannot"},
	};

	(void)state;
	REFUSE_ALL(oci_config_parse, rows);
}

static void test_linux(void **state)
{
	config_cleanup struct oci_config *c = config_test_ok(
	    oci_config_parse,
	    CONFIG(",'hostname':'h','domainname':'d','annotations':{'k':'v'},'linux':{'namespaces':[{'type':'uts'},{'"
		   "type':'user'},"
		   "{'type':'mount','path':'/proc/1/ns/mnt'},{'type':'time'}],'uidMappings':[" MAP
		   "],'gidMappings':[" MAP "," MAP "],'timeOffsets':{'boottime':{'secs':-3,'nanosecs':4}},'devices':[{'"
		   "type':'u','path':'/dev/a','major':10,"
		   "'minor':229,'fileMode':8630,'uid':1,'gid':2},{'type':'p','path':'/p'}],'cgroupsPath':'/a/b..c',"
		   "'maskedPaths':['/m'],'readonlyPaths':['/r'],'mountLabel':'l','rootfsPropagation':'rslave',"
		   "'personality':{'domain':'LINUX32','flags':[]},'memoryPolicy':{'mode':'MPOL_PREFERRED_MANY',"
		   "'nodes':'0,62-64,1023','flags':['MPOL_F_STATIC_NODES']}}"));
	const struct rt_memory_policy *policy = &c->process.attr.memory_policy;

	(void)state;
	assert_string_equal(c->hostname, "h");
	assert_string_equal(c->box.domainname, "d");
	assert_string_equal(c->annotations[0].key, "k");
	assert_string_equal(c->annotations[0].value, "v");
	assert_true(c->box.ns[RT_NS_UTS].wanted && c->box.ns[RT_NS_USER].wanted && c->box.ns[RT_NS_MOUNT].wanted);
	assert_false(c->box.ns[RT_NS_PID].wanted);
	assert_string_equal(c->ns_paths[RT_NS_MOUNT], "/proc/1/ns/mnt");
	assert_null(c->ns_paths[RT_NS_USER]);
	assert_int_equal(c->box.n_uid_maps, 1);
	assert_int_equal(c->box.n_gid_maps, 2);
	assert_int_equal(c->box.gid_maps[1].outside, 100000);
	assert_int_equal(c->box.gid_maps[1].count, 65536);
	assert_true(c->box.boottime.set && !c->box.monotonic.set);
	assert_int_equal(c->box.boottime.secs, -3);
	assert_int_equal(c->box.boottime.nanosecs, 4);
	assert_int_equal(c->box.n_devices, 2);
	assert_int_equal(c->box.devices[0].type, 'c');
	assert_int_equal(c->box.devices[0].minor, 229);
	assert_int_equal(c->box.devices[0].mode, 0666);
	assert_int_equal(c->box.devices[0].gid, 2);
	assert_int_equal(c->box.devices[1].type, 'p');
	assert_string_equal(c->cgroups_path, "/a/b..c");
	assert_string_equal(c->box.masked[0], "/m");
	assert_null(c->box.masked[1]);
	assert_string_equal(c->box.read_only_paths[0], "/r");
	assert_string_equal(c->box.mount_label, "l");
	assert_int_equal(c->box.root_propagation, MS_SLAVE);
	assert_true(c->box.root_propagation_recursive);
	assert_true(c->process.attr.has_personality);
	assert_int_equal(c->process.attr.personality, PER_LINUX32);
	assert_true(policy->set && policy->has_nodes);
	assert_int_equal(policy->mode, MPOL_PREFERRED_MANY | MPOL_F_STATIC_NODES);
	assert_int_equal(policy->nodes[0], 1 | UINT64_C(3) << 62);
	assert_int_equal(policy->nodes[1], 1);
	assert_int_equal(policy->nodes[15], UINT64_C(1) << 63);
}

/* What each setting needs; "" = refused whatever there is. */
static void test_sysctl(void **state)
{
	static const struct {
		const char *key, *ns, *kept;
	} rows[] = {
	    {"kernel.shmmax", "ipc", "kernel.shmmax"},
	    {"kernel.sem", "ipc", "kernel.sem"},
	    {"kernel.msgmni", "ipc", "kernel.msgmni"},
	    {"kernel.shm_rmid_forced", "ipc", "kernel.shm_rmid_forced"},
	    {"fs.mqueue.queues_max", "ipc", "fs.mqueue.queues_max"},
	    {"kernel/shmmax", "ipc", "kernel.shmmax"},
	    {"net.ipv4.ip_forward", "network", "net.ipv4.ip_forward"},
	    {"net/ipv4/conf/eno2.100/rp_filter", "network", "net.ipv4.conf.eno2/100.rp_filter"},
	    {"kernel.domainname", "uts", "kernel.domainname"},
	    {"kernel.hostname", "", NULL},
	    {"kernel.core_pattern", "", NULL},
	    {"kernel/core_pattern", "", NULL},
	    {"kernel.shmmaxi", "", NULL},
	    {"vm.swappiness", "", NULL},
	    {"fs.file-max", "", NULL},
	    {"net", "", NULL},
	    {"net/../kernel/core_pattern", "", NULL},
	    {"net.ipv4/../../kernel.core_pattern", "", NULL},
	    {"net.//.kernel.core_pattern", "", NULL},
	    {"net./.ipv4", "", NULL},
	    {"net..ipv4", "", NULL},
	    {"net.", "", NULL},
	    {".net.ipv4", "", NULL},
	    {"/net/ipv4", "", NULL},
	    {"", "", NULL},
	};
	static const char *const names[] = {"ipc", "network", "uts", "pid", "mount", NULL};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (const char *const *ns = names; *ns; ns++) {
			char text[512];

			(void)snprintf(text, sizeof text, LINUX("'namespaces':[{'type':'%s'}],'sysctl':{'%s':'1'}"),
				       *ns, rows[i].key);
			if (!strcmp(*ns, rows[i].ns)) {
				config_cleanup struct oci_config *c = config_test_ok(oci_config_parse, text);

				assert_int_equal(c->box.n_sysctls, 1);
				assert_string_equal(c->box.sysctls[0].key, rows[i].kept);
			} else {
				config_test_refused(oci_config_parse, text, EINVAL, "linux.sysctl[\"");
			}
		}
	}
	config_test_refused(oci_config_parse, LINUX("'sysctl':{'user.max_ipc_namespaces':'1'}"), EINVAL, "\"user\"");
	config_test_refused(
	    oci_config_parse,
	    CONFIG(",'domainname':'d','linux':{'namespaces':[{'type':'uts'}],'sysctl':{'kernel.domainname':'e'}}"),
	    EINVAL, "conflicts with the member domainname");
	config_test_refused(oci_config_parse, LINUX("'namespaces':[{'type':'network'}],'sysctl':{'net.a':1}"), EINVAL,
			    "linux.sysctl[\"net.a\"]: a string is needed");
}

static void test_seccomp(void **state)
{
#define SECCOMP(more) LINUX("'seccomp':{'defaultAction':'SCMP_ACT_ALLOW'" more "}")
	static const struct refusal rows[] = {
	    {LINUX("'seccomp':{}"), EINVAL, "linux.seccomp.defaultAction: is missing"},
	    {SECCOMP(",'listenerMetadata':'m'"), EINVAL, "listenerMetadata needs listenerPath"},
	    {SECCOMP(",'syscalls':[{'names':[],'action':'SCMP_ACT_LOG'}]"), EINVAL, "syscalls[0]: names is empty"},
	    {SECCOMP(",'syscalls':[{'action':'SCMP_ACT_LOG'}]"), EINVAL, "syscalls[0].names: is missing"},
	    {SECCOMP(",'syscalls':[{'names':['a']}]"), EINVAL, "syscalls[0].action: is missing"},
	    {SECCOMP(",'syscalls':[{'names':['a'],'action':'A','args':[{'index':6,'value':1,'op':'O'}]}]"), EINVAL,
	     "args[0].index: 6 is not between 0 and 5"},
	    {SECCOMP(",'syscalls':[{'names':['a'],'action':'A','args':[{'index':1,'value':-1,'op':'O'}]}]"), EINVAL,
	     "args[0].value: -1 is negative"},
	    {SECCOMP(",'syscalls':[{'names':['a'],'action':'A','args':[{'index':1,'value':1}]}]"), EINVAL,
	     "args[0].op: is missing"},
	};
	config_cleanup struct oci_config *c = config_test_ok(
	    oci_config_parse,
	    SECCOMP(",'defaultErrnoRet':0,'architectures':[],'flags':[],'syscalls':[{'names':['a','b'],'action':'SCMP_"
		    "ACT_ERRNO',"
		    "'errnoRet':38,'args':[{'index':5,'value':18446744073709551615,'valueTwo':3,'op':'SCMP_CMP_NE'}]},"
		    "{'names':['c'],'action':'SCMP_ACT_LOG'}]"));
	const struct seccomp_profile *p = c->seccomp;

	(void)state;
	REFUSE_ALL(oci_config_parse, rows);
	assert_string_equal(p->default_action, "SCMP_ACT_ALLOW");
	assert_true(p->has_default_errno);
	assert_null(p->architectures);
	assert_non_null(p->flags);
	assert_int_equal(p->n_rules, 2);
	assert_string_equal(p->rules[0].names[1], "b");
	assert_null(p->rules[0].names[2]);
	assert_true(p->rules[0].has_errno);
	assert_int_equal(p->rules[0].errno_ret, 38);
	assert_true(p->rules[0].args[0].value == UINT64_MAX && p->rules[0].args[0].value_two == 3);
	assert_false(p->rules[1].has_errno);
	assert_int_equal(p->rules[1].n_args, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_document), cmocka_unit_test(test_versions), cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_minimal),  cmocka_unit_test(test_hooks),    cmocka_unit_test(test_linux_refused),
	    cmocka_unit_test(test_linux),    cmocka_unit_test(test_sysctl),   cmocka_unit_test(test_seccomp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
