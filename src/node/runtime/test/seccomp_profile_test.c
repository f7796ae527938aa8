/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters from profiles: what is refused, and what they decide, asked of an interpreter, of libseccomp and of a plain reading of the
 * profile. SECCOMP_SEED=<number> repeats a run. What filters do to a process is in seccomp_load_test.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/core/err.h"
#include "node/runtime/seccomp_profile.h"
#include "node/runtime/test/seccomp_peer.h"
#include "node/runtime/test/seccomp_sim.h"

#include <linux/audit.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define RULES(...)                                                                                                     \
	.rules = (const struct seccomp_rule[]){__VA_ARGS__},                                                           \
	.n_rules = COUNT(((const struct seccomp_rule[]){__VA_ARGS__}))
#define ARGS(...)                                                                                                      \
	.args = (const struct seccomp_arg[]){__VA_ARGS__}, .n_args = COUNT(((const struct seccomp_arg[]){__VA_ARGS__}))

enum { X86_64, X86, X32, ABIS };

static const uint32_t audits[ABIS] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_X86_64};
static const char *const abi_names[ABIS] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};

static const uint32_t EPERM_ = SECCOMP_RET_ERRNO | EPERM, ENOSYS_ = SECCOMP_RET_ERRNO | ENOSYS,
		      ALLOW = SECCOMP_RET_ALLOW, KILLED = SECCOMP_RET_KILL_PROCESS;

static struct rt_filter compiled(const struct seccomp_profile *p)
{
	struct err err = ERR_INIT;
	struct rt_filter f;

	if (seccomp_compile(p, &f, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(seccomp_sim_sound(f.code, f.n));
	return f;
}

static uint32_t says(const struct rt_filter *f, uint32_t audit, uint32_t nr, uint64_t a0, uint64_t a1)
{
	const struct seccomp_data data = {.nr = (int)nr, .arch = audit, .args = {a0, a1}};
	uint32_t ret = 0;

	assert_true(seccomp_sim(f->code, f->n, &data, &ret));
	return ret;
}

/* ---- what is refused ---- */

static void bad_profiles_are_refused(void **state)
{
	const struct {
		struct seccomp_profile p;
		int code;
		const char *text;
	} cases[] = {
	    {{.default_action = NULL}, EINVAL, "defaultAction: \"\" is not an action"},
	    {{.default_action = "ALLOW"}, EINVAL, "defaultAction: \"ALLOW\" is not an action"},
	    {{.default_action = "SCMP_ACT_ALLOW", .has_default_errno = true},
	     EINVAL,
	     "defaultErrnoRet: SCMP_ACT_ALLOW has no error number"},
	    {{.default_action = "SCMP_ACT_ERRNO", .has_default_errno = true, .default_errno = 4096},
	     EINVAL,
	     "defaultErrnoRet: 4096 is over 4095"},
	    {{.default_action = "SCMP_ACT_TRACE", .has_default_errno = true, .default_errno = 65536},
	     EINVAL,
	     "defaultErrnoRet: 65536 is over 65535"},
	    {{.default_action = "SCMP_ACT_ALLOW", .architectures = NAMES("SCMP_ARCH_X86", "SCMP_ARCH_VAX")},
	     EINVAL,
	     "architectures[1]: \"SCMP_ARCH_VAX\" is not an architecture"},
	    {{.default_action = "SCMP_ACT_ALLOW", .flags = NAMES("SECCOMP_FILTER_FLAG_NEW_LISTENER")},
	     EINVAL,
	     "flags[0]: \"SECCOMP_FILTER_FLAG_NEW_LISTENER\" is not a flag"},
	    {{.default_action = "SCMP_ACT_ALLOW", .listener_metadata = "x"},
	     EINVAL,
	     "listenerMetadata: has no meaning without listenerPath"},
	    {{.default_action = "SCMP_ACT_NOTIFY"}, EINVAL, "listenerPath: SCMP_ACT_NOTIFY needs it"},
	    {{.default_action = "SCMP_ACT_ALLOW", RULES({.names = NAMES("read"), .action = "SCMP_ACT_NOTIFY"})},
	     EINVAL,
	     "listenerPath: SCMP_ACT_NOTIFY needs it"},
	    {{.default_action = "SCMP_ACT_ALLOW", RULES({.names = NAMES("read"), .action = "SCMP_ACT_TRAP"}, {0})},
	     EINVAL,
	     "syscalls[1].action: \"\" is not an action"},
	    {{.default_action = "SCMP_ACT_ALLOW",
	      RULES({.names = NAMES("read"), .action = "SCMP_ACT_LOG", .has_errno = true})},
	     EINVAL,
	     "syscalls[0].errnoRet: SCMP_ACT_LOG has no error number"},
	    {{.default_action = "SCMP_ACT_ALLOW", RULES({.names = NULL, .action = "SCMP_ACT_LOG"})},
	     EINVAL,
	     "syscalls[0].names: at least one name is needed"},
	    {{.default_action = "SCMP_ACT_ALLOW", RULES({.names = NAMES("read", ""), .action = "SCMP_ACT_LOG"})},
	     EINVAL,
	     "syscalls[0].names[1]: a name is needed"},
	    {{.default_action = "SCMP_ACT_ALLOW",
	      RULES({.names = NAMES("read"), .action = "SCMP_ACT_LOG", ARGS({.index = 6, .op = "SCMP_CMP_EQ"})})},
	     EINVAL,
	     "syscalls[0].args[0].index: 6 is over 5"},
	    {{.default_action = "SCMP_ACT_ALLOW",
	      RULES({.names = NAMES("read"), .action = "SCMP_ACT_LOG", ARGS({.op = "SCMP_CMP_EQ"}, {.op = "=="})})},
	     EINVAL,
	     "syscalls[0].args[1].op: \"==\" is not an operator"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rt_filter f = {.n = 7};
		struct err err = ERR_INIT;

		assert_int_equal(seccomp_compile(&cases[i].p, &f, &err), -cases[i].code);
		assert_string_equal(err.text, cases[i].text);
		assert_int_equal(f.n, 7);
	}
}

/* More rules, names, arguments or instructions than there may be. */
static void sizes_are_limited(void **state)
{
	static const char *many[SECCOMP_NAMES_MAX + 2];
	static const char *const two[] = {"read", "write", NULL};
	static struct seccomp_rule rules[SECCOMP_RULES_MAX + 1];
	static const struct seccomp_arg args[65] = {[0 ... 64] = {.op = "SCMP_CMP_EQ", .value = 1}};
	const struct seccomp_rule names = {.names = many, .action = "SCMP_ACT_LOG"},
				  wide = {.names = NAMES("read"), .action = "SCMP_ACT_LOG", .args = args, .n_args = 65};
	const struct seccomp_profile cases[] = {
	    {.default_action = "SCMP_ACT_ALLOW", .rules = &names, .n_rules = 1},
	    {.default_action = "SCMP_ACT_ALLOW", .rules = &wide, .n_rules = 1},
	    {.default_action = "SCMP_ACT_ALLOW", .rules = rules, .n_rules = SECCOMP_RULES_MAX + 1},
	    {.default_action = "SCMP_ACT_ALLOW", .rules = rules, .n_rules = SECCOMP_RULES_MAX}};

	(void)state;
	for (size_t i = 0; i <= SECCOMP_NAMES_MAX; i++)
		many[i] = "read";
	for (size_t i = 0; i <= SECCOMP_RULES_MAX; i++)
		rules[i] = (struct seccomp_rule){.names = two, .action = "SCMP_ACT_LOG", .args = args, .n_args = 64};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = ERR_INIT;
		struct rt_filter f;

		assert_int_equal(seccomp_compile(&cases[i], &f, &err), -E2BIG);
		assert_true(strlen(err.text) > 0);
	}
	/* a profile of exactly as many instructions as fit is not refused, one more rule is */
	for (size_t n = 1, r = 0;; n++) {
		struct seccomp_profile p = {.default_action = "SCMP_ACT_ALLOW", .rules = rules, .n_rules = n};
		struct rt_filter f = {.n = 0};

		rules[n - 1].n_args = 1;
		r = (size_t)-seccomp_compile(&p, &f, NULL);
		if (r == 0)
			assert_true(seccomp_sim_sound(f.code, f.n));
		seccomp_filter_free(&f);
		if (r != 0) {
			assert_int_equal(r, E2BIG);
			assert_true(n > 100);
			break;
		}
	}
}

/* ---- what is decided ---- */

static void actions_have_their_numbers(void **state)
{
	static const struct {
		const char *action;
		bool has_errno;
		unsigned errno_ret;
		uint32_t value;
	} cases[] = {
	    {"SCMP_ACT_KILL", false, 0, SECCOMP_RET_KILL_THREAD},
	    {"SCMP_ACT_KILL_THREAD", false, 0, SECCOMP_RET_KILL_THREAD},
	    {"SCMP_ACT_KILL_PROCESS", false, 0, SECCOMP_RET_KILL_PROCESS},
	    {"SCMP_ACT_TRAP", false, 0, SECCOMP_RET_TRAP},
	    {"SCMP_ACT_ERRNO", false, 0, SECCOMP_RET_ERRNO | EPERM},
	    {"SCMP_ACT_ERRNO", true, 0, SECCOMP_RET_ERRNO},
	    {"SCMP_ACT_ERRNO", true, 4095, SECCOMP_RET_ERRNO | 4095},
	    {"SCMP_ACT_TRACE", false, 0, SECCOMP_RET_TRACE | EPERM},
	    {"SCMP_ACT_TRACE", true, 65535, SECCOMP_RET_TRACE | 65535},
	    {"SCMP_ACT_LOG", false, 0, SECCOMP_RET_LOG},
	    {"SCMP_ACT_NOTIFY", false, 0, SECCOMP_RET_USER_NOTIF},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct seccomp_rule rule = {.names = NAMES("getpid"),
						  .action = cases[i].action,
						  .has_errno = cases[i].has_errno,
						  .errno_ret = cases[i].errno_ret};
		const struct seccomp_profile p = {
		    .default_action = "SCMP_ACT_ALLOW", .listener_path = "/x", .rules = &rule, .n_rules = 1};
		struct rt_filter f = compiled(&p);

		assert_int_equal(says(&f, AUDIT_ARCH_X86_64, 39, 0, 0), cases[i].value);
		assert_int_equal(says(&f, AUDIT_ARCH_X86_64, 40, 0, 0), ALLOW);
		assert_int_equal(f.notify, !strcmp(cases[i].action, "SCMP_ACT_NOTIFY"));
		seccomp_filter_free(&f);
	}
}

static bool holds(const char *op, uint64_t arg, uint64_t a, uint64_t b)
{
	return !strcmp(op, "SCMP_CMP_NE")   ? arg != a
	       : !strcmp(op, "SCMP_CMP_LT") ? arg < a
	       : !strcmp(op, "SCMP_CMP_LE") ? arg <= a
	       : !strcmp(op, "SCMP_CMP_EQ") ? arg == a
	       : !strcmp(op, "SCMP_CMP_GE") ? arg >= a
	       : !strcmp(op, "SCMP_CMP_GT") ? arg > a
					    : (arg & a) == (b & a);
}

static const uint64_t edges[] = {0,
				 1,
				 2,
				 5,
				 0x7fffffff,
				 0x80000000,
				 0xffffffff,
				 0x100000000,
				 0x100000001,
				 0x100000005,
				 0x1ffffffff,
				 0x7fffffffffffffff,
				 0x8000000000000000,
				 0xffffffff00000000,
				 0xfffffffffffffffe,
				 UINT64_MAX};

static void operators_compare_64_bits(void **state)
{
	(void)state;
	for (size_t op = 0; seccomp_operators[op]; op++) {
		for (size_t i = 0; i < COUNT(edges) * COUNT(edges); i++) {
			const uint64_t a = edges[i / COUNT(edges)], b = edges[i % COUNT(edges)];
			const struct seccomp_arg arg = {
			    .index = 1, .value = a, .value_two = b, .op = seccomp_operators[op]};
			const struct seccomp_rule rule = {
			    .names = NAMES("lseek"), .action = "SCMP_ACT_ERRNO", .args = &arg, .n_args = 1};
			const struct seccomp_profile p = {.default_action = "SCMP_ACT_ALLOW",
							  .architectures = NAMES("SCMP_ARCH_X86"),
							  .rules = &rule,
							  .n_rules = 1};
			struct rt_filter f = compiled(&p);

			for (size_t k = 0; k < COUNT(edges); k++) {
				const uint32_t low = (uint32_t)edges[k];

				assert_int_equal(says(&f, AUDIT_ARCH_X86_64, 8, 9, edges[k]),
						 holds(arg.op, edges[k], a, b) ? EPERM_ : ALLOW);
				assert_int_equal(says(&f, AUDIT_ARCH_I386, 19, 9, low),
						 holds(arg.op, low, (uint32_t)a, (uint32_t)b) ? EPERM_ : ALLOW);
			}
			seccomp_filter_free(&f);
		}
	}
}

/* One rule: all arguments; the same argument twice: any. Several rules: any, and one without conditions beats them. */
static void rules_combine(void **state)
{
	const struct seccomp_profile p = {
	    .default_action = "SCMP_ACT_ERRNO",
	    RULES({.names = NAMES("read"),
		   .action = "SCMP_ACT_ALLOW",
		   ARGS({0, 3, 0, "SCMP_CMP_EQ"}, {1, 4, 0, "SCMP_CMP_EQ"})},
		  {.names = NAMES("write"),
		   .action = "SCMP_ACT_ALLOW",
		   ARGS({0, 3, 0, "SCMP_CMP_EQ"}, {0, 5, 0, "SCMP_CMP_EQ"}, {1, 4, 0, "SCMP_CMP_EQ"})},
		  {.names = NAMES("close"), .action = "SCMP_ACT_LOG", ARGS({0, 3, 0, "SCMP_CMP_GT"})},
		  {.names = NAMES("close"), .action = "SCMP_ACT_ALLOW", ARGS({0, 1, 0, "SCMP_CMP_GT"})},
		  {.names = NAMES("stat"), .action = "SCMP_ACT_LOG", ARGS({0, 3, 0, "SCMP_CMP_EQ"})},
		  {.names = NAMES("stat"), .action = "SCMP_ACT_ALLOW"},
		  {.names = NAMES("stat"), .action = "SCMP_ACT_TRAP"},
		  {.names = NAMES("no_such_call", "fstat", "lstat"), .action = "SCMP_ACT_ALLOW"},
		  {.names = NAMES("lstat"), .action = "SCMP_ACT_ERRNO", .has_errno = true, .errno_ret = EPERM})};
	static const struct {
		uint32_t nr;
		uint64_t a0, a1;
		uint32_t answer;
	} cases[] = {{0, 3, 4, SECCOMP_RET_ALLOW}, {0, 3, 5, 0x50001},
		     {0, 2, 4, 0x50001},	   {1, 3, 0, SECCOMP_RET_ALLOW},
		     {1, 5, 0, SECCOMP_RET_ALLOW}, {1, 9, 4, SECCOMP_RET_ALLOW},
		     {1, 9, 9, 0x50001},	   {3, 4, 0, SECCOMP_RET_LOG},
		     {3, 3, 0, SECCOMP_RET_ALLOW}, {3, 1, 0, 0x50001},
		     {4, 3, 0, SECCOMP_RET_ALLOW}, {5, 0, 0, SECCOMP_RET_ALLOW},
		     {6, 0, 0, SECCOMP_RET_ALLOW}, {2, 0, 0, 0x50001}};
	struct rt_filter f = compiled(&p);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(says(&f, AUDIT_ARCH_X86_64, cases[i].nr, cases[i].a0, cases[i].a1), cases[i].answer);
	seccomp_filter_free(&f);
}

/* What the kernel reads as 32 bits is compared as such: a bit above cannot be used to get past a rule. */
static void unread_bits_do_not_help(void **state)
{
	const struct seccomp_profile
	    deny = {.default_action = "SCMP_ACT_ALLOW",
		    RULES({.names = NAMES("ioctl"), .action = "SCMP_ACT_ERRNO", ARGS({1, 0x5412, 0, "SCMP_CMP_EQ"})})},
	    allow = {.default_action = "SCMP_ACT_ERRNO",
		     RULES({.names = NAMES("socket"), .action = "SCMP_ACT_ALLOW", ARGS({0, 40, 0, "SCMP_CMP_GT"})})};
	struct rt_filter f = compiled(&deny), g = compiled(&allow);

	(void)state;
	assert_int_equal(says(&f, AUDIT_ARCH_X86_64, 16, 0, 0x5412), EPERM_);
	assert_int_equal(says(&f, AUDIT_ARCH_X86_64, 16, 0, 0x100005412), EPERM_);
	assert_int_equal(says(&f, AUDIT_ARCH_X86_64, 16, 0, 0x5413), ALLOW);
	assert_int_equal(says(&g, AUDIT_ARCH_X86_64, 41, 0x100000026, 0), EPERM_);
	assert_int_equal(says(&g, AUDIT_ARCH_X86_64, 41, 41, 0), ALLOW);
	seccomp_filter_free(&f);
	seccomp_filter_free(&g);
}

static void other_abis_are_shut_unless_named(void **state)
{
	const struct seccomp_profile native = {.default_action = "SCMP_ACT_ALLOW",
					       .architectures = NAMES("SCMP_ARCH_S390X", "SCMP_ARCH_LOONGARCH64")},
				     all = {.default_action = "SCMP_ACT_ALLOW",
					    .architectures = NAMES("SCMP_ARCH_X32", "SCMP_ARCH_X86")};
	struct rt_filter f = compiled(&native), g = compiled(&all);

	(void)state;
	assert_int_equal(says(&f, AUDIT_ARCH_X86_64, 0, 0, 0), ALLOW);
	assert_int_equal(says(&f, AUDIT_ARCH_X86_64, 9999, 0, 0), ALLOW);
	assert_int_equal(says(&f, AUDIT_ARCH_X86_64, 0x40000000, 0, 0), KILLED);
	assert_int_equal(says(&f, AUDIT_ARCH_X86_64, 0xfffffffe, 0, 0), KILLED);
	assert_int_equal(says(&f, AUDIT_ARCH_X86_64, 0xffffffff, 0, 0), ALLOW);
	assert_int_equal(says(&f, AUDIT_ARCH_I386, 0, 0, 0), KILLED);
	assert_int_equal(says(&f, AUDIT_ARCH_S390X, 0, 0, 0), KILLED);
	assert_int_equal(says(&g, AUDIT_ARCH_X86_64, 0x40000000, 0, 0), ALLOW);
	assert_int_equal(says(&g, AUDIT_ARCH_I386, 0, 0, 0), ALLOW);
	assert_int_equal(says(&g, AUDIT_ARCH_AARCH64, 0, 0, 0), KILLED);
	seccomp_filter_free(&f);
	seccomp_filter_free(&g);
	for (size_t i = 0; seccomp_architectures[i]; i++) {
		const struct seccomp_profile one = {.default_action = "SCMP_ACT_ALLOW",
						    .architectures = NAMES(seccomp_architectures[i])};

		f = compiled(&one);
		seccomp_filter_free(&f);
	}
}

/* Newer than all that the profile names: ENOSYS, so that programs fall back; a gap in between keeps the default action. */
static void newer_calls_are_absent(void **state)
{
	static const struct {
		const char *action;
		bool absent;
		uint32_t gap;
	} cases[] = {{"SCMP_ACT_ERRNO", true, 0x50001},
		     {"SCMP_ACT_KILL_PROCESS", true, SECCOMP_RET_KILL_PROCESS},
		     {"SCMP_ACT_TRAP", true, SECCOMP_RET_TRAP},
		     {"SCMP_ACT_ALLOW", false, SECCOMP_RET_ALLOW},
		     {"SCMP_ACT_LOG", false, SECCOMP_RET_LOG},
		     {"SCMP_ACT_TRACE", false, SECCOMP_RET_TRACE | 1},
		     {"SCMP_ACT_NOTIFY", false, SECCOMP_RET_USER_NOTIF}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct seccomp_profile p = {
		    .default_action = cases[i].action,
		    .architectures = NAMES("SCMP_ARCH_X86", "SCMP_ARCH_X32"),
		    .listener_path = "/x",
		    RULES({.names = NAMES("futex_waitv", "read"), .action = "SCMP_ACT_ALLOW"})};
		struct rt_filter f = compiled(&p);

		for (unsigned abi = 0; abi < ABIS; abi++) {
			uint32_t bit = abi == X32 ? 0x40000000 : 0;

			assert_int_equal(says(&f, audits[abi], bit | 449, 0, 0), ALLOW);
			assert_int_equal(says(&f, audits[abi], bit | 448, 0, 0), cases[i].gap);
			assert_int_equal(says(&f, audits[abi], bit | 450, 0, 0),
					 cases[i].absent ? ENOSYS_ : cases[i].gap);
			assert_int_equal(says(&f, audits[abi], bit | 0x3fffffff, 0, 0),
					 cases[i].absent ? ENOSYS_ : cases[i].gap);
		}
		seccomp_filter_free(&f);
	}
}

/* 32-bit x86: the same call behind socketcall and ipc, whose arguments no filter can see. */
static void side_doors_follow_the_rules(void **state)
{
	const struct seccomp_arg family = {0, 38, 0, "SCMP_CMP_EQ"};
	const struct seccomp_profile
	    deny = {.default_action = "SCMP_ACT_ALLOW",
		    .architectures = NAMES("SCMP_ARCH_X86"),
		    RULES({.names = NAMES("socket"), .action = "SCMP_ACT_ERRNO", .args = &family, .n_args = 1},
			  {.names = NAMES("shmat"), .action = "SCMP_ACT_ERRNO"})},
	    allow = {.default_action = "SCMP_ACT_ERRNO",
		     .architectures = NAMES("SCMP_ARCH_X86"),
		     RULES({.names = NAMES("socket"), .action = "SCMP_ACT_ALLOW", .args = &family, .n_args = 1},
			   {.names = NAMES("connect", "semop"), .action = "SCMP_ACT_ALLOW"})};
	struct rt_filter f = compiled(&deny), g = compiled(&allow);

	(void)state;
	assert_int_equal(says(&f, AUDIT_ARCH_I386, 359, 38, 0), EPERM_);
	assert_int_equal(says(&f, AUDIT_ARCH_I386, 359, 2, 0), ALLOW);
	assert_int_equal(says(&f, AUDIT_ARCH_I386, 102, 1, 0), EPERM_);
	assert_int_equal(says(&f, AUDIT_ARCH_I386, 102, 2, 0), ALLOW);
	assert_int_equal(says(&f, AUDIT_ARCH_I386, 397, 0, 0), EPERM_);
	assert_int_equal(says(&f, AUDIT_ARCH_I386, 117, 21, 0), EPERM_);
	assert_int_equal(says(&f, AUDIT_ARCH_I386, 117, 0x10015, 0), EPERM_);
	assert_int_equal(says(&f, AUDIT_ARCH_I386, 117, 22, 0), ALLOW);
	assert_int_equal(says(&g, AUDIT_ARCH_I386, 359, 38, 0), ALLOW);
	assert_int_equal(says(&g, AUDIT_ARCH_I386, 102, 1, 0), EPERM_);
	assert_int_equal(says(&g, AUDIT_ARCH_I386, 102, 3, 0), ALLOW);
	assert_int_equal(says(&g, AUDIT_ARCH_I386, 117, 1, 0), ALLOW);
	assert_int_equal(says(&g, AUDIT_ARCH_I386, 117, 2, 0), EPERM_);
	seccomp_filter_free(&f);
	seccomp_filter_free(&g);
}

static void flags_are_read(void **state)
{
	const struct seccomp_profile none = {.default_action = "SCMP_ACT_ALLOW"},
				     empty = {.default_action = "SCMP_ACT_ALLOW", .flags = (const char *const[]){NULL}},
				     all = {.default_action = "SCMP_ACT_ALLOW", .flags = seccomp_flags};
	struct rt_filter f = compiled(&none), g = compiled(&empty), h = compiled(&all);

	(void)state;
	assert_int_equal(f.flags, SECCOMP_FILTER_FLAG_SPEC_ALLOW);
	assert_int_equal(g.flags, 0);
	assert_int_equal(h.flags, 1 | 2 | 4 | 32);
	seccomp_filter_free(&f);
	seccomp_filter_free(&g);
	seccomp_filter_free(&h);
	seccomp_filter_free(&h);
}

/* ---- random profiles ---- */

enum { POOL = 40, RULES_MAX = 12, TRIALS = 60, TRIED_MAX = 501 };

static uint64_t seed;

static uint64_t roll(uint64_t n)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (z ^ (z >> 31)) % n;
}

struct random_profile {
	struct seccomp_profile p;
	struct seccomp_rule rules[RULES_MAX];
	uint32_t actions[RULES_MAX], default_action;
	const char *names[RULES_MAX][6];
	struct seccomp_arg args[RULES_MAX][3];
	const char *architectures[ABIS];
	unsigned abis; /* bits */
};

static uint32_t random_action(const char **name, bool *has_errno, unsigned *errno_ret)
{
	static const uint32_t values[] = {SECCOMP_RET_KILL_THREAD, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD,
					  SECCOMP_RET_TRAP,	   SECCOMP_RET_ERRNO,	     SECCOMP_RET_TRACE,
					  SECCOMP_RET_ALLOW,	   SECCOMP_RET_LOG,	     SECCOMP_RET_USER_NOTIF};
	size_t i = roll(3) ? 4 + 2 * roll(2) : roll(COUNT(values));
	bool has = i == 4 || i == 5;

	*name = seccomp_actions[i];
	*has_errno = has && roll(2);
	*errno_ret = *has_errno ? (unsigned)roll(100) : 0;
	return values[i] | (*has_errno ? *errno_ret : has ? EPERM : 0);
}

static void random_rule(struct random_profile *r, size_t i, const char *const *pool)
{
	struct seccomp_rule *rule = &r->rules[i];
	size_t n = 1 + roll(5);

	r->actions[i] = random_action(&rule->action, &rule->has_errno, &rule->errno_ret);
	for (size_t k = 0; k < n; k++)
		r->names[i][k] = pool[roll(POOL)];
	r->names[i][n] = NULL;
	rule->names = r->names[i];
	rule->args = r->args[i];
	rule->n_args = roll(2) ? roll(4) : 0;
	for (size_t k = 0; k < rule->n_args; k++)
		r->args[i][k] = (struct seccomp_arg){(unsigned)k, edges[roll(COUNT(edges))], edges[roll(COUNT(edges))],
						     seccomp_operators[roll(7)]};
}

static void random_profile(struct random_profile *r, const char *const *pool)
{
	/* the list has room for an end as long as the machine's own, which is always meant, is left out */
	static const char *const others[] = {"SCMP_ARCH_X86", "SCMP_ARCH_X32", NULL};
	size_t n = 0;

	memset(r, 0, sizeof *r);
	r->abis = 1;
	for (unsigned abi = 0; abi < ABIS; abi++) {
		if (!roll(2))
			continue;
		r->architectures[n++] = abi_names[abi];
		r->abis |= 1u << abi;
	}
	r->default_action = random_action(&r->p.default_action, &r->p.has_default_errno, &r->p.default_errno);
	r->p.n_rules = roll(RULES_MAX + 1);
	for (size_t i = 0; i < r->p.n_rules; i++)
		random_rule(r, i, pool);
	r->p.rules = r->rules;
	r->p.architectures = n < ABIS ? r->architectures : others;
	r->p.listener_path = "/x";
}

static bool named(const struct seccomp_rule *rule, const char *name)
{
	for (size_t i = 0; rule->names[i]; i++) {
		if (!strcmp(rule->names[i], name))
			return true;
	}
	return false;
}

static bool rule_holds(const struct seccomp_rule *rule, const uint64_t *args, bool wide)
{
	for (size_t i = 0; i < rule->n_args; i++) {
		const struct seccomp_arg *a = &rule->args[i];
		uint64_t mask = wide ? UINT64_MAX : UINT32_MAX;

		if (!holds(a->op, args[a->index] & mask, a->value & mask, a->value_two & mask))
			return false;
	}
	return true;
}

static uint32_t last_number(const struct random_profile *r, unsigned abi)
{
	uint32_t last = 0;

	for (size_t i = 0; i < r->p.n_rules; i++) {
		for (size_t k = 0; r->names[i][k]; k++) {
			int nr = peer_number(abi, r->names[i][k]);

			if (nr > 0 && (uint32_t)nr > last)
				last = (uint32_t)nr;
		}
	}
	return last;
}

/* The profile read word by word. *same: all that it says about this call is one action, whatever the order. */
static uint32_t reading(const struct random_profile *r, unsigned abi, uint32_t nr, uint32_t last, const uint64_t *args,
			bool *same)
{
	const uint32_t plain = r->default_action & SECCOMP_RET_ACTION_FULL;
	uint32_t first = r->default_action;
	const char *name;
	char buf[64];
	bool found = false;

	*same = true;
	if (!(r->abis & 1u << abi))
		return SECCOMP_RET_KILL_PROCESS;
	if (nr > last && last > 0 && plain != SECCOMP_RET_ALLOW && plain != SECCOMP_RET_LOG &&
	    plain != SECCOMP_RET_TRACE && plain != SECCOMP_RET_USER_NOTIF)
		return ENOSYS_;
	name = peer_name(abi, nr, buf);
	for (int pass = 0; pass < 2; pass++) {
		uint32_t seen = 0;
		bool any = false;

		for (size_t i = 0; name && i < r->p.n_rules; i++) {
			const struct seccomp_rule *rule = &r->rules[i];

			if (r->actions[i] == r->default_action || !named(rule, name))
				continue;
			*same = *same && (!any || seen == r->actions[i]);
			seen = r->actions[i];
			any = true;
			if (!found && (pass == 1 || rule->n_args == 0) && rule_holds(rule, args, abi == X86_64)) {
				first = r->actions[i];
				found = true;
			}
		}
	}
	return first;
}

static long peer_of(const struct random_profile *r, struct sock_filter *code)
{
	struct peer_rule rules[RULES_MAX] = {0};

	for (size_t i = 0; i < r->p.n_rules; i++) {
		rules[i].names = r->names[i];
		rules[i].action = r->actions[i];
		rules[i].n_args = r->rules[i].n_args;
		for (size_t k = 0; k < rules[i].n_args; k++) {
			rules[i].args[k].index = r->args[i][k].index;
			rules[i].args[k].value = r->args[i][k].value;
			rules[i].args[k].value_two = r->args[i][k].value_two;
			while (strcmp(seccomp_operators[rules[i].args[k].op], r->args[i][k].op) != 0)
				rules[i].args[k].op++;
		}
	}
	return peer_compile(r->default_action, r->abis, rules, r->p.n_rules, code);
}

static size_t compare_abi(const struct random_profile *r, const struct rt_filter *f, const struct sock_filter *peer,
			  size_t n_peer, unsigned abi)
{
	const uint32_t last = last_number(r, abi), bit = abi == X32 ? 0x40000000 : 0;
	size_t compared = 0;

	for (uint32_t i = 0; i < 4 * TRIED_MAX; i++) {
		struct seccomp_data data = {.nr = (int)(bit | i / 4), .arch = audits[abi]};
		uint64_t args[6] = {0};
		uint32_t answer = 0, want, other = 0;
		bool same;

		for (size_t k = 0; k < 3; k++)
			data.args[k] = args[k] = edges[roll(COUNT(edges))] & (abi == X86 ? UINT32_MAX : UINT64_MAX);
		assert_true(seccomp_sim(f->code, f->n, &data, &answer));
		want = reading(r, abi, bit | i / 4, last, args, &same);
		if (answer != want)
			fail_msg("abi %u number %u: 0x%x instead of 0x%x", abi, i / 4, answer, want);
		if (!peer || !same || want == ENOSYS_ || !(r->abis & 1u << abi))
			continue;
		assert_true(seccomp_sim(peer, n_peer, &data, &other));
		if (answer != other)
			fail_msg("abi %u number %u: 0x%x, of libseccomp 0x%x", abi, i / 4, answer, other);
		compared++;
	}
	return compared;
}

/* Forty names whose numbers are direct everywhere, and whose arguments have 64 bits. */
static void fill_pool(char texts[POOL][64], const char **pool)
{
	static const char *const apart[] = {"bpf",   "fcntl",	"ioctl", "keyctl",     "personality",
					    "prctl", "seccomp", "setns", "socketcall", "ipc"};

	for (size_t n = 0; n < POOL;) {
		const unsigned abi = (unsigned)roll(ABIS);
		const char *name = peer_name(abi, (uint32_t)roll(450) | (abi == X32 ? 0x40000000 : 0), texts[n]);
		bool usable = name && (peer_number(X86, name) >= 0 || peer_number(X86, name) < -224);

		/* on 32-bit x86, 359 to 373 and 393 to 402 have another door */
		usable = usable && !(peer_number(X86, name) >= 359 && peer_number(X86, name) <= 373);
		usable = usable && !(peer_number(X86, name) >= 393 && peer_number(X86, name) <= 402);
		for (size_t i = 0; usable && i < COUNT(apart); i++)
			usable = strcmp(name, apart[i]) != 0;
		if (!usable)
			continue;
		pool[n] = texts[n];
		n++;
	}
}

static void seed_it(void)
{
	const char *given = getenv("SECCOMP_SEED");

	if (given)
		seed = strtoull(given, NULL, 0);
	else
		assert_int_equal(getrandom(&seed, sizeof seed, 0), sizeof seed);
	print_message("# SECCOMP_SEED=%llu\n", (unsigned long long)seed);
}

static void random_profiles_mean_what_they_say(void **state)
{
	(void)state;
	seed_it();
	for (int trial = 0; trial < TRIALS; trial++) {
		char texts[POOL][64];
		const char *pool[POOL];
		struct random_profile r;
		struct rt_filter f;

		fill_pool(texts, pool);
		random_profile(&r, pool);
		f = compiled(&r.p);
		for (unsigned abi = 0; abi < ABIS; abi++)
			compare_abi(&r, &f, NULL, 0, abi);
		seccomp_filter_free(&f);
	}
}

/* One rule at a time: what libseccomp makes of several with conditions on the same call depends on their order and values. */
static void rules_mean_what_libseccomp_says(void **state)
{
	static struct sock_filter peer[BPF_MAXINSNS];
	size_t compared = 0;

	(void)state;
	seed_it();
	for (int trial = 0; trial < TRIALS; trial++) {
		char texts[POOL][64];
		const char *pool[POOL];
		struct random_profile r;
		struct rt_filter f;
		long n_peer;

		fill_pool(texts, pool);
		random_profile(&r, pool);
		random_rule(&r, 0, pool);
		r.p.n_rules = 1;
		f = compiled(&r.p);
		n_peer = peer_of(&r, peer);
		if (n_peer < 0)
			fail_msg("libseccomp: %s", strerror((int)-n_peer));
		for (unsigned abi = 0; abi < ABIS; abi++)
			compared += compare_abi(&r, &f, peer, (size_t)n_peer, abi);
		seccomp_filter_free(&f);
	}
	assert_true(compared > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bad_profiles_are_refused),
	    cmocka_unit_test(sizes_are_limited),
	    cmocka_unit_test(actions_have_their_numbers),
	    cmocka_unit_test(operators_compare_64_bits),
	    cmocka_unit_test(rules_combine),
	    cmocka_unit_test(unread_bits_do_not_help),
	    cmocka_unit_test(other_abis_are_shut_unless_named),
	    cmocka_unit_test(newer_calls_are_absent),
	    cmocka_unit_test(side_doors_follow_the_rules),
	    cmocka_unit_test(flags_are_read),
	    cmocka_unit_test(random_profiles_mean_what_they_say),
	    cmocka_unit_test(rules_mean_what_libseccomp_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
