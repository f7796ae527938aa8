/* SPDX-License-Identifier: Apache-2.0 */
#include "config_test.h"

#include "base/core/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_refused(void **state)
{
	static const struct {
		const char *json, *error;
	} rows[] = {
	    {"[]", "an object is needed"},
	    {"{'devices':[{}]}", "devices[0].allow: is missing"},
	    {"{'devices':[{'allow':true}]}", "devices[0]: access is missing"},
	    {"{'devices':[{'allow':true,'access':'rx'}]}", "access \"rx\""},
	    {"{'devices':[{'allow':false,'type':'p'}]}", "type \"p\" is not a, b or c"},
	    {"{'devices':[{'allow':false,'type':'ab'}]}", "type \"ab\""},
	    {"{'devices':[{'allow':false,'major':-2}]}", "devices[0].major: -2"},
	    {"{'memory':{'limit':-2}}", "memory.limit: -2 is not between -1 and"},
	    {"{'memory':{'limit':9223372036854775808}}", "memory.limit: 9223372036854775808 is not"},
	    {"{'memory':{'limit':'1g'}}", "memory.limit: a whole number is needed"},
	    {"{'memory':{'swappiness':101}}", "memory.swappiness: 101 is not between 0 and 100"},
	    {"{'memory':{'disableOOMKiller':1}}", "memory.disableOOMKiller: true or false"},
	    {"{'cpu':{'shares':-1}}", "cpu.shares: -1"},
	    {"{'cpu':{'idle':2}}", "cpu.idle: 2"},
	    {"{'cpu':{'cpus':'a'}}", "cpu.cpus: \"a\""},
	    {"{'cpu':{'mems':'0\\n1'}}", "cpu.mems"},
	    {"{'pids':{'limit':1.0}}", "pids.limit: a whole number"},
	    {"{'hugepageLimits':[{'pageSize':'64kB','limit':1}]}", "hugepageLimits[0]: pageSize \"64kB\""},
	    {"{'hugepageLimits':[{'pageSize':'../MB','limit':1}]}", "pageSize"},
	    {"{'hugepageLimits':[{'pageSize':'2M','limit':1}]}", "pageSize \"2M\""},
	    {"{'hugepageLimits':[{'pageSize':'02MB','limit':1}]}", "pageSize \"02MB\""},
	    {"{'hugepageLimits':[{'pageSize':'2','limit':1}]}", "pageSize \"2\""},
	    {"{'hugepageLimits':[{'pageSize':'2MB'}]}", "hugepageLimits[0].limit: is missing"},
	    {"{'blockIO':{'weight':65536}}", "blockIO.weight: 65536"},
	    {"{'blockIO':{'weightDevice':[{'major':8,'minor':0}]}}", "weightDevice[0]: weight or leafWeight is needed"},
	    {"{'blockIO':{'throttleReadBpsDevice':[{'major':8,'rate':1}]}}",
	     "throttleReadBpsDevice[0].minor: is missing"},
	    {"{'blockIO':{'throttleReadBpsDevice':[{'major':8,'minor':1}]}}",
	     "throttleReadBpsDevice[0].rate: is missing"},
	    {"{'network':{'classID':4294967296}}", "network.classID"},
	    {"{'network':{'priorities':[{'name':'a b','priority':1}]}}",
	     "\"a b\" is not the name of a network interface"},
	    {"{'rdma':{'mlx5_1':{}}}", "rdma[\"mlx5_1\"]: hcaHandles or hcaObjects is needed"},
	    {"{'rdma':{'a\\nb':{'hcaObjects':1}}}", "not the name of a device"},
	    {"{'unified':{'memory.max':1}}", "unified[\"memory.max\"]: a string is needed"},
	    {"{'unified':{'../cgroup.procs':'1'}}", "not the name of a cgroup's file"},
	    {"{'unified':{'..':'1'}}", "not the name of a cgroup's file"},
	    {"{'unified':{'memory':'1'}}", "not the name of a cgroup's file"},
	    {"{'unified':{'':'1'}}", "not the name of a cgroup's file"},
	    {"{'unified':{'cgroup.procs':'1'}}", "only the runtime writes this file"},
	    {"{'unified':{'cgroup.kill':'1'}}", "only the runtime writes this file"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char whole[512];

		config_test_refused(oci_config_parse_resources, rows[i].json, EINVAL, rows[i].error);
		(void)snprintf(whole, sizeof whole, CONFIG(",'linux':{'resources':%s}"), rows[i].json);
		config_test_refused(oci_config_parse, whole, EINVAL, "linux.resources");
		config_test_refused(oci_config_parse, whole, EINVAL, rows[i].error);
	}
}

/* The numbers, in the order of the struct. */
static void test_numbers(void **state)
{
	config_cleanup struct oci_config *c = config_test_ok(
	    oci_config_parse_resources,
	    "{'memory':{'limit':1,'reservation':2,'swap':-1,'kernel':4,'kernelTCP':5,'swappiness':0,'disableOOMKiller':"
	    "false,"
	    "'useHierarchy':true,'checkBeforeUpdate':true},'cpu':{'shares':10,'quota':-1,'burst':0,'period':13,"
	    "'realtimeRuntime':14,'realtimePeriod':15,'cpus':'2-3','mems':'0-7','idle':1},'pids':{'limit':-1},"
	    "'blockIO':{'weight':20,'leafWeight':21},'network':{'classID':1048577}}");
	const struct rt_resources *r = &c->resources;

	(void)state;
	assert_false(c->has_process);
	assert_int_equal(r->memory, 1);
	assert_int_equal(r->memory_reservation, 2);
	assert_int_equal(r->memory_swap, -1);
	assert_int_equal(r->memory_kernel, 4);
	assert_int_equal(r->memory_kernel_tcp, 5);
	assert_int_equal(r->memory_swappiness, 0);
	assert_int_equal(r->memory_disable_oom, 0);
	assert_int_equal(r->memory_use_hierarchy, 1);
	assert_int_equal(r->memory_check_before_update, 1);
	assert_int_equal(r->cpu_shares, 10);
	assert_int_equal(r->cpu_quota, -1);
	assert_int_equal(r->cpu_burst, 0);
	assert_int_equal(r->cpu_period, 13);
	assert_int_equal(r->cpu_rt_runtime, 14);
	assert_int_equal(r->cpu_rt_period, 15);
	assert_string_equal(r->cpus, "2-3");
	assert_string_equal(r->mems, "0-7");
	assert_int_equal(r->cpu_idle, 1);
	assert_int_equal(r->pids, -1);
	assert_int_equal(r->blkio_weight, 20);
	assert_int_equal(r->blkio_leaf_weight, 21);
	assert_int_equal(r->net_class, 1048577);
}

static void test_not_given(void **state)
{
	static const char *const texts[] = {
	    "{}",
	    "{'memory':{},'cpu':{},'pids':{},'blockIO':{},'network':{},'unified':{},'rdma':{},'devices':[]}",
	    "{'memory':null,'cpu':{'cpus':'','mems':null}}",
	    "{'memory':{'limit':0,'reservation':0,'swap':0,'kernel':0,'kernelTCP':0},'cpu':{'shares':0,'quota':0,'"
	    "period':0,"
	    "'realtimeRuntime':0,'realtimePeriod':0},'blockIO':{'weight':0,'leafWeight':0}}",
	};
	const struct rt_resources unset = RT_RESOURCES_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		config_cleanup struct oci_config *c = config_test_ok(oci_config_parse_resources, texts[i]);
		struct rt_resources r = c->resources;

		r.devices = NULL; /* an empty list is as good as none */
		r.rdma.v = r.unified.v = NULL;
		assert_memory_equal(&r, &unset, sizeof r);
	}
}

static void test_lists(void **state)
{
	config_cleanup struct oci_config *c = config_test_ok(
	    oci_config_parse_resources,
	    "{'devices':[{'allow':false},{'allow':true,'type':'c','major':10,'minor':229,'access':'rw'},"
	    "{'allow':true,'type':'b','major':8,'access':'m'}],'hugepageLimits':[{'pageSize':'2MB','limit':209715200}],"
	    "'blockIO':{'weightDevice':[{'major':8,'minor':16,'weight':500}],"
	    "'throttleReadBpsDevice':[{'major':8,'minor':1,'rate':18446744073709551615}],"
	    "'throttleWriteBpsDevice':[{'major':8,'minor':2,'rate':2}],'throttleReadIOPSDevice':[{'major':8,'minor':3,'"
	    "rate':3}],"
	    "'throttleWriteIOPSDevice':[{'major':8,'minor':4,'rate':4}]},"
	    "'network':{'priorities':[{'name':'eth0','priority':500}]},"
	    "'rdma':{'mlx5_1':{'hcaHandles':3},'mlx4_0':{'hcaObjects':0}},'unified':{'io.max':'259:0 rbps=1\\n'}}");
	const struct rt_resources *r = &c->resources;

	(void)state;
	assert_int_equal(r->n_devices, 3);
	assert_true(!r->devices[0].allow && r->devices[0].type == 'a' && r->devices[0].major == -1 &&
		    r->devices[0].minor == -1);
	assert_true(r->devices[0].read && r->devices[0].write && r->devices[0].mknod);
	assert_true(r->devices[1].allow && r->devices[1].type == 'c' && r->devices[1].major == 10 &&
		    r->devices[1].minor == 229);
	assert_true(r->devices[1].read && r->devices[1].write && !r->devices[1].mknod);
	assert_true(r->devices[2].minor == -1 && r->devices[2].mknod && !r->devices[2].read);
	assert_string_equal(r->hugetlb.v[0].name, "2MB");
	assert_int_equal(r->hugetlb.v[0].value, 209715200);
	assert_int_equal(r->blkio_weights.v[0].weight, 500);
	assert_int_equal(r->blkio_weights.v[0].leaf_weight, RT_UNSET);
	assert_int_equal(r->blkio_weights.v[0].minor, 16);
	assert_true(r->read_bps.v[0].rate == UINT64_MAX && r->read_bps.v[0].minor == 1);
	assert_int_equal(r->write_bps.v[0].rate, 2);
	assert_int_equal(r->read_iops.v[0].rate, 3);
	assert_int_equal(r->write_iops.v[0].rate, 4);
	assert_string_equal(r->net_priorities.v[0].name, "eth0");
	assert_int_equal(r->net_priorities.v[0].value, 500);
	assert_int_equal(r->rdma.n, 2);
	assert_true(r->rdma.v[0].value == 3 && r->rdma.v[0].objects == RT_UNSET);
	assert_true(r->rdma.v[1].value == RT_UNSET && r->rdma.v[1].objects == 0);
	assert_string_equal(r->unified.v[0].name, "io.max");
	assert_string_equal(r->unified.v[0].text, "259:0 rbps=1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_not_given),
	    cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
