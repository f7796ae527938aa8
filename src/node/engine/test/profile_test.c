/* SPDX-License-Identifier: Apache-2.0
 *
 * Profiles and capabilities of a spec: who gets which system call.
 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/engine/kernel.h"
#include "node/engine/profile.h"
#include "node/runtime/seccomp.h"
#include "node/runtime/seccomp_names.h"
#include "node/runtime/seccomp_profile.h"
#include "node/runtime/test/seccomp_sim.h"

#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

#define BIT(cap) (1ull << (cap))
#define ERRNO(n) (SECCOMP_RET_ERRNO | (n))

static uint32_t says(const struct rt_filter *f, long nr)
{
	const struct seccomp_data data = {.nr = (int)nr, .arch = seccomp_abis[0].audit};
	uint32_t ret = 0;

	assert_true(seccomp_sim_sound(f->code, f->n));
	assert_true(seccomp_sim(f->code, f->n, &data, &ret));
	return ret;
}

/* Single quotes stand for double ones. */
static char *quoted(const char *text)
{
	char *json = mem_strdup(text);

	for (char *p = json; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	return json;
}

#define RULE "{'names':['mkdir'],'action':'SCMP_ACT_ERRNO','errnoRet':28"

static void test_rules(void **state)
{
	static const struct {
		const char *rules;
		uint64_t caps;
		uint32_t answer; /* to mkdir, when all else is allowed */
	} rows[] = {
	    {RULE "}", 0, ERRNO(28)},
	    {"{'name':'mkdir','action':'SCMP_ACT_ERRNO','comment':'x','unknown':1}", 0, ERRNO(1)},
	    {RULE ",'includes':{'caps':['CAP_SYS_ADMIN']}}", 0, SECCOMP_RET_ALLOW},
	    {RULE ",'includes':{'caps':['CAP_SYS_ADMIN']}}", BIT(CAP_SYS_ADMIN), ERRNO(28)},
	    {RULE ",'includes':{'caps':['CAP_SYS_ADMIN','CAP_BPF']}}", BIT(CAP_SYS_ADMIN), SECCOMP_RET_ALLOW},
	    {RULE ",'excludes':{'caps':['CAP_SYS_ADMIN']}}", BIT(CAP_SYS_ADMIN), SECCOMP_RET_ALLOW},
	    {RULE ",'excludes':{'caps':['CAP_NEW_ONE']}}", ~0ull, ERRNO(28)},
	    {RULE ",'includes':{'arches':['s390x']}}", 0, SECCOMP_RET_ALLOW},
	    {RULE ",'includes':{'arches':['amd64','arm64']}}", 0, ERRNO(28)},
	    {RULE ",'excludes':{'arches':['amd64','arm64']}}", 0, SECCOMP_RET_ALLOW},
	    {RULE ",'includes':{'arches':['x86','x32','arm']}}", 0, SECCOMP_RET_ALLOW},
	    {RULE ",'excludes':{'arches':['x86','x32','arm']}}", 0, ERRNO(28)},
	    {RULE ",'includes':{'minKernel':'4.8'}}", 0, ERRNO(28)},
	    {RULE ",'includes':{'minKernel':'99.1'}}", 0, SECCOMP_RET_ALLOW},
	    {RULE ",'includes':{'minKernel':7}}", 0, SECCOMP_RET_ALLOW},
	    {RULE ",'includes':null,'args':[{'index':0,'value':5,'op':'SCMP_CMP_EQ'}]}", 0, SECCOMP_RET_ALLOW},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		mem_cleanup char *text =
		    mem_printf("{'defaultAction':'SCMP_ACT_ALLOW','archMap':[{'architecture':'SCMP_ARCH_X86_64',"
			       "'subArchitectures':['SCMP_ARCH_X86']},{'architecture':'SCMP_ARCH_AARCH64'}],"
			       "'syscalls':[%s]}",
			       rows[i].rules);
		mem_cleanup char *json = quoted(text);
		struct err err = ERR_INIT;
		struct rt_filter f;

		if (profile_compile(json, rows[i].caps, &f, &err) < 0)
			fail_msg("%s: %s", json, err.text);
#ifdef SYS_mkdir
		if (says(&f, SYS_mkdir) != rows[i].answer)
			fail_msg("%s: %x", json, says(&f, SYS_mkdir));
#endif
		assert_int_equal(says(&f, SYS_getpid), SECCOMP_RET_ALLOW);
		seccomp_filter_free(&f);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *json, *error;
	} rows[] = {
	    {"", "the profile"},
	    {"[]", "an object is needed"},
	    {"{}", "defaultAction"},
	    {"{'defaultAction':'SCMP_ACT_NOPE'}", "SCMP_ACT_NOPE"},
	    {"{'defaultAction':'SCMP_ACT_ALLOW','syscalls':{}}", "syscalls: a list is needed"},
	    {"{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[1]}", "syscalls.0: an object is needed"},
	    {"{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'action':'SCMP_ACT_LOG'}]}",
	     "syscalls.0: names is missing"},
	    {"{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['a'],'name':'b','action':'SCMP_ACT_LOG'}]}",
	     "cannot both be there"},
	    {"{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':[7],'action':'SCMP_ACT_LOG'}]}",
	     "a list of strings"},
	    {"{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['a']}]}", "action"},
	    {"{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['dup'],'action':'SCMP_ACT_KILL','args':[{'index':"
	     "6,'op':'x'}]}]}",
	     "index"},
	    {"{'defaultAction':'SCMP_ACT_ALLOW','archMap':[],'architectures':['SCMP_ARCH_X86']}",
	     "cannot both be there"},
	    {"{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['mkdirat'],'action':'SCMP_ACT_NOTIFY'}]}", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		mem_cleanup char *json = quoted(rows[i].json);
		struct err err = ERR_INIT;
		struct rt_filter f;

		if (profile_compile(json, 0, &f, &err) >= 0 || !strstr(err.text, rows[i].error))
			fail_msg("%s: \"%s\" does not say \"%s\"", json, err.text, rows[i].error);
	}
}

static void test_default_with_caps(void **state)
{
	static const struct {
		long nr;
		uint64_t caps;
	} rows[] = {
	    {SYS_mount, BIT(CAP_SYS_ADMIN)}, {SYS_setns, BIT(CAP_SYS_ADMIN)},	     {SYS_reboot, BIT(CAP_SYS_BOOT)},
	    {SYS_bpf, BIT(CAP_BPF)},	     {SYS_kcmp, BIT(CAP_SYS_PTRACE)},	     {SYS_acct, BIT(CAP_SYS_PACCT)},
	    {SYS_syslog, BIT(CAP_SYSLOG)},   {SYS_init_module, BIT(CAP_SYS_MODULE)},
	};
	struct rt_filter f;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		seccomp_for_caps(rows[i].caps, &f);
		assert_int_equal(says(&f, rows[i].nr), SECCOMP_RET_ALLOW);
		assert_int_equal(says(&f, SYS_kexec_load), ERRNO(1));
		seccomp_filter_free(&f);
		seccomp_for_caps(~rows[i].caps & ~BIT(CAP_SYS_ADMIN), &f);
		assert_int_not_equal(says(&f, rows[i].nr), SECCOMP_RET_ALLOW);
		seccomp_filter_free(&f);
	}
	seccomp_for_caps(RT_CAPS_DEFAULT, &f);
	assert_int_equal(f.n, seccomp_default_len);
	assert_memory_equal(f.code, seccomp_default, f.n * sizeof *f.code);
	seccomp_filter_free(&f);
}

static void test_caps(void **state)
{
	static const struct {
		const char *members;
		uint64_t caps;
	} rows[] = {
	    {"", 0x800405fb},
	    {",'docker_caps':true", 0xa80425fb},
	    {",'privileged':true,'cap_drop':['ALL']", ~0ull},
	    {",'cap_add':['ALL'],'cap_drop':['net_raw','CAP_CHOWN']", ~(BIT(CAP_NET_RAW) | BIT(CAP_CHOWN))},
	    {",'cap_drop':['all'],'cap_add':['sys_time']", BIT(CAP_SYS_TIME)},
	    {",'docker_caps':true,'cap_drop':['MKNOD'],'cap_add':['MKNOD']", 0xa80425fb},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		mem_cleanup char *text = mem_printf("{'image':'a'%s}", rows[i].members), *json = quoted(text);
		json_doc_cleanup yyjson_doc *doc = json_parse(json, strlen(json), 4096, "spec", NULL);
		struct err err = ERR_INIT;
		struct spec s;
		uint64_t caps;

		assert_int_equal(spec_parse(yyjson_doc_get_root(doc), &s, &err), 0);
		assert_int_equal(kernel_caps(&s, &caps, &err), 0);
		assert_true(caps == rows[i].caps);
		spec_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rules),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_default_with_caps),
	    cmocka_unit_test(test_caps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
