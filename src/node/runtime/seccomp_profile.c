/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/seccomp_profile.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/runtime/seccomp_code.h"
#include "node/runtime/seccomp_names.h"

#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

enum {
	ARGS_MAX = 64,	      /* of one rule; more than six are alternatives */
	CALLS_MAX = 1 << 17,  /* after names, alternatives and ABIs are multiplied */
	ERRNO_MAX = 4095,     /* the kernel's: a larger one would be taken for a pointer */
	TRACE_MAX = 0xffff,   /* what a tracer can be told */
	X86_IPC_VERSION = 16, /* bits of ipc's number above which it carries a version that the kernel ignores */
};

#define ABSENT (SECCOMP_RET_ERRNO | ENOSYS)

const char *const seccomp_actions[] = {
    "SCMP_ACT_KILL",  "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP",	  "SCMP_ACT_ERRNO",
    "SCMP_ACT_TRACE", "SCMP_ACT_ALLOW",	       "SCMP_ACT_LOG",	       "SCMP_ACT_NOTIFY", NULL};

/* By place in seccomp_actions. `lets_pass`: calls newer than the profile do, too. */
static const struct {
	uint32_t value;
	unsigned errno_max; /* 0 = has none */
	bool lets_pass;
} actions[] = {
    {.value = SECCOMP_RET_KILL_THREAD},
    {.value = SECCOMP_RET_KILL_PROCESS},
    {.value = SECCOMP_RET_KILL_THREAD},
    {.value = SECCOMP_RET_TRAP},
    {.value = SECCOMP_RET_ERRNO, .errno_max = ERRNO_MAX},
    {.value = SECCOMP_RET_TRACE, .errno_max = TRACE_MAX, .lets_pass = true},
    {.value = SECCOMP_RET_ALLOW, .lets_pass = true},
    {.value = SECCOMP_RET_LOG, .lets_pass = true},
    {.value = SECCOMP_RET_USER_NOTIF, .lets_pass = true},
};

const char *const seccomp_operators[] = {"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",	     "SCMP_CMP_EQ",
					 "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ", NULL};

/* By place in seccomp_operators. */
static const struct {
	enum seccomp_op op;
	bool negate;
} operators[] = {
    {SECCOMP_EQ, true},	 {SECCOMP_GE, true},  {SECCOMP_GT, true},	  {SECCOMP_EQ, false},
    {SECCOMP_GE, false}, {SECCOMP_GT, false}, {SECCOMP_MASKED_EQ, false},
};

/* All that the specification names. Those that this machine's kernel cannot be entered through need no code. */
const char *const seccomp_architectures[] = {
    "SCMP_ARCH_X86",	 "SCMP_ARCH_X86_64",   "SCMP_ARCH_X32",		"SCMP_ARCH_ARM",
    "SCMP_ARCH_AARCH64", "SCMP_ARCH_MIPS",     "SCMP_ARCH_MIPS64",	"SCMP_ARCH_MIPS64N32",
    "SCMP_ARCH_MIPSEL",	 "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PPC",
    "SCMP_ARCH_PPC64",	 "SCMP_ARCH_PPC64LE",  "SCMP_ARCH_S390",	"SCMP_ARCH_S390X",
    "SCMP_ARCH_PARISC",	 "SCMP_ARCH_PARISC64", "SCMP_ARCH_RISCV64",	"SCMP_ARCH_LOONGARCH64",
    "SCMP_ARCH_M68K",	 "SCMP_ARCH_SH",       "SCMP_ARCH_SHEB",	NULL};

const char *const seccomp_flags[] = {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
				     "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", NULL};

static const unsigned flag_values[] = {SECCOMP_FILTER_FLAG_TSYNC, SECCOMP_FILTER_FLAG_LOG,
				       SECCOMP_FILTER_FLAG_SPEC_ALLOW, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV};

/* Arguments that the kernel reads as 32 bits, where a condition on all 64 could be got round by setting a bit that nobody looks at: to get
 * a socket of a family that is refused, or a terminal's TIOCSTI (CVE-2019-7303, CVE-2019-10063). Bits by argument. */
static const struct {
	const char *name;
	unsigned args;
} int_args[] = {
    {"bpf", 1 << 0},
    {"fcntl", 1 << 1},
    {"ioctl", 1 << 1},
    {"keyctl", 1 << 0},
    {"personality", 1 << 0},
    {"prctl", 1 << 0},
    {"seccomp", 1 << 0 | 1 << 1},
    {"setns", 1 << 1},
    {"socket", 1 << 0 | 1 << 1 | 1 << 2},
    {"socketpair", 1 << 0 | 1 << 1 | 1 << 2},
};

struct compiler {
	const struct seccomp_profile *p;
	uint32_t default_action;
	bool stub; /* numbers above the last one named are ENOSYS */
	bool notify;
	unsigned actions_found; /* bits by place in seccomp_actions: asked for, and the kernel has them */
	bool used[SECCOMP_ABIS_MAX];
	uint32_t last[SECCOMP_ABIS_MAX]; /* the highest number named, 0 = none */
	struct seccomp_call *calls;	 /* of the architecture being collected */
	size_t n_calls, cap_calls;
	struct seccomp_cond *conds;
	size_t n_conds, cap_conds;
};

static void compiler_free(struct compiler *c)
{
	free(c->calls);
	free(c->conds);
}

static int place_of(const char *const *list, const char *name)
{
	for (int i = 0; name && list[i]; i++) {
		if (!strcmp(list[i], name))
			return i;
	}
	return -1;
}

static const char *shown(const char *text)
{
	return text ? text : "";
}

/* ---- checks ---- */

static int kernel_has_action(struct compiler *c, const char *name)
{
	int i = place_of(seccomp_actions, name);

	if (i < 0)
		return 0;
	if (!(c->actions_found & 1u << i) && syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &actions[i].value) == 0)
		c->actions_found |= 1u << i;
	return (c->actions_found & 1u << i) != 0;
}

/* A kernel that knows the flags complains about the filter that is not there, another about the flags. */
static int kernel_has_flags(unsigned flags)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, NULL) < 0 && errno == EFAULT;
}

/* `where` and `key` are the place in the profile: "syscalls[3]." and "action". */
static int action_value(const char *where, const char *key, const char *name, const unsigned *errno_ret, uint32_t *ret,
			struct err *err)
{
	const char *errno_key = *where ? "errnoRet" : "defaultErrnoRet";
	int i = place_of(seccomp_actions, name);

	if (i < 0)
		return err_set(err, EINVAL, "%s%s: \"%s\" is not an action", where, key, shown(name));
	if (errno_ret && actions[i].errno_max == 0)
		return err_set(err, EINVAL, "%s%s: %s has no error number", where, errno_key, name);
	if (errno_ret && *errno_ret > actions[i].errno_max)
		return err_set(err, EINVAL, "%s%s: %u is over %u", where, errno_key, *errno_ret, actions[i].errno_max);
	*ret = actions[i].value;
	if (actions[i].errno_max > 0)
		*ret |= errno_ret ? *errno_ret : EPERM;
	return 0;
}

static int rule_action(const struct compiler *c, size_t i, uint32_t *ret, struct err *err)
{
	const struct seccomp_rule *rule = &c->p->rules[i];
	char where[48];

	snprintf(where, sizeof where, "syscalls[%zu].", i);
	return action_value(where, "action", rule->action, rule->has_errno ? &rule->errno_ret : NULL, ret, err);
}

static int check_rule(struct compiler *c, size_t i, size_t *names, struct err *err)
{
	const struct seccomp_rule *rule = &c->p->rules[i];
	uint32_t action;
	size_t n = 0;
	int r = rule_action(c, i, &action, err);

	if (r < 0)
		return r;
	if (!kernel_has_action(c, rule->action))
		return err_set(err, ENOTSUP, "syscalls[%zu].action: this kernel does not have %s", i, rule->action);
	c->notify = c->notify || action == SECCOMP_RET_USER_NOTIF;
	for (; rule->names && rule->names[n]; n++) {
		if (!*rule->names[n])
			return err_set(err, EINVAL, "syscalls[%zu].names[%zu]: a name is needed", i, n);
		if (++*names > SECCOMP_NAMES_MAX)
			return err_set(err, E2BIG, "syscalls: more than %d names", SECCOMP_NAMES_MAX);
	}
	if (n == 0)
		return err_set(err, EINVAL, "syscalls[%zu].names: at least one name is needed", i);
	if (rule->n_args > ARGS_MAX)
		return err_set(err, E2BIG, "syscalls[%zu].args: more than %d", i, ARGS_MAX);
	for (size_t k = 0; k < rule->n_args; k++) {
		if (rule->args[k].index > 5)
			return err_set(err, EINVAL, "syscalls[%zu].args[%zu].index: %u is over 5", i, k,
				       rule->args[k].index);
		if (place_of(seccomp_operators, rule->args[k].op) < 0)
			return err_set(err, EINVAL, "syscalls[%zu].args[%zu].op: \"%s\" is not an operator", i, k,
				       shown(rule->args[k].op));
	}
	return 0;
}

static int check_rules(struct compiler *c, struct err *err)
{
	size_t names = 0;
	int r = 0;

	if (c->p->n_rules > SECCOMP_RULES_MAX)
		return err_set(err, E2BIG, "syscalls: more than %d rules", SECCOMP_RULES_MAX);
	for (size_t i = 0; i < c->p->n_rules && r == 0; i++)
		r = check_rule(c, i, &names, err);
	return r;
}

/* The machine's own ABI is always meant: moby's profiles leave it out. */
static int check_architectures(struct compiler *c, struct err *err)
{
	const char *const *names = c->p->architectures;

	c->used[0] = true;
	for (size_t i = 0; names && names[i]; i++) {
		if (place_of(seccomp_architectures, names[i]) < 0)
			return err_set(err, EINVAL, "architectures[%zu]: \"%s\" is not an architecture", i, names[i]);
		for (size_t abi = 0; abi < seccomp_n_abis; abi++)
			c->used[abi] = c->used[abi] || !strcmp(seccomp_abis[abi].name, names[i]);
	}
	return 0;
}

static int check_listener(const struct compiler *c, struct err *err)
{
	if (c->notify && !c->p->listener_path)
		return err_set(err, EINVAL, "listenerPath: SCMP_ACT_NOTIFY needs it");
	if (c->p->listener_metadata && !c->p->listener_path)
		return err_set(err, EINVAL, "listenerMetadata: has no meaning without listenerPath");
	return 0;
}

static int read_flags(const struct compiler *c, unsigned *ret, struct err *err)
{
	const char *const *names = c->p->flags;
	unsigned flags = 0;

	for (size_t i = 0; names && names[i]; i++) {
		int k = place_of(seccomp_flags, names[i]);

		if (k < 0)
			return err_set(err, EINVAL, "flags[%zu]: \"%s\" is not a flag", i, names[i]);
		/* The kernel takes this one only together with a listener. */
		if (!kernel_has_flags(flag_values[k] == SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
					  ? flag_values[k] | SECCOMP_FILTER_FLAG_NEW_LISTENER
					  : flag_values[k]))
			return err_set(err, ENOTSUP, "flags[%zu]: this kernel does not have %s", i, names[i]);
		flags |= flag_values[k];
	}
	if (!names && kernel_has_flags(SECCOMP_FILTER_FLAG_SPEC_ALLOW))
		flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	*ret = flags;
	return 0;
}

static int check_default(struct compiler *c, struct err *err)
{
	const struct seccomp_profile *p = c->p;
	int r = action_value("", "defaultAction", p->default_action, p->has_default_errno ? &p->default_errno : NULL,
			     &c->default_action, err);

	if (r < 0)
		return r;
	if (!kernel_has_action(c, p->default_action))
		return err_set(err, ENOTSUP, "defaultAction: this kernel does not have %s", p->default_action);
	c->stub = !actions[place_of(seccomp_actions, p->default_action)].lets_pass;
	c->notify = c->default_action == SECCOMP_RET_USER_NOTIF;
	return 0;
}

/* ---- rules to calls ---- */

static uint32_t add_cond(struct compiler *c, const struct seccomp_cond *cond)
{
	mem_grow(&c->conds, &c->cap_conds, c->n_conds);
	c->conds[c->n_conds] = *cond;
	return (uint32_t)c->n_conds++;
}

static int add_call(struct compiler *c, const struct seccomp_call *call, struct err *err)
{
	if (c->n_calls == CALLS_MAX)
		return err_set(err, E2BIG, "syscalls: more than %d conditions", CALLS_MAX);
	mem_grow(&c->calls, &c->cap_calls, c->n_calls);
	c->calls[c->n_calls] = *call;
	c->calls[c->n_calls].order = (uint32_t)c->n_calls;
	c->n_calls++;
	return 0;
}

static void add_conds(struct compiler *c, const struct seccomp_rule *rule)
{
	for (size_t i = 0; i < rule->n_args; i++) {
		const struct seccomp_arg *arg = &rule->args[i];
		int k = place_of(seccomp_operators, arg->op);
		struct seccomp_cond cond = {
		    .arg = arg->index, .op = operators[k].op, .negate = operators[k].negate, .value = arg->value};

		if (cond.op == SECCOMP_MASKED_EQ) {
			cond.mask = arg->value;
			cond.value = arg->value_two;
		}
		(void)add_cond(c, &cond);
	}
}

static bool same_arg_twice(const struct seccomp_rule *rule)
{
	unsigned seen = 0;

	for (size_t i = 0; i < rule->n_args; i++) {
		if (seen & 1u << rule->args[i].index)
			return true;
		seen |= 1u << rule->args[i].index;
	}
	return false;
}

/* Conditions on different arguments must all hold; as soon as two are on the same one, each stands for itself (as in runc and crun). */
static int add_direct(struct compiler *c, const struct seccomp_rule *rule, struct seccomp_call call, struct err *err)
{
	int r = 0;

	if (!same_arg_twice(rule)) {
		call.n_conds = (uint32_t)rule->n_args;
		return add_call(c, &call, err);
	}
	call.n_conds = 1;
	for (size_t i = 0; i < rule->n_args && r == 0; i++, call.cond++)
		r = add_call(c, &call, err);
	return r;
}

/* The same system call by way of socketcall or ipc. Its own arguments stand in memory there, out of the filter's sight: a rule with
 * conditions that opens does not open it there, one that closes does close it. */
static int add_muxed(struct compiler *c, const struct seccomp_rule *rule, struct seccomp_call call, unsigned mux,
		     size_t abi, struct err *err)
{
	const bool ipc = mux > 100;
	const struct seccomp_name *door = seccomp_name_find(ipc ? "ipc" : "socketcall");
	const struct seccomp_cond which = {
	    .op = SECCOMP_MASKED_EQ, .mask = ipc ? (1u << X86_IPC_VERSION) - 1 : UINT32_MAX, .value = mux % 100};

	if (!door || door->nr[abi] < 0)
		return 0;
	if (rule->n_args > 0 && (call.action == SECCOMP_RET_ALLOW || call.action == SECCOMP_RET_LOG))
		return 0;
	call.nr = (uint32_t)door->nr[abi];
	call.cond = add_cond(c, &which);
	call.n_conds = 1;
	return add_call(c, &call, err);
}

static unsigned wide_args(const char *name, size_t abi)
{
	unsigned wide = seccomp_abis[abi].wide ? 0x3f : 0;

	for (size_t i = 0; i < sizeof int_args / sizeof *int_args; i++) {
		if (!strcmp(int_args[i].name, name))
			wide &= ~int_args[i].args;
	}
	return wide;
}

static int add_name(struct compiler *c, const struct seccomp_rule *rule, const struct seccomp_call *like,
		    const char *text, size_t abi, struct err *err)
{
	const struct seccomp_name *name = seccomp_name_find(text);
	const uint32_t private_numbers = seccomp_abis[abi].private_numbers;
	struct seccomp_call call = *like;
	int r = 0;

	if (!name)
		return 0;
	if (name->nr[abi] >= 0) {
		call.nr = (uint32_t)name->nr[abi];
		call.wide = rule->n_args > 0 ? wide_args(text, abi) : 0;
		if (call.nr > c->last[abi] && (private_numbers == 0 || call.nr < private_numbers))
			c->last[abi] = call.nr;
		/* A rule that says what happens anyway is none; its names count as known all the same. */
		if (call.action != c->default_action)
			r = add_direct(c, rule, call, err);
	}
	if (r == 0 && name->mux > 0 && call.action != c->default_action)
		r = add_muxed(c, rule, call, name->mux, abi, err);
	return r;
}

static int add_abi(struct compiler *c, size_t abi, struct err *err)
{
	for (size_t i = 0; i < c->p->n_rules; i++) {
		const struct seccomp_rule *rule = &c->p->rules[i];
		struct seccomp_call call = {.cond = (uint32_t)c->n_conds};
		int r = rule_action(c, i, &call.action, err);

		add_conds(c, rule);
		for (size_t k = 0; r == 0 && rule->names[k]; k++)
			r = add_name(c, rule, &call, rule->names[k], abi, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- architectures to code ---- */

static size_t add_zones(const struct compiler *c, size_t abi, struct seccomp_zone *zones)
{
	const struct seccomp_abi *a = &seccomp_abis[abi];
	size_t n = 0;

	if (!c->used[abi]) {
		zones[n++] = (struct seccomp_zone){a->bit, SECCOMP_RET_KILL_PROCESS};
		return n;
	}
	zones[n++] = (struct seccomp_zone){a->bit, c->default_action};
	if (c->stub && c->last[abi] > 0) {
		zones[n++] = (struct seccomp_zone){c->last[abi] + 1, ABSENT};
		if (a->private_numbers)
			zones[n++] = (struct seccomp_zone){a->private_numbers, c->default_action};
	}
	return n;
}

/* One architecture of the kernel: `first`, and the ABIs behind it in the table that share it. */
static int add_arch(struct compiler *c, size_t first, struct seccomp_code *code, struct err *err)
{
	struct seccomp_zone zones[3 * SECCOMP_ABIS_MAX + 1];
	struct seccomp_arch arch = {.audit = seccomp_abis[first].audit, .zones = zones};
	bool shared = false;

	c->n_calls = c->n_conds = 0;
	for (size_t i = first; i < seccomp_n_abis; i++) {
		int r = 0;

		if (seccomp_abis[i].audit != arch.audit)
			continue;
		shared = shared || i != first;
		if (c->used[i])
			r = add_abi(c, i, err);
		if (r < 0)
			return r;
		arch.n_zones += add_zones(c, i, zones + arch.n_zones);
	}
	/* -1 is how a tracer skips a call, and no number of the last ABI. */
	if (shared)
		zones[arch.n_zones++] = (struct seccomp_zone){UINT32_MAX, c->stub ? ABSENT : c->default_action};
	arch.calls = c->calls;
	arch.n_calls = c->n_calls;
	arch.conds = c->conds;
	seccomp_code_arch(code, &arch);
	return 0;
}

static bool arch_done(size_t abi)
{
	for (size_t i = 0; i < abi; i++) {
		if (seccomp_abis[i].audit == seccomp_abis[abi].audit)
			return true;
	}
	return false;
}

static int compile(struct compiler *c, struct seccomp_code *code, struct err *err)
{
	seccomp_code_begin(code);
	for (size_t i = 0; i < seccomp_n_abis; i++) {
		int r = c->used[i] && !arch_done(i) ? add_arch(c, i, code, err) : 0;

		if (r < 0)
			return r;
	}
	seccomp_code_end(code, SECCOMP_RET_KILL_PROCESS);
	if (code->full)
		return err_set(err, E2BIG, "the filter is larger than the kernel's %d instructions", BPF_MAXINSNS);
	return 0;
}

int seccomp_compile(const struct seccomp_profile *p, struct rt_filter *ret, struct err *err)
{
	cleanup_with(compiler_free) struct compiler c = {.p = p};
	mem_cleanup struct seccomp_code *code = NULL;
	unsigned flags = 0;
	int r = check_default(&c, err);

	if (r == 0)
		r = check_architectures(&c, err);
	if (r == 0)
		r = read_flags(&c, &flags, err);
	if (r == 0)
		r = check_rules(&c, err);
	if (r == 0)
		r = check_listener(&c, err);
	if (r < 0)
		return r;
	code = mem_new(struct seccomp_code);
	r = compile(&c, code, err);
	if (r < 0)
		return r;
	*ret = (struct rt_filter){
	    .code = mem_dup(code->at, code->n * sizeof code->at[0]), .n = code->n, .flags = flags, .notify = c.notify};
	return 0;
}

void seccomp_filter_free(struct rt_filter *f)
{
	free((void *)f->code);
	*f = (struct rt_filter){.code = NULL};
}
