/* SPDX-License-Identifier: Apache-2.0
 *
 * seccomp_profile: a system call filter from a profile (runtime-spec config-linux.md, "Seccomp").
 *
 * A profile is foreign text: its size is limited, an action, an operator, an architecture or a flag that is not known is an error. A system
 * call that is in no table of names (seccomp_names.h) is left out, as the specification asks: its default action applies.
 *
 * What the specification leaves open is as in runc and libseccomp: a rule with the default action is none; one without conditions beats
 * those with conditions on the same call, of which the first that holds counts; conditions on the same argument twice are alternatives; an ABI
 * that the profile does not name kills. Calls newer than all that the profile names are ENOSYS when its default is ERRNO, KILL or TRAP.
 * Stricter: an argument that the kernel reads as 32 bits is compared as such (socket, ioctl, prctl ...), and a condition that opens a call of
 * 32-bit x86 does not open it behind socketcall or ipc, where no filter sees the arguments.
 */
#pragma once

#include "node/runtime/rt_attr.h"

#include <stddef.h>
#include <stdint.h>

struct err;

#define SECCOMP_RULES_MAX 4096
#define SECCOMP_NAMES_MAX 16384

struct seccomp_arg {
	unsigned index; /* 0..5 */
	uint64_t value, value_two;
	const char *op; /* "SCMP_CMP_EQ" ... */
};

struct seccomp_rule {
	const char *const *names; /* NULL-terminated */
	const char *action;	  /* "SCMP_ACT_ALLOW" ... */
	bool has_errno;
	unsigned errno_ret;
	const struct seccomp_arg *args;
	size_t n_args;
};

struct seccomp_profile {
	const char *default_action;
	bool has_default_errno;
	unsigned default_errno;
	const char *const *architectures; /* "SCMP_ARCH_X86_64" ...; NULL = native */
	const char *const *flags;	  /* "SECCOMP_FILTER_FLAG_LOG" ...; NULL = the specification's default */
	const char *listener_path, *listener_metadata;
	const struct seccomp_rule *rules;
	size_t n_rules;
};

/* Compiles. *ret owns its code: seccomp_filter_free(). -EINVAL with the place in the profile ("syscalls[3].action: ..."), -E2BIG for a
 * filter over the kernel's 4096 instructions after optimising, -ENOTSUP for what this kernel cannot do (notify, flags). */
int seccomp_compile(const struct seccomp_profile *p, struct rt_filter *ret, struct err *err);
void seccomp_filter_free(struct rt_filter *f);

/* Installs the filter for the calling process and all it will start; needs no_new_privs or CAP_SYS_ADMIN. With f->notify the listener
 * descriptor is sent, together with `state` (JSON of runtime-spec's containerProcessState), over `listener`, without a system call of
 * the caller between the installation and the arrival: the filter may notify on any of them. The caller has one thread, no other call of this
 * at the same time, and no real-time policy yet (it waits without giving way). TSYNC then has no meaning and is left out, as is
 * WAIT_KILLABLE_RECV without notify. After an error the filter may stand; what it would notify about is ENOSYS. */
int seccomp_load(const struct rt_filter *f, int listener, const char *state, struct err *err);

/* Names that this build knows, NULL-terminated, for `features`. */
extern const char *const seccomp_actions[], *const seccomp_operators[], *const seccomp_architectures[],
									    *const seccomp_flags[];
