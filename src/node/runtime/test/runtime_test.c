/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the runtime that need no privilege: users, the cgroup layout, the filter's table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "node/runtime/cgroup_layout.h"
#include "node/runtime/rt.h"
#include "node/runtime/seccomp.h"
#include "node/runtime/uplink.h"
#include "node/runtime/user.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "broken\n"
			     "huge:x:4294967296:0::/:\n"
			     "minus:x:-1:0::/:\n"
			     "user:x:1000:1001:A User:/home/user:/bin/sh\n"
			     "1234:x:0:0::/:\n"
			     "nohome:x:5:6\n"
			     "relative:x:7:8::home:/bin/sh\n"
			     "last:x:9:9::/last:/bin/sh";
static const char group[] =
    "root:x:0:\nuser:x:1001:\nwheel:x:10:root,user\naudio:x:29:user,other\nusers:x:100:someuser,use\nbad:x:zz:user\n";

static void users_are_found_or_refused(void **state)
{
	static const struct {
		const char *text;
		int r;
		unsigned uid, gid;
		size_t n_groups;
		const char *home;
	} cases[] = {
	    {NULL, 0, 0, 0, 2, "/root"},
	    {"root", 0, 0, 0, 2, "/root"},
	    {"0", 0, 0, 0, 2, "/root"},
	    {"user", 0, 1000, 1001, 3, "/home/user"},
	    {"1000", 0, 1000, 1001, 3, "/home/user"},
	    {"01000", 0, 1000, 1001, 3, "/home/user"},
	    {"user:0", 0, 1000, 0, 1, "/home/user"},
	    {"user:audio", 0, 1000, 29, 1, "/home/user"},
	    {"7777", 0, 7777, 0, 1, "/"},
	    {"7777:8888", 0, 7777, 8888, 1, "/"},
	    {"2147483647", 0, 2147483647, 0, 1, "/"},
	    {"1234", 0, 1234, 0, 1, "/"}, /* a number, though passwd has that name for uid 0 */
	    {"nohome", 0, 5, 6, 1, "/"},
	    {"relative", 0, 7, 8, 1, "/"},
	    {"last", 0, 9, 9, 1, "/last"},
	    {"", -EINVAL, 0, 0, 0, NULL},
	    {":", -EINVAL, 0, 0, 0, NULL},
	    {":0", -EINVAL, 0, 0, 0, NULL},
	    {"1000:", -EINVAL, 0, 0, 0, NULL},
	    {"user:", -EINVAL, 0, 0, 0, NULL},
	    {"user:1:2", -EINVAL, 0, 0, 0, NULL},
	    {"0x0", -ENOENT, 0, 0, 0, NULL},
	    {"+0", -EINVAL, 0, 0, 0, NULL},
	    {"-1", -EINVAL, 0, 0, 0, NULL},
	    {" 0", -EINVAL, 0, 0, 0, NULL},
	    {"root\n", -EINVAL, 0, 0, 0, NULL},
	    {"2147483648", -EINVAL, 0, 0, 0, NULL},
	    {"4294967295", -EINVAL, 0, 0, 0, NULL},
	    {"4294967296", -EINVAL, 0, 0, 0, NULL},
	    {"18446744073709551616", -EINVAL, 0, 0, 0, NULL},
	    {"0:4294967296", -EINVAL, 0, 0, 0, NULL},
	    {"0:-1", -EINVAL, 0, 0, 0, NULL},
	    {"broken", -ENOENT, 0, 0, 0, NULL},
	    {"huge", -ENOENT, 0, 0, 0, NULL},
	    {"minus", -ENOENT, 0, 0, 0, NULL},
	    {"nobody", -ENOENT, 0, 0, 0, NULL},
	    {"user:nogroup", -ENOENT, 0, 0, 0, NULL},
	    {"user:bad", -ENOENT, 0, 0, 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = ERR_INIT;
		struct user u = {.uid = 99};
		int r = user_find(cases[i].text, passwd, group, &u, &err);

		if (r != cases[i].r)
			fail_msg("\"%s\": %d instead of %d", cases[i].text, r, cases[i].r);
		if (r < 0) {
			assert_int_equal(err.code, -r);
			assert_int_equal(u.uid, 99);
			continue;
		}
		assert_int_equal(u.uid, cases[i].uid);
		assert_int_equal(u.gid, cases[i].gid);
		assert_int_equal(u.n_groups, cases[i].n_groups);
		assert_int_equal(u.groups[0], u.gid);
		assert_string_equal(u.home, cases[i].home);
	}
}

static void too_many_groups_are_refused(void **state)
{
	static char text[USER_GROUPS_MAX * 32];
	struct err err = ERR_INIT;
	struct user u;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < USER_GROUPS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "g%d:x:%d:user\n", i, 2000 + i);
	assert_int_equal(user_find("user", passwd, text, &u, &err), -E2BIG);
	*strrchr(text, 'g') = '\0';
	assert_int_equal(user_find("user", passwd, text, &u, &err), 0);
	assert_int_equal(u.n_groups, USER_GROUPS_MAX);
}

#define V1(id, point, options) id " 31 0:29 / " point " rw,relatime - cgroup cgroup rw," options "\n"

static void layouts_are_recognised(void **state)
{
	static const struct {
		const char *mountinfo, *self;
		enum cgroup_kind kind;
		const char *v2, *memory, *cpu, *freezer;
	} cases[] = {
	    {"", "", CGROUP_KIND_NONE, "", "", "", ""},
	    {"garbage\n\n - \n1 2 3\n", "garbage", CGROUP_KIND_NONE, "", "", "", ""},
	    {"25 20 0:22 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
	     "0::/system.slice/berth.service\n", CGROUP_KIND_V2, "/sys/fs/cgroup/system.slice/berth.service", "", "",
	     ""},
	    {"25 20 0:22 / /sys/fs/cgroup rw shared:4 master:1 - cgroup2 cgroup2 rw\n", "0::/a/berth-main\n",
	     CGROUP_KIND_V2, "/sys/fs/cgroup/a", "", "", ""},
	    {"25 20 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "0::/\n", CGROUP_KIND_V2, "/sys/fs/cgroup", "",
	     "", ""},
	    {"25 20 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "0::/../other\n", CGROUP_KIND_V2,
	     "/sys/fs/cgroup", "", "", ""},
	    {"25 20 0:22 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup2 rw\n", "0::/\n", CGROUP_KIND_NONE, "", "", "",
	     ""},
	    {V1("35", "/sys/fs/cgroup/memory", "memory") V1("32", "/sys/fs/cgroup/cpu,cpuacct", "cpu,cpuacct")
		 V1("40", "/sys/fs/cgroup/systemd", "name=systemd")
		     V1("37", "/cg\\040x/freezer",
			"freezer") "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
	     "4:memory:/x\n0::/y\n", CGROUP_KIND_HYBRID, "/sys/fs/cgroup/unified/y", "/sys/fs/cgroup/memory",
	     "/sys/fs/cgroup/cpu,cpuacct", "/cg x/freezer"},
	    {V1("35", "/m1", "memory") V1("36", "/m2", "memory"), "4:memory:/\n", CGROUP_KIND_V1, "", "/m1", "", ""},
	    {V1("40", "/s", "name=memory"), "", CGROUP_KIND_NONE, "", "", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct cgroup_layout l;

		cgroup_layout_parse(cases[i].mountinfo, cases[i].self, &l);
		assert_string_equal(cgroup_kind_name(l.kind), cgroup_kind_name(cases[i].kind));
		assert_string_equal(l.base[CGROUP_V2], cases[i].v2);
		assert_string_equal(l.base[CGROUP_MEMORY], cases[i].memory);
		assert_string_equal(l.base[CGROUP_CPU], cases[i].cpu);
		assert_string_equal(l.base[CGROUP_FREEZER], cases[i].freezer);
	}
}

static void what_cannot_be_used_is_dropped(void **state)
{
	static const char text[] =
	    V1("35", "/m", "memory") V1("36", "/p", "pids") "41 31 0:38 / /u rw - cgroup2 cgroup2 rw\n";
	struct cgroup_layout l;

	(void)state;
	cgroup_layout_parse(text, "0::/y\n", &l);
	cgroup_layout_drop(&l, CGROUP_MEMORY);
	assert_int_equal(l.kind, CGROUP_KIND_HYBRID);
	assert_string_equal(l.base[CGROUP_MEMORY], "");
	cgroup_layout_drop(&l, CGROUP_PIDS);
	assert_int_equal(l.kind, CGROUP_KIND_V2);
	assert_string_equal(l.base[CGROUP_V2], "/u/y");
	cgroup_layout_drop(&l, CGROUP_V2);
	assert_int_equal(l.kind, CGROUP_KIND_NONE);
	assert_string_equal(l.v2_root, "");
}

static void long_paths_are_not_cut(void **state)
{
	char text[2048], path[1024];
	struct cgroup_layout l;

	(void)state;
	memset(path, 'x', sizeof path);
	path[0] = '/';
	path[600] = '\0';
	snprintf(text, sizeof text, "25 20 0:22 / %s rw - cgroup2 cgroup2 rw\n", path);
	cgroup_layout_parse(text, "0::/\n", &l);
	assert_int_equal(l.kind, CGROUP_KIND_NONE);
	path[150] = '/'; /* two names: one of that length cannot be */
	path[300] = '\0';
	snprintf(text, sizeof text, "25 20 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	memmove(path + 3, path, 301);
	memcpy(path, "0::", 3);
	cgroup_layout_parse(text, path, &l);
	assert_int_equal(strlen(l.base[CGROUP_V2]), strlen("/sys/fs/cgroup") + 300);
}

/* The filter, interpreted as the kernel does: only the instructions that the compiler emits. */
static uint32_t filter_says(uint32_t arch, int nr, uint64_t arg0)
{
	const struct seccomp_data data = {.nr = nr, .arch = arch, .args = {arg0}};
	uint32_t a = 0;

	for (unsigned pc = 0, steps = 0; pc < seccomp_default_len && steps < 10000; pc++, steps++) {
		const struct sock_filter *f = &seccomp_default[pc];

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&a, (const char *)&data + f->k, sizeof a);
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= f->k;
			break;
		case BPF_JMP | BPF_JA:
			pc += f->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += a == f->k ? f->jt : f->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			pc += a >= f->k ? f->jt : f->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			pc += a > f->k ? f->jt : f->jf;
			break;
		case BPF_RET | BPF_K:
			return f->k;
		default:
			fail_msg("instruction %u: unknown code %x", pc, f->code);
		}
	}
	fail_msg("the filter does not end");
	return 0;
}

#define ALLOW SECCOMP_RET_ALLOW
#define REFUSE (SECCOMP_RET_ERRNO | EPERM)
#define ABSENT (SECCOMP_RET_ERRNO | ENOSYS)

#if defined(__x86_64__)
static void the_filter_answers(void **state)
{
	static const struct {
		uint32_t arch;
		int nr;
		uint64_t arg0;
		uint32_t answer;
	} cases[] = {
	    {AUDIT_ARCH_X86_64, SYS_read, 0, ALLOW},
	    {AUDIT_ARCH_X86_64, SYS_execve, 0, ALLOW},
	    {AUDIT_ARCH_X86_64, SYS_setns, 0, REFUSE},
	    {AUDIT_ARCH_X86_64, SYS_io_uring_setup, 0, REFUSE},
	    {AUDIT_ARCH_X86_64, SYS_open_by_handle_at, 0, REFUSE},
	    {AUDIT_ARCH_X86_64, SYS_clone, 17, ALLOW},
	    {AUDIT_ARCH_X86_64, SYS_clone, 0x10000000, REFUSE},
	    {AUDIT_ARCH_X86_64, SYS_clone3, 0, ABSENT},
	    {AUDIT_ARCH_X86_64, SYS_socket, 2, ALLOW},
	    {AUDIT_ARCH_X86_64, SYS_socket, 37, ALLOW},
	    {AUDIT_ARCH_X86_64, SYS_socket, 38, REFUSE},
	    {AUDIT_ARCH_X86_64, SYS_socket, 39, ALLOW},
	    {AUDIT_ARCH_X86_64, SYS_socket, 40, REFUSE},
	    {AUDIT_ARCH_X86_64, SYS_socket, 41, ALLOW},
	    {AUDIT_ARCH_X86_64, SYS_socket, 0x100000026, REFUSE},
	    {AUDIT_ARCH_X86_64, SYS_personality, 0, ALLOW},
	    {AUDIT_ARCH_X86_64, SYS_personality, 0xffffffff, ALLOW},
	    {AUDIT_ARCH_X86_64, SYS_personality, 0x40000, REFUSE},
	    {AUDIT_ARCH_X86_64, 9999, 0, ABSENT},
	    {AUDIT_ARCH_X86_64, -1, 0, ABSENT},
	    {AUDIT_ARCH_X86_64, 0x40000000 | SYS_socket, 2, ABSENT},
	    {AUDIT_ARCH_I386, 3, 0, ALLOW},		/* read */
	    {AUDIT_ARCH_I386, 21, 0, REFUSE},		/* mount */
	    {AUDIT_ARCH_I386, 359, 2, ALLOW},		/* socket */
	    {AUDIT_ARCH_I386, 359, 38, REFUSE},		/* socket */
	    {AUDIT_ARCH_I386, 102, 1, ABSENT},		/* socketcall: socket */
	    {AUDIT_ARCH_I386, 102, 3, ALLOW},		/* socketcall: connect */
	    {AUDIT_ARCH_I386, 120, 0x10000000, REFUSE}, /* clone */
	    {AUDIT_ARCH_I386, 435, 0, ABSENT},		/* clone3 */
	    {AUDIT_ARCH_AARCH64, 63, 0, SECCOMP_RET_KILL_PROCESS},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint32_t answer = filter_says(cases[i].arch, cases[i].nr, cases[i].arg0);

		if (answer != cases[i].answer)
			fail_msg("case %zu: %x instead of %x", i, answer, cases[i].answer);
	}
}
#else
static void the_filter_answers(void **state)
{
	(void)state;
	assert_int_equal(filter_says(AUDIT_ARCH_AARCH64, SYS_read, 0), ALLOW);
	assert_int_equal(filter_says(AUDIT_ARCH_AARCH64, SYS_socket, 38), REFUSE);
	assert_int_equal(filter_says(AUDIT_ARCH_AARCH64, SYS_clone3, 0), ABSENT);
}
#endif

static void names_are_checked(void **state)
{
	static const char *const bad[] = {"", "UPPER", "a/b", "..", "a b", "a.b"};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct rt_spec spec = {.id = bad[i], .root_fd = -1};
		enum rt_fault fault = RT_FAULT_NONE;
		struct err err = ERR_INIT;
		struct rt_box box;

		assert_int_equal(rt_start(&spec, &box, &fault, &err), -EINVAL);
		assert_int_equal(fault, RT_FAULT_OURS);
		rt_find(bad[i], &box);
		assert_string_equal(box.cgroup, "");
		assert_int_equal(rt_delete(&box, &err), 0);
	}
}

static void the_host_is_described(void **state)
{
	struct err err = ERR_INIT;
	struct rt_host host;

	(void)state;
	assert_int_equal(rt_host(&host, &err), 0);
	assert_non_null(host.cgroup_layout);
	assert_true(host.n_cpus >= 1 && host.memory_total > 0);
}

static void a_network_is_chosen(void **state)
{
	char why[UPLINK_WHY_MAX];
	struct err err = ERR_INIT;
	enum uplink_kind kind;

	(void)state;
	assert_int_equal(uplink_choose("none", &kind, why, &err), 0);
	assert_true(kind == UPLINK_NONE && !*why);
	assert_int_equal(uplink_choose("auto", &kind, why, &err), 0);
	assert_true((kind == UPLINK_NONE) == (*why != '\0'));
	assert_int_equal(uplink_choose("PASTA", &kind, why, &err), -EINVAL);
	assert_non_null(strstr(err.text, "\"PASTA\""));
}

/* The machine's name servers are the program's affair: a container could not reach them by these numbers. */
static void names_are_asked_of_the_uplink(void **state)
{
	static const struct {
		enum uplink_kind kind;
		const char *machines, *want;
	} cases[] = {
	    {UPLINK_PASTA, "", "nameserver 169.254.1.1\n"},
	    {UPLINK_SLIRP, "nameserver 127.0.0.53\nsearch a.example b\noptions\tedns0",
	     "search a.example b\noptions\tedns0\nnameserver 10.0.2.3\n"},
	    {UPLINK_PASTA, "# search x\n\nsearching y\ndomain z\nnameserver ::1\n",
	     "domain z\nnameserver 169.254.1.1\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		mem_cleanup char *text = uplink_resolv_conf(cases[i].kind, cases[i].machines);

		assert_string_equal(text, cases[i].want);
	}
}

static void start_times_are_read(void **state)
{
	struct err err = ERR_INIT;
	uint64_t a = 0, b = 0;

	(void)state;
	assert_int_equal(proc_start_time(getpid(), &a, &err), 0);
	assert_int_equal(proc_start_time(1, &b, &err), 0);
	assert_true(a > b);
	assert_int_equal(proc_start_time(0x7ffffffe, &b, &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(users_are_found_or_refused),
	    cmocka_unit_test(too_many_groups_are_refused),
	    cmocka_unit_test(layouts_are_recognised),
	    cmocka_unit_test(long_paths_are_not_cut),
	    cmocka_unit_test(what_cannot_be_used_is_dropped),
	    cmocka_unit_test(the_filter_answers),
	    cmocka_unit_test(names_are_checked),
	    cmocka_unit_test(the_host_is_described),
	    cmocka_unit_test(a_network_is_chosen),
	    cmocka_unit_test(names_are_asked_of_the_uplink),
	    cmocka_unit_test(start_times_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
