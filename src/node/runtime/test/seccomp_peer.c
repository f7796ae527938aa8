/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/test/seccomp_peer.h"

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static const uint32_t arches[] = {SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_X32};

int peer_number(unsigned abi, const char *name)
{
	return seccomp_syscall_resolve_name_arch(arches[abi], name);
}

const char *peer_name(unsigned abi, uint32_t nr, char buf[64])
{
	char *name = seccomp_syscall_resolve_num_arch(arches[abi], (int)nr);

	if (!name)
		return NULL;
	snprintf(buf, 64, "%s", name);
	free(name);
	return buf;
}

static int add(scmp_filter_ctx ctx, const struct peer_rule *rule)
{
	static const enum scmp_compare ops[] = {SCMP_CMP_NE, SCMP_CMP_LT, SCMP_CMP_LE,	     SCMP_CMP_EQ,
						SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_MASKED_EQ};
	struct scmp_arg_cmp args[6];
	int r = 0;

	for (size_t i = 0; i < rule->n_args; i++)
		args[i] = (struct scmp_arg_cmp){.arg = rule->args[i].index,
						.op = ops[rule->args[i].op],
						.datum_a = rule->args[i].value,
						.datum_b = rule->args[i].value_two};
	for (size_t i = 0; rule->names[i] && r == 0; i++) {
		int nr = seccomp_syscall_resolve_name(rule->names[i]);

		if (nr != __NR_SCMP_ERROR)
			r = seccomp_rule_add_array(ctx, rule->action, nr, (unsigned)rule->n_args, args);
		/* the same conditions twice with different actions: the first one stands */
		if (r == -EEXIST)
			r = 0;
	}
	return r;
}

long peer_compile(uint32_t default_action, unsigned abis, const struct peer_rule *rules, size_t n,
		  struct sock_filter code[static BPF_MAXINSNS])
{
	scmp_filter_ctx ctx = seccomp_init(default_action);
	int fd = memfd_create("peer", MFD_CLOEXEC), r = ctx && fd >= 0 ? 0 : -ENOMEM;
	ssize_t len = 0;

	for (unsigned abi = 1; abi < 3 && r == 0; abi++)
		r = abis & 1u << abi ? seccomp_arch_add(ctx, arches[abi]) : 0;
	for (size_t i = 0; i < n && r == 0; i++)
		r = rules[i].action == default_action ? 0 : add(ctx, &rules[i]);
	if (r == 0)
		r = seccomp_export_bpf(ctx, fd);
	if (r == 0)
		len = pread(fd, code, BPF_MAXINSNS * sizeof code[0], 0);
	close(fd);
	seccomp_release(ctx);
	return r < 0 ? r : len / (long)sizeof code[0];
}
