/* SPDX-License-Identifier: Apache-2.0
 *
 * The default filter for a container with more capabilities than the usual: what a capability is for would be pointless without the system calls
 * that ask for it. They are let through in front of the default filter; a 32-bit program does not get them.
 */
#include "node/runtime/seccomp.h"

#include "base/core/mem.h"
#include "node/runtime/rt_attr.h"
#include "node/runtime/seccomp_names.h"

#include <linux/capability.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>

#define BIT(cap) (1ull << (cap))

static const struct {
	uint64_t caps;	   /* any of them */
	const char *names; /* with blanks between */
} opened[] = {
    {BIT(CAP_SYS_ADMIN),
     "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount "
     "open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare"},
    {BIT(CAP_DAC_READ_SEARCH), "open_by_handle_at"},
    {BIT(CAP_SYS_BOOT), "reboot"},
    {BIT(CAP_SYS_MODULE), "delete_module init_module finit_module"},
    {BIT(CAP_SYS_PACCT), "acct"},
    {BIT(CAP_SYS_PTRACE), "kcmp pidfd_getfd process_madvise"},
    {BIT(CAP_SYS_RAWIO), "iopl ioperm"},
    {BIT(CAP_SYS_TIME), "settimeofday stime clock_settime clock_settime64"},
    {BIT(CAP_SYS_TTY_CONFIG), "vhangup"},
    {BIT(CAP_SYS_NICE), "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"},
    {BIT(CAP_SYSLOG), "syslog"},
    {BIT(CAP_BPF), "bpf"},
    {BIT(CAP_PERFMON), "perf_event_open"},
};

enum { HEAD = 3, NUMBERS_MAX = 64 };

static size_t add_numbers(const char *names, int32_t numbers[static NUMBERS_MAX], size_t n)
{
	mem_cleanup char *copy = mem_strdup(names);

	for (char *rest = NULL, *w = strtok_r(copy, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
		const struct seccomp_name *name = seccomp_name_find(w);

		if (name && name->nr[0] >= 0 && n < NUMBERS_MAX)
			numbers[n++] = name->nr[0];
	}
	return n;
}

/* Other ABIs go past the numbers; each of these is one comparison and one answer. */
static void add_head(struct sock_filter *code, const int32_t *numbers, size_t n)
{
	const struct sock_filter head[HEAD] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, seccomp_abis[0].audit, 0, (uint8_t)(1 + 2 * n)),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};

	memcpy(code, head, sizeof head);
	for (size_t i = 0; i < n; i++) {
		const struct sock_filter pair[] = {
		    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)numbers[i], 0, 1),
		    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		};

		memcpy(code + HEAD + 2 * i, pair, sizeof pair);
	}
}

void seccomp_for_caps(uint64_t caps, struct rt_filter *ret)
{
	int32_t numbers[NUMBERS_MAX];
	struct sock_filter *code;
	size_t n = 0, head;

	for (size_t i = 0; i < sizeof opened / sizeof *opened; i++)
		n = caps & opened[i].caps ? add_numbers(opened[i].names, numbers, n) : n;
	head = n ? HEAD + 2 * n : 0;
	code = mem_new_n(struct sock_filter, head + seccomp_default_len);
	if (n)
		add_head(code, numbers, n);
	memcpy(code + head, seccomp_default, seccomp_default_len * sizeof *code);
	/* Without SPEC_ALLOW, kernels before 5.16 slow every filtered process down by the store bypass mitigation. */
	*ret =
	    (struct rt_filter){.code = code, .n = head + seccomp_default_len, .flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW};
}
