/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/seccomp.h"

#include "base/core/err.h"
#include "base/core/guard.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#endif

#define ALLOW(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static const struct sock_filter for_init[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    ALLOW(SYS_rt_sigtimedwait),
    ALLOW(SYS_wait4),
    ALLOW(SYS_kill),
    ALLOW(SYS_write),
    ALLOW(SYS_close),
    ALLOW(SYS_exit_group),
    ALLOW(SYS_restart_syscall),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
};

static int install(const struct sock_filter *code, unsigned short n, struct err *err)
{
	struct sock_fprog program = {.len = n, .filter = (struct sock_filter *)code};

	if (!RT_GUARDS(R10, R17))
		return 0;
	/* Without SPEC_ALLOW, kernels before 5.16 slow every filtered process down by the store bypass mitigation. */
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) < 0)
		return err_sys(err, errno, "install the system call filter");
	return 0;
}

int seccomp_install(struct err *err)
{
	return install(seccomp_default, seccomp_default_len, err);
}

int seccomp_install_init(struct err *err)
{
	return install(for_init, sizeof for_init / sizeof *for_init, err);
}
