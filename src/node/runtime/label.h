/* SPDX-License-Identifier: Apache-2.0
 *
 * label: the security label that a program gets with its exec (AppArmor, SELinux; runtime-spec config.md, "process").
 */
#pragma once

struct err;
struct rt_process_attr;

/* Tells the kernel; read back, because a label that silently was not set is a container without one (CVE-2019-16884). Without a label to set
 * nothing is done; a kernel that has not got the module is an error, -ENOTSUP. */
int label_exec(const struct rt_process_attr *p, struct err *err);
