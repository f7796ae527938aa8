/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/seccomp.h"

#include "base/core/err.h"

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

int seccomp_install(struct err *err)
{
	struct sock_fprog program = {.len = seccomp_default_len, .filter = (struct sock_filter *)seccomp_default};

	/* Without SPEC_ALLOW, kernels before 5.16 slow every filtered process down by the store bypass mitigation. */
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) < 0)
		return err_sys(err, errno, "install the system call filter");
	return 0;
}
