/* SPDX-License-Identifier: Apache-2.0 */
#include "config_test.h"

#include "base/core/buf.h"
#include "base/core/err.h"

#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#define BIT(cap) (1ull << (cap))

static const struct {
	const char *json, *error;
} refused[] = {
    {"[]", "an object is needed"},
    {"{'args':['a']}", "cwd: is missing"},
    {"{'cwd':'','args':['a']}", "cwd: is empty"},
    {"{'cwd':'a','args':['a']}", "cwd: \"a\" is not an absolute path"},
    {"{'cwd':'/'}", "args: at least one is needed"},
    {"{'cwd':'/','args':[]}", "args: at least one is needed"},
    {"{'cwd':'/','args':['a',null]}", "args[1]: a string is needed"},
    {"{'cwd':'/','args':'sh'}", "args: a list is needed"},
    {PROCESS(",'env':['A=1','B']"), "env[1]: \"B\" is not of the form NAME=value"},
    {PROCESS(",'env':['=1']"), "env[0]: \"=1\" is not of the form"},
    {PROCESS(",'terminal':'yes'"), "terminal: true or false"},
    {PROCESS(",'terminal':true,'consoleSize':{'height':1}"), "consoleSize.width: is missing"},
    {PROCESS(",'terminal':true,'consoleSize':{'height':65536,'width':1}"), "consoleSize.height: 65536"},
    {PROCESS(",'user':{'uid':-1}"), "user.uid: -1 is not between 0 and 4294967294"},
    {PROCESS(",'user':{'gid':4294967295}"), "user.gid: 4294967295"},
    {PROCESS(",'user':{'uid':18446744073709551615}"), "user.uid: 18446744073709551615 is not"},
    {PROCESS(",'user':{'umask':512}"), "user.umask: 512 is not between 0 and 511"},
    {PROCESS(",'user':{'additionalGids':[1,-1]}"), "user.additionalGids[1]: a group's number"},
    {PROCESS(",'user':{'additionalGids':['a']}"), "user.additionalGids[0]: a group's number"},
    {PROCESS(",'capabilities':[]"), "capabilities: an object is needed"},
    {PROCESS(",'capabilities':{'bounding':'CAP_KILL'}"), "capabilities.bounding: a list"},
    {PROCESS(",'rlimits':[{'type':'RLIMIT_FOO','soft':1,'hard':1}]"), "rlimits[0]: type \"RLIMIT_FOO\" is not"},
    {PROCESS(",'rlimits':[{'type':'RLIMIT_CPU','soft':2,'hard':1}]"), "soft limit 2 is above the hard limit 1"},
    {PROCESS(",'rlimits':[{'type':'RLIMIT_CPU','soft':2}]"), "rlimits[0].hard: is missing"},
    {PROCESS(",'rlimits':[{'type':'RLIMIT_CPU','soft':1,'hard':1},{'type':'RLIMIT_CPU','soft':1,'hard':1}]"),
     "rlimits[1]: the type appears twice"},
    {PROCESS(",'oomScoreAdj':1001"), "oomScoreAdj: a whole number between -1000 and 1000"},
    {PROCESS(",'oomScoreAdj':-1001"), "oomScoreAdj"},
    {PROCESS(",'oomScoreAdj':1.5"), "oomScoreAdj"},
    {PROCESS(",'oomScoreAdj':4294967296"), "oomScoreAdj"},
    {PROCESS(",'scheduler':{}"), "scheduler.policy: is missing"},
    {PROCESS(",'scheduler':{'policy':'SCHED_X'}"), "scheduler: policy \"SCHED_X\" is not known"},
    {PROCESS(",'scheduler':{'policy':'SCHED_OTHER','nice':20}"), "scheduler.nice: 20 is not between -20 and 19"},
    {PROCESS(",'scheduler':{'policy':'SCHED_OTHER','priority':1}"), "priority is for SCHED_FIFO and SCHED_RR"},
    {PROCESS(",'scheduler':{'policy':'SCHED_FIFO','runtime':1}"), "are for SCHED_DEADLINE, not for SCHED_FIFO"},
    {PROCESS(",'scheduler':{'policy':'SCHED_FIFO','flags':['X']}"), "flag \"X\" is not known"},
    {PROCESS(",'ioPriority':{'class':'X','priority':1}"), "ioPriority: class \"X\" is not known"},
    {PROCESS(",'ioPriority':{'priority':1}"), "ioPriority.class: is missing"},
    {PROCESS(",'ioPriority':{'class':'IOPRIO_CLASS_BE','priority':8}"), "ioPriority.priority: 8"},
    {PROCESS(",'execCPUAffinity':{'initial':'a'}"), "execCPUAffinity.initial: \"a\" is not a list like"},
    {PROCESS(",'execCPUAffinity':{'initial':'3-1'}"), "\"3-1\""},
    {PROCESS(",'execCPUAffinity':{'final':'1,'}"), "execCPUAffinity.final: \"1,\""},
    {PROCESS(",'execCPUAffinity':{'final':'1 2'}"), "\"1 2\""},
    {PROCESS(",'execCPUAffinity':{'final':'-1'}"), "\"-1\""},
    {PROCESS(",'execCPUAffinity':{'final':'1-2-3'}"), "\"1-2-3\""},
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		char whole[1024];

		config_test_refused(oci_config_parse_process, refused[i].json, EINVAL, refused[i].error);
		/* In a whole configuration the same parser stands one step deeper. */
		(void)snprintf(whole, sizeof whole, CONFIG(",'process':%s"), refused[i].json);
		config_test_refused(oci_config_parse, whole, EINVAL, "process");
		config_test_refused(oci_config_parse, whole, EINVAL, refused[i].error);
	}
}

static void test_fields(void **state)
{
	config_cleanup struct oci_config *c = config_test_ok(
	    oci_config_parse_process,
	    "{'terminal':true,'consoleSize':{'height':25,'width':80},'cwd':'/root','args':['sh','-c',''],'env':['A=1'],"
	    "'user':{'uid':1,'gid':2,'umask':63,'additionalGids':[5,6]},'noNewPrivileges':true,'apparmorProfile':'p',"
	    "'selinuxLabel':'','oomScoreAdj':-999,'ioPriority':{'class':'IOPRIO_CLASS_IDLE','priority':4},"
	    "'scheduler':{'policy':'SCHED_DEADLINE','flags':['SCHED_FLAG_RESET_ON_FORK','SCHED_FLAG_RECLAIM'],'runtime'"
	    ":1,"
	    "'deadline':2,'period':3},'rlimits':[{'type':'RLIMIT_NOFILE','soft':1024,'hard':18446744073709551615}],"
	    "'execCPUAffinity':{'initial':' 0 - 3, 7','final':''}}");
	const struct oci_process *p = &c->process;
	const struct rt_process_attr *a = &p->attr;

	(void)state;
	assert_true(c->has_process);
	assert_string_equal(p->cwd, "/root");
	assert_string_equal(p->args[2], "");
	assert_null(p->args[3]);
	assert_string_equal(p->env[0], "A=1");
	assert_true(a->terminal && a->no_new_privs);
	assert_int_equal(a->rows, 25);
	assert_int_equal(a->cols, 80);
	assert_int_equal(a->uid, 1);
	assert_int_equal(a->gid, 2);
	assert_int_equal(a->n_gids, 2);
	assert_int_equal(a->gids[1], 6);
	assert_true(a->has_umask);
	assert_int_equal(a->umask, 077);
	assert_string_equal(a->apparmor, "p");
	assert_null(a->selinux);
	assert_true(a->has_oom_score_adj);
	assert_int_equal(a->oom_score_adj, -999);
	assert_true(a->has_io_priority);
	assert_int_equal(a->io_class, IOPRIO_CLASS_IDLE);
	assert_int_equal(a->io_priority, 4);
	assert_true(a->scheduler.set);
	assert_int_equal(a->scheduler.policy, SCHED_DEADLINE);
	assert_int_equal(a->scheduler.flags, SCHED_FLAG_RESET_ON_FORK | SCHED_FLAG_RECLAIM);
	assert_int_equal(a->scheduler.period, 3);
	assert_int_equal(a->n_rlimits, 1);
	assert_int_equal(a->rlimits[0].resource, RLIMIT_NOFILE);
	assert_int_equal(a->rlimits[0].soft, 1024);
	assert_true(a->rlimits[0].hard == (uint64_t)RLIM_INFINITY);
	assert_string_equal(a->cpus_initial, "0-3,7");
	assert_null(a->cpus_final);
	assert_null(a->filter);
}

static void test_absent(void **state)
{
	config_cleanup struct oci_config *c =
	    config_test_ok(oci_config_parse_process,
			   PROCESS(",'consoleSize':{'height':99999999},'user':{},'rlimits':null,'commandLine':'x'"));
	const struct rt_process_attr *a = &c->process.attr;

	(void)state;
	assert_int_equal(a->rows, 0); /* no terminal: ignored, as the specification demands */
	assert_int_equal(a->uid, 0);
	assert_false(a->has_umask || a->has_oom_score_adj || a->has_io_priority || a->scheduler.set ||
		     a->has_personality);
	assert_null(c->process.env[0]);
	assert_true(a->caps.bounding == 0 && a->caps.permitted == 0);
}

static void test_rlimit_names(void **state)
{
	static const struct {
		const char *name;
		int resource;
	} rows[] = {
	    {"AS", RLIMIT_AS},		 {"CORE", RLIMIT_CORE},		{"CPU", RLIMIT_CPU},
	    {"DATA", RLIMIT_DATA},	 {"FSIZE", RLIMIT_FSIZE},	{"LOCKS", RLIMIT_LOCKS},
	    {"MEMLOCK", RLIMIT_MEMLOCK}, {"MSGQUEUE", RLIMIT_MSGQUEUE}, {"NICE", RLIMIT_NICE},
	    {"NOFILE", RLIMIT_NOFILE},	 {"NPROC", RLIMIT_NPROC},	{"RSS", RLIMIT_RSS},
	    {"RTPRIO", RLIMIT_RTPRIO},	 {"RTTIME", RLIMIT_RTTIME},	{"SIGPENDING", RLIMIT_SIGPENDING},
	    {"STACK", RLIMIT_STACK},
	};

	(void)state;
	assert_int_equal(sizeof rows / sizeof *rows, RLIM_NLIMITS);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		config_cleanup struct oci_config *c = NULL;
		char text[256];

		(void)snprintf(text, sizeof text, PROCESS(",'rlimits':[{'type':'RLIMIT_%s','soft':0,'hard':0}]"),
			       rows[i].name);
		c = config_test_ok(oci_config_parse_process, text);
		assert_int_equal(c->process.attr.rlimits[0].resource, rows[i].resource);
	}
}

static void test_caps(void **state)
{
	config_cleanup struct oci_config *c = config_test_ok(
	    oci_config_parse_process,
	    PROCESS(
		",'capabilities':{'bounding':['CAP_KILL','CAP_CHOWN','CAP_NOPE'],'permitted':['cap_kill','net_raw'],"
		"'effective':['CAP_KILL','CAP_CHOWN'],'inheritable':['CAP_KILL','CAP_SYS_ADMIN'],"
		"'ambient':['CAP_KILL','CAP_NET_RAW','CAP_SYS_ADMIN']}"));
	const struct rt_caps *caps = &c->process.attr.caps;

	(void)state;
	assert_true(caps->bounding == (BIT(CAP_KILL) | BIT(CAP_CHOWN)));
	assert_true(caps->permitted == (BIT(CAP_KILL) | BIT(CAP_NET_RAW)));
	assert_true(caps->effective == BIT(CAP_KILL));
	assert_true(caps->inheritable == (BIT(CAP_KILL) | BIT(CAP_SYS_ADMIN)));
	assert_true(caps->ambient == BIT(CAP_KILL));
	assert_int_equal(c->n_warnings, 3);
	assert_string_equal(c->warnings[0], "capabilities.bounding: capability \"CAP_NOPE\" is not known");
	assert_string_equal(c->warnings[1],
			    "capabilities: effective cannot be granted, for they are not in permitted: CAP_CHOWN");
	assert_non_null(strstr(c->warnings[2],
			       "ambient cannot be granted, for they are not in permitted and inheritable: "
			       "CAP_NET_RAW CAP_SYS_ADMIN"));
}

static void test_many_warnings(void **state)
{
	buf_cleanup struct buf b = BUF_INIT;
	config_cleanup struct oci_config *c = NULL;

	(void)state;
	buf_adds(&b, "{'cwd':'/','args':['a'],'capabilities':{'bounding':['x'");
	for (unsigned i = 0; i < 500; i++)
		buf_adds(&b, ",'x'");
	buf_adds(&b, "]}}");
	c = config_test_ok(oci_config_parse_process, b.data);
	assert_int_equal(c->n_warnings, 64);
	assert_null(c->warnings[64]);
}

static void test_env(void **state)
{
	config_cleanup struct oci_config *c =
	    config_test_ok(oci_config_parse_process, PROCESS(",'env':['B=1','A=1','AB=x','A=2','B=','A=3=4','a=5']"));
	static const char *const want[] = {"AB=x", "B=", "A=3=4", "a=5", NULL};

	(void)state;
	for (size_t i = 0; want[i]; i++)
		assert_string_equal(c->process.env[i], want[i]);
	assert_null(c->process.env[4]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refused),	 cmocka_unit_test(test_fields), cmocka_unit_test(test_absent),
	    cmocka_unit_test(test_rlimit_names), cmocka_unit_test(test_caps),	cmocka_unit_test(test_many_warnings),
	    cmocka_unit_test(test_env),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
